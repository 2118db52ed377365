-- Two more kinds of service: list (every granted row, then what changed since) and statistics (counts, never rows).

ALTER TABLE service DROP CONSTRAINT service_kind_check;
ALTER TABLE service ADD CONSTRAINT service_kind_check CHECK (kind IN ('query', 'verify', 'list', 'statistics'));
ALTER TABLE service ADD COLUMN least integer NOT NULL DEFAULT 10 CHECK (least BETWEEN 2 AND 1000);
COMMENT ON TABLE service IS '接口服务：one service of an entry, answered by the gate at /v1/{name}';
COMMENT ON COLUMN service.kind IS 'query answers rows by key; verify 核验 compares what the caller says and tells only that; list 列表 pages through all granted rows and tells what changed since; statistics 统计 counts by group';
COMMENT ON COLUMN service.keys IS 'query and verify: items a call is asked by, all of them; list: items a call may narrow by; statistics: the groups, coarsest first';
COMMENT ON COLUMN service.least IS 'statistics: a count below this is never told, nor anything it could be worked out from';
