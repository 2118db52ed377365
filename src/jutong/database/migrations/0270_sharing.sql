-- share: 文件下载. An extract is made once, for one recipient, and leaves by a link that works once.

CREATE SEQUENCE extract_number;

CREATE TABLE extract (
    id              text PRIMARY KEY DEFAULT 'E' || lpad(nextval('extract_number')::text, 6, '0'),
    grant_id        text NOT NULL REFERENCES share_grant (id),
    application_id  text NOT NULL REFERENCES application (id),
    department_code text NOT NULL REFERENCES department (code),
    provider_code   text NOT NULL REFERENCES department (code),
    asked_by        bigint NOT NULL REFERENCES app_user (id),
    form            text NOT NULL CHECK (form IN ('csv', 'excel', 'parquet')),
    sealed          boolean NOT NULL DEFAULT false,
    state           text NOT NULL DEFAULT 'making'
                    CHECK (state IN ('making', 'failed', 'ready', 'leaving', 'taken', 'cut', 'expired', 'withdrawn')),
    shape           text NOT NULL,
    columns         jsonb NOT NULL CHECK (jsonb_typeof(columns) = 'array'),
    marked          text[] NOT NULL CHECK (cardinality(marked) > 0),
    snapshot        bigint,
    rows            bigint,
    content         text,
    subjects        text,
    file_name       text,
    bytes           bigint,
    sha256          text,
    link_hash       text UNIQUE CHECK (link_hash ~ '^[0-9a-f]{64}$'),
    link_until      timestamptz,
    links           integer NOT NULL DEFAULT 0,
    sent            bigint,
    problem         text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    left_at         timestamptz,
    ended_at        timestamptz
);
COMMENT ON TABLE extract IS '文件：one file made under a grant for one recipient, watermarked for them; its bytes leave only after the ledger has said so';
COMMENT ON COLUMN extract.department_code IS 'the consumer; provider_code the department that shares';
COMMENT ON COLUMN extract.asked_by IS 'the recipient: whose file this is, visibly and by its row marks';
COMMENT ON COLUMN extract.sealed IS 'true: an AES-256 zip whose password was shown once and is kept nowhere';
COMMENT ON COLUMN extract.state IS 'making → ready → leaving → taken or cut (broke off: a new link may be asked for); expired, withdrawn, failed: the file is gone';
COMMENT ON COLUMN extract.shape IS 'signature of what left the lake: where it no longer fits the grant, the file does not leave';
COMMENT ON COLUMN extract.columns IS 'list of [name, heading, type] in the file''s order';
COMMENT ON COLUMN extract.marked IS 'the columns whose texts identify a row to the keyed marks';
COMMENT ON COLUMN extract.content IS 'content hash of the rows; sha256 of the file as it leaves';
COMMENT ON COLUMN extract.link_hash IS 'SHA-256 (hex) of the link''s token; kept after use, so that a used link can say what became of it';
COMMENT ON COLUMN extract.sent IS 'bytes handed over; fewer than bytes where the download broke off';
CREATE INDEX extract_grant ON extract (grant_id);
CREATE INDEX extract_department ON extract (department_code, created_at);

-- 对账 on schedule, with a state for every way it can end and the differing keys (domain §6.3).

ALTER TABLE delivery ADD COLUMN reconcile_every interval DEFAULT '1 day' CHECK (reconcile_every >= '1 hour');
COMMENT ON COLUMN delivery.reconcile_every IS 'how often it is reconciled beside after each run; NULL: not on schedule';

ALTER TABLE reconciliation DROP CONSTRAINT reconciliation_result_check;
ALTER TABLE reconciliation ADD CONSTRAINT reconciliation_result_check CHECK (result IN (
    'equal', 'mended', 'different', 'both_empty', 'here_empty', 'there_empty', 'running', 'waiting', 'cancelled',
    'no_table', 'no_source', 'unreachable', 'timeout', 'failed'));
ALTER TABLE reconciliation ALTER COLUMN snapshot DROP NOT NULL;
ALTER TABLE reconciliation ALTER COLUMN rows_here DROP NOT NULL;
ALTER TABLE reconciliation ALTER COLUMN rows_there DROP NOT NULL;
ALTER TABLE reconciliation ALTER COLUMN digest_here DROP NOT NULL;
ALTER TABLE reconciliation ALTER COLUMN digest_there DROP NOT NULL;
ALTER TABLE reconciliation ALTER COLUMN ranges DROP NOT NULL;
ALTER TABLE reconciliation ALTER COLUMN ranges_apart DROP NOT NULL;
ALTER TABLE reconciliation ADD COLUMN cause text NOT NULL DEFAULT 'run' CHECK (cause IN ('run', 'schedule', 'person'));
ALTER TABLE reconciliation ADD COLUMN keys_apart bigint;
ALTER TABLE reconciliation ADD COLUMN problem text;
ALTER TABLE reconciliation ADD COLUMN ended_at timestamptz;
COMMENT ON COLUMN reconciliation.keys_apart IS 'rows that differed, before mending; the first of them are in reconciliation_key';

CREATE TABLE reconciliation_key (
    reconciliation_id bigint NOT NULL REFERENCES reconciliation (id) ON DELETE CASCADE,
    no                integer NOT NULL,
    kind              text NOT NULL CHECK (kind IN ('missing', 'different', 'extra')),
    key               text[] NOT NULL,
    PRIMARY KEY (reconciliation_id, no)
);
COMMENT ON TABLE reconciliation_key IS 'keys that differed at the latest reconciliation that found any: keys only, never a row''s other values';
COMMENT ON COLUMN reconciliation_key.kind IS 'missing there; different there; extra there';
