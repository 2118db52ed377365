-- develop: models that make topic datasets, and which dataset feeds which.

CREATE TABLE model (
    name            text PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9_]{0,61}$'),
    label           text NOT NULL CHECK (btrim(label) <> ''),
    question        text NOT NULL DEFAULT '',
    theme           text NOT NULL DEFAULT '',
    sql             text NOT NULL CHECK (btrim(sql) <> ''),
    target          text NOT NULL UNIQUE CHECK (target LIKE 'topic.%'),
    keys            text[] NOT NULL CHECK (cardinality(keys) > 0),
    items           jsonb NOT NULL CHECK (jsonb_typeof(items) = 'array'),
    department_code text REFERENCES department (code),
    state           text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused')),
    created_at      timestamptz NOT NULL DEFAULT now(),
    changed_at      timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE model IS '模型: one SQL query of people''s own that makes one topic dataset; it runs in the guard, never beside the lake';
COMMENT ON COLUMN model.question IS 'the question it answers, for people';
COMMENT ON COLUMN model.theme IS '主题: 智能制造, 智慧城市, 智慧交通, 智慧文旅 …';
COMMENT ON COLUMN model.sql IS 'one SELECT over the names of its inputs';
COMMENT ON COLUMN model.keys IS 'items by which its rows merge; a key that no longer comes out is deleted';

CREATE TABLE model_input (
    model      text NOT NULL REFERENCES model (name),
    view       text NOT NULL CHECK (view ~ '^[a-z][a-z0-9_]{0,61}$'),
    dataset    text NOT NULL,
    items      text[] NOT NULL CHECK (cardinality(items) > 0),
    row_filter jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(row_filter) = 'array'),
    PRIMARY KEY (model, view)
);
COMMENT ON TABLE model_input IS '模型输入: what a model may see, and under which name';
COMMENT ON COLUMN model_input.view IS 'the name the query knows it by';
COMMENT ON COLUMN model_input.items IS 'exactly these items; nothing else reaches the query';
COMMENT ON COLUMN model_input.row_filter IS 'list of {item, op: eq|in|prefix, value} joined by AND';

CREATE TABLE model_run (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model       text NOT NULL REFERENCES model (name),
    started_at  timestamptz NOT NULL,
    finished_at timestamptz NOT NULL,
    rows        bigint,
    inserted    bigint,
    updated     bigint,
    deleted     bigint,
    snapshot    bigint,
    problem     jsonb
);
COMMENT ON TABLE model_run IS '模型运行: every run of a model, failed ones with their sentence';
COMMENT ON COLUMN model_run.snapshot IS 'the lake snapshot it wrote; NULL when nothing had changed or it failed';
COMMENT ON COLUMN model_run.problem IS '{code, sentence}';
CREATE INDEX model_run_model ON model_run (model, finished_at DESC);

CREATE VIEW lineage AS
SELECT 'source:' || source_name AS upstream, 'raw.' || name AS downstream, 'gather' AS by, label FROM source_table
UNION ALL
SELECT 'raw.' || name, 'standard.' || name, 'refine', label FROM source_table
UNION ALL
SELECT s.dataset, 'base.' || s.register, 'fuse', r.label FROM register_source s JOIN register r ON r.name = s.register
UNION ALL
SELECT DISTINCT i.dataset, m.target, 'model', m.label FROM model_input i JOIN model m ON m.name = i.model;
COMMENT ON VIEW lineage IS '血缘: which dataset feeds which, by what; nothing is kept twice, so it cannot be wrong';
