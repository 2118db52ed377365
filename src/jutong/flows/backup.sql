-- name: record_backup
INSERT INTO backup_run (folder, started_at, finished_at, files, bytes, verified, copied, snapshot, ledger_size)
VALUES (%(folder)s, %(started_at)s, now(), %(files)s, %(bytes)s, %(verified)s, %(copied)s, %(snapshot)s, %(ledger_size)s)

-- name: recent
SELECT * FROM backup_run WHERE removed_at IS NULL ORDER BY id DESC LIMIT %(limit)s

-- name: keep_drill
UPDATE backup_run SET drilled_at = now(), drill_seconds = %(seconds)s
WHERE id = (SELECT max(id) FROM backup_run WHERE folder = %(folder)s)

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
