"""What a register is: its items, the standard datasets it is fused from, and whom it believes for what.

A register is data: another one is another declaration, not another module.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from psycopg.types.json import Jsonb

from jutong.database import Connection, named_sql
from jutong.store import DatasetSpec
from jutong.terms import BadInput, DatasetName, Item, NotFound, Zone

_sql = named_sql(__file__)


@dataclass(frozen=True)
class RegisterSource:
    """A standard dataset that feeds a register.

    ``mapping``: register item → item of the dataset.  ``trust``: 1 is believed first; ``item_trust`` says
    otherwise for single items (the social security office knows best how many are insured).  ``time_item``
    tells when a row was last true; without it the time its batch was received does.
    """

    dataset: str
    label: str
    mapping: Mapping[str, str]
    trust: int
    time_item: str | None = None
    item_trust: Mapping[str, int] = field(default_factory=dict)

    def trust_in(self, item: str) -> int:
        return self.item_trust.get(item, self.trust)


@dataclass(frozen=True)
class Register:
    """基础库: golden records in ``base.<name>``, every value of every source in ``base.<name>_value``, and which
    row belongs to which entity in ``base.<name>_member``.  Entity ids begin with ``prefix``."""

    name: str
    label: str
    prefix: str
    items: tuple[Item, ...]
    sources: tuple[RegisterSource, ...] = ()

    def __post_init__(self) -> None:
        known = {item.name for item in self.items}
        for source in self.sources:
            unknown = [name for name in (*source.mapping, *source.item_trust) if name not in known]
            if unknown:
                raise BadInput(
                    "fuse.bad_register",
                    f"基础库 {self.name} 没有信息项 {', '.join(unknown)}（来源 {source.dataset} 的对应关系）",
                )

    @property
    def golden(self) -> DatasetName:
        return DatasetName(Zone.BASE, self.name)

    @property
    def values(self) -> DatasetName:
        return DatasetName(Zone.BASE, f"{self.name}_value")

    @property
    def members(self) -> DatasetName:
        return DatasetName(Zone.BASE, f"{self.name}_member")

    def item_of(self, element: str) -> str | None:
        """The first item of an element; matching asks for items by what they are."""
        return next((item.name for item in self.items if item.element == element), None)

    def specs(self) -> list[DatasetSpec]:
        """The three datasets of the register."""
        entity = Item("entity", "主体标识", key=True, required=True)
        record = (
            Item("dataset", "来源数据集", key=True, required=True),
            Item("source_key", "来源主键", key=True, required=True),
        )
        arrived = (
            Item("batch", "批次"),
            Item("row_no", "行号", "integer"),
            Item("as_of", "数据时间", "timestamp"),
        )
        return [
            DatasetSpec(
                self.golden,
                self.label,
                (
                    entity,
                    *self.items,
                    Item("sources", "来源数", "integer"),
                    Item("records", "来源记录数", "integer"),
                    Item("updated_at", "数据时间", "timestamp"),
                ),
                ("entity",),
            ),
            DatasetSpec(
                self.values,
                f"{self.label}·各源取值",
                (
                    *record,
                    Item("item", "信息项", key=True, required=True),
                    entity,
                    Item("value", "取值", grade=2),
                    *arrived,
                    Item("chosen", "是否采用", "boolean"),
                    Item("reason", "采用或未采用的理由"),
                ),
                ("dataset", "source_key", "item"),
            ),
            DatasetSpec(
                self.members,
                f"{self.label}·来源记录",
                (
                    *record,
                    entity,
                    *arrived,
                    Item("rule", "归并依据"),
                    Item("weight", "相似权重", "decimal(9,4)"),
                    Item("digest", "取值摘要"),
                ),
                ("dataset", "source_key"),
            ),
        ]


#: 法人基础库. Which datasets feed it is the city's declaration (``declare_register``).
LEGAL_ENTITY = Register(
    "legal_entity",
    "法人基础信息",
    "LE",
    (
        Item("name", "名称", element="legal_name", required=True),
        Item("uscc", "统一社会信用代码", element="uscc"),
        Item("org_code", "组织机构代码", element="org_code"),
        Item("business_reg_no", "工商注册号", element="business_reg_no"),
        Item("kind", "主体类型", element="text"),
        Item("legal_rep", "法定代表人（负责人）", element="person_name", grade=2),
        Item("address", "住所", element="text"),
        Item("division_code", "住所行政区划", element="division_code"),
        Item("phone", "联系电话", element="mobile", grade=2),
        Item("capital", "注册资本（元）", "decimal(18,2)", element="amount"),
        Item("founded_on", "成立日期", "date", element="date"),
        Item("industry", "行业门类", element="code"),
        Item("state", "登记状态", element="text"),
        Item("taxpayer_kind", "纳税人类型", element="text"),
        Item("tax_state", "纳税人状态", element="text"),
        Item("insured_people", "参保人数", "integer", element="integer"),
    ),
)


def declare_register(connection: Connection, register: Register) -> None:
    """Save a register with its sources; the declaration replaces the one before."""
    items = Jsonb([item.to_row() for item in register.items])
    connection.execute(
        _sql.save_register,
        {"name": register.name, "label": register.label, "prefix": register.prefix, "items": items},
    )
    names = [source.dataset for source in register.sources]
    connection.execute(_sql.forget_sources, {"register": register.name, "datasets": names})
    with connection.cursor() as cursor:
        cursor.executemany(
            _sql.save_source,
            [
                {
                    **asdict(source),
                    "register": register.name,
                    "mapping": Jsonb(dict(source.mapping)),
                    "item_trust": Jsonb(dict(source.item_trust)),
                }
                for source in register.sources
            ],
        )


def find_register(connection: Connection, name: str) -> Register:
    """Raises NotFound ``fuse.no_register``."""
    found = [register for register in list_registers(connection) if register.name == name]
    if not found:
        raise NotFound("fuse.no_register", f"基础库 {name} 不存在")
    return found[0]


def list_registers(connection: Connection) -> list[Register]:
    sources: dict[str, list[RegisterSource]] = {}
    for row in connection.execute(_sql.list_sources):
        sources.setdefault(row["register"], []).append(_source_from_row(row))
    return [
        replace(_register_from_row(row), sources=tuple(sources.get(row["name"], ())))
        for row in connection.execute(_sql.list_registers)
    ]


def _register_from_row(row: Mapping[str, Any]) -> Register:
    items = tuple(Item.from_row(item) for item in row["items"])
    return Register(row["name"], row["label"], row["prefix"], items)


def _source_from_row(row: Mapping[str, Any]) -> RegisterSource:
    return RegisterSource(**{name: row[name] for name in RegisterSource.__dataclass_fields__})


def with_sources(register: Register, *sources: RegisterSource) -> Register:
    return replace(register, sources=sources)
