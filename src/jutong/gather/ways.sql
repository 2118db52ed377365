-- Arrivals: files on their way in.

-- name: begin_arrival
INSERT INTO arrival (id, source_table, way, file_name, given_key, declared, state, given_by)
VALUES (%(id)s, %(table)s, %(way)s, %(file_name)s, %(key)s, %(declared)s, 'arriving', %(by)s)
ON CONFLICT (id) DO NOTHING;

-- name: find_arrival
SELECT a.*, t.label, t.source_name, s.department_code
FROM arrival a JOIN source_table t ON t.name = a.source_table JOIN source s ON s.name = t.source_name
WHERE a.id = %(id)s;

-- name: complete_arrival
UPDATE arrival SET state = %(state)s, bytes = %(bytes)s, sha256 = %(sha256)s, whole_at = now()
WHERE id = %(id)s AND state = 'arriving';

-- name: note_manner
UPDATE arrival SET manner = %(manner)s, grounds = %(grounds)s WHERE id = %(id)s;

-- name: confirm_arrival
UPDATE arrival SET state = 'whole', declared = %(declared)s WHERE id = %(id)s AND state = 'looking';

-- name: declare_arrival
UPDATE arrival SET declared = %(declared)s WHERE id = %(id)s AND state = 'looking';

-- name: withdraw_arrival
UPDATE arrival SET state = 'withdrawn', ended_at = now() WHERE id = %(id)s AND state IN ('arriving', 'looking');

-- name: end_arrival
-- Only a whole file ends, and only once; a second taker finds nothing to say.
UPDATE arrival SET state = %(state)s, batch_id = %(batch)s, problem = %(problem)s, ended_at = now()
WHERE id = %(id)s AND state = 'whole';

-- name: whole_arrivals
SELECT id FROM arrival WHERE state = 'whole' AND (%(ids)s::text[] IS NULL OR id = ANY(%(ids)s))
ORDER BY whole_at, id;

-- name: anything_waits
SELECT EXISTS (SELECT 1 FROM arrival a WHERE a.state = 'whole')
    OR EXISTS (SELECT 1 FROM form_row r JOIN arrival a ON a.id = r.arrival_id WHERE a.state = 'arriving') AS waits;

-- name: list_arrivals
SELECT a.id, a.source_table, a.way, a.file_name, a.bytes, a.state, a.batch_id, a.problem, a.began_at, a.ended_at,
       t.label, s.department_code, d.short_name AS department
FROM arrival a JOIN source_table t ON t.name = a.source_table JOIN source s ON s.name = t.source_name
JOIN department d ON d.code = s.department_code
WHERE (%(department)s::text IS NULL OR s.department_code = %(department)s)
ORDER BY a.began_at DESC, a.id LIMIT %(limit)s;

-- name: stale_arrivals
-- Begun and never gone on with.
SELECT id FROM arrival WHERE state = 'arriving' AND began_at < now() - make_interval(hours => %(hours)s);

-- name: forget_arrival
DELETE FROM arrival WHERE id = %(id)s AND state = 'arriving';

-- name: remember_reading
INSERT INTO remembered_reading (source_table, declared, manner, file_name)
VALUES (%(table)s, %(declared)s, %(manner)s, %(file_name)s)
ON CONFLICT (source_table) DO UPDATE SET declared = EXCLUDED.declared, manner = EXCLUDED.manner,
    file_name = EXCLUDED.file_name, at = now();

-- name: remembered_reading
SELECT declared, manner, file_name, at FROM remembered_reading WHERE source_table = %(table)s;

-- name: save_form
INSERT INTO form (source_table, entry_id, label, explained, made_by)
VALUES (%(table)s, %(entry)s, %(label)s, %(explained)s, %(by)s)
ON CONFLICT (source_table) DO UPDATE SET label = EXCLUDED.label, explained = EXCLUDED.explained;

-- name: find_form
SELECT f.source_table, f.entry_id, f.label, f.explained, f.state, t.items, t.keys, t.source_name,
       s.department_code, d.short_name AS department
FROM form f JOIN source_table t ON t.name = f.source_table JOIN source s ON s.name = t.source_name
JOIN department d ON d.code = s.department_code
WHERE f.source_table = %(table)s;

-- name: list_forms
SELECT f.source_table, f.label, f.state, f.made_at, s.department_code, d.short_name AS department,
       (SELECT count(*) FROM form_row r WHERE r.source_table = f.source_table AND r.arrival_id IS NULL) AS drafts,
       (SELECT count(*) FROM arrival a WHERE a.source_table = f.source_table AND a.state = 'taken') AS taken
FROM form f JOIN source_table t ON t.name = f.source_table JOIN source s ON s.name = t.source_name
JOIN department d ON d.code = s.department_code
WHERE (%(department)s::text IS NULL OR s.department_code = %(department)s)
ORDER BY d.sort, f.label;

-- name: add_form_row
INSERT INTO form_row (source_table, cells, written_by, given_key) VALUES (%(table)s, %(cells)s, %(by)s, %(key)s)
ON CONFLICT (source_table, given_key) WHERE given_key IS NOT NULL DO NOTHING RETURNING id;

-- name: form_row_of_key
SELECT id FROM form_row WHERE source_table = %(table)s AND given_key = %(key)s;

-- name: change_form_row
UPDATE form_row SET cells = %(cells)s, written_at = now()
WHERE id = %(id)s AND source_table = %(table)s AND arrival_id IS NULL;

-- name: drop_form_row
DELETE FROM form_row WHERE id = %(id)s AND source_table = %(table)s AND arrival_id IS NULL;

-- name: draft_rows
SELECT id, cells FROM form_row WHERE source_table = %(table)s AND arrival_id IS NULL ORDER BY id LIMIT %(limit)s;

-- name: send_rows
UPDATE form_row SET arrival_id = %(arrival)s
WHERE source_table = %(table)s AND arrival_id IS NULL AND id = ANY(%(ids)s) RETURNING id, cells;

-- name: rows_of_arrival
SELECT id, cells FROM form_row WHERE arrival_id = %(arrival)s ORDER BY id;

-- name: unsent_forms
-- Rows went off with an arrival whose file was not written yet.
SELECT DISTINCT r.arrival_id FROM form_row r JOIN arrival a ON a.id = r.arrival_id WHERE a.state = 'arriving';

-- name: add_front_machine
INSERT INTO front_machine (case_id, department_code, kind, purpose, zone, protection, contact)
VALUES (%(case_id)s, %(department_code)s, %(kind)s, %(purpose)s, %(zone)s, %(protection)s, %(contact)s);

-- name: front_machines
SELECT m.*, d.short_name AS department, c.number, c.state, c.data
FROM front_machine m JOIN department d ON d.code = m.department_code JOIN case_file c ON c.id = m.case_id
WHERE (%(department)s::text IS NULL OR m.department_code = %(department)s)
ORDER BY c.closed_at NULLS FIRST, m.asked_at DESC LIMIT 200;
