-- name: save_register
INSERT INTO register (name, label, prefix, items, rules) VALUES (%(name)s, %(label)s, %(prefix)s, %(items)s, %(rules)s)
ON CONFLICT (name) DO UPDATE SET label = EXCLUDED.label, prefix = EXCLUDED.prefix, items = EXCLUDED.items,
    rules = EXCLUDED.rules;

-- name: forget_sources
DELETE FROM register_source WHERE register = %(register)s AND NOT dataset = ANY(%(datasets)s);

-- name: save_source
INSERT INTO register_source (register, dataset, label, mapping, trust, time_item, item_trust)
VALUES (%(register)s, %(dataset)s, %(label)s, %(mapping)s, %(trust)s, %(time_item)s, %(item_trust)s)
ON CONFLICT (register, dataset) DO UPDATE SET label = EXCLUDED.label, mapping = EXCLUDED.mapping,
    trust = EXCLUDED.trust, time_item = EXCLUDED.time_item, item_trust = EXCLUDED.item_trust;

-- name: list_registers
SELECT name, label, prefix, items, rules FROM register ORDER BY name;

-- name: list_sources
SELECT register, dataset, label, mapping, trust, time_item, item_trust FROM register_source
ORDER BY register, trust, dataset;

-- name: batch_times
-- When each batch was received: the time of rows whose source keeps none.
SELECT id, received_at FROM batch WHERE source_table = ANY(%(tables)s) AND state <> 'failed';

-- name: decisions
-- What people said about pairs of rows, read from their cases.
SELECT p.id, p.dataset_l, p.key_l, p.dataset_r, p.key_r, c.state AS verdict
FROM fuse_pair p JOIN case_file c ON c.id = p.case_id
WHERE p.register = %(register)s AND c.state IN ('same', 'different')
ORDER BY p.id;

-- name: save_fusion
INSERT INTO fusion (commit_id, register, from_snapshot, snapshot, records, entities, by_key, by_likeness, residue, merges,
    splits, doubtful, reached, whole, inserted, updated, deleted, sources, started_at, finished_at)
VALUES (%(commit_id)s, %(register)s, %(from_snapshot)s, %(snapshot)s, %(records)s, %(entities)s, %(by_key)s,
    %(by_likeness)s, %(residue)s, %(merges)s, %(splits)s, %(doubtful)s, %(reached)s, %(whole)s, %(inserted)s, %(updated)s,
    %(deleted)s, %(sources)s, %(started_at)s, %(finished_at)s)
ON CONFLICT (commit_id) DO NOTHING;

-- name: fusions
SELECT * FROM fusion WHERE register = %(register)s ORDER BY finished_at DESC LIMIT %(limit)s;

-- name: last_fusion
SELECT * FROM fusion WHERE register = %(register)s ORDER BY finished_at DESC, from_snapshot DESC LIMIT 1;

-- name: last_commit
SELECT commit_id FROM fusion WHERE register = %(register)s ORDER BY finished_at DESC, from_snapshot DESC LIMIT 1;

-- name: lock_register
SELECT pg_try_advisory_lock(hashtextextended('jutong.fuse ' || %(register)s, 0)) AS taken;

-- name: open_hold
-- The case that keeps a register from changing, until a run has gone through with its consent.
SELECT h.case_id, c.state FROM fuse_hold h JOIN case_file c ON c.id = h.case_id
WHERE h.register = %(register)s AND h.used_at IS NULL ORDER BY h.case_id DESC LIMIT 1;

-- name: save_hold
INSERT INTO fuse_hold (register, case_id) VALUES (%(register)s, %(case_id)s);

-- name: close_holds
UPDATE fuse_hold h SET used_at = now() FROM case_file c
WHERE h.register = %(register)s AND h.used_at IS NULL AND c.id = h.case_id AND c.state = 'released';

-- name: forget_pairs
-- Pairs nobody has been asked about yet; a full run says anew which there are.
DELETE FROM fuse_pair WHERE register = %(register)s AND case_id IS NULL;

-- name: save_pair
INSERT INTO fuse_pair (register, dataset_l, key_l, dataset_r, key_r, weight, rows)
VALUES (%(register)s, %(dataset_l)s, %(key_l)s, %(dataset_r)s, %(key_r)s, %(weight)s, %(rows)s)
ON CONFLICT (register, dataset_l, key_l, dataset_r, key_r) DO UPDATE SET weight = EXCLUDED.weight, rows = EXCLUDED.rows;

-- name: count_open_pairs
SELECT count(*) AS n FROM fuse_pair p JOIN case_file c ON c.id = p.case_id
WHERE p.register = %(register)s AND c.closed_at IS NULL;

-- name: next_pairs
SELECT id, dataset_l, key_l, dataset_r, key_r, weight, rows FROM fuse_pair
WHERE register = %(register)s AND case_id IS NULL ORDER BY weight DESC, id LIMIT %(room)s;

-- name: tie_pair
UPDATE fuse_pair SET case_id = %(case_id)s WHERE id = %(id)s;

-- name: doubts
SELECT p.*, CASE WHEN c.state IN ('same', 'different') THEN c.state END AS verdict
FROM fuse_pair p LEFT JOIN case_file c ON c.id = p.case_id
WHERE p.register = %(register)s
ORDER BY c.closed_at IS NOT NULL, p.case_id IS NULL, p.weight DESC, p.id LIMIT %(limit)s;

-- name: doubt_of
SELECT p.*, CASE WHEN c.state IN ('same', 'different') THEN c.state END AS verdict
FROM fuse_pair p JOIN case_file c ON c.id = p.case_id WHERE p.case_id = %(case_id)s;

-- name: dataset_owners
SELECT name, department_code FROM dataset WHERE name LIKE 'standard.%%';

-- name: open_objections
SELECT o.dataset, o.item FROM fuse_objection o JOIN case_file c ON c.id = o.case_id
WHERE o.register = %(register)s AND c.closed_at IS NULL;

-- name: save_objection
INSERT INTO fuse_objection (register, dataset, item, case_id, entities)
VALUES (%(register)s, %(dataset)s, %(item)s, %(case_id)s, %(count)s);
