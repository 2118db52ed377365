-- Models, what they read, and their runs.

-- name: save_model
INSERT INTO model (name, label, question, theme, sql, keys, items, department_code)
VALUES (%(name)s, %(label)s, %(question)s, %(theme)s, %(sql)s, %(keys)s, %(items)s, %(department_code)s)
ON CONFLICT (name) DO UPDATE SET label = excluded.label, question = excluded.question, theme = excluded.theme,
    sql = excluded.sql, keys = excluded.keys, items = excluded.items, department_code = excluded.department_code,
    changed_at = now()

-- name: forget_inputs
DELETE FROM model_input WHERE model = %(model)s

-- name: save_input
INSERT INTO model_input (model, view, dataset, items) VALUES (%(model)s, %(view)s, %(dataset)s, %(items)s)

-- name: models
SELECT m.*, coalesce((SELECT jsonb_agg(jsonb_build_object('view', i.view, 'dataset', i.dataset, 'items', i.items)
                                       ORDER BY i.view) FROM model_input i WHERE i.model = m.name), '[]') AS inputs
FROM model m
WHERE %(name)s::text IS NULL OR m.name = %(name)s
ORDER BY m.name

-- name: save_run
INSERT INTO model_run (model, started_at, finished_at, read_at, snapshot, rows, changed)
VALUES (%(model)s, %(started_at)s, now(), %(read_at)s, %(snapshot)s, %(rows)s, %(changed)s)

-- name: newest_runs
SELECT DISTINCT ON (model) * FROM model_run ORDER BY model, id DESC

-- name: lineage
SELECT i.dataset AS origin, 'topic.' || i.model AS target, m.label FROM model_input i JOIN model m ON m.name = i.model
ORDER BY 1, 2
