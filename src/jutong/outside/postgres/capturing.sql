-- Change capture from PostgreSQL: what must hold, the slot, and what it gives.

-- name: server
SELECT current_setting('wal_level') AS wal_level, pg_is_in_recovery() AS standby,
       r.rolreplication OR r.rolsuper AS may_replicate, current_user AS login
FROM pg_catalog.pg_roles r WHERE r.rolname = current_user

-- name: tables
-- What stands against capturing each table, as the server knows it; by OID of the wanted names.
SELECT n.nspname::text AS schema_name, c.relname::text AS table_name, c.relkind::text AS kind,
       c.relpersistence::text AS persistence, c.relreplident::text AS identity,
       EXISTS (SELECT 1 FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisprimary) AS keyed,
       EXISTS (SELECT 1 FROM pg_catalog.pg_attribute a
               WHERE a.attrelid = c.oid AND a.attgenerated <> '' AND NOT a.attisdropped) AS generated
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE (n.nspname, c.relname) IN (SELECT * FROM unnest(%(schemas)s::name[], %(names)s::name[]))

-- name: publication
SELECT to_jsonb(p) AS says FROM pg_catalog.pg_publication p WHERE pubname = %(publication)s

-- name: published
SELECT schemaname::text AS schema_name, tablename::text AS table_name, to_jsonb(t) ->> 'rowfilter' AS rowfilter,
       (SELECT count(*) FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = format('%%I.%%I', schemaname, tablename)::regclass AND a.attnum > 0 AND NOT a.attisdropped)
       > coalesce(jsonb_array_length(to_jsonb(t) -> 'attnames'), 1664) AS narrowed
FROM pg_catalog.pg_publication_tables t WHERE pubname = %(publication)s

-- name: slot
SELECT confirmed_flush_lsn::text AS confirmed, active,
       pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint AS behind,
       coalesce(to_jsonb(s) ->> 'wal_status', '') = 'lost' OR restart_lsn IS NULL AS lost
FROM pg_catalog.pg_replication_slots s WHERE slot_name = %(slot)s AND database = current_database()

-- name: kept
SELECT max(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn))::bigint AS kept
FROM pg_catalog.pg_replication_slots WHERE starts_with(slot_name::text, %(prefix)s)

-- name: make_slot
SELECT lsn::text AS lsn FROM pg_create_logical_replication_slot(%(slot)s, 'pgoutput')

-- name: drop_slot
SELECT pg_drop_replication_slot(slot_name) FROM pg_catalog.pg_replication_slots WHERE slot_name = %(slot)s

-- name: now
SELECT pg_current_wal_flush_lsn()::text AS lsn

-- name: advance
SELECT end_lsn::text FROM pg_replication_slot_advance(%(slot)s, %(lsn)s::pg_lsn)

-- name: peek
-- Whole transactions in the order of their commits; nothing is taken from the slot.
SELECT data FROM pg_logical_slot_peek_binary_changes(%(slot)s, %(upto)s::pg_lsn, %(limit)s,
    'proto_version', '1', 'publication_names', %(publication)s)
