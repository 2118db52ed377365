-- gather: the ways in by which files arrive, remembered readings, forms, front machines.

-- Which kinds of source there are is what jutong.outside can open, not what this table lists.
ALTER TABLE source DROP CONSTRAINT IF EXISTS source_kind_check;
ALTER TABLE source ADD CONSTRAINT source_kind_check CHECK (kind ~ '^[a-z][a-z0-9]{1,30}$');

CREATE TABLE arrival (
    id           text PRIMARY KEY CHECK (id ~ '^[a-z][a-z0-9]{5,63}$'),
    source_table text NOT NULL REFERENCES source_table (name),
    way          text NOT NULL CHECK (way IN ('upload', 'form', 'push', 'agent', 'drop', 'fetch')),
    file_name    text NOT NULL CHECK (btrim(file_name) <> ''),
    given_key    text,
    bytes        bigint CHECK (bytes >= 0),
    sha256       text CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    declared     jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(declared) = 'object'),
    manner       jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(manner) = 'object'),
    grounds      text[] NOT NULL DEFAULT '{}',
    state        text NOT NULL CHECK (state IN ('arriving', 'looking', 'whole', 'taken', 'refused', 'withdrawn')),
    batch_id     text,
    problem      jsonb,
    given_by     bigint REFERENCES app_user (id),
    began_at     timestamptz NOT NULL DEFAULT now(),
    whole_at     timestamptz,
    ended_at     timestamptz,
    CHECK ((state IN ('arriving', 'withdrawn')) OR (sha256 IS NOT NULL AND bytes IS NOT NULL)),
    CHECK ((state = 'taken') = (batch_id IS NOT NULL)),
    CHECK (state <> 'refused' OR problem IS NOT NULL)
);
COMMENT ON TABLE arrival IS '到件: one file on its way in; once it is whole it becomes exactly one batch, whose run is its id';
COMMENT ON COLUMN arrival.way IS 'upload: portal · form: 填报 · push: 推送接口 · agent: 代理端 · drop: 前置机目录 · fetch: SFTP, FTP, S3';
COMMENT ON COLUMN arrival.given_key IS 'the idempotency key it came with; the id is made of it, so a key arrives once';
COMMENT ON COLUMN arrival.declared IS 'what a person said about how to read it; wins over what is found';
COMMENT ON COLUMN arrival.manner IS 'how it was read, or will be: every property, declared or found';
COMMENT ON COLUMN arrival.state IS 'arriving → whole | looking (a person confirms how to read it) → taken | refused; withdrawn by whoever gave it';
CREATE INDEX arrival_open ON arrival (began_at) WHERE state IN ('arriving', 'looking', 'whole');
CREATE INDEX arrival_table ON arrival (source_table, began_at DESC);

CREATE TABLE remembered_reading (
    source_table text PRIMARY KEY REFERENCES source_table (name),
    declared     jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(declared) = 'object'),
    manner       jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(manner) = 'object'),
    file_name    text NOT NULL,
    at           timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE remembered_reading IS '读法: how the last file of a table was read; what a person declared holds for the next file, what was found is compared with it';

CREATE TABLE source_token (
    token_hash  text PRIMARY KEY CHECK (token_hash ~ '^[0-9a-f]{64}$'),
    source_name text NOT NULL REFERENCES source (name),
    made_by     bigint REFERENCES app_user (id),
    made_at     timestamptz NOT NULL DEFAULT now(),
    ended_at    timestamptz
);
COMMENT ON TABLE source_token IS 'by which a department''s program pushes into one source; only the hash is kept';
CREATE INDEX source_token_source ON source_token (source_name);

CREATE TABLE form (
    source_table text PRIMARY KEY REFERENCES source_table (name),
    entry_id     bigint,
    label        text NOT NULL CHECK (btrim(label) <> ''),
    explained    text NOT NULL DEFAULT '',
    state        text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'closed')),
    made_by      bigint REFERENCES app_user (id),
    made_at      timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE form IS '填报表: made from a catalogue entry''s items; what is filled in lands in its source table';

CREATE TABLE form_row (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source_table text NOT NULL REFERENCES form (source_table),
    cells        jsonb NOT NULL CHECK (jsonb_typeof(cells) = 'object'),
    arrival_id   text REFERENCES arrival (id),
    written_by   bigint REFERENCES app_user (id),
    written_at   timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE form_row IS 'a row filled in by hand; a draft until it went off with an arrival';
CREATE INDEX form_row_draft ON form_row (source_table) WHERE arrival_id IS NULL;

CREATE TABLE front_machine (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    case_id         bigint NOT NULL UNIQUE REFERENCES case_file (id),
    department_code text NOT NULL REFERENCES department (code),
    kind            text NOT NULL CHECK (kind IN ('machine', 'library')),
    purpose         text NOT NULL CHECK (btrim(purpose) <> ''),
    zone            text NOT NULL,
    protection      smallint NOT NULL CHECK (protection BETWEEN 1 AND 4),
    contact         text NOT NULL,
    asked_at        timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE front_machine IS '前置机, 前置库: its state, name and address are those of its case (front_machine): 申请 → 审核 → 分配 → 签收 → 回收';
COMMENT ON COLUMN front_machine.zone IS '部署区域, for example 政务外网';
COMMENT ON COLUMN front_machine.protection IS '等级保护级别';
CREATE INDEX front_machine_department ON front_machine (department_code);
