-- Requests with the names of both sides.

-- name: requests
SELECT r.id, r.case_id, c.number, c.state, c.due_at, c.closed_at, r.entry_id, e.name AS entry, r.department_code,
       r.provider_code, a.name AS application, r.method, r.purpose, cardinality(r.items) AS items, r.share_type,
       r.created_at, g.id AS grant_id
FROM request r
JOIN case_file c ON c.id = r.case_id
JOIN entry e ON e.id = r.entry_id
JOIN application a ON a.id = r.application_id
LEFT JOIN share_grant g ON g.request_id = r.id
WHERE {visible} AND (%(state)s::text IS NULL OR c.state = %(state)s)
ORDER BY r.created_at DESC, r.id DESC
LIMIT %(limit)s OFFSET %(offset)s

-- name: count_requests
SELECT count(*) AS total, count(*) FILTER (WHERE c.closed_at IS NULL) AS open
FROM request r JOIN case_file c ON c.id = r.case_id
WHERE {visible} AND (%(state)s::text IS NULL OR c.state = %(state)s)
