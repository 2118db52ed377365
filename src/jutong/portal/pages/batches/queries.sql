-- Batches with what became of them.

-- name: batches
SELECT b.id, b.source_table, t.label, t.source_name, s.department_code, d.short_name AS department, s.kind, b.mode,
       b.given, b.bytes, b.received_at, b.state, b.problem, b.file_name,
       r.accepted, r.rejected, r.duplicates, r.flagged, r.score
FROM batch b
JOIN source_table t ON t.name = b.source_table
JOIN source s ON s.name = t.source_name
JOIN department d ON d.code = s.department_code
LEFT JOIN refinement r ON r.batch_id = b.id
WHERE {visible}
  AND (%(table)s::text IS NULL OR b.source_table = %(table)s)
  AND (%(source)s::text IS NULL OR t.source_name = %(source)s)
  AND (%(department)s::text IS NULL OR s.department_code = %(department)s)
  AND (%(state)s::text IS NULL OR b.state = %(state)s)
  AND (%(text)s::text IS NULL OR t.name ILIKE '%%' || %(text)s || '%%' OR t.label ILIKE '%%' || %(text)s || '%%')
ORDER BY b.received_at DESC, b.id
LIMIT %(limit)s OFFSET %(offset)s

-- name: count_batches
SELECT count(*) AS total, coalesce(sum(b.given), 0)::bigint AS given, coalesce(sum(r.accepted), 0)::bigint AS accepted,
       coalesce(sum(r.rejected), 0)::bigint AS rejected, coalesce(sum(r.duplicates), 0)::bigint AS duplicates,
       coalesce(sum(b.given) FILTER (WHERE r.batch_id IS NULL AND b.state <> 'failed'), 0)::bigint AS waiting
FROM batch b
JOIN source_table t ON t.name = b.source_table
JOIN source s ON s.name = t.source_name
LEFT JOIN refinement r ON r.batch_id = b.id
WHERE {visible}
  AND (%(table)s::text IS NULL OR b.source_table = %(table)s)
  AND (%(source)s::text IS NULL OR t.source_name = %(source)s)
  AND (%(department)s::text IS NULL OR s.department_code = %(department)s)
  AND (%(state)s::text IS NULL OR b.state = %(state)s)
  AND (%(text)s::text IS NULL OR t.name ILIKE '%%' || %(text)s || '%%' OR t.label ILIKE '%%' || %(text)s || '%%')

-- name: refinement
SELECT * FROM refinement WHERE batch_id = %(id)s

-- name: rules
SELECT rule, item, severity, dimension, rows FROM refinement_rule WHERE batch_id = %(id)s ORDER BY rows DESC, rule, item

-- name: past
-- The last batches of the same table, oldest first, with their rejected share.
SELECT * FROM (
    SELECT b.id, b.received_at, b.given, r.rejected, r.accepted
    FROM batch b JOIN refinement r ON r.batch_id = b.id
    WHERE b.source_table = %(table)s AND b.given > 0
    ORDER BY b.received_at DESC LIMIT 12
) latest ORDER BY received_at

-- name: open_form
-- Whether a table is filled in by hand just now.
SELECT 1 FROM form WHERE source_table = %(table)s AND state = 'open'
