-- name: save_register
INSERT INTO register (name, label, prefix, items) VALUES (%(name)s, %(label)s, %(prefix)s, %(items)s)
ON CONFLICT (name) DO UPDATE SET label = EXCLUDED.label, prefix = EXCLUDED.prefix, items = EXCLUDED.items;

-- name: forget_sources
DELETE FROM register_source WHERE register = %(register)s AND NOT dataset = ANY(%(datasets)s);

-- name: save_source
INSERT INTO register_source (register, dataset, label, mapping, trust, time_item, item_trust)
VALUES (%(register)s, %(dataset)s, %(label)s, %(mapping)s, %(trust)s, %(time_item)s, %(item_trust)s)
ON CONFLICT (register, dataset) DO UPDATE SET label = EXCLUDED.label, mapping = EXCLUDED.mapping,
    trust = EXCLUDED.trust, time_item = EXCLUDED.time_item, item_trust = EXCLUDED.item_trust;

-- name: list_registers
SELECT name, label, prefix, items FROM register ORDER BY name;

-- name: list_sources
SELECT register, dataset, label, mapping, trust, time_item, item_trust FROM register_source
ORDER BY register, trust, dataset;

-- name: batch_times
-- When each batch was received: the time of rows whose source keeps none.
SELECT id, received_at FROM batch WHERE source_table = ANY(%(tables)s) AND state <> 'failed';

-- name: save_fusion
INSERT INTO fusion (commit_id, register, from_snapshot, snapshot, records, entities, by_key, by_likeness, inserted,
    updated, deleted, started_at, finished_at)
VALUES (%(commit_id)s, %(register)s, %(from_snapshot)s, %(snapshot)s, %(records)s, %(entities)s, %(by_key)s,
    %(by_likeness)s, %(inserted)s, %(updated)s, %(deleted)s, %(started_at)s, %(finished_at)s)
ON CONFLICT (commit_id) DO NOTHING;

-- name: fusions
SELECT * FROM fusion WHERE register = %(register)s ORDER BY finished_at DESC LIMIT %(limit)s;

-- name: lock_register
SELECT pg_try_advisory_lock(hashtextextended('jutong.fuse ' || %(register)s, 0)) AS taken;
