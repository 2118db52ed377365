-- How each person wants to see.

-- name: look_of
SELECT language, theme, type FROM portal_look WHERE user_id = %(user_id)s

-- name: keep_look
INSERT INTO portal_look (user_id, language, theme, type)
VALUES (%(user_id)s, %(language)s, %(theme)s, %(type)s)
ON CONFLICT (user_id) DO UPDATE
SET language = excluded.language, theme = excluded.theme, type = excluded.type, changed_at = now()
