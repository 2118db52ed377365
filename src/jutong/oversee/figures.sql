-- Every figure of the one screen is one of these queries and nothing else (law 8).
-- lake_usage(dataset, zone, rows) is the lake's own account of its datasets at this instant.

-- name: departments
SELECT count(*) AS value FROM department WHERE kind = 'department'

-- name: counties
SELECT count(*) AS value FROM department WHERE kind = 'county'

-- name: entries
SELECT count(*) AS value FROM entry WHERE state = 'published'

-- name: supply
SELECT count(*) AS value FROM entry WHERE state = 'published' AND committed AND dataset IS NOT NULL

-- name: demand
SELECT count(*) AS value FROM demand

-- name: negative
SELECT count(*) AS value FROM entry WHERE state = 'published' AND share_type = 3

-- name: records_gathered
SELECT coalesce(sum(given), 0) AS value FROM batch WHERE state <> 'failed'

-- name: records_standard
SELECT coalesce(sum(rows), 0) AS value FROM lake_usage WHERE zone = 'standard' AND dataset <> 'standard.issue'

-- name: issues
SELECT coalesce(sum(rows), 0) AS value FROM lake_usage WHERE dataset = 'standard.issue'

-- name: legal_entities
SELECT coalesce(sum(rows), 0) AS value FROM lake_usage WHERE dataset = 'base.legal_entity'

-- name: licences
SELECT coalesce(sum(rows), 0) AS value FROM lake_usage
WHERE dataset IN (SELECT dataset FROM entry WHERE state = 'published' AND class_code LIKE '105%')

-- name: credit_records
SELECT coalesce(sum(rows), 0) AS value FROM lake_usage
WHERE dataset IN (SELECT dataset FROM entry WHERE state = 'published' AND class_code LIKE '104%')

-- name: applications
SELECT count(*) AS value FROM application WHERE state <> 'retired'

-- name: consumer_departments
SELECT count(DISTINCT department_code) AS value FROM application WHERE state <> 'retired'

-- name: exchanges
SELECT coalesce(sum(times), 0) AS value FROM meter_daily

-- name: records_exchanged
SELECT coalesce(sum(records), 0) AS value FROM meter_daily

-- name: cloud_cores_added
SELECT coalesce(sum(cores), 0) AS value FROM cloud_change WHERE kind = 'expansion'

-- name: cloud_storage_added_tb
SELECT coalesce(sum(storage_tb), 0) AS value FROM cloud_change WHERE kind = 'expansion'

-- name: tasks
SELECT count(*) AS value FROM task

-- name: tasks_overdue
SELECT count(*) AS value FROM task
WHERE state IN ('todo', 'doing') AND due_on < (now() AT TIME ZONE 'Asia/Shanghai')::date

-- name: attached_percent
-- NULL while nothing is published: there is no rate of nothing.
SELECT round(100.0 * count(*) FILTER (WHERE dataset IS NOT NULL) / nullif(count(*), 0), 2) AS value
FROM entry WHERE state = 'published'

-- name: demand_met_percent
SELECT round(100.0 * count(*) FILTER (WHERE status = 'met') / nullif(count(*), 0), 2) AS value FROM demand

-- name: batches
SELECT count(*) AS value FROM batch

-- name: records_rejected
SELECT coalesce(sum(rejected), 0) AS value FROM refinement

-- name: quality_percent
-- Rows that stood every check that rejects, among those that were questioned.
SELECT round(100.0 * sum(accepted) / nullif(sum(accepted + rejected), 0), 2) AS value FROM refinement

-- name: grants_live
SELECT count(*) AS value FROM share_grant WHERE state = 'active' AND until > now()

-- name: services
SELECT count(*) AS value FROM service WHERE state = 'active'

-- name: deliveries
SELECT count(*) AS value FROM delivery WHERE state = 'active'

-- name: cases_open
SELECT count(*) AS value FROM case_file WHERE closed_at IS NULL

-- name: cases_overdue
SELECT count(*) AS value FROM case_file WHERE closed_at IS NULL AND due_at < now()

-- name: cloud_cores_free
SELECT coalesce(sum(cores * CASE kind WHEN 'retirement' THEN -1 ELSE 1 END), 0)
       - (SELECT coalesce(sum(cores), 0) FROM cloud_allocation WHERE state = 'allocated') AS value
FROM cloud_change

-- name: cloud_storage_free_tb
SELECT coalesce(sum(storage_tb * CASE kind WHEN 'retirement' THEN -1 ELSE 1 END), 0)
       - (SELECT coalesce(sum(storage_tb), 0) FROM cloud_allocation WHERE state = 'allocated') AS value
FROM cloud_change
