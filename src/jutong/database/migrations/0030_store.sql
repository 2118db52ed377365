-- Store 存储: what the lake's tables mean. The rows themselves, their snapshots and their files are the
-- business of DuckLake's own catalogue in schema lake, which the role of this schema does not need to read.

CREATE TABLE dataset (
    name            text PRIMARY KEY CHECK (name = zone || '.' || split_part(name, '.', 2)),
    zone            text NOT NULL CHECK (zone IN ('raw', 'standard', 'base', 'topic')),
    label           text NOT NULL,
    keys            text[] NOT NULL DEFAULT '{}',
    items           jsonb NOT NULL,
    version         int NOT NULL DEFAULT 1 CHECK (version > 0),
    department_code text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    declared_at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX dataset_zone ON dataset (zone);
COMMENT ON TABLE dataset IS '数据集: one table of the lake, lake.<zone>.<table>, as its owner declared it; never replaced, never dropped';
COMMENT ON COLUMN dataset.name IS 'zone.table';
COMMENT ON COLUMN dataset.zone IS 'raw 原始 · standard 标准 · base 基础 · topic 主题';
COMMENT ON COLUMN dataset.label IS 'Chinese name shown to people';
COMMENT ON COLUMN dataset.keys IS 'business key by which rows merge and changes are told; empty where rows are only appended (raw, standard.issue)';
COMMENT ON COLUMN dataset.items IS 'list of items in order: name, label, type, element, key, required, grade, share_type';
COMMENT ON COLUMN dataset.version IS 'rises when an item is retyped or the key changes; version n < current lies in the lake as <table>__v<n>';
COMMENT ON COLUMN dataset.department_code IS 'whose data it is; NULL where it is the platform''s own';
COMMENT ON COLUMN dataset.declared_at IS 'when the declaration last changed';

CREATE TABLE lake_commit (
    commit_id text PRIMARY KEY,
    snapshot  bigint NOT NULL,
    at        timestamptz NOT NULL
);
COMMENT ON TABLE lake_commit IS 'commit ids of snapshots that have expired, so that a commit stays done for ever; those of living snapshots are read in the lake itself';
COMMENT ON COLUMN lake_commit.commit_id IS 'batch or run id as it stood in commit_extra_info';

CREATE TABLE lake_follower (
    name     text NOT NULL,
    dataset  text NOT NULL REFERENCES dataset (name),
    snapshot bigint NOT NULL,
    moved_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (name, dataset)
);
COMMENT ON TABLE lake_follower IS 'who reads a dataset''s change feed (a replica, a delivery) and how far it has come; its snapshot does not expire until the cap';
COMMENT ON COLUMN lake_follower.snapshot IS 'the feed up to and including this snapshot has been taken over';
