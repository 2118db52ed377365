-- What the pages of oversight read, and how reports and progress are kept.

-- name: steward_name
SELECT name FROM department WHERE steward

-- name: make_lake_usage
CREATE TEMPORARY TABLE lake_usage (dataset text PRIMARY KEY, zone text NOT NULL, rows bigint NOT NULL) ON COMMIT DROP

-- name: fill_lake_usage
COPY lake_usage (dataset, zone, rows) FROM STDIN

-- name: batches
-- Of a failed batch nothing was taken, which its zeros say; one that still waits for refining has no parts yet.
SELECT b.id AS name, CASE b.state WHEN 'failed' THEN 0 ELSE b.given END AS given,
       CASE b.state WHEN 'failed' THEN 0 ELSE r.accepted END AS accepted,
       CASE b.state WHEN 'failed' THEN 0 ELSE r.rejected END AS rejected,
       CASE b.state WHEN 'failed' THEN 0 ELSE r.duplicates END AS duplicates, b.state
FROM batch b LEFT JOIN refinement r ON r.batch_id = b.id
ORDER BY b.id

-- name: indicators
-- Every indicator with its latest report: of the latest period, the latest told.
SELECT i.code, i.label, i.label_en, i.unit, i.definition, i.owner_code, d.name AS owner, i.duty_code, i.sort,
       r.period, r.period_start, r.period_end, r.value, r.lower_bound, r.target, r.target_period, r.source,
       r.reported_on, r.note
FROM indicator i
JOIN department d ON d.code = i.owner_code
LEFT JOIN LATERAL (
    SELECT * FROM indicator_report r WHERE r.indicator_code = i.code
    ORDER BY r.period_end DESC, r.period_start DESC, r.reported_on DESC LIMIT 1
) r ON true
WHERE %(code)s::text IS NULL OR i.code = %(code)s
ORDER BY i.sort, i.code

-- name: reports
SELECT period, period_start, period_end, value, lower_bound, target, target_period, source, reported_on, note
FROM indicator_report WHERE indicator_code = %(code)s
ORDER BY period_end DESC, period_start DESC, reported_on DESC

-- name: add_report
INSERT INTO indicator_report (indicator_code, period, period_start, period_end, value, lower_bound, target,
                              target_period, source, reported_on, note)
VALUES (%(indicator_code)s, %(period)s, %(period_start)s, %(period_end)s, %(value)s, %(lower_bound)s, %(target)s,
        %(target_period)s, %(source)s, %(reported_on)s, %(note)s)

-- name: duties
SELECT code, kind, no, name, name_en, summary FROM duty ORDER BY kind DESC, no

-- name: campaigns
SELECT c.code, c.name, c.basis, c.owner_code, d.name AS owner, c.starts_on, c.ends_on
FROM campaign c JOIN department d ON d.code = c.owner_code
ORDER BY c.starts_on DESC, c.code

-- name: tasks
SELECT t.id, t.campaign_code, t.code, t.name, t.duty_code, u.name AS duty, u.kind AS duty_kind, u.no AS duty_no,
       t.owner_code, d.short_name AS owner, t.partners, t.starts_on, t.due_on, t.state, t.progress, t.done_on,
       t.note, (t.state IN ('todo', 'doing') AND t.due_on < %(today)s) AS overdue
FROM task t
JOIN duty u ON u.code = t.duty_code
JOIN department d ON d.code = t.owner_code
WHERE (%(campaign)s::text IS NULL OR t.campaign_code = %(campaign)s)
  AND (%(owner)s::text IS NULL OR t.owner_code = %(owner)s)
  AND (%(id)s::bigint IS NULL OR t.id = %(id)s)
ORDER BY u.kind DESC, u.no, t.due_on, t.code

-- name: move_task
-- Compare and set: a task that is done or stopped stays so.
UPDATE task
SET state = %(state)s, progress = %(progress)s, note = %(note)s,
    done_on = CASE WHEN %(state)s = 'done' THEN %(today)s::date END
WHERE id = %(id)s AND state IN ('todo', 'doing')
RETURNING id

-- name: add_task_report
INSERT INTO task_report (task_id, state, progress, note, by_user)
VALUES (%(id)s, %(state)s, %(progress)s, %(note)s, %(by_user)s)

-- name: task_reports
SELECT r.at, r.state, r.progress, r.note, u.name AS by_name
FROM task_report r LEFT JOIN app_user u ON u.id = r.by_user
WHERE r.task_id = %(id)s ORDER BY r.id

-- name: cloud_changes
-- Each with the stock after it.
SELECT code, kind, happened_on, cores, storage_tb, source, note,
       sum(cores * CASE kind WHEN 'retirement' THEN -1 ELSE 1 END) OVER w AS cores_then,
       sum(storage_tb * CASE kind WHEN 'retirement' THEN -1 ELSE 1 END) OVER w AS storage_tb_then
FROM cloud_change
WINDOW w AS (ORDER BY happened_on, id)
ORDER BY happened_on, id

-- name: cloud_allocations
SELECT a.id, a.code, a.department_code, d.short_name AS department, a.purpose, a.cores, a.storage_tb, a.state,
       a.applied_on, a.allocated_on, a.reclaimed_on
FROM cloud_allocation a JOIN department d ON d.code = a.department_code
ORDER BY a.applied_on, a.id

-- name: cloud_sums
SELECT
    (SELECT coalesce(sum(cores) FILTER (WHERE kind = 'opening'), 0) FROM cloud_change) AS cores_opening,
    (SELECT coalesce(sum(cores) FILTER (WHERE kind = 'expansion'), 0) FROM cloud_change) AS cores_added,
    (SELECT coalesce(sum(cores) FILTER (WHERE kind = 'retirement'), 0) FROM cloud_change) AS cores_retired,
    (SELECT coalesce(sum(cores) FILTER (WHERE state = 'allocated'), 0) FROM cloud_allocation) AS cores_allocated,
    (SELECT coalesce(sum(storage_tb) FILTER (WHERE kind = 'opening'), 0) FROM cloud_change) AS storage_opening,
    (SELECT coalesce(sum(storage_tb) FILTER (WHERE kind = 'expansion'), 0) FROM cloud_change) AS storage_added,
    (SELECT coalesce(sum(storage_tb) FILTER (WHERE kind = 'retirement'), 0) FROM cloud_change) AS storage_retired,
    (SELECT coalesce(sum(storage_tb) FILTER (WHERE state = 'allocated'), 0) FROM cloud_allocation)
        AS storage_allocated

-- name: lock_cloud
-- Two allocations at once may not both take the last cores.
SELECT pg_advisory_xact_lock(hashtext('jutong_cloud'))

-- name: apply_cloud
INSERT INTO cloud_allocation (code, department_code, purpose, cores, storage_tb, state, applied_on)
VALUES (%(code)s, %(department_code)s, %(purpose)s, %(cores)s, %(storage_tb)s, 'applied', %(today)s)
RETURNING id

-- name: find_allocation
SELECT * FROM cloud_allocation WHERE id = %(id)s

-- name: move_allocation
UPDATE cloud_allocation
SET state = %(to)s,
    allocated_on = CASE WHEN %(to)s = 'allocated' THEN %(today)s::date ELSE allocated_on END,
    reclaimed_on = CASE WHEN %(to)s = 'reclaimed' THEN %(today)s::date ELSE reclaimed_on END
WHERE id = %(id)s AND state = %(from)s
RETURNING id

-- name: projects
SELECT p.code, p.name, p.name_en, p.owner_code, d.name AS owner, p.operator, p.duty_code, p.investment, p.summary
FROM project p JOIN department d ON d.code = p.owner_code
ORDER BY p.sort, p.code

-- name: milestones
SELECT project_code, no, name, due_period, due_on, state, done_on, measure, source,
       (state <> 'done' AND due_on < %(today)s) AS overdue
FROM milestone
WHERE %(project)s::text IS NULL OR project_code = %(project)s
ORDER BY project_code, no

-- name: move_milestone
UPDATE milestone SET state = %(state)s, done_on = %(done_on)s, source = coalesce(%(source)s, source)
WHERE project_code = %(project)s AND no = %(no)s
RETURNING no

-- name: flow
-- The journey as the screen draws it: how much stands at each stop, and how much moved today.
SELECT
    (SELECT count(*) FROM source) AS sources,
    (SELECT count(*) FROM batch WHERE received_at >= date_trunc('day', now() AT TIME ZONE 'Asia/Shanghai')
        AT TIME ZONE 'Asia/Shanghai') AS batches_today,
    (SELECT coalesce(sum(times), 0) FROM meter_daily WHERE day = (now() AT TIME ZONE 'Asia/Shanghai')::date)
        AS exchanges_today,
    (SELECT coalesce(sum(records), 0) FROM meter_daily WHERE day = (now() AT TIME ZONE 'Asia/Shanghai')::date)
        AS records_today

-- name: exchange_by_day
SELECT day, sum(times)::bigint AS times, sum(records)::bigint AS records
FROM meter_daily WHERE day > (now() AT TIME ZONE 'Asia/Shanghai')::date - %(days)s::int
GROUP BY day ORDER BY day

-- name: supply_by_department
SELECT d.code, d.short_name AS name, d.kind,
       count(e.id) FILTER (WHERE e.state = 'published') AS entries,
       count(e.id) FILTER (WHERE e.state = 'published' AND e.committed AND e.dataset IS NOT NULL) AS supplied
FROM department d LEFT JOIN entry e ON e.department_code = d.code
GROUP BY d.code, d.short_name, d.kind, d.sort ORDER BY d.sort, d.code
