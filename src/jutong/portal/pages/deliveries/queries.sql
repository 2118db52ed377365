-- Deliveries with their grants, last runs and last reconciliations.

-- name: deliveries
SELECT d.name, d.grant_id, d.department_code, d.provider_code, d.table_name, d.receiver, d.state, d.snapshot,
       a.name AS application, e.id AS entry_id, e.name AS entry,
       r.kind AS run_kind, r.state AS run_state, r.started_at AS run_at, r.upserted, r.deleted, r.error,
       c.result, c.at AS compared_at,
       (SELECT count(*) FROM delivery_run x WHERE x.delivery_name = d.name AND x.state = 'done') AS runs
FROM delivery d
JOIN share_grant g ON g.id = d.grant_id
JOIN application a ON a.id = g.application_id
JOIN entry e ON e.id = g.entry_id
LEFT JOIN LATERAL (SELECT * FROM delivery_run WHERE delivery_name = d.name ORDER BY started_at DESC LIMIT 1) r ON true
LEFT JOIN LATERAL (SELECT result, at FROM reconciliation WHERE delivery_name = d.name ORDER BY id DESC LIMIT 1) c ON true
WHERE {visible} AND (%(name)s::text IS NULL OR d.name = %(name)s)
ORDER BY (r.state = 'failed') DESC NULLS LAST, d.name
LIMIT %(limit)s OFFSET %(offset)s

-- name: undelivered
-- Live table grants nothing is delivered under yet, or the one asked for.
SELECT g.id, a.name AS application, e.name AS entry, cardinality(g.items) AS items, g.department_code, g.provider_code
FROM share_grant g JOIN application a ON a.id = g.application_id JOIN entry e ON e.id = g.entry_id
WHERE {visible} AND g.method = 'table' AND g.state = 'active' AND g.until > now()
  AND (g.id = %(grant)s OR NOT EXISTS (SELECT 1 FROM delivery d WHERE d.grant_id = g.id))
ORDER BY g.id LIMIT 60

-- name: count_deliveries
SELECT count(*) AS total FROM delivery d WHERE {visible}
