-- Services with their entries and what they came to.

-- name: services
SELECT s.name, s.label, s.entry_id, e.name AS entry, s.department_code, s.state, cardinality(s.items) AS items, s.keys,
       s.kind, s.version, s.sunset_at, coalesce(m.times, 0) AS times, coalesce(m.records, 0) AS records,
       (SELECT count(*) FROM share_grant g WHERE g.entry_id = s.entry_id AND g.method = 'api'
          AND g.state = 'active' AND g.until > now()) AS grants
FROM service s
JOIN entry e ON e.id = s.entry_id
LEFT JOIN (SELECT resource, sum(times)::bigint AS times, sum(records)::bigint AS records
           FROM meter_daily WHERE method = 'api' GROUP BY resource) m ON m.resource = s.name
WHERE (%(text)s::text IS NULL OR s.name ILIKE '%%' || %(text)s || '%%' OR s.label ILIKE '%%' || %(text)s || '%%')
ORDER BY times DESC, s.name
LIMIT %(limit)s OFFSET %(offset)s

-- name: count_services
SELECT count(*) AS total FROM service s
WHERE (%(text)s::text IS NULL OR s.name ILIKE '%%' || %(text)s || '%%' OR s.label ILIKE '%%' || %(text)s || '%%')

-- name: service_users
SELECT g.id, g.application_id, a.name AS application, g.department_code, cardinality(g.items) AS items, g.until, g.state
FROM share_grant g JOIN application a ON a.id = g.application_id
WHERE g.entry_id = %(entry)s AND g.method = 'api' AND {visible}
ORDER BY (g.state = 'active') DESC, g.id

-- name: refusals
-- Why calls were refused in the last thirty days.
SELECT code, count(*) AS times FROM exchange
WHERE resource = %(name)s AND outcome = 'refused' AND at > now() - interval '30 days'
GROUP BY code ORDER BY times DESC, code LIMIT 10

-- name: entry_code
SELECT code, name FROM entry WHERE id = %(entry)s

-- name: draftable
-- Entries a service may be drafted for: published, attached, not withheld; of one department or of all.
SELECT e.id, e.name, e.dataset, (SELECT count(*) FROM service s WHERE s.entry_id = e.id) AS services
FROM entry e
WHERE e.state = 'published' AND e.dataset IS NOT NULL AND e.share_type < 3
  AND (%(department)s::text IS NULL OR e.department_code = %(department)s)
  AND (%(text)s::text IS NULL OR e.name ILIKE '%%' || %(text)s || '%%')
ORDER BY services, e.name LIMIT 40

-- name: entry_to_draft
SELECT id, name, dataset, department_code FROM entry WHERE id = %(entry)s AND dataset IS NOT NULL
