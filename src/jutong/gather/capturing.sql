-- What change capture stands on: the slot of a source, the whole snapshot of each table, and how far changes landed.

-- name: capture
SELECT slot, position, mark, made_at FROM capture WHERE source_name = %(source)s;

-- name: landed
-- The end of the newest transaction that landed since the slot was made; batch rows are settled with the lake.
SELECT max(b.watermark_to::pg_lsn)::text AS landed FROM batch b JOIN source_table t ON t.name = b.source_table
WHERE t.source_name = %(source)s AND b.mode = 'capture' AND b.state <> 'failed' AND b.received_at >= %(made_at)s;

-- name: begin
INSERT INTO capture (source_name, slot, position, mark) VALUES (%(source)s, %(slot)s, %(position)s, %(mark)s)
ON CONFLICT (source_name) DO UPDATE SET slot = EXCLUDED.slot, position = EXCLUDED.position, mark = EXCLUDED.mark,
    made_at = clock_timestamp(), behind = NULL, seen_at = NULL;

-- name: forget
DELETE FROM capture WHERE source_name = %(source)s;

-- name: move
UPDATE capture SET position = %(position)s, mark = %(mark)s WHERE source_name = %(source)s;

-- name: see
UPDATE capture SET behind = %(behind)s, seen_at = now() WHERE source_name = %(source)s;

-- name: whole
SELECT source_table, batch_id, position FROM captured WHERE source_table = ANY(%(tables)s);

-- name: stand_on
INSERT INTO captured (source_table, batch_id, position) VALUES (%(table)s, %(batch)s, %(position)s)
ON CONFLICT (source_table) DO UPDATE SET batch_id = EXCLUDED.batch_id, position = EXCLUDED.position;

-- name: tell
-- Why a whole snapshot was taken, beside what was noticed while it was read.
UPDATE batch SET notices = %(notices)s || notices, noticed = noticed + jsonb_array_length(%(notices)s) WHERE id = %(batch)s;

-- name: take_anew
DELETE FROM captured WHERE source_table = ANY(%(tables)s);

-- name: behind
SELECT c.source_name, c.position, c.behind, c.seen_at, s.kind
FROM capture c JOIN source s ON s.name = c.source_name WHERE c.source_name = %(source)s;

-- name: captures
SELECT c.source_name, c.slot, c.position, c.mark, c.behind, c.seen_at, s.kind, s.label, s.department_code
FROM capture c JOIN source s ON s.name = c.source_name WHERE s.state = 'active' ORDER BY c.source_name;

-- name: steward
SELECT code FROM department WHERE steward ORDER BY code LIMIT 1;
