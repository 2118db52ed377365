-- What the sample city's applications look up before they act.

-- name: attached_entries
SELECT id, code, department_code, dataset FROM entry WHERE dataset IS NOT NULL AND state = 'published'

-- name: live_grants
SELECT application_id, entry_id, method FROM share_grant WHERE state = 'active'

-- name: table_grants
SELECT id, application_id, dataset FROM share_grant WHERE method = 'table' AND state = 'active' ORDER BY id

-- name: calls_made
SELECT application, count(*)::int AS n FROM exchange
WHERE event = 'share:service:answer' AND outcome = 'answered' GROUP BY application
