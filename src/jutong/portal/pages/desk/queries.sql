-- The desk's look across rooms: what is due, what came, what left.

-- name: due_entries
-- Published entries whose table should have been delivered again by now or will be within five days.
WITH fed AS (
    SELECT e.id, e.name, e.department_code, e.update_cycle, max(b.received_at) AS received_at
    FROM entry e
    JOIN source_table t ON e.dataset = 'standard.' || t.name
    JOIN batch b ON b.source_table = t.name AND b.state <> 'failed'
    WHERE e.state = 'published' AND e.update_cycle IN (1, 2, 3, 4, 5, 6, 8)
    GROUP BY e.id
), due AS (
    SELECT *, ((received_at AT TIME ZONE 'Asia/Shanghai') + CASE update_cycle
               WHEN 3 THEN interval '7 days' WHEN 4 THEN interval '1 month' WHEN 5 THEN interval '3 months'
               WHEN 6 THEN interval '1 year' WHEN 8 THEN interval '6 months' ELSE interval '1 day' END)::date AS due_on
    FROM fed
)
SELECT due.id, due.name, d.short_name AS department, due.update_cycle, due.due_on, count(*) OVER () AS total
FROM due JOIN department d ON d.code = due.department_code
WHERE due.due_on <= %(until)s AND (%(department)s::text IS NULL OR due.department_code = %(department)s)
ORDER BY due.due_on, d.sort, due.name LIMIT 6

-- name: gathered
SELECT (b.received_at AT TIME ZONE 'Asia/Shanghai')::date AS day, sum(b.given)::bigint AS count
FROM batch b JOIN source_table t ON t.name = b.source_table JOIN source s ON s.name = t.source_name
WHERE b.received_at > %(since)s AND b.state <> 'failed'
  AND (%(department)s::text IS NULL OR s.department_code = %(department)s)
GROUP BY 1

-- name: exchanged
SELECT day, sum(records)::bigint AS count, method FROM meter_daily
WHERE day >= %(first)s AND (%(department)s::text IS NULL OR %(department)s IN (provider, consumer))
GROUP BY day, method

-- name: faults
SELECT (r.finished_at AT TIME ZONE 'Asia/Shanghai')::date AS day, sum(r.issues)::bigint AS count
FROM refinement r JOIN batch b ON b.id = r.batch_id JOIN source_table t ON t.name = b.source_table
JOIN source s ON s.name = t.source_name
WHERE r.finished_at > %(since)s AND (%(department)s::text IS NULL OR s.department_code = %(department)s)
GROUP BY 1

-- name: replies
-- Answers to requests by month: how many, how many within the law's days.
SELECT to_char(k.met_at AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM') AS month, count(*) AS answered,
       count(*) FILTER (WHERE k.met_at <= k.due_at) AS in_time
FROM clock k JOIN case_file c ON c.id = k.case_id
WHERE k.stage = 'share_reply' AND k.met_at > %(year)s
  AND (%(department)s::text IS NULL OR c.sides ->> 'provider' = %(department)s)
GROUP BY 1 ORDER BY 1

-- name: ending
-- My department's grants that end within thirty days.
SELECT g.id, e.name AS entry, a.name AS application, g.until
FROM share_grant g JOIN entry e ON e.id = g.entry_id JOIN application a ON a.id = g.application_id
WHERE g.department_code = %(mine)s AND g.state = 'active' AND g.until BETWEEN %(now)s AND %(now)s + interval '30 days'
ORDER BY g.until LIMIT 5
