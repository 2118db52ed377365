-- Jobs as people see them: which stage ran, how far it came, how it ended.

CREATE TABLE job_run (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stage       text NOT NULL,
    arguments   jsonb NOT NULL DEFAULT '{}',
    state       text NOT NULL DEFAULT 'waiting'
                CHECK (state IN ('waiting', 'running', 'done', 'failed', 'killed')),
    asked_by    text NOT NULL,
    asked_at    timestamptz NOT NULL DEFAULT now(),
    started_at  timestamptz,
    finished_at timestamptz,
    process_id  int,
    progress    real NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 1),
    note        text NOT NULL DEFAULT '',
    CHECK ((state IN ('done', 'failed', 'killed')) = (finished_at IS NOT NULL))
);
COMMENT ON TABLE job_run IS '一次作业：哪个环节、进度、结局；每次运行必有终态';
COMMENT ON COLUMN job_run.note IS 'one sentence: what is being done now, or how it ended';
COMMENT ON COLUMN job_run.process_id IS 'leader of the job''s own process group while running';
CREATE INDEX job_run_open ON job_run (asked_at) WHERE state IN ('waiting', 'running');

CREATE TABLE backup_run (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    folder      text NOT NULL,
    started_at  timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    bytes       bigint,
    files       int,
    verified    boolean NOT NULL DEFAULT false,
    copied      bigint,
    snapshot    bigint,
    ledger_size bigint,
    drilled_at  timestamptz,
    drill_seconds real
);
COMMENT ON TABLE backup_run IS '备份记录；verified 表示写完后逐文件核对过';
COMMENT ON COLUMN backup_run.copied IS 'bytes written anew; the rest is shared with the backup before by hard links';
COMMENT ON COLUMN backup_run.drill_seconds IS 'how long putting the city back from it took, tried on drilled_at: the measured RTO';
