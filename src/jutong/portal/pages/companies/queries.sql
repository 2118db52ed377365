-- What hangs on a company beside its register.

-- name: names
-- Applications, entries and departments by code, for the list of who looked.
SELECT 'application' AS kind, id AS code, name FROM application WHERE id = ANY (%(applications)s)
UNION ALL SELECT 'entry', code, name FROM entry WHERE code = ANY (%(entries)s)

-- name: last_fusion
SELECT finished_at, entities, records, by_key, by_likeness FROM fusion WHERE register = %(register)s
ORDER BY finished_at DESC LIMIT 1

-- name: entry_of
-- The entry of the most trusted source: where an objection to a value goes.
SELECT id, name FROM entry WHERE dataset = %(dataset)s AND state = 'published' ORDER BY id LIMIT 1
