"""Drift 结构变更: the source's columns against those agreed on (UC-GATHER-03).

1. The first taking agrees on what it finds.
2. A new column is taken and told.
3. A lost, renamed or retyped one holds the batch; the provider gets a case with old and new side by side.
4. Once that case is accepted the new columns are what is agreed on; the items follow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from psycopg.types.json import Jsonb

from jutong.casework import open_case
from jutong.database import Connection, named_sql
from jutong.gather.declaring import SourceTable
from jutong.outside import Notice
from jutong.terms import Address, BadInput, Item

_sql = named_sql(__file__, "drift.sql")

CASE = "gather_drift"
Columns = tuple[tuple[str, str], ...]
"""(name, item type) of each column, in the source's order"""


@dataclass(frozen=True)
class Drift:
    new: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    #: old name → new name: one went, one of the same type came in its place
    renamed: tuple[tuple[str, str], ...] = ()
    #: (name, old type, new type)
    retyped: tuple[tuple[str, str, str], ...] = ()

    @property
    def holds(self) -> bool:
        return bool(self.lost or self.renamed or self.retyped)

    @property
    def sentence(self) -> str:
        said = []
        if self.lost:
            said.append(f"少了{'、'.join(f'「{name}」' for name in self.lost)}")
        said += [f"「{old}」改名为「{new}」" for old, new in self.renamed]
        said += [f"「{name}」由 {old} 改为 {new}" for name, old, new in self.retyped]
        if self.new:
            said.append(f"多了{'、'.join(f'「{name}」' for name in self.new)}")
        return "，".join(said)


def compared(agreed: Columns, now: Columns) -> Drift:
    """What has become of the agreed columns; their order means nothing, except to tell a rename."""
    old, new = dict(agreed), dict(now)
    came = [name for name, _ in now if name not in old]
    gone = [name for name, _ in agreed if name not in new]
    renamed = []
    if len(agreed) == len(now):
        for (was, kind), (became, its) in zip(agreed, now, strict=True):
            if was in gone and became in came and kind == its:
                renamed.append((was, became))
    for was, became in renamed:
        gone.remove(was)
        came.remove(became)
    retyped = [(name, old[name], new[name]) for name in old if name in new and old[name] != new[name]]
    return Drift(tuple(came), tuple(gone), tuple(renamed), tuple(retyped))


def agree(
    connection: Connection, table: SourceTable, columns: Sequence[Item]
) -> tuple[SourceTable, list[Notice]]:
    """The table as it may be taken now, and what its provider should know.

    Raises BadInput ``gather.columns_changed`` when the batch must be held; its case is open then.
    """
    now = tuple((column.name, column.type) for column in columns)
    row = connection.execute(_sql.agreed, {"table": table.name}).fetchone()
    if row is None or row["contract"] is None:
        _keep(connection, table, now)  # 1
        return table, []
    agreed = tuple((name, kind) for name, kind in row["contract"])
    drift = compared(agreed, now)
    if not (drift.holds or drift.new):
        return table, []
    address = Address(table.source_name, str(table.locator.get("table") or "") or None)
    if drift.holds:
        _decided(connection, table, agreed, now, drift, address)  # 3
        table = replace(table, items=followed(table.items, drift))  # 4
    _keep(connection, table, now)
    told = [
        Notice("gather.column_new", f"来源多了一列「{name}」，已照收", replace(address, item=name))
        for name in drift.new
    ]
    return table, told  # 2


def followed(items: Sequence[Mapping[str, Any]], drift: Drift) -> tuple[Mapping[str, Any], ...]:
    """Items after an accepted change: a renamed column stays the same item, a lost one is no longer asked for."""
    renamed = {old.casefold(): new for old, new in drift.renamed}
    lost = {name.casefold() for name in drift.lost}
    after: list[Mapping[str, Any]] = []
    for item in items:
        bears = {str(item[name]).casefold() for name in ("source", "name", "label") if item.get(name)}
        new = next((renamed[name] for name in bears if name in renamed), None)
        if new is not None:
            after.append({**item, "source": new})
        elif bears & lost:
            after.append({**item, "optional": True})
        else:
            after.append(item)
    return tuple(after)


def _decided(
    connection: Connection, table: SourceTable, agreed: Columns, now: Columns, drift: Drift, address: Address
) -> None:
    found = {"table": table.name, "now": Jsonb([list(column) for column in now])}
    case = connection.execute(_sql.decision, found).fetchone()
    if case is not None and case["state"] == "accepted":
        return
    if case is None:
        open_case(
            connection,
            CASE,
            title=f"{table.label}：来源的列变了，请确认",
            department_code=str(table.department_code),
            opened_by=None,
            sides={"provider": str(table.department_code)},
            subject={"source_table": table.name, "source": table.source_name},
            data={
                "change": drift.sentence,
                "was": [list(column) for column in agreed],
                "now": [list(column) for column in now],
            },
        )
        connection.commit()
    raise BadInput(
        "gather.columns_changed", f"来源的列变了，整批留置，待提供方确认：{drift.sentence}", address
    )


def _keep(connection: Connection, table: SourceTable, now: Columns) -> None:
    connection.execute(
        _sql.keep,
        {
            "table": table.name,
            "contract": Jsonb([list(column) for column in now]),
            "items": Jsonb([dict(item) for item in table.items]),
        },
    )
