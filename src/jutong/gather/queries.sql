-- name: save_source
INSERT INTO source (name, department_code, kind, label, config, secret_ref, state)
VALUES (%(name)s, %(department_code)s, %(kind)s, %(label)s, %(config)s, %(secret_ref)s, %(state)s)
ON CONFLICT (name) DO UPDATE SET department_code = EXCLUDED.department_code, kind = EXCLUDED.kind,
    label = EXCLUDED.label, config = EXCLUDED.config, secret_ref = EXCLUDED.secret_ref, state = EXCLUDED.state;

-- name: save_table
-- The entry a table supplies is the catalogue's business and stays as it is unless it is named.
INSERT INTO source_table (name, source_name, label, locator, mode, watermark_item, keys, items, entry_id, state)
VALUES (%(name)s, %(source_name)s, %(label)s, %(locator)s, %(mode)s, %(watermark_item)s, %(keys)s, %(items)s,
        %(entry_id)s, %(state)s)
ON CONFLICT (name) DO UPDATE SET source_name = EXCLUDED.source_name, label = EXCLUDED.label,
    locator = EXCLUDED.locator, mode = EXCLUDED.mode, watermark_item = EXCLUDED.watermark_item,
    keys = EXCLUDED.keys, items = EXCLUDED.items, state = EXCLUDED.state,
    entry_id = coalesce(EXCLUDED.entry_id, source_table.entry_id);

-- name: find_sources
SELECT * FROM source WHERE %(names)s::text[] IS NULL OR name = ANY(%(names)s) ORDER BY name;

-- name: find_tables
SELECT t.*, s.department_code FROM source_table t JOIN source s ON s.name = t.source_name
WHERE (%(source)s::text IS NULL OR t.source_name = %(source)s)
  AND (%(names)s::text[] IS NULL OR t.name = ANY(%(names)s)) ORDER BY t.name;

-- name: lock_sources
-- Held by the connection; a killed gatherer's locks go with it.
SELECT source, pg_try_advisory_lock(hashtextextended('jutong.gather ' || source, 0)) AS taken
FROM unnest(%(sources)s::text[]) AS source;

-- name: note_gathering
INSERT INTO gathering (commit_id, source_names, receipts) VALUES (%(commit_id)s, %(sources)s, %(receipts)s)
ON CONFLICT (commit_id) DO UPDATE SET receipts = EXCLUDED.receipts, noted_at = now();

-- name: open_gatherings
SELECT commit_id, receipts FROM gathering WHERE source_names && %(sources)s::text[] ORDER BY commit_id;

-- name: strike_gathering
-- A killed run's commit may still be in flight: one the lake does not know is kept for an hour.
DELETE FROM gathering
WHERE commit_id = %(commit_id)s AND (%(landed)s OR noted_at < now() - interval '1 hour');

-- name: save_batch
-- A failed batch may be tried again under the same id; one that was received never changes its receipt.
INSERT INTO batch (id, source_table, run_id, mode, given, bytes, content_hash, file_name, file_sha256,
    watermark_from, watermark_to, row_offset, gaps, set_aside, notices, noticed, problem, commit_id, snapshot, started_at,
    received_at, state, spliced)
VALUES (%(id)s, %(source_table)s, %(run_id)s, %(mode)s, %(given)s, %(bytes)s, %(content_hash)s, %(file_name)s,
    %(file_sha256)s, %(watermark_from)s, %(watermark_to)s, %(row_offset)s, %(gaps)s, %(set_aside)s, %(notices)s, %(noticed)s, %(problem)s,
    %(commit_id)s, %(snapshot)s, %(started_at)s, %(received_at)s, %(state)s, %(spliced)s)
ON CONFLICT (id) DO UPDATE SET mode = EXCLUDED.mode, given = EXCLUDED.given, bytes = EXCLUDED.bytes,
    content_hash = EXCLUDED.content_hash, file_name = EXCLUDED.file_name, file_sha256 = EXCLUDED.file_sha256,
    watermark_from = EXCLUDED.watermark_from, watermark_to = EXCLUDED.watermark_to,
    row_offset = EXCLUDED.row_offset, gaps = EXCLUDED.gaps, set_aside = EXCLUDED.set_aside, notices = EXCLUDED.notices, noticed = EXCLUDED.noticed,
    problem = EXCLUDED.problem, commit_id = EXCLUDED.commit_id, snapshot = EXCLUDED.snapshot,
    started_at = EXCLUDED.started_at, received_at = EXCLUDED.received_at, state = EXCLUDED.state, spliced = EXCLUDED.spliced
WHERE batch.state = 'failed';

-- name: batches_of_run
SELECT * FROM batch WHERE run_id = %(run_id)s AND source_table = ANY(%(tables)s);

-- name: last_batches
-- The newest batch of each table that landed: where its watermark stands, which file it was.
SELECT DISTINCT ON (source_table) source_table, id, watermark_to, file_sha256, file_name
FROM batch WHERE source_table = ANY(%(tables)s) AND state <> 'failed'
ORDER BY source_table, received_at DESC, id DESC;

-- name: captured
SELECT batch_id, position FROM captured WHERE source_table = %(table)s;

-- name: page_sources
SELECT s.name, s.label, s.kind, s.state, s.department_code, d.short_name AS department,
       count(t.name) AS tables, max(b.received_at) AS received_at,
       count(*) FILTER (WHERE b.state = 'failed') AS failed, coalesce(sum(r.given), 0)::bigint AS given
FROM source s
JOIN department d ON d.code = s.department_code
LEFT JOIN source_table t ON t.source_name = s.name
LEFT JOIN LATERAL (
    SELECT received_at, state FROM batch WHERE source_table = t.name ORDER BY received_at DESC, id DESC LIMIT 1
) b ON true
LEFT JOIN LATERAL (SELECT sum(given) AS given FROM batch WHERE source_table = t.name) r ON true
WHERE (%(department)s::text IS NULL OR s.department_code = %(department)s)
  AND (%(kind)s::text IS NULL OR s.kind = %(kind)s)
  AND (%(text)s::text IS NULL OR s.name ILIKE '%%' || %(text)s || '%%' OR s.label ILIKE '%%' || %(text)s || '%%')
GROUP BY s.name, d.short_name, d.sort
ORDER BY d.sort, s.name LIMIT %(limit)s OFFSET %(offset)s;

-- name: page_tables
SELECT t.name, t.label, t.source_name, t.mode, t.keys, t.state, t.entry_id, s.department_code,
       b.id AS batch, b.state AS batch_state, b.given, b.received_at, b.problem
FROM source_table t
JOIN source s ON s.name = t.source_name
LEFT JOIN LATERAL (
    SELECT * FROM batch WHERE source_table = t.name ORDER BY received_at DESC, id DESC LIMIT 1
) b ON true
WHERE t.source_name = %(source)s ORDER BY t.name;

-- name: page_batches
SELECT b.*, t.label, t.source_name, s.kind, s.department_code, d.short_name AS department
FROM batch b
JOIN source_table t ON t.name = b.source_table
JOIN source s ON s.name = t.source_name
JOIN department d ON d.code = s.department_code
WHERE (%(id)s::text IS NULL OR b.id = %(id)s)
  AND (%(table)s::text IS NULL OR b.source_table = %(table)s)
  AND (%(source)s::text IS NULL OR t.source_name = %(source)s)
  AND (%(department)s::text IS NULL OR s.department_code = %(department)s)
  AND (%(state)s::text IS NULL OR b.state = %(state)s)
  AND (%(text)s::text IS NULL OR t.name ILIKE '%%' || %(text)s || '%%' OR t.label ILIKE '%%' || %(text)s || '%%')
ORDER BY b.received_at DESC, b.id LIMIT %(limit)s OFFSET %(offset)s;

-- name: page_chunks
-- What stands now: of a part that was read again, the last attempt.
SELECT DISTINCT ON (no) * FROM chunk WHERE batch_id = %(batch)s AND snapshot IS NOT NULL ORDER BY no, attempt DESC;

-- name: page_courses
SELECT c.source_table AS table, t.label, c.batch_id, c.started_at, c.spliced,
       CASE WHEN c.plan -> 0 -> 'by' = '[]' THEN jsonb_array_length(c.plan) ELSE 0 END AS parts,
       count(DISTINCT k.no) AS landed, coalesce(sum(k.given), 0)::bigint AS given, max(k.noted_at) AS noted_at
FROM course c
JOIN source_table t ON t.name = c.source_table
LEFT JOIN chunk k ON k.batch_id = c.batch_id AND k.snapshot IS NOT NULL
WHERE t.source_name = %(source)s
GROUP BY c.source_table, t.label ORDER BY 1;

-- name: purged_file
-- Whether a file of these very bytes went with a purge.
SELECT purge_id FROM purge_file WHERE kind = 'delivered' AND name = %(sha256)s ORDER BY purge_id DESC LIMIT 1;
