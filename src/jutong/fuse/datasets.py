"""The datasets a register is kept in, item by item."""

from __future__ import annotations

from jutong.fuse.register import Register
from jutong.store import DatasetSpec
from jutong.terms import Item

_ENTITY = Item("entity", "主体标识", key=True, required=True)
_RECORD = (
    Item("dataset", "来源数据集", key=True, required=True),
    Item("source_key", "来源主键", key=True, required=True),
)
_ARRIVED = (
    Item("batch", "批次"),
    Item("row_no", "行号", "integer"),
    Item("as_of", "数据时间", "timestamp"),
)


def specs(register: Register) -> list[DatasetSpec]:
    """Golden records, values, memberships, residue, history; links where the register declares any."""
    return [
        _golden(register),
        _values(register),
        _members(register),
        DatasetSpec(
            register.residue,
            f"{register.label}·未能归并的行",
            (*_RECORD, *_ARRIVED, Item("reason", "原因")),
            ("dataset", "source_key"),
        ),
        DatasetSpec(
            register.history,
            f"{register.label}·标识沿革",
            (
                Item("happened", "发生于快照", "integer", key=True, required=True),
                _ENTITY,
                Item("event", "事件", key=True, required=True),
                Item("other", "去向标识", key=True, required=True),
                Item("records", "涉及记录数", "integer"),
                Item("at", "时间", "timestamp"),
            ),
            ("happened", "entity", "event", "other"),
        ),
        *([_links(register)] if register.links else []),
    ]


def _golden(register: Register) -> DatasetSpec:
    counted = (
        Item("sources", "来源数", "integer"),
        Item("records", "来源记录数", "integer"),
        Item("updated_at", "数据时间", "timestamp"),
    )
    return DatasetSpec(register.golden, register.label, (_ENTITY, *register.items, *counted), ("entity",))


def _values(register: Register) -> DatasetSpec:
    return DatasetSpec(
        register.values,
        f"{register.label}·各源取值",
        (
            *_RECORD,
            Item("item", "信息项", key=True, required=True),
            Item("entity", "主体标识", required=True),
            Item("value", "取值", grade=2),
            *_ARRIVED,
            Item("chosen", "是否采用", "boolean"),
            Item("reason", "采用或未采用的理由"),
        ),
        ("dataset", "source_key", "item"),
    )


def _members(register: Register) -> DatasetSpec:
    return DatasetSpec(
        register.members,
        f"{register.label}·来源记录",
        (
            *_RECORD,
            Item("entity", "主体标识", required=True),
            *_ARRIVED,
            Item("rule", "归并依据"),
            Item("weight", "相似权重", "decimal(9,4)"),
            Item("digest", "取值摘要"),
        ),
        ("dataset", "source_key"),
    )


def _links(register: Register) -> DatasetSpec:
    return DatasetSpec(
        register.linked,
        f"{register.label}·关联",
        (
            _ENTITY,
            Item("role", "关系", key=True, required=True),
            Item("register", "对方基础库"),
            Item("target", "对方标识"),
            Item("rule", "依据"),
        ),
        ("entity", "role"),
    )
