-- refine: standards have versions, drafts and reusable rules; a change of one is carried through from the raw rows.

CREATE TABLE rule_set (
    name       text PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9_]{0,61}$'),
    label      text NOT NULL CHECK (btrim(label) <> ''),
    about      text NOT NULL DEFAULT '',
    rules      jsonb NOT NULL CHECK (jsonb_typeof(rules) = 'array'),
    changed_by bigint REFERENCES app_user (id),
    changed_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE rule_set IS '规则组: row rules stated once and used by many tables';
COMMENT ON COLUMN rule_set.rules IS 'list of {code, kind, items, arguments, severity, sentence}; an item may be a role, which each table gives an item of its own';

CREATE TABLE rule_set_use (
    source_table text NOT NULL REFERENCES source_table (name),
    rule_set     text NOT NULL REFERENCES rule_set (name),
    items        jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(items) = 'object'),
    PRIMARY KEY (source_table, rule_set)
);
COMMENT ON COLUMN rule_set_use.items IS 'role → item of this table; a role without one is the item of its name';

CREATE VIEW standard_now AS
SELECT t.name AS source_table, c.content,
       md5(jsonb_build_object(
           'items', (SELECT coalesce(jsonb_agg(i - 'label' - 'grade' - 'share_type' ORDER BY n), '[]')
                     FROM jsonb_array_elements(c.content -> 'items') WITH ORDINALITY AS one (i, n)),
           'rules', (SELECT coalesce(jsonb_agg(r - 'sentence' ORDER BY n), '[]')
                     FROM jsonb_array_elements(c.content -> 'rules') WITH ORDINALITY AS one (r, n)),
           'rest', c.content - 'items' - 'rules' - 'label')::text) AS meaning
FROM source_table t
LEFT JOIN hold_threshold h ON h.source_table = t.name
CROSS JOIN LATERAL (
    SELECT jsonb_build_object(
        'label', t.label, 'mode', t.mode, 'watermark', t.watermark_item, 'keys', to_jsonb(t.keys), 'items', t.items,
        'hold_above', coalesce(h.hold_above, 0.5),
        'rules', coalesce((
            SELECT jsonb_agg(jsonb_build_object('code', r.code, 'kind', r.kind, 'items', r.items,
                'arguments', r.arguments, 'severity', r.severity, 'sentence', r.sentence) ORDER BY r.place, r.code)
            FROM row_rule r WHERE r.source_table = t.name), '[]'),
        'rule_sets', coalesce((
            SELECT jsonb_agg(jsonb_build_object('name', s.name, 'items', u.items, 'rules', s.rules) ORDER BY s.name)
            FROM rule_set_use u JOIN rule_set s ON s.name = u.rule_set WHERE u.source_table = t.name), '[]')) AS content
) c;
COMMENT ON VIEW standard_now IS '数据标准 of each table as it stands; meaning leaves out what changes no row: labels, grades, sentences';

CREATE TABLE standard_version (
    source_table text NOT NULL REFERENCES source_table (name),
    version      int NOT NULL CHECK (version > 0),
    content      jsonb NOT NULL,
    meaning      text NOT NULL,
    made_by      bigint REFERENCES app_user (id),
    made_at      timestamptz NOT NULL DEFAULT now(),
    note         text NOT NULL DEFAULT '',
    PRIMARY KEY (source_table, version)
);
COMMENT ON TABLE standard_version IS '标准的版本: noted whenever it is changed or, changed by another way, before it is next used; never rewritten';
COMMENT ON COLUMN standard_version.made_by IS 'who; NULL for a declaration file or the platform itself';

CREATE TABLE standard_draft (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source_table text NOT NULL REFERENCES source_table (name),
    base_version int NOT NULL,
    content      jsonb NOT NULL,
    note         text NOT NULL DEFAULT '',
    state        text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'adopted', 'declined', 'withdrawn')),
    made_by      bigint NOT NULL REFERENCES app_user (id),
    made_at      timestamptz NOT NULL DEFAULT now(),
    answered_by  bigint REFERENCES app_user (id),
    answered_at  timestamptz,
    answer       text NOT NULL DEFAULT '',
    CHECK ((state = 'open') = (answered_at IS NULL))
);
COMMENT ON TABLE standard_draft IS '标准的修改稿: a provider proposes, the steward adopts or declines; looked at before and after on a sample';
CREATE INDEX standard_draft_open ON standard_draft (source_table) WHERE state = 'open';

CREATE TABLE standard_standing (
    source_table text PRIMARY KEY REFERENCES source_table (name),
    meaning      text NOT NULL,
    since        timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE standard_standing IS 'by which meaning of its standard a table''s whole standard dataset stands; empty where its rows stand by more than one';

CREATE TABLE rerefinement (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source_table text NOT NULL REFERENCES source_table (name),
    version      int NOT NULL,
    commit_id    text NOT NULL UNIQUE,
    state        text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'held', 'failed')),
    began_at     timestamptz NOT NULL DEFAULT now(),
    finished_at  timestamptz,
    batches      int NOT NULL DEFAULT 0,
    judged       bigint NOT NULL DEFAULT 0,
    inserted     bigint NOT NULL DEFAULT 0,
    updated      bigint NOT NULL DEFAULT 0,
    deleted      bigint NOT NULL DEFAULT 0,
    found        bigint NOT NULL DEFAULT 0,
    withdrawn    bigint NOT NULL DEFAULT 0,
    note         text NOT NULL DEFAULT '',
    snapshot     bigint
);
COMMENT ON TABLE rerefinement IS '重新清洗: one carrying-through of a changed standard, from the raw rows, in one lake commit';
COMMENT ON COLUMN rerefinement.batches IS 'judged again: from the newest back to the full batch that leaves no key open';
COMMENT ON COLUMN rerefinement.found IS 'issues that came; withdrawn: issues that no longer stand and were taken back';
COMMENT ON COLUMN rerefinement.note IS 'why it was held or failed';
CREATE INDEX rerefinement_table ON rerefinement (source_table, began_at DESC);

ALTER TABLE refinement ADD COLUMN standard int;
COMMENT ON COLUMN refinement.standard IS 'the version of the standard by which the batch was judged last; NULL before versions were kept';

INSERT INTO standard_version (source_table, version, content, meaning, note)
SELECT source_table, 1, content, meaning, '' FROM standard_now;
INSERT INTO standard_standing (source_table, meaning)
SELECT n.source_table, n.meaning FROM standard_now n
WHERE EXISTS (SELECT 1 FROM batch b WHERE b.source_table = n.source_table AND b.state IN ('refined', 'held'));
