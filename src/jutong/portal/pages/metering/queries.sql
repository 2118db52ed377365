-- Words for the codes the meters are kept by.

-- name: names
SELECT 'application' AS axis, id AS code, name FROM application
UNION ALL
SELECT 'entry', code, name FROM entry WHERE code IN (SELECT DISTINCT entry FROM meter_daily)
