-- What hangs on a company beside its register.

-- name: records
-- Standard datasets of licences (class 105) and credit (class 104) that a published entry stands for.
SELECT e.dataset, e.id AS entry_id, e.name AS entry, e.class_code, d.short_name AS department, s.items, s.keys
FROM entry e
JOIN dataset s ON s.name = e.dataset
JOIN department d ON d.code = e.department_code
WHERE e.state = 'published' AND e.dataset LIKE 'standard.%'
  AND (e.class_code LIKE '104%' OR e.class_code LIKE '105%')
  AND s.items @> '[{"element": "uscc"}]'
ORDER BY e.class_code, e.code
LIMIT 40

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
