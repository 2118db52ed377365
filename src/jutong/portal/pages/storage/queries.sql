-- Datasets and what hangs on them.

-- name: visible
SELECT name, department_code, declared_at FROM dataset WHERE {visible}

-- name: hanging
-- What uses a dataset: entries, services, grants, models.
SELECT e.id, e.code, e.name FROM entry e WHERE e.dataset = %(name)s ORDER BY e.code LIMIT 20
