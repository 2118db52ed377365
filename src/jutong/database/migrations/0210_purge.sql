-- Purge 依法清除: what must be gone for good, who asked, who confirmed, and the certificate of what went.

CREATE TABLE purge (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dataset      text REFERENCES dataset (name) CHECK (dataset LIKE 'standard.%'),
    sought       text,
    digest       text NOT NULL CHECK (digest ~ '^[0-9a-f]{64}$'),
    period       text NOT NULL,
    basis        text NOT NULL CHECK (btrim(basis) <> ''),
    reason       text NOT NULL CHECK (btrim(reason) <> ''),
    applied_by   text NOT NULL,
    applied_at   timestamptz NOT NULL DEFAULT now(),
    found        jsonb CHECK (jsonb_typeof(found) = 'object'),
    confirmed_by text CHECK (confirmed_by <> applied_by),
    confirmed_at timestamptz,
    state        text NOT NULL DEFAULT 'applied' CHECK (state IN ('applied', 'confirmed', 'refused', 'done')),
    step         text NOT NULL DEFAULT '',
    problem      text NOT NULL DEFAULT '',
    snapshot     bigint,
    forgotten    bigint NOT NULL DEFAULT 0,
    certificate  jsonb CHECK (jsonb_typeof(certificate) = 'object'),
    signature    text,
    finished_at  timestamptz,
    CHECK (num_nonnulls(confirmed_by, confirmed_at) IN (0, 2)),
    CHECK ((state IN ('done', 'refused')) = (finished_at IS NOT NULL)),
    CHECK ((state IN ('done', 'refused')) = (sought IS NULL)),
    CHECK ((state = 'done') = (signature IS NOT NULL)),
    CHECK (state IN ('applied', 'refused') OR confirmed_by IS NOT NULL)
);
COMMENT ON TABLE purge IS '依法清除: one application, carried out once a second person has confirmed it; the row stays as the certificate';
COMMENT ON COLUMN purge.dataset IS 'the rows of these keys in this dataset; NULL: every row that says one of the identifiers';
COMMENT ON COLUMN purge.sought IS 'keys or identifiers, sealed; wiped when the purge is over';
COMMENT ON COLUMN purge.digest IS 'keyed hash of what was sought (key subjects, of the period): tells the platform itself whether it is the same, and nobody else what it was';
COMMENT ON COLUMN purge.found IS 'dataset → rows when it was applied for, for the one who confirms';
COMMENT ON COLUMN purge.snapshot IS 'the lake no longer holds the rows from here on; a replica made before it is built anew';
COMMENT ON COLUMN purge.forgotten IS 'snapshots that still held the rows and were forgotten';
CREATE INDEX purge_open ON purge (id) WHERE state IN ('applied', 'confirmed');

CREATE TABLE purge_row (
    purge_id bigint NOT NULL REFERENCES purge (id),
    "table"  text NOT NULL,
    batch_id text NOT NULL,
    row_no   bigint NOT NULL,
    PRIMARY KEY (purge_id, "table", batch_id, row_no)
);
COMMENT ON TABLE purge_row IS 'the places of raw rows that are to go, while a purge is under way; no values';

CREATE TABLE purge_part (
    purge_id  bigint NOT NULL REFERENCES purge (id),
    commit_id text NOT NULL,
    dataset   text NOT NULL,
    batch_id  text NOT NULL DEFAULT '',
    rows      bigint NOT NULL CHECK (rows > 0),
    happened  boolean NOT NULL DEFAULT false,
    PRIMARY KEY (purge_id, commit_id, dataset, batch_id)
);
CREATE INDEX purge_part_batch ON purge_part (batch_id) WHERE batch_id <> '';
COMMENT ON TABLE purge_part IS 'how many rows of which dataset and batch went with a purge; law 1 reads: but for these';
COMMENT ON COLUMN purge_part.commit_id IS 'of the lake, or archive:<part> for a file of the archive; noted just before, happened once it is known';

CREATE TABLE purge_file (
    purge_id bigint NOT NULL REFERENCES purge (id),
    kind     text NOT NULL CHECK (kind IN ('delivered', 'archive', 'lake')),
    name     text NOT NULL,
    PRIMARY KEY (purge_id, kind, name)
);
CREATE INDEX purge_file_name ON purge_file (name) WHERE kind = 'delivered';
COMMENT ON TABLE purge_file IS 'files that went with a purge: delivered ones by their SHA-256, those of archive and lake by path';

CREATE VIEW purged_batch AS
SELECT batch_id, sum(rows)::bigint AS rows FROM purge_part WHERE happened AND batch_id <> '' AND dataset LIKE 'raw.%'
GROUP BY batch_id;
COMMENT ON VIEW purged_batch IS 'rows of a batch''s receipt that purges have taken away since';

ALTER TABLE archive_part ADD COLUMN spent_at timestamptz;
COMMENT ON COLUMN archive_part.spent_at IS 'recalled, and no snapshot of the time in between is left since: after a reader''s grace file and row go';
