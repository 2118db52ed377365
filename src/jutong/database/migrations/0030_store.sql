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
CREATE INDEX lake_commit_snapshot ON lake_commit (snapshot);
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

CREATE TABLE lake_history (
    one        boolean PRIMARY KEY DEFAULT true CHECK (one),
    all_days   int NOT NULL DEFAULT 7 CHECK (all_days >= 0),
    daily_days int NOT NULL DEFAULT 92 CHECK (daily_days >= all_days),
    months     int NOT NULL DEFAULT 24 CHECK (months >= 0)
);
INSERT INTO lake_history DEFAULT VALUES;
COMMENT ON TABLE lake_history IS 'how long the lake remembers: every snapshot of the newest days, then one a day, then one a month; as-of questions answer within it';

CREATE TABLE housekeeping (
    task       text PRIMARY KEY CHECK (task IN ('compact', 'expire', 'clean', 'archive', 'measure')),
    every      interval NOT NULL CHECK (every > interval '0'),
    from_hour  smallint NOT NULL DEFAULT 0 CHECK (from_hour BETWEEN 0 AND 23),
    to_hour    smallint NOT NULL DEFAULT 24 CHECK (to_hour BETWEEN 1 AND 24),
    seconds    int NOT NULL CHECK (seconds > 0),
    paused     boolean NOT NULL DEFAULT false,
    changed_by text,
    changed_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO housekeeping (task, every, from_hour, to_hour, seconds) VALUES
    ('compact', '1 day', 0, 6, 1800),
    ('expire',  '1 day', 0, 6, 600),
    ('clean',   '1 day', 0, 6, 600),
    ('archive', '1 hour', 0, 24, 300),
    ('measure', '1 hour', 0, 24, 60);
COMMENT ON TABLE housekeeping IS 'what the lake does for itself: compact 整理小文件, expire 历史到期, clean 清理文件, archive 存证归档, measure 量用量';
COMMENT ON COLUMN housekeeping.from_hour IS 'the city''s clock; a task overdue by its own interval does not wait for the night';
COMMENT ON COLUMN housekeeping.seconds IS 'after so long no new piece of work is begun; the rest waits for the next turn';

CREATE TABLE housekeeping_run (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    task        text NOT NULL REFERENCES housekeeping (task),
    started_at  timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    state       text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'stopped', 'failed')),
    pieces      bigint NOT NULL DEFAULT 0,
    note        text NOT NULL DEFAULT '',
    CHECK ((state = 'running') = (finished_at IS NULL))
);
CREATE INDEX housekeeping_run_task ON housekeeping_run (task, started_at DESC);
COMMENT ON COLUMN housekeeping_run.pieces IS 'datasets compacted, snapshots forgotten, files deleted, exchanges archived, or bytes measured';
COMMENT ON COLUMN housekeeping_run.state IS 'stopped: the time was up or somebody paused it; the rest waits';

CREATE TABLE disk_use (
    at    timestamptz PRIMARY KEY,
    used  bigint NOT NULL,
    room  bigint NOT NULL,
    lake  bigint NOT NULL
);
COMMENT ON TABLE disk_use IS 'how full the lake''s disk was, in bytes; the forecast is a line through the last 30 days';
COMMENT ON COLUMN disk_use.room IS 'used and free together: what there is for us';
COMMENT ON COLUMN disk_use.lake IS 'bytes of the newest snapshot''s files';
