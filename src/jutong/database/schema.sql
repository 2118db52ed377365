-- Written by `make schema` from the migrations; do not edit.
CREATE SCHEMA jutong;
CREATE FUNCTION jutong.announce_grants() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM pg_notify('jutong_grants', TG_TABLE_NAME || ':' || (to_jsonb(COALESCE(NEW, OLD)) ->> TG_ARGV[0]));
    RETURN NULL;
END $$;
COMMENT ON FUNCTION jutong.announce_grants() IS 'NOTIFY jutong_grants with ''table:key'' of the row that changed; argument: its key column';
CREATE FUNCTION jutong.entry_search_follows() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE entry_search
    SET state = NEW.state, theme = NEW.theme, share_type = NEW.share_type, worth = entry_worth(NEW.uses, NEW.name)
    WHERE entry_id = NEW.id
      AND (state, theme, share_type, worth)
          IS DISTINCT FROM (NEW.state, NEW.theme, NEW.share_type, entry_worth(NEW.uses, NEW.name));
    RETURN NULL;
END $$;
COMMENT ON FUNCTION jutong.entry_search_follows() IS 'state and share type are permissions: the copy changes in the same statement, whoever changes the entry';
CREATE FUNCTION jutong.entry_worth(uses bigint, name text) RETURNS real
    LANGUAGE sql IMMUTABLE
    RETURN ((ln(((uses + 1))::double precision) - (((length(name))::numeric / 10.0))::double precision))::real;
COMMENT ON FUNCTION jutong.entry_worth(uses bigint, name text) IS 'what is used much comes first, and of equals the name that says little else';
CREATE FUNCTION jutong.security_event_stays() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'DELETE' AND OLD.at < now() - interval '6 months' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the security log is append only and kept for six months';
END $$;
COMMENT ON FUNCTION jutong.security_event_stays() IS 'no row of the security log is changed, and none younger than six months removed';
CREATE FUNCTION jutong.stamp_changed() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.changed_at := clock_timestamp();
    RETURN NEW;
END $$;
CREATE FUNCTION jutong.time_limit_never_longer() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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
COMMENT ON FUNCTION jutong.time_limit_never_longer() IS '第23条 encourages shorter limits; longer ones would break the 条例, which prevails';
CREATE TABLE jutong.app_user (
    id bigint NOT NULL,
    login text NOT NULL,
    name text NOT NULL,
    department_code text NOT NULL,
    password_hash text NOT NULL,
    password_at timestamp with time zone DEFAULT now() NOT NULL,
    must_change boolean DEFAULT false NOT NULL,
    state text DEFAULT 'active'::text NOT NULL,
    factor_secret text,
    factor_at timestamp with time zone,
    factor_step bigint,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    signed_in_at timestamp with time zone,
    CONSTRAINT app_user_login_check CHECK ((login ~ '^[a-z0-9][a-z0-9._-]{1,62}$'::text)),
    CONSTRAINT app_user_name_check CHECK ((btrim(name) <> ''::text)),
    CONSTRAINT app_user_state_check CHECK ((state = ANY (ARRAY['active'::text, 'disabled'::text])))
);
COMMENT ON TABLE jutong.app_user IS '用户账号';
COMMENT ON COLUMN jutong.app_user.password_hash IS 'argon2id in PHC text form';
COMMENT ON COLUMN jutong.app_user.password_at IS 'when the password was set; it ends after 90 days (等保三级)';
COMMENT ON COLUMN jutong.app_user.must_change IS 'the password was set by somebody else; the owner sets a new one before anything';
COMMENT ON COLUMN jutong.app_user.factor_secret IS 'TOTP secret (RFC 6238), sealed by the KeyProvider; a secret without factor_at is an enrolment under way';
COMMENT ON COLUMN jutong.app_user.factor_step IS 'the last 30-second step a code was taken for; a code is good once';
ALTER TABLE jutong.app_user ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME jutong.app_user_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE jutong.application (
    id text NOT NULL,
    name text NOT NULL,
    department_code text NOT NULL,
    purpose text DEFAULT ''::text NOT NULL,
    token_hash text,
    token_hint text,
    token_at timestamp with time zone,
    token_until timestamp with time zone,
    token_before text,
    token_before_until timestamp with time zone,
    services text[],
    networks cidr[],
    rate integer,
    concurrency integer,
    daily_quota bigint,
    state text DEFAULT 'active'::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT application_concurrency_check CHECK ((concurrency > 0)),
    CONSTRAINT application_daily_quota_check CHECK ((daily_quota > 0)),
    CONSTRAINT application_id_check CHECK ((id ~ '^[A-Z][A-Z0-9_-]{0,31}$'::text)),
    CONSTRAINT application_rate_check CHECK ((rate > 0)),
    CONSTRAINT application_state_check CHECK ((state = ANY (ARRAY['active'::text, 'suspended'::text, 'retired'::text]))),
    CONSTRAINT application_token_before_check CHECK ((token_before ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT application_token_hash_check CHECK ((token_hash ~ '^[0-9a-f]{64}$'::text))
);
COMMENT ON TABLE jutong.application IS '应用：a department''s registered system, the party that presents a token at the gate and receives deliveries';
COMMENT ON COLUMN jutong.application.token_hash IS 'SHA-256 (hex) of the whole bearer token; the token itself is shown once and kept nowhere';
COMMENT ON COLUMN jutong.application.token_hint IS 'first characters of the token, so a person can tell two tokens apart; useless for signing in';
COMMENT ON COLUMN jutong.application.token_at IS 'when the present token was issued';
COMMENT ON COLUMN jutong.application.token_until IS 'when the present token expires; NULL never';
COMMENT ON COLUMN jutong.application.token_before IS 'hash of the token before, good until token_before_until, so that a rotation needs no pause';
COMMENT ON COLUMN jutong.application.services IS 'scope: the only services its token and keys may be used at; NULL any it has a grant for';
COMMENT ON COLUMN jutong.application.networks IS 'where its calls may come from; NULL anywhere';
COMMENT ON COLUMN jutong.application.rate IS 'calls a second at most; NULL no limit';
COMMENT ON COLUMN jutong.application.concurrency IS 'calls under way at the same time at most';
COMMENT ON COLUMN jutong.application.daily_quota IS 'calls a day (Asia/Shanghai) at most, counted by each gate';
COMMENT ON COLUMN jutong.application.state IS 'active answers are given; suspended none until set active; retired for good';
CREATE TABLE jutong.application_key (
    key_id text NOT NULL,
    application_id text NOT NULL,
    algorithm text NOT NULL,
    public_key bytea,
    secret text,
    valid_until timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT application_key_algorithm_check CHECK ((algorithm = ANY (ARRAY['ed25519'::text, 'hmac-sha256'::text]))),
    CONSTRAINT application_key_check CHECK ((((algorithm = 'ed25519'::text) = (public_key IS NOT NULL)) AND ((algorithm = 'hmac-sha256'::text) = (secret IS NOT NULL)))),
    CONSTRAINT application_key_key_id_check CHECK ((key_id ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$'::text)),
    CONSTRAINT application_key_public_key_check CHECK ((octet_length(public_key) = 32))
);
COMMENT ON TABLE jutong.application_key IS '签名密钥: what an application signs its requests with (RFC 9421); required for items of grade 3 and up';
COMMENT ON COLUMN jutong.application_key.secret IS 'HMAC secret, sealed by the KeyProvider with context application_key:<key_id>';
CREATE TABLE jutong.archive_part (
    id bigint NOT NULL,
    dataset text NOT NULL,
    batch_id text NOT NULL,
    path text NOT NULL,
    columns text[] NOT NULL,
    rows bigint NOT NULL,
    bytes bigint NOT NULL,
    sha256 text NOT NULL,
    rule_id bigint,
    commit_id text NOT NULL,
    snapshot bigint,
    archived_at timestamp with time zone DEFAULT now() NOT NULL,
    recall_commit text,
    recalled_snapshot bigint,
    recalled_by text,
    recalled_at timestamp with time zone,
    destroy_asked_by text,
    destroy_reason text,
    destroyed_at timestamp with time zone,
    spent_at timestamp with time zone,
    CONSTRAINT archive_part_check CHECK (((destroyed_at IS NULL) OR (recalled_snapshot IS NULL))),
    CONSTRAINT archive_part_check1 CHECK (((destroyed_at IS NULL) OR (num_nonnulls(destroy_asked_by, destroy_reason) = 2))),
    CONSTRAINT archive_part_sha256_check CHECK ((sha256 ~ '^[0-9a-f]{64}$'::text))
);
COMMENT ON TABLE jutong.archive_part IS '归档: one batch''s raw rows as a Parquet file below the archive folder; a row stays as the certificate when the file is destroyed';
COMMENT ON COLUMN jutong.archive_part.snapshot IS 'the rows left the lake with it; NULL: not yet asked of the lake, which alone knows whether commit_id happened';
COMMENT ON COLUMN jutong.archive_part.recalled_snapshot IS 'the rows are back in the lake since';
COMMENT ON COLUMN jutong.archive_part.spent_at IS 'recalled, and no snapshot of the time in between is left since: after a reader''s grace file and row go';
ALTER TABLE jutong.archive_part ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME jutong.archive_part_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE jutong.arrival (
    id text NOT NULL,
    source_table text NOT NULL,
    way text NOT NULL,
    file_name text NOT NULL,
    given_key text,
    bytes bigint,
    sha256 text,
    declared jsonb DEFAULT '{}'::jsonb NOT NULL,
    manner jsonb DEFAULT '{}'::jsonb NOT NULL,
    grounds text[] DEFAULT '{}'::text[] NOT NULL,
    state text NOT NULL,
    batch_id text,
    problem jsonb,
    given_by bigint,
    began_at timestamp with time zone DEFAULT now() NOT NULL,
    whole_at timestamp with time zone,
    ended_at timestamp with time zone,
    CONSTRAINT arrival_bytes_check CHECK ((bytes >= 0)),
    CONSTRAINT arrival_check CHECK (((state = ANY (ARRAY['arriving'::text, 'withdrawn'::text])) OR ((sha256 IS NOT NULL) AND (bytes IS NOT NULL)))),
    CONSTRAINT arrival_check1 CHECK (((state = 'taken'::text) = (batch_id IS NOT NULL))),
    CONSTRAINT arrival_check2 CHECK (((state <> 'refused'::text) OR (problem IS NOT NULL))),
    CONSTRAINT arrival_declared_check CHECK ((jsonb_typeof(declared) = 'object'::text)),
    CONSTRAINT arrival_file_name_check CHECK ((btrim(file_name) <> ''::text)),
    CONSTRAINT arrival_id_check CHECK ((id ~ '^[a-z][a-z0-9]{5,63}$'::text)),
    CONSTRAINT arrival_manner_check CHECK ((jsonb_typeof(manner) = 'object'::text)),
    CONSTRAINT arrival_sha256_check CHECK ((sha256 ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT arrival_state_check CHECK ((state = ANY (ARRAY['arriving'::text, 'looking'::text, 'whole'::text, 'taken'::text, 'refused'::text, 'withdrawn'::text]))),
    CONSTRAINT arrival_way_check CHECK ((way = ANY (ARRAY['upload'::text, 'form'::text, 'push'::text, 'agent'::text, 'drop'::text, 'fetch'::text])))
);
COMMENT ON TABLE jutong.arrival IS '到件: one file on its way in; once it is whole it becomes exactly one batch, whose run is its id';
COMMENT ON COLUMN jutong.arrival.way IS 'upload: portal · form: 填报 · push: 推送接口 · agent: 代理端 · drop: 前置机目录 · fetch: SFTP, FTP, S3';
COMMENT ON COLUMN jutong.arrival.given_key IS 'the idempotency key it came with; the id is made of it, so a key arrives once';
COMMENT ON COLUMN jutong.arrival.declared IS 'what a person said about how to read it; wins over what is found';
COMMENT ON COLUMN jutong.arrival.manner IS 'how it was read, or will be: every property, declared or found';
COMMENT ON COLUMN jutong.arrival.state IS 'arriving → whole | looking (a person confirms how to read it) → taken | refused; withdrawn by whoever gave it';
CREATE TABLE jutong.backup_plan (
    one boolean DEFAULT true NOT NULL,
    folder text NOT NULL,
    keep integer NOT NULL,
    drill_days integer DEFAULT 30 NOT NULL,
    set_by text NOT NULL,
    set_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT backup_plan_drill_days_check CHECK (((drill_days >= 0) AND (drill_days <= 3650))),
    CONSTRAINT backup_plan_folder_check CHECK ((folder ~~ '/%'::text)),
    CONSTRAINT backup_plan_keep_check CHECK (((keep >= 1) AND (keep <= 1000))),
    CONSTRAINT backup_plan_one_check CHECK (one)
);
COMMENT ON TABLE jutong.backup_plan IS 'where scheduled backups go and how many stay; when is the housekeeping row of task backup';
COMMENT ON COLUMN jutong.backup_plan.drill_days IS 'after so many days a backup is also put back beside the city and compared; 0: by hand only';
CREATE TABLE jutong.backup_run (
    id bigint NOT NULL,
    folder text NOT NULL,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    finished_at timestamp with time zone,
    bytes bigint,
    files integer,
    verified boolean DEFAULT false NOT NULL,
    copied bigint,
    snapshot bigint,
    ledger_size bigint,
    drilled_at timestamp with time zone,
    drill_seconds real,
    removed_at timestamp with time zone
);
COMMENT ON TABLE jutong.backup_run IS '备份记录；verified 表示写完后逐文件核对过';
COMMENT ON COLUMN jutong.backup_run.copied IS 'bytes written anew; the rest is shared with the backup before by hard links';
COMMENT ON COLUMN jutong.backup_run.drill_seconds IS 'how long putting the city back from it took, tried on drilled_at: the measured RTO';
COMMENT ON COLUMN jutong.backup_run.removed_at IS 'made room for newer ones';
ALTER TABLE jutong.backup_run ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME jutong.backup_run_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE jutong.batch (
    id text NOT NULL,
    source_table text NOT NULL,
    run_id text NOT NULL,
    mode text NOT NULL,
    given bigint,
    bytes bigint,
    content_hash text,
    file_name text,
    file_sha256 text,
    watermark_from text,
    watermark_to text,
    row_offset integer DEFAULT 0 NOT NULL,
    spliced boolean DEFAULT false NOT NULL,
    notices jsonb DEFAULT '[]'::jsonb NOT NULL,
    noticed bigint DEFAULT 0 NOT NULL,
    problem jsonb,
    commit_id text,
    snapshot bigint,
    started_at timestamp with time zone NOT NULL,
    received_at timestamp with time zone NOT NULL,
    state text NOT NULL,
    gaps integer[] DEFAULT '{}'::integer[] NOT NULL,
    set_aside bigint DEFAULT 0 NOT NULL,
    CONSTRAINT batch_bytes_check CHECK ((bytes >= 0)),
    CONSTRAINT batch_check CHECK (((state = 'failed'::text) OR ((given IS NOT NULL) AND (content_hash IS NOT NULL) AND (snapshot IS NOT NULL)))),
    CONSTRAINT batch_check1 CHECK (((state = 'failed'::text) = (problem IS NOT NULL))),
    CONSTRAINT batch_file_sha256_check CHECK ((file_sha256 ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT batch_given_check CHECK ((given >= 0)),
    CONSTRAINT batch_mode_check CHECK ((mode = ANY (ARRAY['full'::text, 'incremental'::text, 'capture'::text]))),
    CONSTRAINT batch_notices_check CHECK ((jsonb_typeof(notices) = 'array'::text)),
    CONSTRAINT batch_set_aside_check CHECK ((set_aside >= 0)),
    CONSTRAINT batch_state_check CHECK ((state = ANY (ARRAY['received'::text, 'refined'::text, 'held'::text, 'failed'::text])))
);
COMMENT ON TABLE jutong.batch IS '批次: one delivery exactly as given, with its receipt';
COMMENT ON COLUMN jutong.batch.id IS '<run>.<source table>: the same run gives the same id, so a run may be repeated';
COMMENT ON COLUMN jutong.batch.given IS 'rows, counted while reading (law 1); NULL when it failed';
COMMENT ON COLUMN jutong.batch.bytes IS 'size of the delivered file, or of the rows in memory as they came from a database';
COMMENT ON COLUMN jutong.batch.content_hash IS 'set hash (design §9) of the rows as landed, over the source''s own columns; files:<SHA-256 over its chunks'' digests> when it came in chunks';
COMMENT ON COLUMN jutong.batch.file_sha256 IS 'the file is kept byte for byte as DIR/files/<first two>/<sha256>';
COMMENT ON COLUMN jutong.batch.watermark_to IS 'the next incremental batch begins here; the source''s own text';
COMMENT ON COLUMN jutong.batch.row_offset IS 'added to _row it is the row a clerk sees in the file (the header counted); 0 for databases';
COMMENT ON COLUMN jutong.batch.spliced IS 'read over more than one run; every part was held against the source in the last one';
COMMENT ON COLUMN jutong.batch.notices IS 'up to 100 of the {code, sentence, file, sheet, row, item} noticed while reading; noticed counts all';
COMMENT ON COLUMN jutong.batch.problem IS 'why it failed: {code, sentence, file, sheet, row, item}';
COMMENT ON COLUMN jutong.batch.state IS 'received → refined | held (refined but kept back); failed: nothing landed';
COMMENT ON COLUMN jutong.batch.gaps IS 'after how many rows each row stands that was passed over (blank, or set aside): what a clerk counts and _row does not';
COMMENT ON COLUMN jutong.batch.set_aside IS 'rows of the file kept out for they do not fit its header; given counts the others';
CREATE TABLE jutong.calendar_day (
    day date NOT NULL,
    working boolean NOT NULL,
    reason text NOT NULL,
    set_by bigint,
    set_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT calendar_day_reason_check CHECK ((btrim(reason) <> ''::text))
);
COMMENT ON TABLE jutong.calendar_day IS '工作日历的更正: a row wins over the shipped calendar; any change recomputes every running clock';
CREATE TABLE jutong.campaign (
    code text NOT NULL,
    name text NOT NULL,
    basis text DEFAULT ''::text NOT NULL,
    owner_code text NOT NULL,
    starts_on date NOT NULL,
    ends_on date NOT NULL,
    CONSTRAINT campaign_check CHECK ((ends_on >= starts_on))
);
COMMENT ON TABLE jutong.campaign IS '攻坚行动: a list of tasks with 责任表 and 路线图';
CREATE TABLE jutong.capture (
    source_name text NOT NULL,
    slot text NOT NULL,
    "position" text NOT NULL,
    made_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    behind bigint,
    seen_at timestamp with time zone,
    mark text DEFAULT ''::text NOT NULL
);
COMMENT ON TABLE jutong.capture IS '变更捕获: where a source''s log has been read to, one place for all its captured tables';
COMMENT ON COLUMN jutong.capture.slot IS 'the replication slot; a server of the MySQL family has none, there it only names this beginning';
COMMENT ON COLUMN jutong.capture."position" IS 'how far the log is done with: an LSN, or a binary log''s number and offset; noted before a slot is moved';
COMMENT ON COLUMN jutong.capture.behind IS 'bytes of log from there to its end, when it was last looked at; a slot keeps them on the source''s disk';
COMMENT ON COLUMN jutong.capture.mark IS 'what proves that a binary log''s position still means the same place: server, birth of the file, GTID';
CREATE TABLE jutong.captured (
    source_table text NOT NULL,
    batch_id text NOT NULL,
    "position" text NOT NULL
);
COMMENT ON TABLE jutong.captured IS 'the whole snapshot a captured table''s changes stand on; without a row it is to be taken';
COMMENT ON COLUMN jutong.captured."position" IS 'changes after this LSN come on top of the snapshot';
CREATE TABLE jutong.case_file (
    id bigint NOT NULL,
    number text NOT NULL,
    kind text NOT NULL,
    state text NOT NULL,
    title text NOT NULL,
    department_code text NOT NULL,
    sides jsonb DEFAULT '{}'::jsonb NOT NULL,
    departments text[] NOT NULL,
    share_type smallint DEFAULT 0 NOT NULL,
    opened_by bigint,
    opened_at timestamp with time zone DEFAULT now() NOT NULL,
    due_at timestamp with time zone,
    subject jsonb DEFAULT '{}'::jsonb NOT NULL,
    data jsonb DEFAULT '{}'::jsonb NOT NULL,
    moved_at timestamp with time zone DEFAULT now() NOT NULL,
    closed_at timestamp with time zone,
    CONSTRAINT case_file_data_check CHECK ((jsonb_typeof(data) = 'object'::text)),
    CONSTRAINT case_file_sides_check CHECK ((jsonb_typeof(sides) = 'object'::text)),
    CONSTRAINT case_file_subject_check CHECK ((jsonb_typeof(subject) = 'object'::text)),
    CONSTRAINT case_file_title_check CHECK ((btrim(title) <> ''::text))
);
COMMENT ON TABLE jutong.case_file IS '工单: one thing that waits for a person; its kind says which states and moves it has';
COMMENT ON COLUMN jutong.case_file.number IS 'what people call it: SQ-2026-0412';
COMMENT ON COLUMN jutong.case_file.department_code IS 'whose desk it lies on now';
COMMENT ON COLUMN jutong.case_file.sides IS 'side of the case → department code: requester, provider, opener, steward';
COMMENT ON COLUMN jutong.case_file.departments IS 'every department that takes part, for permission';
COMMENT ON COLUMN jutong.case_file.share_type IS 'chooses between T3 and T4; 0 where it does not matter';
COMMENT ON COLUMN jutong.case_file.due_at IS 'the nearest of its running clocks; NULL: none runs';
COMMENT ON COLUMN jutong.case_file.subject IS 'what it is about: {"entry_id": 12}, {"request_id": 3}, {"batch": "…"}';
COMMENT ON COLUMN jutong.case_file.data IS 'what people wrote into it; each move may add to it';
ALTER TABLE jutong.case_file ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME jutong.case_file_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE jutong.case_move (
    id bigint NOT NULL,
    case_id bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    move text NOT NULL,
    from_state text,
    to_state text NOT NULL,
    by_user bigint,
    note text DEFAULT ''::text NOT NULL,
    data jsonb DEFAULT '{}'::jsonb NOT NULL
);
COMMENT ON TABLE jutong.case_move IS 'history of every case, append only; by_user NULL: the platform itself';
ALTER TABLE jutong.case_move ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME jutong.case_move_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE jutong.case_number (
    prefix text NOT NULL,
    year integer NOT NULL,
    last integer NOT NULL
);
COMMENT ON TABLE jutong.case_number IS 'the last number given out per kind and year; numbers are never given twice';
CREATE TABLE jutong.chunk (
    commit_id text NOT NULL,
    batch_id text NOT NULL,
    no integer NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    part jsonb NOT NULL,
    first_row bigint NOT NULL,
    given bigint NOT NULL,
    bytes bigint NOT NULL,
    digest text DEFAULT ''::text NOT NULL,
    snapshot bigint,
    noted_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT chunk_bytes_check CHECK ((bytes >= 0)),
    CONSTRAINT chunk_given_check CHECK ((given >= 0))
);
COMMENT ON TABLE jutong.chunk IS '一批中的一段: its receipt, noted before its lake commit and confirmed after it';
COMMENT ON COLUMN jutong.chunk.attempt IS 'how often it was replaced because the source had changed while the run was interrupted';
COMMENT ON COLUMN jutong.chunk.digest IS 'SHA-256 over the Parquet files its commit wrote';
CREATE TABLE jutong.clock (
    id bigint NOT NULL,
    case_id bigint NOT NULL,
    rule text NOT NULL,
    stage text NOT NULL,
    label text NOT NULL,
    article text NOT NULL,
    breach text,
    department_code text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    working_days integer,
    extended_wd integer DEFAULT 0 NOT NULL,
    max_ext_wd integer DEFAULT 0 NOT NULL,
    pauses boolean DEFAULT true NOT NULL,
    due_at timestamp with time zone NOT NULL,
    provisional boolean DEFAULT false NOT NULL,
    calendar_version text NOT NULL,
    paused_at timestamp with time zone,
    met_at timestamp with time zone,
    stopped_at timestamp with time zone,
    escalated_at timestamp with time zone,
    CONSTRAINT clock_extended_wd_check CHECK ((extended_wd >= 0)),
    CONSTRAINT clock_working_days_check CHECK ((working_days > 0))
);
COMMENT ON TABLE jutong.clock IS '时限: one running, met or stopped limit of a case, with the rule as it was when it started';
COMMENT ON COLUMN jutong.clock.department_code IS 'who must act before it runs out';
COMMENT ON COLUMN jutong.clock.working_days IS 'NULL: the due date was given, not counted';
COMMENT ON COLUMN jutong.clock.due_at IS 'last instant of the due day in Asia/Shanghai';
COMMENT ON COLUMN jutong.clock.provisional IS 'a year without an official calendar was counted by weekends only';
COMMENT ON COLUMN jutong.clock.calendar_version IS 'the calendar due_at was computed with; another version means recompute';
COMMENT ON COLUMN jutong.clock.met_at IS 'when what it waited for was done, in time or not';
COMMENT ON COLUMN jutong.clock.stopped_at IS 'when it lost its object: the case was withdrawn or sent back';
COMMENT ON COLUMN jutong.clock.escalated_at IS 'when it was found overdue; set once';
ALTER TABLE jutong.clock ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME jutong.clock_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE jutong.clock_pause (
    clock_id bigint NOT NULL,
    paused_at timestamp with time zone NOT NULL,
    resumed_at timestamp with time zone,
    CONSTRAINT clock_pause_check CHECK ((resumed_at >= paused_at))
);
COMMENT ON TABLE jutong.clock_pause IS 'when a clock stood still: the days after paused_at up to and with resumed_at do not count';
CREATE TABLE jutong.cloud_allocation (
    id bigint NOT NULL,
    code text NOT NULL,
    department_code text NOT NULL,
    purpose text DEFAULT ''::text NOT NULL,
    cores integer NOT NULL,
    storage_tb numeric(12,2) NOT NULL,
    state text DEFAULT 'applied'::text NOT NULL,
    applied_on date NOT NULL,
    allocated_on date,
    reclaimed_on date,
    CONSTRAINT cloud_allocation_cores_check CHECK ((cores >= 0)),
    CONSTRAINT cloud_allocation_state_check CHECK ((state = ANY (ARRAY['applied'::text, 'allocated'::text, 'reclaimed'::text, 'refused'::text]))),
    CONSTRAINT cloud_allocation_storage_tb_check CHECK ((storage_tb >= (0)::numeric))
);
COMMENT ON TABLE jutong.cloud_allocation IS 'who applied for, got and gave back cloud resources';
ALTER TABLE jutong.cloud_allocation ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME jutong.cloud_allocation_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE jutong.cloud_change (
    id bigint NOT NULL,
    code text NOT NULL,
    kind text NOT NULL,
    happened_on date NOT NULL,
    cores integer DEFAULT 0 NOT NULL,
    storage_tb numeric(12,2) DEFAULT 0 NOT NULL,
    source text DEFAULT ''::text NOT NULL,
    note text DEFAULT ''::text NOT NULL,
    CONSTRAINT cloud_change_cores_check CHECK ((cores >= 0)),
    CONSTRAINT cloud_change_kind_check CHECK ((kind = ANY (ARRAY['opening'::text, 'expansion'::text, 'retirement'::text]))),
    CONSTRAINT cloud_change_storage_tb_check CHECK ((storage_tb >= (0)::numeric))
);
COMMENT ON TABLE jutong.cloud_change IS '政务云资源账: opening stock, expansions, retirements; every total is a sum over these rows';
ALTER TABLE jutong.cloud_change ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME jutong.cloud_change_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE jutong.course (
    source_table text NOT NULL,
    batch_id text NOT NULL,
    run_id text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    columns jsonb NOT NULL,
    plan jsonb NOT NULL,
    text text[] DEFAULT '{}'::text[] NOT NULL,
    spliced boolean DEFAULT false NOT NULL
);
COMMENT ON TABLE jutong.course IS 'a large table under way, part by part; a killed run''s course is continued by the next';
COMMENT ON COLUMN jutong.course.plan IS 'the parts that make up the table: ranges of blocks, or one in the order of its key';
COMMENT ON COLUMN jutong.course.text IS 'columns read as the source''s own text, for a value did not fit their type';
COMMENT ON COLUMN jutong.course.spliced IS 'it was interrupted: its landed parts are held against the source again before it ends';
CREATE TABLE jutong.dataset (
    name text NOT NULL,
    zone text NOT NULL,
    label text NOT NULL,
    keys text[] DEFAULT '{}'::text[] NOT NULL,
    items jsonb NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    department_code text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    declared_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT dataset_check CHECK ((name = ((zone || '.'::text) || split_part(name, '.'::text, 2)))),
    CONSTRAINT dataset_version_check CHECK ((version > 0)),
    CONSTRAINT dataset_zone_check CHECK ((zone = ANY (ARRAY['raw'::text, 'standard'::text, 'base'::text, 'topic'::text])))
);
COMMENT ON TABLE jutong.dataset IS '数据集: one table of the lake, lake.<zone>.<table>, as its owner declared it; never replaced, never dropped';
COMMENT ON COLUMN jutong.dataset.name IS 'zone.table';
COMMENT ON COLUMN jutong.dataset.zone IS 'raw 原始 · standard 标准 · base 基础 · topic 主题';
COMMENT ON COLUMN jutong.dataset.label IS 'Chinese name shown to people';
COMMENT ON COLUMN jutong.dataset.keys IS 'business key by which rows merge and changes are told; empty where rows are only appended (raw, standard.issue)';
COMMENT ON COLUMN jutong.dataset.items IS 'list of items in order: name, label, type, element, key, required, grade, share_type';
COMMENT ON COLUMN jutong.dataset.version IS 'rises when an item is retyped or the key changes; version n < current lies in the lake as <table>__v<n>';
COMMENT ON COLUMN jutong.dataset.department_code IS 'whose data it is; NULL where it is the platform''s own';
COMMENT ON COLUMN jutong.dataset.declared_at IS 'when the declaration last changed';
CREATE TABLE jutong.entry (
    id bigint NOT NULL,
    code text NOT NULL,
    name text NOT NULL,
    summary text NOT NULL,
    department_code text NOT NULL,
    class_code text CONSTRAINT entry_class_code_not_null1 NOT NULL,
    theme text DEFAULT ''::text NOT NULL,
    share_type smallint NOT NULL,
    share_condition text DEFAULT ''::text NOT NULL,
    share_methods text[] NOT NULL,
    use_condition text NOT NULL,
    grade smallint NOT NULL,
    formats integer[] NOT NULL,
    sub_formats text[] DEFAULT '{}'::text[] NOT NULL,
    update_cycle smallint NOT NULL,
    open boolean DEFAULT false NOT NULL,
    open_condition text DEFAULT ''::text NOT NULL,
    related_codes text[] DEFAULT '{}'::text[] NOT NULL,
    source_system text DEFAULT ''::text NOT NULL,
    state text DEFAULT 'draft'::text NOT NULL,
    case_id bigint,
    committed boolean DEFAULT false NOT NULL,
    resource_kind text,
    dataset text,
    secrecy_assessed boolean DEFAULT false NOT NULL,
    privacy_assessed boolean DEFAULT false NOT NULL,
    approved_by bigint,
    approved_at timestamp with time zone,
    published_at date,
    version integer DEFAULT 0 NOT NULL,
    uses bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT entry_check CHECK (((dataset IS NULL) = (resource_kind IS NULL))),
    CONSTRAINT entry_check1 CHECK (((share_type = 1) OR (btrim(share_condition) <> ''::text))),
    CONSTRAINT entry_check2 CHECK (((NOT open) OR (btrim(open_condition) <> ''::text))),
    CONSTRAINT entry_check3 CHECK (((state <> 'published'::text) OR ((published_at IS NOT NULL) AND (version > 0) AND secrecy_assessed AND privacy_assessed))),
    CONSTRAINT entry_code_check CHECK ((code ~ '^[123]\d{2}(\d{3,})?/\d{6,}$'::text)),
    CONSTRAINT entry_dataset_check CHECK ((dataset ~ '^(raw|standard|base|topic|live)\.[a-z][a-z0-9_]{0,61}$'::text)),
    CONSTRAINT entry_formats_check CHECK (((cardinality(formats) > 0) AND (formats <@ ARRAY[1, 2, 3, 4, 5, 6, 7]))),
    CONSTRAINT entry_grade_check CHECK (((grade >= 1) AND (grade <= 4))),
    CONSTRAINT entry_live_is_api CHECK (((dataset IS NULL) OR (dataset !~~ 'live.%'::text) OR (resource_kind = 'api'::text))),
    CONSTRAINT entry_name_check CHECK (((btrim(name) <> ''::text) AND (length(name) <= 128))),
    CONSTRAINT entry_resource_kind_check CHECK ((resource_kind = ANY (ARRAY['table'::text, 'api'::text, 'file'::text]))),
    CONSTRAINT entry_share_condition_check CHECK ((length(share_condition) <= 500)),
    CONSTRAINT entry_share_methods_check CHECK (((cardinality(share_methods) > 0) AND (share_methods <@ ARRAY['api'::text, 'table'::text, 'file'::text, 'mail'::text, 'media'::text]))),
    CONSTRAINT entry_share_type_check CHECK (((share_type >= 1) AND (share_type <= 3))),
    CONSTRAINT entry_state_check CHECK ((state = ANY (ARRAY['draft'::text, 'dept_review'::text, 'publish_review'::text, 'published'::text, 'rejected'::text, 'withdrawn'::text]))),
    CONSTRAINT entry_summary_check CHECK (((btrim(summary) <> ''::text) AND (length(summary) <= 1000))),
    CONSTRAINT entry_update_cycle_check CHECK (((update_cycle >= 1) AND (update_cycle <= 9))),
    CONSTRAINT entry_use_condition_check CHECK ((btrim(use_condition) <> ''::text))
);
COMMENT ON TABLE jutong.entry IS '目录条目: one catalogued information resource; its fields are stated once, in catalogue/guide.py';
COMMENT ON COLUMN jutong.entry.code IS '信息资源代码 = 分类码/顺序码; does not change after publication';
COMMENT ON COLUMN jutong.entry.class_code IS '分类码 of the code';
COMMENT ON COLUMN jutong.entry.share_condition IS 'type 2: the conditions; type 3: the law that withholds it (第15条)';
COMMENT ON COLUMN jutong.entry.use_condition IS '使用条件, NOT NULL by 第13条';
COMMENT ON COLUMN jutong.entry.grade IS '数据分级 1–4, NOT NULL by 第13条';
COMMENT ON COLUMN jutong.entry.formats IS '1 电子文件 2 电子表格 3 数据库 4 图形图像 5 流媒体 6 自描述格式 7 服务接口';
COMMENT ON COLUMN jutong.entry.update_cycle IS '1 实时 2 每日 3 每周 4 每月 5 每季度 6 每年 7 不定时 8 每半年 9 其他';
COMMENT ON COLUMN jutong.entry.case_id IS 'the review under way, of a new entry or of a change to a published one';
COMMENT ON COLUMN jutong.entry.committed IS 'its department has committed to supply it';
COMMENT ON COLUMN jutong.entry.dataset IS '挂接: the lake dataset ''zone.table'' behind it, or the live interface ''live.name''';
COMMENT ON COLUMN jutong.entry.secrecy_assessed IS '保密风险评估 done (第13条)';
COMMENT ON COLUMN jutong.entry.privacy_assessed IS '个人信息保护影响评估 done (第13条)';
COMMENT ON COLUMN jutong.entry.approved_by IS 'the 部门负责人 who approved it (第13条)';
COMMENT ON COLUMN jutong.entry.version IS '0: never published; each publication adds one';
COMMENT ON COLUMN jutong.entry.uses IS 'exchanges so far, folded in by flows; breaks ties in search';
CREATE TABLE jutong.source_table (
    name text NOT NULL,
    source_name text NOT NULL,
    label text NOT NULL,
    locator jsonb NOT NULL,
    mode text DEFAULT 'full'::text NOT NULL,
    watermark_item text,
    keys text[] DEFAULT '{}'::text[] NOT NULL,
    items jsonb DEFAULT '[]'::jsonb NOT NULL,
    entry_id bigint,
    state text DEFAULT 'active'::text NOT NULL,
    contract jsonb,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT source_table_check CHECK (((mode <> 'incremental'::text) OR (watermark_item IS NOT NULL))),
    CONSTRAINT source_table_contract_check CHECK ((jsonb_typeof(contract) = 'array'::text)),
    CONSTRAINT source_table_items_check CHECK ((jsonb_typeof(items) = 'array'::text)),
    CONSTRAINT source_table_label_check CHECK ((btrim(label) <> ''::text)),
    CONSTRAINT source_table_locator_check CHECK ((jsonb_typeof(locator) = 'object'::text)),
    CONSTRAINT source_table_mode_check CHECK ((mode = ANY (ARRAY['full'::text, 'incremental'::text, 'capture'::text]))),
    CONSTRAINT source_table_name_check CHECK ((name ~ '^[a-z][a-z0-9_]{0,61}$'::text)),
    CONSTRAINT source_table_state_check CHECK ((state = ANY (ARRAY['active'::text, 'paused'::text])))
);
COMMENT ON TABLE jutong.source_table IS '归集表: one table, file or sheet of a source; its name is the table part of the datasets raw.<name> and standard.<name>';
COMMENT ON COLUMN jutong.source_table.locator IS 'where it stands in the source: {schema, table} · {file, encoding, delimiter, quote, header} · {file, sheet, header_row}; lookback: seconds read again behind the watermark';
COMMENT ON COLUMN jutong.source_table.mode IS 'incremental: rows at or above the watermark of the last batch; a file is always taken whole, once per content';
COMMENT ON COLUMN jutong.source_table.watermark_item IS 'the source''s own column that rises with every change';
COMMENT ON COLUMN jutong.source_table.keys IS 'items by which standard rows merge';
COMMENT ON COLUMN jutong.source_table.items IS 'list of items as the standard dataset has them; a column of the source belongs to the item whose source, name or label it bears';
COMMENT ON COLUMN jutong.source_table.entry_id IS 'the catalogue entry this supplies (catalogue.entry, a later migration, so no foreign key)';
COMMENT ON COLUMN jutong.source_table.contract IS 'the source''s columns as agreed on, [[name, type], …]; NULL before the first taking; files have none';
CREATE VIEW jutong.dataset_of_entry AS
 SELECT entry.id AS entry_id,
    entry.dataset
   FROM jutong.entry
  WHERE (entry.dataset IS NOT NULL)
UNION
 SELECT e.id AS entry_id,
    d.name AS dataset
   FROM (jutong.entry e
     JOIN jutong.dataset d ON ((d.name = ('raw.'::text || split_part(e.dataset, '.'::text, 2)))))
  WHERE (split_part(e.dataset, '.'::text, 1) = 'standard'::text)
UNION
 SELECT t.entry_id,
    d.name AS dataset
   FROM (jutong.source_table t
     JOIN jutong.dataset d ON (((d.name = ('raw.'::text || t.name)) OR (d.name = ('standard.'::text || t.name)))))
  WHERE (t.entry_id IS NOT NULL);
COMMENT ON VIEW jutong.dataset_of_entry IS 'the datasets an entry hangs on: the one attached, and what was gathered for it';
CREATE TABLE jutong.delivery (
    name text NOT NULL,
    grant_id text NOT NULL,
    department_code text NOT NULL,
    provider_code text NOT NULL,
    receiver jsonb NOT NULL,
    secret text,
    table_name text NOT NULL,
    state text DEFAULT 'active'::text NOT NULL,
    snapshot bigint,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    reconcile_every interval DEFAULT '1 day'::interval,
    CONSTRAINT delivery_name_check CHECK ((name ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$'::text)),
    CONSTRAINT delivery_receiver_check CHECK ((jsonb_typeof(receiver) = 'object'::text)),
    CONSTRAINT delivery_reconcile_every_check CHECK ((reconcile_every >= '01:00:00'::interval)),
    CONSTRAINT delivery_state_check CHECK ((state = ANY (ARRAY['active'::text, 'paused'::text, 'stopped'::text])))
);
COMMENT ON TABLE jutong.delivery IS '库表交换：keeps one table in a consumer''s database equal to what its grant lets out of a dataset';
COMMENT ON COLUMN jutong.delivery.department_code IS 'the consumer; provider_code the department that shares';
COMMENT ON COLUMN jutong.delivery.receiver IS '{host, port, dbname, user, schema}; never a password';
COMMENT ON COLUMN jutong.delivery.secret IS 'the receiver''s password, sealed by the KeyProvider';
COMMENT ON COLUMN jutong.delivery.snapshot IS 'lake snapshot the receiver''s table stands at: a copy for pages and for snapshot expiry, the truth is the checkpoint in the receiver';
COMMENT ON COLUMN jutong.delivery.reconcile_every IS 'how often it is reconciled beside after each run; NULL: not on schedule';
CREATE TABLE jutong.delivery_run (
    id text NOT NULL,
    delivery_name text NOT NULL,
    kind text NOT NULL,
    from_snapshot bigint,
    to_snapshot bigint NOT NULL,
    state text DEFAULT 'running'::text NOT NULL,
    chunks integer DEFAULT 0 NOT NULL,
    upserted bigint DEFAULT 0 NOT NULL,
    deleted bigint DEFAULT 0 NOT NULL,
    error text,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    finished_at timestamp with time zone,
    CONSTRAINT delivery_run_kind_check CHECK ((kind = ANY (ARRAY['full'::text, 'incremental'::text, 'difference'::text]))),
    CONSTRAINT delivery_run_state_check CHECK ((state = ANY (ARRAY['running'::text, 'done'::text, 'failed'::text])))
);
COMMENT ON TABLE jutong.delivery_run IS 'one run of a delivery as seen from here; the receiver''s own control table is what a resumed run trusts';
COMMENT ON COLUMN jutong.delivery_run.kind IS 'full: first load of a table we create, then swapped in; incremental: net changes between two snapshots; difference: what differs, found by hashes, in the live table';
COMMENT ON COLUMN jutong.delivery_run.upserted IS 'rows committed in the receiver as inserts or updates by this run: its 条次';
CREATE TABLE jutong.demand (
    id bigint NOT NULL,
    department_code text NOT NULL,
    name text NOT NULL,
    items text[] DEFAULT '{}'::text[] NOT NULL,
    basis text NOT NULL,
    provider_code text,
    expected_on date,
    status text DEFAULT 'confirming'::text NOT NULL,
    entry_id bigint,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT demand_basis_check CHECK ((btrim(basis) <> ''::text)),
    CONSTRAINT demand_check CHECK (((status <> 'met'::text) OR (entry_id IS NOT NULL))),
    CONSTRAINT demand_name_check CHECK ((btrim(name) <> ''::text)),
    CONSTRAINT demand_status_check CHECK ((status = ANY (ARRAY['confirming'::text, 'coordinating'::text, 'met'::text, 'unable'::text])))
);
COMMENT ON TABLE jutong.demand IS '需求清单: what a department needs, on what business ground, from whom, by when';
COMMENT ON COLUMN jutong.demand.provider_code IS 'the provider it suggests, or the one it was assigned to';
COMMENT ON COLUMN jutong.demand.status IS 'confirming 待确认, coordinating 协调中, met 已满足, unable 无法满足';
COMMENT ON COLUMN jutong.demand.entry_id IS 'the entry that meets it';
ALTER TABLE jutong.demand ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME jutong.demand_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE jutong.department (
    code text NOT NULL,
    name text NOT NULL,
    short_name text NOT NULL,
    kind text NOT NULL,
    uscc text,
    division_code text DEFAULT '430500'::text NOT NULL,
    parent_code text,
    steward boolean DEFAULT false NOT NULL,
    sort integer DEFAULT 0 NOT NULL,
    CONSTRAINT department_code_check CHECK ((code ~ '^[A-Z][A-Z0-9]{0,15}$'::text)),
    CONSTRAINT department_kind_check CHECK ((kind = ANY (ARRAY['department'::text, 'county'::text]))),
    CONSTRAINT department_name_check CHECK ((btrim(name) <> ''::text)),
    CONSTRAINT department_short_name_check CHECK ((btrim(short_name) <> ''::text))
);
COMMENT ON TABLE jutong.department IS '部门与县市区: every body that provides or uses data; users and entries belong to one';
COMMENT ON COLUMN jutong.department.uscc IS '统一社会信用代码 of the body, element 5 of 发改高技〔2017〕1272号';
COMMENT ON COLUMN jutong.department.division_code IS 'GB/T 2260 code of the area it serves; the development zone carries an internal one';
COMMENT ON COLUMN jutong.department.steward IS 'the 同级主管部门 of 政务数据共享条例; exactly one in a city';
CREATE TABLE jutong.disk_use (
    at timestamp with time zone NOT NULL,
    used bigint NOT NULL,
    room bigint NOT NULL,
    lake bigint NOT NULL
);
COMMENT ON TABLE jutong.disk_use IS 'how full the lake''s disk was, in bytes; the forecast is a line through the last 30 days';
COMMENT ON COLUMN jutong.disk_use.room IS 'used and free together: what there is for us';
COMMENT ON COLUMN jutong.disk_use.lake IS 'bytes of the newest snapshot''s files';
CREATE TABLE jutong.duty (
    code text NOT NULL,
    kind text NOT NULL,
    no smallint NOT NULL,
    name text NOT NULL,
    name_en text DEFAULT ''::text NOT NULL,
    summary text DEFAULT ''::text NOT NULL,
    CONSTRAINT duty_kind_check CHECK ((kind = ANY (ARRAY['task'::text, 'guarantee'::text]))),
    CONSTRAINT duty_no_check CHECK ((no > 0))
);
COMMENT ON TABLE jutong.duty IS 'the frame of the plan (八大任务, 六大保障): tasks, projects and indicators hang on it';
COMMENT ON COLUMN jutong.duty.kind IS 'task 任务 or guarantee 保障';
CREATE TABLE jutong.entry_class (
    code text NOT NULL,
    name text NOT NULL,
    parent_code text,
    CONSTRAINT entry_class_code_check CHECK ((code ~ '^[123](\d{2}(\d{3}(\d+)?)?)?$'::text))
);
COMMENT ON TABLE jutong.entry_class IS '信息资源分类: 类 1 digit, 项 2, 目 3, 细目 variable; 1 基础 2 主题 3 部门';
ALTER TABLE jutong.entry ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME jutong.entry_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE jutong.entry_number (
    prefix text NOT NULL,
    last integer NOT NULL
);
COMMENT ON TABLE jutong.entry_number IS '顺序码: the last order given out per 分类码; an order is never used again, not even after deletion';
CREATE TABLE jutong.entry_search (
    entry_id bigint NOT NULL,
    department_code text NOT NULL,
    state text NOT NULL,
    theme text NOT NULL,
    share_type smallint NOT NULL,
    worth real NOT NULL,
    name text NOT NULL,
    terms tsvector NOT NULL,
    ballast text DEFAULT repeat('.'::text, 2000) NOT NULL
)
WITH (toast_tuple_target='128');
ALTER TABLE ONLY jutong.entry_search ALTER COLUMN department_code SET STORAGE MAIN;
ALTER TABLE ONLY jutong.entry_search ALTER COLUMN state SET STORAGE MAIN;
ALTER TABLE ONLY jutong.entry_search ALTER COLUMN theme SET STORAGE MAIN;
ALTER TABLE ONLY jutong.entry_search ALTER COLUMN name SET STORAGE MAIN;
ALTER TABLE ONLY jutong.entry_search ALTER COLUMN terms SET STORAGE EXTERNAL;
ALTER TABLE ONLY jutong.entry_search ALTER COLUMN ballast SET STORAGE EXTERNAL;
COMMENT ON TABLE jutong.entry_search IS 'what search reads, apart from the entry so that a common word scans narrow rows; a copy that can be made again';
COMMENT ON COLUMN jutong.entry_search.worth IS 'order among equals: ln(uses + 1) - length(name) / 10';
COMMENT ON COLUMN jutong.entry_search.name IS 'the name folded as a typed text is (words.folded)';
COMMENT ON COLUMN jutong.entry_search.terms IS 'lexemes with the rank they stand for: 1 name, 2 name and summary, 3 everything; only the index is ever read';
COMMENT ON COLUMN jutong.entry_search.ballast IS 'makes every row long enough (2 KB) that PostgreSQL moves it and the terms out of line: 43 000 hits of 100 000 then read 15 MB, not 150';
CREATE TABLE jutong.entry_version (
    entry_id bigint NOT NULL,
    version integer NOT NULL,
    published_at timestamp with time zone NOT NULL,
    note text DEFAULT ''::text NOT NULL,
    content jsonb
);
COMMENT ON TABLE jutong.entry_version IS 'every published version; content {entry, items} of the versions that were replaced, so the present one is kept once';
CREATE TABLE jutong.exchange (
    origin text DEFAULT ''::text NOT NULL,
    log_index bigint NOT NULL,
    event text NOT NULL,
    at timestamp with time zone NOT NULL,
    consumer text DEFAULT ''::text NOT NULL,
    application text DEFAULT ''::text NOT NULL,
    provider text DEFAULT ''::text NOT NULL,
    entry text DEFAULT ''::text NOT NULL,
    dataset text DEFAULT ''::text NOT NULL,
    resource text DEFAULT ''::text NOT NULL,
    grant_id text DEFAULT ''::text NOT NULL,
    purpose text DEFAULT ''::text NOT NULL,
    items text[] DEFAULT '{}'::text[] NOT NULL,
    rows bigint DEFAULT 0 NOT NULL,
    outcome text DEFAULT ''::text NOT NULL,
    code text DEFAULT ''::text NOT NULL,
    request_id text DEFAULT ''::text NOT NULL,
    content text DEFAULT ''::text NOT NULL,
    subjects text DEFAULT ''::text NOT NULL,
    detail jsonb DEFAULT '{}'::jsonb NOT NULL,
    attempt text,
    after text,
    counted boolean DEFAULT false NOT NULL
);
COMMENT ON TABLE jutong.exchange IS '交换记录：the ledger''s sequenced entries as rows, folded in order; a projection that can be dropped and folded again';
COMMENT ON COLUMN jutong.exchange.log_index IS 'index of the entry in the origin''s Merkle log';
COMMENT ON COLUMN jutong.exchange.attempt IS 'delivery chunks only: the one attempt at the chunk; the next fact of the run names the attempt that committed';
COMMENT ON COLUMN jutong.exchange.after IS 'delivery facts only: the attempt the receiver''s checkpoint names, so the one that committed';
COMMENT ON COLUMN jutong.exchange.counted IS 'true when its rows are in meter_daily (domain §6.2)';
CREATE TABLE jutong.exchange_subjects (
    bucket smallint NOT NULL,
    period text NOT NULL,
    request_id text NOT NULL,
    attempt text DEFAULT ''::text NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    hashes bytea NOT NULL,
    CONSTRAINT exchange_subjects_bucket_check CHECK (((bucket >= 0) AND (bucket <= 255)))
);
COMMENT ON TABLE jutong.exchange_subjects IS '谁看过我: keyed 8-byte hashes of the subjects in what left, written before it left; survives compaction and purge (design §11 Who saw)';
COMMENT ON COLUMN jutong.exchange_subjects.bucket IS 'first byte of the hashes in this row: a look-up reads one bucket';
COMMENT ON COLUMN jutong.exchange_subjects.period IS 'year of the key the hashes were made with';
COMMENT ON COLUMN jutong.exchange_subjects.hashes IS 'sorted 8-byte hashes, one after another';
CREATE SEQUENCE jutong.extract_number
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
CREATE TABLE jutong."extract" (
    id text DEFAULT ('E'::text || lpad((nextval('jutong.extract_number'::regclass))::text, 6, '0'::text)) NOT NULL,
    grant_id text NOT NULL,
    application_id text NOT NULL,
    department_code text NOT NULL,
    provider_code text NOT NULL,
    asked_by bigint NOT NULL,
    form text NOT NULL,
    sealed boolean DEFAULT false NOT NULL,
    state text DEFAULT 'making'::text NOT NULL,
    shape text NOT NULL,
    columns jsonb NOT NULL,
    marked text[] NOT NULL,
    snapshot bigint,
    rows bigint,
    content text,
    subjects text,
    file_name text,
    bytes bigint,
    sha256 text,
    link_hash text,
    link_until timestamp with time zone,
    links integer DEFAULT 0 NOT NULL,
    sent bigint,
    problem text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    left_at timestamp with time zone,
    ended_at timestamp with time zone,
    hours integer,
    secret text,
    tries integer DEFAULT 0 NOT NULL,
    started_at timestamp with time zone,
    CONSTRAINT extract_columns_check CHECK ((jsonb_typeof(columns) = 'array'::text)),
    CONSTRAINT extract_form_check CHECK ((form = ANY (ARRAY['csv'::text, 'excel'::text, 'parquet'::text]))),
    CONSTRAINT extract_hours_check CHECK ((hours > 0)),
    CONSTRAINT extract_link_hash_check CHECK ((link_hash ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT extract_marked_check CHECK ((cardinality(marked) > 0)),
    CONSTRAINT extract_state_check CHECK ((state = ANY (ARRAY['queued'::text, 'making'::text, 'failed'::text, 'ready'::text, 'leaving'::text, 'taken'::text, 'cut'::text, 'expired'::text, 'withdrawn'::text])))
);
COMMENT ON TABLE jutong."extract" IS '文件：one file made under a grant for one recipient, watermarked for them; its bytes leave only after the ledger has said so';
COMMENT ON COLUMN jutong."extract".department_code IS 'the consumer; provider_code the department that shares';
COMMENT ON COLUMN jutong."extract".asked_by IS 'the recipient: whose file this is, visibly and by its row marks';
COMMENT ON COLUMN jutong."extract".sealed IS 'true: an AES-256 zip whose password was shown once and is kept nowhere';
COMMENT ON COLUMN jutong."extract".state IS 'queued → making → ready → leaving → taken or cut (broke off: a new link may be had); failed, expired, withdrawn end it';
COMMENT ON COLUMN jutong."extract".shape IS 'signature of what left the lake: where it no longer fits the grant, the file does not leave';
COMMENT ON COLUMN jutong."extract".columns IS 'list of [name, heading, type] in the file''s order';
COMMENT ON COLUMN jutong."extract".marked IS 'the columns whose texts identify a row to the keyed marks';
COMMENT ON COLUMN jutong."extract".content IS 'content hash of the rows; sha256 of the file as it leaves';
COMMENT ON COLUMN jutong."extract".link_hash IS 'SHA-256 (hex) of the link''s token; kept after use, so that a used link can say what became of it';
COMMENT ON COLUMN jutong."extract".sent IS 'bytes handed over; fewer than bytes where the download broke off';
COMMENT ON COLUMN jutong."extract".hours IS 'left to the worker: how long the link is good from when the file is ready; NULL: made at once';
COMMENT ON COLUMN jutong."extract".secret IS 'sealed: the zip''s password, until the worker has used it';
COMMENT ON COLUMN jutong."extract".tries IS 'how often a worker has begun; three times in vain is failed';
COMMENT ON COLUMN jutong."extract".started_at IS 'when the worker last began';
CREATE TABLE jutong.form (
    source_table text NOT NULL,
    entry_id bigint,
    label text NOT NULL,
    explained text DEFAULT ''::text NOT NULL,
    state text DEFAULT 'open'::text NOT NULL,
    made_by bigint,
    made_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT form_label_check CHECK ((btrim(label) <> ''::text)),
    CONSTRAINT form_state_check CHECK ((state = ANY (ARRAY['open'::text, 'closed'::text])))
);
COMMENT ON TABLE jutong.form IS '填报表: made from a catalogue entry''s items; what is filled in lands in its source table';
CREATE TABLE jutong.form_row (
    id bigint NOT NULL,
    source_table text NOT NULL,
    cells jsonb NOT NULL,
    arrival_id text,
    written_by bigint,
    written_at timestamp with time zone DEFAULT now() NOT NULL,
    given_key text,
    CONSTRAINT form_row_cells_check CHECK ((jsonb_typeof(cells) = 'object'::text))
);
COMMENT ON TABLE jutong.form_row IS 'a row filled in by hand; a draft until it went off with an arrival';
COMMENT ON COLUMN jutong.form_row.given_key IS 'the page''s own number of this row: sent twice, it is one row';
ALTER TABLE jutong.form_row ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME jutong.form_row_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE jutong.front_machine (
    id bigint NOT NULL,
    case_id bigint NOT NULL,
    department_code text NOT NULL,
    kind text NOT NULL,
    purpose text NOT NULL,
    zone text NOT NULL,
    protection smallint NOT NULL,
    contact text NOT NULL,
    asked_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT front_machine_kind_check CHECK ((kind = ANY (ARRAY['machine'::text, 'library'::text]))),
    CONSTRAINT front_machine_protection_check CHECK (((protection >= 1) AND (protection <= 4))),
    CONSTRAINT front_machine_purpose_check CHECK ((btrim(purpose) <> ''::text))
);
COMMENT ON TABLE jutong.front_machine IS '前置机, 前置库: its state, name and address are those of its case (front_machine): 申请 → 审核 → 分配 → 签收 → 回收';
COMMENT ON COLUMN jutong.front_machine.zone IS '部署区域, for example 政务外网';
COMMENT ON COLUMN jutong.front_machine.protection IS '等级保护级别';
ALTER TABLE jutong.front_machine ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME jutong.front_machine_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE jutong.fuse_hold (
    case_id bigint NOT NULL,
    register text NOT NULL,
    used_at timestamp with time zone
);
COMMENT ON TABLE jutong.fuse_hold IS '融合待确认: a run that a person must let through; used_at: a run has gone through with that consent';
CREATE TABLE jutong.fuse_objection (
    case_id bigint NOT NULL,
    register text NOT NULL,
    dataset text NOT NULL,
    item text NOT NULL,
    entities bigint NOT NULL
);
COMMENT ON TABLE jutong.fuse_objection IS '与数源部门不一致: objections opened because a source contradicts the designated one (一数一源)';
CREATE TABLE jutong.fuse_pair (
    id bigint NOT NULL,
    register text NOT NULL,
    dataset_l text NOT NULL,
    key_l text NOT NULL,
    dataset_r text NOT NULL,
    key_r text NOT NULL,
    weight numeric(9,4) NOT NULL,
    rows jsonb NOT NULL,
    case_id bigint,
    CONSTRAINT fuse_pair_rows_check CHECK ((jsonb_typeof(rows) = 'object'::text))
);
COMMENT ON TABLE jutong.fuse_pair IS '疑似同一主体: two rows that look alike and were not joined; what people say is the state of the case';
COMMENT ON COLUMN jutong.fuse_pair.rows IS 'both records as they were: left, right';
ALTER TABLE jutong.fuse_pair ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME jutong.fuse_pair_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE jutong.fusion (
    commit_id text NOT NULL,
    register text NOT NULL,
    from_snapshot bigint NOT NULL,
    snapshot bigint NOT NULL,
    records bigint NOT NULL,
    entities bigint NOT NULL,
    by_key bigint NOT NULL,
    by_likeness bigint NOT NULL,
    residue bigint DEFAULT 0 NOT NULL,
    merges bigint DEFAULT 0 NOT NULL,
    splits bigint DEFAULT 0 NOT NULL,
    doubtful bigint DEFAULT 0 NOT NULL,
    reached bigint DEFAULT 0 NOT NULL,
    whole boolean DEFAULT true NOT NULL,
    inserted bigint NOT NULL,
    updated bigint NOT NULL,
    deleted bigint NOT NULL,
    sources jsonb DEFAULT '{}'::jsonb NOT NULL,
    started_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone NOT NULL,
    CONSTRAINT fusion_sources_check CHECK ((jsonb_typeof(sources) = 'object'::text))
);
COMMENT ON TABLE jutong.fusion IS '融合记录: one run of a register that changed something';
COMMENT ON COLUMN jutong.fusion.from_snapshot IS 'the lake snapshot whose standard rows were fused';
COMMENT ON COLUMN jutong.fusion.by_key IS 'records joined to others by a code; by_likeness: by name, person, address';
COMMENT ON COLUMN jutong.fusion.residue IS 'rows the register cannot place; merges, splits: entities this run merged or split';
COMMENT ON COLUMN jutong.fusion.doubtful IS 'pairs for people; reached: records looked at again; whole: everything was computed anew';
COMMENT ON COLUMN jutong.fusion.inserted IS 'golden records inserted, updated, deleted by this run';
COMMENT ON COLUMN jutong.fusion.sources IS 'dataset → rows, to notice one that brings far too many or too few';
CREATE TABLE jutong.gather_log (
    id bigint NOT NULL,
    run bigint NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    level text NOT NULL,
    "table" text,
    sentence text NOT NULL,
    CONSTRAINT gather_log_level_check CHECK ((level = ANY (ARRAY['info'::text, 'near'::text, 'over'::text])))
);
COMMENT ON TABLE jutong.gather_log IS '归集运行日志: one sentence per thing that happened, without values';
ALTER TABLE jutong.gather_log ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME jutong.gather_log_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE jutong.gather_plan (
    name text NOT NULL,
    label text NOT NULL,
    source_name text NOT NULL,
    tables text[] DEFAULT '{}'::text[] NOT NULL,
    cron text,
    every interval,
    after text[] DEFAULT '{}'::text[] NOT NULL,
    from_hour smallint DEFAULT 0 NOT NULL,
    to_hour smallint DEFAULT 0 NOT NULL,
    seconds integer DEFAULT 14400 NOT NULL,
    retries smallint DEFAULT 3 NOT NULL,
    paused boolean DEFAULT false NOT NULL,
    changed_by text,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT gather_plan_check CHECK (((cron IS NULL) OR (every IS NULL))),
    CONSTRAINT gather_plan_every_check CHECK ((every >= '00:01:00'::interval)),
    CONSTRAINT gather_plan_from_hour_check CHECK (((from_hour >= 0) AND (from_hour <= 23))),
    CONSTRAINT gather_plan_label_check CHECK ((btrim(label) <> ''::text)),
    CONSTRAINT gather_plan_name_check CHECK ((name ~ '^[a-z][a-z0-9_]{0,61}$'::text)),
    CONSTRAINT gather_plan_retries_check CHECK (((retries >= 0) AND (retries <= 20))),
    CONSTRAINT gather_plan_seconds_check CHECK (((seconds >= 1) AND (seconds <= 604800))),
    CONSTRAINT gather_plan_to_hour_check CHECK (((to_hour >= 0) AND (to_hour <= 23)))
);
COMMENT ON TABLE jutong.gather_plan IS '归集计划: when a source''s tables are taken';
COMMENT ON COLUMN jutong.gather_plan.tables IS 'source_table names; none: all tables of the source';
COMMENT ON COLUMN jutong.gather_plan.cron IS 'five fields, in the city''s time; neither cron nor every: after other plans, or by hand';
COMMENT ON COLUMN jutong.gather_plan.after IS 'plans that must have been done first';
COMMENT ON COLUMN jutong.gather_plan.to_hour IS 'runs only from from_hour until to_hour, over midnight when it is the smaller; equal: at any hour';
COMMENT ON COLUMN jutong.gather_plan.seconds IS 'longest a run may take; what landed until then stays';
CREATE TABLE jutong.gather_run (
    id bigint NOT NULL,
    plan text NOT NULL,
    run_id text NOT NULL,
    cause text NOT NULL,
    since text,
    planned_for timestamp with time zone NOT NULL,
    state text DEFAULT 'waiting'::text NOT NULL,
    attempt smallint DEFAULT 0 NOT NULL,
    turns smallint DEFAULT 0 NOT NULL,
    retry_at timestamp with time zone,
    job bigint,
    asked_by text NOT NULL,
    asked_at timestamp with time zone DEFAULT now() NOT NULL,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    given bigint DEFAULT 0 NOT NULL,
    tables integer DEFAULT 0 NOT NULL,
    failed integer DEFAULT 0 NOT NULL,
    note text DEFAULT ''::text NOT NULL,
    CONSTRAINT gather_run_cause_check CHECK ((cause = ANY (ARRAY['schedule'::text, 'after'::text, 'hand'::text, 'backfill'::text]))),
    CONSTRAINT gather_run_check CHECK (((state = ANY (ARRAY['done'::text, 'partly'::text, 'failed'::text, 'killed'::text])) = (finished_at IS NOT NULL))),
    CONSTRAINT gather_run_state_check CHECK ((state = ANY (ARRAY['waiting'::text, 'running'::text, 'done'::text, 'partly'::text, 'failed'::text, 'killed'::text])))
);
COMMENT ON TABLE jutong.gather_run IS '一次按计划的归集; every run comes to a terminal state';
COMMENT ON COLUMN jutong.gather_run.run_id IS 'gather''s own run: an attempt more goes on where the last one stopped';
COMMENT ON COLUMN jutong.gather_run.since IS 'backfill: the watermark to read again from; empty: from the start';
COMMENT ON COLUMN jutong.gather_run.planned_for IS 'the tick it answers; ticks missed meanwhile are answered by the newest one';
COMMENT ON COLUMN jutong.gather_run.turns IS 'how often its hours ended before it did';
COMMENT ON COLUMN jutong.gather_run.retry_at IS 'not before; while it waits';
ALTER TABLE jutong.gather_run ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME jutong.gather_run_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE jutong.gathering (
    commit_id text NOT NULL,
    source_names text[] NOT NULL,
    receipts jsonb NOT NULL,
    noted_at timestamp with time zone DEFAULT now() NOT NULL
);
COMMENT ON TABLE jutong.gathering IS 'receipts written just before their lake commit; whether it happened is asked of the lake, and then they become batch rows or are struck out';
CREATE TABLE jutong.grant_change (
    id bigint NOT NULL,
    grant_id text NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    from_state text,
    to_state text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    by_user bigint
);
COMMENT ON TABLE jutong.grant_change IS 'history of every grant: issue, suspend, resume, terminate, expire (append only)';
ALTER TABLE jutong.grant_change ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME jutong.grant_change_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE jutong.legal_hold (
    id bigint NOT NULL,
    everything boolean DEFAULT false NOT NULL,
    zone text,
    dataset text,
    entry_id bigint,
    reason text NOT NULL,
    placed_by text NOT NULL,
    placed_at timestamp with time zone DEFAULT now() NOT NULL,
    released_by text,
    released_at timestamp with time zone,
    release_reason text,
    CONSTRAINT legal_hold_check CHECK ((num_nonnulls(zone, dataset, entry_id) =
CASE
    WHEN everything THEN 0
    ELSE 1
END)),
    CONSTRAINT legal_hold_check1 CHECK ((num_nonnulls(released_by, released_at, release_reason) = ANY (ARRAY[0, 3]))),
    CONSTRAINT legal_hold_reason_check CHECK ((btrim(reason) <> ''::text)),
    CONSTRAINT legal_hold_zone_check CHECK ((zone = ANY (ARRAY['raw'::text, 'standard'::text, 'base'::text, 'topic'::text])))
);
COMMENT ON TABLE jutong.legal_hold IS '冻结: nothing of these datasets is archived, destroyed or forgotten while it stands, whatever a rule says; past holds stay on record';
COMMENT ON COLUMN jutong.legal_hold.reason IS 'the case or document that asks for it';
CREATE VIEW jutong.held_dataset AS
 SELECT d.name AS dataset,
    h.id AS hold_id,
    h.reason
   FROM (jutong.dataset d
     JOIN jutong.legal_hold h ON (((h.released_at IS NULL) AND (h.everything OR (h.zone = d.zone) OR (h.dataset = d.name) OR (h.entry_id IN ( SELECT e.entry_id
           FROM jutong.dataset_of_entry e
          WHERE (e.dataset = d.name)))))));
CREATE TABLE jutong.hold_threshold (
    source_table text NOT NULL,
    hold_above numeric(4,3) NOT NULL,
    CONSTRAINT hold_threshold_hold_above_check CHECK (((hold_above >= (0)::numeric) AND (hold_above <= (1)::numeric)))
);
COMMENT ON TABLE jutong.hold_threshold IS 'a batch whose rejected share is larger is held; tables without a row take 0.5';
CREATE TABLE jutong.housekeeping (
    task text NOT NULL,
    every interval NOT NULL,
    from_hour smallint DEFAULT 0 NOT NULL,
    to_hour smallint DEFAULT 24 NOT NULL,
    seconds integer NOT NULL,
    paused boolean DEFAULT false NOT NULL,
    changed_by text,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT housekeeping_every_check CHECK ((every > '00:00:00'::interval)),
    CONSTRAINT housekeeping_from_hour_check CHECK (((from_hour >= 0) AND (from_hour <= 23))),
    CONSTRAINT housekeeping_seconds_check CHECK ((seconds > 0)),
    CONSTRAINT housekeeping_task_check CHECK ((task = ANY (ARRAY['compact'::text, 'retain'::text, 'expire'::text, 'clean'::text, 'archive'::text, 'measure'::text, 'backup'::text]))),
    CONSTRAINT housekeeping_to_hour_check CHECK (((to_hour >= 1) AND (to_hour <= 24)))
);
COMMENT ON TABLE jutong.housekeeping IS 'what the lake does for itself: compact 整理小文件, retain 到期归档, expire 历史到期, clean 清理文件, archive 存证归档, measure 量用量, backup 定时备份';
COMMENT ON COLUMN jutong.housekeeping.from_hour IS 'the city''s clock; a task overdue by its own interval does not wait for the night';
COMMENT ON COLUMN jutong.housekeeping.seconds IS 'after so long no new piece of work is begun; the rest waits for the next turn';
CREATE TABLE jutong.housekeeping_run (
    id bigint NOT NULL,
    task text NOT NULL,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    finished_at timestamp with time zone,
    state text DEFAULT 'running'::text NOT NULL,
    pieces bigint DEFAULT 0 NOT NULL,
    note text DEFAULT ''::text NOT NULL,
    CONSTRAINT housekeeping_run_check CHECK (((state = 'running'::text) = (finished_at IS NULL))),
    CONSTRAINT housekeeping_run_state_check CHECK ((state = ANY (ARRAY['running'::text, 'done'::text, 'stopped'::text, 'failed'::text])))
);
COMMENT ON COLUMN jutong.housekeeping_run.state IS 'stopped: the time was up or somebody paused it; the rest waits';
COMMENT ON COLUMN jutong.housekeeping_run.pieces IS 'datasets compacted, snapshots forgotten, files deleted, exchanges archived, or bytes measured';
ALTER TABLE jutong.housekeeping_run ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME jutong.housekeeping_run_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE jutong.indicator (
    code text NOT NULL,
    label text NOT NULL,
    label_en text DEFAULT ''::text NOT NULL,
    unit text DEFAULT ''::text NOT NULL,
    definition text NOT NULL,
    owner_code text NOT NULL,
    duty_code text,
    sort integer DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT indicator_definition_check CHECK ((btrim(definition) <> ''::text))
);
COMMENT ON TABLE jutong.indicator IS '指标库: reported indicators. Another definition is another indicator, never another report of the same';
COMMENT ON COLUMN jutong.indicator.definition IS '口径: what exactly is counted, from when, by whom';
CREATE TABLE jutong.indicator_report (
    id bigint NOT NULL,
    indicator_code text NOT NULL,
    period text NOT NULL,
    period_start date NOT NULL,
    period_end date NOT NULL,
    value numeric NOT NULL,
    lower_bound boolean DEFAULT false NOT NULL,
    target numeric,
    target_period text,
    source text NOT NULL,
    reported_on date NOT NULL,
    note text DEFAULT ''::text NOT NULL,
    CONSTRAINT indicator_report_check CHECK ((period_end >= period_start)),
    CONSTRAINT indicator_report_source_check CHECK ((btrim(source) <> ''::text)),
    CONSTRAINT indicator_report_target_check CHECK ((target > (0)::numeric))
);
COMMENT ON TABLE jutong.indicator_report IS 'one reported value with its report; append only: a correction is a later report of the same period';
COMMENT ON COLUMN jutong.indicator_report.period IS 'as printed: 2022, 2023Q1, 2023-05; its bounds stand beside it';
COMMENT ON COLUMN jutong.indicator_report.lower_bound IS 'true for 余: the report says at least this many';
COMMENT ON COLUMN jutong.indicator_report.target IS 'the target of target_period; progress is value / target, computed when shown';
COMMENT ON COLUMN jutong.indicator_report.source IS 'the document the value was reported in';
ALTER TABLE jutong.indicator_report ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME jutong.indicator_report_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE jutong.item (
    entry_id bigint NOT NULL,
    no smallint NOT NULL,
    name text NOT NULL,
    label text NOT NULL,
    data_type character(1) NOT NULL,
    length integer,
    element text,
    is_key boolean DEFAULT false NOT NULL,
    share_type smallint NOT NULL,
    grade smallint NOT NULL,
    mask text,
    CONSTRAINT item_data_type_check CHECK ((data_type = ANY (ARRAY['C'::bpchar, 'N'::bpchar, 'Y'::bpchar, 'D'::bpchar, 'T'::bpchar, 'L'::bpchar, 'M'::bpchar, 'G'::bpchar, 'B'::bpchar, 'I'::bpchar, 'F'::bpchar]))),
    CONSTRAINT item_grade_check CHECK (((grade >= 1) AND (grade <= 4))),
    CONSTRAINT item_label_check CHECK ((btrim(label) <> ''::text)),
    CONSTRAINT item_length_check CHECK ((length > 0)),
    CONSTRAINT item_name_check CHECK (((btrim(name) <> ''::text) AND (length(name) <= 62))),
    CONSTRAINT item_no_check CHECK (((no >= 0) AND (no <= 999))),
    CONSTRAINT item_share_type_check CHECK (((share_type >= 1) AND (share_type <= 3)))
);
COMMENT ON TABLE jutong.item IS '信息项: one column of an entry; the effective share type of a delivery is the strictest of its items';
COMMENT ON COLUMN jutong.item.no IS 'sequence 000–999';
COMMENT ON COLUMN jutong.item.name IS 'the column it is in the dataset; label is what people read';
COMMENT ON COLUMN jutong.item.data_type IS 'C 字符 N 数值 Y 货币 D 日期 T 日期时间 L 逻辑 M 备注 G 通用 B 双精度 I 整型 F 浮点';
COMMENT ON COLUMN jutong.item.element IS '数据元 that cleans, checks, masks and grades it';
COMMENT ON COLUMN jutong.item.mask IS 'mask profile of its element for a delivery; NULL: as it is';
CREATE TABLE jutong.job_run (
    id bigint NOT NULL,
    stage text NOT NULL,
    arguments jsonb DEFAULT '{}'::jsonb NOT NULL,
    state text DEFAULT 'waiting'::text NOT NULL,
    asked_by text NOT NULL,
    asked_at timestamp with time zone DEFAULT now() NOT NULL,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    process_id integer,
    progress real DEFAULT 0 NOT NULL,
    note text DEFAULT ''::text NOT NULL,
    CONSTRAINT job_run_check CHECK (((state = ANY (ARRAY['done'::text, 'failed'::text, 'killed'::text])) = (finished_at IS NOT NULL))),
    CONSTRAINT job_run_progress_check CHECK (((progress >= (0)::double precision) AND (progress <= (1)::double precision))),
    CONSTRAINT job_run_state_check CHECK ((state = ANY (ARRAY['waiting'::text, 'running'::text, 'done'::text, 'failed'::text, 'killed'::text])))
);
COMMENT ON TABLE jutong.job_run IS '一次作业：哪个环节、进度、结局；每次运行必有终态';
COMMENT ON COLUMN jutong.job_run.process_id IS 'leader of the job''s own process group while running';
COMMENT ON COLUMN jutong.job_run.note IS 'one sentence: what is being done now, or how it ended';
ALTER TABLE jutong.job_run ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME jutong.job_run_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE jutong.lake_commit (
    commit_id text NOT NULL,
    snapshot bigint NOT NULL,
    at timestamp with time zone NOT NULL
);
COMMENT ON TABLE jutong.lake_commit IS 'commit ids of snapshots that have expired, so that a commit stays done for ever; those of living snapshots are read in the lake itself';
COMMENT ON COLUMN jutong.lake_commit.commit_id IS 'batch or run id as it stood in commit_extra_info';
CREATE TABLE jutong.lake_follower (
    name text NOT NULL,
    dataset text NOT NULL,
    snapshot bigint NOT NULL,
    moved_at timestamp with time zone DEFAULT now() NOT NULL
);
COMMENT ON TABLE jutong.lake_follower IS 'who reads a dataset''s change feed (a replica, a delivery) and how far it has come; its snapshot does not expire until the cap';
COMMENT ON COLUMN jutong.lake_follower.snapshot IS 'the feed up to and including this snapshot has been taken over';
CREATE TABLE jutong.lake_history (
    one boolean DEFAULT true NOT NULL,
    all_days integer DEFAULT 7 NOT NULL,
    daily_days integer DEFAULT 92 NOT NULL,
    months integer DEFAULT 24 NOT NULL,
    CONSTRAINT lake_history_all_days_check CHECK ((all_days >= 0)),
    CONSTRAINT lake_history_check CHECK ((daily_days >= all_days)),
    CONSTRAINT lake_history_months_check CHECK ((months >= 0)),
    CONSTRAINT lake_history_one_check CHECK (one)
);
COMMENT ON TABLE jutong.lake_history IS 'how long the lake remembers: every snapshot of the newest days, then one a day, then one a month; as-of questions answer within it';
CREATE TABLE jutong.ledger_head (
    origin text NOT NULL,
    size bigint NOT NULL,
    root text NOT NULL,
    checkpoint text NOT NULL,
    seen_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ledger_head_size_check CHECK ((size >= 0))
);
COMMENT ON TABLE jutong.ledger_head IS '账本头：the newest checkpoint of each log origin (one per host), kept here every 5 s; a log shorter than this was cut back';
COMMENT ON COLUMN jutong.ledger_head.root IS 'RFC 6962 root hash (SHA-256) of the first size entries, base64';
COMMENT ON COLUMN jutong.ledger_head.checkpoint IS 'the whole C2SP signed note, so that it proves itself';
ALTER TABLE jutong.legal_hold ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME jutong.legal_hold_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE jutong.model (
    name text NOT NULL,
    label text NOT NULL,
    question text DEFAULT ''::text NOT NULL,
    theme text DEFAULT ''::text NOT NULL,
    sql text NOT NULL,
    target text NOT NULL,
    keys text[] NOT NULL,
    items jsonb NOT NULL,
    department_code text,
    state text DEFAULT 'active'::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT model_items_check CHECK ((jsonb_typeof(items) = 'array'::text)),
    CONSTRAINT model_keys_check CHECK ((cardinality(keys) > 0)),
    CONSTRAINT model_label_check CHECK ((btrim(label) <> ''::text)),
    CONSTRAINT model_name_check CHECK ((name ~ '^[a-z][a-z0-9_]{0,61}$'::text)),
    CONSTRAINT model_sql_check CHECK ((btrim(sql) <> ''::text)),
    CONSTRAINT model_state_check CHECK ((state = ANY (ARRAY['active'::text, 'paused'::text]))),
    CONSTRAINT model_target_check CHECK ((target ~~ 'topic.%'::text))
);
COMMENT ON TABLE jutong.model IS '模型: one SQL query of people''s own that makes one topic dataset; it runs in the guard, never beside the lake';
COMMENT ON COLUMN jutong.model.question IS 'the question it answers, for people';
COMMENT ON COLUMN jutong.model.theme IS '主题: 智能制造, 智慧城市, 智慧交通, 智慧文旅 …';
COMMENT ON COLUMN jutong.model.sql IS 'one SELECT over the names of its inputs';
COMMENT ON COLUMN jutong.model.keys IS 'items by which its rows merge; a key that no longer comes out is deleted';
CREATE TABLE jutong.model_input (
    model text NOT NULL,
    view text NOT NULL,
    dataset text NOT NULL,
    items text[] NOT NULL,
    row_filter jsonb DEFAULT '[]'::jsonb NOT NULL,
    CONSTRAINT model_input_items_check CHECK ((cardinality(items) > 0)),
    CONSTRAINT model_input_row_filter_check CHECK ((jsonb_typeof(row_filter) = 'array'::text)),
    CONSTRAINT model_input_view_check CHECK ((view ~ '^[a-z][a-z0-9_]{0,61}$'::text))
);
COMMENT ON TABLE jutong.model_input IS '模型输入: what a model may see, and under which name';
COMMENT ON COLUMN jutong.model_input.view IS 'the name the query knows it by';
COMMENT ON COLUMN jutong.model_input.items IS 'exactly these items; nothing else reaches the query';
COMMENT ON COLUMN jutong.model_input.row_filter IS 'list of {item, op: eq|in|prefix, value} joined by AND';
CREATE TABLE jutong.register (
    name text NOT NULL,
    label text NOT NULL,
    prefix text NOT NULL,
    items jsonb NOT NULL,
    rules jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT register_items_check CHECK ((jsonb_typeof(items) = 'array'::text)),
    CONSTRAINT register_label_check CHECK ((btrim(label) <> ''::text)),
    CONSTRAINT register_name_check CHECK ((name ~ '^[a-z][a-z0-9_]{0,54}$'::text)),
    CONSTRAINT register_prefix_check CHECK ((prefix ~ '^[A-Z]{1,4}$'::text)),
    CONSTRAINT register_rules_check CHECK ((jsonb_typeof(rules) = 'object'::text))
);
COMMENT ON TABLE jutong.register IS '基础库: golden records in base.<name>, all values in base.<name>_value, memberships in base.<name>_member';
COMMENT ON COLUMN jutong.register.prefix IS 'entity ids begin with it: LE…';
COMMENT ON COLUMN jutong.register.items IS 'list of items of the golden record';
COMMENT ON COLUMN jutong.register.rules IS 'match, survivorship, designated, links, holds as the YAML declaration says';
CREATE TABLE jutong.register_source (
    register text NOT NULL,
    dataset text NOT NULL,
    label text NOT NULL,
    mapping jsonb NOT NULL,
    trust integer NOT NULL,
    time_item text,
    item_trust jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT register_source_dataset_check CHECK ((dataset ~~ 'standard.%'::text)),
    CONSTRAINT register_source_item_trust_check CHECK ((jsonb_typeof(item_trust) = 'object'::text)),
    CONSTRAINT register_source_mapping_check CHECK ((jsonb_typeof(mapping) = 'object'::text)),
    CONSTRAINT register_source_trust_check CHECK (((trust >= 1) AND (trust <= 99)))
);
COMMENT ON TABLE jutong.register_source IS '基础库来源: a standard dataset that feeds a register, and how far it is believed';
COMMENT ON COLUMN jutong.register_source.dataset IS 'a dataset, or a pattern with * for many of one shape';
COMMENT ON COLUMN jutong.register_source.mapping IS 'register item → item of the dataset, =constant, $dataset $department $label';
COMMENT ON COLUMN jutong.register_source.trust IS '1 is believed first; equal trust is decided by time';
COMMENT ON COLUMN jutong.register_source.time_item IS 'item that says when a row was last true; else the time its batch was received';
COMMENT ON COLUMN jutong.register_source.item_trust IS 'item → trust where it differs';
CREATE VIEW jutong.lineage AS
 SELECT ('source:'::text || source_table.source_name) AS upstream,
    ('raw.'::text || source_table.name) AS downstream,
    'gather'::text AS by,
    source_table.label
   FROM jutong.source_table
UNION ALL
 SELECT ('raw.'::text || source_table.name) AS upstream,
    ('standard.'::text || source_table.name) AS downstream,
    'refine'::text AS by,
    source_table.label
   FROM jutong.source_table
UNION ALL
 SELECT s.dataset AS upstream,
    ('base.'::text || s.register) AS downstream,
    'fuse'::text AS by,
    r.label
   FROM (jutong.register_source s
     JOIN jutong.register r ON ((r.name = s.register)))
UNION ALL
 SELECT DISTINCT i.dataset AS upstream,
    m.target AS downstream,
    'model'::text AS by,
    m.label
   FROM (jutong.model_input i
     JOIN jutong.model m ON ((m.name = i.model)));
COMMENT ON VIEW jutong.lineage IS '血缘: which dataset feeds which, by what; nothing is kept twice, so it cannot be wrong';
CREATE TABLE jutong.live_interface (
    name text NOT NULL,
    label text NOT NULL,
    department_code text NOT NULL,
    keys text[] NOT NULL,
    items jsonb NOT NULL,
    config jsonb NOT NULL,
    secret_ref text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT live_interface_config_check CHECK ((jsonb_typeof(config) = 'object'::text)),
    CONSTRAINT live_interface_items_check CHECK (((jsonb_typeof(items) = 'array'::text) AND (jsonb_array_length(items) > 0))),
    CONSTRAINT live_interface_keys_check CHECK ((cardinality(keys) > 0)),
    CONSTRAINT live_interface_name_check CHECK ((name ~ '^live\.[a-z][a-z0-9_]{0,61}$'::text))
);
COMMENT ON TABLE jutong.live_interface IS '实时接口: a department''s own HTTP interface that the gate asks on a caller''s behalf; its data is never copied';
COMMENT ON COLUMN jutong.live_interface.name IS 'stands where a dataset''s name stands: entry.dataset, share_grant.dataset, service.dataset';
COMMENT ON COLUMN jutong.live_interface.keys IS 'items a call is asked by';
COMMENT ON COLUMN jutong.live_interface.items IS 'rows of Item fields, as dataset.items: what the interface takes and answers, typed by elements';
COMMENT ON COLUMN jutong.live_interface.config IS '{url, auth, headers, parameters: item → parameter, constants, records, mapping: item → place in a record, timeout, concurrency, max_age}; never a secret';
COMMENT ON COLUMN jutong.live_interface.secret_ref IS 'sealed:… by the KeyProvider with context live_interface:<name>, or env:NAME of the gate''s own environment';
CREATE TABLE jutong.meter_daily (
    day date NOT NULL,
    provider text NOT NULL,
    entry text NOT NULL,
    resource text NOT NULL,
    consumer text NOT NULL,
    application text NOT NULL,
    method text NOT NULL,
    times bigint NOT NULL,
    records bigint NOT NULL,
    CONSTRAINT meter_daily_method_check CHECK ((method = ANY (ARRAY['api'::text, 'table'::text, 'file'::text])))
);
COMMENT ON TABLE jutong.meter_daily IS '计量：(次, 条次) per day of Asia/Shanghai, provider → resource → consumer; a sum over counted exchange rows and nothing else';
COMMENT ON COLUMN jutong.meter_daily.times IS '次: answered calls (0 rows too), delivery runs that committed at least one chunk, downloads';
COMMENT ON COLUMN jutong.meter_daily.records IS '条次: rows returned, committed at the receiver, or downloaded; retries once';
CREATE TABLE jutong.meter_state (
    origin text NOT NULL,
    next_index bigint DEFAULT 0 NOT NULL,
    folded_at timestamp with time zone
);
COMMENT ON TABLE jutong.meter_state IS 'how far each log origin has been folded; moves in the same transaction as what was folded';
CREATE TABLE jutong.meter_void (
    origin text NOT NULL,
    request_id text NOT NULL
);
COMMENT ON TABLE jutong.meter_void IS 'calls whose evidence may be in the ledger but which were never answered: a stream ended under them, and its successor said so (ledger:stream:stop)';
CREATE TABLE jutong.migration (
    number integer NOT NULL,
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE jutong.milestone (
    project_code text NOT NULL,
    no smallint NOT NULL,
    name text NOT NULL,
    due_period text NOT NULL,
    due_on date NOT NULL,
    state text DEFAULT 'todo'::text NOT NULL,
    done_on date,
    measure text DEFAULT ''::text NOT NULL,
    source text DEFAULT ''::text NOT NULL,
    CONSTRAINT milestone_no_check CHECK ((no > 0)),
    CONSTRAINT milestone_state_check CHECK ((state = ANY (ARRAY['todo'::text, 'doing'::text, 'done'::text])))
);
COMMENT ON TABLE jutong.milestone IS 'one step of a project, in order';
COMMENT ON COLUMN jutong.milestone.due_period IS 'as printed: 2023, 2024Q1; due_on is its last day';
COMMENT ON COLUMN jutong.milestone.done_on IS 'when known; a report may say done without saying when';
COMMENT ON COLUMN jutong.milestone.measure IS 'what done means: 主体工程量 50 %, 标准机架 1500';
CREATE TABLE jutong.model_run (
    id bigint NOT NULL,
    model text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone NOT NULL,
    rows bigint,
    inserted bigint,
    updated bigint,
    deleted bigint,
    snapshot bigint,
    problem jsonb
);
COMMENT ON TABLE jutong.model_run IS '模型运行: every run of a model, failed ones with their sentence';
COMMENT ON COLUMN jutong.model_run.snapshot IS 'the lake snapshot it wrote; NULL when nothing had changed or it failed';
COMMENT ON COLUMN jutong.model_run.problem IS '{code, sentence}';
ALTER TABLE jutong.model_run ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME jutong.model_run_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE jutong.notice (
    id bigint NOT NULL,
    to_user bigint,
    to_department text,
    subject text NOT NULL,
    body text DEFAULT ''::text NOT NULL,
    case_id bigint,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    sent_at timestamp with time zone,
    read_at timestamp with time zone,
    CONSTRAINT notice_check CHECK (((to_user IS NULL) <> (to_department IS NULL))),
    CONSTRAINT notice_subject_check CHECK ((btrim(subject) <> ''::text))
);
COMMENT ON TABLE jutong.notice IS '消息: the outbox; written in the transaction it tells of, sent by flows alone';
COMMENT ON COLUMN jutong.notice.sent_at IS 'when it left by a channel outside the portal; in the portal it shows at once';
ALTER TABLE jutong.notice ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME jutong.notice_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE jutong.portal_look (
    user_id bigint NOT NULL,
    language text DEFAULT 'zh'::text NOT NULL,
    theme text DEFAULT 'light'::text NOT NULL,
    type text DEFAULT 'normal'::text NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT portal_look_language_check CHECK ((language = ANY (ARRAY['zh'::text, 'en'::text]))),
    CONSTRAINT portal_look_theme_check CHECK ((theme = ANY (ARRAY['light'::text, 'dark'::text, 'contrast'::text]))),
    CONSTRAINT portal_look_type_check CHECK ((type = ANY (ARRAY['normal'::text, 'large'::text])))
);
COMMENT ON TABLE jutong.portal_look IS '每人的显示选择：语言、配色、字号';
COMMENT ON COLUMN jutong.portal_look.type IS 'large is 大字 (GB/T 37668, 适老化)';
CREATE TABLE jutong.project (
    code text NOT NULL,
    name text NOT NULL,
    name_en text DEFAULT ''::text NOT NULL,
    owner_code text NOT NULL,
    operator text DEFAULT ''::text NOT NULL,
    duty_code text,
    investment numeric(14,2),
    summary text DEFAULT ''::text NOT NULL,
    sort integer DEFAULT 0 NOT NULL
);
COMMENT ON TABLE jutong.project IS '重点项目, followed by milestone';
COMMENT ON COLUMN jutong.project.investment IS 'in 万元';
CREATE TABLE jutong.purge (
    id bigint NOT NULL,
    dataset text,
    sought text,
    digest text NOT NULL,
    period text NOT NULL,
    basis text NOT NULL,
    reason text NOT NULL,
    applied_by text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL,
    found jsonb,
    confirmed_by text,
    confirmed_at timestamp with time zone,
    state text DEFAULT 'applied'::text NOT NULL,
    step text DEFAULT ''::text NOT NULL,
    problem text DEFAULT ''::text NOT NULL,
    snapshot bigint,
    forgotten bigint DEFAULT 0 NOT NULL,
    certificate jsonb,
    signature text,
    finished_at timestamp with time zone,
    CONSTRAINT purge_basis_check CHECK ((btrim(basis) <> ''::text)),
    CONSTRAINT purge_certificate_check CHECK ((jsonb_typeof(certificate) = 'object'::text)),
    CONSTRAINT purge_check CHECK ((confirmed_by <> applied_by)),
    CONSTRAINT purge_check1 CHECK ((num_nonnulls(confirmed_by, confirmed_at) = ANY (ARRAY[0, 2]))),
    CONSTRAINT purge_check2 CHECK (((state = ANY (ARRAY['done'::text, 'refused'::text])) = (finished_at IS NOT NULL))),
    CONSTRAINT purge_check3 CHECK (((state = ANY (ARRAY['done'::text, 'refused'::text])) = (sought IS NULL))),
    CONSTRAINT purge_check4 CHECK (((state = 'done'::text) = (signature IS NOT NULL))),
    CONSTRAINT purge_check5 CHECK (((state = ANY (ARRAY['applied'::text, 'refused'::text])) OR (confirmed_by IS NOT NULL))),
    CONSTRAINT purge_dataset_check CHECK ((dataset ~~ 'standard.%'::text)),
    CONSTRAINT purge_digest_check CHECK ((digest ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT purge_found_check CHECK ((jsonb_typeof(found) = 'object'::text)),
    CONSTRAINT purge_reason_check CHECK ((btrim(reason) <> ''::text)),
    CONSTRAINT purge_state_check CHECK ((state = ANY (ARRAY['applied'::text, 'confirmed'::text, 'refused'::text, 'done'::text])))
);
COMMENT ON TABLE jutong.purge IS '依法清除: one application, carried out once a second person has confirmed it; the row stays as the certificate';
COMMENT ON COLUMN jutong.purge.dataset IS 'the rows of these keys in this dataset; NULL: every row that says one of the identifiers';
COMMENT ON COLUMN jutong.purge.sought IS 'keys or identifiers, sealed; wiped when the purge is over';
COMMENT ON COLUMN jutong.purge.digest IS 'keyed hash of what was sought (key subjects, of the period): tells the platform itself whether it is the same, and nobody else what it was';
COMMENT ON COLUMN jutong.purge.found IS 'dataset → rows when it was applied for, for the one who confirms';
COMMENT ON COLUMN jutong.purge.snapshot IS 'the lake no longer holds the rows from here on; a replica made before it is built anew';
COMMENT ON COLUMN jutong.purge.forgotten IS 'snapshots that still held the rows and were forgotten';
CREATE TABLE jutong.purge_file (
    purge_id bigint NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    CONSTRAINT purge_file_kind_check CHECK ((kind = ANY (ARRAY['delivered'::text, 'archive'::text, 'lake'::text])))
);
COMMENT ON TABLE jutong.purge_file IS 'files that went with a purge: delivered ones by their SHA-256, those of archive and lake by path';
ALTER TABLE jutong.purge ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME jutong.purge_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE jutong.purge_part (
    purge_id bigint NOT NULL,
    commit_id text NOT NULL,
    dataset text NOT NULL,
    batch_id text DEFAULT ''::text NOT NULL,
    rows bigint NOT NULL,
    happened boolean DEFAULT false NOT NULL,
    CONSTRAINT purge_part_rows_check CHECK ((rows > 0))
);
COMMENT ON TABLE jutong.purge_part IS 'how many rows of which dataset and batch went with a purge; law 1 reads: but for these';
COMMENT ON COLUMN jutong.purge_part.commit_id IS 'of the lake, or archive:<part> for a file of the archive; noted just before, happened once it is known';
CREATE TABLE jutong.purge_row (
    purge_id bigint NOT NULL,
    "table" text NOT NULL,
    batch_id text NOT NULL,
    row_no bigint NOT NULL
);
COMMENT ON TABLE jutong.purge_row IS 'the places of raw rows that are to go, while a purge is under way; no values';
CREATE VIEW jutong.purged_batch AS
 SELECT batch_id,
    (sum(rows))::bigint AS rows
   FROM jutong.purge_part
  WHERE (happened AND (batch_id <> ''::text) AND (dataset ~~ 'raw.%'::text))
  GROUP BY batch_id;
COMMENT ON VIEW jutong.purged_batch IS 'rows of a batch''s receipt that purges have taken away since';
CREATE TABLE jutong.rebuild (
    id bigint NOT NULL,
    dataset text NOT NULL,
    batches text[] NOT NULL,
    asked_at timestamp with time zone DEFAULT now() NOT NULL,
    finished_at timestamp with time zone,
    CONSTRAINT rebuild_dataset_check CHECK ((dataset ~~ 'standard.%'::text))
);
COMMENT ON TABLE jutong.rebuild IS '重建: a standard dataset whose files are lost, made anew from the raw rows of these batches; an unfinished one is gone on with';
ALTER TABLE jutong.rebuild ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME jutong.rebuild_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE jutong.reconciliation (
    id bigint NOT NULL,
    delivery_name text NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    snapshot bigint,
    result text NOT NULL,
    rows_here bigint,
    rows_there bigint,
    digest_here text,
    digest_there text,
    ranges integer,
    ranges_apart integer,
    cause text DEFAULT 'run'::text NOT NULL,
    keys_apart bigint,
    problem text,
    ended_at timestamp with time zone,
    CONSTRAINT reconciliation_cause_check CHECK ((cause = ANY (ARRAY['run'::text, 'schedule'::text, 'person'::text]))),
    CONSTRAINT reconciliation_result_check CHECK ((result = ANY (ARRAY['equal'::text, 'mended'::text, 'different'::text, 'both_empty'::text, 'here_empty'::text, 'there_empty'::text, 'running'::text, 'waiting'::text, 'cancelled'::text, 'no_table'::text, 'no_source'::text, 'unreachable'::text, 'timeout'::text, 'failed'::text])))
);
COMMENT ON TABLE jutong.reconciliation IS '对账：count and content hash of what the grant lets out here, and of the receiver''s table there (domain §6.3)';
COMMENT ON COLUMN jutong.reconciliation.ranges IS 'key ranges compared; ranges_apart of them differed before mending';
COMMENT ON COLUMN jutong.reconciliation.keys_apart IS 'rows that differed, before mending; the first of them are in reconciliation_key';
ALTER TABLE jutong.reconciliation ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME jutong.reconciliation_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE jutong.reconciliation_key (
    reconciliation_id bigint NOT NULL,
    no integer NOT NULL,
    kind text NOT NULL,
    key text[] NOT NULL,
    CONSTRAINT reconciliation_key_kind_check CHECK ((kind = ANY (ARRAY['missing'::text, 'different'::text, 'extra'::text])))
);
COMMENT ON TABLE jutong.reconciliation_key IS 'keys that differed at the latest reconciliation that found any: keys only, never a row''s other values';
COMMENT ON COLUMN jutong.reconciliation_key.kind IS 'missing there; different there; extra there';
CREATE TABLE jutong.refinement (
    batch_id text NOT NULL,
    dataset text NOT NULL,
    accepted bigint NOT NULL,
    rejected bigint NOT NULL,
    duplicates bigint NOT NULL,
    flagged bigint NOT NULL,
    issues bigint NOT NULL,
    score numeric(5,2),
    inserted bigint DEFAULT 0 NOT NULL,
    updated bigint DEFAULT 0 NOT NULL,
    deleted bigint DEFAULT 0 NOT NULL,
    held_reason text,
    commit_id text NOT NULL,
    snapshot bigint NOT NULL,
    finished_at timestamp with time zone NOT NULL,
    standard integer,
    CONSTRAINT refinement_accepted_check CHECK ((accepted >= 0)),
    CONSTRAINT refinement_duplicates_check CHECK ((duplicates >= 0)),
    CONSTRAINT refinement_flagged_check CHECK ((flagged >= 0)),
    CONSTRAINT refinement_issues_check CHECK ((issues >= 0)),
    CONSTRAINT refinement_rejected_check CHECK ((rejected >= 0)),
    CONSTRAINT refinement_score_check CHECK (((score >= (0)::numeric) AND (score <= (100)::numeric)))
);
COMMENT ON TABLE jutong.refinement IS '清洗结果: how a batch was split; batch.given = accepted + rejected + duplicates (law 1)';
COMMENT ON COLUMN jutong.refinement.dataset IS 'standard.<source table>';
COMMENT ON COLUMN jutong.refinement.flagged IS 'accepted or duplicate rows with at least one issue beside them';
COMMENT ON COLUMN jutong.refinement.issues IS 'rows this batch added to standard.issue';
COMMENT ON COLUMN jutong.refinement.score IS '合格率: rows without any issue in a hundred rows given; NULL for an empty batch';
COMMENT ON COLUMN jutong.refinement.inserted IS 'what the merge did to the standard dataset; a held batch does nothing';
COMMENT ON COLUMN jutong.refinement.held_reason IS 'why the accepted rows were kept back: everything wrong, or nothing in it';
COMMENT ON COLUMN jutong.refinement.commit_id IS 'commit_extra_info of the lake commit that holds its rows and issues';
COMMENT ON COLUMN jutong.refinement.standard IS 'the version of the standard by which the batch was judged last; NULL before versions were kept';
CREATE TABLE jutong.refinement_rule (
    batch_id text NOT NULL,
    rule text NOT NULL,
    item text NOT NULL,
    severity text NOT NULL,
    dimension text NOT NULL,
    rows bigint NOT NULL,
    CONSTRAINT refinement_rule_rows_check CHECK ((rows > 0)),
    CONSTRAINT refinement_rule_severity_check CHECK ((severity = ANY (ARRAY['reject'::text, 'flag'::text])))
);
COMMENT ON TABLE jutong.refinement_rule IS 'issues of a batch counted by rule and item, so that pages need not read the lake';
COMMENT ON COLUMN jutong.refinement_rule.dimension IS 'quality dimension of GB/T 36344: 规范性 完整性 准确性 一致性 时效性 可访问性';
CREATE TABLE jutong.refining (
    commit_id text NOT NULL,
    outcomes jsonb NOT NULL,
    noted_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT refining_outcomes_check CHECK ((jsonb_typeof(outcomes) = 'array'::text))
);
COMMENT ON TABLE jutong.refining IS 'outcomes written just before their lake commit; whether it happened is asked of the lake, and then they become refinement rows or are struck out';
CREATE TABLE jutong.remembered_reading (
    source_table text NOT NULL,
    declared jsonb DEFAULT '{}'::jsonb NOT NULL,
    manner jsonb DEFAULT '{}'::jsonb NOT NULL,
    file_name text NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT remembered_reading_declared_check CHECK ((jsonb_typeof(declared) = 'object'::text)),
    CONSTRAINT remembered_reading_manner_check CHECK ((jsonb_typeof(manner) = 'object'::text))
);
COMMENT ON TABLE jutong.remembered_reading IS '读法: how the last file of a table was read; what a person declared holds for the next file, what was found is compared with it';
CREATE TABLE jutong.remote_file (
    source_name text NOT NULL,
    path text NOT NULL,
    size bigint NOT NULL,
    stamp text NOT NULL,
    mark text DEFAULT ''::text NOT NULL,
    seen_at timestamp with time zone DEFAULT now() NOT NULL,
    arrival_id text,
    problem jsonb,
    CONSTRAINT remote_file_path_check CHECK ((path <> ''::text)),
    CONSTRAINT remote_file_size_check CHECK ((size >= 0))
);
COMMENT ON TABLE jutong.remote_file IS 'files that lie there now; that one was taken is remembered by its arrival, whose key is made of path, size and stamp';
COMMENT ON COLUMN jutong.remote_file.stamp IS 'time of change as the server tells it, or ETag';
COMMENT ON COLUMN jutong.remote_file.mark IS 'the mark that says it is whole, with the mark''s own size and stamp; empty: none';
COMMENT ON COLUMN jutong.remote_file.seen_at IS 'since when, by our clock, it has been seen just so';
COMMENT ON COLUMN jutong.remote_file.problem IS 'why it was not fetched as it lies there (its digest differs); asked again when it changes';
CREATE TABLE jutong.remote_look (
    source_name text NOT NULL,
    looked_at timestamp with time zone NOT NULL,
    files integer,
    problem jsonb,
    CONSTRAINT remote_look_files_check CHECK ((files >= 0))
);
COMMENT ON TABLE jutong.remote_look IS '远程目录: when a source of kind sftp, ftp or s3 was last looked at, and what it said';
CREATE TABLE jutong.request (
    id bigint NOT NULL,
    case_id bigint NOT NULL,
    entry_id bigint NOT NULL,
    department_code text NOT NULL,
    provider_code text NOT NULL,
    application_id text NOT NULL,
    basis text NOT NULL,
    scene text NOT NULL,
    scope text NOT NULL,
    purpose text NOT NULL,
    method text NOT NULL,
    items text[] NOT NULL,
    row_filter jsonb DEFAULT '[]'::jsonb NOT NULL,
    share_type smallint NOT NULL,
    until date NOT NULL,
    created_by bigint,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT request_basis_check CHECK ((btrim(basis) <> ''::text)),
    CONSTRAINT request_items_check CHECK ((cardinality(items) > 0)),
    CONSTRAINT request_method_check CHECK ((method = ANY (ARRAY['api'::text, 'table'::text, 'file'::text]))),
    CONSTRAINT request_purpose_check CHECK ((btrim(purpose) <> ''::text)),
    CONSTRAINT request_row_filter_check CHECK ((jsonb_typeof(row_filter) = 'array'::text)),
    CONSTRAINT request_scene_check CHECK ((btrim(scene) <> ''::text)),
    CONSTRAINT request_scope_check CHECK ((btrim(scope) <> ''::text)),
    CONSTRAINT request_share_type_check CHECK ((share_type = ANY (ARRAY[1, 2])))
);
COMMENT ON TABLE jutong.request IS '共享申请：what a department asks for; its path lives in casework (case kind share_request). 政务数据共享条例第20条';
COMMENT ON COLUMN jutong.request.department_code IS 'the asking department';
COMMENT ON COLUMN jutong.request.provider_code IS 'the department whose entry it is';
COMMENT ON COLUMN jutong.request.basis IS '使用依据，第20条必填';
COMMENT ON COLUMN jutong.request.scene IS '使用场景，第20条必填';
COMMENT ON COLUMN jutong.request.scope IS '使用范围，第20条必填';
COMMENT ON COLUMN jutong.request.purpose IS '用途类型：行政依据 / 工作参考 / 数据校核 / 业务协同';
COMMENT ON COLUMN jutong.request.method IS '共享方式，第20条必填：api 服务接口, table 批量交换（库表）, file 文件下载';
COMMENT ON COLUMN jutong.request.row_filter IS 'list of {item, op: eq|in|prefix, value} joined by AND; same meaning in gate and delivery';
COMMENT ON COLUMN jutong.request.share_type IS 'effective share type: the strictest of the entry and the asked items, 1 无条件 2 有条件; decides the clock (T3 or T4)';
COMMENT ON COLUMN jutong.request.until IS '使用时限，第20条必填: last day of use, inclusive, Asia/Shanghai';
ALTER TABLE jutong.request ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME jutong.request_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE jutong.rerefinement (
    id bigint NOT NULL,
    source_table text NOT NULL,
    version integer NOT NULL,
    commit_id text NOT NULL,
    state text DEFAULT 'running'::text NOT NULL,
    began_at timestamp with time zone DEFAULT now() NOT NULL,
    finished_at timestamp with time zone,
    batches integer DEFAULT 0 NOT NULL,
    judged bigint DEFAULT 0 NOT NULL,
    inserted bigint DEFAULT 0 NOT NULL,
    updated bigint DEFAULT 0 NOT NULL,
    deleted bigint DEFAULT 0 NOT NULL,
    found bigint DEFAULT 0 NOT NULL,
    withdrawn bigint DEFAULT 0 NOT NULL,
    note text DEFAULT ''::text NOT NULL,
    snapshot bigint,
    CONSTRAINT rerefinement_state_check CHECK ((state = ANY (ARRAY['running'::text, 'done'::text, 'held'::text, 'failed'::text])))
);
COMMENT ON TABLE jutong.rerefinement IS '重新清洗: one carrying-through of a changed standard, from the raw rows, in one lake commit';
COMMENT ON COLUMN jutong.rerefinement.batches IS 'judged again: from the newest back to the full batch that leaves no key open';
COMMENT ON COLUMN jutong.rerefinement.found IS 'issues that came; withdrawn: issues that no longer stand and were taken back';
COMMENT ON COLUMN jutong.rerefinement.note IS 'why it was held or failed';
ALTER TABLE jutong.rerefinement ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME jutong.rerefinement_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE jutong.retention_rule (
    id bigint NOT NULL,
    zone text,
    dataset text,
    entry_id bigint,
    archive_days integer NOT NULL,
    keep_batches integer DEFAULT 1 NOT NULL,
    destroy_days integer,
    basis text NOT NULL,
    set_by text NOT NULL,
    set_at timestamp with time zone DEFAULT now() NOT NULL,
    ended_by text,
    ended_at timestamp with time zone,
    CONSTRAINT retention_rule_archive_days_check CHECK (((archive_days >= 1) AND (archive_days <= 36500))),
    CONSTRAINT retention_rule_basis_check CHECK ((btrim(basis) <> ''::text)),
    CONSTRAINT retention_rule_check CHECK (((destroy_days >= (archive_days + 1)) AND (destroy_days <= 36500))),
    CONSTRAINT retention_rule_check1 CHECK ((num_nonnulls(zone, dataset, entry_id) = 1)),
    CONSTRAINT retention_rule_check2 CHECK (((ended_at IS NULL) = (ended_by IS NULL))),
    CONSTRAINT retention_rule_dataset_check CHECK ((dataset ~~ 'raw.%'::text)),
    CONSTRAINT retention_rule_keep_batches_check CHECK (((keep_batches >= 1) AND (keep_batches <= 10000))),
    CONSTRAINT retention_rule_zone_check CHECK ((zone = 'raw'::text))
);
COMMENT ON TABLE jutong.retention_rule IS '留存规则: never changed, only ended and followed by another; the narrowest scope decides (dataset, then entry, then zone)';
COMMENT ON COLUMN jutong.retention_rule.archive_days IS 'days after its receipt a batch goes from the lake to the archive, where it stays readable';
COMMENT ON COLUMN jutong.retention_rule.keep_batches IS 'so many of the newest batches of each dataset stay in the lake whatever their age';
COMMENT ON COLUMN jutong.retention_rule.destroy_days IS 'days after its receipt the archived batch may be destroyed, once a person approves; NULL: kept for ever';
COMMENT ON COLUMN jutong.retention_rule.basis IS 'the law or document it rests on';
CREATE VIEW jutong.retained_dataset AS
 SELECT DISTINCT ON (d.name) d.name AS dataset,
    r.id AS rule_id,
    r.archive_days,
    r.keep_batches,
    r.destroy_days,
    r.basis
   FROM (jutong.dataset d
     JOIN jutong.retention_rule r ON (((r.ended_at IS NULL) AND (d.zone = 'raw'::text) AND ((r.zone = d.zone) OR (r.dataset = d.name) OR (r.entry_id IN ( SELECT e.entry_id
           FROM jutong.dataset_of_entry e
          WHERE (e.dataset = d.name)))))))
  ORDER BY d.name, (r.dataset IS NULL), (r.entry_id IS NULL), r.destroy_days DESC, r.archive_days DESC, r.id;
COMMENT ON VIEW jutong.retained_dataset IS 'the one rule each raw dataset is under: the narrowest; of two as narrow the one that keeps longer';
ALTER TABLE jutong.retention_rule ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME jutong.retention_rule_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE jutong.row_rule (
    source_table text NOT NULL,
    code text NOT NULL,
    place integer NOT NULL,
    kind text NOT NULL,
    items text[] NOT NULL,
    arguments jsonb DEFAULT '{}'::jsonb NOT NULL,
    severity text DEFAULT 'flag'::text NOT NULL,
    sentence text,
    CONSTRAINT row_rule_arguments_check CHECK ((jsonb_typeof(arguments) = 'object'::text)),
    CONSTRAINT row_rule_code_check CHECK ((code ~ '^[a-z_]+\.[a-z_0-9]+$'::text)),
    CONSTRAINT row_rule_items_check CHECK ((cardinality(items) > 0)),
    CONSTRAINT row_rule_severity_check CHECK ((severity = ANY (ARRAY['reject'::text, 'flag'::text])))
);
COMMENT ON TABLE jutong.row_rule IS '行规则: questions across the items of one table, asked in the order of place; an item is questioned once per row';
COMMENT ON COLUMN jutong.row_rule.kind IS 'not_after · not_before · within · not_future · required_when · any_of · one_of · sql · unique · refers_to · row_count · fresh';
COMMENT ON COLUMN jutong.row_rule.items IS 'the items it compares; the first is the one the issue names';
COMMENT ON COLUMN jutong.row_rule.sentence IS 'what was expected; NULL for the kind''s own sentence';
CREATE TABLE jutong.rule_set (
    name text NOT NULL,
    label text NOT NULL,
    about text DEFAULT ''::text NOT NULL,
    rules jsonb NOT NULL,
    changed_by bigint,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT rule_set_label_check CHECK ((btrim(label) <> ''::text)),
    CONSTRAINT rule_set_name_check CHECK ((name ~ '^[a-z][a-z0-9_]{0,61}$'::text)),
    CONSTRAINT rule_set_rules_check CHECK ((jsonb_typeof(rules) = 'array'::text))
);
COMMENT ON TABLE jutong.rule_set IS '规则组: row rules stated once and used by many tables';
COMMENT ON COLUMN jutong.rule_set.rules IS 'list of {code, kind, items, arguments, severity, sentence}; an item may be a role, which each table gives an item of its own';
CREATE TABLE jutong.rule_set_use (
    source_table text NOT NULL,
    rule_set text NOT NULL,
    items jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT rule_set_use_items_check CHECK ((jsonb_typeof(items) = 'object'::text))
);
COMMENT ON COLUMN jutong.rule_set_use.items IS 'role → item of this table; a role without one is the item of its name, and '''' says the table has nothing for it: rules that name it are not asked';
CREATE TABLE jutong.security_event (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    event text NOT NULL,
    user_id bigint,
    login text DEFAULT ''::text NOT NULL,
    department_code text,
    address text DEFAULT ''::text NOT NULL,
    detail jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT security_event_event_check CHECK ((event ~ '^[a-z]+:[a-z_]+:[a-z_]+$'::text))
);
COMMENT ON TABLE jutong.security_event IS '安全日志: source:subject:action, append only, kept at least six months (网络安全法第21条)';
COMMENT ON COLUMN jutong.security_event.address IS 'network address the request came from';
ALTER TABLE jutong.security_event ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME jutong.security_event_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE jutong.service (
    name text NOT NULL,
    label text NOT NULL,
    kind text DEFAULT 'query'::text NOT NULL,
    department_code text NOT NULL,
    entry_id bigint NOT NULL,
    dataset text NOT NULL,
    keys text[] NOT NULL,
    items text[] NOT NULL,
    max_rows integer DEFAULT 100 NOT NULL,
    state text DEFAULT 'active'::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    "least" integer DEFAULT 10 NOT NULL,
    family text,
    version integer DEFAULT 1 NOT NULL,
    successor text,
    deprecated_at timestamp with time zone,
    sunset_at timestamp with time zone,
    selection jsonb,
    past_days integer,
    CONSTRAINT service_items_check CHECK ((cardinality(items) > 0)),
    CONSTRAINT service_keys_check CHECK ((cardinality(keys) > 0)),
    CONSTRAINT service_kind_check CHECK ((kind = ANY (ARRAY['query'::text, 'verify'::text, 'list'::text, 'statistics'::text, 'proxy'::text]))),
    CONSTRAINT service_least_check CHECK ((("least" >= 2) AND ("least" <= 1000))),
    CONSTRAINT service_max_rows_check CHECK (((max_rows >= 1) AND (max_rows <= 10000))),
    CONSTRAINT service_name_check CHECK ((name ~ '^[a-z][a-z0-9_]{0,62}$'::text)),
    CONSTRAINT service_notice_check CHECK (((sunset_at IS NULL) OR (sunset_at >= deprecated_at))),
    CONSTRAINT service_past_days_check CHECK (((past_days >= 1) AND (past_days <= 3660))),
    CONSTRAINT service_selection_check CHECK ((jsonb_typeof(selection) = 'object'::text)),
    CONSTRAINT service_state_check CHECK ((state = ANY (ARRAY['draft'::text, 'review'::text, 'active'::text, 'stopped'::text, 'retired'::text]))),
    CONSTRAINT service_version_check CHECK ((version >= 1))
);
COMMENT ON TABLE jutong.service IS '接口服务：one service of an entry, answered by the gate at /v1/{name}';
COMMENT ON COLUMN jutong.service.kind IS 'query answers rows by key; verify 核验 compares what the caller says and tells only that; list 列表 pages through all granted rows and tells what changed since; statistics 统计 counts by group; proxy 代理 asks the provider''s live interface';
COMMENT ON COLUMN jutong.service.department_code IS 'the provider';
COMMENT ON COLUMN jutong.service.keys IS 'query and verify: items a call is asked by, all of them; list: items a call may narrow by; statistics: the groups, coarsest first';
COMMENT ON COLUMN jutong.service.items IS 'items the service can answer with at most; a grant narrows them';
COMMENT ON COLUMN jutong.service.state IS 'draft 草稿, review 待审, active 可调用, stopped 已停止, retired 已退役: from sunset_at on, answered 410';
COMMENT ON COLUMN jutong.service."least" IS 'statistics: a count below this is never told, nor anything it could be worked out from';
COMMENT ON COLUMN jutong.service.family IS 'the name of its first version; versions of one family answer beside one another';
COMMENT ON COLUMN jutong.service.successor IS 'the version callers should go over to';
COMMENT ON COLUMN jutong.service.deprecated_at IS 'since when callers are told that it will end (RFC 9745)';
COMMENT ON COLUMN jutong.service.sunset_at IS 'the instant from which it is answered 410 share.service_retired (RFC 8594)';
COMMENT ON COLUMN jutong.service.selection IS '{sql, views: [{view, entry_id, dataset, items}], columns: [{item, sources, copied}], conditions, told, places, keys, written}: a checked SELECT whose result is served instead of the dataset as it is; NULL: the dataset';
COMMENT ON COLUMN jutong.service.past_days IS 'query: so many days back a caller may ask as of; NULL: today''s rows only';
CREATE TABLE jutong.service_move (
    id bigint NOT NULL,
    service_name text NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    from_state text NOT NULL,
    to_state text NOT NULL,
    note text DEFAULT ''::text NOT NULL,
    by_user bigint
);
COMMENT ON TABLE jutong.service_move IS 'history of every service: drafted, submitted, returned, published, notice of its end, stopped (append only)';
ALTER TABLE jutong.service_move ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME jutong.service_move_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE VIEW jutong.service_reads AS
 SELECT service.name AS service_name,
    service.entry_id
   FROM jutong.service
UNION
 SELECT s.name AS service_name,
    ((v.value ->> 'entry_id'::text))::bigint AS entry_id
   FROM (jutong.service s
     CROSS JOIN LATERAL jsonb_array_elements((s.selection -> 'views'::text)) v(value));
COMMENT ON VIEW jutong.service_reads IS '接口所涉目录: the entries whose items a service tells or works with; a caller needs a live grant of each';
CREATE TABLE jutong.session (
    token_hash bytea NOT NULL,
    user_id bigint NOT NULL,
    stage text NOT NULL,
    address text DEFAULT ''::text NOT NULL,
    agent text DEFAULT ''::text NOT NULL,
    opened_at timestamp with time zone DEFAULT now() NOT NULL,
    seen_at timestamp with time zone DEFAULT now() NOT NULL,
    closed_at timestamp with time zone,
    CONSTRAINT session_stage_check CHECK ((stage = ANY (ARRAY['open'::text, 'password'::text, 'enrol'::text]))),
    CONSTRAINT session_token_hash_check CHECK ((octet_length(token_hash) = 32))
);
COMMENT ON TABLE jutong.session IS 'server-side sessions: what the browser holds is a random token, what we hold is its SHA-256';
COMMENT ON COLUMN jutong.session.stage IS 'open; or password / enrol: nothing but setting a new password / the second factor is possible';
CREATE TABLE jutong.share_grant (
    id text NOT NULL,
    request_id bigint NOT NULL,
    application_id text NOT NULL,
    department_code text NOT NULL,
    provider_code text NOT NULL,
    entry_id bigint NOT NULL,
    dataset text NOT NULL,
    items text[] NOT NULL,
    row_filter jsonb DEFAULT '[]'::jsonb NOT NULL,
    masks jsonb DEFAULT '{}'::jsonb NOT NULL,
    grade smallint NOT NULL,
    purpose text NOT NULL,
    method text NOT NULL,
    valid_from timestamp with time zone DEFAULT now() NOT NULL,
    until timestamp with time zone NOT NULL,
    state text DEFAULT 'active'::text NOT NULL,
    reason text,
    sealed_until timestamp with time zone,
    issued_by bigint,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT share_grant_grade_check CHECK (((grade >= 1) AND (grade <= 4))),
    CONSTRAINT share_grant_items_check CHECK ((cardinality(items) > 0)),
    CONSTRAINT share_grant_masks_check CHECK ((jsonb_typeof(masks) = 'object'::text)),
    CONSTRAINT share_grant_method_check CHECK ((method = ANY (ARRAY['api'::text, 'table'::text, 'file'::text]))),
    CONSTRAINT share_grant_row_filter_check CHECK ((jsonb_typeof(row_filter) = 'array'::text)),
    CONSTRAINT share_grant_state_check CHECK ((state = ANY (ARRAY['active'::text, 'suspended'::text, 'terminated'::text, 'expired'::text])))
);
COMMENT ON TABLE jutong.share_grant IS '授权：who (application), which items and rows, for what purpose, until when, how. No field and no row leaves without a live one';
COMMENT ON COLUMN jutong.share_grant.department_code IS 'the consuming department';
COMMENT ON COLUMN jutong.share_grant.provider_code IS 'the department whose entry it is';
COMMENT ON COLUMN jutong.share_grant.dataset IS 'lake dataset ''zone.table'' the entry was attached to when granted';
COMMENT ON COLUMN jutong.share_grant.row_filter IS 'list of {item, op: eq|in|prefix, value} joined by AND; [] is every row';
COMMENT ON COLUMN jutong.share_grant.masks IS 'item name → mask profile of its element; an item not named goes out as it is';
COMMENT ON COLUMN jutong.share_grant.grade IS 'highest 数据分级 among the granted items; from 3 up the gate asks for a signed request';
COMMENT ON COLUMN jutong.share_grant.until IS 'the instant it stops, exclusive: midnight in Asia/Shanghai after the last day of use';
COMMENT ON COLUMN jutong.share_grant.reason IS 'why it is suspended or terminated (第27条)';
COMMENT ON COLUMN jutong.share_grant.sealed_until IS 'what happened under it is withheld from 谁看过 until then (criminal investigation)';
COMMENT ON COLUMN jutong.share_grant.changed_at IS 'clock_timestamp() of the last change, set by trigger; a poll must look back a few seconds, as a change commits after its stamp';
CREATE TABLE jutong.sign_in_guard (
    login text NOT NULL,
    failures integer DEFAULT 0 NOT NULL,
    failed_at timestamp with time zone,
    locked_until timestamp with time zone
);
COMMENT ON TABLE jutong.sign_in_guard IS 'failed sign-ins by the name that was typed, whether an account has it or not, so a lock tells nobody which names exist';
CREATE TABLE jutong.source (
    name text NOT NULL,
    department_code text NOT NULL,
    kind text NOT NULL,
    label text NOT NULL,
    config jsonb DEFAULT '{}'::jsonb NOT NULL,
    secret_ref text,
    state text DEFAULT 'active'::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT source_config_check CHECK ((jsonb_typeof(config) = 'object'::text)),
    CONSTRAINT source_kind_check CHECK ((kind ~ '^[a-z][a-z0-9]{1,30}$'::text)),
    CONSTRAINT source_label_check CHECK ((btrim(label) <> ''::text)),
    CONSTRAINT source_name_check CHECK ((name ~ '^[a-z][a-z0-9_]{0,61}$'::text)),
    CONSTRAINT source_state_check CHECK ((state = ANY (ARRAY['active'::text, 'paused'::text])))
);
COMMENT ON TABLE jutong.source IS '数据源: a department''s system that data is gathered from';
COMMENT ON COLUMN jutong.source.config IS 'how it is reached, without secrets: libpq keywords or url; folder and dialect of files';
COMMENT ON COLUMN jutong.source.secret_ref IS 'where the password is: sealed:<text sealed by the KeyProvider>, file:<path>, env:<NAME>';
COMMENT ON COLUMN jutong.source.state IS 'paused sources are not gathered';
CREATE TABLE jutong.source_token (
    token_hash text NOT NULL,
    source_name text NOT NULL,
    made_by bigint,
    made_at timestamp with time zone DEFAULT now() NOT NULL,
    ended_at timestamp with time zone,
    label text DEFAULT ''::text NOT NULL,
    ends_at timestamp with time zone,
    used_at timestamp with time zone,
    tail text DEFAULT ''::text NOT NULL,
    CONSTRAINT source_token_token_hash_check CHECK ((token_hash ~ '^[0-9a-f]{64}$'::text))
);
COMMENT ON TABLE jutong.source_token IS 'by which a department''s program pushes into one source; only the hash is kept';
COMMENT ON COLUMN jutong.source_token.ends_at IS 'it opens nothing after this; a rotated token is given some time to be replaced';
COMMENT ON COLUMN jutong.source_token.used_at IS 'when it last opened the source, to the minute';
COMMENT ON COLUMN jutong.source_token.tail IS 'its last four characters, by which people tell tokens apart';
CREATE TABLE jutong.standard_draft (
    id bigint NOT NULL,
    source_table text NOT NULL,
    base_version integer NOT NULL,
    content jsonb NOT NULL,
    note text DEFAULT ''::text NOT NULL,
    state text DEFAULT 'open'::text NOT NULL,
    made_by bigint NOT NULL,
    made_at timestamp with time zone DEFAULT now() NOT NULL,
    answered_by bigint,
    answered_at timestamp with time zone,
    answer text DEFAULT ''::text NOT NULL,
    CONSTRAINT standard_draft_check CHECK (((state = 'open'::text) = (answered_at IS NULL))),
    CONSTRAINT standard_draft_state_check CHECK ((state = ANY (ARRAY['open'::text, 'adopted'::text, 'declined'::text, 'withdrawn'::text])))
);
COMMENT ON TABLE jutong.standard_draft IS '标准的修改稿: a provider proposes, the steward adopts or declines; looked at before and after on a sample';
ALTER TABLE jutong.standard_draft ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME jutong.standard_draft_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE VIEW jutong.standard_now AS
 SELECT t.name AS source_table,
    c.content,
    md5((jsonb_build_object('items', ( SELECT COALESCE(jsonb_agg((((one.i - 'label'::text) - 'grade'::text) - 'share_type'::text) ORDER BY one.n), '[]'::jsonb) AS "coalesce"
           FROM jsonb_array_elements((c.content -> 'items'::text)) WITH ORDINALITY one(i, n)), 'rules', ( SELECT COALESCE(jsonb_agg((one.r - 'sentence'::text) ORDER BY one.n), '[]'::jsonb) AS "coalesce"
           FROM jsonb_array_elements((c.content -> 'rules'::text)) WITH ORDINALITY one(r, n)), 'rest', (((c.content - 'items'::text) - 'rules'::text) - 'label'::text)))::text) AS meaning
   FROM ((jutong.source_table t
     LEFT JOIN jutong.hold_threshold h ON ((h.source_table = t.name)))
     CROSS JOIN LATERAL ( SELECT jsonb_build_object('label', t.label, 'mode', t.mode, 'watermark', t.watermark_item, 'keys', to_jsonb(t.keys), 'items', t.items, 'hold_above', COALESCE(h.hold_above, 0.5), 'rules', COALESCE(( SELECT jsonb_agg(jsonb_build_object('code', r.code, 'kind', r.kind, 'items', r.items, 'arguments', r.arguments, 'severity', r.severity, 'sentence', r.sentence) ORDER BY r.place, r.code) AS jsonb_agg
                   FROM jutong.row_rule r
                  WHERE (r.source_table = t.name)), '[]'::jsonb), 'rule_sets', COALESCE(( SELECT jsonb_agg(jsonb_build_object('name', s.name, 'items', u.items, 'rules', s.rules) ORDER BY s.name) AS jsonb_agg
                   FROM (jutong.rule_set_use u
                     JOIN jutong.rule_set s ON ((s.name = u.rule_set)))
                  WHERE (u.source_table = t.name)), '[]'::jsonb)) AS content) c);
COMMENT ON VIEW jutong.standard_now IS '数据标准 of each table as it stands; meaning leaves out what changes no row: labels, grades, sentences';
CREATE TABLE jutong.standard_standing (
    source_table text NOT NULL,
    meaning text NOT NULL,
    since timestamp with time zone DEFAULT now() NOT NULL
);
COMMENT ON TABLE jutong.standard_standing IS 'by which meaning of its standard a table''s whole standard dataset stands; empty where its rows stand by more than one';
CREATE TABLE jutong.standard_version (
    source_table text NOT NULL,
    version integer NOT NULL,
    content jsonb NOT NULL,
    meaning text NOT NULL,
    made_by bigint,
    made_at timestamp with time zone DEFAULT now() NOT NULL,
    note text DEFAULT ''::text NOT NULL,
    CONSTRAINT standard_version_version_check CHECK ((version > 0))
);
COMMENT ON TABLE jutong.standard_version IS '标准的版本: noted whenever it is changed or, changed by another way, before it is next used; never rewritten';
COMMENT ON COLUMN jutong.standard_version.made_by IS 'who; NULL for a declaration file or the platform itself';
CREATE TABLE jutong.stream_head (
    origin text NOT NULL,
    stream text NOT NULL,
    sequence bigint NOT NULL,
    leaf text NOT NULL,
    seen_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT stream_head_sequence_check CHECK ((sequence >= 0))
);
COMMENT ON TABLE jutong.stream_head IS '流头：the last durable record of each stream not yet wholly merged, kept every 5 s; forgotten once the kept checkpoint covers it';
COMMENT ON COLUMN jutong.stream_head.sequence IS 'sequence of the stream''s last durable record';
COMMENT ON COLUMN jutong.stream_head.leaf IS 'RFC 6962 leaf hash of that record, hex: it must be in the stream or in the log for ever';
CREATE TABLE jutong.task (
    id bigint NOT NULL,
    campaign_code text NOT NULL,
    code text NOT NULL,
    name text NOT NULL,
    duty_code text NOT NULL,
    owner_code text NOT NULL,
    partners text[] DEFAULT '{}'::text[] NOT NULL,
    starts_on date NOT NULL,
    due_on date NOT NULL,
    state text DEFAULT 'todo'::text NOT NULL,
    progress smallint DEFAULT 0 NOT NULL,
    done_on date,
    note text DEFAULT ''::text NOT NULL,
    CONSTRAINT task_check CHECK ((due_on >= starts_on)),
    CONSTRAINT task_check1 CHECK (((state = 'done'::text) = (done_on IS NOT NULL))),
    CONSTRAINT task_progress_check CHECK (((progress >= 0) AND (progress <= 100))),
    CONSTRAINT task_state_check CHECK ((state = ANY (ARRAY['todo'::text, 'doing'::text, 'done'::text, 'stopped'::text])))
);
COMMENT ON TABLE jutong.task IS '任务清单: owner, due date, state. Overdue is a query, not a state';
COMMENT ON COLUMN jutong.task.partners IS 'codes of the departments that work with the owner (配合单位)';
ALTER TABLE jutong.task ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME jutong.task_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE jutong.task_report (
    id bigint NOT NULL,
    task_id bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    state text NOT NULL,
    progress smallint NOT NULL,
    note text DEFAULT ''::text NOT NULL,
    by_user bigint
);
COMMENT ON TABLE jutong.task_report IS 'history of every task''s progress (append only)';
ALTER TABLE jutong.task_report ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME jutong.task_report_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE jutong.time_limit (
    rule text NOT NULL,
    jurisdiction text DEFAULT 'national'::text NOT NULL,
    stage text NOT NULL,
    share_type smallint DEFAULT 0 NOT NULL,
    label text NOT NULL,
    base_wd integer,
    base_years integer,
    max_ext_wd integer DEFAULT 0 NOT NULL,
    ext_approver text,
    pause_on_supplement boolean DEFAULT true NOT NULL,
    article text NOT NULL,
    breach text,
    CONSTRAINT time_limit_base_wd_check CHECK ((base_wd > 0)),
    CONSTRAINT time_limit_base_years_check CHECK ((base_years > 0)),
    CONSTRAINT time_limit_check CHECK (((base_wd IS NULL) <> (base_years IS NULL))),
    CONSTRAINT time_limit_check1 CHECK (((max_ext_wd = 0) = (ext_approver IS NULL))),
    CONSTRAINT time_limit_ext_approver_check CHECK ((ext_approver = 'steward'::text)),
    CONSTRAINT time_limit_max_ext_wd_check CHECK ((max_ext_wd >= 0)),
    CONSTRAINT time_limit_share_type_check CHECK (((share_type >= 0) AND (share_type <= 3)))
);
COMMENT ON TABLE jutong.time_limit IS '时限规则: every limit is a row; a local row may be shorter than the national one, never longer (政务数据共享条例第23条)';
COMMENT ON COLUMN jutong.time_limit.rule IS 'T1 … T8 of domain.md §1.1; L1 … are the city''s own';
COMMENT ON COLUMN jutong.time_limit.stage IS 'what a case starts a clock by: catalogue_update, share_reply …';
COMMENT ON COLUMN jutong.time_limit.share_type IS '0 any, 1 无条件, 2 有条件, 3 不予';
COMMENT ON COLUMN jutong.time_limit.base_wd IS 'working days; base_years where the law counts years (T8)';
COMMENT ON COLUMN jutong.time_limit.max_ext_wd IS 'most working days an extension may add, in all';
COMMENT ON COLUMN jutong.time_limit.pause_on_supplement IS 'whether asking for missing material stops the clock; the law is silent, so it is configuration';
COMMENT ON COLUMN jutong.time_limit.breach IS 'the violation an overdue clock opens a case for, e.g. 第39条(4)';
CREATE TABLE jutong.user_role (
    user_id bigint NOT NULL,
    role text NOT NULL,
    granted_by bigint,
    granted_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT user_role_role_check CHECK ((role = ANY (ARRAY['steward'::text, 'provider_officer'::text, 'provider_head'::text, 'consumer_officer'::text, 'consumer_head'::text, 'auditor'::text, 'security_admin'::text, 'system_admin'::text, 'leader'::text])))
);
COMMENT ON TABLE jutong.user_role IS '角色: what a user acts as, within his own department';
CREATE TABLE jutong.whitelist (
    check_code text NOT NULL,
    value text NOT NULL,
    reason text NOT NULL,
    owner text NOT NULL,
    added_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT whitelist_owner_check CHECK ((btrim(owner) <> ''::text)),
    CONSTRAINT whitelist_reason_check CHECK ((btrim(reason) <> ''::text)),
    CONSTRAINT whitelist_value_check CHECK ((value <> ''::text))
);
COMMENT ON TABLE jutong.whitelist IS '白名单: cleaned values for which one check of an element is waived';
COMMENT ON COLUMN jutong.whitelist.check_code IS 'such as uscc.check_digit';
COMMENT ON COLUMN jutong.whitelist.reason IS 'why the value stands although it fails';
COMMENT ON COLUMN jutong.whitelist.owner IS 'who answers for it';
ALTER TABLE ONLY jutong.app_user
    ADD CONSTRAINT app_user_login_key UNIQUE (login);
ALTER TABLE ONLY jutong.app_user
    ADD CONSTRAINT app_user_pkey PRIMARY KEY (id);
ALTER TABLE ONLY jutong.application_key
    ADD CONSTRAINT application_key_pkey PRIMARY KEY (key_id);
ALTER TABLE ONLY jutong.application
    ADD CONSTRAINT application_pkey PRIMARY KEY (id);
ALTER TABLE ONLY jutong.application
    ADD CONSTRAINT application_token_before_key UNIQUE (token_before);
ALTER TABLE ONLY jutong.application
    ADD CONSTRAINT application_token_hash_key UNIQUE (token_hash);
ALTER TABLE ONLY jutong.archive_part
    ADD CONSTRAINT archive_part_path_key UNIQUE (path);
ALTER TABLE ONLY jutong.archive_part
    ADD CONSTRAINT archive_part_pkey PRIMARY KEY (id);
ALTER TABLE ONLY jutong.arrival
    ADD CONSTRAINT arrival_pkey PRIMARY KEY (id);
ALTER TABLE ONLY jutong.backup_plan
    ADD CONSTRAINT backup_plan_pkey PRIMARY KEY (one);
ALTER TABLE ONLY jutong.backup_run
    ADD CONSTRAINT backup_run_pkey PRIMARY KEY (id);
ALTER TABLE ONLY jutong.batch
    ADD CONSTRAINT batch_pkey PRIMARY KEY (id);
ALTER TABLE ONLY jutong.batch
    ADD CONSTRAINT batch_source_table_run_id_key UNIQUE (source_table, run_id);
ALTER TABLE ONLY jutong.calendar_day
    ADD CONSTRAINT calendar_day_pkey PRIMARY KEY (day);
ALTER TABLE ONLY jutong.campaign
    ADD CONSTRAINT campaign_pkey PRIMARY KEY (code);
ALTER TABLE ONLY jutong.capture
    ADD CONSTRAINT capture_pkey PRIMARY KEY (source_name);
ALTER TABLE ONLY jutong.captured
    ADD CONSTRAINT captured_pkey PRIMARY KEY (source_table);
ALTER TABLE ONLY jutong.case_file
    ADD CONSTRAINT case_file_number_key UNIQUE (number);
ALTER TABLE ONLY jutong.case_file
    ADD CONSTRAINT case_file_pkey PRIMARY KEY (id);
ALTER TABLE ONLY jutong.case_move
    ADD CONSTRAINT case_move_pkey PRIMARY KEY (id);
ALTER TABLE ONLY jutong.case_number
    ADD CONSTRAINT case_number_pkey PRIMARY KEY (prefix, year);
ALTER TABLE ONLY jutong.chunk
    ADD CONSTRAINT chunk_batch_id_no_attempt_key UNIQUE (batch_id, no, attempt);
ALTER TABLE ONLY jutong.chunk
    ADD CONSTRAINT chunk_pkey PRIMARY KEY (commit_id);
ALTER TABLE ONLY jutong.clock_pause
    ADD CONSTRAINT clock_pause_pkey PRIMARY KEY (clock_id, paused_at);
ALTER TABLE ONLY jutong.clock
    ADD CONSTRAINT clock_pkey PRIMARY KEY (id);
ALTER TABLE ONLY jutong.cloud_allocation
    ADD CONSTRAINT cloud_allocation_code_key UNIQUE (code);
ALTER TABLE ONLY jutong.cloud_allocation
    ADD CONSTRAINT cloud_allocation_pkey PRIMARY KEY (id);
ALTER TABLE ONLY jutong.cloud_change
    ADD CONSTRAINT cloud_change_code_key UNIQUE (code);
ALTER TABLE ONLY jutong.cloud_change
    ADD CONSTRAINT cloud_change_pkey PRIMARY KEY (id);
ALTER TABLE ONLY jutong.course
    ADD CONSTRAINT course_batch_id_key UNIQUE (batch_id);
ALTER TABLE ONLY jutong.course
    ADD CONSTRAINT course_pkey PRIMARY KEY (source_table);
ALTER TABLE ONLY jutong.dataset
    ADD CONSTRAINT dataset_pkey PRIMARY KEY (name);
ALTER TABLE ONLY jutong.delivery
    ADD CONSTRAINT delivery_pkey PRIMARY KEY (name);
ALTER TABLE ONLY jutong.delivery_run
    ADD CONSTRAINT delivery_run_pkey PRIMARY KEY (id);
ALTER TABLE ONLY jutong.demand
    ADD CONSTRAINT demand_department_code_name_key UNIQUE (department_code, name);
ALTER TABLE ONLY jutong.demand
    ADD CONSTRAINT demand_pkey PRIMARY KEY (id);
ALTER TABLE ONLY jutong.department
    ADD CONSTRAINT department_name_key UNIQUE (name);
ALTER TABLE ONLY jutong.department
    ADD CONSTRAINT department_pkey PRIMARY KEY (code);
ALTER TABLE ONLY jutong.department
    ADD CONSTRAINT department_uscc_key UNIQUE (uscc);
ALTER TABLE ONLY jutong.disk_use
    ADD CONSTRAINT disk_use_pkey PRIMARY KEY (at);
ALTER TABLE ONLY jutong.duty
    ADD CONSTRAINT duty_kind_no_key UNIQUE (kind, no);
ALTER TABLE ONLY jutong.duty
    ADD CONSTRAINT duty_pkey PRIMARY KEY (code);
ALTER TABLE ONLY jutong.entry_class
    ADD CONSTRAINT entry_class_pkey PRIMARY KEY (code);
ALTER TABLE ONLY jutong.entry
    ADD CONSTRAINT entry_code_key UNIQUE (code);
ALTER TABLE ONLY jutong.entry_number
    ADD CONSTRAINT entry_number_pkey PRIMARY KEY (prefix);
ALTER TABLE ONLY jutong.entry
    ADD CONSTRAINT entry_pkey PRIMARY KEY (id);
ALTER TABLE ONLY jutong.entry_search
    ADD CONSTRAINT entry_search_pkey PRIMARY KEY (entry_id);
ALTER TABLE ONLY jutong.entry_version
    ADD CONSTRAINT entry_version_pkey PRIMARY KEY (entry_id, version);
ALTER TABLE ONLY jutong.exchange
    ADD CONSTRAINT exchange_pkey PRIMARY KEY (origin, log_index);
ALTER TABLE ONLY jutong.exchange_subjects
    ADD CONSTRAINT exchange_subjects_pkey PRIMARY KEY (bucket, period, request_id, attempt);
ALTER TABLE ONLY jutong."extract"
    ADD CONSTRAINT extract_link_hash_key UNIQUE (link_hash);
ALTER TABLE ONLY jutong."extract"
    ADD CONSTRAINT extract_pkey PRIMARY KEY (id);
ALTER TABLE ONLY jutong.form
    ADD CONSTRAINT form_pkey PRIMARY KEY (source_table);
ALTER TABLE ONLY jutong.form_row
    ADD CONSTRAINT form_row_pkey PRIMARY KEY (id);
ALTER TABLE ONLY jutong.front_machine
    ADD CONSTRAINT front_machine_case_id_key UNIQUE (case_id);
ALTER TABLE ONLY jutong.front_machine
    ADD CONSTRAINT front_machine_pkey PRIMARY KEY (id);
ALTER TABLE ONLY jutong.fuse_hold
    ADD CONSTRAINT fuse_hold_pkey PRIMARY KEY (case_id);
ALTER TABLE ONLY jutong.fuse_objection
    ADD CONSTRAINT fuse_objection_pkey PRIMARY KEY (case_id);
ALTER TABLE ONLY jutong.fuse_pair
    ADD CONSTRAINT fuse_pair_pkey PRIMARY KEY (id);
ALTER TABLE ONLY jutong.fuse_pair
    ADD CONSTRAINT fuse_pair_register_dataset_l_key_l_dataset_r_key_r_key UNIQUE (register, dataset_l, key_l, dataset_r, key_r);
ALTER TABLE ONLY jutong.fusion
    ADD CONSTRAINT fusion_pkey PRIMARY KEY (commit_id);
ALTER TABLE ONLY jutong.gather_log
    ADD CONSTRAINT gather_log_pkey PRIMARY KEY (id);
ALTER TABLE ONLY jutong.gather_plan
    ADD CONSTRAINT gather_plan_pkey PRIMARY KEY (name);
ALTER TABLE ONLY jutong.gather_run
    ADD CONSTRAINT gather_run_pkey PRIMARY KEY (id);
ALTER TABLE ONLY jutong.gather_run
    ADD CONSTRAINT gather_run_run_id_key UNIQUE (run_id);
ALTER TABLE ONLY jutong.gathering
    ADD CONSTRAINT gathering_pkey PRIMARY KEY (commit_id);
ALTER TABLE ONLY jutong.grant_change
    ADD CONSTRAINT grant_change_pkey PRIMARY KEY (id);
ALTER TABLE ONLY jutong.hold_threshold
    ADD CONSTRAINT hold_threshold_pkey PRIMARY KEY (source_table);
ALTER TABLE ONLY jutong.housekeeping
    ADD CONSTRAINT housekeeping_pkey PRIMARY KEY (task);
ALTER TABLE ONLY jutong.housekeeping_run
    ADD CONSTRAINT housekeeping_run_pkey PRIMARY KEY (id);
ALTER TABLE ONLY jutong.indicator
    ADD CONSTRAINT indicator_pkey PRIMARY KEY (code);
ALTER TABLE ONLY jutong.indicator_report
    ADD CONSTRAINT indicator_report_indicator_code_period_reported_on_key UNIQUE (indicator_code, period, reported_on);
ALTER TABLE ONLY jutong.indicator_report
    ADD CONSTRAINT indicator_report_pkey PRIMARY KEY (id);
ALTER TABLE ONLY jutong.item
    ADD CONSTRAINT item_entry_id_name_key UNIQUE (entry_id, name);
ALTER TABLE ONLY jutong.item
    ADD CONSTRAINT item_pkey PRIMARY KEY (entry_id, no);
ALTER TABLE ONLY jutong.job_run
    ADD CONSTRAINT job_run_pkey PRIMARY KEY (id);
ALTER TABLE ONLY jutong.lake_commit
    ADD CONSTRAINT lake_commit_pkey PRIMARY KEY (commit_id);
ALTER TABLE ONLY jutong.lake_follower
    ADD CONSTRAINT lake_follower_pkey PRIMARY KEY (name, dataset);
ALTER TABLE ONLY jutong.lake_history
    ADD CONSTRAINT lake_history_pkey PRIMARY KEY (one);
ALTER TABLE ONLY jutong.ledger_head
    ADD CONSTRAINT ledger_head_pkey PRIMARY KEY (origin);
ALTER TABLE ONLY jutong.legal_hold
    ADD CONSTRAINT legal_hold_pkey PRIMARY KEY (id);
ALTER TABLE ONLY jutong.live_interface
    ADD CONSTRAINT live_interface_pkey PRIMARY KEY (name);
ALTER TABLE ONLY jutong.meter_daily
    ADD CONSTRAINT meter_daily_pkey PRIMARY KEY (day, provider, entry, resource, consumer, application, method);
ALTER TABLE ONLY jutong.meter_state
    ADD CONSTRAINT meter_state_pkey PRIMARY KEY (origin);
ALTER TABLE ONLY jutong.meter_void
    ADD CONSTRAINT meter_void_pkey PRIMARY KEY (origin, request_id);
ALTER TABLE ONLY jutong.migration
    ADD CONSTRAINT migration_pkey PRIMARY KEY (number);
ALTER TABLE ONLY jutong.milestone
    ADD CONSTRAINT milestone_pkey PRIMARY KEY (project_code, no);
ALTER TABLE ONLY jutong.model_input
    ADD CONSTRAINT model_input_pkey PRIMARY KEY (model, view);
ALTER TABLE ONLY jutong.model
    ADD CONSTRAINT model_pkey PRIMARY KEY (name);
ALTER TABLE ONLY jutong.model_run
    ADD CONSTRAINT model_run_pkey PRIMARY KEY (id);
ALTER TABLE ONLY jutong.model
    ADD CONSTRAINT model_target_key UNIQUE (target);
ALTER TABLE ONLY jutong.notice
    ADD CONSTRAINT notice_pkey PRIMARY KEY (id);
ALTER TABLE ONLY jutong.portal_look
    ADD CONSTRAINT portal_look_pkey PRIMARY KEY (user_id);
ALTER TABLE ONLY jutong.project
    ADD CONSTRAINT project_pkey PRIMARY KEY (code);
ALTER TABLE ONLY jutong.purge_file
    ADD CONSTRAINT purge_file_pkey PRIMARY KEY (purge_id, kind, name);
ALTER TABLE ONLY jutong.purge_part
    ADD CONSTRAINT purge_part_pkey PRIMARY KEY (purge_id, commit_id, dataset, batch_id);
ALTER TABLE ONLY jutong.purge
    ADD CONSTRAINT purge_pkey PRIMARY KEY (id);
ALTER TABLE ONLY jutong.purge_row
    ADD CONSTRAINT purge_row_pkey PRIMARY KEY (purge_id, "table", batch_id, row_no);
ALTER TABLE ONLY jutong.rebuild
    ADD CONSTRAINT rebuild_pkey PRIMARY KEY (id);
ALTER TABLE ONLY jutong.reconciliation_key
    ADD CONSTRAINT reconciliation_key_pkey PRIMARY KEY (reconciliation_id, no);
ALTER TABLE ONLY jutong.reconciliation
    ADD CONSTRAINT reconciliation_pkey PRIMARY KEY (id);
ALTER TABLE ONLY jutong.refinement
    ADD CONSTRAINT refinement_pkey PRIMARY KEY (batch_id);
ALTER TABLE ONLY jutong.refinement_rule
    ADD CONSTRAINT refinement_rule_pkey PRIMARY KEY (batch_id, rule, item);
ALTER TABLE ONLY jutong.refining
    ADD CONSTRAINT refining_pkey PRIMARY KEY (commit_id);
ALTER TABLE ONLY jutong.register
    ADD CONSTRAINT register_pkey PRIMARY KEY (name);
ALTER TABLE ONLY jutong.register_source
    ADD CONSTRAINT register_source_pkey PRIMARY KEY (register, dataset);
ALTER TABLE ONLY jutong.remembered_reading
    ADD CONSTRAINT remembered_reading_pkey PRIMARY KEY (source_table);
ALTER TABLE ONLY jutong.remote_file
    ADD CONSTRAINT remote_file_pkey PRIMARY KEY (source_name, path);
ALTER TABLE ONLY jutong.remote_look
    ADD CONSTRAINT remote_look_pkey PRIMARY KEY (source_name);
ALTER TABLE ONLY jutong.request
    ADD CONSTRAINT request_case_id_key UNIQUE (case_id);
ALTER TABLE ONLY jutong.request
    ADD CONSTRAINT request_pkey PRIMARY KEY (id);
ALTER TABLE ONLY jutong.rerefinement
    ADD CONSTRAINT rerefinement_commit_id_key UNIQUE (commit_id);
ALTER TABLE ONLY jutong.rerefinement
    ADD CONSTRAINT rerefinement_pkey PRIMARY KEY (id);
ALTER TABLE ONLY jutong.retention_rule
    ADD CONSTRAINT retention_rule_pkey PRIMARY KEY (id);
ALTER TABLE ONLY jutong.row_rule
    ADD CONSTRAINT row_rule_pkey PRIMARY KEY (source_table, code);
ALTER TABLE ONLY jutong.rule_set
    ADD CONSTRAINT rule_set_pkey PRIMARY KEY (name);
ALTER TABLE ONLY jutong.rule_set_use
    ADD CONSTRAINT rule_set_use_pkey PRIMARY KEY (source_table, rule_set);
ALTER TABLE ONLY jutong.security_event
    ADD CONSTRAINT security_event_pkey PRIMARY KEY (id);
ALTER TABLE ONLY jutong.service_move
    ADD CONSTRAINT service_move_pkey PRIMARY KEY (id);
ALTER TABLE ONLY jutong.service
    ADD CONSTRAINT service_pkey PRIMARY KEY (name);
ALTER TABLE ONLY jutong.session
    ADD CONSTRAINT session_pkey PRIMARY KEY (token_hash);
ALTER TABLE ONLY jutong.share_grant
    ADD CONSTRAINT share_grant_pkey PRIMARY KEY (id);
ALTER TABLE ONLY jutong.share_grant
    ADD CONSTRAINT share_grant_request_id_key UNIQUE (request_id);
ALTER TABLE ONLY jutong.sign_in_guard
    ADD CONSTRAINT sign_in_guard_pkey PRIMARY KEY (login);
ALTER TABLE ONLY jutong.source
    ADD CONSTRAINT source_pkey PRIMARY KEY (name);
ALTER TABLE ONLY jutong.source_table
    ADD CONSTRAINT source_table_pkey PRIMARY KEY (name);
ALTER TABLE ONLY jutong.source_token
    ADD CONSTRAINT source_token_pkey PRIMARY KEY (token_hash);
ALTER TABLE ONLY jutong.standard_draft
    ADD CONSTRAINT standard_draft_pkey PRIMARY KEY (id);
ALTER TABLE ONLY jutong.standard_standing
    ADD CONSTRAINT standard_standing_pkey PRIMARY KEY (source_table);
ALTER TABLE ONLY jutong.standard_version
    ADD CONSTRAINT standard_version_pkey PRIMARY KEY (source_table, version);
ALTER TABLE ONLY jutong.stream_head
    ADD CONSTRAINT stream_head_pkey PRIMARY KEY (origin, stream);
ALTER TABLE ONLY jutong.task
    ADD CONSTRAINT task_campaign_code_code_key UNIQUE (campaign_code, code);
ALTER TABLE ONLY jutong.task
    ADD CONSTRAINT task_pkey PRIMARY KEY (id);
ALTER TABLE ONLY jutong.task_report
    ADD CONSTRAINT task_report_pkey PRIMARY KEY (id);
ALTER TABLE ONLY jutong.time_limit
    ADD CONSTRAINT time_limit_pkey PRIMARY KEY (jurisdiction, stage, share_type);
ALTER TABLE ONLY jutong.user_role
    ADD CONSTRAINT user_role_pkey PRIMARY KEY (user_id, role);
ALTER TABLE ONLY jutong.whitelist
    ADD CONSTRAINT whitelist_pkey PRIMARY KEY (check_code, value);
CREATE INDEX app_user_department ON jutong.app_user USING btree (department_code);
CREATE INDEX application_department ON jutong.application USING btree (department_code);
CREATE INDEX application_key_application ON jutong.application_key USING btree (application_id);
CREATE INDEX archive_part_dataset ON jutong.archive_part USING btree (dataset);
CREATE UNIQUE INDEX archive_part_one ON jutong.archive_part USING btree (dataset, batch_id) WHERE (recalled_snapshot IS NULL);
CREATE INDEX arrival_open ON jutong.arrival USING btree (began_at) WHERE (state = ANY (ARRAY['arriving'::text, 'looking'::text, 'whole'::text]));
CREATE INDEX arrival_table ON jutong.arrival USING btree (source_table, began_at DESC);
CREATE INDEX batch_received ON jutong.batch USING btree (received_at DESC, id);
CREATE INDEX batch_state ON jutong.batch USING btree (state) WHERE (state = ANY (ARRAY['received'::text, 'held'::text, 'failed'::text]));
CREATE INDEX case_file_departments ON jutong.case_file USING gin (departments);
CREATE INDEX case_file_desk ON jutong.case_file USING btree (department_code, kind, state) WHERE (closed_at IS NULL);
CREATE INDEX case_file_subject ON jutong.case_file USING gin (subject jsonb_path_ops);
CREATE INDEX case_move_case ON jutong.case_move USING btree (case_id, id);
CREATE INDEX clock_case ON jutong.clock USING btree (case_id);
CREATE UNIQUE INDEX clock_one_running ON jutong.clock USING btree (case_id, stage) WHERE ((met_at IS NULL) AND (stopped_at IS NULL));
CREATE INDEX clock_running ON jutong.clock USING btree (due_at) WHERE ((met_at IS NULL) AND (stopped_at IS NULL));
CREATE INDEX cloud_allocation_department ON jutong.cloud_allocation USING btree (department_code);
CREATE INDEX dataset_zone ON jutong.dataset USING btree (zone);
CREATE INDEX delivery_grant ON jutong.delivery USING btree (grant_id);
CREATE INDEX delivery_run_delivery ON jutong.delivery_run USING btree (delivery_name, started_at);
CREATE INDEX demand_department ON jutong.demand USING btree (department_code, status);
CREATE INDEX demand_entry ON jutong.demand USING btree (entry_id);
CREATE UNIQUE INDEX department_one_steward ON jutong.department USING btree (steward) WHERE steward;
CREATE INDEX entry_dataset ON jutong.entry USING btree (dataset) WHERE (dataset IS NOT NULL);
CREATE INDEX entry_department ON jutong.entry USING btree (department_code, state);
CREATE UNIQUE INDEX entry_name ON jutong.entry USING btree (department_code, name) WHERE (state <> 'withdrawn'::text);
CREATE INDEX entry_search_terms ON jutong.entry_search USING gin (terms);
CREATE INDEX exchange_after ON jutong.exchange USING btree (after) WHERE (after IS NOT NULL);
CREATE INDEX exchange_also ON jutong.exchange USING gin (((detail -> 'also'::text)) jsonb_path_ops) WHERE (detail ? 'also'::text);
CREATE INDEX exchange_application ON jutong.exchange USING btree (application, at);
CREATE INDEX exchange_at ON jutong.exchange USING btree (at);
CREATE INDEX exchange_attempt ON jutong.exchange USING btree (attempt) WHERE (attempt IS NOT NULL);
CREATE INDEX exchange_entry ON jutong.exchange USING btree (entry, at);
CREATE INDEX exchange_request ON jutong.exchange USING btree (request_id) WHERE (request_id <> ''::text);
CREATE INDEX exchange_subject_words ON jutong.exchange USING gin (string_to_array(subjects, ' '::text)) WHERE (subjects <> ''::text);
CREATE INDEX extract_department ON jutong."extract" USING btree (department_code, created_at);
CREATE INDEX extract_grant ON jutong."extract" USING btree (grant_id);
CREATE INDEX extract_waiting ON jutong."extract" USING btree (created_at) WHERE ((state = ANY (ARRAY['queued'::text, 'making'::text])) AND (hours IS NOT NULL));
CREATE INDEX form_row_draft ON jutong.form_row USING btree (source_table) WHERE (arrival_id IS NULL);
CREATE UNIQUE INDEX form_row_given ON jutong.form_row USING btree (source_table, given_key) WHERE (given_key IS NOT NULL);
CREATE INDEX front_machine_department ON jutong.front_machine USING btree (department_code);
CREATE INDEX fuse_hold_register ON jutong.fuse_hold USING btree (register);
CREATE INDEX fuse_objection_register ON jutong.fuse_objection USING btree (register, dataset, item);
CREATE INDEX fuse_pair_case ON jutong.fuse_pair USING btree (case_id);
CREATE INDEX fusion_register ON jutong.fusion USING btree (register, finished_at DESC);
CREATE INDEX gather_log_run ON jutong.gather_log USING btree (run, id);
CREATE INDEX gather_plan_source ON jutong.gather_plan USING btree (source_name);
CREATE UNIQUE INDEX gather_run_open ON jutong.gather_run USING btree (plan) WHERE (state = ANY (ARRAY['waiting'::text, 'running'::text]));
CREATE INDEX gather_run_plan ON jutong.gather_run USING btree (plan, id DESC);
CREATE INDEX grant_change_grant ON jutong.grant_change USING btree (grant_id, id);
CREATE INDEX housekeeping_run_task ON jutong.housekeeping_run USING btree (task, started_at DESC);
CREATE INDEX job_run_open ON jutong.job_run USING btree (asked_at) WHERE (state = ANY (ARRAY['waiting'::text, 'running'::text]));
CREATE INDEX lake_commit_snapshot ON jutong.lake_commit USING btree (snapshot);
CREATE INDEX model_run_model ON jutong.model_run USING btree (model, finished_at DESC);
CREATE INDEX notice_department ON jutong.notice USING btree (to_department, id) WHERE (to_department IS NOT NULL);
CREATE INDEX notice_unsent ON jutong.notice USING btree (id) WHERE (sent_at IS NULL);
CREATE INDEX notice_user ON jutong.notice USING btree (to_user, id) WHERE (to_user IS NOT NULL);
CREATE INDEX purge_file_name ON jutong.purge_file USING btree (name) WHERE (kind = 'delivered'::text);
CREATE INDEX purge_open ON jutong.purge USING btree (id) WHERE (state = ANY (ARRAY['applied'::text, 'confirmed'::text]));
CREATE INDEX purge_part_batch ON jutong.purge_part USING btree (batch_id) WHERE (batch_id <> ''::text);
CREATE UNIQUE INDEX rebuild_open ON jutong.rebuild USING btree (dataset) WHERE (finished_at IS NULL);
CREATE INDEX reconciliation_delivery ON jutong.reconciliation USING btree (delivery_name, id);
CREATE INDEX refinement_dataset ON jutong.refinement USING btree (dataset, finished_at DESC);
CREATE INDEX request_department ON jutong.request USING btree (department_code);
CREATE INDEX request_entry ON jutong.request USING btree (entry_id);
CREATE INDEX rerefinement_table ON jutong.rerefinement USING btree (source_table, began_at DESC);
CREATE UNIQUE INDEX retention_rule_one ON jutong.retention_rule USING btree (COALESCE(zone, dataset, (entry_id)::text)) WHERE (ended_at IS NULL);
CREATE INDEX security_event_at ON jutong.security_event USING btree (at);
CREATE INDEX security_event_user ON jutong.security_event USING btree (user_id, at);
CREATE INDEX service_entry ON jutong.service USING btree (entry_id);
CREATE INDEX service_move_service ON jutong.service_move USING btree (service_name, id);
CREATE UNIQUE INDEX service_version ON jutong.service USING btree (family, version);
CREATE INDEX session_by_user ON jutong.session USING btree (user_id) WHERE (closed_at IS NULL);
CREATE INDEX share_grant_application ON jutong.share_grant USING btree (application_id);
CREATE INDEX share_grant_changed ON jutong.share_grant USING btree (changed_at);
CREATE INDEX share_grant_entry ON jutong.share_grant USING btree (entry_id);
CREATE INDEX source_department ON jutong.source USING btree (department_code);
CREATE INDEX source_table_source ON jutong.source_table USING btree (source_name);
CREATE INDEX source_token_source ON jutong.source_token USING btree (source_name);
CREATE INDEX standard_draft_open ON jutong.standard_draft USING btree (source_table) WHERE (state = 'open'::text);
CREATE INDEX task_owner ON jutong.task USING btree (owner_code);
CREATE INDEX task_report_task ON jutong.task_report USING btree (task_id, id);
CREATE UNIQUE INDEX user_role_one_administrator ON jutong.user_role USING btree (user_id) WHERE (role = ANY (ARRAY['auditor'::text, 'security_admin'::text, 'system_admin'::text]));
COMMENT ON INDEX jutong.user_role_one_administrator IS '三员分立: nobody holds two of the three keys';
CREATE TRIGGER application_announce AFTER INSERT OR DELETE OR UPDATE ON jutong.application FOR EACH ROW EXECUTE FUNCTION jutong.announce_grants('id');
CREATE TRIGGER application_key_announce AFTER INSERT OR DELETE OR UPDATE ON jutong.application_key FOR EACH ROW EXECUTE FUNCTION jutong.announce_grants('application_id');
CREATE TRIGGER application_stamp BEFORE INSERT OR UPDATE ON jutong.application FOR EACH ROW EXECUTE FUNCTION jutong.stamp_changed();
CREATE TRIGGER delivery_stamp BEFORE INSERT OR UPDATE ON jutong.delivery FOR EACH ROW EXECUTE FUNCTION jutong.stamp_changed();
CREATE TRIGGER entry_search_follows AFTER UPDATE ON jutong.entry FOR EACH ROW EXECUTE FUNCTION jutong.entry_search_follows();
CREATE TRIGGER live_interface_announce AFTER INSERT OR DELETE OR UPDATE ON jutong.live_interface FOR EACH ROW EXECUTE FUNCTION jutong.announce_grants('name');
CREATE TRIGGER live_interface_stamp BEFORE INSERT OR UPDATE ON jutong.live_interface FOR EACH ROW EXECUTE FUNCTION jutong.stamp_changed();
CREATE TRIGGER security_event_stays BEFORE DELETE OR UPDATE ON jutong.security_event FOR EACH ROW EXECUTE FUNCTION jutong.security_event_stays();
CREATE TRIGGER service_announce AFTER INSERT OR DELETE OR UPDATE ON jutong.service FOR EACH ROW EXECUTE FUNCTION jutong.announce_grants('name');
CREATE TRIGGER service_stamp BEFORE INSERT OR UPDATE ON jutong.service FOR EACH ROW EXECUTE FUNCTION jutong.stamp_changed();
CREATE TRIGGER share_grant_announce AFTER INSERT OR DELETE OR UPDATE ON jutong.share_grant FOR EACH ROW EXECUTE FUNCTION jutong.announce_grants('id');
CREATE TRIGGER share_grant_stamp BEFORE INSERT OR UPDATE ON jutong.share_grant FOR EACH ROW EXECUTE FUNCTION jutong.stamp_changed();
CREATE TRIGGER time_limit_never_longer BEFORE INSERT OR UPDATE ON jutong.time_limit FOR EACH ROW EXECUTE FUNCTION jutong.time_limit_never_longer();
ALTER TABLE ONLY jutong.app_user
    ADD CONSTRAINT app_user_department_code_fkey FOREIGN KEY (department_code) REFERENCES jutong.department(code);
ALTER TABLE ONLY jutong.application
    ADD CONSTRAINT application_department_code_fkey FOREIGN KEY (department_code) REFERENCES jutong.department(code);
ALTER TABLE ONLY jutong.application_key
    ADD CONSTRAINT application_key_application_id_fkey FOREIGN KEY (application_id) REFERENCES jutong.application(id);
ALTER TABLE ONLY jutong.archive_part
    ADD CONSTRAINT archive_part_dataset_fkey FOREIGN KEY (dataset) REFERENCES jutong.dataset(name);
ALTER TABLE ONLY jutong.archive_part
    ADD CONSTRAINT archive_part_rule_id_fkey FOREIGN KEY (rule_id) REFERENCES jutong.retention_rule(id);
ALTER TABLE ONLY jutong.arrival
    ADD CONSTRAINT arrival_given_by_fkey FOREIGN KEY (given_by) REFERENCES jutong.app_user(id);
ALTER TABLE ONLY jutong.arrival
    ADD CONSTRAINT arrival_source_table_fkey FOREIGN KEY (source_table) REFERENCES jutong.source_table(name);
ALTER TABLE ONLY jutong.batch
    ADD CONSTRAINT batch_source_table_fkey FOREIGN KEY (source_table) REFERENCES jutong.source_table(name);
ALTER TABLE ONLY jutong.calendar_day
    ADD CONSTRAINT calendar_day_set_by_fkey FOREIGN KEY (set_by) REFERENCES jutong.app_user(id);
ALTER TABLE ONLY jutong.campaign
    ADD CONSTRAINT campaign_owner_code_fkey FOREIGN KEY (owner_code) REFERENCES jutong.department(code);
ALTER TABLE ONLY jutong.capture
    ADD CONSTRAINT capture_source_name_fkey FOREIGN KEY (source_name) REFERENCES jutong.source(name);
ALTER TABLE ONLY jutong.captured
    ADD CONSTRAINT captured_source_table_fkey FOREIGN KEY (source_table) REFERENCES jutong.source_table(name);
ALTER TABLE ONLY jutong.case_file
    ADD CONSTRAINT case_file_department_code_fkey FOREIGN KEY (department_code) REFERENCES jutong.department(code);
ALTER TABLE ONLY jutong.case_file
    ADD CONSTRAINT case_file_opened_by_fkey FOREIGN KEY (opened_by) REFERENCES jutong.app_user(id);
ALTER TABLE ONLY jutong.case_move
    ADD CONSTRAINT case_move_by_user_fkey FOREIGN KEY (by_user) REFERENCES jutong.app_user(id);
ALTER TABLE ONLY jutong.case_move
    ADD CONSTRAINT case_move_case_id_fkey FOREIGN KEY (case_id) REFERENCES jutong.case_file(id);
ALTER TABLE ONLY jutong.clock
    ADD CONSTRAINT clock_case_id_fkey FOREIGN KEY (case_id) REFERENCES jutong.case_file(id);
ALTER TABLE ONLY jutong.clock
    ADD CONSTRAINT clock_department_code_fkey FOREIGN KEY (department_code) REFERENCES jutong.department(code);
ALTER TABLE ONLY jutong.clock_pause
    ADD CONSTRAINT clock_pause_clock_id_fkey FOREIGN KEY (clock_id) REFERENCES jutong.clock(id);
ALTER TABLE ONLY jutong.cloud_allocation
    ADD CONSTRAINT cloud_allocation_department_code_fkey FOREIGN KEY (department_code) REFERENCES jutong.department(code);
ALTER TABLE ONLY jutong.course
    ADD CONSTRAINT course_source_table_fkey FOREIGN KEY (source_table) REFERENCES jutong.source_table(name);
ALTER TABLE ONLY jutong.delivery
    ADD CONSTRAINT delivery_department_code_fkey FOREIGN KEY (department_code) REFERENCES jutong.department(code);
ALTER TABLE ONLY jutong.delivery
    ADD CONSTRAINT delivery_grant_id_fkey FOREIGN KEY (grant_id) REFERENCES jutong.share_grant(id);
ALTER TABLE ONLY jutong.delivery
    ADD CONSTRAINT delivery_provider_code_fkey FOREIGN KEY (provider_code) REFERENCES jutong.department(code);
ALTER TABLE ONLY jutong.delivery_run
    ADD CONSTRAINT delivery_run_delivery_name_fkey FOREIGN KEY (delivery_name) REFERENCES jutong.delivery(name);
ALTER TABLE ONLY jutong.demand
    ADD CONSTRAINT demand_department_code_fkey FOREIGN KEY (department_code) REFERENCES jutong.department(code);
ALTER TABLE ONLY jutong.demand
    ADD CONSTRAINT demand_entry_id_fkey FOREIGN KEY (entry_id) REFERENCES jutong.entry(id);
ALTER TABLE ONLY jutong.demand
    ADD CONSTRAINT demand_provider_code_fkey FOREIGN KEY (provider_code) REFERENCES jutong.department(code);
ALTER TABLE ONLY jutong.department
    ADD CONSTRAINT department_parent_code_fkey FOREIGN KEY (parent_code) REFERENCES jutong.department(code);
ALTER TABLE ONLY jutong.entry
    ADD CONSTRAINT entry_approved_by_fkey FOREIGN KEY (approved_by) REFERENCES jutong.app_user(id);
ALTER TABLE ONLY jutong.entry
    ADD CONSTRAINT entry_case_id_fkey FOREIGN KEY (case_id) REFERENCES jutong.case_file(id);
ALTER TABLE ONLY jutong.entry
    ADD CONSTRAINT entry_class_code_fkey FOREIGN KEY (class_code) REFERENCES jutong.entry_class(code);
ALTER TABLE ONLY jutong.entry_class
    ADD CONSTRAINT entry_class_parent_code_fkey FOREIGN KEY (parent_code) REFERENCES jutong.entry_class(code);
ALTER TABLE ONLY jutong.entry
    ADD CONSTRAINT entry_department_code_fkey FOREIGN KEY (department_code) REFERENCES jutong.department(code);
ALTER TABLE ONLY jutong.entry_search
    ADD CONSTRAINT entry_search_entry_id_fkey FOREIGN KEY (entry_id) REFERENCES jutong.entry(id) ON DELETE CASCADE;
ALTER TABLE ONLY jutong.entry_version
    ADD CONSTRAINT entry_version_entry_id_fkey FOREIGN KEY (entry_id) REFERENCES jutong.entry(id) ON DELETE CASCADE;
ALTER TABLE ONLY jutong."extract"
    ADD CONSTRAINT extract_application_id_fkey FOREIGN KEY (application_id) REFERENCES jutong.application(id);
ALTER TABLE ONLY jutong."extract"
    ADD CONSTRAINT extract_asked_by_fkey FOREIGN KEY (asked_by) REFERENCES jutong.app_user(id);
ALTER TABLE ONLY jutong."extract"
    ADD CONSTRAINT extract_department_code_fkey FOREIGN KEY (department_code) REFERENCES jutong.department(code);
ALTER TABLE ONLY jutong."extract"
    ADD CONSTRAINT extract_grant_id_fkey FOREIGN KEY (grant_id) REFERENCES jutong.share_grant(id);
ALTER TABLE ONLY jutong."extract"
    ADD CONSTRAINT extract_provider_code_fkey FOREIGN KEY (provider_code) REFERENCES jutong.department(code);
ALTER TABLE ONLY jutong.form
    ADD CONSTRAINT form_made_by_fkey FOREIGN KEY (made_by) REFERENCES jutong.app_user(id);
ALTER TABLE ONLY jutong.form_row
    ADD CONSTRAINT form_row_arrival_id_fkey FOREIGN KEY (arrival_id) REFERENCES jutong.arrival(id);
ALTER TABLE ONLY jutong.form_row
    ADD CONSTRAINT form_row_source_table_fkey FOREIGN KEY (source_table) REFERENCES jutong.form(source_table);
ALTER TABLE ONLY jutong.form_row
    ADD CONSTRAINT form_row_written_by_fkey FOREIGN KEY (written_by) REFERENCES jutong.app_user(id);
ALTER TABLE ONLY jutong.form
    ADD CONSTRAINT form_source_table_fkey FOREIGN KEY (source_table) REFERENCES jutong.source_table(name);
ALTER TABLE ONLY jutong.front_machine
    ADD CONSTRAINT front_machine_case_id_fkey FOREIGN KEY (case_id) REFERENCES jutong.case_file(id);
ALTER TABLE ONLY jutong.front_machine
    ADD CONSTRAINT front_machine_department_code_fkey FOREIGN KEY (department_code) REFERENCES jutong.department(code);
ALTER TABLE ONLY jutong.fuse_hold
    ADD CONSTRAINT fuse_hold_case_id_fkey FOREIGN KEY (case_id) REFERENCES jutong.case_file(id);
ALTER TABLE ONLY jutong.fuse_hold
    ADD CONSTRAINT fuse_hold_register_fkey FOREIGN KEY (register) REFERENCES jutong.register(name);
ALTER TABLE ONLY jutong.fuse_objection
    ADD CONSTRAINT fuse_objection_case_id_fkey FOREIGN KEY (case_id) REFERENCES jutong.case_file(id);
ALTER TABLE ONLY jutong.fuse_objection
    ADD CONSTRAINT fuse_objection_register_fkey FOREIGN KEY (register) REFERENCES jutong.register(name);
ALTER TABLE ONLY jutong.fuse_pair
    ADD CONSTRAINT fuse_pair_case_id_fkey FOREIGN KEY (case_id) REFERENCES jutong.case_file(id);
ALTER TABLE ONLY jutong.fuse_pair
    ADD CONSTRAINT fuse_pair_register_fkey FOREIGN KEY (register) REFERENCES jutong.register(name);
ALTER TABLE ONLY jutong.fusion
    ADD CONSTRAINT fusion_register_fkey FOREIGN KEY (register) REFERENCES jutong.register(name);
ALTER TABLE ONLY jutong.gather_log
    ADD CONSTRAINT gather_log_run_fkey FOREIGN KEY (run) REFERENCES jutong.gather_run(id);
ALTER TABLE ONLY jutong.gather_plan
    ADD CONSTRAINT gather_plan_source_name_fkey FOREIGN KEY (source_name) REFERENCES jutong.source(name);
ALTER TABLE ONLY jutong.gather_run
    ADD CONSTRAINT gather_run_job_fkey FOREIGN KEY (job) REFERENCES jutong.job_run(id);
ALTER TABLE ONLY jutong.gather_run
    ADD CONSTRAINT gather_run_plan_fkey FOREIGN KEY (plan) REFERENCES jutong.gather_plan(name);
ALTER TABLE ONLY jutong.grant_change
    ADD CONSTRAINT grant_change_by_user_fkey FOREIGN KEY (by_user) REFERENCES jutong.app_user(id);
ALTER TABLE ONLY jutong.grant_change
    ADD CONSTRAINT grant_change_grant_id_fkey FOREIGN KEY (grant_id) REFERENCES jutong.share_grant(id);
ALTER TABLE ONLY jutong.hold_threshold
    ADD CONSTRAINT hold_threshold_source_table_fkey FOREIGN KEY (source_table) REFERENCES jutong.source_table(name);
ALTER TABLE ONLY jutong.housekeeping_run
    ADD CONSTRAINT housekeeping_run_task_fkey FOREIGN KEY (task) REFERENCES jutong.housekeeping(task);
ALTER TABLE ONLY jutong.indicator
    ADD CONSTRAINT indicator_duty_code_fkey FOREIGN KEY (duty_code) REFERENCES jutong.duty(code);
ALTER TABLE ONLY jutong.indicator
    ADD CONSTRAINT indicator_owner_code_fkey FOREIGN KEY (owner_code) REFERENCES jutong.department(code);
ALTER TABLE ONLY jutong.indicator_report
    ADD CONSTRAINT indicator_report_indicator_code_fkey FOREIGN KEY (indicator_code) REFERENCES jutong.indicator(code);
ALTER TABLE ONLY jutong.item
    ADD CONSTRAINT item_entry_id_fkey FOREIGN KEY (entry_id) REFERENCES jutong.entry(id) ON DELETE CASCADE;
ALTER TABLE ONLY jutong.lake_follower
    ADD CONSTRAINT lake_follower_dataset_fkey FOREIGN KEY (dataset) REFERENCES jutong.dataset(name);
ALTER TABLE ONLY jutong.legal_hold
    ADD CONSTRAINT legal_hold_dataset_fkey FOREIGN KEY (dataset) REFERENCES jutong.dataset(name);
ALTER TABLE ONLY jutong.legal_hold
    ADD CONSTRAINT legal_hold_entry_id_fkey FOREIGN KEY (entry_id) REFERENCES jutong.entry(id);
ALTER TABLE ONLY jutong.live_interface
    ADD CONSTRAINT live_interface_department_code_fkey FOREIGN KEY (department_code) REFERENCES jutong.department(code);
ALTER TABLE ONLY jutong.milestone
    ADD CONSTRAINT milestone_project_code_fkey FOREIGN KEY (project_code) REFERENCES jutong.project(code);
ALTER TABLE ONLY jutong.model
    ADD CONSTRAINT model_department_code_fkey FOREIGN KEY (department_code) REFERENCES jutong.department(code);
ALTER TABLE ONLY jutong.model_input
    ADD CONSTRAINT model_input_model_fkey FOREIGN KEY (model) REFERENCES jutong.model(name);
ALTER TABLE ONLY jutong.model_run
    ADD CONSTRAINT model_run_model_fkey FOREIGN KEY (model) REFERENCES jutong.model(name);
ALTER TABLE ONLY jutong.notice
    ADD CONSTRAINT notice_case_id_fkey FOREIGN KEY (case_id) REFERENCES jutong.case_file(id);
ALTER TABLE ONLY jutong.notice
    ADD CONSTRAINT notice_to_department_fkey FOREIGN KEY (to_department) REFERENCES jutong.department(code);
ALTER TABLE ONLY jutong.notice
    ADD CONSTRAINT notice_to_user_fkey FOREIGN KEY (to_user) REFERENCES jutong.app_user(id);
ALTER TABLE ONLY jutong.portal_look
    ADD CONSTRAINT portal_look_user_id_fkey FOREIGN KEY (user_id) REFERENCES jutong.app_user(id);
ALTER TABLE ONLY jutong.project
    ADD CONSTRAINT project_duty_code_fkey FOREIGN KEY (duty_code) REFERENCES jutong.duty(code);
ALTER TABLE ONLY jutong.project
    ADD CONSTRAINT project_owner_code_fkey FOREIGN KEY (owner_code) REFERENCES jutong.department(code);
ALTER TABLE ONLY jutong.purge
    ADD CONSTRAINT purge_dataset_fkey FOREIGN KEY (dataset) REFERENCES jutong.dataset(name);
ALTER TABLE ONLY jutong.purge_file
    ADD CONSTRAINT purge_file_purge_id_fkey FOREIGN KEY (purge_id) REFERENCES jutong.purge(id);
ALTER TABLE ONLY jutong.purge_part
    ADD CONSTRAINT purge_part_purge_id_fkey FOREIGN KEY (purge_id) REFERENCES jutong.purge(id);
ALTER TABLE ONLY jutong.purge_row
    ADD CONSTRAINT purge_row_purge_id_fkey FOREIGN KEY (purge_id) REFERENCES jutong.purge(id);
ALTER TABLE ONLY jutong.rebuild
    ADD CONSTRAINT rebuild_dataset_fkey FOREIGN KEY (dataset) REFERENCES jutong.dataset(name);
ALTER TABLE ONLY jutong.reconciliation
    ADD CONSTRAINT reconciliation_delivery_name_fkey FOREIGN KEY (delivery_name) REFERENCES jutong.delivery(name);
ALTER TABLE ONLY jutong.reconciliation_key
    ADD CONSTRAINT reconciliation_key_reconciliation_id_fkey FOREIGN KEY (reconciliation_id) REFERENCES jutong.reconciliation(id) ON DELETE CASCADE;
ALTER TABLE ONLY jutong.refinement
    ADD CONSTRAINT refinement_batch_id_fkey FOREIGN KEY (batch_id) REFERENCES jutong.batch(id);
ALTER TABLE ONLY jutong.refinement_rule
    ADD CONSTRAINT refinement_rule_batch_id_fkey FOREIGN KEY (batch_id) REFERENCES jutong.refinement(batch_id) ON DELETE CASCADE;
ALTER TABLE ONLY jutong.register_source
    ADD CONSTRAINT register_source_register_fkey FOREIGN KEY (register) REFERENCES jutong.register(name);
ALTER TABLE ONLY jutong.remembered_reading
    ADD CONSTRAINT remembered_reading_source_table_fkey FOREIGN KEY (source_table) REFERENCES jutong.source_table(name);
ALTER TABLE ONLY jutong.remote_file
    ADD CONSTRAINT remote_file_arrival_id_fkey FOREIGN KEY (arrival_id) REFERENCES jutong.arrival(id) ON DELETE SET NULL;
ALTER TABLE ONLY jutong.remote_file
    ADD CONSTRAINT remote_file_source_name_fkey FOREIGN KEY (source_name) REFERENCES jutong.source(name);
ALTER TABLE ONLY jutong.remote_look
    ADD CONSTRAINT remote_look_source_name_fkey FOREIGN KEY (source_name) REFERENCES jutong.source(name);
ALTER TABLE ONLY jutong.request
    ADD CONSTRAINT request_application_id_fkey FOREIGN KEY (application_id) REFERENCES jutong.application(id);
ALTER TABLE ONLY jutong.request
    ADD CONSTRAINT request_case_id_fkey FOREIGN KEY (case_id) REFERENCES jutong.case_file(id);
ALTER TABLE ONLY jutong.request
    ADD CONSTRAINT request_created_by_fkey FOREIGN KEY (created_by) REFERENCES jutong.app_user(id);
ALTER TABLE ONLY jutong.request
    ADD CONSTRAINT request_department_code_fkey FOREIGN KEY (department_code) REFERENCES jutong.department(code);
ALTER TABLE ONLY jutong.request
    ADD CONSTRAINT request_entry_id_fkey FOREIGN KEY (entry_id) REFERENCES jutong.entry(id);
ALTER TABLE ONLY jutong.request
    ADD CONSTRAINT request_provider_code_fkey FOREIGN KEY (provider_code) REFERENCES jutong.department(code);
ALTER TABLE ONLY jutong.rerefinement
    ADD CONSTRAINT rerefinement_source_table_fkey FOREIGN KEY (source_table) REFERENCES jutong.source_table(name);
ALTER TABLE ONLY jutong.retention_rule
    ADD CONSTRAINT retention_rule_dataset_fkey FOREIGN KEY (dataset) REFERENCES jutong.dataset(name);
ALTER TABLE ONLY jutong.retention_rule
    ADD CONSTRAINT retention_rule_entry_id_fkey FOREIGN KEY (entry_id) REFERENCES jutong.entry(id);
ALTER TABLE ONLY jutong.row_rule
    ADD CONSTRAINT row_rule_source_table_fkey FOREIGN KEY (source_table) REFERENCES jutong.source_table(name);
ALTER TABLE ONLY jutong.rule_set
    ADD CONSTRAINT rule_set_changed_by_fkey FOREIGN KEY (changed_by) REFERENCES jutong.app_user(id);
ALTER TABLE ONLY jutong.rule_set_use
    ADD CONSTRAINT rule_set_use_rule_set_fkey FOREIGN KEY (rule_set) REFERENCES jutong.rule_set(name);
ALTER TABLE ONLY jutong.rule_set_use
    ADD CONSTRAINT rule_set_use_source_table_fkey FOREIGN KEY (source_table) REFERENCES jutong.source_table(name);
ALTER TABLE ONLY jutong.security_event
    ADD CONSTRAINT security_event_user_id_fkey FOREIGN KEY (user_id) REFERENCES jutong.app_user(id);
ALTER TABLE ONLY jutong.service
    ADD CONSTRAINT service_department_code_fkey FOREIGN KEY (department_code) REFERENCES jutong.department(code);
ALTER TABLE ONLY jutong.service
    ADD CONSTRAINT service_entry_id_fkey FOREIGN KEY (entry_id) REFERENCES jutong.entry(id);
ALTER TABLE ONLY jutong.service_move
    ADD CONSTRAINT service_move_by_user_fkey FOREIGN KEY (by_user) REFERENCES jutong.app_user(id);
ALTER TABLE ONLY jutong.service_move
    ADD CONSTRAINT service_move_service_name_fkey FOREIGN KEY (service_name) REFERENCES jutong.service(name);
ALTER TABLE ONLY jutong.service
    ADD CONSTRAINT service_successor_fkey FOREIGN KEY (successor) REFERENCES jutong.service(name);
ALTER TABLE ONLY jutong.session
    ADD CONSTRAINT session_user_id_fkey FOREIGN KEY (user_id) REFERENCES jutong.app_user(id);
ALTER TABLE ONLY jutong.share_grant
    ADD CONSTRAINT share_grant_application_id_fkey FOREIGN KEY (application_id) REFERENCES jutong.application(id);
ALTER TABLE ONLY jutong.share_grant
    ADD CONSTRAINT share_grant_department_code_fkey FOREIGN KEY (department_code) REFERENCES jutong.department(code);
ALTER TABLE ONLY jutong.share_grant
    ADD CONSTRAINT share_grant_entry_id_fkey FOREIGN KEY (entry_id) REFERENCES jutong.entry(id);
ALTER TABLE ONLY jutong.share_grant
    ADD CONSTRAINT share_grant_issued_by_fkey FOREIGN KEY (issued_by) REFERENCES jutong.app_user(id);
ALTER TABLE ONLY jutong.share_grant
    ADD CONSTRAINT share_grant_provider_code_fkey FOREIGN KEY (provider_code) REFERENCES jutong.department(code);
ALTER TABLE ONLY jutong.share_grant
    ADD CONSTRAINT share_grant_request_id_fkey FOREIGN KEY (request_id) REFERENCES jutong.request(id);
ALTER TABLE ONLY jutong.source
    ADD CONSTRAINT source_department_code_fkey FOREIGN KEY (department_code) REFERENCES jutong.department(code);
ALTER TABLE ONLY jutong.source_table
    ADD CONSTRAINT source_table_source_name_fkey FOREIGN KEY (source_name) REFERENCES jutong.source(name);
ALTER TABLE ONLY jutong.source_token
    ADD CONSTRAINT source_token_made_by_fkey FOREIGN KEY (made_by) REFERENCES jutong.app_user(id);
ALTER TABLE ONLY jutong.source_token
    ADD CONSTRAINT source_token_source_name_fkey FOREIGN KEY (source_name) REFERENCES jutong.source(name);
ALTER TABLE ONLY jutong.standard_draft
    ADD CONSTRAINT standard_draft_answered_by_fkey FOREIGN KEY (answered_by) REFERENCES jutong.app_user(id);
ALTER TABLE ONLY jutong.standard_draft
    ADD CONSTRAINT standard_draft_made_by_fkey FOREIGN KEY (made_by) REFERENCES jutong.app_user(id);
ALTER TABLE ONLY jutong.standard_draft
    ADD CONSTRAINT standard_draft_source_table_fkey FOREIGN KEY (source_table) REFERENCES jutong.source_table(name);
ALTER TABLE ONLY jutong.standard_standing
    ADD CONSTRAINT standard_standing_source_table_fkey FOREIGN KEY (source_table) REFERENCES jutong.source_table(name);
ALTER TABLE ONLY jutong.standard_version
    ADD CONSTRAINT standard_version_made_by_fkey FOREIGN KEY (made_by) REFERENCES jutong.app_user(id);
ALTER TABLE ONLY jutong.standard_version
    ADD CONSTRAINT standard_version_source_table_fkey FOREIGN KEY (source_table) REFERENCES jutong.source_table(name);
ALTER TABLE ONLY jutong.task
    ADD CONSTRAINT task_campaign_code_fkey FOREIGN KEY (campaign_code) REFERENCES jutong.campaign(code);
ALTER TABLE ONLY jutong.task
    ADD CONSTRAINT task_duty_code_fkey FOREIGN KEY (duty_code) REFERENCES jutong.duty(code);
ALTER TABLE ONLY jutong.task
    ADD CONSTRAINT task_owner_code_fkey FOREIGN KEY (owner_code) REFERENCES jutong.department(code);
ALTER TABLE ONLY jutong.task_report
    ADD CONSTRAINT task_report_by_user_fkey FOREIGN KEY (by_user) REFERENCES jutong.app_user(id);
ALTER TABLE ONLY jutong.task_report
    ADD CONSTRAINT task_report_task_id_fkey FOREIGN KEY (task_id) REFERENCES jutong.task(id);
ALTER TABLE ONLY jutong.user_role
    ADD CONSTRAINT user_role_granted_by_fkey FOREIGN KEY (granted_by) REFERENCES jutong.app_user(id);
ALTER TABLE ONLY jutong.user_role
    ADD CONSTRAINT user_role_user_id_fkey FOREIGN KEY (user_id) REFERENCES jutong.app_user(id);
