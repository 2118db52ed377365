-- What registers came to, for their page.

-- name: last_run
SELECT finished_at, records, entities, by_likeness, residue, merges, splits FROM fusion
WHERE register = %(register)s ORDER BY finished_at DESC LIMIT 1

-- name: hold
-- The case a register waits for.
SELECT h.case_id FROM fuse_hold h JOIN case_file c ON c.id = h.case_id
WHERE h.register = %(register)s AND h.used_at IS NULL AND c.closed_at IS NULL ORDER BY h.case_id DESC LIMIT 1
