"""处理与应用开发的声明: which of the sample city's datasets feed the legal-entity register, and its models."""

from __future__ import annotations

from jutong.develop import Input, Model
from jutong.fuse import LEGAL_ENTITY, Register, RegisterSource, with_sources
from jutong.terms import Item


def legal_entity() -> Register:
    """法人基础库 from three sources: the register of 市场监管 is believed first, 税务 next, 人社 last.

    For the number of insured only the social security office knows.
    """
    return with_sources(
        LEGAL_ENTITY,
        RegisterSource(
            "standard.market_entity", "市场主体登记信息",
            {
                "name": "entity_name", "uscc": "uscc", "business_reg_no": "reg_no", "kind": "entity_kind",
                "legal_rep": "legal_rep", "address": "address", "division_code": "division_code", "phone": "phone",
                "capital": "capital", "founded_on": "founded_on", "industry": "industry", "state": "state",
            },
            trust=1, time_item="updated_at",
        ),
        RegisterSource(
            "standard.tax_payer", "税务登记信息",
            {
                "name": "taxpayer_name", "uscc": "uscc", "business_reg_no": "reg_no", "legal_rep": "legal_rep",
                "phone": "phone", "address": "address", "taxpayer_kind": "taxpayer_kind", "tax_state": "tax_state",
            },
            trust=2, time_item="updated_at",
        ),
        RegisterSource(
            "standard.social_employer", "社会保险参保单位信息",
            {
                "name": "unit_name", "uscc": "uscc", "org_code": "org_code", "legal_rep": "legal_rep",
                "phone": "phone", "address": "address", "insured_people": "insured_people",
            },
            trust=3, time_item="updated_at",
        ),
    )  # fmt: skip


def models() -> tuple[Model, ...]:
    """One model of the demo: where companies are, and how many of them are in trouble."""
    return (
        Model(
            name="enterprise_by_county",
            label="各县区市场主体与异常名录",
            question="哪个县区的市场主体最多，经营异常的比例又最高？",
            theme="智慧城市",
            sql=(
                "SELECT e.division_code, coalesce(e.kind, '未登记') AS kind, count(*) AS entities,\n"
                "       count(*) FILTER (WHERE e.state = '存续') AS active,\n"
                "       count(DISTINCT a.uscc) AS abnormal,\n"
                "       CAST(coalesce(sum(e.capital), 0) AS DECIMAL(38, 2)) AS capital\n"
                "FROM entity e LEFT JOIN (SELECT DISTINCT uscc FROM abnormal) a ON a.uscc = e.uscc\n"
                "WHERE e.division_code IS NOT NULL\n"
                "GROUP BY e.division_code, coalesce(e.kind, '未登记')"
            ),
            keys=("division_code", "kind"),
            items=(
                Item("division_code", "行政区划", element="division_code", key=True, required=True),
                Item("kind", "主体类型", key=True, required=True),
                Item("entities", "主体数", "integer"),
                Item("active", "存续数", "integer"),
                Item("abnormal", "列入异常名录的主体数", "integer"),
                Item("capital", "注册资本合计（元）", "decimal(38,2)"),
            ),
            inputs=(
                Input(
                    "entity",
                    "base.legal_entity",
                    ("entity", "uscc", "division_code", "kind", "state", "capital"),
                ),
                Input("abnormal", "standard.credit_abnormal", ("uscc",)),
            ),
            department_code="D01",
        ),
    )
