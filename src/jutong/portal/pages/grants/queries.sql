-- Grants with the names of everybody who takes part, and what came of them.

-- name: grants
SELECT g.id, g.application_id, a.name AS application, g.department_code, g.provider_code, g.entry_id,
       e.name AS entry, g.method, g.purpose, g.grade, cardinality(g.items) AS items, g.state, g.until,
       coalesce(m.times, 0) AS times, coalesce(m.records, 0) AS records
FROM share_grant g
JOIN application a ON a.id = g.application_id
JOIN entry e ON e.id = g.entry_id
LEFT JOIN LATERAL (
    SELECT sum(times)::bigint AS times, sum(records)::bigint AS records FROM meter_daily
    WHERE application = g.application_id AND entry = e.code AND method = g.method
) m ON true
WHERE {visible}
  AND (%(state)s::text IS NULL OR g.state = %(state)s)
  AND (%(method)s::text IS NULL OR g.method = %(method)s)
  AND (%(entry)s::bigint IS NULL OR g.entry_id = %(entry)s)
  AND (%(application)s::text IS NULL OR g.application_id = %(application)s)
  AND (%(text)s::text IS NULL OR e.name ILIKE '%%' || %(text)s || '%%' OR a.name ILIKE '%%' || %(text)s || '%%')
ORDER BY g.created_at DESC, g.id DESC
LIMIT %(limit)s OFFSET %(offset)s

-- name: count_grants
SELECT count(*) AS total, count(*) FILTER (WHERE g.state = 'active' AND g.until > now()) AS live
FROM share_grant g JOIN application a ON a.id = g.application_id JOIN entry e ON e.id = g.entry_id
WHERE {visible}
  AND (%(state)s::text IS NULL OR g.state = %(state)s)
  AND (%(method)s::text IS NULL OR g.method = %(method)s)
  AND (%(entry)s::bigint IS NULL OR g.entry_id = %(entry)s)
  AND (%(application)s::text IS NULL OR g.application_id = %(application)s)
  AND (%(text)s::text IS NULL OR e.name ILIKE '%%' || %(text)s || '%%' OR a.name ILIKE '%%' || %(text)s || '%%')

-- name: grant_names
SELECT g.created_at, a.name AS application, e.name AS entry, e.code AS entry_code, r.case_id, r.basis, r.scene,
       r.scope, c.number
FROM share_grant g
JOIN application a ON a.id = g.application_id
JOIN entry e ON e.id = g.entry_id
JOIN request r ON r.id = g.request_id
JOIN case_file c ON c.id = r.case_id
WHERE g.id = %(id)s

-- name: grant_history
SELECT h.at, h.from_state, h.to_state, h.reason, coalesce(u.name, '平台') AS by_name
FROM grant_change h LEFT JOIN app_user u ON u.id = h.by_user
WHERE h.grant_id = %(id)s ORDER BY h.id DESC

-- name: grant_use
SELECT coalesce(sum(times), 0)::bigint AS times, coalesce(sum(records), 0)::bigint AS records
FROM meter_daily WHERE application = %(application)s AND entry = %(entry)s AND method = %(method)s

-- name: grant_deliveries
SELECT name, table_name, state FROM delivery WHERE grant_id = %(id)s ORDER BY name
