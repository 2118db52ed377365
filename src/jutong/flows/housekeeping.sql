-- What the lake does for itself, and what came of it.

-- name: tasks
-- Each task with its last run, in the order in which they help one another.
SELECT h.task, h.every, h.from_hour, h.to_hour, h.seconds, h.paused, h.changed_by, r.started_at, r.finished_at,
       r.state, coalesce(r.pieces, 0) AS pieces, coalesce(r.note, '') AS note
FROM housekeeping h
LEFT JOIN LATERAL (
    SELECT * FROM housekeeping_run WHERE task = h.task ORDER BY started_at DESC, id DESC LIMIT 1
) AS r ON true
ORDER BY array_position(ARRAY['compact', 'retain', 'expire', 'clean', 'archive', 'measure', 'backup'], h.task);

-- name: recent
SELECT * FROM housekeeping_run ORDER BY id DESC LIMIT %(limit)s;

-- name: pause
UPDATE housekeeping SET paused = %(paused)s, changed_by = %(by)s, changed_at = now() WHERE task = %(task)s;

-- name: paused
SELECT paused FROM housekeeping WHERE task = %(task)s;

-- name: waiting
SELECT 1 FROM job_run WHERE stage = 'housekeeping' AND state IN ('waiting', 'running') LIMIT 1;

-- name: abandon
-- Runs of a process that was killed: only one process keeps house at a time.
UPDATE housekeeping_run SET state = 'failed', finished_at = now(), note = '执行进程已不在' WHERE state = 'running';

-- name: begin
INSERT INTO housekeeping_run (task) VALUES (%(task)s) RETURNING id;

-- name: end
UPDATE housekeeping_run SET state = %(state)s, finished_at = now(), pieces = %(pieces)s, note = %(note)s
WHERE id = %(id)s RETURNING *;

-- name: history
SELECT all_days, daily_days, months FROM lake_history;

-- name: seen
-- One instant of each day on which housekeeping was at work.
SELECT min(started_at) AS at FROM housekeeping_run GROUP BY started_at::date;

-- name: keep_measure
INSERT INTO disk_use (at, used, room, lake) VALUES (now(), %(used)s, %(room)s, %(lake)s);
