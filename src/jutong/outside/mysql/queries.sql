-- name: columns
-- Every column of every table a reader may see.
SELECT c.TABLE_SCHEMA AS schema_name, c.TABLE_NAME AS table_name, c.COLUMN_NAME AS column_name,
       LOWER(c.DATA_TYPE) AS data_type, LOWER(c.COLUMN_TYPE) AS column_type,
       c.NUMERIC_PRECISION AS numeric_precision, c.COLUMN_COMMENT AS label, t.TABLE_COMMENT AS table_label,
       t.TABLE_TYPE AS table_type, c.IS_NULLABLE AS nullable, t.DATA_LENGTH AS bytes
FROM information_schema.COLUMNS c
JOIN information_schema.TABLES t ON t.TABLE_SCHEMA = c.TABLE_SCHEMA AND t.TABLE_NAME = c.TABLE_NAME
WHERE c.TABLE_SCHEMA NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys')
ORDER BY c.TABLE_SCHEMA, c.TABLE_NAME, c.ORDINAL_POSITION
-- name: keys
-- The columns of each table's primary key, in its order.
SELECT TABLE_SCHEMA AS schema_name, TABLE_NAME AS table_name, COLUMN_NAME AS column_name
FROM information_schema.KEY_COLUMN_USAGE
WHERE CONSTRAINT_NAME = 'PRIMARY'
ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION
