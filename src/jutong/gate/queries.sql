-- The gate's whole view of the control database.  Nothing here is asked while a call is answered.

-- name: callers
-- One row per token that may be presented: the present one, and the one before while it is still good.
SELECT a.id, a.department_code, a.state, token.hash AS token_hash, token.until, a.services,
       a.networks::text[] AS networks, a.rate, a.concurrency, a.daily_quota
FROM application a,
     LATERAL (VALUES (a.token_hash, a.token_until), (a.token_before, a.token_before_until)) AS token (hash, until)
WHERE token.hash IS NOT NULL

-- name: signing_keys
SELECT k.key_id, k.algorithm, k.public_key, k.secret, k.valid_until AS until, a.id, a.department_code, a.state,
       a.services, a.networks::text[] AS networks, a.rate, a.concurrency, a.daily_quota
FROM application_key k JOIN application a ON a.id = k.application_id

-- name: services
-- Each service with its entry and its dataset as they are now.
SELECT s.name, s.label, s.kind, s.entry_id, e.code AS entry_code, e.department_code AS provider, s.dataset, s.keys, s.items,
       s.max_rows, s.state, s.least, s.past_days, s.selection, s.deprecated_at, s.sunset_at, s.successor,
       coalesce(d.items, v.items) AS dataset_items, coalesce(d.keys, v.keys) AS dataset_keys, to_jsonb(v) AS live
FROM service s
JOIN entry e ON e.id = s.entry_id
LEFT JOIN dataset d ON d.name = s.dataset
LEFT JOIN live_interface v ON v.name = s.dataset
WHERE s.state NOT IN ('draft', 'review')

-- name: api_grants
-- Every grant by api, ended ones too, so that a refusal can say which of them ended and why.
SELECT g.*, a.state AS application_state, e.state AS entry_state, e.share_type, e.code AS entry_code
FROM share_grant g
JOIN application a ON a.id = g.application_id
JOIN entry e ON e.id = g.entry_id
WHERE g.method = 'api'
ORDER BY g.created_at, g.id

-- name: served_items
-- Share type and grade per item: the stricter of the entry's and its own, as share reads them.
SELECT i.entry_id, i.name, i.label, i.element, i.is_key, i.mask,
       greatest(i.share_type, e.share_type)::int AS share_type, greatest(i.grade, 1)::int AS grade
FROM item i JOIN entry e ON e.id = i.entry_id
WHERE i.entry_id IN (SELECT entry_id FROM service_reads)
ORDER BY i.entry_id, i.no

-- name: fingerprint
-- Row versions of everything above: an insert, update or delete changes count or sum.
WITH seen AS (
    SELECT 'application' AS kind, xmin::text || ctid::text AS version FROM application
    UNION ALL SELECT 'key', xmin::text || ctid::text FROM application_key
    UNION ALL SELECT 'service', xmin::text || ctid::text FROM service
    UNION ALL SELECT 'interface', xmin::text || ctid::text FROM live_interface
    UNION ALL SELECT 'grant', xmin::text || ctid::text FROM share_grant WHERE method = 'api'
    UNION ALL SELECT 'entry', xmin::text || ctid::text FROM entry WHERE id IN (SELECT entry_id FROM service_reads)
    UNION ALL SELECT 'item', xmin::text || ctid::text FROM item WHERE entry_id IN (SELECT entry_id FROM service_reads)
    UNION ALL SELECT 'dataset', xmin::text || ctid::text FROM dataset
              WHERE name IN (SELECT dataset FROM service)
)
SELECT count(*) || ' ' || coalesce(sum(hashtextextended(kind || version, 0)::numeric), 0) AS fingerprint FROM seen
