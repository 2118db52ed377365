-- What a case is about, for its page.

-- name: grant_of_request
SELECT id, state FROM share_grant WHERE request_id = %(request)s ORDER BY id LIMIT 1

-- name: demand
SELECT name, items, basis, provider_code, expected_on FROM demand WHERE id = %(id)s
