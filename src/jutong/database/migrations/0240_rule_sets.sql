-- refine: the rule sets a city starts with; a set of the same name that is there already stays.

INSERT INTO rule_set (name, label, about, rules) VALUES
('credit_licence', '双公示行政许可', '2018 版字段之间的规则；2016 版的表按旧名对应，没有的字段不问', '[
    {"code": "credit.decision_in_future", "kind": "not_future", "items": ["xk_jdrq"], "arguments": {}, "severity": "flag", "sentence": null},
    {"code": "credit.validity_reversed", "kind": "not_before", "items": ["xk_yxqzi", "xk_yxqz"], "arguments": {}, "severity": "flag", "sentence": null},
    {"code": "credit.document_repeated", "kind": "unique", "items": ["xk_wsh", "xk_xkjg"], "arguments": {}, "severity": "flag", "sentence": null}
]'),
('credit_penalty', '双公示行政处罚', '2018 版字段之间的规则；2016 版的表按旧名对应，没有的字段不问', '[
    {"code": "credit.fine_missing", "kind": "required_when", "items": ["cf_nr_fk", "cf_cflb"], "arguments": {"contains": "罚款", "positive": true}, "severity": "flag", "sentence": null},
    {"code": "credit.revoked_missing", "kind": "required_when", "items": ["cf_nr_zkdx", "cf_cflb"], "arguments": {"contains": "吊销"}, "severity": "flag", "sentence": null},
    {"code": "credit.decision_in_future", "kind": "not_future", "items": ["cf_jdrq"], "arguments": {}, "severity": "flag", "sentence": null},
    {"code": "credit.publication_period", "kind": "within", "items": ["cf_gsjzq", "cf_jdrq"], "arguments": {"years": 3}, "severity": "flag", "sentence": null},
    {"code": "credit.document_repeated", "kind": "unique", "items": ["cf_wsh", "cf_cfjg"], "arguments": {}, "severity": "flag", "sentence": null}
]')
ON CONFLICT (name) DO NOTHING;
COMMENT ON COLUMN rule_set_use.items IS 'role → item of this table; a role without one is the item of its name, and '''' says the table has nothing for it: rules that name it are not asked';
