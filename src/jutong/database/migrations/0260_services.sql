-- Live interfaces of providers behind the gate (proxy), and services with versions: drafted, reviewed, published, retired.

CREATE TABLE live_interface (
    name       text PRIMARY KEY CHECK (name ~ '^live\.[a-z][a-z0-9_]{0,61}$'),
    label      text NOT NULL,
    department_code text NOT NULL REFERENCES department (code),
    keys       text[] NOT NULL CHECK (cardinality(keys) > 0),
    items      jsonb NOT NULL CHECK (jsonb_typeof(items) = 'array' AND jsonb_array_length(items) > 0),
    config     jsonb NOT NULL CHECK (jsonb_typeof(config) = 'object'),
    secret_ref text,
    created_at timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE live_interface IS '实时接口: a department''s own HTTP interface that the gate asks on a caller''s behalf; its data is never copied';
COMMENT ON COLUMN live_interface.name IS 'stands where a dataset''s name stands: entry.dataset, share_grant.dataset, service.dataset';
COMMENT ON COLUMN live_interface.keys IS 'items a call is asked by';
COMMENT ON COLUMN live_interface.items IS 'rows of Item fields, as dataset.items: what the interface takes and answers, typed by elements';
COMMENT ON COLUMN live_interface.config IS '{url, auth, headers, parameters: item → parameter, constants, records, mapping: item → place in a record, timeout, concurrency, max_age}; never a secret';
COMMENT ON COLUMN live_interface.secret_ref IS 'sealed:… by the KeyProvider with context live_interface:<name>, or env:NAME of the gate''s own environment';
CREATE TRIGGER live_interface_stamp BEFORE INSERT OR UPDATE ON live_interface FOR EACH ROW EXECUTE FUNCTION stamp_changed();
CREATE TRIGGER live_interface_announce AFTER INSERT OR UPDATE OR DELETE ON live_interface FOR EACH ROW EXECUTE FUNCTION announce_grants('name');

ALTER TABLE entry DROP CONSTRAINT entry_dataset_check;
ALTER TABLE entry ADD CONSTRAINT entry_dataset_check CHECK (dataset ~ '^(raw|standard|base|topic|live)\.[a-z][a-z0-9_]{0,61}$');
ALTER TABLE entry ADD CONSTRAINT entry_live_is_api CHECK (dataset IS NULL OR dataset NOT LIKE 'live.%' OR resource_kind = 'api');
COMMENT ON COLUMN entry.dataset IS '挂接: the lake dataset ''zone.table'' behind it, or the live interface ''live.name''';

ALTER TABLE service DROP CONSTRAINT service_kind_check;
ALTER TABLE service ADD CONSTRAINT service_kind_check CHECK (kind IN ('query', 'verify', 'list', 'statistics', 'proxy'));
ALTER TABLE service DROP CONSTRAINT service_state_check;
ALTER TABLE service ADD CONSTRAINT service_state_check CHECK (state IN ('draft', 'review', 'active', 'stopped', 'retired'));
ALTER TABLE service ADD COLUMN family text;
ALTER TABLE service ADD COLUMN version integer NOT NULL DEFAULT 1 CHECK (version >= 1);
ALTER TABLE service ADD COLUMN successor text REFERENCES service (name);
ALTER TABLE service ADD COLUMN deprecated_at timestamptz;
ALTER TABLE service ADD COLUMN sunset_at timestamptz;
ALTER TABLE service ADD CONSTRAINT service_notice_check CHECK (sunset_at IS NULL OR sunset_at >= deprecated_at);
UPDATE service SET family = name;
CREATE UNIQUE INDEX service_version ON service (family, version);
COMMENT ON COLUMN service.kind IS 'query answers rows by key; verify 核验 compares what the caller says and tells only that; list 列表 pages through all granted rows and tells what changed since; statistics 统计 counts by group; proxy 代理 asks the provider''s live interface';
COMMENT ON COLUMN service.state IS 'draft 草稿, review 待审, active 可调用, stopped 已停止, retired 已退役: from sunset_at on, answered 410';
COMMENT ON COLUMN service.family IS 'the name of its first version; versions of one family answer beside one another';
COMMENT ON COLUMN service.successor IS 'the version callers should go over to';
COMMENT ON COLUMN service.deprecated_at IS 'since when callers are told that it will end (RFC 9745)';
COMMENT ON COLUMN service.sunset_at IS 'the instant from which it is answered 410 share.service_retired (RFC 8594)';

CREATE TABLE service_move (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    service_name text NOT NULL REFERENCES service (name),
    at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    from_state   text NOT NULL,
    to_state     text NOT NULL,
    note         text NOT NULL DEFAULT '',
    by_user      bigint REFERENCES app_user (id)
);
COMMENT ON TABLE service_move IS 'history of every service: drafted, submitted, returned, published, notice of its end, stopped (append only)';
CREATE INDEX service_move_service ON service_move (service_name, id);
