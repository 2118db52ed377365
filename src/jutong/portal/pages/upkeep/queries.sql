-- Housekeeping, room and use.

-- name: followers
-- Who reads a feed, the one furthest behind first: expiry waits for it.
SELECT name, dataset, snapshot, moved_at FROM lake_follower ORDER BY snapshot, name, dataset LIMIT %(limit)s;

-- name: measured
SELECT at, used FROM disk_use WHERE at > now() - interval '30 days' ORDER BY at;

-- name: entries
SELECT id, name, dataset FROM entry WHERE dataset IS NOT NULL;

-- name: ages
-- By how long nothing has been received for a dataset; one nobody delivers to counts from its declaration.
SELECT d.name, CASE
    WHEN coalesce(b.at, d.declared_at) > now() - interval '7 days' THEN '近 7 天'
    WHEN coalesce(b.at, d.declared_at) > now() - interval '30 days' THEN '近 30 天'
    WHEN coalesce(b.at, d.declared_at) > now() - interval '1 year' THEN '近一年'
    ELSE '一年以上' END AS age
FROM dataset d
LEFT JOIN (SELECT source_table, max(received_at) AS at FROM batch GROUP BY 1) AS b
  ON d.zone IN ('raw', 'standard') AND split_part(d.name, '.', 2) = b.source_table
ORDER BY coalesce(b.at, d.declared_at) DESC;
