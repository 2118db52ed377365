-- Words for what the exchanges name.

-- name: names
SELECT 'application' AS kind, id AS code, name FROM application WHERE id = ANY (%(applications)s)
UNION ALL
SELECT 'entry', code, name FROM entry WHERE code = ANY (%(entries)s)
