-- name: agreed
SELECT contract FROM source_table WHERE name = %(table)s;

-- name: keep
UPDATE source_table SET contract = %(contract)s, items = %(items)s WHERE name = %(table)s;

-- name: decision
-- What the provider said to exactly these columns; an older answer to other columns does not count.
SELECT id, state FROM case_file
WHERE kind = 'gather_drift' AND subject ->> 'source_table' = %(table)s AND data -> 'now' = %(now)s
  AND (closed_at IS NULL OR state = 'accepted')
ORDER BY opened_at DESC, id DESC LIMIT 1;
