-- Files with everybody who takes part.

-- name: extracts
SELECT e.id, e.grant_id, e.form, e.sealed, e.state, e.rows, e.bytes, e.created_at, e.left_at, e.link_until, e.sent,
       e.department_code, e.provider_code, a.name AS application, n.id AS entry_id, n.name AS entry, u.name AS recipient
FROM extract e
JOIN share_grant g ON g.id = e.grant_id
JOIN application a ON a.id = e.application_id
JOIN entry n ON n.id = g.entry_id
JOIN app_user u ON u.id = e.asked_by
WHERE {visible} AND (%(grant)s::text IS NULL OR e.grant_id = %(grant)s)
ORDER BY e.created_at DESC, e.id DESC
LIMIT %(limit)s OFFSET %(offset)s

-- name: count_extracts
SELECT count(*) AS total, count(*) FILTER (WHERE e.left_at IS NOT NULL) AS left
FROM extract e WHERE {visible} AND (%(grant)s::text IS NULL OR e.grant_id = %(grant)s)

-- name: my_grants
-- What this officer's department may take as a file now.
SELECT g.id, n.name AS entry, a.name AS application
FROM share_grant g
JOIN entry n ON n.id = g.entry_id
JOIN application a ON a.id = g.application_id
WHERE g.method = 'file' AND g.state = 'active' AND g.until > now() AND g.department_code = %(department)s
ORDER BY g.created_at DESC
