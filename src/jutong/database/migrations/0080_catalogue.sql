-- catalogue: entries and their items by 发改高技〔2017〕1272号 and 政务数据共享条例第13条, lists, versions, search.

CREATE TABLE entry_class (
    code        text PRIMARY KEY CHECK (code ~ '^[123](\d{2}(\d{3}(\d+)?)?)?$'),
    name        text NOT NULL,
    parent_code text REFERENCES entry_class (code)
);
COMMENT ON TABLE entry_class IS '信息资源分类: 类 1 digit, 项 2, 目 3, 细目 variable; 1 基础 2 主题 3 部门';
INSERT INTO entry_class (code, name, parent_code) VALUES
    ('1', '基础信息资源', NULL), ('2', '主题信息资源', NULL), ('3', '部门信息资源', NULL),
    ('101', '人口', '1'), ('102', '法人单位', '1'), ('103', '自然资源和空间地理', '1'),
    ('104', '社会信用', '1'), ('105', '电子证照', '1'),
    ('201', '公共服务', '2'), ('202', '健康保障', '2'), ('203', '社会保障', '2'), ('204', '食品药品安全', '2'),
    ('205', '安全生产', '2'), ('206', '价格监管', '2'), ('207', '能源安全', '2'), ('208', '信用体系', '2'),
    ('209', '城乡建设', '2'), ('210', '社区治理', '2'), ('211', '生态环保', '2'), ('212', '应急维稳', '2'),
    ('301', '党中央', '3'), ('302', '全国人大常委会', '3'), ('303', '国务院', '3'), ('304', '全国政协', '3'),
    ('305', '最高法', '3'), ('306', '最高检', '3'), ('307', '省（自治区、直辖市）及其下各级', '3'),
    ('308', '计划单列市及其下各级', '3');

CREATE TABLE entry_number (
    prefix text PRIMARY KEY,
    last   int NOT NULL
);
COMMENT ON TABLE entry_number IS '顺序码: the last order given out per 分类码; an order is never used again, not even after deletion';

CREATE TABLE entry (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code             text NOT NULL UNIQUE CHECK (code ~ '^[123]\d{2}(\d{3,})?/\d{6,}$'),
    name             text NOT NULL CHECK (btrim(name) <> '' AND length(name) <= 128),
    summary          text NOT NULL CHECK (btrim(summary) <> '' AND length(summary) <= 1000),
    department_code  text NOT NULL REFERENCES department (code),
    class_code       text NOT NULL REFERENCES entry_class (code),
    theme            text NOT NULL DEFAULT '',
    share_type       smallint NOT NULL CHECK (share_type BETWEEN 1 AND 3),
    share_condition  text NOT NULL DEFAULT '' CHECK (length(share_condition) <= 500),
    share_methods    text[] NOT NULL CHECK (cardinality(share_methods) > 0
                        AND share_methods <@ ARRAY['api', 'table', 'file', 'mail', 'media']),
    use_condition    text NOT NULL CHECK (btrim(use_condition) <> ''),
    grade            smallint NOT NULL CHECK (grade BETWEEN 1 AND 4),
    formats          int[] NOT NULL CHECK (cardinality(formats) > 0 AND formats <@ ARRAY[1, 2, 3, 4, 5, 6, 7]),
    sub_formats      text[] NOT NULL DEFAULT '{}',
    update_cycle     smallint NOT NULL CHECK (update_cycle BETWEEN 1 AND 9),
    open             boolean NOT NULL DEFAULT false,
    open_condition   text NOT NULL DEFAULT '',
    related_codes    text[] NOT NULL DEFAULT '{}',
    source_system    text NOT NULL DEFAULT '',
    state            text NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'dept_review', 'publish_review',
                        'published', 'rejected', 'withdrawn')),
    case_id          bigint REFERENCES case_file (id),
    committed        boolean NOT NULL DEFAULT false,
    resource_kind    text CHECK (resource_kind IN ('table', 'api', 'file')),
    dataset          text CHECK (dataset ~ '^(raw|standard|base|topic)\.[a-z][a-z0-9_]{0,61}$'),
    secrecy_assessed boolean NOT NULL DEFAULT false,
    privacy_assessed boolean NOT NULL DEFAULT false,
    approved_by      bigint REFERENCES app_user (id),
    approved_at      timestamptz,
    published_at     date,
    version          int NOT NULL DEFAULT 0,
    uses             bigint NOT NULL DEFAULT 0,
    created_at       timestamptz NOT NULL DEFAULT now(),
    changed_at       timestamptz NOT NULL DEFAULT now(),
    CHECK ((dataset IS NULL) = (resource_kind IS NULL)),
    CHECK (share_type = 1 OR btrim(share_condition) <> ''),
    CHECK (NOT open OR btrim(open_condition) <> ''),
    CHECK (state <> 'published' OR (published_at IS NOT NULL AND version > 0 AND secrecy_assessed AND privacy_assessed))
);
COMMENT ON TABLE entry IS '目录条目: one catalogued information resource; its fields are stated once, in catalogue/guide.py';
COMMENT ON COLUMN entry.code IS '信息资源代码 = 分类码/顺序码; does not change after publication';
COMMENT ON COLUMN entry.class_code IS '分类码 of the code';
COMMENT ON COLUMN entry.share_condition IS 'type 2: the conditions; type 3: the law that withholds it (第15条)';
COMMENT ON COLUMN entry.use_condition IS '使用条件, NOT NULL by 第13条';
COMMENT ON COLUMN entry.grade IS '数据分级 1–4, NOT NULL by 第13条';
COMMENT ON COLUMN entry.formats IS '1 电子文件 2 电子表格 3 数据库 4 图形图像 5 流媒体 6 自描述格式 7 服务接口';
COMMENT ON COLUMN entry.update_cycle IS '1 实时 2 每日 3 每周 4 每月 5 每季度 6 每年 7 不定时 8 每半年 9 其他';
COMMENT ON COLUMN entry.case_id IS 'the review under way, of a new entry or of a change to a published one';
COMMENT ON COLUMN entry.committed IS 'its department has committed to supply it';
COMMENT ON COLUMN entry.dataset IS '挂接: the lake dataset ''zone.table'' behind it';
COMMENT ON COLUMN entry.secrecy_assessed IS '保密风险评估 done (第13条)';
COMMENT ON COLUMN entry.privacy_assessed IS '个人信息保护影响评估 done (第13条)';
COMMENT ON COLUMN entry.approved_by IS 'the 部门负责人 who approved it (第13条)';
COMMENT ON COLUMN entry.version IS '0: never published; each publication adds one';
COMMENT ON COLUMN entry.uses IS 'exchanges so far, folded in by flows; breaks ties in search';
CREATE UNIQUE INDEX entry_name ON entry (department_code, name) WHERE state <> 'withdrawn';
CREATE INDEX entry_department ON entry (department_code, state);
CREATE INDEX entry_dataset ON entry (dataset) WHERE dataset IS NOT NULL;

CREATE TABLE item (
    entry_id   bigint NOT NULL REFERENCES entry (id) ON DELETE CASCADE,
    no         smallint NOT NULL CHECK (no BETWEEN 0 AND 999),
    name       text NOT NULL CHECK (btrim(name) <> '' AND length(name) <= 62),
    label      text NOT NULL CHECK (btrim(label) <> ''),
    data_type  char(1) NOT NULL CHECK (data_type IN ('C', 'N', 'Y', 'D', 'T', 'L', 'M', 'G', 'B', 'I', 'F')),
    length     int CHECK (length > 0),
    element    text,
    is_key     boolean NOT NULL DEFAULT false,
    share_type smallint NOT NULL CHECK (share_type BETWEEN 1 AND 3),
    grade      smallint NOT NULL CHECK (grade BETWEEN 1 AND 4),
    mask       text,
    PRIMARY KEY (entry_id, no),
    UNIQUE (entry_id, name)
);
COMMENT ON TABLE item IS '信息项: one column of an entry; the effective share type of a delivery is the strictest of its items';
COMMENT ON COLUMN item.no IS 'sequence 000–999';
COMMENT ON COLUMN item.name IS 'the column it is in the dataset; label is what people read';
COMMENT ON COLUMN item.data_type IS 'C 字符 N 数值 Y 货币 D 日期 T 日期时间 L 逻辑 M 备注 G 通用 B 双精度 I 整型 F 浮点';
COMMENT ON COLUMN item.element IS '数据元 that cleans, checks, masks and grades it';
COMMENT ON COLUMN item.mask IS 'mask profile of its element for a delivery; NULL: as it is';

CREATE TABLE entry_search (
    entry_id        bigint PRIMARY KEY REFERENCES entry (id) ON DELETE CASCADE,
    department_code text NOT NULL,
    state           text NOT NULL,
    theme           text NOT NULL,
    share_type      smallint NOT NULL,
    worth           real NOT NULL,
    name            text NOT NULL,
    terms           tsvector NOT NULL,
    ballast         text NOT NULL DEFAULT repeat('.', 2000)
) WITH (toast_tuple_target = 128);
COMMENT ON TABLE entry_search IS 'what search reads, apart from the entry so that a common word scans narrow rows; a copy that can be made again';
COMMENT ON COLUMN entry_search.worth IS 'order among equals: ln(uses + 1) - length(name) / 10';
COMMENT ON COLUMN entry_search.name IS 'the name folded as a typed text is (words.folded)';
COMMENT ON COLUMN entry_search.terms IS 'lexemes with the rank they stand for: 1 name, 2 name and summary, 3 everything; only the index is ever read';
COMMENT ON COLUMN entry_search.ballast IS 'makes every row long enough (2 KB) that PostgreSQL moves it and the terms out of line: 43 000 hits of 100 000 then read 15 MB, not 150';
ALTER TABLE entry_search
    ALTER COLUMN terms SET STORAGE EXTERNAL, ALTER COLUMN ballast SET STORAGE EXTERNAL,
    ALTER COLUMN name SET STORAGE MAIN, ALTER COLUMN theme SET STORAGE MAIN,
    ALTER COLUMN department_code SET STORAGE MAIN, ALTER COLUMN state SET STORAGE MAIN;
CREATE INDEX entry_search_terms ON entry_search USING gin (terms);

CREATE FUNCTION entry_worth(uses bigint, name text) RETURNS real LANGUAGE sql IMMUTABLE
    RETURN (ln(uses + 1) - length(name) / 10.0)::real;
COMMENT ON FUNCTION entry_worth(bigint, text) IS 'what is used much comes first, and of equals the name that says little else';

CREATE FUNCTION entry_search_follows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE entry_search
    SET state = NEW.state, theme = NEW.theme, share_type = NEW.share_type, worth = entry_worth(NEW.uses, NEW.name)
    WHERE entry_id = NEW.id
      AND (state, theme, share_type, worth)
          IS DISTINCT FROM (NEW.state, NEW.theme, NEW.share_type, entry_worth(NEW.uses, NEW.name));
    RETURN NULL;
END $$;
COMMENT ON FUNCTION entry_search_follows() IS 'state and share type are permissions: the copy changes in the same statement, whoever changes the entry';
CREATE TRIGGER entry_search_follows AFTER UPDATE ON entry FOR EACH ROW EXECUTE FUNCTION entry_search_follows();

CREATE TABLE entry_version (
    entry_id     bigint NOT NULL REFERENCES entry (id) ON DELETE CASCADE,
    version      int NOT NULL,
    published_at timestamptz NOT NULL,
    note         text NOT NULL DEFAULT '',
    content      jsonb,
    PRIMARY KEY (entry_id, version)
);
COMMENT ON TABLE entry_version IS 'every published version; content {entry, items} of the versions that were replaced, so the present one is kept once';

CREATE TABLE demand (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    department_code text NOT NULL REFERENCES department (code),
    name            text NOT NULL CHECK (btrim(name) <> ''),
    items           text[] NOT NULL DEFAULT '{}',
    basis           text NOT NULL CHECK (btrim(basis) <> ''),
    provider_code   text REFERENCES department (code),
    expected_on     date,
    status          text NOT NULL DEFAULT 'confirming' CHECK (status IN ('confirming', 'coordinating', 'met', 'unable')),
    entry_id        bigint REFERENCES entry (id),
    created_at      timestamptz NOT NULL DEFAULT now(),
    UNIQUE (department_code, name),
    CHECK (status <> 'met' OR entry_id IS NOT NULL)
);
COMMENT ON TABLE demand IS '需求清单: what a department needs, on what business ground, from whom, by when';
COMMENT ON COLUMN demand.provider_code IS 'the provider it suggests, or the one it was assigned to';
COMMENT ON COLUMN demand.status IS 'confirming 待确认, coordinating 协调中, met 已满足, unable 无法满足';
COMMENT ON COLUMN demand.entry_id IS 'the entry that meets it';
CREATE INDEX demand_department ON demand (department_code, status);
CREATE INDEX demand_entry ON demand (entry_id);
