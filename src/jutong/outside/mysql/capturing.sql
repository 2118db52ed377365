-- Change capture from the MySQL family: what must hold, and where the log stands.

-- name: server
-- Of every server of the family.
SHOW GLOBAL VARIABLES WHERE Variable_name IN ('version', 'log_bin', 'binlog_format', 'binlog_row_image',
    'binlog_row_value_options', 'binlog_transaction_compression', 'log_bin_compress', 'server_id', 'server_uuid',
    'server_uid', 'read_only', 'log_slave_updates', 'log_replica_updates')
-- name: tables
SELECT TABLE_SCHEMA AS schema_name, TABLE_NAME AS table_name, TABLE_TYPE AS kind, ENGINE AS engine
FROM information_schema.TABLES WHERE (TABLE_SCHEMA, TABLE_NAME) IN %(tables)s
-- name: columns
-- Each column as the log must be read: in its place, with its charset and members.
SELECT TABLE_SCHEMA AS schema_name, TABLE_NAME AS table_name, COLUMN_NAME AS column_name,
       LOWER(DATA_TYPE) AS data_type, COLUMN_TYPE AS column_type, CHARACTER_SET_NAME AS charset,
       CHARACTER_OCTET_LENGTH AS octets, NUMERIC_SCALE AS scale, COLUMN_KEY = 'PRI' AS keyed,
       COALESCE(GENERATION_EXPRESSION, '') <> '' AS made
FROM information_schema.COLUMNS WHERE (TABLE_SCHEMA, TABLE_NAME) IN %(tables)s
ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION
-- name: cascades
-- Tables whose rows the engine changes by itself, unseen by the log.
SELECT DISTINCT CONSTRAINT_SCHEMA AS schema_name, TABLE_NAME AS table_name
FROM information_schema.REFERENTIAL_CONSTRAINTS
WHERE (CONSTRAINT_SCHEMA, TABLE_NAME) IN %(tables)s
  AND (DELETE_RULE NOT IN ('RESTRICT', 'NO ACTION') OR UPDATE_RULE NOT IN ('RESTRICT', 'NO ACTION'))
