-- Sources counted for the list's head and its pages.

-- name: count_sources
SELECT count(*) AS total, count(DISTINCT s.department_code) AS departments,
       count(*) FILTER (WHERE s.state = 'paused') AS paused
FROM source s
WHERE {visible}
  AND (%(kind)s::text IS NULL OR s.kind = %(kind)s)
  AND (%(text)s::text IS NULL OR s.name ILIKE '%%' || %(text)s || '%%' OR s.label ILIKE '%%' || %(text)s || '%%')

-- name: troubled
-- Tables whose newest batch failed or was held back.
SELECT t.name, t.label, s.name AS source, s.label AS source_label, d.short_name AS department, b.state, b.received_at,
       b.problem, b.id AS batch
FROM source_table t
JOIN source s ON s.name = t.source_name
JOIN department d ON d.code = s.department_code
JOIN LATERAL (SELECT * FROM batch WHERE source_table = t.name ORDER BY received_at DESC, id DESC LIMIT 1) b ON true
WHERE b.state IN ('failed', 'held') AND {visible}
ORDER BY b.received_at DESC, t.name LIMIT %(limit)s

-- name: kinds
SELECT s.kind, count(DISTINCT s.name) AS sources, count(t.name) AS tables
FROM source s LEFT JOIN source_table t ON t.source_name = s.name
WHERE {visible}
GROUP BY 1 ORDER BY 3 DESC
