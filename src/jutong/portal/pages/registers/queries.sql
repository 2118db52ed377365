-- What registers came to, for their page.

-- name: last_run
SELECT finished_at, records, entities, by_key, by_likeness, residue, merges, splits FROM fusion
WHERE register = %(register)s ORDER BY finished_at DESC LIMIT 1

-- name: runs
SELECT finished_at, whole, records, entities, reached, merges, splits, inserted, updated, deleted,
    extract(epoch FROM finished_at - started_at)::float8 AS seconds
FROM fusion WHERE register = %(register)s ORDER BY finished_at DESC LIMIT %(limit)s

-- name: waiting
-- Pairs nobody has judged yet, asked about or not.
SELECT count(*) AS n FROM fuse_pair p LEFT JOIN case_file c ON c.id = p.case_id
WHERE p.register = %(register)s AND c.closed_at IS NULL

-- name: hold
-- The case a register waits for.
SELECT h.case_id FROM fuse_hold h JOIN case_file c ON c.id = h.case_id
WHERE h.register = %(register)s AND h.used_at IS NULL AND c.closed_at IS NULL ORDER BY h.case_id DESC LIMIT 1
