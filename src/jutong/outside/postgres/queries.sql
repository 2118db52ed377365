-- name: columns
-- Every column of every table a reader may see, domains resolved to their base type.
WITH RECURSIVE base (oid, typname, typtype, typbasetype) AS (
    SELECT oid, typname, typtype, typbasetype FROM pg_catalog.pg_type
), resolved (oid, at) AS (
    SELECT oid, oid FROM base
    UNION ALL
    SELECT resolved.oid, base.typbasetype FROM resolved JOIN base ON base.oid = resolved.at AND base.typtype = 'd'
)
SELECT n.nspname::text AS schema_name, c.relname::text AS table_name, a.attname::text AS column_name,
       t.typname::text AS type_name, coalesce(col_description(c.oid, a.attnum), '')::text AS label,
       coalesce(obj_description(c.oid), '')::text AS table_label
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN resolved r ON r.oid = a.atttypid
JOIN base t ON t.oid = r.at AND t.typtype <> 'd'
WHERE a.attnum > 0 AND NOT a.attisdropped
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\_toast%'
ORDER BY n.nspname, c.relname, a.attnum
