-- Datasets made anew from raw rows.

-- name: begun
SELECT dataset FROM rebuild WHERE finished_at IS NULL;

-- name: merged
-- The batches whose rows were merged, in the order they came; those still held back were not.
SELECT id FROM batch WHERE source_table = %(table)s AND state = 'refined' ORDER BY received_at, id;

-- name: destroyed
SELECT 1 FROM archive_part WHERE dataset = %(dataset)s AND destroyed_at IS NOT NULL LIMIT 1;

-- name: begin
INSERT INTO rebuild (dataset, batches) VALUES (%(dataset)s, %(batches)s);

-- name: find
SELECT * FROM rebuild WHERE dataset = %(dataset)s AND finished_at IS NULL;

-- name: archived
SELECT batch_id FROM archive_part
WHERE dataset = %(dataset)s AND snapshot IS NOT NULL AND recalled_snapshot IS NULL AND destroyed_at IS NULL ORDER BY id;

-- name: hold_again
-- Back to before they were merged, but for those this rebuild has merged already.
UPDATE batch SET state = 'held' WHERE id = ANY(%(batches)s) AND state = 'refined'
  AND EXISTS (SELECT 1 FROM refinement r WHERE r.batch_id = batch.id AND r.snapshot < %(snapshot)s);

-- name: held_again
SELECT id FROM batch WHERE id = ANY(%(batches)s) AND state = 'held' ORDER BY received_at, id;

-- name: finish
UPDATE rebuild SET finished_at = now() WHERE id = %(id)s;
