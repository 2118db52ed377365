"""Totals of what was exchanged, each opening to the next, down to the exchanges themselves."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import urlencode

from pydantic import Field

from jutong.database import named_sql
from jutong.portal import saying
from jutong.portal.names import department_names
from jutong.portal.routes import Act, Done, Page
from jutong.portal.visits import Visit
from jutong.share import fold, meter_by, meter_differences
from jutong.terms import Broken

_SQL = named_sql(__file__)
Axis = Literal["consumer", "provider", "application", "entry", "resource", "method", "day"]
#: axis → its name; a total opens along the next axis that is not fixed yet.
AXES: dict[str, str] = {
    "consumer": "使用部门", "application": "应用", "entry": "目录", "method": "方式", "day": "日期",
    "provider": "提供部门", "resource": "接口或交换",
}  # fmt: skip
_OPENS = ("consumer", "application", "entry", "method", "day")
_METHODS = {"api": "接口", "table": "库表", "file": "文件"}
_FIXED = ("consumer", "provider", "application", "entry", "resource", "method")
#: What the ledger page can filter by.
_IN_LEDGER = ("application", "entry", "resource", "day")


@dataclass(frozen=True)
class MeterQuestion:
    by: Annotated[Axis, Field(title="按")] = "consumer"
    since: Annotated[dt.date | None, Field(title="从")] = None
    until: Annotated[dt.date | None, Field(title="至")] = None
    consumer: str = ""
    provider: str = ""
    application: str = ""
    entry: str = ""
    resource: str = ""
    method: str = ""


@dataclass(frozen=True)
class MeterRow:
    code: str
    label: str
    times: int
    records: int
    #: The same total along the next axis, or its exchanges.
    href: str


@dataclass(frozen=True)
class MeterFixed:
    axis: str
    label: str


@dataclass(frozen=True)
class MeterTab:
    axis: str
    label: str
    href: str


@dataclass(frozen=True)
class Meter:
    """次 and 条次 along one axis, within what was opened so far."""

    asked: MeterQuestion
    times: int
    records: int
    rows: tuple[MeterRow, ...]
    fixed: tuple[MeterFixed, ...]
    tabs: tuple[MeterTab, ...]


@dataclass(frozen=True)
class NoForm:
    """A button alone."""


def meter(visit: Visit, asked: MeterQuestion) -> Meter:
    """One axis of the meters."""
    where = {name: getattr(asked, name) for name in _FIXED if getattr(asked, name)}
    names = department_names(visit.connection)
    known = {
        (row["axis"], row["code"]): row["name"] for row in visit.connection.execute(_SQL.names).fetchall()
    }

    def label(axis: str, code: str) -> str:
        if axis in ("consumer", "provider"):
            return names.get(code, code)
        return _METHODS.get(code, code) if axis == "method" else known.get((axis, code), code)

    found = meter_by(visit.connection, [asked.by], since=asked.since, until=asked.until, where=where)
    rows = tuple(
        MeterRow(
            str(row[asked.by]),
            label(asked.by, str(row[asked.by])),
            int(row["times"]),
            int(row["records"]),
            _opened(asked, str(row[asked.by])),
        )
        for row in found
    )
    return Meter(
        asked=asked,
        times=sum(row.times for row in rows),
        records=sum(row.records for row in rows),
        rows=rows,
        fixed=tuple(MeterFixed(AXES[axis], label(axis, code)) for axis, code in where.items()),
        tabs=tuple(MeterTab(axis, words, _link(asked, by=axis)) for axis, words in AXES.items() if axis not in where),
    )  # fmt: skip


def recount(visit: Visit, _: NoForm) -> Done:
    """Count everything a second time from the ledger's entries alone."""
    visit.rooms.ledger.sequence()
    fold(visit.rooms.database, visit.rooms.ledger)
    apart = meter_differences(visit.rooms.database, visit.rooms.ledger)
    if apart:
        raise Broken("portal.meter_apart", f"计量与账本重算有 {len(apart)} 处不同：{apart[0]}")
    size = visit.rooms.ledger.checkpoint().size
    said = visit.tell("从 {n} 条账重算一遍，与计量完全一致", n=saying.number(size))
    return Done("/metering", said, value={"ok": True, "size": size})


def _opened(asked: MeterQuestion, code: str) -> str:
    """Where one total opens: the next axis, or the exchanges when there is none left."""
    chosen = {name: getattr(asked, name) for name in _FIXED if getattr(asked, name)} | {asked.by: code}
    left = [axis for axis in _OPENS if axis not in chosen]
    if asked.by != "day" and left:
        return _link(asked, **{asked.by: code, "by": left[0]})
    return "/ledger?" + urlencode({name: chosen[name] for name in _IN_LEDGER if name in chosen})


def _link(asked: MeterQuestion, **changes: str) -> str:
    given = {name: getattr(asked, name) for name in ("by", "since", "until", *_FIXED)} | changes
    return "/metering?" + urlencode({name: value for name, value in given.items() if value})


PAGES = (
    Page("metering", "/metering", meter, may="ledger:read", stop="share", tab="metering", asks=MeterQuestion),
)
ACTS = (
    Act("metering.recount", "/metering/recount", recount, NoForm, may="ledger:verify", shown_on="/metering"),
)
