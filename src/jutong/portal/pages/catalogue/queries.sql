-- What other rooms hold about an entry.

-- name: of_class
SELECT e.id, e.code, e.name, e.summary, e.department_code, d.short_name AS department_short, e.class_code,
       c.name AS class_name, e.theme, e.share_type, e.grade, e.update_cycle, e.state, e.dataset, e.committed,
       e.published_at, e.uses,
       (SELECT count(*) FROM item i WHERE i.entry_id = e.id) AS item_count, 0 AS rank, '{{}}'::text[] AS matched
FROM entry e
JOIN department d ON d.code = e.department_code
JOIN entry_class c ON c.code = e.class_code
WHERE {visible} AND e.state = 'published' AND e.class_code LIKE %(class)s || '%%'
ORDER BY e.uses DESC, e.code
LIMIT %(limit)s OFFSET %(offset)s

-- name: count_of_class
SELECT count(*) AS total FROM entry e
WHERE {visible} AND e.state = 'published' AND e.class_code LIKE %(class)s || '%%'

-- name: lineage
-- The tables that feed a dataset by name, each with its newest batch and what became of it.
SELECT t.name, t.label, s.name AS source, s.label AS source_label, s.kind, s.department_code, t.mode,
       b.id AS batch, b.given, b.received_at, b.state,
       r.accepted, r.rejected, r.duplicates, r.score, r.finished_at,
       (SELECT coalesce(sum(given), 0)::bigint FROM batch WHERE source_table = t.name) AS given_ever
FROM source_table t
JOIN source s ON s.name = t.source_name
LEFT JOIN LATERAL (SELECT * FROM batch WHERE source_table = t.name ORDER BY received_at DESC LIMIT 1) b ON true
LEFT JOIN refinement r ON r.batch_id = b.id
WHERE t.name = ANY (%(tables)s) OR t.entry_id = %(entry)s
ORDER BY t.name

-- name: questioned
-- Rows ever questioned for a dataset: the whole that faults are a share of.
SELECT coalesce(sum(accepted + rejected), 0)::bigint AS rows FROM refinement WHERE dataset = %(dataset)s

-- name: faults
-- Issues ever found in a dataset, by item and by dimension.
SELECT q.item, q.dimension, sum(q.rows)::bigint AS rows
FROM refinement_rule q JOIN refinement r ON r.batch_id = q.batch_id
WHERE r.dataset = %(dataset)s
GROUP BY GROUPING SETS ((q.item), (q.dimension))

-- name: users
SELECT g.id, g.application_id, a.name AS application, g.department_code, g.purpose, r.scene, g.method, g.until, g.state,
       coalesce(m.times, 0) AS times, coalesce(m.records, 0) AS records
FROM share_grant g
JOIN application a ON a.id = g.application_id
JOIN request r ON r.id = g.request_id
LEFT JOIN LATERAL (
    SELECT sum(times)::bigint AS times, sum(records)::bigint AS records FROM meter_daily
    WHERE application = g.application_id AND entry = %(code)s AND method = g.method
) m ON true
WHERE g.entry_id = %(entry)s AND g.state IN ('active', 'suspended') AND {visible}
ORDER BY records DESC, g.id
LIMIT 50

-- name: use
SELECT count(DISTINCT department_code) AS departments, count(DISTINCT application_id) AS applications,
       count(*) AS grants
FROM share_grant WHERE entry_id = %(entry)s AND state = 'active' AND until > now()

-- name: hands
SELECT (SELECT count(*) FROM service WHERE entry_id = %(entry)s AND state = 'active') AS services,
       (SELECT count(*) FROM delivery d JOIN share_grant g ON g.id = d.grant_id
        WHERE g.entry_id = %(entry)s AND d.state = 'active') AS deliveries

-- name: reply
-- How fast this department answered requests so far, in days; the clock in the law is counted elsewhere.
SELECT count(*) AS answered,
       avg(extract(epoch FROM k.met_at - k.started_at) / 86400)::float AS days
FROM clock k JOIN case_file c ON c.id = k.case_id
WHERE k.stage = 'share_reply' AND k.met_at IS NOT NULL AND c.sides ->> 'provider' = %(department)s
