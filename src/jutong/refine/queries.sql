-- name: lock_refining
-- Held by a connection of its own; one refining at a time, a killed one's lock goes with it.
SELECT pg_advisory_lock(hashtextextended('jutong.refine', 0));

-- name: open_tasks
-- Batches to refine in the order they were received. A table's earlier batches come along with a later one.
WITH wanted AS (
    SELECT source_table, max((received_at, id)::text) AS last FROM batch
    WHERE state = ANY(%(states)s) AND (%(ids)s::text[] IS NULL OR id = ANY(%(ids)s))
    GROUP BY source_table
), newest AS (
    SELECT b.source_table, b.received_at, b.id FROM batch b JOIN wanted w
      ON w.source_table = b.source_table AND w.last = (b.received_at, b.id)::text
)
SELECT b.id, b.source_table, b.mode AS batch_mode, b.row_offset, b.gaps, b.received_at, b.state,
       b.given - coalesce((SELECT g.rows FROM purged_batch g WHERE g.batch_id = b.id), 0) AS given,
       t.label, t.mode, t.keys, t.items, t.watermark_item, s.department_code,
       (SELECT p.given FROM batch p WHERE p.source_table = b.source_table AND p.state = 'refined'
          AND p.received_at < b.received_at ORDER BY p.received_at DESC, p.id DESC LIMIT 1) AS previous
FROM batch b
JOIN newest n ON n.source_table = b.source_table AND (b.received_at, b.id) <= (n.received_at, n.id)
JOIN source_table t ON t.name = b.source_table
JOIN source s ON s.name = t.source_name
WHERE b.state = 'received' OR (b.state = ANY(%(states)s) AND b.id = ANY(%(ids)s))
ORDER BY b.received_at, b.id;

-- name: batches_again
-- Refined and held batches of a table, the newest first; what is only received waits for its own turn.
SELECT b.id, b.source_table, b.mode AS batch_mode, b.row_offset, b.gaps, b.received_at, b.state,
       b.given - coalesce((SELECT g.rows FROM purged_batch g WHERE g.batch_id = b.id), 0) AS given,
       t.label, t.mode, t.keys, t.items, t.watermark_item, s.department_code,
       (SELECT p.given FROM batch p WHERE p.source_table = b.source_table AND p.state = 'refined'
          AND p.received_at < b.received_at ORDER BY p.received_at DESC, p.id DESC LIMIT 1) AS previous
FROM batch b
JOIN source_table t ON t.name = b.source_table
JOIN source s ON s.name = t.source_name
WHERE b.source_table = %(table)s AND b.state IN ('refined', 'held')
ORDER BY b.received_at DESC, b.id DESC;

-- name: note_versions
INSERT INTO standard_version (source_table, version, content, meaning, made_by, note)
SELECT n.source_table, coalesce(v.version, 0) + 1, n.content, n.meaning, %(by)s, %(note)s
FROM standard_now n
LEFT JOIN LATERAL (
    SELECT version, content FROM standard_version WHERE source_table = n.source_table ORDER BY version DESC LIMIT 1
) v ON true
WHERE n.source_table = ANY(%(tables)s) AND v.content IS DISTINCT FROM n.content
ON CONFLICT (source_table, version) DO NOTHING;

-- name: newest_versions
SELECT DISTINCT ON (source_table) source_table, version, meaning FROM standard_version
WHERE source_table = ANY(%(tables)s) ORDER BY source_table, version DESC;

-- name: versions
SELECT v.version, v.content, v.meaning, v.made_at, v.note, u.name AS made_by
FROM standard_version v LEFT JOIN app_user u ON u.id = v.made_by
WHERE v.source_table = %(table)s AND (%(version)s::int IS NULL OR v.version = %(version)s)
ORDER BY v.version DESC;

-- name: stand
-- A whole batch is all there is; any other leaves the table standing by more than one meaning if it is another.
INSERT INTO standard_standing (source_table, meaning) VALUES (%(table)s, %(meaning)s)
ON CONFLICT (source_table) DO UPDATE SET since = now(),
    meaning = CASE WHEN %(whole)s OR standard_standing.meaning = EXCLUDED.meaning THEN EXCLUDED.meaning ELSE '' END
WHERE standard_standing.meaning <> EXCLUDED.meaning OR %(carried)s;

-- name: stale_tables
-- Tables whose rows do not all stand by what their standard means now; one that was stopped waits for a person.
SELECT s.source_table FROM standard_standing s JOIN standard_now n ON n.source_table = s.source_table
WHERE s.meaning <> n.meaning AND NOT EXISTS (
    SELECT 1 FROM rerefinement r JOIN standard_version v USING (source_table, version)
    WHERE r.source_table = s.source_table AND r.state = 'held' AND v.meaning = n.meaning
      AND r.id = (SELECT max(id) FROM rerefinement WHERE source_table = s.source_table))
ORDER BY s.source_table;

-- name: waived_since
-- Values let off after a table was last judged as a whole.
SELECT s.source_table, w.check_code, w.value FROM whitelist w JOIN standard_standing s ON w.added_at > s.since;

-- name: rule_sets_of
SELECT u.source_table, u.rule_set, u.items, s.rules FROM rule_set_use u JOIN rule_set s ON s.name = u.rule_set
WHERE u.source_table = ANY(%(tables)s) ORDER BY u.source_table, u.rule_set;

-- name: begin_again
INSERT INTO rerefinement (source_table, version, commit_id) VALUES (%(table)s, %(version)s, %(commit_id)s);

-- name: note_again
UPDATE rerefinement SET batches = %(batches)s, judged = %(judged)s, inserted = %(inserted)s, updated = %(updated)s,
    deleted = %(deleted)s, found = %(found)s, withdrawn = %(withdrawn)s
WHERE commit_id = %(commit_id)s;

-- name: end_again
UPDATE rerefinement SET state = %(state)s, finished_at = now(), note = %(note)s, snapshot = %(snapshot)s
WHERE commit_id = %(commit_id)s AND state = 'running';

-- name: open_again
-- Runs that were killed: whether their commit happened is asked of the lake.
SELECT commit_id FROM rerefinement WHERE state = 'running';

-- name: refinements_again
SELECT * FROM rerefinement WHERE %(table)s::text IS NULL OR source_table = %(table)s
ORDER BY id DESC LIMIT %(limit)s;

-- name: clear_rule_counts
DELETE FROM refinement_rule WHERE batch_id = %(batch_id)s;

-- name: save_refinement_again
-- What the first merge did to the dataset, and when, stays as it was.
UPDATE refinement SET accepted = %(accepted)s, rejected = %(rejected)s, duplicates = %(duplicates)s,
    flagged = %(flagged)s, issues = %(issues)s, score = %(score)s, held_reason = %(held_reason)s,
    standard = %(standard)s
WHERE batch_id = %(batch_id)s;

-- name: move_batch_again
UPDATE batch SET state = %(state)s WHERE id = %(batch_id)s AND state IN ('refined', 'held') AND state <> %(state)s;

-- name: table_row
SELECT t.name, t.label, t.mode, t.keys, t.items, t.watermark_item, s.department_code
FROM source_table t JOIN source s ON s.name = t.source_name WHERE t.name = %(table)s;

-- name: rules_of
SELECT source_table, code, kind, items, arguments, severity, sentence FROM row_rule
WHERE source_table = ANY(%(tables)s) ORDER BY source_table, place, code;

-- name: department_of
-- Whose a dataset is; a table's raw and standard datasets are its source's.
SELECT coalesce(s.department_code, d.department_code) AS department_code, d.zone, d.items
FROM dataset d
LEFT JOIN source_table t ON d.name IN ('raw.' || t.name, 'standard.' || t.name)
LEFT JOIN source s ON s.name = t.source_name
WHERE d.name = %(dataset)s;

-- name: clear_rules
DELETE FROM row_rule WHERE source_table = %(table)s AND NOT code = ANY(%(codes)s);

-- name: save_rule
INSERT INTO row_rule (source_table, code, place, kind, items, arguments, severity, sentence)
VALUES (%(source_table)s, %(code)s, %(place)s, %(kind)s, %(items)s, %(arguments)s, %(severity)s, %(sentence)s)
ON CONFLICT (source_table, code) DO UPDATE SET place = EXCLUDED.place, kind = EXCLUDED.kind,
    items = EXCLUDED.items, arguments = EXCLUDED.arguments, severity = EXCLUDED.severity,
    sentence = EXCLUDED.sentence;

-- name: whitelisted
SELECT check_code, array_agg(value ORDER BY value) AS values FROM whitelist GROUP BY check_code;

-- name: save_whitelisted
INSERT INTO whitelist (check_code, value, reason, owner)
VALUES (%(check_code)s, %(value)s, %(reason)s, %(owner)s)
ON CONFLICT (check_code, value) DO UPDATE SET reason = EXCLUDED.reason, owner = EXCLUDED.owner;

-- name: thresholds
SELECT source_table, hold_above FROM hold_threshold WHERE source_table = ANY(%(tables)s);

-- name: note_refining
INSERT INTO refining (commit_id, outcomes) VALUES (%(commit_id)s, %(outcomes)s)
ON CONFLICT (commit_id) DO UPDATE SET outcomes = EXCLUDED.outcomes, noted_at = now();

-- name: open_refinings
SELECT commit_id, outcomes FROM refining ORDER BY noted_at, commit_id;

-- name: strike_refining
DELETE FROM refining WHERE commit_id = %(commit_id)s;

-- name: save_refinement
INSERT INTO refinement (batch_id, dataset, accepted, rejected, duplicates, flagged, issues, score, inserted,
    updated, deleted, held_reason, commit_id, snapshot, finished_at, standard)
VALUES (%(batch_id)s, %(dataset)s, %(accepted)s, %(rejected)s, %(duplicates)s, %(flagged)s, %(issues)s,
    %(score)s, %(inserted)s, %(updated)s, %(deleted)s, %(held_reason)s, %(commit_id)s, %(snapshot)s,
    %(finished_at)s, %(standard)s)
ON CONFLICT (batch_id) DO UPDATE SET accepted = EXCLUDED.accepted, rejected = EXCLUDED.rejected,
    duplicates = EXCLUDED.duplicates, flagged = EXCLUDED.flagged, score = EXCLUDED.score,
    inserted = EXCLUDED.inserted, updated = EXCLUDED.updated, deleted = EXCLUDED.deleted,
    held_reason = EXCLUDED.held_reason, commit_id = EXCLUDED.commit_id, snapshot = EXCLUDED.snapshot,
    finished_at = EXCLUDED.finished_at, standard = EXCLUDED.standard;

-- name: save_rule_count
INSERT INTO refinement_rule (batch_id, rule, item, severity, dimension, rows)
VALUES (%(batch_id)s, %(rule)s, %(item)s, %(severity)s, %(dimension)s, %(rows)s)
ON CONFLICT (batch_id, rule, item) DO NOTHING;

-- name: move_batch
UPDATE batch SET state = %(state)s WHERE id = %(batch_id)s AND state IN ('received', 'held');

-- name: refinements
SELECT r.*, b.given, b.source_table, b.received_at, b.state, t.label, s.department_code,
       d.short_name AS department
FROM refinement r
JOIN batch b ON b.id = r.batch_id
JOIN source_table t ON t.name = b.source_table
JOIN source s ON s.name = t.source_name
JOIN department d ON d.code = s.department_code
WHERE (%(batch)s::text IS NULL OR r.batch_id = %(batch)s)
  AND (%(dataset)s::text IS NULL OR r.dataset = %(dataset)s)
  AND (%(department)s::text IS NULL OR s.department_code = %(department)s)
ORDER BY b.received_at DESC, b.id LIMIT %(limit)s OFFSET %(offset)s;

-- name: issue_groups
-- Issues counted by one of rule, item, dataset, department, dimension, severity; {by} is chosen from those words.
SELECT grouped.name, max(grouped.label) AS label, sum(grouped.rows)::bigint AS rows,
       sum(grouped.rows) FILTER (WHERE grouped.severity = 'reject')::bigint AS rejected,
       count(DISTINCT grouped.batch_id) AS batches
FROM (
    SELECT c.batch_id, c.severity, c.rows,
           CASE %(by)s WHEN 'rule' THEN c.rule WHEN 'item' THEN r.dataset || '.' || c.item
               WHEN 'dataset' THEN r.dataset WHEN 'department' THEN s.department_code
               WHEN 'dimension' THEN c.dimension ELSE c.severity END AS name,
           CASE %(by)s WHEN 'dataset' THEN t.label WHEN 'department' THEN d.short_name
               WHEN 'item' THEN t.label || ' · ' || c.item ELSE NULL END AS label
    FROM refinement_rule c
    JOIN refinement r ON r.batch_id = c.batch_id
    JOIN batch b ON b.id = r.batch_id
    JOIN source_table t ON t.name = b.source_table
    JOIN source s ON s.name = t.source_name
    JOIN department d ON d.code = s.department_code
    WHERE (%(department)s::text IS NULL OR s.department_code = %(department)s)
      AND (%(dataset)s::text IS NULL OR r.dataset = %(dataset)s)
      AND (%(rule)s::text IS NULL OR c.rule = %(rule)s)
      AND (%(batch)s::text IS NULL OR c.batch_id = %(batch)s)
      AND (%(severity)s::text IS NULL OR c.severity = %(severity)s)
) grouped
GROUP BY grouped.name ORDER BY rows DESC, grouped.name LIMIT %(limit)s;

-- name: scores
-- Rates of one department or dataset each, over its refined batches since an instant; %% of rows given.
SELECT CASE %(by)s WHEN 'dataset' THEN r.dataset WHEN 'department' THEN s.department_code
           ELSE to_char(b.received_at AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM-DD') END AS name,
       max(CASE %(by)s WHEN 'dataset' THEN t.label WHEN 'department' THEN d.short_name END) AS label,
       count(*) AS batches, sum(b.given)::bigint AS given, sum(r.accepted)::bigint AS accepted,
       sum(r.rejected)::bigint AS rejected, sum(r.duplicates)::bigint AS duplicates,
       sum(r.flagged)::bigint AS flagged, sum(r.issues)::bigint AS issues,
       round(sum(r.score * b.given) / nullif(sum(b.given), 0), 2)::float8 AS score
FROM refinement r
JOIN batch b ON b.id = r.batch_id
JOIN source_table t ON t.name = b.source_table
JOIN source s ON s.name = t.source_name
JOIN department d ON d.code = s.department_code
WHERE (%(since)s::timestamptz IS NULL OR b.received_at >= %(since)s)
  AND (%(department)s::text IS NULL OR s.department_code = %(department)s)
  AND (%(dataset)s::text IS NULL OR r.dataset = %(dataset)s)
GROUP BY 1 ORDER BY 1;

-- name: dimension_rows
-- Issues by dimension, for the same choice.
SELECT CASE %(by)s WHEN 'dataset' THEN r.dataset WHEN 'department' THEN s.department_code
           ELSE to_char(b.received_at AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM-DD') END AS name,
       c.dimension, sum(c.rows)::bigint AS rows
FROM refinement_rule c
JOIN refinement r ON r.batch_id = c.batch_id
JOIN batch b ON b.id = r.batch_id
JOIN source_table t ON t.name = b.source_table
JOIN source s ON s.name = t.source_name
WHERE (%(since)s::timestamptz IS NULL OR b.received_at >= %(since)s)
  AND (%(department)s::text IS NULL OR s.department_code = %(department)s)
  AND (%(dataset)s::text IS NULL OR r.dataset = %(dataset)s)
GROUP BY 1, 2;

-- name: batch_for_export
SELECT b.id, b.source_table, b.row_offset, b.gaps, b.received_at, b.file_name, t.label, t.items, s.department_code,
       d.name AS department
FROM batch b
JOIN source_table t ON t.name = b.source_table
JOIN source s ON s.name = t.source_name
JOIN department d ON d.code = s.department_code
WHERE b.id = %(batch)s;

-- name: batch_to_mend
-- A refined batch, its keeper, and the open case of its table if there is one.
SELECT b.id, b.source_table, t.label, s.department_code, r.rejected, r.held_reason, r.score,
       (SELECT min(c.id) FROM case_file c WHERE c.kind = 'data_quality' AND c.closed_at IS NULL
          AND c.subject ->> 'dataset' = r.dataset) AS open_case
FROM batch b
JOIN refinement r ON r.batch_id = b.id
JOIN source_table t ON t.name = b.source_table
JOIN source s ON s.name = t.source_name
WHERE b.id = %(batch)s;

-- name: cases_to_recheck
-- Open cases about a batch, with the refined batches of the same table that came after it, oldest first.
SELECT c.id, c.state, c.moved_at, b.id AS batch_id, c.subject ->> 'dataset' AS dataset, t.mode, t.keys,
       coalesce(later.ids, '{}') AS later, later.newest_at,
       own.rejected = 0 AND own.held_reason IS NULL AS nothing_left
FROM case_file c
JOIN batch b ON b.id = c.subject ->> 'batch_id'
JOIN refinement own ON own.batch_id = b.id
JOIN source_table t ON t.name = b.source_table
LEFT JOIN LATERAL (
    SELECT array_agg(n.id ORDER BY n.received_at, n.id) AS ids, max(r.finished_at) AS newest_at
    FROM batch n JOIN refinement r ON r.batch_id = n.id
    WHERE n.source_table = b.source_table AND n.state = 'refined' AND (n.received_at, n.id) > (b.received_at, b.id)
) later ON true
WHERE c.kind = %(kind)s AND c.closed_at IS NULL AND c.state IN ('rectifying', 'rechecking')
ORDER BY c.id;

-- name: lineage_of_table
SELECT t.name, t.source_name, t.items FROM source_table t WHERE t.name = %(table)s;

-- name: registers_fed
SELECT r.register, g.label, r.mapping, r.trust FROM register_source r JOIN register g ON g.name = r.register
WHERE r.dataset = %(dataset)s ORDER BY r.register;

-- name: services_on
SELECT s.name, s.dataset, s.items FROM service s WHERE s.dataset = ANY(%(datasets)s) AND s.state = 'active' ORDER BY s.name;


-- name: save_draft
INSERT INTO standard_draft (source_table, base_version, content, note, made_by)
VALUES (%(table)s, %(version)s, %(content)s, %(note)s, %(by)s) RETURNING id;

-- name: draft
SELECT d.*, u.name AS maker, t.label, s.department_code
FROM standard_draft d JOIN app_user u ON u.id = d.made_by
JOIN source_table t ON t.name = d.source_table JOIN source s ON s.name = t.source_name
WHERE d.id = %(id)s;

-- name: open_drafts
SELECT d.id, d.base_version, d.note, d.made_at, u.name AS maker FROM standard_draft d JOIN app_user u ON u.id = d.made_by
WHERE d.source_table = %(table)s AND d.state = 'open' ORDER BY d.id DESC;

-- name: answer_draft
UPDATE standard_draft SET state = %(state)s, answered_by = %(by)s, answered_at = now(), answer = %(answer)s
WHERE id = %(id)s AND state = 'open';

-- name: lock_table
SELECT name FROM source_table WHERE name = %(table)s FOR UPDATE;

-- name: put_standard
UPDATE source_table SET items = %(items)s, keys = %(keys)s WHERE name = %(table)s;

-- name: put_threshold
INSERT INTO hold_threshold (source_table, hold_above) VALUES (%(table)s, %(hold_above)s)
ON CONFLICT (source_table) DO UPDATE SET hold_above = EXCLUDED.hold_above;

-- name: rule_set
SELECT s.*, u.name AS changer FROM rule_set s LEFT JOIN app_user u ON u.id = s.changed_by WHERE s.name = %(name)s;

-- name: rule_sets
SELECT s.*, u.name AS changer, (SELECT count(*) FROM rule_set_use e WHERE e.rule_set = s.name) AS tables
FROM rule_set s LEFT JOIN app_user u ON u.id = s.changed_by ORDER BY s.name;

-- name: save_rule_set
INSERT INTO rule_set (name, label, about, rules, changed_by) VALUES (%(name)s, %(label)s, %(about)s, %(rules)s, %(by)s)
ON CONFLICT (name) DO UPDATE SET label = EXCLUDED.label, about = EXCLUDED.about, rules = EXCLUDED.rules,
    changed_by = EXCLUDED.changed_by, changed_at = now();

-- name: users_of_rule_set
-- Tables that use a set, the most wrong first, with what its rules found in the newest refined batch of each.
SELECT u.source_table, u.items, t.label, s.department_code, d.short_name AS department, b.batch_id,
       coalesce((SELECT sum(c.rows) FROM refinement_rule c WHERE c.batch_id = b.batch_id
           AND c.rule IN (SELECT r ->> 'code' FROM rule_set g, jsonb_array_elements(g.rules) r WHERE g.name = u.rule_set)
       ), 0)::bigint AS found
FROM rule_set_use u
JOIN source_table t ON t.name = u.source_table
JOIN source s ON s.name = t.source_name
JOIN department d ON d.code = s.department_code
LEFT JOIN LATERAL (
    SELECT r.batch_id FROM refinement r JOIN batch x ON x.id = r.batch_id WHERE x.source_table = u.source_table
    ORDER BY x.received_at DESC, x.id DESC LIMIT 1
) b ON true
WHERE u.rule_set = %(name)s ORDER BY found DESC, u.source_table;

-- name: clear_rule_set_uses
DELETE FROM rule_set_use WHERE source_table = %(table)s;

-- name: use_rule_set
INSERT INTO rule_set_use (source_table, rule_set, items) VALUES (%(table)s, %(name)s, %(items)s);

-- name: batches_of_day
SELECT b.id FROM batch b JOIN refinement r ON r.batch_id = b.id
WHERE to_char(b.received_at AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM-DD') = %(day)s ORDER BY b.id;
