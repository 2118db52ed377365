-- Folding the ledger into rows that can be asked; every statement is safe to run again over the same span.

-- name: know_origin
INSERT INTO meter_state (origin) VALUES (%(origin)s) ON CONFLICT DO NOTHING

-- name: lock_origin
-- One folder at a time: the row is held until what was folded is committed with it.
SELECT next_index FROM meter_state WHERE origin = %(origin)s FOR UPDATE

-- name: copy_exchange
COPY exchange (origin, log_index, event, at, consumer, application, provider, entry, dataset, resource, grant_id,
               purpose, items, rows, outcome, code, request_id, content, subjects, detail, attempt, after)
FROM STDIN

-- name: count_calls
-- Answered calls and downloads of another department, each request id once.
WITH fresh AS (
    UPDATE exchange e SET counted = true
    WHERE e.origin = %(origin)s AND e.log_index >= %(start)s AND e.log_index < %(end)s
      AND e.event IN ('share:service:answer', 'share:extract:download') AND e.outcome = 'answered'
      AND e.consumer <> '' AND e.consumer <> e.provider AND NOT e.counted
      AND (e.request_id = '' OR NOT EXISTS (
          SELECT 1 FROM exchange earlier
          WHERE earlier.request_id = e.request_id AND earlier.request_id <> ''
            AND earlier.origin = e.origin AND earlier.log_index < e.log_index
            AND earlier.event = e.event AND earlier.application = e.application
            AND earlier.outcome = 'answered' AND earlier.consumer = e.consumer))
      AND NOT EXISTS (SELECT 1 FROM meter_void v WHERE v.origin = e.origin AND v.request_id = e.request_id)
    RETURNING e.*
)
INSERT INTO meter_daily AS m (day, provider, entry, resource, consumer, application, method, times, records)
SELECT (at AT TIME ZONE 'Asia/Shanghai')::date, provider, entry, resource, consumer, application,
       CASE event WHEN 'share:service:answer' THEN 'api' ELSE 'file' END, count(*), sum(rows)
FROM fresh GROUP BY 1, 2, 3, 4, 5, 6, 7
ON CONFLICT (day, provider, entry, resource, consumer, application, method) DO UPDATE
SET times = m.times + excluded.times, records = m.records + excluded.records

-- name: void_calls
-- Request ids a gate names as recorded, perhaps, but never answered.
INSERT INTO meter_void (origin, request_id)
SELECT DISTINCT e.origin, named.request_id
FROM exchange e, jsonb_array_elements_text(e.detail -> 'unconfirmed') AS named (request_id)
WHERE e.origin = %(origin)s AND e.log_index >= %(start)s AND e.log_index < %(end)s
  AND e.event = 'ledger:stream:stop' AND jsonb_typeof(e.detail -> 'unconfirmed') = 'array'
ON CONFLICT DO NOTHING

-- name: uncount_calls
WITH taken_back AS (
    UPDATE exchange e SET counted = false
    FROM meter_void v
    WHERE v.origin = %(origin)s AND e.origin = v.origin AND e.request_id = v.request_id AND e.counted
      AND e.event = 'share:service:answer'
    RETURNING e.*
), less AS (
    SELECT (at AT TIME ZONE 'Asia/Shanghai')::date AS day, provider, entry, resource, consumer, application,
           count(*) AS times, sum(rows) AS records
    FROM taken_back GROUP BY 1, 2, 3, 4, 5, 6
)
UPDATE meter_daily m SET times = m.times - less.times, records = m.records - less.records
FROM less
WHERE (m.day, m.provider, m.entry, m.resource, m.consumer, m.application, m.method)
    = (less.day, less.provider, less.entry, less.resource, less.consumer, less.application, 'api')

-- name: count_chunks
-- Chunks whose attempt is named as committed; either the chunk or the fact that names it is new.
WITH span AS MATERIALIZED (
    SELECT attempt, after FROM exchange
    WHERE origin = %(origin)s AND log_index >= %(start)s AND log_index < %(end)s
      AND (attempt IS NOT NULL OR after IS NOT NULL)
), fresh AS (
    UPDATE exchange e SET counted = true
    WHERE e.origin = %(origin)s AND NOT e.counted AND e.event = 'share:delivery:chunk' AND e.outcome = 'answered'
      AND e.consumer <> '' AND e.consumer <> e.provider
      AND e.attempt IN (SELECT attempt FROM span UNION ALL SELECT after FROM span)
      AND EXISTS (SELECT 1 FROM exchange later WHERE later.after = e.attempt AND later.origin = e.origin)
    RETURNING e.*
)
INSERT INTO meter_daily AS m (day, provider, entry, resource, consumer, application, method, times, records)
SELECT (at AT TIME ZONE 'Asia/Shanghai')::date, provider, entry, resource, consumer, application, 'table',
       count(*) FILTER (WHERE (detail ->> 'chunk')::bigint = 1), sum(rows)
FROM fresh GROUP BY 1, 2, 3, 4, 5, 6
ON CONFLICT (day, provider, entry, resource, consumer, application, method) DO UPDATE
SET times = m.times + excluded.times, records = m.records + excluded.records

-- name: move_origin
UPDATE meter_state SET next_index = %(end)s, folded_at = now() WHERE origin = %(origin)s

-- name: folded
SELECT next_index FROM meter_state WHERE origin = %(origin)s

-- name: total
SELECT coalesce(sum(times), 0) AS times, coalesce(sum(records), 0) AS records FROM meter_daily
WHERE (%(since)s::date IS NULL OR day >= %(since)s) AND (%(until)s::date IS NULL OR day <= %(until)s)

-- name: everything
SELECT * FROM meter_daily WHERE times <> 0 OR records <> 0
