-- name: record_backup
INSERT INTO backup_run (folder, finished_at, files, bytes, verified)
VALUES (%(folder)s, now(), %(files)s, %(bytes)s, %(verified)s)

-- name: has_city
SELECT 1 FROM pg_namespace WHERE nspname IN ('jutong', 'lake', 'jobs')

-- name: lake_objects
-- The schema and everything in it that has an owner of its own.
SELECT 'SCHEMA' AS kind, ARRAY['lake'] AS name
UNION ALL
SELECT CASE relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, ARRAY['lake', relname::text]
FROM pg_class
WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'lake') AND relkind IN ('r', 'p', 'S', 'v')
  -- A sequence that belongs to a column goes with its table.
  AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE objid = pg_class.oid AND deptype IN ('a', 'i') AND refobjsubid > 0)
