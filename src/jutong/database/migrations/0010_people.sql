-- people: who the city is made of, who may sign in, and what the security log keeps.

CREATE TABLE department (
    code          text PRIMARY KEY CHECK (code ~ '^[A-Z][A-Z0-9]{0,15}$'),
    name          text NOT NULL UNIQUE CHECK (btrim(name) <> ''),
    short_name    text NOT NULL CHECK (btrim(short_name) <> ''),
    kind          text NOT NULL CHECK (kind IN ('department', 'county')),
    uscc          text UNIQUE,
    division_code text NOT NULL DEFAULT '430500',
    parent_code   text REFERENCES department (code),
    steward       boolean NOT NULL DEFAULT false,
    sort          int NOT NULL DEFAULT 0
);
COMMENT ON TABLE department IS '部门与县市区: every body that provides or uses data; users and entries belong to one';
COMMENT ON COLUMN department.uscc IS '统一社会信用代码 of the body, element 5 of 发改高技〔2017〕1272号';
COMMENT ON COLUMN department.division_code IS 'GB/T 2260 code of the area it serves; the development zone carries an internal one';
COMMENT ON COLUMN department.steward IS 'the 同级主管部门 of 政务数据共享条例; exactly one in a city';
CREATE UNIQUE INDEX department_one_steward ON department (steward) WHERE steward;

CREATE TABLE app_user (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    login           text NOT NULL UNIQUE CHECK (login ~ '^[a-z0-9][a-z0-9._-]{1,62}$'),
    name            text NOT NULL CHECK (btrim(name) <> ''),
    department_code text NOT NULL REFERENCES department (code),
    password_hash   text NOT NULL,
    password_at     timestamptz NOT NULL DEFAULT now(),
    must_change     boolean NOT NULL DEFAULT false,
    state           text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'disabled')),
    factor_secret   text,
    factor_at       timestamptz,
    factor_step     bigint,
    created_at      timestamptz NOT NULL DEFAULT now(),
    signed_in_at    timestamptz
);
COMMENT ON TABLE app_user IS '用户账号';
COMMENT ON COLUMN app_user.password_hash IS 'argon2id in PHC text form';
COMMENT ON COLUMN app_user.password_at IS 'when the password was set; it ends after 90 days (等保三级)';
COMMENT ON COLUMN app_user.must_change IS 'the password was set by somebody else; the owner sets a new one before anything';
COMMENT ON COLUMN app_user.factor_secret IS 'TOTP secret (RFC 6238), sealed by the KeyProvider; a secret without factor_at is an enrolment under way';
COMMENT ON COLUMN app_user.factor_step IS 'the last 30-second step a code was taken for; a code is good once';
CREATE INDEX app_user_department ON app_user (department_code);

CREATE TABLE user_role (
    user_id    bigint NOT NULL REFERENCES app_user (id),
    role       text NOT NULL CHECK (role IN ('steward', 'provider_officer', 'provider_head', 'consumer_officer',
                   'consumer_head', 'auditor', 'security_admin', 'system_admin', 'leader')),
    granted_by bigint REFERENCES app_user (id),
    granted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, role)
);
COMMENT ON TABLE user_role IS '角色: what a user acts as, within his own department';
CREATE UNIQUE INDEX user_role_one_administrator ON user_role (user_id)
    WHERE role IN ('auditor', 'security_admin', 'system_admin');
COMMENT ON INDEX user_role_one_administrator IS '三员分立: nobody holds two of the three keys';

CREATE TABLE sign_in_guard (
    login        text PRIMARY KEY,
    failures     int NOT NULL DEFAULT 0,
    failed_at    timestamptz,
    locked_until timestamptz
);
COMMENT ON TABLE sign_in_guard IS 'failed sign-ins by the name that was typed, whether an account has it or not, so a lock tells nobody which names exist';

CREATE TABLE session (
    token_hash bytea PRIMARY KEY CHECK (octet_length(token_hash) = 32),
    user_id    bigint NOT NULL REFERENCES app_user (id),
    stage      text NOT NULL CHECK (stage IN ('open', 'password', 'enrol')),
    address    text NOT NULL DEFAULT '',
    agent      text NOT NULL DEFAULT '',
    opened_at  timestamptz NOT NULL DEFAULT now(),
    seen_at    timestamptz NOT NULL DEFAULT now(),
    closed_at  timestamptz
);
COMMENT ON TABLE session IS 'server-side sessions: what the browser holds is a random token, what we hold is its SHA-256';
COMMENT ON COLUMN session.stage IS 'open; or password / enrol: nothing but setting a new password / the second factor is possible';
CREATE INDEX session_by_user ON session (user_id) WHERE closed_at IS NULL;

CREATE TABLE security_event (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at              timestamptz NOT NULL DEFAULT now(),
    event           text NOT NULL CHECK (event ~ '^[a-z]+:[a-z_]+:[a-z_]+$'),
    user_id         bigint REFERENCES app_user (id),
    login           text NOT NULL DEFAULT '',
    department_code text,
    address         text NOT NULL DEFAULT '',
    detail          jsonb NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE security_event IS '安全日志: source:subject:action, append only, kept at least six months (网络安全法第21条)';
COMMENT ON COLUMN security_event.address IS 'network address the request came from';
CREATE INDEX security_event_at ON security_event (at);
CREATE INDEX security_event_user ON security_event (user_id, at);

CREATE FUNCTION security_event_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND OLD.at < now() - interval '6 months' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the security log is append only and kept for six months';
END $$;
COMMENT ON FUNCTION security_event_stays() IS 'no row of the security log is changed, and none younger than six months removed';
CREATE TRIGGER security_event_stays BEFORE UPDATE OR DELETE ON security_event
    FOR EACH ROW EXECUTE FUNCTION security_event_stays();
