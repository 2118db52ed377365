-- name: keep_ledger_head
-- A checkpoint never replaces a longer one: a log that shrank must show.
INSERT INTO ledger_head (origin, size, root, checkpoint) VALUES (%(origin)s, %(size)s, %(root)s, %(checkpoint)s)
ON CONFLICT (origin) DO UPDATE
SET size = excluded.size, root = excluded.root, checkpoint = excluded.checkpoint, seen_at = now()
WHERE ledger_head.size < excluded.size

-- name: keep_stream_head
INSERT INTO stream_head (origin, stream, sequence, leaf)
VALUES (%(origin)s, %(stream)s, %(sequence)s, %(leaf)s)
ON CONFLICT (origin, stream) DO UPDATE
SET sequence = excluded.sequence, leaf = excluded.leaf, seen_at = now()
WHERE stream_head.sequence < excluded.sequence

-- name: ledger_head
SELECT size, root, checkpoint, seen_at FROM ledger_head WHERE origin = %(origin)s

-- name: stream_heads
SELECT stream, sequence, leaf, seen_at FROM stream_head WHERE origin = %(origin)s ORDER BY stream

-- name: forget_stream
DELETE FROM stream_head WHERE origin = %(origin)s AND stream = %(stream)s
