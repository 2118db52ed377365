-- Plans, their runs and the runs' logs.

-- name: save_plan
INSERT INTO gather_plan (name, label, source_name, tables, cron, every, after, from_hour, to_hour, seconds, retries,
                         changed_by)
VALUES (%(name)s, %(label)s, %(source_name)s, %(tables)s, %(cron)s, %(every)s, %(after)s, %(from_hour)s, %(to_hour)s,
        %(seconds)s, %(retries)s, %(changed_by)s)
ON CONFLICT (name) DO UPDATE SET label = EXCLUDED.label, source_name = EXCLUDED.source_name,
    tables = EXCLUDED.tables, cron = EXCLUDED.cron, every = EXCLUDED.every, after = EXCLUDED.after,
    from_hour = EXCLUDED.from_hour, to_hour = EXCLUDED.to_hour, seconds = EXCLUDED.seconds,
    retries = EXCLUDED.retries, changed_by = coalesce(EXCLUDED.changed_by, gather_plan.changed_by), changed_at = now();

-- name: plans
SELECT p.*, s.department_code FROM gather_plan p JOIN source s ON s.name = p.source_name
WHERE (%(names)s::text[] IS NULL OR p.name = ANY(%(names)s))
  AND (%(source)s::text IS NULL OR p.source_name = %(source)s) ORDER BY p.name;

-- name: unknown_tables
SELECT t.name FROM unnest(%(tables)s::text[]) AS t (name)
WHERE NOT EXISTS (SELECT 1 FROM source_table s WHERE s.name = t.name AND s.source_name = %(source)s);

-- name: pause
UPDATE gather_plan SET paused = %(paused)s, changed_by = %(by)s, changed_at = now() WHERE name = %(name)s;

-- name: standings
SELECT p.name,
       (SELECT r.planned_for FROM gather_run r WHERE r.plan = p.name AND r.cause IN ('schedule', 'after')
        ORDER BY r.id DESC LIMIT 1) AS answered,
       (SELECT r.state FROM gather_run r WHERE r.plan = p.name ORDER BY r.id DESC LIMIT 1) AS state,
       (SELECT max(r.finished_at) FROM gather_run r WHERE r.plan = p.name AND r.state = 'done') AS done_at
FROM gather_plan p;

-- name: open_runs
SELECT r.*, p.label, p.source_name, s.department_code FROM gather_run r
JOIN gather_plan p ON p.name = r.plan JOIN source s ON s.name = p.source_name
WHERE r.state IN ('waiting', 'running') ORDER BY r.id;

-- name: runs
SELECT r.*, p.label, p.source_name, s.department_code FROM gather_run r
JOIN gather_plan p ON p.name = r.plan JOIN source s ON s.name = p.source_name
WHERE (%(plan)s::text IS NULL OR r.plan = %(plan)s) AND (%(id)s::bigint IS NULL OR r.id = %(id)s)
ORDER BY r.id DESC LIMIT %(limit)s;

-- name: newest_runs
SELECT DISTINCT ON (r.plan) r.*, p.label, p.source_name, s.department_code FROM gather_run r
JOIN gather_plan p ON p.name = r.plan JOIN source s ON s.name = p.source_name
ORDER BY r.plan, r.id DESC;

-- name: add_run
-- At most one open run per plan: the second one finds it.
INSERT INTO gather_run (plan, run_id, cause, since, planned_for, retry_at, asked_by)
VALUES (%(plan)s, %(run_id)s, %(cause)s, %(since)s, %(planned_for)s, %(retry_at)s, %(asked_by)s)
ON CONFLICT DO NOTHING RETURNING id;

-- name: give_job
UPDATE gather_run SET job = %(job)s WHERE id = %(id)s AND state IN ('waiting', 'running') AND job IS NULL;

-- name: begin_run
UPDATE gather_run SET state = 'running', started_at = coalesce(started_at, now()), retry_at = NULL
WHERE id = %(id)s AND state = 'waiting' RETURNING id;

-- name: count_run
UPDATE gather_run SET given = %(given)s, tables = %(tables)s, failed = %(failed)s WHERE id = %(id)s;

-- name: end_attempt
UPDATE gather_run SET state = %(state)s, attempt = attempt + %(attempted)s::int,
    turns = turns + (NOT %(attempted)s)::int, retry_at = %(retry_at)s, job = NULL, note = %(note)s,
    finished_at = CASE WHEN %(state)s = 'waiting' THEN NULL ELSE now() END
WHERE id = %(id)s AND state IN ('waiting', 'running') RETURNING id;

-- name: hold_run
-- Held by a connection of the process that carries the run out, and so gone with it.
SELECT pg_try_advisory_lock(hashtextextended('jutong.gather_run ' || %(id)s, 0)) AS held;

-- name: let_go_of_run
SELECT pg_advisory_unlock(hashtextextended('jutong.gather_run ' || %(id)s, 0));

-- name: job_of_run
SELECT state, note FROM job_run WHERE id = %(job)s;

-- name: log
INSERT INTO gather_log (run, level, "table", sentence) VALUES (%(run)s, %(level)s, %(table)s, %(sentence)s);

-- name: logged
SELECT at, level, "table", sentence FROM gather_log WHERE run = %(run)s ORDER BY id DESC LIMIT %(limit)s;

-- name: run_batches
SELECT b.* FROM batch b WHERE b.run_id = %(run_id)s OR b.run_id LIKE %(run_id)s || '-%%' ORDER BY b.source_table;

-- name: run_courses
-- Large tables on their way, part by part.
SELECT c.source_table AS table, t.label,
       CASE WHEN c.plan -> 0 -> 'by' = '[]' THEN jsonb_array_length(c.plan) ELSE 0 END AS parts,
       count(DISTINCT k.no) AS landed, coalesce(sum(k.given), 0)::bigint AS given
FROM course c JOIN source_table t ON t.name = c.source_table
LEFT JOIN chunk k ON k.batch_id = c.batch_id AND k.snapshot IS NOT NULL
WHERE c.source_table = ANY(%(tables)s) GROUP BY c.source_table, t.label, c.plan ORDER BY 1;

-- name: steward
SELECT code FROM department WHERE steward ORDER BY code LIMIT 1;
