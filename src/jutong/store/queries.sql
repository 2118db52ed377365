-- Two kinds of query: on the control database (search_path jutong), and on DuckLake's own catalogue (schema
-- lake, read through the lake's role and always written with its schema).

-- name: find_dataset
SELECT name, label, keys, items, version, department_code FROM dataset WHERE name = %(name)s;

-- name: find_datasets
SELECT name, label, keys, items, version, department_code FROM dataset WHERE name = ANY(%(names)s);

-- name: list_datasets
-- With no more than is needed to see which of them are known already.
SELECT name, xmin::text AS edition FROM dataset WHERE %(zone)s::text IS NULL OR zone = %(zone)s ORDER BY name;

-- name: save_dataset
INSERT INTO dataset (name, zone, label, keys, items, version, department_code)
VALUES (%(name)s, %(zone)s, %(label)s, %(keys)s, %(items)s, %(version)s, %(department_code)s)
ON CONFLICT (name) DO UPDATE SET label = EXCLUDED.label, keys = EXCLUDED.keys, items = EXCLUDED.items,
    version = EXCLUDED.version, department_code = EXCLUDED.department_code, declared_at = now();

-- name: lock_datasets
-- Politeness: whoever holds these waits in line; released with the transaction, so a lost connection frees them.
SELECT pg_advisory_xact_lock(hashtextextended('jutong.store ' || name, 0))
FROM (SELECT unnest(%(names)s::text[]) AS name ORDER BY 1) AS ordered;

-- name: keep_commits
INSERT INTO lake_commit (commit_id, snapshot, at) VALUES (%(commit_id)s, %(snapshot)s, %(at)s)
ON CONFLICT (commit_id) DO NOTHING;

-- name: expired_commit
SELECT snapshot FROM lake_commit WHERE commit_id = %(commit_id)s;

-- name: expired_notes
SELECT snapshot, at, commit_id FROM lake_commit WHERE snapshot = ANY(%(snapshots)s);

-- name: expired_since
-- A commit after a kept snapshot and up to an instant whose own snapshot has expired.  One made under a wrong clock may
-- have come anywhere between the kept ones around it, by their numbers, and nowhere else.
SELECT snapshot FROM lake_commit
WHERE snapshot > %(found)s
  AND (at > %(since)s - interval '1 minute' AND at <= %(instant)s
       OR (%(upto)s::bigint IS NULL OR snapshot < %(upto)s)
          AND at NOT BETWEEN %(since)s - interval '1 minute' AND %(until)s + interval '1 minute')
LIMIT 1;

-- name: follow
INSERT INTO lake_follower (name, dataset, snapshot) VALUES (%(name)s, %(dataset)s, %(snapshot)s)
ON CONFLICT (name, dataset) DO UPDATE SET snapshot = EXCLUDED.snapshot, moved_at = now();

-- name: unfollow
DELETE FROM lake_follower WHERE name = %(name)s AND (%(dataset)s::text IS NULL OR dataset = %(dataset)s);

-- name: slowest_follower
SELECT min(snapshot) AS snapshot FROM lake_follower WHERE moved_at > now() - %(cap)s::interval;

-- name: lake_commit
SELECT snapshot_id FROM lake.ducklake_snapshot_changes WHERE commit_extra_info = %(commit_id)s
ORDER BY snapshot_id LIMIT 1;

-- name: lake_snapshot
SELECT max(snapshot_id) AS snapshot, min(snapshot_id) AS oldest FROM lake.ducklake_snapshot;

-- name: lake_remembered
SELECT max(snapshot_id) AS newest, count(*) AS count, min(snapshot_time) AS since FROM lake.ducklake_snapshot;

-- name: lake_snapshot_at
-- The newest snapshot up to an instant, and whether a clock that jumped makes times and numbers disagree; by seconds
-- they may, for processes commit at once.
SELECT max(snapshot_id) FILTER (WHERE snapshot_time <= %(instant)s) AS snapshot,
       coalesce(bool_or(snapshot_time < before - interval '1 minute'), false) AS jumped
FROM (
    SELECT snapshot_id, snapshot_time, lag(snapshot_time) OVER (ORDER BY snapshot_id) AS before
    FROM lake.ducklake_snapshot
) AS s;

-- name: lake_times
SELECT snapshot_id, snapshot_time FROM lake.ducklake_snapshot ORDER BY snapshot_id;

-- name: lake_snapshots_before
SELECT snapshot_id, snapshot_time FROM lake.ducklake_snapshot WHERE snapshot_id < %(keep_from)s ORDER BY snapshot_id;

-- name: lake_commits_of
SELECT c.commit_extra_info AS commit_id, c.snapshot_id AS snapshot, s.snapshot_time AS at
FROM lake.ducklake_snapshot_changes c JOIN lake.ducklake_snapshot s USING (snapshot_id)
WHERE c.snapshot_id = ANY(%(snapshots)s) AND c.commit_extra_info IS NOT NULL;

-- name: lake_kept_before
SELECT max(snapshot_id) AS snapshot FROM lake.ducklake_snapshot WHERE snapshot_id < %(snapshot)s;

-- name: lake_commit_notes
SELECT s.snapshot_id AS snapshot, s.snapshot_time AS at, c.commit_extra_info AS commit_id
FROM lake.ducklake_snapshot s LEFT JOIN lake.ducklake_snapshot_changes c USING (snapshot_id)
WHERE s.snapshot_id = ANY(%(snapshots)s);

-- name: lake_kept_between
-- How many snapshots of (since, until] are still there, and whether since is.
SELECT count(*) FILTER (WHERE snapshot_id > %(since)s) AS kept,
       coalesce(bool_or(snapshot_id = %(since)s), false) AS begins
FROM lake.ducklake_snapshot WHERE snapshot_id BETWEEN %(since)s AND %(until)s;

-- name: lake_tables
-- These living tables, and all past versions, with their living columns, name → type as DuckLake writes it.
SELECT s.schema_name AS zone, t.table_name AS table, t.table_id,
       jsonb_object_agg(c.column_name, c.column_type) AS columns
FROM lake.ducklake_table t
JOIN lake.ducklake_schema s ON s.schema_id = t.schema_id AND s.end_snapshot IS NULL
JOIN lake.ducklake_column c ON c.table_id = t.table_id AND c.end_snapshot IS NULL AND c.parent_column IS NULL
WHERE t.end_snapshot IS NULL AND s.schema_name <> 'fence'
  AND (s.schema_name || '.' || t.table_name = ANY(%(names)s) OR t.table_name ~ '__v[0-9]+$')
GROUP BY 1, 2, 3;

-- name: lake_holding
-- Which of these datasets have a data file; the others are empty, and nobody need count them.
SELECT DISTINCT s.schema_name || '.' || t.table_name AS name
FROM lake.ducklake_table t
JOIN lake.ducklake_schema s ON s.schema_id = t.schema_id AND s.end_snapshot IS NULL
JOIN lake.ducklake_data_file f ON f.table_id = t.table_id AND f.end_snapshot IS NULL
WHERE t.end_snapshot IS NULL AND s.schema_name || '.' || t.table_name = ANY(%(names)s);

-- name: lake_table_at
-- The table that bore a name at a snapshot, with its columns then, in order; no row when there was none.
SELECT t.table_id, array_agg(c.column_id ORDER BY c.column_order) AS ids,
       array_agg(c.column_name ORDER BY c.column_order) AS columns,
       array_agg(c.column_type ORDER BY c.column_order) AS types
FROM lake.ducklake_table t
JOIN lake.ducklake_schema s ON s.schema_id = t.schema_id
JOIN lake.ducklake_column c ON c.table_id = t.table_id AND c.parent_column IS NULL
  AND c.begin_snapshot <= %(snapshot)s AND (c.end_snapshot IS NULL OR c.end_snapshot > %(snapshot)s)
WHERE s.schema_name = %(zone)s AND t.table_name = %(table)s
  AND t.begin_snapshot <= %(snapshot)s AND (t.end_snapshot IS NULL OR t.end_snapshot > %(snapshot)s)
GROUP BY 1;

-- name: lake_touched
-- Whether any row of a table came, went or was struck out in (since, until]. A merged file bears the snapshot of
-- its oldest rows; partial_max is that of its youngest.
SELECT EXISTS (
    SELECT 1 FROM (
        SELECT begin_snapshot, end_snapshot, partial_max FROM lake.ducklake_data_file
        WHERE table_id = %(table_id)s
        UNION ALL
        SELECT begin_snapshot, end_snapshot, partial_max FROM lake.ducklake_delete_file
        WHERE table_id = %(table_id)s
    ) AS f
    WHERE f.begin_snapshot > %(since)s AND f.begin_snapshot <= %(until)s
       OR f.end_snapshot > %(since)s AND f.end_snapshot <= %(until)s
       OR f.partial_max > %(since)s
) AS touched;

-- name: lake_columns_at
-- A dataset's columns at a snapshot, in order, and where its files lie.
SELECT t.table_id, c.column_id, c.column_name, c.column_type, c.initial_default,
       t.path AS table_path, t.path_is_relative AS table_relative,
       s.path AS schema_path, s.path_is_relative AS schema_relative
FROM lake.ducklake_table t
JOIN lake.ducklake_schema s ON s.schema_id = t.schema_id
JOIN lake.ducklake_column c ON c.table_id = t.table_id AND c.parent_column IS NULL
  AND c.begin_snapshot <= %(snapshot)s AND (c.end_snapshot IS NULL OR c.end_snapshot > %(snapshot)s)
WHERE s.schema_name = %(zone)s AND t.table_name = %(table)s
  AND t.begin_snapshot <= %(snapshot)s AND (t.end_snapshot IS NULL OR t.end_snapshot > %(snapshot)s)
ORDER BY c.column_order;

-- name: lake_files_at
SELECT f.path, f.path_is_relative, f.partial_max, d.path AS delete_path, d.path_is_relative AS delete_relative,
       d.partial_max AS delete_max, f.record_count AS rows
FROM lake.ducklake_data_file f
LEFT JOIN lake.ducklake_delete_file d ON d.data_file_id = f.data_file_id
  AND d.begin_snapshot <= %(snapshot)s AND (d.end_snapshot IS NULL OR d.end_snapshot > %(snapshot)s)
WHERE f.table_id = %(table_id)s
  AND f.begin_snapshot <= %(snapshot)s AND (f.end_snapshot IS NULL OR f.end_snapshot > %(snapshot)s)
ORDER BY f.data_file_id;

-- name: lake_usage
SELECT s.schema_name AS zone, t.table_name AS table,
       coalesce(sum(f.record_count), 0)::bigint - coalesce(sum(d.delete_count), 0)::bigint AS rows,
       (coalesce(sum(f.file_size_bytes), 0) + coalesce(sum(d.file_size_bytes), 0))::bigint AS bytes,
       count(f.data_file_id) AS files, count(d.delete_file_id) AS delete_files,
       coalesce(sum(d.delete_count), 0)::bigint AS deleted_rows,
       count(f.data_file_id) FILTER (WHERE f.file_size_bytes < %(small)s AND d.delete_file_id IS NULL) AS small_files
FROM lake.ducklake_table t
JOIN lake.ducklake_schema s ON s.schema_id = t.schema_id AND s.end_snapshot IS NULL
LEFT JOIN lake.ducklake_data_file f ON f.table_id = t.table_id AND f.end_snapshot IS NULL
LEFT JOIN lake.ducklake_delete_file d ON d.data_file_id = f.data_file_id AND d.end_snapshot IS NULL
WHERE t.end_snapshot IS NULL AND s.schema_name <> 'fence'
GROUP BY 1, 2 ORDER BY 1, 2;

-- name: lake_files
-- Every file the catalogue still knows, with the parts its path is put together from.
SELECT f.path, f.path_is_relative, t.path AS table_path, t.path_is_relative AS table_relative,
       s.path AS schema_path, s.path_is_relative AS schema_relative, f.living, f.bytes,
       s.schema_name || '.' || t.table_name AS dataset
FROM (
    SELECT table_id, path, path_is_relative, end_snapshot IS NULL AS living, file_size_bytes AS bytes
    FROM lake.ducklake_data_file
    UNION ALL
    SELECT table_id, path, path_is_relative, end_snapshot IS NULL, file_size_bytes FROM lake.ducklake_delete_file
) AS f
JOIN LATERAL (
    SELECT * FROM lake.ducklake_table WHERE table_id = f.table_id ORDER BY begin_snapshot DESC LIMIT 1
) AS t ON true
JOIN LATERAL (
    SELECT * FROM lake.ducklake_schema WHERE schema_id = t.schema_id ORDER BY begin_snapshot DESC LIMIT 1
) AS s ON true;

-- name: lake_folders
-- Where the files of these datasets and of their fences lie.
SELECT t.path AS table_path, t.path_is_relative AS table_relative,
       s.path AS schema_path, s.path_is_relative AS schema_relative
FROM lake.ducklake_table t
JOIN lake.ducklake_schema s ON s.schema_id = t.schema_id AND s.end_snapshot IS NULL
WHERE t.end_snapshot IS NULL
  AND (s.schema_name || '.' || t.table_name = ANY(%(names)s)
       OR s.schema_name = 'fence' AND t.table_name = ANY(%(fences)s));

-- name: lake_scheduled_files
SELECT path, path_is_relative FROM lake.ducklake_files_scheduled_for_deletion;

-- name: lake_inlined_tables
SELECT count(*) AS n FROM lake.ducklake_inlined_data_tables;

-- name: lake_language
SELECT current_setting('lc_messages') AS language;

-- name: lake_moved
-- A lake that was copied elsewhere keeps its old path in its catalogue.
UPDATE lake.ducklake_metadata SET value = %(path)s WHERE key = 'data_path' AND scope IS NULL AND value <> %(path)s;

-- name: lake_path
SELECT value AS path FROM lake.ducklake_metadata WHERE key = 'data_path' AND scope IS NULL;

-- name: lake_state
-- The index is made last, so it says that the making of the lake was finished.
SELECT to_regclass('lake.ducklake_snapshot') IS NOT NULL AS made,
       to_regclass('lake.jutong_commit') IS NOT NULL AS finished;

-- name: lake_indexes
-- DuckLake makes its catalogue without indexes; each table it opens would be a scan over all files of the lake.
CREATE INDEX IF NOT EXISTS jutong_data_file_table ON lake.ducklake_data_file (table_id);
CREATE INDEX IF NOT EXISTS jutong_delete_file_table ON lake.ducklake_delete_file (table_id);
CREATE INDEX IF NOT EXISTS jutong_file_stats_file ON lake.ducklake_file_column_stats (data_file_id);
CREATE INDEX IF NOT EXISTS jutong_file_stats_table ON lake.ducklake_file_column_stats (table_id);
CREATE INDEX IF NOT EXISTS jutong_table_stats_table ON lake.ducklake_table_stats (table_id);
CREATE INDEX IF NOT EXISTS jutong_column_stats_table ON lake.ducklake_table_column_stats (table_id);
CREATE INDEX IF NOT EXISTS jutong_column_table ON lake.ducklake_column (table_id);
CREATE INDEX IF NOT EXISTS jutong_commit ON lake.ducklake_snapshot_changes (commit_extra_info);

-- name: lake_events
-- When these datasets changed, as spans (begins, ends]: one snapshot, or those a merged file's rows came with; and
-- what past versions of them did.
WITH held AS (
    SELECT DISTINCT t.table_id FROM lake.ducklake_table t JOIN lake.ducklake_schema s USING (schema_id)
    JOIN unnest(%(names)s::text[]) AS n (name)
      ON s.schema_name = split_part(n.name, '.', 1)
     AND (t.table_name = split_part(n.name, '.', 2)
          OR left(t.table_name, length(left(split_part(n.name, '.', 2), 56)) + 3) = left(split_part(n.name, '.', 2), 56) || '__v')
), files AS (
    SELECT begin_snapshot, end_snapshot, partial_max FROM lake.ducklake_data_file JOIN held USING (table_id)
    UNION ALL
    SELECT begin_snapshot, end_snapshot, partial_max FROM lake.ducklake_delete_file JOIN held USING (table_id)
    UNION ALL
    SELECT begin_snapshot, end_snapshot, NULL FROM lake.ducklake_table JOIN held USING (table_id)
    UNION ALL
    SELECT begin_snapshot, end_snapshot, NULL FROM lake.ducklake_column JOIN held USING (table_id)
)
SELECT DISTINCT begin_snapshot - 1 AS begins, greatest(begin_snapshot, partial_max) AS ends FROM files
UNION
SELECT DISTINCT end_snapshot - 1, end_snapshot FROM files WHERE end_snapshot IS NOT NULL;

-- name: lake_kept
-- Every snapshot the lake still has, in order.
SELECT snapshot_id FROM lake.ducklake_snapshot ORDER BY snapshot_id;

-- name: stay_holds
-- Whoever takes something away holds this; whoever places a hold waits for it, and so comes before or after.
LOCK TABLE legal_hold IN SHARE MODE;

-- name: held
-- The datasets under a hold, of these or of all.
SELECT DISTINCT dataset FROM held_dataset WHERE %(names)s::text[] IS NULL OR dataset = ANY(%(names)s);

-- name: add_part
INSERT INTO archive_part (dataset, batch_id, path, columns, rows, bytes, sha256, rule_id, commit_id)
VALUES (%(dataset)s, %(batch_id)s, %(path)s, %(columns)s, %(rows)s, %(bytes)s, %(sha256)s, %(rule_id)s, %(commit_id)s)
RETURNING id;

-- name: parts_left
UPDATE archive_part SET snapshot = %(snapshot)s WHERE commit_id = %(commit_id)s AND snapshot IS NULL;

-- name: parts_unsaid
-- Whose end nobody noted: commits, out or back, of which the lake must be asked, and files that were to go.
SELECT * FROM archive_part
WHERE snapshot IS NULL AND archived_at < now() - %(patience)s::interval
   OR recall_commit IS NOT NULL AND recalled_snapshot IS NULL AND recalled_at < now() - %(patience)s::interval
   OR destroy_asked_by IS NOT NULL AND destroyed_at IS NULL;

-- name: strike_part
DELETE FROM archive_part WHERE id = %(id)s AND snapshot IS NULL;

-- name: parts_of
-- What of a dataset may lie in the archive; whether a commit of NULL snapshot happened is asked of the lake.
SELECT * FROM archive_part WHERE dataset = %(dataset)s AND destroyed_at IS NULL ORDER BY id;

-- name: find_part
-- One batch's living part.
SELECT * FROM archive_part
WHERE dataset = %(dataset)s AND batch_id = %(batch_id)s AND recalled_snapshot IS NULL AND destroyed_at IS NULL
FOR UPDATE;

-- name: ask_recall
UPDATE archive_part SET recall_commit = %(commit_id)s, recalled_by = %(by)s, recalled_at = now() WHERE id = %(id)s;

-- name: drop_recall
UPDATE archive_part SET recall_commit = NULL, recalled_by = NULL, recalled_at = NULL WHERE id = %(id)s AND recalled_snapshot IS NULL;

-- name: recalled
UPDATE archive_part SET recalled_snapshot = %(snapshot)s WHERE id = %(id)s;

-- name: ask_destroy
UPDATE archive_part SET destroy_asked_by = %(by)s, destroy_reason = %(reason)s
WHERE id = %(id)s AND destroyed_at IS NULL AND recalled_snapshot IS NULL AND recall_commit IS NULL AND snapshot IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM held_dataset h WHERE h.dataset = archive_part.dataset)
RETURNING *;

-- name: destroyed
UPDATE archive_part SET destroyed_at = now() WHERE id = %(id)s AND destroyed_at IS NULL RETURNING *;

-- name: drop_destroy
UPDATE archive_part SET destroy_asked_by = NULL, destroy_reason = NULL WHERE id = %(id)s AND destroyed_at IS NULL;

-- name: part_paths
SELECT path FROM archive_part;

-- name: parts_weighed
-- Every file that must be in the archive.
SELECT dataset, path, bytes, sha256 FROM archive_part
WHERE destroyed_at IS NULL AND recalled_snapshot IS NULL AND snapshot IS NOT NULL;

-- name: lake_living
-- Every living table but the fences, with its columns in order; past versions too.
SELECT s.schema_name AS zone, t.table_name AS table, array_agg(c.column_name ORDER BY c.column_order) AS columns
FROM lake.ducklake_table t
JOIN lake.ducklake_schema s ON s.schema_id = t.schema_id AND s.end_snapshot IS NULL
JOIN lake.ducklake_column c ON c.table_id = t.table_id AND c.end_snapshot IS NULL AND c.parent_column IS NULL
WHERE t.end_snapshot IS NULL AND s.schema_name IN ('raw', 'standard', 'base', 'topic')
GROUP BY 1, 2 ORDER BY 1, 2;

-- name: lake_folders_ever
-- Where the files of each table lie, whatever name it bears or bore.
SELECT DISTINCT s.schema_name AS zone, t.table_name AS table, t.path AS table_path,
       t.path_is_relative AS table_relative, s.path AS schema_path, s.path_is_relative AS schema_relative
FROM lake.ducklake_table t JOIN lake.ducklake_schema s USING (schema_id);

-- name: lake_file_spans
-- Every data file with the snapshots it counts in.
SELECT f.path, f.path_is_relative, f.begin_snapshot, f.end_snapshot, t.path AS table_path,
       t.path_is_relative AS table_relative, s.path AS schema_path, s.path_is_relative AS schema_relative,
       s.schema_name || '.' || t.table_name AS dataset
FROM lake.ducklake_data_file f
JOIN LATERAL (
    SELECT * FROM lake.ducklake_table WHERE table_id = f.table_id ORDER BY begin_snapshot DESC LIMIT 1
) AS t ON true
JOIN LATERAL (
    SELECT * FROM lake.ducklake_schema WHERE schema_id = t.schema_id ORDER BY begin_snapshot DESC LIMIT 1
) AS s ON true;

-- name: lake_hasten
-- Files that were let go count as let go long ago.
UPDATE lake.ducklake_files_scheduled_for_deletion SET schedule_start = now() - interval '20 years'
WHERE path = ANY(%(paths)s::text[]);

-- name: lake_unschedule
DELETE FROM lake.ducklake_files_scheduled_for_deletion WHERE path = ANY(%(paths)s::text[]);

-- name: lake_table_stats
SELECT table_id, column_id, min_value, max_value FROM lake.ducklake_table_column_stats
WHERE min_value IS NOT NULL OR max_value IS NOT NULL;

-- name: lake_blur
UPDATE lake.ducklake_table_column_stats SET min_value = NULL, max_value = NULL
WHERE table_id = %(table_id)s AND column_id = %(column_id)s;

-- name: parts_kept
-- Every file of the archive that lies there, recalled batches' too.
SELECT * FROM archive_part WHERE destroyed_at IS NULL AND snapshot IS NOT NULL ORDER BY id;

-- name: part_written_again
UPDATE archive_part SET path = %(path)s, rows = %(rows)s, bytes = %(bytes)s, sha256 = %(sha256)s
WHERE id = %(id)s AND path = %(was)s AND destroyed_at IS NULL RETURNING id;

-- name: parts_recalled
-- Batches that came back so long ago that they may be archived again, with a file that only the past needs.
SELECT id, path, snapshot, recalled_snapshot, spent_at, now() - spent_at > %(grace)s::interval AS over FROM archive_part
WHERE recalled_snapshot IS NOT NULL AND recalled_at < now() - %(rest)s::interval AND destroyed_at IS NULL;

-- name: part_spent
UPDATE archive_part SET spent_at = now() WHERE id = %(id)s AND spent_at IS NULL;

-- name: drop_part
DELETE FROM archive_part WHERE id = %(id)s AND spent_at IS NOT NULL RETURNING path;
