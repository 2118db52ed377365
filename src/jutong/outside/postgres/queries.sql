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
       coalesce(obj_description(c.oid), '')::text AS table_label,
       (SELECT array_agg(k.attname::text ORDER BY array_position(i.indkey::int2[], k.attnum))
        FROM pg_catalog.pg_index i
        JOIN pg_catalog.pg_attribute k ON k.attrelid = i.indrelid AND k.attnum = ANY (i.indkey)
        WHERE i.indrelid = c.oid AND i.indisprimary) AS keys
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN resolved r ON r.oid = a.atttypid
JOIN base t ON t.oid = r.at AND t.typtype <> 'd'
WHERE a.attnum > 0 AND NOT a.attisdropped
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\_toast%'
ORDER BY n.nspname, c.relname, a.attnum

-- name: blocks
-- How many blocks a table has, and whether ranges of them can be read.
SELECT c.relkind IN ('r', 'm') AND current_setting('server_version_num')::int >= 140000 AS divisible,
       (pg_relation_size(c.oid) / current_setting('block_size')::int)::bigint AS blocks,
       current_setting('block_size')::bigint AS block_size
FROM pg_catalog.pg_class c WHERE c.oid = to_regclass({table})
