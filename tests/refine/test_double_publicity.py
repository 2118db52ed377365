"""双公示: the templates declare, the rules speak, and the 2016 columns find their 2018 items."""

from __future__ import annotations

from typing import Any

import pytest
from tests.refine.town import Town

from jutong.refine import declare_rules, double_publicity
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
