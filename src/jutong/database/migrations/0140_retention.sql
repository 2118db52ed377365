-- Retention 留存: how long what was given stays in the lake, when it goes to the archive, when it may be destroyed,
-- and the holds that win over every rule.  And the schedule of backups.

CREATE TABLE retention_rule (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    zone         text CHECK (zone = 'raw'),
    dataset      text REFERENCES dataset (name) CHECK (dataset LIKE 'raw.%'),
    entry_id     bigint REFERENCES entry (id),
    archive_days int NOT NULL CHECK (archive_days BETWEEN 1 AND 36500),
    keep_batches int NOT NULL DEFAULT 1 CHECK (keep_batches BETWEEN 1 AND 10000),
    destroy_days int CHECK (destroy_days BETWEEN archive_days + 1 AND 36500),
    basis        text NOT NULL CHECK (btrim(basis) <> ''),
    set_by       text NOT NULL,
    set_at       timestamptz NOT NULL DEFAULT now(),
    ended_by     text,
    ended_at     timestamptz,
    CHECK (num_nonnulls(zone, dataset, entry_id) = 1),
    CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);
CREATE UNIQUE INDEX retention_rule_one ON retention_rule (coalesce(zone, dataset, entry_id::text)) WHERE ended_at IS NULL;
COMMENT ON TABLE retention_rule IS '留存规则: never changed, only ended and followed by another; the narrowest scope decides (dataset, then entry, then zone)';
COMMENT ON COLUMN retention_rule.archive_days IS 'days after its receipt a batch goes from the lake to the archive, where it stays readable';
COMMENT ON COLUMN retention_rule.keep_batches IS 'so many of the newest batches of each dataset stay in the lake whatever their age';
COMMENT ON COLUMN retention_rule.destroy_days IS 'days after its receipt the archived batch may be destroyed, once a person approves; NULL: kept for ever';
COMMENT ON COLUMN retention_rule.basis IS 'the law or document it rests on';

CREATE TABLE legal_hold (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    everything     boolean NOT NULL DEFAULT false,
    zone           text CHECK (zone IN ('raw', 'standard', 'base', 'topic')),
    dataset        text REFERENCES dataset (name),
    entry_id       bigint REFERENCES entry (id),
    reason         text NOT NULL CHECK (btrim(reason) <> ''),
    placed_by      text NOT NULL,
    placed_at      timestamptz NOT NULL DEFAULT now(),
    released_by    text,
    released_at    timestamptz,
    release_reason text,
    CHECK (num_nonnulls(zone, dataset, entry_id) = CASE WHEN everything THEN 0 ELSE 1 END),
    CHECK (num_nonnulls(released_by, released_at, release_reason) IN (0, 3))
);
COMMENT ON TABLE legal_hold IS '冻结: nothing of these datasets is archived, destroyed or forgotten while it stands, whatever a rule says; past holds stay on record';
COMMENT ON COLUMN legal_hold.reason IS 'the case or document that asks for it';

CREATE VIEW dataset_of_entry AS
SELECT id AS entry_id, dataset FROM entry WHERE dataset IS NOT NULL
UNION
SELECT e.id, d.name FROM entry e JOIN dataset d ON d.name = 'raw.' || split_part(e.dataset, '.', 2)
WHERE split_part(e.dataset, '.', 1) = 'standard'
UNION
SELECT t.entry_id, d.name FROM source_table t JOIN dataset d ON d.name IN ('raw.' || t.name, 'standard.' || t.name)
WHERE t.entry_id IS NOT NULL;
COMMENT ON VIEW dataset_of_entry IS 'the datasets an entry hangs on: the one attached, and what was gathered for it';

CREATE VIEW held_dataset AS
SELECT d.name AS dataset, h.id AS hold_id, h.reason
FROM dataset d JOIN legal_hold h ON h.released_at IS NULL AND (
    h.everything OR h.zone = d.zone OR h.dataset = d.name
    OR h.entry_id IN (SELECT e.entry_id FROM dataset_of_entry e WHERE e.dataset = d.name));

CREATE VIEW retained_dataset AS
SELECT DISTINCT ON (d.name) d.name AS dataset, r.id AS rule_id, r.archive_days, r.keep_batches, r.destroy_days, r.basis
FROM dataset d JOIN retention_rule r ON r.ended_at IS NULL AND d.zone = 'raw' AND (
    r.zone = d.zone OR r.dataset = d.name
    OR r.entry_id IN (SELECT e.entry_id FROM dataset_of_entry e WHERE e.dataset = d.name))
ORDER BY d.name, (r.dataset IS NULL), (r.entry_id IS NULL), r.destroy_days DESC NULLS FIRST, r.archive_days DESC, r.id;
COMMENT ON VIEW retained_dataset IS 'the one rule each raw dataset is under: the narrowest; of two as narrow the one that keeps longer';

CREATE TABLE archive_part (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dataset           text NOT NULL REFERENCES dataset (name),
    batch_id          text NOT NULL,
    path              text NOT NULL UNIQUE,
    columns           text[] NOT NULL,
    rows              bigint NOT NULL,
    bytes             bigint NOT NULL,
    sha256            text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    rule_id           bigint REFERENCES retention_rule (id),
    commit_id         text NOT NULL,
    snapshot          bigint,
    archived_at       timestamptz NOT NULL DEFAULT now(),
    recall_commit     text,
    recalled_snapshot bigint,
    recalled_by       text,
    recalled_at       timestamptz,
    destroy_asked_by  text,
    destroy_reason    text,
    destroyed_at      timestamptz,
    CHECK (destroyed_at IS NULL OR recalled_snapshot IS NULL),
    CHECK (destroyed_at IS NULL OR num_nonnulls(destroy_asked_by, destroy_reason) = 2)
);
CREATE UNIQUE INDEX archive_part_one ON archive_part (dataset, batch_id) WHERE recalled_snapshot IS NULL;
CREATE INDEX archive_part_dataset ON archive_part (dataset);
COMMENT ON TABLE archive_part IS '归档: one batch''s raw rows as a Parquet file below the archive folder; a row stays as the certificate when the file is destroyed';
COMMENT ON COLUMN archive_part.snapshot IS 'the rows left the lake with it; NULL: not yet asked of the lake, which alone knows whether commit_id happened';
COMMENT ON COLUMN archive_part.recalled_snapshot IS 'the rows are back in the lake since';

CREATE TABLE rebuild (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dataset     text NOT NULL REFERENCES dataset (name) CHECK (dataset LIKE 'standard.%'),
    batches     text[] NOT NULL,
    asked_at    timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);
CREATE UNIQUE INDEX rebuild_open ON rebuild (dataset) WHERE finished_at IS NULL;
COMMENT ON TABLE rebuild IS '重建: a standard dataset whose files are lost, made anew from the raw rows of these batches; an unfinished one is gone on with';

CREATE TABLE backup_plan (
    one        boolean PRIMARY KEY DEFAULT true CHECK (one),
    folder     text NOT NULL CHECK (folder LIKE '/%'),
    keep       int NOT NULL CHECK (keep BETWEEN 1 AND 1000),
    drill_days int NOT NULL DEFAULT 30 CHECK (drill_days BETWEEN 0 AND 3650),
    set_by     text NOT NULL,
    set_at     timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE backup_plan IS 'where scheduled backups go and how many stay; when is the housekeeping row of task backup';
COMMENT ON COLUMN backup_plan.drill_days IS 'after so many days a backup is also put back beside the city and compared; 0: by hand only';
ALTER TABLE backup_run ADD COLUMN removed_at timestamptz;
COMMENT ON COLUMN backup_run.removed_at IS 'made room for newer ones';

ALTER TABLE housekeeping DROP CONSTRAINT housekeeping_task_check;
ALTER TABLE housekeeping ADD CONSTRAINT housekeeping_task_check
    CHECK (task IN ('compact', 'retain', 'expire', 'clean', 'archive', 'measure', 'backup'));
INSERT INTO housekeeping (task, every, from_hour, to_hour, seconds, paused, changed_by) VALUES
    ('retain', '1 day', 0, 6, 1800, false, NULL),
    ('backup', '1 day', 2, 6, 1800, true, '尚未定备份计划');
COMMENT ON TABLE housekeeping IS 'what the lake does for itself: compact 整理小文件, retain 到期归档, expire 历史到期, clean 清理文件, archive 存证归档, measure 量用量, backup 定时备份';
