-- What declarations ask of the rooms' rows.

-- name: code_of_entry
SELECT code FROM entry WHERE department_code = %(department)s AND name = %(name)s;

-- name: code_of_entry_id
SELECT code FROM entry WHERE id = %(id)s;

-- name: rules_of
SELECT source_table, code, kind, items, arguments, severity, sentence FROM row_rule
WHERE source_table = ANY(%(tables)s) ORDER BY source_table, place, code;

-- name: held_to
-- The rule sets a table uses, and its own hold limit; NULL where it has none.
SELECT t.name AS source_table, h.hold_above::float8 AS hold_above,
       (SELECT jsonb_object_agg(u.rule_set, u.items) FROM rule_set_use u WHERE u.source_table = t.name) AS rule_sets
FROM source_table t LEFT JOIN hold_threshold h ON h.source_table = t.name
WHERE t.name = ANY(%(tables)s);
