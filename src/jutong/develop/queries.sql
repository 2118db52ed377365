-- name: save_model
INSERT INTO model (name, label, question, theme, sql, target, keys, items, department_code, state)
VALUES (%(name)s, %(label)s, %(question)s, %(theme)s, %(sql)s, %(target)s, %(keys)s, %(items)s,
        %(department_code)s, %(state)s)
ON CONFLICT (name) DO UPDATE SET label = EXCLUDED.label, question = EXCLUDED.question, theme = EXCLUDED.theme,
    sql = EXCLUDED.sql, target = EXCLUDED.target, keys = EXCLUDED.keys, items = EXCLUDED.items,
    department_code = EXCLUDED.department_code, state = EXCLUDED.state, changed_at = now();

-- name: forget_inputs
DELETE FROM model_input WHERE model = %(model)s;

-- name: save_input
INSERT INTO model_input (model, view, dataset, items, row_filter)
VALUES (%(model)s, %(view)s, %(dataset)s, %(items)s, %(row_filter)s);

-- name: find_models
-- With its inputs, and how its last run ended.
SELECT m.*, coalesce(i.inputs, '[]') AS inputs
FROM model m
LEFT JOIN LATERAL (
    SELECT jsonb_agg(to_jsonb(one) - 'model' ORDER BY one.view) AS inputs FROM model_input one WHERE one.model = m.name
) i ON true
WHERE %(name)s::text IS NULL OR m.name = %(name)s
ORDER BY m.name;

-- name: save_run
INSERT INTO model_run (model, started_at, finished_at, rows, inserted, updated, deleted, snapshot, problem)
VALUES (%(model)s, %(started_at)s, now(), %(rows)s, %(inserted)s, %(updated)s, %(deleted)s, %(snapshot)s, %(problem)s);

-- name: runs
SELECT * FROM model_run WHERE %(model)s::text IS NULL OR model = %(model)s
ORDER BY finished_at DESC, id DESC LIMIT %(limit)s;

-- name: newest_runs
-- A run that failed left the dataset as it was, so the one before it is shown.
SELECT DISTINCT ON (model) model, started_at, finished_at, rows, inserted, updated, deleted, snapshot,
       inserted + updated + deleted AS changed
FROM model_run WHERE problem IS NULL ORDER BY model, finished_at DESC, id DESC;

-- name: upstream
WITH RECURSIVE above AS (
    SELECT upstream, downstream, by, label, 1 AS distance FROM lineage WHERE downstream = %(dataset)s
    UNION
    SELECT l.upstream, l.downstream, l.by, l.label, a.distance + 1
    FROM lineage l JOIN above a ON l.downstream = a.upstream WHERE a.distance < 32
)
SELECT upstream, downstream, by, label, min(distance) AS distance FROM above
GROUP BY upstream, downstream, by, label ORDER BY min(distance), downstream, upstream;

-- name: downstream
WITH RECURSIVE below AS (
    SELECT upstream, downstream, by, label, 1 AS distance FROM lineage WHERE upstream = %(dataset)s
    UNION
    SELECT l.upstream, l.downstream, l.by, l.label, b.distance + 1
    FROM lineage l JOIN below b ON l.upstream = b.downstream WHERE b.distance < 32
)
SELECT upstream, downstream, by, label, min(distance) AS distance FROM below
GROUP BY upstream, downstream, by, label ORDER BY min(distance), upstream, downstream;
