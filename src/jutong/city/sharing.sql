-- What the sample city's applications look up before they act.

-- name: attached_entries
SELECT id, code, department_code, dataset FROM entry WHERE dataset IS NOT NULL AND state = 'published'

-- name: live_grants
SELECT application_id, entry_id, method FROM share_grant WHERE state = 'active'

-- name: table_grants
SELECT id, application_id, dataset FROM share_grant WHERE method = 'table' AND state = 'active' ORDER BY id

-- name: file_grants
SELECT id, application_id, department_code FROM share_grant WHERE method = 'file' AND state = 'active' ORDER BY id

-- name: calls_made
SELECT application, count(*)::int AS n FROM exchange
WHERE event = 'share:service:answer' AND outcome = 'answered' GROUP BY application

-- name: waiting_left
SELECT 1 FROM case_file WHERE kind = 'catalogue_entry' LIMIT 1

-- name: most_refused
SELECT r.rejected, r.batch_id, b.source_table, t.label, s.department_code
FROM refinement r JOIN batch b ON b.id = r.batch_id JOIN source_table t ON t.name = b.source_table
JOIN source s ON s.name = t.source_name
ORDER BY r.rejected DESC, b.source_table LIMIT %(limit)s

-- name: entry_named
SELECT id, dataset FROM entry WHERE name = %(name)s AND department_code = %(department)s AND state = 'published'

-- name: items_of_entry
SELECT name, label, element FROM item WHERE entry_id = %(entry)s ORDER BY no
