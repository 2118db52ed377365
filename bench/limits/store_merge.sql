-- The limit of a merge: by hand, over the same Parquet files, no catalogue, no transaction, no history.
-- One scan that finds what is new or changed and where the old rows lie; the new rows and the struck-out
-- places are written as Parquet.  {files}: the dataset's files as a list; {out}: a folder.

-- name: found
CREATE OR REPLACE TEMP TABLE found AS
SELECT s.*, t.filename AS _file, t.file_row_number AS _place
FROM given AS s LEFT JOIN read_parquet({files}, filename = true, file_row_number = true) AS t USING (uscc)
WHERE t.uscc IS NULL OR t.name IS DISTINCT FROM s.name OR t.capital IS DISTINCT FROM s.capital
   OR t.founded IS DISTINCT FROM s.founded OR t.state IS DISTINCT FROM s.state
   OR t.division IS DISTINCT FROM s.division OR t.address IS DISTINCT FROM s.address
   OR t.person IS DISTINCT FROM s.person OR t.scope IS DISTINCT FROM s.scope;

-- name: rows
COPY (SELECT * EXCLUDE (_file, _place) FROM found) TO '{out}/rows.parquet' (FORMAT parquet);

-- name: places
COPY (SELECT _file, _place FROM found WHERE _file IS NOT NULL ORDER BY ALL) TO '{out}/places.parquet' (FORMAT parquet);
