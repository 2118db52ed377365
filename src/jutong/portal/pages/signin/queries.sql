-- The door's four numbers and the sample city's accounts.

-- name: counts
SELECT (SELECT count(*) FROM department WHERE kind = 'department') AS departments,
       (SELECT count(*) FROM department WHERE kind = 'county') AS counties,
       (SELECT count(*) FROM entry WHERE state = 'published') AS entries,
       (SELECT count(*) FROM entry WHERE state = 'published' AND committed AND dataset IS NOT NULL) AS supply,
       (SELECT count(*) FROM application WHERE state = 'active') AS applications

-- name: demo_accounts
-- One account per set of roles, so that the list stays short in a city of a hundred accounts.
SELECT DISTINCT ON (roles) login, u.name, d.short_name AS department, roles
FROM (
    SELECT u.*, array_agg(r.role ORDER BY array_position(%(roles)s::text[], r.role)) AS roles
    FROM app_user u JOIN user_role r ON r.user_id = u.id
    WHERE u.state = 'active'
    GROUP BY u.id
) u
JOIN department d ON d.code = u.department_code
ORDER BY roles, u.id
LIMIT 12
