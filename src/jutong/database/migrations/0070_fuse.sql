-- fuse: which registers there are, what feeds them, and every fusion that was made.

CREATE TABLE register (
    name   text PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9_]{0,54}$'),
    label  text NOT NULL CHECK (btrim(label) <> ''),
    prefix text NOT NULL CHECK (prefix ~ '^[A-Z]{1,4}$'),
    items  jsonb NOT NULL CHECK (jsonb_typeof(items) = 'array')
);
COMMENT ON TABLE register IS '基础库: golden records in base.<name>, all values in base.<name>_value, memberships in base.<name>_member';
COMMENT ON COLUMN register.prefix IS 'entity ids begin with it: LE…';
COMMENT ON COLUMN register.items IS 'list of items of the golden record';

CREATE TABLE register_source (
    register   text NOT NULL REFERENCES register (name),
    dataset    text NOT NULL CHECK (dataset LIKE 'standard.%'),
    label      text NOT NULL,
    mapping    jsonb NOT NULL CHECK (jsonb_typeof(mapping) = 'object'),
    trust      int NOT NULL CHECK (trust BETWEEN 1 AND 99),
    time_item  text,
    item_trust jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(item_trust) = 'object'),
    PRIMARY KEY (register, dataset)
);
COMMENT ON TABLE register_source IS '基础库来源: a standard dataset that feeds a register, and how far it is believed';
COMMENT ON COLUMN register_source.mapping IS 'register item → item of the dataset';
COMMENT ON COLUMN register_source.trust IS '1 is believed first; equal trust is decided by time';
COMMENT ON COLUMN register_source.time_item IS 'item that says when a row was last true; else the time its batch was received';
COMMENT ON COLUMN register_source.item_trust IS 'item → trust where it differs';

CREATE TABLE fusion (
    commit_id     text PRIMARY KEY,
    register      text NOT NULL REFERENCES register (name),
    from_snapshot bigint NOT NULL,
    snapshot      bigint NOT NULL,
    records       bigint NOT NULL,
    entities      bigint NOT NULL,
    by_key        bigint NOT NULL,
    by_likeness   bigint NOT NULL,
    inserted      bigint NOT NULL,
    updated       bigint NOT NULL,
    deleted       bigint NOT NULL,
    started_at    timestamptz NOT NULL,
    finished_at   timestamptz NOT NULL
);
COMMENT ON TABLE fusion IS '融合记录: one run of a register that changed something';
COMMENT ON COLUMN fusion.from_snapshot IS 'the lake snapshot whose standard rows were fused';
COMMENT ON COLUMN fusion.by_key IS 'records joined to others by a code; by_likeness: by name, person, address';
COMMENT ON COLUMN fusion.inserted IS 'golden records inserted, updated, deleted by this run';
CREATE INDEX fusion_register ON fusion (register, finished_at DESC);
