-- Exchanges with the names of everybody who took part.

-- name: exchanges
SELECT x.log_index, x.event, x.at, x.consumer, x.provider, x.application, a.name AS application_name,
       x.entry, e.id AS entry_id, e.name AS entry_name, x.resource, x.grant_id, x.purpose, x.rows, x.outcome, x.code,
       cardinality(x.items) AS items
FROM exchange x
LEFT JOIN application a ON a.id = x.application
LEFT JOIN entry e ON e.code = x.entry
WHERE {visible} AND x.origin = %(origin)s
  AND (%(application)s::text IS NULL OR x.application = %(application)s)
  AND (%(entry)s::text IS NULL OR x.entry = %(entry)s)
  AND (%(grant)s::text IS NULL OR x.grant_id = %(grant)s
       OR (x.detail ? 'also' AND x.detail -> 'also' @> jsonb_build_array(jsonb_build_object('grant', %(grant)s::text))))
  AND (%(resource)s::text IS NULL OR x.resource = %(resource)s)
  AND (%(outcome)s::text IS NULL OR x.outcome = %(outcome)s)
  AND (%(day)s::date IS NULL OR (x.at >= %(day)s::timestamp AT TIME ZONE 'Asia/Shanghai'
                                 AND x.at < (%(day)s::timestamp + interval '1 day') AT TIME ZONE 'Asia/Shanghai'))
ORDER BY x.at DESC, x.log_index DESC
LIMIT %(limit)s OFFSET %(offset)s

-- name: count_exchanges
-- Bounded: a list of millions says “more than” rather than making everybody wait for the exact count.
SELECT count(*) AS total FROM (
    SELECT 1 FROM exchange x
    WHERE {visible} AND x.origin = %(origin)s
      AND (%(application)s::text IS NULL OR x.application = %(application)s)
      AND (%(entry)s::text IS NULL OR x.entry = %(entry)s)
      AND (%(grant)s::text IS NULL OR x.grant_id = %(grant)s
           OR (x.detail ? 'also' AND x.detail -> 'also' @> jsonb_build_array(jsonb_build_object('grant', %(grant)s::text))))
      AND (%(resource)s::text IS NULL OR x.resource = %(resource)s)
      AND (%(outcome)s::text IS NULL OR x.outcome = %(outcome)s)
      AND (%(day)s::date IS NULL OR (x.at >= %(day)s::timestamp AT TIME ZONE 'Asia/Shanghai'
                                     AND x.at < (%(day)s::timestamp + interval '1 day') AT TIME ZONE 'Asia/Shanghai'))
    LIMIT 10000
) latest

-- name: names
SELECT (SELECT name FROM application WHERE id = %(application)s) AS application,
       (SELECT name FROM entry WHERE code = %(entry)s) AS entry,
       (SELECT id FROM entry WHERE code = %(entry)s) AS entry_id,
       (SELECT until FROM share_grant WHERE id = %(grant)s) AS until

-- name: item_labels
SELECT i.name, i.label FROM item i JOIN entry e ON e.id = i.entry_id WHERE e.code = %(entry)s

-- name: kept_head
-- The newest checkpoint the control database remembers: a place of its own, so a log cut back shows.
SELECT size, root, checkpoint, seen_at FROM ledger_head WHERE origin = %(origin)s
