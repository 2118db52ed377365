-- Purges: applications, what they took away, certificates.

-- name: apply
INSERT INTO purge (dataset, sought, digest, period, basis, reason, applied_by)
VALUES (%(dataset)s, %(sought)s, %(digest)s, %(period)s, %(basis)s, %(reason)s, %(by)s) RETURNING id;

-- name: one
SELECT * FROM purge WHERE id = %(id)s;

-- name: purges
SELECT * FROM purge ORDER BY id DESC LIMIT %(limit)s;

-- name: unseen
-- Applied for, and nobody has looked yet how many rows it would be.
SELECT id FROM purge WHERE state = 'applied' AND found IS NULL ORDER BY id;

-- name: waiting
SELECT id FROM purge WHERE state = 'confirmed' ORDER BY id;

-- name: asked_for
-- Whether there is work for the stage, and none of it on the queue.
SELECT 1 FROM purge WHERE (state = 'confirmed' OR state = 'applied' AND found IS NULL)
AND NOT EXISTS (SELECT 1 FROM job_run WHERE stage = 'purge' AND state IN ('waiting', 'running'))
AND NOT EXISTS (SELECT 1 FROM job_run WHERE stage = 'purge' AND finished_at > now() - interval '10 minutes'
                AND state <> 'done') LIMIT 1;

-- name: keep_found
UPDATE purge SET found = %(found)s WHERE id = %(id)s AND state = 'applied';

-- name: confirm
UPDATE purge SET state = 'confirmed', confirmed_by = %(by)s, confirmed_at = now()
WHERE id = %(id)s AND state = 'applied' AND found IS NOT NULL AND applied_by <> %(by)s RETURNING id;

-- name: refuse
UPDATE purge SET state = 'refused', problem = %(reason)s, sought = NULL, finished_at = now()
WHERE id = %(id)s AND state = 'applied' RETURNING id;

-- name: at_step
UPDATE purge SET step = %(step)s, problem = '' WHERE id = %(id)s AND state = 'confirmed';

-- name: keep_problem
UPDATE purge SET problem = %(problem)s WHERE id = %(id)s AND state = 'confirmed';

-- name: keep_snapshot
UPDATE purge SET snapshot = %(snapshot)s WHERE id = %(id)s;

-- name: keep_forgotten
UPDATE purge SET forgotten = forgotten + %(forgotten)s WHERE id = %(id)s;

-- name: alone
-- One purge at a time; the lock ends with the connection.
SELECT pg_try_advisory_xact_lock(hashtextextended('jutong.flows.purging', 0)) AS mine;

-- name: keep_row
INSERT INTO purge_row (purge_id, "table", batch_id, row_no) VALUES (%(id)s, %(table)s, %(batch)s, %(row)s)
ON CONFLICT DO NOTHING;

-- name: items_of
SELECT items FROM source_table WHERE name = %(table)s;

-- name: rows
SELECT "table", batch_id, row_no FROM purge_row WHERE purge_id = %(id)s;

-- name: drop_rows
DELETE FROM purge_row WHERE purge_id = %(id)s;

-- name: drop_parts
DELETE FROM purge_part WHERE purge_id = %(id)s AND commit_id = %(commit)s AND NOT happened;

-- name: keep_part
INSERT INTO purge_part (purge_id, commit_id, dataset, batch_id, rows, happened)
VALUES (%(id)s, %(commit)s, %(dataset)s, %(batch)s, %(rows)s, %(happened)s);

-- name: parts_happened
UPDATE purge_part SET happened = true WHERE purge_id = %(id)s AND commit_id = %(commit)s;

-- name: strike_parts
-- Of commits that never came about.
DELETE FROM purge_part WHERE purge_id = %(id)s AND NOT happened;

-- name: keep_file
INSERT INTO purge_file (purge_id, kind, name) VALUES (%(id)s, %(kind)s, %(name)s) ON CONFLICT DO NOTHING;

-- name: files
SELECT kind, name FROM purge_file WHERE purge_id = %(id)s ORDER BY kind, name;

-- name: delivered_files
-- The files in which batches came that had such rows.
SELECT DISTINCT b.file_sha256 AS sha256 FROM purge_row r JOIN batch b ON b.id = r.batch_id
WHERE r.purge_id = %(id)s AND b.file_sha256 IS NOT NULL;

-- name: parts
SELECT dataset, sum(rows)::bigint AS rows, count(DISTINCT nullif(batch_id, '')) AS batches,
       bool_or(commit_id LIKE 'archive:%%') AS archived
FROM purge_part WHERE purge_id = %(id)s AND happened GROUP BY dataset ORDER BY dataset;

-- name: batches
SELECT batch_id, sum(rows)::bigint AS rows FROM purge_part
WHERE purge_id = %(id)s AND happened AND batch_id <> '' GROUP BY batch_id ORDER BY batch_id;

-- name: departments
-- Whose systems gave the rows: they are told, for what the source still says is given again.
SELECT DISTINCT s.department_code FROM purge_row r
JOIN source_table t ON t.name = r."table" JOIN source s ON s.name = t.source_name WHERE r.purge_id = %(id)s;

-- name: behind
SELECT name, dataset FROM lake_follower WHERE snapshot < %(snapshot)s ORDER BY 1, 2;

-- name: backups
-- Backups that may hold the rows, the newest first.
SELECT folder, started_at FROM backup_run
WHERE removed_at IS NULL AND finished_at IS NOT NULL AND started_at < %(before)s ORDER BY started_at DESC;

-- name: backup_plan
SELECT p.folder, p.keep, h.every FROM backup_plan p JOIN housekeeping h ON h.task = 'backup' AND NOT h.paused;

-- name: finish
UPDATE purge SET state = 'done', step = '', problem = '', sought = NULL, certificate = %(certificate)s,
    signature = %(signature)s, finished_at = now()
WHERE id = %(id)s AND state = 'confirmed';

-- name: wash
-- What a person wrote or a case keeps of the rows: the identifier goes, the rest stays.
UPDATE {table} SET {column} = replace({column}::text, %(word)s, %(instead)s)::{kind}
WHERE {column}::text LIKE %(like)s;
