-- Entries of a department from which a form may be made.

-- name: form_entries
SELECT e.id, e.name FROM entry e
WHERE e.department_code = %(department)s AND e.state IN ('draft', 'published')
  AND EXISTS (SELECT 1 FROM item i WHERE i.entry_id = e.id)
ORDER BY e.name LIMIT 300
