-- name: save_course
INSERT INTO course (batch_id, source_table, run_id, started_at, columns, plan, text, spliced)
VALUES (%(batch_id)s, %(source_table)s, %(run_id)s, %(started_at)s, %(columns)s, %(plan)s, %(text)s, %(spliced)s)
ON CONFLICT (source_table) DO UPDATE SET batch_id = EXCLUDED.batch_id, run_id = EXCLUDED.run_id,
    started_at = EXCLUDED.started_at, columns = EXCLUDED.columns, plan = EXCLUDED.plan, text = EXCLUDED.text,
    spliced = EXCLUDED.spliced;

-- name: find_course
SELECT * FROM course WHERE source_table = %(table)s;

-- name: save_chunk
INSERT INTO chunk (commit_id, batch_id, no, attempt, part, first_row, given, bytes, digest, snapshot)
VALUES (%(commit_id)s, %(batch_id)s, %(no)s, %(attempt)s, %(part)s, %(first_row)s, %(given)s, %(bytes)s,
        %(digest)s, %(snapshot)s)
ON CONFLICT (commit_id) DO UPDATE SET part = EXCLUDED.part, first_row = EXCLUDED.first_row, given = EXCLUDED.given,
    bytes = EXCLUDED.bytes, digest = EXCLUDED.digest, snapshot = EXCLUDED.snapshot, noted_at = now();

-- name: chunks
SELECT * FROM chunk WHERE batch_id = %(batch)s ORDER BY no, attempt;

-- name: strike_chunk
DELETE FROM chunk WHERE commit_id = %(commit_id)s;

-- name: forget_chunks
DELETE FROM chunk WHERE batch_id = %(batch)s;

-- name: end_course
DELETE FROM course WHERE batch_id = %(batch)s;
