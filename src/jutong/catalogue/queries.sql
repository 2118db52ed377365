-- The catalogue: entries, items, versions, lists, search.

-- name: entry
SELECT e.*, d.name AS department_name, d.short_name AS department_short, d.uscc AS department_uscc,
       c.name AS class_name, (SELECT count(*) FROM item i WHERE i.entry_id = e.id) AS item_count
FROM entry e
JOIN department d ON d.code = e.department_code
JOIN entry_class c ON c.code = e.class_code
WHERE (e.id = %(id)s::bigint OR e.code = %(code)s::text) AND {visible}

-- name: items
SELECT * FROM item WHERE entry_id = %(id)s ORDER BY no

-- name: versions
SELECT version, published_at, note, content FROM entry_version WHERE entry_id = %(id)s ORDER BY version DESC

-- name: count_entries
SELECT count(*) AS total FROM entry e
WHERE {where}
  AND (%(department)s::text IS NULL OR e.department_code = %(department)s)
  AND (%(theme)s::text IS NULL OR e.theme = %(theme)s)
  AND (%(share_type)s::smallint IS NULL OR e.share_type = %(share_type)s)

-- name: entries
SELECT e.*, d.name AS department_name, d.short_name AS department_short, d.uscc AS department_uscc,
       c.name AS class_name, (SELECT count(*) FROM item i WHERE i.entry_id = e.id) AS item_count
FROM entry e
JOIN department d ON d.code = e.department_code
JOIN entry_class c ON c.code = e.class_code
WHERE {where}
  AND (%(department)s::text IS NULL OR e.department_code = %(department)s)
  AND (%(theme)s::text IS NULL OR e.theme = %(theme)s)
  AND (%(share_type)s::smallint IS NULL OR e.share_type = %(share_type)s)
ORDER BY d.kind DESC, d.sort, e.code
LIMIT %(limit)s OFFSET %(offset)s

-- name: entries_with_items
SELECT e.*, d.name AS department_name, d.short_name AS department_short, d.uscc AS department_uscc,
       c.name AS class_name, i.item_count, i.items
FROM entry e
JOIN department d ON d.code = e.department_code
JOIN entry_class c ON c.code = e.class_code
CROSS JOIN LATERAL (SELECT count(*) AS item_count, coalesce(jsonb_agg(to_jsonb(i) ORDER BY i.no), '[]') AS items
                    FROM item i WHERE i.entry_id = e.id) i
WHERE {where}
  AND (%(department)s::text IS NULL OR e.department_code = %(department)s)
ORDER BY d.kind DESC, d.sort, e.code

-- name: names_there
SELECT department_code, name FROM entry WHERE department_code = ANY (%(departments)s) AND state <> 'withdrawn'

-- name: short_names
SELECT code, short_name FROM department

-- name: class_codes
SELECT code FROM entry_class

-- name: add_class
INSERT INTO entry_class (code, name, parent_code) VALUES (%(code)s, %(name)s, %(parent)s)
ON CONFLICT (code) DO UPDATE SET name = excluded.name, parent_code = excluded.parent_code

-- name: take_numbers
INSERT INTO entry_number (prefix, last) VALUES (%(prefix)s, %(count)s)
ON CONFLICT (prefix) DO UPDATE SET last = entry_number.last + %(count)s
RETURNING last

-- name: reserve_number
INSERT INTO entry_number (prefix, last) VALUES (%(prefix)s, %(number)s)
ON CONFLICT (prefix) DO UPDATE SET last = greatest(entry_number.last, %(number)s)

-- name: take_ids
SELECT nextval(pg_get_serial_sequence('entry', 'id')) AS id FROM generate_series(1, %(count)s)

-- name: first_versions
INSERT INTO entry_version (entry_id, version, published_at, note)
SELECT id, 1, coalesce(published_at::timestamp AT TIME ZONE 'Asia/Shanghai', %(now)s), '随数据资源梳理编入目录'
FROM entry WHERE id = ANY (%(ids)s)

-- name: to_index
SELECT e.id, e.name, e.summary, e.theme, e.department_code, e.state, e.share_type, d.short_name,
       entry_worth(e.uses, e.name) AS worth,
       array(SELECT i.label FROM item i WHERE i.entry_id = e.id ORDER BY i.no) AS labels
FROM entry e JOIN department d ON d.code = e.department_code
WHERE %(ids)s::bigint[] IS NULL OR e.id = ANY (%(ids)s)

-- name: forget_search
DELETE FROM entry_search WHERE %(ids)s::bigint[] IS NULL OR entry_id = ANY (%(ids)s)

-- name: write_entry
UPDATE entry
SET name = %(name)s, summary = %(summary)s, theme = %(theme)s, share_type = %(share_type)s,
    share_condition = %(share_condition)s, share_methods = %(share_methods)s, use_condition = %(use_condition)s,
    grade = %(grade)s, formats = %(formats)s, sub_formats = %(sub_formats)s, update_cycle = %(update_cycle)s,
    open = %(open)s, open_condition = %(open_condition)s, related_codes = %(related_codes)s,
    source_system = %(source_system)s, changed_at = now()
WHERE id = %(id)s

-- name: forget_items
DELETE FROM item WHERE entry_id = %(id)s

-- name: attach
UPDATE entry SET dataset = %(dataset)s, resource_kind = %(kind)s, changed_at = now() WHERE id = %(id)s

-- name: commit_supply
UPDATE entry SET committed = %(committed)s, changed_at = now() WHERE id = %(id)s

-- name: set_uses
UPDATE entry SET uses = %(uses)s WHERE code = %(code)s AND uses <> %(uses)s

-- name: begin_review
UPDATE entry SET case_id = %(case_id)s WHERE id = %(id)s

-- name: end_review
UPDATE entry SET case_id = NULL WHERE id = %(id)s

-- name: follow_case
UPDATE entry SET state = %(state)s, case_id = %(case_id)s, changed_at = now() WHERE id = %(id)s

-- name: approved
UPDATE entry SET approved_by = %(by)s, approved_at = %(now)s WHERE id = %(id)s

-- name: keep_version
UPDATE entry_version SET content = %(content)s WHERE entry_id = %(id)s AND version = %(version)s

-- name: publish
-- Both assessments were needed to get here (第13条).
WITH published AS (
    UPDATE entry
    SET state = 'published', version = version + 1, published_at = %(date)s, case_id = NULL,
        secrecy_assessed = true, privacy_assessed = true, changed_at = %(now)s
    WHERE id = %(id)s
    RETURNING id, version, name
), kept AS (
    INSERT INTO entry_version (entry_id, version, published_at, note)
    SELECT id, version, %(now)s, %(note)s FROM published
)
SELECT version, name FROM published

-- name: withdraw_entry
UPDATE entry SET state = 'withdrawn', changed_at = now() WHERE id = %(id)s

-- name: add_demand
INSERT INTO demand (department_code, name, items, basis, provider_code, expected_on, status, entry_id)
VALUES (%(department_code)s, %(name)s, %(items)s, %(basis)s, %(provider_code)s, %(expected_on)s, %(status)s,
        %(entry_id)s)
ON CONFLICT (department_code, name) DO UPDATE
SET items = excluded.items, basis = excluded.basis, provider_code = excluded.provider_code,
    expected_on = excluded.expected_on, status = excluded.status, entry_id = excluded.entry_id

-- name: follow_demand
UPDATE demand SET status = %(status)s, entry_id = %(entry_id)s WHERE id = %(id)s

-- name: match_demand
UPDATE demand SET status = 'met', entry_id = %(entry_id)s WHERE id = %(id)s

-- name: count_demands
SELECT count(*) AS total FROM demand n
WHERE (%(department)s::text IS NULL OR n.department_code = %(department)s)
  AND (%(status)s::text IS NULL OR n.status = %(status)s)

-- name: demands
SELECT n.*, d.short_name AS department_short, p.short_name AS provider_short, e.code AS entry_code
FROM demand n
JOIN department d ON d.code = n.department_code
LEFT JOIN department p ON p.code = n.provider_code
LEFT JOIN entry e ON e.id = n.entry_id
WHERE (%(department)s::text IS NULL OR n.department_code = %(department)s)
  AND (%(status)s::text IS NULL OR n.status = %(status)s)
ORDER BY d.kind DESC, d.sort, n.name
LIMIT %(limit)s OFFSET %(offset)s

-- name: counts
SELECT count(*) FILTER (WHERE state = 'published') AS entries,
       count(*) FILTER (WHERE state NOT IN ('published', 'withdrawn')) AS drafts,
       count(*) FILTER (WHERE state = 'published' AND committed AND dataset IS NOT NULL) AS supply,
       count(*) FILTER (WHERE state = 'published' AND share_type = 3) AS negative,
       count(*) FILTER (WHERE state = 'published' AND dataset IS NOT NULL) AS attached,
       count(*) FILTER (WHERE state = 'published' AND committed) AS committed,
       (SELECT count(*) FROM demand n
        WHERE %(department)s::text IS NULL OR n.department_code = %(department)s) AS demand,
       (SELECT count(*) FROM demand n
        WHERE n.status = 'met' AND (%(department)s::text IS NULL OR n.department_code = %(department)s)) AS demand_met
FROM entry e
WHERE %(department)s::text IS NULL OR e.department_code = %(department)s

-- name: counts_by_department
SELECT d.code, d.name, d.short_name, d.kind,
       coalesce(e.entries, 0) AS entries, coalesce(e.supply, 0) AS supply, coalesce(n.demand, 0) AS demand,
       coalesce(e.negative, 0) AS negative, coalesce(e.drafts, 0) AS drafts
FROM department d
LEFT JOIN (SELECT department_code,
                  count(*) FILTER (WHERE state = 'published') AS entries,
                  count(*) FILTER (WHERE state NOT IN ('published', 'withdrawn')) AS drafts,
                  count(*) FILTER (WHERE state = 'published' AND committed AND dataset IS NOT NULL) AS supply,
                  count(*) FILTER (WHERE state = 'published' AND share_type = 3) AS negative
           FROM entry GROUP BY department_code) e ON e.department_code = d.code
LEFT JOIN (SELECT department_code, count(*) AS demand FROM demand GROUP BY department_code) n
       ON n.department_code = d.code
ORDER BY d.kind DESC, d.sort, d.code

-- name: classes
SELECT c.code, c.name, c.parent_code,
       (SELECT count(*) FROM entry e WHERE e.class_code = c.code AND e.state = 'published') AS entries
FROM entry_class c ORDER BY c.code

-- name: themes
SELECT theme, count(*) AS entries FROM entry
WHERE state = 'published' AND theme <> '' GROUP BY theme ORDER BY entries DESC, theme

-- name: found_groups
-- Everything that was found, counted by the three facets at once; each facet ignores its own filter.
WITH hit AS MATERIALIZED (
    SELECT department_code, theme, share_type, count(*) AS n
    FROM entry_search s
    WHERE {found} AND {visible}
    GROUP BY department_code, theme, share_type
), judged AS MATERIALIZED (
    SELECT h.*, (%(department)s::text IS NULL OR department_code = %(department)s) AS of_department,
           (%(theme)s::text IS NULL OR theme = %(theme)s) AS of_theme,
           (%(share_type)s::smallint IS NULL OR share_type = %(share_type)s) AS of_share_type
    FROM hit h
)
SELECT 'total' AS facet, '' AS value, '' AS label, coalesce(sum(n), 0)::bigint AS n
FROM judged WHERE of_department AND of_theme AND of_share_type
UNION ALL
SELECT 'department', j.department_code, d.short_name, sum(n)::bigint
FROM judged j JOIN department d ON d.code = j.department_code
WHERE of_theme AND of_share_type GROUP BY j.department_code, d.short_name
UNION ALL
SELECT 'theme', theme, theme, sum(n)::bigint
FROM judged WHERE of_department AND of_share_type AND theme <> '' GROUP BY theme
UNION ALL
SELECT 'share_type', share_type::text, '', sum(n)::bigint
FROM judged WHERE of_department AND of_theme GROUP BY share_type
ORDER BY facet, n DESC, value

-- name: found_entries
-- One page: the ranked ids first, then what a line shows of them.
WITH ranked AS (
    SELECT s.entry_id, s.worth, s.name, {rank} AS rank
    FROM entry_search s {joined}
    WHERE {found} AND {visible}
      AND (%(department)s::text IS NULL OR s.department_code = %(department)s)
      AND (%(theme)s::text IS NULL OR s.theme = %(theme)s)
      AND (%(share_type)s::smallint IS NULL OR s.share_type = %(share_type)s)
), best AS MATERIALIZED (
    SELECT entry_id, rank, row_number() OVER () AS place
    FROM (SELECT s.entry_id, s.rank FROM ranked s ORDER BY {order} LIMIT %(limit)s OFFSET %(offset)s) ordered
)
SELECT e.id, e.code, e.name, e.summary, e.department_code, d.short_name AS department_short, e.class_code,
       c.name AS class_name, e.theme, e.share_type, e.grade, e.update_cycle, e.state, e.dataset, e.committed,
       e.published_at, e.uses, b.rank,
       (SELECT count(*) FROM item i WHERE i.entry_id = e.id) AS item_count,
       array(SELECT i.label FROM item i
             WHERE i.entry_id = e.id AND %(text)s <> '' AND strpos(lower(i.label), %(text)s) > 0
             ORDER BY i.no LIMIT 5) AS matched
FROM best b
JOIN entry e ON e.id = b.entry_id
JOIN department d ON d.code = e.department_code
JOIN entry_class c ON c.code = e.class_code
ORDER BY b.place
