-- gather: plans that say when a source is read, their runs; and what change capture stands on.

CREATE TABLE gather_plan (
    name        text PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9_]{0,61}$'),
    label       text NOT NULL CHECK (btrim(label) <> ''),
    source_name text NOT NULL REFERENCES source (name),
    tables      text[] NOT NULL DEFAULT '{}',
    cron        text,
    every       interval CHECK (every >= interval '1 minute'),
    after       text[] NOT NULL DEFAULT '{}',
    from_hour   smallint NOT NULL DEFAULT 0 CHECK (from_hour BETWEEN 0 AND 23),
    to_hour     smallint NOT NULL DEFAULT 0 CHECK (to_hour BETWEEN 0 AND 23),
    seconds     int NOT NULL DEFAULT 14400 CHECK (seconds BETWEEN 1 AND 604800),
    retries     smallint NOT NULL DEFAULT 3 CHECK (retries BETWEEN 0 AND 20),
    paused      boolean NOT NULL DEFAULT false,
    changed_by  text,
    changed_at  timestamptz NOT NULL DEFAULT now(),
    created_at  timestamptz NOT NULL DEFAULT now(),
    CHECK (cron IS NULL OR every IS NULL)
);
COMMENT ON TABLE gather_plan IS '归集计划: when a source''s tables are taken';
COMMENT ON COLUMN gather_plan.tables IS 'source_table names; none: all tables of the source';
COMMENT ON COLUMN gather_plan.cron IS 'five fields, in the city''s time; neither cron nor every: after other plans, or by hand';
COMMENT ON COLUMN gather_plan.after IS 'plans that must have been done first';
COMMENT ON COLUMN gather_plan.to_hour IS 'runs only from from_hour until to_hour, over midnight when it is the smaller; equal: at any hour';
COMMENT ON COLUMN gather_plan.seconds IS 'longest a run may take; what landed until then stays';
CREATE INDEX gather_plan_source ON gather_plan (source_name);

CREATE TABLE gather_run (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    plan        text NOT NULL REFERENCES gather_plan (name),
    run_id      text NOT NULL UNIQUE,
    cause       text NOT NULL CHECK (cause IN ('schedule', 'after', 'hand', 'backfill')),
    since       text,
    planned_for timestamptz NOT NULL,
    state       text NOT NULL DEFAULT 'waiting'
                CHECK (state IN ('waiting', 'running', 'done', 'partly', 'failed', 'killed')),
    attempt     smallint NOT NULL DEFAULT 0,
    turns       smallint NOT NULL DEFAULT 0,
    retry_at    timestamptz,
    job         bigint REFERENCES job_run (id),
    asked_by    text NOT NULL,
    asked_at    timestamptz NOT NULL DEFAULT now(),
    started_at  timestamptz,
    finished_at timestamptz,
    given       bigint NOT NULL DEFAULT 0,
    tables      int NOT NULL DEFAULT 0,
    failed      int NOT NULL DEFAULT 0,
    note        text NOT NULL DEFAULT '',
    CHECK ((state IN ('done', 'partly', 'failed', 'killed')) = (finished_at IS NOT NULL))
);
COMMENT ON TABLE gather_run IS '一次按计划的归集; every run comes to a terminal state';
COMMENT ON COLUMN gather_run.run_id IS 'gather''s own run: an attempt more goes on where the last one stopped';
COMMENT ON COLUMN gather_run.since IS 'backfill: the watermark to read again from; empty: from the start';
COMMENT ON COLUMN gather_run.planned_for IS 'the tick it answers; ticks missed meanwhile are answered by the newest one';
COMMENT ON COLUMN gather_run.turns IS 'how often its hours ended before it did';
COMMENT ON COLUMN gather_run.retry_at IS 'not before; while it waits';
CREATE UNIQUE INDEX gather_run_open ON gather_run (plan) WHERE state IN ('waiting', 'running');
CREATE INDEX gather_run_plan ON gather_run (plan, id DESC);

CREATE TABLE gather_log (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run      bigint NOT NULL REFERENCES gather_run (id),
    at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    level    text NOT NULL CHECK (level IN ('info', 'near', 'over')),
    "table"  text,
    sentence text NOT NULL
);
COMMENT ON TABLE gather_log IS '归集运行日志: one sentence per thing that happened, without values';
CREATE INDEX gather_log_run ON gather_log (run, id);

-- Change capture 变更捕获.
ALTER TABLE source_table DROP CONSTRAINT source_table_mode_check;
ALTER TABLE source_table ADD CONSTRAINT source_table_mode_check
    CHECK (mode IN ('full', 'incremental', 'capture'));
ALTER TABLE source_table DROP CONSTRAINT source_table_check;
ALTER TABLE source_table ADD CONSTRAINT source_table_check
    CHECK (mode <> 'incremental' OR watermark_item IS NOT NULL);
ALTER TABLE batch DROP CONSTRAINT batch_mode_check;
ALTER TABLE batch ADD CONSTRAINT batch_mode_check CHECK (mode IN ('full', 'incremental', 'capture'));

CREATE TABLE capture (
    source_name text PRIMARY KEY REFERENCES source (name),
    slot        text NOT NULL,
    position    text NOT NULL,
    made_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    behind      bigint,
    seen_at     timestamptz
);
COMMENT ON TABLE capture IS '变更捕获: the replication slot of a source, one for all its captured tables';
COMMENT ON COLUMN capture.position IS 'how far the slot has been moved by us (an LSN); noted before it is moved';
COMMENT ON COLUMN capture.behind IS 'bytes of log the source keeps for us, when it was last looked at';

CREATE TABLE captured (
    source_table text PRIMARY KEY REFERENCES source_table (name),
    batch_id     text NOT NULL,
    position     text NOT NULL
);
COMMENT ON TABLE captured IS 'the whole snapshot a captured table''s changes stand on; without a row it is to be taken';
COMMENT ON COLUMN captured.position IS 'changes after this LSN come on top of the snapshot';
