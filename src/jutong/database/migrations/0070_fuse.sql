-- fuse: which registers there are, what feeds them, and every fusion that was made.

CREATE TABLE register (
    name   text PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9_]{0,54}$'),
    label  text NOT NULL CHECK (btrim(label) <> ''),
    prefix text NOT NULL CHECK (prefix ~ '^[A-Z]{1,4}$'),
    items  jsonb NOT NULL CHECK (jsonb_typeof(items) = 'array'),
    rules  jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(rules) = 'object')
);
COMMENT ON TABLE register IS '基础库: golden records in base.<name>, all values in base.<name>_value, memberships in base.<name>_member';
COMMENT ON COLUMN register.prefix IS 'entity ids begin with it: LE…';
COMMENT ON COLUMN register.items IS 'list of items of the golden record';
COMMENT ON COLUMN register.rules IS 'match, survivorship, designated, links, holds as the YAML declaration says';

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
COMMENT ON COLUMN register_source.dataset IS 'a dataset, or a pattern with * for many of one shape';
COMMENT ON COLUMN register_source.mapping IS 'register item → item of the dataset, =constant, $dataset $department $label';
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
    residue       bigint NOT NULL DEFAULT 0,
    merges        bigint NOT NULL DEFAULT 0,
    splits        bigint NOT NULL DEFAULT 0,
    doubtful      bigint NOT NULL DEFAULT 0,
    reached       bigint NOT NULL DEFAULT 0,
    whole         boolean NOT NULL DEFAULT true,
    inserted      bigint NOT NULL,
    updated       bigint NOT NULL,
    deleted       bigint NOT NULL,
    sources       jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(sources) = 'object'),
    started_at    timestamptz NOT NULL,
    finished_at   timestamptz NOT NULL
);
COMMENT ON TABLE fusion IS '融合记录: one run of a register that changed something';
COMMENT ON COLUMN fusion.from_snapshot IS 'the lake snapshot whose standard rows were fused';
COMMENT ON COLUMN fusion.by_key IS 'records joined to others by a code; by_likeness: by name, person, address';
COMMENT ON COLUMN fusion.residue IS 'rows the register cannot place; merges, splits: entities this run merged or split';
COMMENT ON COLUMN fusion.doubtful IS 'pairs for people; reached: records looked at again; whole: everything was computed anew';
COMMENT ON COLUMN fusion.inserted IS 'golden records inserted, updated, deleted by this run';
COMMENT ON COLUMN fusion.sources IS 'dataset → rows, to notice one that brings far too many or too few';
CREATE INDEX fusion_register ON fusion (register, finished_at DESC);

CREATE TABLE fuse_pair (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    register  text NOT NULL REFERENCES register (name),
    dataset_l text NOT NULL,
    key_l     text NOT NULL,
    dataset_r text NOT NULL,
    key_r     text NOT NULL,
    weight    numeric(9, 4) NOT NULL,
    rows      jsonb NOT NULL CHECK (jsonb_typeof(rows) = 'object'),
    case_id   bigint REFERENCES case_file (id),
    UNIQUE (register, dataset_l, key_l, dataset_r, key_r)
);
COMMENT ON TABLE fuse_pair IS '疑似同一主体: two rows that look alike and were not joined; what people say is the state of the case';
COMMENT ON COLUMN fuse_pair.rows IS 'both records as they were: left, right';
CREATE INDEX fuse_pair_case ON fuse_pair (case_id);

CREATE TABLE fuse_hold (
    case_id  bigint PRIMARY KEY REFERENCES case_file (id),
    register text NOT NULL REFERENCES register (name),
    used_at  timestamptz
);
COMMENT ON TABLE fuse_hold IS '融合待确认: a run that a person must let through; used_at: a run has gone through with that consent';
CREATE INDEX fuse_hold_register ON fuse_hold (register);

CREATE TABLE fuse_objection (
    case_id  bigint PRIMARY KEY REFERENCES case_file (id),
    register text NOT NULL REFERENCES register (name),
    dataset  text NOT NULL,
    item     text NOT NULL,
    entities bigint NOT NULL
);
COMMENT ON TABLE fuse_objection IS '与数源部门不一致: objections opened because a source contradicts the designated one (一数一源)';
CREATE INDEX fuse_objection_register ON fuse_objection (register, dataset, item);
