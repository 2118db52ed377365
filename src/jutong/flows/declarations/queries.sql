-- What declarations ask of the rooms' rows.

-- name: code_of_entry
SELECT code FROM entry WHERE department_code = %(department)s AND name = %(name)s;

-- name: code_of_entry_id
SELECT code FROM entry WHERE id = %(id)s;

-- name: rules_of
SELECT source_table, code, kind, items, arguments, severity, sentence FROM row_rule
WHERE source_table = ANY(%(tables)s) ORDER BY source_table, place, code;
