-- Applications with what they hold and what they took.

-- name: applications
SELECT a.id, a.name, a.department_code, a.purpose, a.state, a.token_hint, a.token_at, a.created_at,
       (SELECT count(*) FROM share_grant g WHERE g.application_id = a.id AND g.state = 'active' AND g.until > now()) AS grants,
       coalesce(m.times, 0) AS times, coalesce(m.records, 0) AS records, m.services
FROM application a
LEFT JOIN (SELECT application, sum(times)::bigint AS times, sum(records)::bigint AS records,
                  count(DISTINCT resource) AS services
           FROM meter_daily GROUP BY application) m ON m.application = a.id
WHERE {visible}
ORDER BY records DESC, a.id

-- name: resources
SELECT m.resource, m.method, e.id AS entry_id, e.name AS entry, m.provider, sum(m.times)::bigint AS times,
       sum(m.records)::bigint AS records
FROM meter_daily m LEFT JOIN entry e ON e.code = m.entry
WHERE m.application = %(id)s
GROUP BY m.resource, m.method, e.id, e.name, m.provider
ORDER BY records DESC LIMIT 50

-- name: developer
SELECT d.name AS department, a.token_until,
       CASE WHEN a.token_before_until > now() THEN a.token_before_until END AS before_until
FROM application a JOIN department d ON d.code = a.department_code WHERE a.id = %(id)s

-- name: grants
SELECT g.id, e.name AS entry, e.id AS entry_id, g.method, g.state, g.until
FROM share_grant g JOIN entry e ON e.id = g.entry_id
WHERE g.application_id = %(id)s ORDER BY (g.state = 'active') DESC, g.created_at DESC LIMIT 100
