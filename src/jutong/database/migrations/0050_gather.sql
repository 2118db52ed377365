-- gather: where the city's data comes from, and a receipt for every delivery.

CREATE TABLE source (
    name            text PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9_]{0,61}$'),
    department_code text NOT NULL REFERENCES department (code),
    kind            text NOT NULL CHECK (kind ~ '^[a-z][a-z_]*$'),
    label           text NOT NULL CHECK (btrim(label) <> ''),
    config          jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(config) = 'object'),
    secret_ref      text,
    state           text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused')),
    created_at      timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE source IS '数据源: a department''s system that data is gathered from';
COMMENT ON COLUMN source.config IS 'how it is reached, without secrets: libpq keywords or url; folder and dialect of files';
COMMENT ON COLUMN source.secret_ref IS 'where the password is: sealed:<text sealed by the KeyProvider>, file:<path>, env:<NAME>';
COMMENT ON COLUMN source.state IS 'paused sources are not gathered';
CREATE INDEX source_department ON source (department_code);

CREATE TABLE source_table (
    name           text PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9_]{0,61}$'),
    source_name    text NOT NULL REFERENCES source (name),
    label          text NOT NULL CHECK (btrim(label) <> ''),
    locator        jsonb NOT NULL CHECK (jsonb_typeof(locator) = 'object'),
    mode           text NOT NULL DEFAULT 'full' CHECK (mode IN ('full', 'incremental')),
    watermark_item text,
    keys           text[] NOT NULL DEFAULT '{}',
    items          jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(items) = 'array'),
    entry_id       bigint,
    state          text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused')),
    contract       jsonb CHECK (jsonb_typeof(contract) = 'array'),
    created_at     timestamptz NOT NULL DEFAULT now(),
    CHECK (mode = 'full' OR watermark_item IS NOT NULL)
);
COMMENT ON TABLE source_table IS '归集表: one table, file or sheet of a source; its name is the table part of the datasets raw.<name> and standard.<name>';
COMMENT ON COLUMN source_table.locator IS 'where it stands in the source: {schema, table} · {file, encoding, delimiter, quote, header} · {file, sheet, header_row}; lookback: seconds read again behind the watermark';
COMMENT ON COLUMN source_table.mode IS 'incremental: rows at or above the watermark of the last batch; a file is always taken whole, once per content';
COMMENT ON COLUMN source_table.watermark_item IS 'the source''s own column that rises with every change';
COMMENT ON COLUMN source_table.keys IS 'items by which standard rows merge';
COMMENT ON COLUMN source_table.items IS 'list of items as the standard dataset has them; a column of the source belongs to the item whose source, name or label it bears';
COMMENT ON COLUMN source_table.contract IS 'the source''s columns as agreed on, [[name, type], …]; NULL before the first taking; files have none';
COMMENT ON COLUMN source_table.entry_id IS 'the catalogue entry this supplies (catalogue.entry, a later migration, so no foreign key)';
CREATE INDEX source_table_source ON source_table (source_name);

CREATE TABLE batch (
    id             text PRIMARY KEY,
    source_table   text NOT NULL REFERENCES source_table (name),
    run_id         text NOT NULL,
    mode           text NOT NULL CHECK (mode IN ('full', 'incremental')),
    given          bigint CHECK (given >= 0),
    bytes          bigint CHECK (bytes >= 0),
    content_hash   text,
    file_name      text,
    file_sha256    text CHECK (file_sha256 ~ '^[0-9a-f]{64}$'),
    watermark_from text,
    watermark_to   text,
    row_offset     int NOT NULL DEFAULT 0,
    spliced        boolean NOT NULL DEFAULT false,
    notices        jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(notices) = 'array'),
    noticed        bigint NOT NULL DEFAULT 0,
    problem        jsonb,
    commit_id      text,
    snapshot       bigint,
    started_at     timestamptz NOT NULL,
    received_at    timestamptz NOT NULL,
    state          text NOT NULL CHECK (state IN ('received', 'refined', 'held', 'failed')),
    UNIQUE (source_table, run_id),
    CHECK (state = 'failed' OR (given IS NOT NULL AND content_hash IS NOT NULL AND snapshot IS NOT NULL)),
    CHECK ((state = 'failed') = (problem IS NOT NULL))
);
COMMENT ON TABLE batch IS '批次: one delivery exactly as given, with its receipt';
COMMENT ON COLUMN batch.id IS '<run>.<source table>: the same run gives the same id, so a run may be repeated';
COMMENT ON COLUMN batch.given IS 'rows, counted while reading (law 1); NULL when it failed';
COMMENT ON COLUMN batch.bytes IS 'size of the delivered file, or of the rows in memory as they came from a database';
COMMENT ON COLUMN batch.content_hash IS 'set hash (design §9) of the rows as landed, over the source''s own columns; files:<SHA-256 over its chunks'' digests> when it came in chunks';
COMMENT ON COLUMN batch.file_sha256 IS 'the file is kept byte for byte as DIR/files/<first two>/<sha256>';
COMMENT ON COLUMN batch.watermark_to IS 'the next incremental batch begins here; the source''s own text';
COMMENT ON COLUMN batch.row_offset IS 'added to _row it is the row a clerk sees in the file (the header counted); 0 for databases';
COMMENT ON COLUMN batch.spliced IS 'read over more than one run; every part was held against the source in the last one';
COMMENT ON COLUMN batch.notices IS 'up to 100 of the {code, sentence, file, sheet, row, item} noticed while reading; noticed counts all';
COMMENT ON COLUMN batch.problem IS 'why it failed: {code, sentence, file, sheet, row, item}';
COMMENT ON COLUMN batch.state IS 'received → refined | held (refined but kept back); failed: nothing landed';
CREATE INDEX batch_received ON batch (received_at DESC, id);
CREATE INDEX batch_state ON batch (state) WHERE state IN ('received', 'held', 'failed');

CREATE TABLE gathering (
    commit_id   text PRIMARY KEY,
    source_names text[] NOT NULL,
    receipts    jsonb NOT NULL,
    noted_at    timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE gathering IS 'receipts written just before their lake commit; whether it happened is asked of the lake, and then they become batch rows or are struck out';

CREATE TABLE course (
    source_table text PRIMARY KEY REFERENCES source_table (name),
    batch_id     text NOT NULL UNIQUE,
    run_id       text NOT NULL,
    started_at   timestamptz NOT NULL,
    columns      jsonb NOT NULL,
    plan         jsonb NOT NULL,
    text         text[] NOT NULL DEFAULT '{}',
    spliced      boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE course IS 'a large table under way, part by part; a killed run''s course is continued by the next';
COMMENT ON COLUMN course.plan IS 'the parts that make up the table: ranges of blocks, or one in the order of its key';
COMMENT ON COLUMN course.text IS 'columns read as the source''s own text, for a value did not fit their type';
COMMENT ON COLUMN course.spliced IS 'it was interrupted: its landed parts are held against the source again before it ends';

CREATE TABLE chunk (
    commit_id text PRIMARY KEY,
    batch_id  text NOT NULL,
    no        int NOT NULL,
    attempt   int NOT NULL DEFAULT 0,
    part      jsonb NOT NULL,
    first_row bigint NOT NULL,
    given     bigint NOT NULL CHECK (given >= 0),
    bytes     bigint NOT NULL CHECK (bytes >= 0),
    digest    text NOT NULL DEFAULT '',
    snapshot  bigint,
    noted_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (batch_id, no, attempt)
);
COMMENT ON TABLE chunk IS '一批中的一段: its receipt, noted before its lake commit and confirmed after it';
COMMENT ON COLUMN chunk.digest IS 'SHA-256 over the Parquet files its commit wrote';
COMMENT ON COLUMN chunk.attempt IS 'how often it was replaced because the source had changed while the run was interrupted';
