"""处理与应用开发的声明: the sample city's registers (``declared/*.yaml``) and its models."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jutong.develop import Input, Model
from jutong.fuse import Register, read_register
from jutong.terms import Item


@cache
def register(name: str) -> Register:
    """A register of the sample city by its declaration."""
    file = Path(__file__).parent / "declared" / f"{name}.yaml"
    return read_register(file.read_text(encoding="utf-8"))


def registers() -> tuple[Register, ...]:
    """法人, 人口, 电子证照, 公共信用: in the order they lean on one another."""
    return tuple(register(name) for name in ("legal_entity", "person", "licence", "credit"))


def legal_entity() -> Register:
    """法人基础库 from three sources: 市场监管, 税务, 人社."""
    return register("legal_entity")


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
