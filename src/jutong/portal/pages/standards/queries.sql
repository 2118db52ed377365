-- Tables of the sources a party may see, with the newest refinement of each.

-- name: count_tables
SELECT count(*) AS total FROM source_table t JOIN source s ON s.name = t.source_name
WHERE {visible} AND (%(text)s::text IS NULL OR t.name ILIKE '%%' || %(text)s || '%%' OR t.label ILIKE '%%' || %(text)s || '%%')

-- name: tables
SELECT t.name, t.label, d.short_name AS department, jsonb_array_length(t.items) AS items, r.score, r.rejected, r.finished_at,
       (SELECT count(*) FROM row_rule w WHERE w.source_table = t.name)
           + (SELECT coalesce(sum(jsonb_array_length(g.rules)), 0) FROM rule_set_use u JOIN rule_set g ON g.name = u.rule_set
              WHERE u.source_table = t.name) AS rules
FROM source_table t
JOIN source s ON s.name = t.source_name
JOIN department d ON d.code = s.department_code
LEFT JOIN LATERAL (
    SELECT score, rejected, finished_at FROM refinement WHERE dataset = 'standard.' || t.name ORDER BY finished_at DESC LIMIT 1
) r ON true
WHERE {visible} AND (%(text)s::text IS NULL OR t.name ILIKE '%%' || %(text)s || '%%' OR t.label ILIKE '%%' || %(text)s || '%%')
ORDER BY r.score NULLS LAST, t.name LIMIT %(limit)s OFFSET %(offset)s

-- name: table_keeper
SELECT t.name, t.label, s.name AS source, s.department_code, d.short_name AS department
FROM source_table t JOIN source s ON s.name = t.source_name JOIN department d ON d.code = s.department_code
WHERE t.name = %(table)s
