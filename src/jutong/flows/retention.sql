-- Retention: rules, holds, what is due, what is in the archive.

-- name: rules
-- Standing rules with how many datasets are under each, the widest first.
SELECT r.*, e.name AS entry_name, (SELECT count(*) FROM retained_dataset d WHERE d.rule_id = r.id) AS datasets
FROM retention_rule r LEFT JOIN entry e ON e.id = r.entry_id
WHERE r.ended_at IS NULL ORDER BY r.zone NULLS LAST, r.entry_id NULLS LAST, r.dataset, r.id;

-- name: end_rule
UPDATE retention_rule SET ended_by = %(by)s, ended_at = now() WHERE id = %(id)s AND ended_at IS NULL RETURNING id;

-- name: end_rules_of
UPDATE retention_rule SET ended_by = %(by)s, ended_at = now()
WHERE ended_at IS NULL AND (zone = %(zone)s OR dataset = %(dataset)s OR entry_id = %(entry_id)s);

-- name: add_rule
INSERT INTO retention_rule (zone, dataset, entry_id, archive_days, keep_batches, destroy_days, basis, set_by)
VALUES (%(zone)s, %(dataset)s, %(entry_id)s, %(archive_days)s, %(keep_batches)s, %(destroy_days)s, %(basis)s, %(by)s)
RETURNING id;

-- name: holds
-- Every hold, standing ones first, with how many datasets it is about.
SELECT h.*, e.name AS entry_name,
       (SELECT count(*) FROM held_dataset d WHERE d.hold_id = h.id) AS datasets
FROM legal_hold h LEFT JOIN entry e ON e.id = h.entry_id
ORDER BY h.released_at DESC NULLS FIRST, h.placed_at DESC, h.id DESC LIMIT %(limit)s;

-- name: add_hold
INSERT INTO legal_hold (everything, zone, dataset, entry_id, reason, placed_by)
VALUES (%(everything)s, %(zone)s, %(dataset)s, %(entry_id)s, %(reason)s, %(by)s) RETURNING id;

-- name: release_hold
UPDATE legal_hold SET released_by = %(by)s, released_at = now(), release_reason = %(reason)s
WHERE id = %(id)s AND released_at IS NULL RETURNING id;

-- name: find_entry
SELECT id FROM entry WHERE code = %(code)s OR id::text = %(code)s;

-- name: find_dataset
SELECT 1 FROM dataset WHERE name = %(name)s;

-- name: due
-- Refined batches their rule wants in the archive: older than its days and not among the newest it keeps, free of
-- holds, taken over by every follower that still moves, not lately recalled.
SELECT r.dataset, r.rule_id, b.id AS batch_id, b.given
FROM retained_dataset r
JOIN (
    SELECT id, source_table, given, snapshot, state, received_at,
           row_number() OVER (PARTITION BY source_table ORDER BY received_at DESC, id DESC) AS place
    FROM batch WHERE state <> 'failed'
) AS b ON r.dataset = 'raw.' || b.source_table
WHERE b.state = 'refined' AND b.given > 0 AND b.place > r.keep_batches
  AND b.received_at < %(now)s::timestamptz - make_interval(days => r.archive_days)
  AND NOT EXISTS (SELECT 1 FROM held_dataset h WHERE h.dataset = r.dataset)
  AND NOT EXISTS (SELECT 1 FROM lake_follower f WHERE f.dataset = r.dataset AND f.snapshot < b.snapshot
                  AND f.moved_at > %(now)s::timestamptz - %(cap)s::interval)
  AND NOT EXISTS (SELECT 1 FROM archive_part p WHERE p.dataset = r.dataset AND p.batch_id = b.id
                  AND (p.recalled_snapshot IS NULL OR p.recalled_at > %(now)s::timestamptz - interval '30 days'))
ORDER BY b.received_at, b.id;

-- name: ripe
-- Archived batches that may be destroyed, once a person approves.
SELECT p.id, p.dataset, p.batch_id, p.rows, p.bytes, p.archived_at, b.received_at, b.file_sha256, r.destroy_days, r.basis
FROM archive_part p
JOIN batch b ON b.id = p.batch_id
JOIN retained_dataset r ON r.dataset = p.dataset
WHERE p.snapshot IS NOT NULL AND p.recall_commit IS NULL AND p.destroyed_at IS NULL
  AND b.received_at < %(now)s::timestamptz - make_interval(days => r.destroy_days)
  AND NOT EXISTS (SELECT 1 FROM held_dataset h WHERE h.dataset = p.dataset)
  AND (%(id)s::bigint IS NULL OR p.id = %(id)s)
ORDER BY b.received_at, p.id LIMIT %(limit)s;

-- name: still_wanted
-- Whether another batch that is not destroyed came as the same file.
SELECT 1 FROM batch b WHERE b.file_sha256 = %(sha256)s AND NOT EXISTS (
    SELECT 1 FROM archive_part p WHERE p.batch_id = b.id AND p.destroyed_at IS NOT NULL) LIMIT 1;

-- name: parts
-- The archive by dataset: what lies there, and what was destroyed.
SELECT p.dataset, d.label, count(*) FILTER (WHERE p.destroyed_at IS NULL) AS batches,
       coalesce(sum(p.rows) FILTER (WHERE p.destroyed_at IS NULL), 0)::bigint AS rows,
       coalesce(sum(p.bytes) FILTER (WHERE p.destroyed_at IS NULL), 0)::bigint AS bytes,
       min(b.received_at) FILTER (WHERE p.destroyed_at IS NULL) AS oldest,
       count(*) FILTER (WHERE p.destroyed_at IS NOT NULL) AS destroyed,
       EXISTS (SELECT 1 FROM held_dataset h WHERE h.dataset = p.dataset) AS held
FROM archive_part p JOIN dataset d ON d.name = p.dataset LEFT JOIN batch b ON b.id = p.batch_id
WHERE p.recalled_snapshot IS NULL GROUP BY 1, 2 ORDER BY bytes DESC, p.dataset LIMIT %(limit)s;

-- name: certificates
SELECT id, dataset, batch_id, rows, sha256, destroy_asked_by, destroy_reason, destroyed_at
FROM archive_part WHERE destroyed_at IS NOT NULL ORDER BY destroyed_at DESC LIMIT %(limit)s;
