-- develop: SQL models that make topic datasets, and what feeds what.

CREATE TABLE model (
    name            text PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9_]{0,61}$'),
    label           text NOT NULL,
    question        text NOT NULL DEFAULT '',
    theme           text NOT NULL DEFAULT '',
    sql             text NOT NULL,
    keys            text[] NOT NULL CHECK (cardinality(keys) > 0),
    items           jsonb NOT NULL,
    department_code text REFERENCES department (code),
    state           text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused')),
    changed_at      timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE model IS '模型：one SELECT written by a person that makes the dataset topic.<name>';
COMMENT ON COLUMN model.question IS 'the question the model answers, in a sentence';
COMMENT ON COLUMN model.items IS 'the items of topic.<name>, as rows of terms.Item; the SELECT must give these names';

CREATE TABLE model_input (
    model   text NOT NULL REFERENCES model (name) ON DELETE CASCADE,
    view    text NOT NULL CHECK (view ~ '^[a-z][a-z0-9_]{0,61}$'),
    dataset text NOT NULL REFERENCES dataset (name),
    items   text[] NOT NULL CHECK (cardinality(items) > 0),
    PRIMARY KEY (model, view)
);
COMMENT ON TABLE model_input IS '血缘：what a model may read, under which name; it sees these items and nothing else';

CREATE TABLE model_run (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model       text NOT NULL REFERENCES model (name) ON DELETE CASCADE,
    started_at  timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz NOT NULL,
    read_at     bigint NOT NULL,
    snapshot    bigint NOT NULL,
    rows        bigint NOT NULL,
    changed     bigint NOT NULL
);
COMMENT ON TABLE model_run IS 'one run of a model: the lake snapshot it read, the one it made, and what changed';
CREATE INDEX model_run_newest ON model_run (model, id DESC);
