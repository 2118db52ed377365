-- Casework: cases, moves, clocks, the calendar, notices.

-- name: open_case
-- The number is taken in the same statement, so none is given twice.
WITH numbered AS (
    INSERT INTO case_number (prefix, year, last)
    VALUES (%(prefix)s, extract(year FROM %(now)s::timestamptz AT TIME ZONE 'Asia/Shanghai')::int, 1)
    ON CONFLICT (prefix, year) DO UPDATE SET last = case_number.last + 1
    RETURNING prefix, year, last
)
INSERT INTO case_file (number, kind, state, title, department_code, sides, departments, share_type, opened_by,
                       opened_at, subject, data, moved_at)
SELECT prefix || '-' || year || '-' || lpad(last::text, greatest(4, length(last::text)), '0'),
       %(kind)s, %(state)s, %(title)s, %(department_code)s, %(sides)s, %(departments)s, %(share_type)s,
       %(opened_by)s, %(now)s, %(subject)s, %(data)s, %(now)s
FROM numbered
RETURNING *

-- name: case_by_id
SELECT * FROM case_file WHERE id = %(id)s

-- name: visible_case
SELECT * FROM case_file c WHERE c.id = %(id)s AND {visible}

-- name: move_case
-- Compare and set: no row when somebody else moved it first.
UPDATE case_file
SET state = %(to)s, department_code = %(department_code)s, data = data || %(data)s, moved_at = %(now)s,
    closed_at = %(closed_at)s
WHERE id = %(id)s AND state = %(from)s AND closed_at IS NULL
RETURNING *

-- name: keep_move
INSERT INTO case_move (case_id, at, move, from_state, to_state, by_user, note, data)
VALUES (%(case_id)s, %(at)s, %(move)s, %(from)s, %(to)s, %(by)s, %(note)s, %(data)s)

-- name: was_made
SELECT 1 FROM case_move WHERE case_id = %(case_id)s AND move = %(move)s LIMIT 1

-- name: cases_about
SELECT * FROM case_file
WHERE subject @> %(subject)s AND (%(kind)s::text IS NULL OR kind = %(kind)s)
ORDER BY id DESC

-- name: time_limit
SELECT * FROM time_limit
WHERE stage = %(stage)s AND share_type IN (0, %(share_type)s) AND base_wd IS NOT NULL
ORDER BY (jurisdiction <> 'national') DESC, (share_type <> 0) DESC
LIMIT 1

-- name: start_clock
INSERT INTO clock (case_id, rule, stage, label, article, breach, department_code, started_at, working_days,
                   max_ext_wd, pauses, due_at, provisional, calendar_version)
VALUES (%(case_id)s, %(rule)s, %(stage)s, %(label)s, %(article)s, %(breach)s, %(department_code)s, %(now)s,
        %(wd)s, %(ext)s, %(pauses)s, %(due_at)s, %(provisional)s, %(calendar_version)s)

-- name: end_clock
UPDATE clock
SET met_at = CASE WHEN %(stops)s THEN NULL ELSE %(now)s END,
    stopped_at = CASE WHEN %(stops)s THEN %(now)s ELSE NULL END
WHERE case_id = %(case_id)s AND stage = %(stage)s AND met_at IS NULL AND stopped_at IS NULL

-- name: pause_clock
WITH paused AS (
    UPDATE clock SET paused_at = %(now)s
    WHERE case_id = %(case_id)s AND stage = %(stage)s AND pauses AND paused_at IS NULL
      AND met_at IS NULL AND stopped_at IS NULL
    RETURNING id
)
INSERT INTO clock_pause (clock_id, paused_at) SELECT id, %(now)s FROM paused

-- name: resume_clock
WITH resumed AS (
    UPDATE clock SET paused_at = NULL
    WHERE case_id = %(case_id)s AND stage = %(stage)s AND paused_at IS NOT NULL
      AND met_at IS NULL AND stopped_at IS NULL
    RETURNING *
), ended AS (
    UPDATE clock_pause p SET resumed_at = %(now)s
    FROM resumed r WHERE p.clock_id = r.id AND p.resumed_at IS NULL
)
SELECT * FROM resumed

-- name: running_clock
SELECT * FROM clock
WHERE case_id = %(case_id)s AND met_at IS NULL AND stopped_at IS NULL
ORDER BY id DESC LIMIT 1

-- name: clock_for_update
SELECT * FROM clock WHERE id = %(id)s FOR UPDATE

-- name: extend_clock
UPDATE clock SET extended_wd = extended_wd + %(days)s WHERE id = %(id)s

-- name: pending_extension
SELECT 1 FROM case_file WHERE kind = 'extension' AND closed_at IS NULL AND subject @> %(clock)s LIMIT 1

-- name: clocks_of_another_calendar
SELECT * FROM clock
WHERE met_at IS NULL AND stopped_at IS NULL AND paused_at IS NULL AND working_days IS NOT NULL
  AND calendar_version <> %(version)s
FOR UPDATE

-- name: set_due
UPDATE clock SET due_at = %(due_at)s, provisional = %(provisional)s, calendar_version = %(version)s
WHERE id = %(id)s

-- name: refresh_due
UPDATE case_file c
SET due_at = (SELECT min(k.due_at) FROM clock k
              WHERE k.case_id = c.id AND k.met_at IS NULL AND k.stopped_at IS NULL AND k.paused_at IS NULL)
WHERE c.id = %(case_id)s

-- name: pauses
SELECT clock_id, paused_at, resumed_at FROM clock_pause
WHERE clock_id = ANY (%(ids)s) ORDER BY clock_id, paused_at

-- name: take_overdue
UPDATE clock SET escalated_at = %(now)s
WHERE id IN (SELECT id FROM clock
             WHERE met_at IS NULL AND stopped_at IS NULL AND paused_at IS NULL AND escalated_at IS NULL
               AND due_at < %(now)s
             ORDER BY id FOR UPDATE SKIP LOCKED)
RETURNING *

-- name: calendar_days
SELECT day, working FROM calendar_day

-- name: set_calendar_day
INSERT INTO calendar_day (day, working, reason, set_by) VALUES (%(day)s, %(working)s, %(reason)s, %(by)s)
ON CONFLICT (day) DO UPDATE
SET working = excluded.working, reason = excluded.reason, set_by = excluded.set_by, set_at = now()

-- name: desk
SELECT c.*, d.short_name AS opener_name
FROM case_file c
JOIN unnest(%(kinds)s::text[], %(states)s::text[]) AS w(kind, state) ON w.kind = c.kind AND w.state = c.state
LEFT JOIN app_user u ON u.id = c.opened_by
LEFT JOIN department d ON d.code = u.department_code
WHERE c.closed_at IS NULL AND c.department_code = %(department)s
ORDER BY c.due_at NULLS LAST, c.id
LIMIT %(limit)s

-- name: cases
SELECT c.*, d.short_name AS opener_name
FROM case_file c
LEFT JOIN app_user u ON u.id = c.opened_by
LEFT JOIN department d ON d.code = u.department_code
WHERE {visible}
  AND (%(kinds)s::text[] IS NULL OR c.kind = ANY (%(kinds)s))
  AND (%(closed)s::boolean IS NULL OR (c.closed_at IS NOT NULL) = %(closed)s)
  AND (%(opened_by)s::bigint IS NULL OR c.opened_by = %(opened_by)s)
ORDER BY c.moved_at DESC, c.id DESC
LIMIT %(limit)s OFFSET %(offset)s

-- name: nearest_clocks
SELECT DISTINCT ON (case_id) * FROM clock
WHERE case_id = ANY (%(ids)s) AND met_at IS NULL AND stopped_at IS NULL
ORDER BY case_id, due_at

-- name: clocks_of
SELECT * FROM clock WHERE case_id = %(case_id)s ORDER BY id

-- name: history
SELECT m.id, m.at, m.move, m.from_state, m.to_state, m.by_user, coalesce(u.name, '平台') AS by_name,
       coalesce(d.short_name, '') AS by_department, m.note, m.data, c.kind
FROM case_move m
JOIN case_file c ON c.id = m.case_id
LEFT JOIN app_user u ON u.id = m.by_user
LEFT JOIN department d ON d.code = u.department_code
WHERE m.case_id = %(case_id)s
ORDER BY m.id

-- name: add_notice
INSERT INTO notice (to_user, to_department, subject, body, case_id, created_at)
VALUES (%(to_user)s, %(to_department)s, %(subject)s, %(body)s, %(case_id)s, coalesce(%(now)s, now()))
RETURNING id

-- name: notify_all
INSERT INTO notice (to_department, subject, body, created_at)
SELECT code, %(subject)s, %(body)s, coalesce(%(now)s, now()) FROM department

-- name: inbox
SELECT id, to_user, to_department, subject, body, case_id, created_at, sent_at, read_at
FROM notice
WHERE {visible} AND (NOT %(unread)s OR read_at IS NULL)
ORDER BY id DESC LIMIT %(limit)s

-- name: count_unread
SELECT count(*) AS unread FROM notice WHERE {visible} AND read_at IS NULL

-- name: mark_read
UPDATE notice SET read_at = now()
WHERE {visible} AND read_at IS NULL AND (%(id)s::bigint IS NULL OR id = %(id)s)

-- name: unsent
SELECT id, to_user, to_department, subject, body, case_id, created_at, sent_at, read_at
FROM notice WHERE sent_at IS NULL ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED

-- name: mark_sent
UPDATE notice SET sent_at = %(now)s WHERE id = %(id)s
