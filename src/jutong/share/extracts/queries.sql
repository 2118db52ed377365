-- Extracts: made, linked, taken.

-- name: add
INSERT INTO extract (grant_id, application_id, department_code, provider_code, asked_by, form, sealed, shape,
                     columns, marked)
VALUES (%(grant_id)s, %(application_id)s, %(department_code)s, %(provider_code)s, %(asked_by)s, %(form)s, %(sealed)s,
        %(shape)s, %(columns)s, %(marked)s)
RETURNING id, created_at

-- name: queue
-- Left to the worker: the link is known already, what it is good for begins when the file is ready.
UPDATE extract
SET state = 'queued', link_hash = %(link_hash)s, hours = %(hours)s, secret = %(secret)s
WHERE id = %(id)s AND state = 'making'

-- name: open_files
SELECT count(*) AS n FROM extract
WHERE state IN ('queued', 'making') AND hours IS NOT NULL AND department_code = %(department)s

-- name: waiting
-- What a killed worker left in the making waits like the others.  What a passing fault ended pauses first: it would
-- meet the same fault again at once, and hold up those behind it.
SELECT id FROM extract
WHERE state IN ('queued', 'making') AND hours IS NOT NULL
  AND (state = 'making' OR tries = 0 OR started_at <= clock_timestamp() - tries * interval '1 minute')
ORDER BY created_at, id

-- name: hold
-- Gone with whoever holds it, so that a file in the making is taken up again exactly when nobody makes it.
SELECT pg_try_advisory_lock(hashtext('jutong_extract'), hashtext(%(id)s)) AS held

-- name: let_go
SELECT pg_advisory_unlock(hashtext('jutong_extract'), hashtext(%(id)s))

-- name: claim
UPDATE extract
SET state = CASE WHEN tries < %(most)s THEN 'making' ELSE 'failed' END, tries = tries + 1, started_at = clock_timestamp(),
    problem = CASE WHEN tries < %(most)s THEN NULL ELSE '生成多次中断，请缩小范围或改用 CSV、Parquet' END,
    ended_at = CASE WHEN tries < %(most)s THEN NULL ELSE clock_timestamp() END,
    secret = CASE WHEN tries < %(most)s THEN secret END
WHERE id = %(id)s AND state IN ('queued', 'making')
RETURNING state, secret, hours, link_hash

-- name: made
UPDATE extract
SET state = 'ready', snapshot = %(snapshot)s, rows = %(rows)s, content = %(content)s, subjects = %(subjects)s,
    file_name = %(file_name)s, bytes = %(bytes)s, sha256 = %(sha256)s, link_hash = %(link_hash)s,
    link_until = %(link_until)s, links = 1, secret = NULL
WHERE id = %(id)s AND state = 'making'
RETURNING id

-- name: again
-- Only what the worker makes; it keeps its password, for whoever asked has been shown it.
UPDATE extract SET state = 'queued'
WHERE id = %(id)s AND state = 'making' AND hours IS NOT NULL AND tries < %(most)s
RETURNING id

-- name: still_making
SELECT id FROM extract WHERE id = %(id)s AND state = 'making' FOR UPDATE

-- name: forget_subjects
-- Every bucket is named, that the primary key finds them.
DELETE FROM exchange_subjects
WHERE bucket = ANY (ARRAY(SELECT generate_series(0, 255)::smallint)) AND period = ANY (%(periods)s)
  AND request_id = %(request_id)s AND attempt = ''

-- name: failed
UPDATE extract SET state = 'failed', problem = %(problem)s, ended_at = clock_timestamp(), secret = NULL
WHERE id = %(id)s AND state = 'making'

-- name: find
SELECT e.*, g.entry_id, g.dataset, g.purpose, g.until AS grant_until, a.name AS application, n.code AS entry_code, n.name AS entry,
       u.name AS recipient, u.login
FROM extract e
JOIN share_grant g ON g.id = e.grant_id
JOIN application a ON a.id = e.application_id
JOIN entry n ON n.id = g.entry_id
JOIN app_user u ON u.id = e.asked_by
WHERE (%(id)s::text IS NULL OR e.id = %(id)s) AND (%(link)s::text IS NULL OR e.link_hash = %(link)s)
ORDER BY e.created_at DESC, e.id DESC

-- name: relink
-- Only what broke off, or lies unused: a file that arrived whole is not given twice.
UPDATE extract SET state = 'ready', link_hash = %(link_hash)s, link_until = %(link_until)s, links = links + 1
WHERE id = %(id)s AND state IN ('ready', 'cut') AND links < %(most)s
RETURNING id

-- name: leave
-- Compare and set: of two that follow the link at the same time one gets the file.
UPDATE extract SET state = 'leaving', left_at = clock_timestamp(), sent = NULL, ended_at = NULL
WHERE id = %(id)s AND state = 'ready' AND link_hash = %(link)s AND link_until > %(now)s
RETURNING id

-- name: stay
-- No evidence, no byte: the link is as good as before.
UPDATE extract SET state = 'ready', left_at = NULL WHERE id = %(id)s AND state = 'leaving'

-- name: ended
UPDATE extract SET state = %(state)s, sent = %(sent)s, ended_at = clock_timestamp()
WHERE id = %(id)s AND state = 'leaving'

-- name: withdraw
UPDATE extract SET state = 'withdrawn', problem = %(problem)s, ended_at = clock_timestamp(), secret = NULL
WHERE id = %(id)s AND state IN ('ready', 'cut', 'queued', 'making')
RETURNING id

-- name: sweep
-- What was never fetched in time, what a killed process left half made or half sent.
UPDATE extract
SET state = CASE state WHEN 'ready' THEN 'expired' WHEN 'making' THEN 'failed' WHEN 'leaving' THEN 'cut' ELSE 'expired' END,
    problem = CASE state WHEN 'making' THEN '生成中断' WHEN 'leaving' THEN '下载中断，未见完成' ELSE problem END,
    ended_at = clock_timestamp(), secret = NULL
WHERE (state IN ('ready', 'cut') AND link_until <= %(now)s)
   OR (state = 'making' AND coalesce(started_at, created_at) <= %(stale)s)
   OR (state = 'queued' AND created_at <= %(forgotten)s)
   OR (state = 'leaving' AND left_at <= %(stale)s)
RETURNING id, state
