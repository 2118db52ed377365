-- Tables into which files may be given by hand.

-- name: given_tables
SELECT t.name, t.label || '（' || s.label || '）' AS label
FROM source_table t JOIN source s ON s.name = t.source_name
WHERE s.kind IN ('file', 'csv', 'excel') AND s.state = 'active' AND t.state = 'active' AND {visible}
ORDER BY s.label, t.label LIMIT 400

-- name: refined
SELECT * FROM refinement WHERE batch_id = %(id)s
