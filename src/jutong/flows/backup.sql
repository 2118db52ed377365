-- name: record_backup
INSERT INTO backup_run (folder, finished_at, files, bytes, verified)
VALUES (%(folder)s, now(), %(files)s, %(bytes)s, %(verified)s)

-- name: move_lake
UPDATE lake.ducklake_metadata SET value = %(path)s WHERE key = 'data_path'
