-- What the masthead's box finds beside catalogue entries.

-- name: cases
SELECT id, number, title, kind FROM case_file c
WHERE {visible} AND (number ILIKE %(text)s || '%%' OR title ILIKE '%%' || %(text)s || '%%')
ORDER BY (number ILIKE %(text)s) DESC, moved_at DESC LIMIT 8

-- name: batches
SELECT b.id, t.label, d.short_name AS department, b.received_at
FROM batch b JOIN source_table t ON t.name = b.source_table JOIN source s ON s.name = t.source_name
JOIN department d ON d.code = s.department_code
WHERE {visible} AND (b.id ILIKE '%%' || %(text)s || '%%' OR t.label ILIKE '%%' || %(text)s || '%%' OR t.name ILIKE %(text)s || '%%')
ORDER BY b.received_at DESC LIMIT 8

-- name: grants
SELECT g.id, a.name AS application, e.name AS entry
FROM share_grant g JOIN application a ON a.id = g.application_id JOIN entry e ON e.id = g.entry_id
WHERE {visible} AND (g.id ILIKE %(text)s || '%%' OR a.name ILIKE '%%' || %(text)s || '%%')
ORDER BY g.created_at DESC LIMIT 8
