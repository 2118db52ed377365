-- gather: what lies at the remote folders files are fetched from; forms' rows that come once however often they are sent.

CREATE TABLE remote_look (
    source_name text PRIMARY KEY REFERENCES source (name),
    looked_at   timestamptz NOT NULL,
    files       int CHECK (files >= 0),
    problem     jsonb
);
COMMENT ON TABLE remote_look IS '远程目录: when a source of kind sftp, ftp or s3 was last looked at, and what it said';

CREATE TABLE remote_file (
    source_name text NOT NULL REFERENCES source (name),
    path        text NOT NULL CHECK (path <> ''),
    size        bigint NOT NULL CHECK (size >= 0),
    stamp       text NOT NULL,
    mark        text NOT NULL DEFAULT '',
    seen_at     timestamptz NOT NULL DEFAULT now(),
    arrival_id  text REFERENCES arrival (id) ON DELETE SET NULL,
    problem     jsonb,
    PRIMARY KEY (source_name, path)
);
COMMENT ON TABLE remote_file IS 'files that lie there now; that one was taken is remembered by its arrival, whose key is made of path, size and stamp';
COMMENT ON COLUMN remote_file.stamp IS 'time of change as the server tells it, or ETag';
COMMENT ON COLUMN remote_file.mark IS 'the mark that says it is whole, with the mark''s own size and stamp; empty: none';
COMMENT ON COLUMN remote_file.seen_at IS 'since when, by our clock, it has been seen just so';
COMMENT ON COLUMN remote_file.problem IS 'why it was not fetched as it lies there (its digest differs); asked again when it changes';

ALTER TABLE batch ADD COLUMN gaps int[] NOT NULL DEFAULT '{}';
ALTER TABLE batch ADD COLUMN set_aside bigint NOT NULL DEFAULT 0 CHECK (set_aside >= 0);
COMMENT ON COLUMN batch.gaps IS 'after how many rows each row stands that was passed over (blank, or set aside): what a clerk counts and _row does not';
COMMENT ON COLUMN batch.set_aside IS 'rows of the file kept out for they do not fit its header; given counts the others';

ALTER TABLE form_row ADD COLUMN given_key text;
COMMENT ON COLUMN form_row.given_key IS 'the page''s own number of this row: sent twice, it is one row';
CREATE UNIQUE INDEX form_row_given ON form_row (source_table, given_key) WHERE given_key IS NOT NULL;

ALTER TABLE source_token ADD COLUMN label text NOT NULL DEFAULT '';
ALTER TABLE source_token ADD COLUMN ends_at timestamptz;
ALTER TABLE source_token ADD COLUMN used_at timestamptz;
ALTER TABLE source_token ADD COLUMN tail text NOT NULL DEFAULT '';
COMMENT ON COLUMN source_token.ends_at IS 'it opens nothing after this; a rotated token is given some time to be replaced';
COMMENT ON COLUMN source_token.used_at IS 'when it last opened the source, to the minute';
COMMENT ON COLUMN source_token.tail IS 'its last four characters, by which people tell tokens apart';
