-- refine: what became of every batch, which rules tables carry beyond their elements, and what is let off.

CREATE TABLE refinement (
    batch_id    text PRIMARY KEY REFERENCES batch (id),
    dataset     text NOT NULL,
    accepted    bigint NOT NULL CHECK (accepted >= 0),
    rejected    bigint NOT NULL CHECK (rejected >= 0),
    duplicates  bigint NOT NULL CHECK (duplicates >= 0),
    flagged     bigint NOT NULL CHECK (flagged >= 0),
    issues      bigint NOT NULL CHECK (issues >= 0),
    score       numeric(5, 2) CHECK (score BETWEEN 0 AND 100),
    inserted    bigint NOT NULL DEFAULT 0,
    updated     bigint NOT NULL DEFAULT 0,
    deleted     bigint NOT NULL DEFAULT 0,
    held_reason text,
    commit_id   text NOT NULL,
    snapshot    bigint NOT NULL,
    finished_at timestamptz NOT NULL
);
COMMENT ON TABLE refinement IS '清洗结果: how a batch was split; batch.given = accepted + rejected + duplicates (law 1)';
COMMENT ON COLUMN refinement.dataset IS 'standard.<source table>';
COMMENT ON COLUMN refinement.flagged IS 'accepted or duplicate rows with at least one issue beside them';
COMMENT ON COLUMN refinement.issues IS 'rows this batch added to standard.issue';
COMMENT ON COLUMN refinement.score IS '合格率: rows without any issue in a hundred rows given; NULL for an empty batch';
COMMENT ON COLUMN refinement.inserted IS 'what the merge did to the standard dataset; a held batch does nothing';
COMMENT ON COLUMN refinement.held_reason IS 'why the accepted rows were kept back: everything wrong, or nothing in it';
COMMENT ON COLUMN refinement.commit_id IS 'commit_extra_info of the lake commit that holds its rows and issues';
CREATE INDEX refinement_dataset ON refinement (dataset, finished_at DESC);

CREATE TABLE refinement_rule (
    batch_id  text NOT NULL REFERENCES refinement (batch_id) ON DELETE CASCADE,
    rule      text NOT NULL,
    item      text NOT NULL,
    severity  text NOT NULL CHECK (severity IN ('reject', 'flag')),
    dimension text NOT NULL,
    rows      bigint NOT NULL CHECK (rows > 0),
    PRIMARY KEY (batch_id, rule, item)
);
COMMENT ON TABLE refinement_rule IS 'issues of a batch counted by rule and item, so that pages need not read the lake';
COMMENT ON COLUMN refinement_rule.dimension IS 'quality dimension of GB/T 36344: 规范性 完整性 准确性 一致性 时效性 可访问性';

CREATE TABLE row_rule (
    source_table text NOT NULL REFERENCES source_table (name),
    code         text NOT NULL CHECK (code ~ '^[a-z_]+\.[a-z_0-9]+$'),
    place        int NOT NULL,
    kind         text NOT NULL,
    items        text[] NOT NULL CHECK (cardinality(items) > 0),
    arguments    jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(arguments) = 'object'),
    severity     text NOT NULL DEFAULT 'flag' CHECK (severity IN ('reject', 'flag')),
    sentence     text,
    PRIMARY KEY (source_table, code)
);
COMMENT ON TABLE row_rule IS '行规则: questions across the items of one table, asked in the order of place; an item is questioned once per row';
COMMENT ON COLUMN row_rule.kind IS 'not_after · not_before · within · not_future · required_when · any_of · one_of · sql · unique · refers_to · row_count · fresh';
COMMENT ON COLUMN row_rule.items IS 'the items it compares; the first is the one the issue names';
COMMENT ON COLUMN row_rule.sentence IS 'what was expected; NULL for the kind''s own sentence';

CREATE TABLE whitelist (
    check_code text NOT NULL,
    value      text NOT NULL CHECK (value <> ''),
    reason     text NOT NULL CHECK (btrim(reason) <> ''),
    owner      text NOT NULL CHECK (btrim(owner) <> ''),
    added_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (check_code, value)
);
COMMENT ON TABLE whitelist IS '白名单: cleaned values for which one check of an element is waived';
COMMENT ON COLUMN whitelist.check_code IS 'such as uscc.check_digit';
COMMENT ON COLUMN whitelist.reason IS 'why the value stands although it fails';
COMMENT ON COLUMN whitelist.owner IS 'who answers for it';

CREATE TABLE hold_threshold (
    source_table text PRIMARY KEY REFERENCES source_table (name),
    hold_above   numeric(4, 3) NOT NULL CHECK (hold_above BETWEEN 0 AND 1)
);
COMMENT ON TABLE hold_threshold IS 'a batch whose rejected share is larger is held; tables without a row take 0.5';

CREATE TABLE refining (
    commit_id text PRIMARY KEY,
    outcomes  jsonb NOT NULL CHECK (jsonb_typeof(outcomes) = 'array'),
    noted_at  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE refining IS 'outcomes written just before their lake commit; whether it happened is asked of the lake, and then they become refinement rows or are struck out';
