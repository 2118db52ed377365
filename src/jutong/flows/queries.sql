-- What the worker and the pages ask of job_run.

-- name: ask_job
INSERT INTO job_run (stage, arguments, asked_by) VALUES (%(stage)s, %(arguments)s, %(asked_by)s) RETURNING id

-- name: start_job
UPDATE job_run SET state = 'running', started_at = now(), process_id = %(process_id)s
WHERE id = %(id)s AND state = 'waiting' RETURNING arguments ->> 'timeout' AS timeout

-- name: job_arguments
SELECT arguments FROM job_run WHERE id = %(id)s

-- name: report_job
UPDATE job_run SET progress = %(progress)s, note = %(note)s WHERE id = %(id)s AND state = 'running'

-- name: end_job
UPDATE job_run SET state = %(state)s, finished_at = now(), process_id = NULL, note = %(note)s,
    progress = CASE WHEN %(state)s = 'done' THEN 1 ELSE progress END
WHERE id = %(id)s AND state IN ('waiting', 'running')

-- name: running_jobs
-- Among them those a killed worker left; their processes are looked at before they are called dead.
SELECT id, process_id FROM job_run WHERE state = 'running'

-- name: lost_jobs
-- Asked for, but never put on the queue; or taken from it by a worker that died before it began.
SELECT id FROM job_run r
WHERE state = 'waiting' AND asked_at < now() - interval '1 minute' AND NOT EXISTS (
    SELECT 1 FROM jobs.procrastinate_jobs q
    WHERE q.task_name = 'jutong.stage' AND (q.args ->> 'job')::bigint = r.id AND q.status = 'todo'
)

-- name: forget_job
UPDATE jobs.procrastinate_jobs SET status = 'failed'
WHERE task_name = 'jutong.stage' AND (args ->> 'job')::bigint = %(id)s AND status IN ('todo', 'doing')

-- name: recent_jobs
SELECT * FROM job_run ORDER BY id DESC LIMIT %(limit)s

-- name: uses_by_entry
SELECT entry, sum(times)::bigint AS uses FROM meter_daily WHERE entry <> '' GROUP BY entry;

-- name: republished_since_granted
SELECT DISTINCT e.id
FROM entry e JOIN share_grant g ON g.entry_id = e.id
WHERE g.state = 'active' AND e.changed_at > g.changed_at;

-- name: stage_open
SELECT 1 FROM job_run WHERE stage = %(stage)s AND state IN ('waiting', 'running') LIMIT 1
