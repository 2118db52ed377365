-- What the worker and the pages ask of job_run.

-- name: ask_job
INSERT INTO job_run (stage, arguments, asked_by) VALUES (%(stage)s, %(arguments)s, %(asked_by)s) RETURNING id

-- name: start_job
UPDATE job_run SET state = 'running', started_at = now(), process_id = %(process_id)s
WHERE id = %(id)s AND state = 'waiting'

-- name: report_job
UPDATE job_run SET progress = %(progress)s, note = %(note)s WHERE id = %(id)s AND state = 'running'

-- name: end_job
UPDATE job_run SET state = %(state)s, finished_at = now(), process_id = NULL, note = %(note)s,
    progress = CASE WHEN %(state)s = 'done' THEN 1 ELSE progress END
WHERE id = %(id)s AND state IN ('waiting', 'running')

-- name: orphaned_jobs
-- Jobs a killed worker left running; their processes are looked at before they are called dead.
SELECT id, process_id FROM job_run WHERE state = 'running'

-- name: recent_jobs
SELECT * FROM job_run ORDER BY id DESC LIMIT %(limit)s
