-- Tables a rule set may be used on.

-- name: tables
-- Active tables of the sources a party may see, with their items and the sets they use already.
SELECT t.name, t.label, s.department_code, d.short_name AS department,
       ARRAY(SELECT i ->> 'name' FROM jsonb_array_elements(t.items) i) AS items,
       EXISTS (SELECT 1 FROM rule_set_use u WHERE u.source_table = t.name AND u.rule_set = %(set)s) AS used
FROM source_table t
JOIN source s ON s.name = t.source_name
JOIN department d ON d.code = s.department_code
WHERE {visible} AND (%(table)s::text IS NULL OR t.name = %(table)s)
ORDER BY t.name
