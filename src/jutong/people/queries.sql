-- People: departments, accounts, sessions, the security log.

-- name: add_department
INSERT INTO department (code, name, short_name, kind, uscc, division_code, parent_code, steward, sort)
VALUES (%(code)s, %(name)s, %(short_name)s, %(kind)s, %(uscc)s, %(division_code)s, %(parent_code)s,
        %(steward)s, %(sort)s)
ON CONFLICT (code) DO UPDATE
SET name = excluded.name, short_name = excluded.short_name, kind = excluded.kind, uscc = excluded.uscc,
    division_code = excluded.division_code, parent_code = excluded.parent_code, steward = excluded.steward,
    sort = excluded.sort

-- name: departments
SELECT * FROM department
WHERE %(kind)s::text IS NULL OR kind = %(kind)s
ORDER BY kind DESC, sort, code

-- name: department
SELECT * FROM department WHERE code = %(code)s

-- name: steward
SELECT code FROM department WHERE steward

-- name: add_user
-- An account that is there stays as it is; ``fresh`` tells the two apart.
WITH added AS (
    INSERT INTO app_user (login, name, department_code, password_hash, must_change)
    VALUES (%(login)s, %(name)s, %(department_code)s, %(password_hash)s, %(must_change)s)
    ON CONFLICT (login) DO NOTHING
    RETURNING id
)
SELECT id, true AS fresh FROM added
UNION ALL
SELECT id, false FROM app_user WHERE login = %(login)s AND NOT EXISTS (SELECT FROM added)

-- name: grant_role
INSERT INTO user_role (user_id, role, granted_by) VALUES (%(user_id)s, %(role)s, %(by)s)
ON CONFLICT (user_id, role) DO NOTHING

-- name: revoke_role
DELETE FROM user_role WHERE user_id = %(user_id)s AND role = %(role)s

-- name: set_user_state
UPDATE app_user SET state = %(state)s WHERE id = %(user_id)s AND state <> %(state)s

-- name: users
SELECT u.id, u.login, u.name, u.department_code, d.name AS department_name, u.state, u.password_at,
       u.factor_at, g.locked_until, u.signed_in_at,
       array(SELECT role FROM user_role r WHERE r.user_id = u.id ORDER BY role) AS roles
FROM app_user u
JOIN department d ON d.code = u.department_code
LEFT JOIN sign_in_guard g ON g.login = u.login
WHERE {visible} AND (%(department_code)s::text IS NULL OR u.department_code = %(department_code)s)
ORDER BY d.kind DESC, d.sort, u.login

-- name: party_by_login
SELECT u.id, u.login, u.name, u.department_code,
       array(SELECT role FROM user_role r WHERE r.user_id = u.id) AS roles
FROM app_user u WHERE u.login = %(login)s AND u.state = 'active'

-- name: party_by_id
SELECT u.id, u.login, u.name, u.department_code,
       array(SELECT role FROM user_role r WHERE r.user_id = u.id) AS roles
FROM app_user u WHERE u.id = %(user_id)s AND u.state = 'active'

-- name: account
SELECT u.*, array(SELECT role FROM user_role r WHERE r.user_id = u.id) AS roles
FROM app_user u WHERE u.login = %(login)s

-- name: guard
-- Makes the row if need be and locks it either way.
INSERT INTO sign_in_guard (login) VALUES (%(login)s)
ON CONFLICT (login) DO UPDATE SET login = excluded.login
RETURNING failures, failed_at, locked_until

-- name: count_failure
UPDATE sign_in_guard
SET failures = %(failures)s, failed_at = %(now)s, locked_until = %(locked_until)s
WHERE login = %(login)s

-- name: forget_failures
DELETE FROM sign_in_guard WHERE login = %(login)s

-- name: take_step
UPDATE app_user SET factor_step = %(step)s WHERE id = %(user_id)s

-- name: signed_in
WITH forgotten AS (
    UPDATE sign_in_guard SET failures = 0, failed_at = NULL, locked_until = NULL WHERE login = %(login)s
)
UPDATE app_user SET signed_in_at = %(now)s WHERE id = %(user_id)s

-- name: keep_password
UPDATE app_user SET password_hash = %(hash)s, password_at = %(now)s, must_change = %(must_change)s
WHERE id = %(user_id)s

-- name: close_sessions_of
UPDATE session SET closed_at = %(now)s WHERE user_id = %(user_id)s AND closed_at IS NULL

-- name: factor_of
SELECT factor_secret, factor_at FROM app_user WHERE id = %(user_id)s FOR UPDATE

-- name: begin_enrolment
-- A factor that is enrolled is not replaced by asking: it must be forgotten by the security administrator first.
UPDATE app_user SET factor_secret = %(secret)s, factor_step = NULL
WHERE id = %(user_id)s AND factor_at IS NULL

-- name: finish_enrolment
UPDATE app_user SET factor_at = %(now)s, factor_step = %(step)s WHERE id = %(user_id)s

-- name: forget_factor
UPDATE app_user SET factor_secret = NULL, factor_at = NULL, factor_step = NULL WHERE id = %(user_id)s

-- name: open_session
INSERT INTO session (token_hash, user_id, stage, address, agent, opened_at, seen_at)
VALUES (%(token_hash)s, %(user_id)s, %(stage)s, %(address)s, %(agent)s, %(now)s, %(now)s)

-- name: find_session
SELECT u.id, u.login, u.name, u.department_code, s.stage, s.opened_at,
       array(SELECT role FROM user_role r WHERE r.user_id = u.id) AS roles
FROM session s JOIN app_user u ON u.id = s.user_id
WHERE s.token_hash = %(token_hash)s AND s.closed_at IS NULL AND u.state = 'active'
  AND s.seen_at > %(now)s - make_interval(secs => %(idle)s)
  AND s.opened_at > %(now)s - interval '12 hours'

-- name: touch_session
-- Fifteen seconds of slack keep a busy page from writing at every request.
UPDATE session SET seen_at = %(now)s
WHERE token_hash = %(token_hash)s AND seen_at < %(now)s - interval '15 seconds'

-- name: close_session
UPDATE session SET closed_at = %(now)s
WHERE token_hash = %(token_hash)s AND closed_at IS NULL
RETURNING user_id

-- name: add_security_event
INSERT INTO security_event (at, event, user_id, login, department_code, address, detail)
VALUES (coalesce(%(at)s, now()), %(event)s, %(user_id)s, %(login)s, %(department_code)s, %(address)s, %(detail)s)

-- name: security_events
SELECT id, at, event, user_id, login, department_code, address, detail
FROM security_event
WHERE {visible}
  AND (%(event)s::text IS NULL OR event = %(event)s)
  AND (%(before)s::bigint IS NULL OR id < %(before)s)
ORDER BY id DESC LIMIT %(limit)s

-- name: tidy_sessions
DELETE FROM session WHERE seen_at < %(now)s - interval '6 months'

-- name: tidy_guards
DELETE FROM sign_in_guard
WHERE coalesce(failed_at, '-infinity') < %(now)s - interval '1 day'
  AND coalesce(locked_until, '-infinity') < %(now)s
