-- casework: anything that waits for a person, with states, moves and clocks.

CREATE TABLE time_limit (
    rule                text NOT NULL,
    jurisdiction        text NOT NULL DEFAULT 'national',
    stage               text NOT NULL,
    share_type          smallint NOT NULL DEFAULT 0 CHECK (share_type BETWEEN 0 AND 3),
    label               text NOT NULL,
    base_wd             int CHECK (base_wd > 0),
    base_years          int CHECK (base_years > 0),
    max_ext_wd          int NOT NULL DEFAULT 0 CHECK (max_ext_wd >= 0),
    ext_approver        text CHECK (ext_approver IN ('steward')),
    pause_on_supplement boolean NOT NULL DEFAULT true,
    article             text NOT NULL,
    breach              text,
    PRIMARY KEY (jurisdiction, stage, share_type),
    CHECK ((base_wd IS NULL) <> (base_years IS NULL)),
    CHECK ((max_ext_wd = 0) = (ext_approver IS NULL))
);
COMMENT ON TABLE time_limit IS '时限规则: every limit is a row; a local row may be shorter than the national one, never longer (政务数据共享条例第23条)';
COMMENT ON COLUMN time_limit.rule IS 'T1 … T8 of domain.md §1.1; L1 … are the city''s own';
COMMENT ON COLUMN time_limit.stage IS 'what a case starts a clock by: catalogue_update, share_reply …';
COMMENT ON COLUMN time_limit.share_type IS '0 any, 1 无条件, 2 有条件, 3 不予';
COMMENT ON COLUMN time_limit.base_wd IS 'working days; base_years where the law counts years (T8)';
COMMENT ON COLUMN time_limit.max_ext_wd IS 'most working days an extension may add, in all';
COMMENT ON COLUMN time_limit.pause_on_supplement IS 'whether asking for missing material stops the clock; the law is silent, so it is configuration';
COMMENT ON COLUMN time_limit.breach IS 'the violation an overdue clock opens a case for, e.g. 第39条(4)';

INSERT INTO time_limit (rule, stage, share_type, label, base_wd, base_years, max_ext_wd, ext_approver, article, breach) VALUES
    ('T1', 'catalogue_update', 0, '目录更新',     10, NULL,  5, 'steward', '第17条', '第39条(1)'),
    ('T2', 'catalogue_review', 0, '目录审核发布',  2, NULL,  0, NULL,      '第17条', '第41条(3)'),
    ('T3', 'share_reply',      1, '答复申请',      1, NULL, 10, 'steward', '第21条', '第39条(4)'),
    ('T4', 'share_reply',      2, '答复申请',     10, NULL, 10, 'steward', '第21条', '第39条(4)'),
    ('T6', 'share_delivery',   0, '提供数据',     20, NULL,  0, NULL,      '第22条', '第39条(4)'),
    ('T7', 'objection',        0, '校核',         10, NULL,  0, NULL,      '第26条', '第39条(6)'),
    ('T8', 'usage_records',    0, '留存使用记录', NULL,   3,  0, NULL,      '第29条', '第40条(5)');
INSERT INTO time_limit (rule, jurisdiction, stage, label, base_wd, max_ext_wd, ext_approver, article) VALUES
    ('L1', 'city', 'rectification', '问题数据整改', 10, 5, 'steward', '本市规则'),
    ('L2', 'city', 'demand',        '需求确认',      5, 0, NULL,      '本市规则'),
    ('L3', 'city', 'breach',        '违规整改',     10, 0, NULL,      '本市规则'),
    ('L4', 'city', 'extension',     '延期同意',      2, 0, NULL,      '本市规则');

CREATE FUNCTION time_limit_never_longer() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE law time_limit;
BEGIN
    IF NEW.jurisdiction = 'national' THEN
        RETURN NEW;
    END IF;
    FOR law IN SELECT * FROM time_limit
               WHERE jurisdiction = 'national' AND stage = NEW.stage
                 AND (share_type = NEW.share_type OR share_type = 0 OR NEW.share_type = 0) LOOP
        IF NEW.base_wd > law.base_wd OR NEW.max_ext_wd > law.max_ext_wd OR NEW.base_years < law.base_years THEN
            RAISE EXCEPTION 'a local time limit may not be longer than %', law.article;
        END IF;
    END LOOP;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION time_limit_never_longer() IS '第23条 encourages shorter limits; longer ones would break the 条例, which prevails';
CREATE TRIGGER time_limit_never_longer BEFORE INSERT OR UPDATE ON time_limit
    FOR EACH ROW EXECUTE FUNCTION time_limit_never_longer();

CREATE TABLE calendar_day (
    day     date PRIMARY KEY,
    working boolean NOT NULL,
    reason  text NOT NULL CHECK (btrim(reason) <> ''),
    set_by  bigint REFERENCES app_user (id),
    set_at  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE calendar_day IS '工作日历的更正: a row wins over the shipped calendar; any change recomputes every running clock';

CREATE TABLE case_number (
    prefix text NOT NULL,
    year   int NOT NULL,
    last   int NOT NULL,
    PRIMARY KEY (prefix, year)
);
COMMENT ON TABLE case_number IS 'the last number given out per kind and year; numbers are never given twice';

CREATE TABLE case_file (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number          text NOT NULL UNIQUE,
    kind            text NOT NULL,
    state           text NOT NULL,
    title           text NOT NULL CHECK (btrim(title) <> ''),
    department_code text NOT NULL REFERENCES department (code),
    sides           jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(sides) = 'object'),
    departments     text[] NOT NULL,
    share_type      smallint NOT NULL DEFAULT 0,
    opened_by       bigint REFERENCES app_user (id),
    opened_at       timestamptz NOT NULL DEFAULT now(),
    due_at          timestamptz,
    subject         jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(subject) = 'object'),
    data            jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(data) = 'object'),
    moved_at        timestamptz NOT NULL DEFAULT now(),
    closed_at       timestamptz
);
COMMENT ON TABLE case_file IS '工单: one thing that waits for a person; its kind says which states and moves it has';
COMMENT ON COLUMN case_file.number IS 'what people call it: SQ-2026-0412';
COMMENT ON COLUMN case_file.department_code IS 'whose desk it lies on now';
COMMENT ON COLUMN case_file.sides IS 'side of the case → department code: requester, provider, opener, steward';
COMMENT ON COLUMN case_file.departments IS 'every department that takes part, for permission';
COMMENT ON COLUMN case_file.share_type IS 'chooses between T3 and T4; 0 where it does not matter';
COMMENT ON COLUMN case_file.due_at IS 'the nearest of its running clocks; NULL: none runs';
COMMENT ON COLUMN case_file.subject IS 'what it is about: {"entry_id": 12}, {"request_id": 3}, {"batch": "…"}';
COMMENT ON COLUMN case_file.data IS 'what people wrote into it; each move may add to it';
CREATE INDEX case_file_desk ON case_file (department_code, kind, state) WHERE closed_at IS NULL;
CREATE INDEX case_file_subject ON case_file USING gin (subject jsonb_path_ops);
CREATE INDEX case_file_departments ON case_file USING gin (departments);

CREATE TABLE case_move (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    case_id    bigint NOT NULL REFERENCES case_file (id),
    at         timestamptz NOT NULL DEFAULT now(),
    move       text NOT NULL,
    from_state text,
    to_state   text NOT NULL,
    by_user    bigint REFERENCES app_user (id),
    note       text NOT NULL DEFAULT '',
    data       jsonb NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE case_move IS 'history of every case, append only; by_user NULL: the platform itself';
CREATE INDEX case_move_case ON case_move (case_id, id);

CREATE TABLE clock (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    case_id          bigint NOT NULL REFERENCES case_file (id),
    rule             text NOT NULL,
    stage            text NOT NULL,
    label            text NOT NULL,
    article          text NOT NULL,
    breach           text,
    department_code  text NOT NULL REFERENCES department (code),
    started_at       timestamptz NOT NULL,
    working_days     int CHECK (working_days > 0),
    extended_wd      int NOT NULL DEFAULT 0 CHECK (extended_wd >= 0),
    max_ext_wd       int NOT NULL DEFAULT 0,
    pauses           boolean NOT NULL DEFAULT true,
    due_at           timestamptz NOT NULL,
    provisional      boolean NOT NULL DEFAULT false,
    calendar_version text NOT NULL,
    paused_at        timestamptz,
    met_at           timestamptz,
    stopped_at       timestamptz,
    escalated_at     timestamptz
);
COMMENT ON TABLE clock IS '时限: one running, met or stopped limit of a case, with the rule as it was when it started';
COMMENT ON COLUMN clock.department_code IS 'who must act before it runs out';
COMMENT ON COLUMN clock.working_days IS 'NULL: the due date was given, not counted';
COMMENT ON COLUMN clock.due_at IS 'last instant of the due day in Asia/Shanghai';
COMMENT ON COLUMN clock.provisional IS 'a year without an official calendar was counted by weekends only';
COMMENT ON COLUMN clock.calendar_version IS 'the calendar due_at was computed with; another version means recompute';
COMMENT ON COLUMN clock.met_at IS 'when what it waited for was done, in time or not';
COMMENT ON COLUMN clock.stopped_at IS 'when it lost its object: the case was withdrawn or sent back';
COMMENT ON COLUMN clock.escalated_at IS 'when it was found overdue; set once';
CREATE INDEX clock_case ON clock (case_id);
CREATE UNIQUE INDEX clock_one_running ON clock (case_id, stage) WHERE met_at IS NULL AND stopped_at IS NULL;
CREATE INDEX clock_running ON clock (due_at) WHERE met_at IS NULL AND stopped_at IS NULL;

CREATE TABLE clock_pause (
    clock_id   bigint NOT NULL REFERENCES clock (id),
    paused_at  timestamptz NOT NULL,
    resumed_at timestamptz CHECK (resumed_at >= paused_at),
    PRIMARY KEY (clock_id, paused_at)
);
COMMENT ON TABLE clock_pause IS 'when a clock stood still: the days after paused_at up to and with resumed_at do not count';

CREATE TABLE notice (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    to_user       bigint REFERENCES app_user (id),
    to_department text REFERENCES department (code),
    subject       text NOT NULL CHECK (btrim(subject) <> ''),
    body          text NOT NULL DEFAULT '',
    case_id       bigint REFERENCES case_file (id),
    created_at    timestamptz NOT NULL DEFAULT now(),
    sent_at       timestamptz,
    read_at       timestamptz,
    CHECK ((to_user IS NULL) <> (to_department IS NULL))
);
COMMENT ON TABLE notice IS '消息: the outbox; written in the transaction it tells of, sent by flows alone';
COMMENT ON COLUMN notice.sent_at IS 'when it left by a channel outside the portal; in the portal it shows at once';
CREATE INDEX notice_user ON notice (to_user, id) WHERE to_user IS NOT NULL;
CREATE INDEX notice_department ON notice (to_department, id) WHERE to_department IS NOT NULL;
CREATE INDEX notice_unsent ON notice (id) WHERE sent_at IS NULL;
