-- 接口服务 from a bounded SELECT over one department's entries: the query belongs to the version of the service.

ALTER TABLE service ADD COLUMN selection jsonb CHECK (jsonb_typeof(selection) = 'object');
COMMENT ON COLUMN service.selection IS '{sql, views: [{view, entry_id, dataset, items}], columns: [{item, sources, copied}], conditions, told, places, keys, written}: a checked SELECT whose result is served instead of the dataset as it is; NULL: the dataset';

CREATE VIEW service_reads AS
SELECT name AS service_name, entry_id FROM service
UNION
SELECT s.name, (v ->> 'entry_id')::bigint
FROM service s CROSS JOIN LATERAL jsonb_array_elements(s.selection -> 'views') AS v;
COMMENT ON VIEW service_reads IS '接口所涉目录: the entries whose items a service tells or works with; a caller needs a live grant of each';
