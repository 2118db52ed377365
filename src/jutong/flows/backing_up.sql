-- Scheduled backups.

-- name: plan
SELECT p.folder, p.keep, p.drill_days, h.every, h.from_hour AS hour, p.set_by, p.set_at
FROM backup_plan p JOIN housekeeping h ON h.task = 'backup';

-- name: set_plan
INSERT INTO backup_plan (folder, keep, drill_days, set_by) VALUES (%(folder)s, %(keep)s, %(drill_days)s, %(by)s)
ON CONFLICT (one) DO UPDATE SET folder = EXCLUDED.folder, keep = EXCLUDED.keep, drill_days = EXCLUDED.drill_days,
    set_by = EXCLUDED.set_by, set_at = now();

-- name: set_times
UPDATE housekeeping SET every = %(every)s, from_hour = %(from)s, to_hour = %(to)s, paused = false,
    changed_by = %(by)s, changed_at = now()
WHERE task = 'backup';

-- name: removed
UPDATE backup_run SET removed_at = now() WHERE folder = ANY(%(folders)s) AND removed_at IS NULL;
