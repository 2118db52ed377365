"""What may leave under a grant at this instant: grant ∩ item share type ∩ grade ∩ masking (law 5).

A grant says what was agreed; the catalogue may have become stricter since.  ``bound`` intersects the two each
time something is about to leave, and the strictest wins; it is pure, ``bound_of`` reads its rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from jutong.database import Connection, named_sql
from jutong.share.filters import Condition
from jutong.share.outgoing import Outgoing, OutItem
from jutong.terms import Item, NotFound, Refused, ShareType

_SQL = named_sql(__file__)

#: An item of these grades leaves masked unless its own mask, or ``none``, stands in the catalogue.
GRADE_MASKS = {3: "middle", 4: "full"}
#: ``item.mask`` that says: this item may leave as it is, whatever its grade.
UNMASKED = "none"
#: The profile that leaves nothing readable; stricter than every other.
WHOLE = "full"
#: Elements whose value says whose record a row is (design §11, Who saw).
SUBJECT_ELEMENTS = frozenset({"person_id", "uscc"})
#: Elements that name one subject or few: a count by one of these would be a count of one.
NAMES_SOMEBODY = frozenset(
    {
        "address",
        "bank_card",
        "business_reg_no",
        "document_no",
        "email",
        "latitude",
        "legal_name",
        "licence_id",
        "longitude",
        "mobile",
        "org_code",
        "passport_no",
        "person_id",
        "person_name",
        "phone",
        "plate_no",
        "url",
        "uscc",
    }
)


@dataclass(frozen=True)
class EntryItem:
    """One catalogue item as sharing sees it; ``share_type`` is already the stricter of entry and item."""

    name: str
    label: str
    element: str | None
    is_key: bool
    share_type: int
    grade: int
    mask: str | None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class Ground:
    """A grant of another entry that an answer stands on beside its own."""

    grant: str
    entry: str
    dataset: str


@dataclass(frozen=True)
class Bound:
    """A live grant and exactly what it lets out now."""

    grant_id: str
    application_id: str
    consumer: str
    provider: str
    entry_code: str
    purpose: str
    method: str
    outgoing: Outgoing
    #: What it stands on besides, where a service is a query over several entries.
    also: tuple[Ground, ...] = ()


def mask_for(item: EntryItem) -> str | None:
    """The mask an item leaves with: the one in the catalogue, else its grade's."""
    if item.mask:
        return None if item.mask == UNMASKED else item.mask
    return GRADE_MASKS.get(item.grade)


def stricter(first: str | None, second: str | None) -> str | None:
    """The stricter of two masks; two different partial masks together hide everything."""
    if first is None or second is None or first == second:
        return first or second
    return WHOLE


def bound(
    grant: Mapping[str, Any],
    items: Sequence[EntryItem],
    columns: Sequence[Item],
    keys: Sequence[str],
    now: datetime,
) -> Bound | Refused:
    """Decide one grant: refused with its reason, or what it lets out.

    ``grant`` joins share_grant with the states of its application and entry; ``items`` are the entry's items as
    they are now; ``columns`` and ``keys`` those of the dataset.  Items the catalogue has withdrawn or withheld
    since are left out; masks are the stricter of then and now.
    """
    refused = not_live(grant, now)
    if refused:
        return refused
    offered = {item.name: item for item in items if item.share_type < ShareType.WITHHELD}
    typed = {item.name: item for item in columns}
    leaving = []
    for name in grant["items"]:
        if name in offered and name in typed:
            mask = stricter(grant["masks"].get(name), mask_for(offered[name]))
            leaving.append(OutItem(_described(typed[name], offered[name]), mask))
    filter_items = {condition["item"] for condition in grant["row_filter"]}
    if not leaving or not filter_items <= set(typed):
        return Refused("share.nothing_left", "授权中的信息项已全部撤回、不予共享或不在数据集中")
    return Bound(
        grant_id=grant["id"],
        application_id=grant["application_id"],
        consumer=grant["department_code"],
        provider=grant["provider_code"],
        entry_code=grant["entry_code"],
        purpose=grant["purpose"],
        method=grant["method"],
        outgoing=Outgoing(
            dataset=grant["dataset"],
            keys=tuple(keys),
            items=tuple(leaving),
            row_filter=_conditions(grant["row_filter"]),
            all_items=tuple(columns),
            subjects=tuple(item.name for item in columns if item.element in SUBJECT_ELEMENTS),
        ),
        also=tuple(grant.get("also", ())),
    )


def not_live(grant: Mapping[str, Any], now: datetime) -> Refused | None:
    """Why nothing may leave under this grant now; None when it is live."""
    if grant["state"] == "suspended":
        return Refused(
            "share.grant_suspended", f"授权 {grant['id']} 已暂停：{grant['reason'] or '未说明原因'}"
        )
    if grant["state"] == "terminated":
        return Refused(
            "share.grant_terminated", f"授权 {grant['id']} 已终止：{grant['reason'] or '未说明原因'}"
        )
    if grant["state"] == "expired" or now >= grant["until"]:
        return Refused("share.grant_expired", f"授权 {grant['id']} 已过使用时限")
    if now < grant["valid_from"]:
        return Refused("share.grant_not_yet", f"授权 {grant['id']} 尚未生效")
    if grant["application_state"] != "active":
        return Refused("share.application_suspended", f"应用 {grant['application_id']} 已停用")
    if grant["entry_state"] != "published":
        return Refused("share.entry_withdrawn", f"目录 {grant['entry_code']} 已不在发布状态")
    if grant["share_type"] == ShareType.WITHHELD:
        return Refused("share.withheld", f"目录 {grant['entry_code']} 已改为不予共享")
    return None


def bound_of(connection: Connection, grant_id: str, now: datetime | None = None) -> Bound | Refused:
    """Read a grant with everything it depends on, and decide.  Raises NotFound ``share.grant_unknown``."""
    grant = connection.execute(_SQL.grant_with_states, {"id": grant_id}).fetchone()
    if grant is None:
        raise NotFound("share.grant_unknown", f"没有编号为 {grant_id} 的授权")
    items = entry_items(connection, grant["entry_id"])
    columns, keys = dataset_columns(connection, grant["dataset"])
    return bound(grant, items, columns, keys, now or datetime.now(UTC))


def entry_items(connection: Connection, entry_id: int) -> list[EntryItem]:
    """The items of an entry in order, each with the stricter share type and the higher grade."""
    rows = connection.execute(_SQL.entry_items, {"entry": entry_id}).fetchall()
    return [EntryItem.from_row(row) for row in rows]


def dataset_columns(connection: Connection, dataset: str) -> tuple[list[Item], list[str]]:
    """Items and keys of a lake dataset.  Raises NotFound ``share.dataset_unknown``."""
    row = connection.execute(_SQL.dataset_spec, {"name": dataset}).fetchone()
    if row is None:
        raise NotFound("share.dataset_unknown", f"湖中没有数据集 {dataset}")
    return [Item.from_row(item) for item in row["items"]], list(row["keys"])


def _described(column: Item, offered: EntryItem) -> Item:
    """The dataset's column under the catalogue's name and element."""
    return Item(column.name, offered.label or column.label, column.type, offered.element or column.element)


def _conditions(row_filter: Sequence[Condition]) -> tuple[Condition, ...]:
    return tuple(dict(condition) for condition in row_filter)
