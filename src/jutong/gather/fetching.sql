-- Files fetched from remote folders.

-- name: lock_remote
SELECT pg_try_advisory_lock(hashtextextended('jutong.fetch ' || %(source)s, 0)) AS taken;

-- name: see_file
-- What has changed since it was last seen begins to settle anew.
INSERT INTO remote_file (source_name, path, size, stamp, mark)
VALUES (%(source)s, %(path)s, %(size)s, %(stamp)s, %(mark)s)
ON CONFLICT (source_name, path) DO UPDATE SET size = EXCLUDED.size, stamp = EXCLUDED.stamp, mark = EXCLUDED.mark,
    seen_at = now(), arrival_id = NULL, problem = NULL
WHERE (remote_file.size, remote_file.stamp, remote_file.mark) <> (EXCLUDED.size, EXCLUDED.stamp, EXCLUDED.mark);

-- name: forget_files
DELETE FROM remote_file WHERE source_name = %(source)s AND path <> ALL(%(paths)s);

-- name: files_due
SELECT path, mark, seen_at <= now() - make_interval(secs => %(settled)s) AS settled
FROM remote_file WHERE source_name = %(source)s AND arrival_id IS NULL AND problem IS NULL
ORDER BY seen_at, stamp, path;

-- name: link_file
UPDATE remote_file SET arrival_id = %(arrival)s WHERE source_name = %(source)s AND path = %(path)s;

-- name: refuse_file
UPDATE remote_file SET problem = %(problem)s WHERE source_name = %(source)s AND path = %(path)s;

-- name: note_look
INSERT INTO remote_look (source_name, looked_at, files, problem) VALUES (%(source)s, now(), %(files)s, %(problem)s)
ON CONFLICT (source_name) DO UPDATE SET looked_at = now(), files = EXCLUDED.files, problem = EXCLUDED.problem;

-- name: find_look
SELECT looked_at, files, problem FROM remote_look WHERE source_name = %(source)s;

-- name: page_files
SELECT f.path, f.size, f.seen_at, f.mark, f.problem, f.arrival_id, a.state, a.batch_id
FROM remote_file f LEFT JOIN arrival a ON a.id = f.arrival_id
WHERE f.source_name = %(source)s ORDER BY f.seen_at DESC, f.path LIMIT 60;

-- name: remote_due
-- A source's own interval (config.every, seconds); sooner while a file was seen lately and waits to be left alone.
SELECT EXISTS (
    SELECT 1 FROM source s LEFT JOIN remote_look l ON l.source_name = s.name
    WHERE s.kind = ANY(%(kinds)s) AND s.state = 'active' AND (
        l.looked_at IS NULL
        OR l.looked_at < now() - make_interval(secs =>
            CASE WHEN s.config ->> 'every' ~ '^[0-9]{1,6}$' THEN greatest(10, (s.config ->> 'every')::int)
                 ELSE %(every)s END)
        OR (l.problem IS NULL AND l.looked_at < now() - make_interval(secs => %(soon)s) AND EXISTS (
            SELECT 1 FROM remote_file f WHERE f.source_name = s.name AND f.arrival_id IS NULL
                AND f.problem IS NULL AND f.seen_at > now() - interval '10 minutes')))
) AS due;
