-- Tokens for pushing; a token is named by the first 16 digits of its hash.

-- name: add_token
INSERT INTO source_token (token_hash, source_name, made_by, label, tail)
VALUES (%(hash)s, %(source)s, %(by)s, %(label)s, %(tail)s);

-- name: outlive_token
-- Rotated again, it does not live longer for it.
UPDATE source_token SET ends_at = least(ends_at, now() + make_interval(secs => %(hours)s * 3600))
WHERE source_name = %(source)s AND left(token_hash, 16) = %(number)s AND ended_at IS NULL
  AND (ends_at IS NULL OR ends_at > now()) RETURNING label;

-- name: end_token
UPDATE source_token SET ended_at = now()
WHERE source_name = %(source)s AND left(token_hash, 16) = %(number)s AND ended_at IS NULL;

-- name: list_tokens
SELECT left(t.token_hash, 16) AS number, t.label, t.tail, t.made_at, coalesce(u.name, '') AS made_by, t.used_at,
       t.ends_at
FROM source_token t LEFT JOIN app_user u ON u.id = t.made_by
WHERE t.source_name = %(source)s AND t.ended_at IS NULL AND (t.ends_at IS NULL OR t.ends_at > now())
ORDER BY t.made_at, t.token_hash;

-- name: use_token
WITH used AS (
    UPDATE source_token SET used_at = now()
    WHERE token_hash = %(hash)s AND ended_at IS NULL AND (ends_at IS NULL OR ends_at > now())
      AND (used_at IS NULL OR used_at < now() - interval '1 minute')
)
SELECT source_name FROM source_token
WHERE token_hash = %(hash)s AND ended_at IS NULL AND (ends_at IS NULL OR ends_at > now());
