"""双公示: the templates declare, the rules speak, and the 2016 columns find their 2018 items."""

from __future__ import annotations

from typing import Any

import pytest
from tests.refine.town import Town

from jutong.refine import (
    RULE_SETS,
    declare_rule_sets,
    declare_rules,
    double_publicity,
    fitted,
    rule_set,
)
from jutong.terms import BadInput

PENALTY: dict[str, Any] = {
    "cf_xdr_mc": "邵阳市宏达商贸有限公司", "cf_xdr_lb": "2", "cf_xdr_shxym": "91430502MA4L000115",
    "cf_wsh": "邵市监罚〔2024〕12号", "cf_wfxw": "违反食品安全法", "cf_sy": "销售过期食品", "cf_yj": "食品安全法第124条",
    "cf_cflb": "罚款", "cf_nr": "罚款5000元", "cf_nr_fk": "0.5", "cf_jdrq": "2024-05-09", "cf_gsjzq": "2025-05-09",
    "cf_cfjg": "邵阳市市场监督管理局", "cf_cfjgdm": "11430500006123458E", "cf_sjly": "邵阳市市场监督管理局",
    "cf_sjlydm": "11430500006123458E",
}  # fmt: skip


@pytest.mark.parametrize("edition", [2016, 2018])
def test_every_item_has_an_element_and_every_rule_its_items(edition: int) -> None:
    for kind in ("licence", "penalty"):
        template = double_publicity(kind, edition)
        names = {item["name"] for item in template.items}
        assert len(names) == len(template.items)
        assert set(template.keys) <= names
        assert all(set(rule.items) <= names for rule in template.rules)


def test_the_columns_of_2016_are_read_into_the_items_of_2018() -> None:
    sources = {item["name"]: item["source"] for item in double_publicity("licence", 2016).items}
    assert (sources["xk_xdr_mc"], sources["xk_yxqzi"], sources["xk_wsh"]) == ("XK_XDR", "XK_JZQ", "XK_WSH")
    required = {item["name"] for item in double_publicity("licence", 2016).items if item["required"]}
    assert "xk_xkjgdm" not in required
    with pytest.raises(BadInput, match="2015"):
        double_publicity("licence", 2015)


def test_a_penalty_table_made_from_the_template_questions_across_its_items(town: Town) -> None:
    template = double_publicity("penalty")
    table = town.table(template.items, keys=template.keys)
    with town.database.connection() as connection:
        declare_rules(connection, {table: template.rules})
    batch = town.land(
        table,
        [
            PENALTY,
            {**PENALTY, "cf_wsh": "邵市监罚〔2024〕13号", "cf_nr_fk": None},
            {**PENALTY, "cf_wsh": "邵市监罚〔2024〕14号", "cf_cflb": "吊销许可证件"},
            {**PENALTY, "cf_wsh": "邵市监罚〔2024〕15号", "cf_gsjzq": "2029-01-01"},
            {**PENALTY, "cf_xdr_mc": "邵阳市兴隆商贸有限公司"},
        ],
    )
    town.refine(batch)
    assert [(row, rule) for row, _, rule, _ in town.issues(batch)] == [
        (1, "credit.document_repeated"), (2, "credit.fine_missing"), (3, "credit.revoked_missing"),
        (4, "credit.publication_period"), (5, "credit.document_repeated"),
    ]  # fmt: skip


def test_the_shipped_rule_sets_are_the_rules_of_the_templates(town: Town) -> None:
    for name, kind in RULE_SETS.items():
        with town.database.connection() as connection:
            assert rule_set(connection, name)["rules"] == double_publicity(kind).rules


def test_a_table_of_2016_is_questioned_by_what_it_has_and_nothing_else(town: Town) -> None:
    """XK_JZQ is 有效期至; 有效期自 was not collected, so the rule that needs it is not asked."""
    names = ["xk_wsh", "xk_xmmc", "xk_xdr", "xk_jdrq", "xk_jzq", "xk_xzjg"]
    dates = {"xk_jdrq", "xk_jzq"}
    items = [
        {"name": name, "label": name, **({"type": "date", "element": "date"} if name in dates else {})}
        for name in names
    ]
    table = town.table(items, keys=("xk_xdr",))
    roles = fitted(double_publicity("licence").rules, names)
    assert roles == {"xk_xkjg": "xk_xzjg", "xk_yxqz": "", "xk_yxqzi": "xk_jzq"}
    with town.database.connection() as connection:
        declare_rule_sets(connection, {table: {"credit_licence": roles}})
    row = {
        "xk_wsh": "1",
        "xk_xmmc": "准予",
        "xk_xdr": "甲",
        "xk_jdrq": "2020-01-01",
        "xk_jzq": "2019-01-01",
        "xk_xzjg": "某局",
    }
    batch = town.land(table, [row, {**row, "xk_xdr": "乙", "xk_jdrq": "2090-01-01"}])
    town.refine(batch)
    assert [(no, item, rule) for no, item, rule, _ in town.issues(batch)] == [
        (1, "xk_wsh", "credit.document_repeated"), (2, "xk_jdrq", "credit.decision_in_future"),
        (2, "xk_wsh", "credit.document_repeated"),
    ]  # fmt: skip
    assert fitted(double_publicity("licence").rules, ["name", "uscc"]) is None
