-- oversee: what the city promised, what it reports, what it counts.  Percentages are never stored.

CREATE TABLE duty (
    code    text PRIMARY KEY,
    kind    text NOT NULL CHECK (kind IN ('task', 'guarantee')),
    no      smallint NOT NULL CHECK (no > 0),
    name    text NOT NULL,
    name_en text NOT NULL DEFAULT '',
    summary text NOT NULL DEFAULT '',
    UNIQUE (kind, no)
);
COMMENT ON TABLE duty IS 'the frame of the plan (八大任务, 六大保障): tasks, projects and indicators hang on it';
COMMENT ON COLUMN duty.kind IS 'task 任务 or guarantee 保障';

CREATE TABLE indicator (
    code       text PRIMARY KEY,
    label      text NOT NULL,
    label_en   text NOT NULL DEFAULT '',
    unit       text NOT NULL DEFAULT '',
    definition text NOT NULL CHECK (btrim(definition) <> ''),
    owner_code text NOT NULL REFERENCES department (code),
    duty_code  text REFERENCES duty (code),
    sort       integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE indicator IS '指标库: reported indicators. Another definition is another indicator, never another report of the same';
COMMENT ON COLUMN indicator.definition IS '口径: what exactly is counted, from when, by whom';

CREATE TABLE indicator_report (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    indicator_code text NOT NULL REFERENCES indicator (code),
    period         text NOT NULL,
    period_start   date NOT NULL,
    period_end     date NOT NULL CHECK (period_end >= period_start),
    value          numeric NOT NULL,
    lower_bound    boolean NOT NULL DEFAULT false,
    target         numeric CHECK (target > 0),
    target_period  text,
    source         text NOT NULL CHECK (btrim(source) <> ''),
    reported_on    date NOT NULL,
    note           text NOT NULL DEFAULT '',
    UNIQUE (indicator_code, period, reported_on)
);
COMMENT ON TABLE indicator_report IS 'one reported value with its report; append only: a correction is a later report of the same period';
COMMENT ON COLUMN indicator_report.period IS 'as printed: 2022, 2023Q1, 2023-05; its bounds stand beside it';
COMMENT ON COLUMN indicator_report.lower_bound IS 'true for 余: the report says at least this many';
COMMENT ON COLUMN indicator_report.target IS 'the target of target_period; progress is value / target, computed when shown';
COMMENT ON COLUMN indicator_report.source IS 'the document the value was reported in';

CREATE TABLE campaign (
    code       text PRIMARY KEY,
    name       text NOT NULL,
    basis      text NOT NULL DEFAULT '',
    owner_code text NOT NULL REFERENCES department (code),
    starts_on  date NOT NULL,
    ends_on    date NOT NULL CHECK (ends_on >= starts_on)
);
COMMENT ON TABLE campaign IS '攻坚行动: a list of tasks with 责任表 and 路线图';

CREATE TABLE task (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    campaign_code text NOT NULL REFERENCES campaign (code),
    code          text NOT NULL,
    name          text NOT NULL,
    duty_code     text NOT NULL REFERENCES duty (code),
    owner_code    text NOT NULL REFERENCES department (code),
    partners      text[] NOT NULL DEFAULT '{}',
    starts_on     date NOT NULL,
    due_on        date NOT NULL CHECK (due_on >= starts_on),
    state         text NOT NULL DEFAULT 'todo' CHECK (state IN ('todo', 'doing', 'done', 'stopped')),
    progress      smallint NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 100),
    done_on       date,
    note          text NOT NULL DEFAULT '',
    UNIQUE (campaign_code, code),
    CHECK ((state = 'done') = (done_on IS NOT NULL))
);
COMMENT ON TABLE task IS '任务清单: owner, due date, state. Overdue is a query, not a state';
COMMENT ON COLUMN task.partners IS 'codes of the departments that work with the owner (配合单位)';
CREATE INDEX task_owner ON task (owner_code);

CREATE TABLE task_report (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    task_id  bigint NOT NULL REFERENCES task (id),
    at       timestamptz NOT NULL DEFAULT now(),
    state    text NOT NULL,
    progress smallint NOT NULL,
    note     text NOT NULL DEFAULT '',
    by_user  bigint REFERENCES app_user (id)
);
COMMENT ON TABLE task_report IS 'history of every task''s progress (append only)';
CREATE INDEX task_report_task ON task_report (task_id, id);

CREATE TABLE cloud_change (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code       text NOT NULL UNIQUE,
    kind       text NOT NULL CHECK (kind IN ('opening', 'expansion', 'retirement')),
    happened_on date NOT NULL,
    cores      integer NOT NULL DEFAULT 0 CHECK (cores >= 0),
    storage_tb numeric(12, 2) NOT NULL DEFAULT 0 CHECK (storage_tb >= 0),
    source     text NOT NULL DEFAULT '',
    note       text NOT NULL DEFAULT ''
);
COMMENT ON TABLE cloud_change IS '政务云资源账: opening stock, expansions, retirements; every total is a sum over these rows';

CREATE TABLE cloud_allocation (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code            text NOT NULL UNIQUE,
    department_code text NOT NULL REFERENCES department (code),
    purpose         text NOT NULL DEFAULT '',
    cores           integer NOT NULL CHECK (cores >= 0),
    storage_tb      numeric(12, 2) NOT NULL CHECK (storage_tb >= 0),
    state           text NOT NULL DEFAULT 'applied' CHECK (state IN ('applied', 'allocated', 'reclaimed', 'refused')),
    applied_on      date NOT NULL,
    allocated_on    date,
    reclaimed_on    date
);
COMMENT ON TABLE cloud_allocation IS 'who applied for, got and gave back cloud resources';
CREATE INDEX cloud_allocation_department ON cloud_allocation (department_code);

CREATE TABLE project (
    code        text PRIMARY KEY,
    name        text NOT NULL,
    name_en     text NOT NULL DEFAULT '',
    owner_code  text NOT NULL REFERENCES department (code),
    operator    text NOT NULL DEFAULT '',
    duty_code   text REFERENCES duty (code),
    investment  numeric(14, 2),
    summary     text NOT NULL DEFAULT '',
    sort        integer NOT NULL DEFAULT 0
);
COMMENT ON TABLE project IS '重点项目, followed by milestone';
COMMENT ON COLUMN project.investment IS 'in 万元';

CREATE TABLE milestone (
    project_code text NOT NULL REFERENCES project (code),
    no           smallint NOT NULL CHECK (no > 0),
    name         text NOT NULL,
    due_period   text NOT NULL,
    due_on       date NOT NULL,
    state        text NOT NULL DEFAULT 'todo' CHECK (state IN ('todo', 'doing', 'done')),
    done_on      date,
    measure      text NOT NULL DEFAULT '',
    source       text NOT NULL DEFAULT '',
    PRIMARY KEY (project_code, no)
);
COMMENT ON TABLE milestone IS 'one step of a project, in order';
COMMENT ON COLUMN milestone.due_period IS 'as printed: 2023, 2024Q1; due_on is its last day';
COMMENT ON COLUMN milestone.done_on IS 'when known; a report may say done without saying when';
COMMENT ON COLUMN milestone.measure IS 'what done means: 主体工程量 50 %, 标准机架 1500';
