-- The control database's part of sharing.

-- name: add_application
INSERT INTO application (id, name, department_code, purpose)
VALUES (%(id)s, %(name)s, %(department)s, %(purpose)s)
ON CONFLICT (id) DO NOTHING
RETURNING *

-- name: next_application
SELECT coalesce(max(substr(id, 2)::int), 0) + 1 AS number FROM application WHERE id ~ '^A[0-9]{2,6}$'

-- name: set_token
-- With an overlap the token before stays good for that long; without one it stops at once.
UPDATE application
SET token_before = CASE WHEN %(overlap)s::interval > interval '0' THEN token_hash END,
    token_before_until = CASE WHEN %(overlap)s::interval > interval '0' THEN now() + %(overlap)s::interval END,
    token_hash = %(hash)s, token_hint = %(hint)s, token_at = now(), token_until = %(until)s
WHERE id = %(id)s AND state <> 'retired'
RETURNING id

-- name: revoke_token
UPDATE application
SET token_hash = NULL, token_hint = NULL, token_at = NULL, token_until = NULL, token_before = NULL,
    token_before_until = NULL
WHERE id = %(id)s

-- name: set_application_state
-- A retired application loses its token for good.
UPDATE application
SET state = %(state)s, token_hash = CASE WHEN %(state)s = 'retired' THEN NULL ELSE token_hash END,
    token_before = CASE WHEN %(state)s = 'retired' THEN NULL ELSE token_before END
WHERE id = %(id)s AND state <> 'retired'
RETURNING *

-- name: find_application
SELECT * FROM application WHERE id = %(id)s

-- name: list_applications
SELECT * FROM application
WHERE %(department)s::text IS NULL OR department_code = %(department)s
ORDER BY id

-- name: whose_token
SELECT * FROM application WHERE token_hash = %(hash)s AND state = 'active'

-- name: add_key
INSERT INTO application_key (key_id, application_id, algorithm, public_key, secret, valid_until)
VALUES (%(key_id)s, %(application)s, %(algorithm)s, %(public_key)s, %(secret)s, %(valid_until)s)
ON CONFLICT (key_id) DO NOTHING
RETURNING *

-- name: drop_key
DELETE FROM application_key WHERE key_id = %(key_id)s

-- name: keys_of_application
SELECT key_id, application_id, algorithm, valid_until, created_at FROM application_key
WHERE application_id = %(id)s ORDER BY created_at, key_id

-- name: access_of
SELECT services, networks::text[] AS networks, rate, concurrency, daily_quota FROM application WHERE id = %(id)s

-- name: set_access
UPDATE application
SET services = %(services)s, networks = %(networks)s::cidr[], rate = %(rate)s, concurrency = %(concurrency)s,
    daily_quota = %(daily_quota)s
WHERE id = %(id)s

-- name: entry_for_request
-- The entry as a request sees it; its dataset may be missing.
SELECT id, code, name, department_code, share_type, share_condition, share_methods, state, dataset, grade
FROM entry WHERE id = %(entry)s

-- name: entry_items
-- Share type and grade per item: the stricter of the entry's and its own (domain §2.2).
SELECT item.name, item.label, item.element, item.is_key, item.mask,
       greatest(item.share_type, entry.share_type)::int AS share_type,
       greatest(item.grade, 1)::int AS grade
FROM item JOIN entry ON entry.id = item.entry_id
WHERE item.entry_id = %(entry)s
ORDER BY item.no

-- name: dataset_spec
-- Of a lake dataset, or of the live interface that stands in its place.
SELECT items, keys FROM dataset WHERE name = %(name)s
UNION ALL
SELECT items, keys FROM live_interface WHERE name = %(name)s

-- name: declare_interface
INSERT INTO live_interface (name, label, department_code, keys, items, config, secret_ref)
VALUES (%(name)s, %(label)s, %(department)s, %(keys)s, %(items)s, %(config)s, %(secret_ref)s)
ON CONFLICT (name) DO UPDATE
SET label = excluded.label, keys = excluded.keys, items = excluded.items, config = excluded.config,
    secret_ref = coalesce(excluded.secret_ref, live_interface.secret_ref)
RETURNING *

-- name: attach_interface
UPDATE entry SET dataset = %(name)s, resource_kind = 'api', changed_at = now()
WHERE id = %(entry)s AND department_code = %(department)s

-- name: find_interface
SELECT * FROM live_interface WHERE name = %(name)s

-- name: list_interfaces
SELECT * FROM live_interface ORDER BY name

-- name: next_request
-- The number comes first, because the case names it.
SELECT nextval(pg_get_serial_sequence('request', 'id')) AS id

-- name: add_request
INSERT INTO request (id, case_id, entry_id, department_code, provider_code, application_id, basis, scene, scope,
                     purpose, method, items, row_filter, share_type, until, created_by)
VALUES (%(id)s, %(case_id)s, %(entry_id)s, %(department_code)s, %(provider_code)s, %(application_id)s, %(basis)s,
        %(scene)s, %(scope)s, %(purpose)s, %(method)s, %(items)s, %(row_filter)s, %(share_type)s, %(until)s,
        %(created_by)s)
RETURNING *

-- name: amend_request
UPDATE request
SET basis = %(basis)s, scene = %(scene)s, scope = %(scope)s, purpose = %(purpose)s, method = %(method)s,
    items = %(items)s, row_filter = %(row_filter)s, until = %(until)s
WHERE id = %(id)s
RETURNING *

-- name: find_request
SELECT * FROM request WHERE id = %(id)s

-- name: request_of_case
SELECT * FROM request WHERE case_id = %(case_id)s

-- name: add_grant
-- Idempotent by request: a request has at most one grant.
INSERT INTO share_grant (id, request_id, application_id, department_code, provider_code, entry_id, dataset,
                         items, row_filter, masks, grade, purpose, method, until, issued_by)
VALUES (%(id)s, %(request_id)s, %(application_id)s, %(department_code)s, %(provider_code)s, %(entry_id)s,
        %(dataset)s, %(items)s, %(row_filter)s, %(masks)s, %(grade)s, %(purpose)s, %(method)s, %(until)s,
        %(issued_by)s)
RETURNING *

-- name: find_grant
SELECT * FROM share_grant WHERE id = %(id)s

-- name: waiting_grants
-- Grants by api on an entry whose case still waits for the data to be provided (T6).
SELECT g.id, r.case_id
FROM share_grant g JOIN request r ON r.id = g.request_id JOIN case_file c ON c.id = r.case_id
WHERE g.entry_id = %(entry)s AND g.method = 'api' AND g.state = 'active' AND c.state = 'granted'
ORDER BY g.id

-- name: case_of_grant
SELECT c.id, c.state FROM share_grant g JOIN request r ON r.id = g.request_id JOIN case_file c ON c.id = r.case_id
WHERE g.id = %(id)s

-- name: grant_of_request
SELECT * FROM share_grant WHERE request_id = %(request_id)s

-- name: grant_with_states
SELECT g.*, a.state AS application_state, e.state AS entry_state, e.share_type, e.code AS entry_code
FROM share_grant g
JOIN application a ON a.id = g.application_id
JOIN entry e ON e.id = g.entry_id
WHERE g.id = %(id)s

-- name: api_grants_of_application
-- As ``bound`` asks for them, oldest first.
SELECT g.*, a.state AS application_state, e.state AS entry_state, e.share_type, e.code AS entry_code
FROM share_grant g
JOIN application a ON a.id = g.application_id
JOIN entry e ON e.id = g.entry_id
WHERE g.application_id = %(application)s AND g.method = 'api'
ORDER BY g.created_at, g.id

-- name: move_grant
-- Compare and set: touches one row or none.
UPDATE share_grant SET state = %(to)s, reason = %(reason)s
WHERE id = %(id)s AND state = ANY (%(from)s)
RETURNING *

-- name: add_grant_change
INSERT INTO grant_change (grant_id, from_state, to_state, reason, by_user)
VALUES (%(id)s, %(from)s, %(to)s, %(reason)s, %(by_user)s)

-- name: expire_grants
WITH late AS (
    SELECT id, state FROM share_grant
    WHERE state IN ('active', 'suspended') AND until <= %(now)s
    FOR UPDATE
), ended AS (
    UPDATE share_grant g SET state = 'expired' FROM late WHERE g.id = late.id
    RETURNING g.id, late.state AS was
)
INSERT INTO grant_change (grant_id, from_state, to_state, reason)
SELECT id, was, 'expired', '使用时限已到' FROM ended
RETURNING grant_id

-- name: grants_of_entry
SELECT id FROM share_grant WHERE entry_id = %(entry)s AND state IN ('active', 'suspended') ORDER BY id

-- name: grants_of_application
SELECT * FROM share_grant WHERE application_id = %(application)s ORDER BY created_at, id

-- name: tighten_grant
UPDATE share_grant SET items = %(items)s, masks = %(masks)s
WHERE id = %(id)s AND (items, masks) IS DISTINCT FROM (%(items)s, %(masks)s)

-- name: add_service
INSERT INTO service (name, kind, label, department_code, entry_id, dataset, keys, items, max_rows, least, past_days,
                     selection, family)
VALUES (%(name)s, %(kind)s, %(label)s, %(department_code)s, %(entry_id)s, %(dataset)s, %(keys)s, %(items)s, %(max_rows)s,
        %(least)s, %(past_days)s, %(selection)s, %(name)s)
ON CONFLICT (name) DO UPDATE
SET kind = excluded.kind, label = excluded.label, dataset = excluded.dataset, keys = excluded.keys, items = excluded.items,
    max_rows = excluded.max_rows, least = excluded.least, past_days = excluded.past_days, selection = excluded.selection,
    state = 'active'
WHERE service.entry_id = excluded.entry_id
RETURNING *

-- name: set_service_state
UPDATE service SET state = %(state)s WHERE name = %(name)s AND state = %(before)s RETURNING *

-- name: save_draft
-- A draft may be saved again and again; what is published is changed by a new version.
INSERT INTO service (name, kind, label, department_code, entry_id, dataset, keys, items, max_rows, least, past_days,
                     selection, family, version, state)
VALUES (%(name)s, %(kind)s, %(label)s, %(department_code)s, %(entry_id)s, %(dataset)s, %(keys)s, %(items)s, %(max_rows)s,
        %(least)s, %(past_days)s, %(selection)s, %(family)s, %(version)s, 'draft')
ON CONFLICT (name) DO UPDATE
SET kind = excluded.kind, label = excluded.label, dataset = excluded.dataset, keys = excluded.keys, items = excluded.items,
    max_rows = excluded.max_rows, least = excluded.least, past_days = excluded.past_days, selection = excluded.selection
WHERE service.state = 'draft' AND service.entry_id = excluded.entry_id
RETURNING *

-- name: last_version
SELECT max(version) AS version FROM service WHERE coalesce(family, name) = %(family)s

-- name: remember_service_move
INSERT INTO service_move (service_name, from_state, to_state, note, by_user)
VALUES (%(name)s, %(before)s, %(state)s, %(note)s, %(by_user)s)

-- name: service_moves
SELECT m.*, u.name AS by_name FROM service_move m LEFT JOIN app_user u ON u.id = m.by_user
WHERE m.service_name = %(name)s ORDER BY m.id

-- name: last_submitter
SELECT by_user FROM service_move WHERE service_name = %(name)s AND to_state = 'review' ORDER BY id DESC LIMIT 1

-- name: versions
SELECT * FROM service WHERE coalesce(family, name) = %(family)s ORDER BY version

-- name: give_notice
UPDATE service SET deprecated_at = %(now)s, sunset_at = %(sunset)s, successor = %(successor)s
WHERE name = %(name)s AND state = 'active'
RETURNING *

-- name: consumers_of_entry
-- The departments that hold a live api grant of the entry.
SELECT DISTINCT department_code FROM share_grant
WHERE entry_id = %(entry)s AND method = 'api' AND state = 'active' AND until > now() ORDER BY department_code

-- name: retire_ended
UPDATE service SET state = 'retired' WHERE sunset_at <= %(now)s AND state IN ('active', 'stopped') RETURNING name

-- name: find_service
SELECT * FROM service WHERE name = %(name)s

-- name: list_services
SELECT * FROM service
WHERE %(entry)s::bigint IS NULL OR entry_id = %(entry)s
ORDER BY name

-- name: add_delivery
INSERT INTO delivery (name, grant_id, department_code, provider_code, receiver, secret, table_name)
VALUES (%(name)s, %(grant_id)s, %(department_code)s, %(provider_code)s, %(receiver)s, %(secret)s, %(table_name)s)
ON CONFLICT (name) DO UPDATE
SET receiver = excluded.receiver,
    secret = coalesce(excluded.secret, CASE WHEN
        (excluded.receiver->>'host', excluded.receiver->>'port', excluded.receiver->>'unix_socket', excluded.receiver->>'user')
        IS NOT DISTINCT FROM
        (delivery.receiver->>'host', delivery.receiver->>'port', delivery.receiver->>'unix_socket', delivery.receiver->>'user')
        THEN delivery.secret END)
WHERE delivery.grant_id = excluded.grant_id AND delivery.table_name = excluded.table_name
RETURNING *

-- name: live_table_grant
SELECT * FROM share_grant
WHERE application_id = %(application)s AND entry_id = %(entry)s AND method = 'table' AND state = 'active' AND until > now()
ORDER BY created_at DESC, id DESC LIMIT 1

-- name: find_delivery
SELECT * FROM delivery WHERE name = %(name)s

-- name: list_deliveries
SELECT * FROM delivery
WHERE %(application)s::text IS NULL
   OR grant_id IN (SELECT id FROM share_grant WHERE application_id = %(application)s)
ORDER BY name

-- name: set_delivery_state
UPDATE delivery SET state = %(state)s WHERE name = %(name)s RETURNING *

-- name: renew_delivery
-- A delivery goes on under a later grant of the same application and entry.
UPDATE delivery d SET grant_id = %(grant)s
FROM share_grant old, share_grant new
WHERE d.name = %(name)s AND old.id = d.grant_id AND new.id = %(grant)s
  AND (new.application_id, new.entry_id, new.method) = (old.application_id, old.entry_id, 'table')
RETURNING d.*

-- name: set_delivery_snapshot
UPDATE delivery SET snapshot = %(snapshot)s WHERE name = %(name)s

-- name: slowest_delivery
-- The oldest lake snapshot a living delivery still stands at: the store keeps it (within its cap).
SELECT min(d.snapshot) AS snapshot
FROM delivery d JOIN share_grant g ON g.id = d.grant_id
WHERE d.state <> 'stopped' AND g.state IN ('active', 'suspended')

-- name: begin_run
INSERT INTO delivery_run (id, delivery_name, kind, from_snapshot, to_snapshot)
VALUES (%(id)s, %(delivery)s, %(kind)s, %(from)s, %(to)s)
ON CONFLICT (id) DO UPDATE SET state = 'running', error = NULL, finished_at = NULL

-- name: note_held
-- No run could begin: one row per delivery says why, and since when it last was tried.
INSERT INTO delivery_run (id, delivery_name, kind, from_snapshot, to_snapshot, state, error, finished_at)
SELECT 'H' || md5(name), name, 'incremental', snapshot, coalesce(snapshot, 0), 'failed', %(error)s, clock_timestamp()
FROM delivery WHERE name = %(name)s
ON CONFLICT (id) DO UPDATE
SET error = excluded.error, from_snapshot = excluded.from_snapshot, to_snapshot = excluded.to_snapshot,
    started_at = clock_timestamp(), finished_at = clock_timestamp()

-- name: settle_run
-- A run the receiver knows to be over, but whose process died before it could say so here.
UPDATE delivery_run
SET state = 'done', chunks = %(chunks)s, upserted = %(upserted)s, deleted = %(deleted)s,
    finished_at = clock_timestamp()
WHERE id = %(id)s AND state = 'running'

-- name: supersede_runs
UPDATE delivery_run SET state = 'failed', error = '运行中断，由后一次运行接替', finished_at = clock_timestamp()
WHERE delivery_name = %(delivery)s AND id <> %(id)s AND state = 'running'

-- name: end_run
UPDATE delivery_run
SET state = %(state)s, chunks = %(chunks)s, upserted = %(upserted)s, deleted = %(deleted)s, error = %(error)s,
    finished_at = clock_timestamp()
WHERE id = %(id)s

-- name: list_runs
SELECT * FROM delivery_run WHERE delivery_name = %(name)s ORDER BY started_at DESC, id LIMIT %(limit)s

-- name: begin_reconciliation
-- Whoever holds the delivery's lock is alone: what still says it is under way was killed.
WITH killed AS (
    UPDATE reconciliation SET result = 'failed', problem = '对账中断', ended_at = clock_timestamp()
    WHERE delivery_name = %(name)s AND result = 'running'
)
INSERT INTO reconciliation (delivery_name, result, cause) VALUES (%(name)s, 'running', %(cause)s) RETURNING id

-- name: end_reconciliation
UPDATE reconciliation
SET result = %(result)s, snapshot = %(snapshot)s, rows_here = %(rows_here)s, rows_there = %(rows_there)s,
    digest_here = %(digest_here)s, digest_there = %(digest_there)s, ranges = %(ranges)s, ranges_apart = %(apart)s,
    keys_apart = %(differing)s, ended_at = clock_timestamp()
WHERE id = %(id)s

-- name: stop_reconciliation
UPDATE reconciliation SET result = %(result)s, problem = %(problem)s, ended_at = clock_timestamp()
WHERE id = %(id)s AND result = 'running'

-- name: forget_keys
DELETE FROM reconciliation_key k USING reconciliation r, reconciliation latest
WHERE latest.id = %(id)s AND r.delivery_name = latest.delivery_name AND k.reconciliation_id = r.id

-- name: keep_keys
COPY reconciliation_key (reconciliation_id, no, kind, key) FROM STDIN

-- name: list_keys
SELECT k.kind, k.key FROM reconciliation_key k JOIN reconciliation r ON r.id = k.reconciliation_id
WHERE r.delivery_name = %(name)s ORDER BY k.no LIMIT %(limit)s

-- name: reconciliations_due
SELECT d.name
FROM delivery d
LEFT JOIN LATERAL (
    SELECT at, result FROM reconciliation WHERE delivery_name = d.name ORDER BY id DESC LIMIT 1
) r ON true
WHERE d.state = 'active' AND d.snapshot IS NOT NULL AND d.reconcile_every IS NOT NULL
  AND (r.at IS NULL OR r.at <= now() - CASE
        WHEN r.result IN ('equal', 'mended', 'different', 'both_empty', 'here_empty', 'there_empty')
        THEN d.reconcile_every ELSE least(d.reconcile_every, interval '1 hour') END)
ORDER BY r.at NULLS FIRST, d.name

-- name: set_reconcile_every
UPDATE delivery SET reconcile_every = %(every)s WHERE name = %(name)s RETURNING *

-- name: list_reconciliations
SELECT * FROM reconciliation WHERE delivery_name = %(name)s ORDER BY id DESC LIMIT %(limit)s

-- name: politeness_lock
-- One run of a delivery at a time; safety is the receiver's checkpoint, this only saves work.
SELECT pg_try_advisory_lock(hashtext('jutong_delivery'), hashtext(%(name)s)) AS got

-- name: politeness_unlock
SELECT pg_advisory_unlock(hashtext('jutong_delivery'), hashtext(%(name)s))

-- name: keep_subjects
COPY exchange_subjects (bucket, period, request_id, attempt, hashes) FROM STDIN

-- name: subject_periods
SELECT DISTINCT period FROM exchange_subjects
UNION
SELECT DISTINCT to_char(at, 'YYYY') FROM exchange WHERE subjects <> ''
ORDER BY 1 DESC

-- name: bulk_sightings
-- The hashes come along because a match must stand on an 8-byte boundary; an attempt that never committed
-- was seen by nobody.
SELECT s.hashes, e.at, e.consumer, e.application, e.provider, e.entry, e.resource, e.purpose, e.grant_id, e.event,
       e.log_index, e.detail
FROM exchange_subjects s
JOIN exchange e ON e.request_id = s.request_id AND coalesce(e.attempt, '') = s.attempt
WHERE s.bucket = %(bucket)s AND s.period = %(period)s AND position(%(hash)s::bytea IN s.hashes) > 0
  AND (e.attempt IS NULL OR EXISTS (SELECT 1 FROM exchange later WHERE later.after = e.attempt))

-- name: single_sightings
-- Answers of the gate carry their few hashes themselves, as hexadecimal words under an index of words.
SELECT at, consumer, application, provider, entry, resource, purpose, grant_id, event, log_index, detail
FROM exchange e
WHERE string_to_array(subjects, ' ') @> ARRAY[%(hash)s] AND subjects <> '' AND to_char(at, 'YYYY') = %(year)s
  AND NOT EXISTS (SELECT 1 FROM meter_void v WHERE v.origin = e.origin AND v.request_id = e.request_id)

-- name: sealed_grants
SELECT id FROM share_grant WHERE sealed_until > %(now)s

-- name: seal_grant
UPDATE share_grant SET sealed_until = %(until)s WHERE id = %(id)s

-- name: fail_runs
UPDATE delivery_run SET state = 'failed', error = %(error)s, finished_at = clock_timestamp()
WHERE delivery_name = %(name)s AND state = 'running'

-- name: answering_service
SELECT name FROM service WHERE entry_id = %(entry)s AND dataset = %(dataset)s AND state = 'active' LIMIT 1
