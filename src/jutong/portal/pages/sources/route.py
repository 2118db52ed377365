"""Sources and their tables."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from jutong.database import named_sql
from jutong.gather import find_source, find_tables, probe_source, sources, tables, under_way
from jutong.outside import KINDS
from jutong.people import department, visible_to
from jutong.portal.paging import Pager
from jutong.portal.routes import Act, Done, NoQuestion, Page
from jutong.portal.visits import Visit
from jutong.terms import NotFound

_SQL = named_sql(__file__)
BATCH_STATES = {
    "received": ("now", "已收到，待清洗"),
    "refined": ("ok", "已清洗"),
    "held": ("near", "整批留置"),
    "failed": ("over", "没有取到"),
}
MODES = {"full": "全量", "incremental": "增量", "capture": "变更捕获"}
_SIZE = 40


@dataclass(frozen=True)
class SourcesQuestion:
    q: Annotated[str, Field(title="数据源")] = ""
    kind: Annotated[str, Field(title="种类", max_length=20)] = ""
    page: Annotated[int, Field(ge=1)] = 1


@dataclass(frozen=True)
class SourceRow:
    name: str
    label: str
    kind: str
    department: str
    tables: int
    given: int
    received_at: dt.datetime | None
    state: tuple[str, str]


@dataclass(frozen=True)
class Trouble:
    """A table whose newest batch did not arrive, or was held back whole."""

    table: str
    label: str
    source: str
    department: str
    batch: str
    state: tuple[str, str]
    at: dt.datetime
    sentence: str


@dataclass(frozen=True)
class KindRow:
    kind: str
    label: str
    sources: int
    tables: int


@dataclass(frozen=True)
class Sources:
    """Every source this party may see."""

    asked: SourcesQuestion
    choices: tuple[tuple[str, str], ...]
    rows: tuple[SourceRow, ...]
    departments: int
    paused: int
    troubles: tuple[Trouble, ...]
    kinds: tuple[KindRow, ...]
    pager: Pager


@dataclass(frozen=True)
class TableRow:
    name: str
    label: str
    mode: str
    keys: tuple[str, ...]
    entry_id: int | None
    batch: str
    state: tuple[str, str] | None
    given: int | None
    received_at: dt.datetime | None
    problem: str


@dataclass(frozen=True)
class ProbedRow:
    table: str
    columns: tuple[str, ...]
    problem: str


@dataclass(frozen=True)
class UnderWay:
    """A large table on its way, or left where a run was interrupted; ``parts``: 0 where their number is not known."""

    table: str
    label: str
    landed: int
    parts: int
    given: int
    started_at: dt.datetime


@dataclass(frozen=True)
class SourcePage:
    """One source and its tables."""

    name: str
    label: str
    kind: str
    department: str
    state: str
    #: How it is reached, without secrets.
    config: tuple[tuple[str, str], ...]
    tables: tuple[TableRow, ...]
    may_test: bool
    under_way: tuple[UnderWay, ...]


@dataclass(frozen=True)
class Probe:
    """What a source answered just now."""

    name: str
    label: str
    ok: bool
    problem: str
    tables: tuple[ProbedRow, ...]


@dataclass(frozen=True)
class NoForm:
    """A button alone."""


def scope(visit: Visit, kind: str) -> str | None:
    """The department whose rows this party is limited to; None: the whole city."""
    nobody = {"department_code": ""}
    return None if visit.can(f"{kind}:read", nobody) else visit.who.department_code


def listed(visit: Visit, asked: SourcesQuestion) -> Sources:
    """Sources."""
    values: dict[str, Any] = {"kind": asked.kind or None, "text": asked.q or None}
    visible = visible_to(visit.who, "source", "s")
    counted = visit.connection.execute(_SQL.count_sources.format(visible=visible), values).fetchone()
    assert counted is not None
    pager = Pager.of("/sources", asked, counted["total"], _SIZE)
    found = sources(
        visit.connection, department=scope(visit, "source"), **values, limit=pager.size, offset=pager.offset
    )
    return Sources(
        asked=asked,
        choices=tuple(KINDS.items()),
        rows=tuple(_row(visit, row) for row in found),
        departments=counted["departments"],
        paused=counted["paused"],
        troubles=troubles(visit),
        kinds=tuple(
            KindRow(row["kind"], str(KINDS.get(row["kind"], row["kind"])), row["sources"], row["tables"])
            for row in visit.connection.execute(_SQL.kinds.format(visible=visible))
        ),
        pager=pager,
    )


def troubles(visit: Visit, limit: int = 20) -> tuple[Trouble, ...]:
    """Tables whose newest batch did not arrive, newest first."""
    if not visit.can("source:read"):
        return ()
    query = _SQL.troubled.format(visible=visible_to(visit.who, "source", "s"))
    return tuple(
        Trouble(
            table=row["name"],
            label=row["label"],
            source=row["source"],
            department=row["department"],
            batch=row["batch"],
            state=BATCH_STATES[row["state"]],
            at=row["received_at"],
            sentence=told(row["problem"]) or "整批不合格或是空的，原样已存，没有进标准区",
        )
        for row in visit.connection.execute(query, {"limit": limit})
    )


def told(problem: Mapping[str, Any] | None) -> str:
    """A problem row as a sentence with its address."""
    if not problem:
        return ""
    where = "，".join(
        f"{label}{problem[name]}"
        for name, label in (("file", "文件 "), ("sheet", "工作表 "), ("row", "第 "), ("item", "信息项 "))
        if problem.get(name) is not None
    )
    return f"{problem.get('sentence', '')}{f'（{where}）' if where else ''}"


def _row(visit: Visit, row: Mapping[str, Any]) -> SourceRow:
    if row["state"] == "paused":
        state = ("idle", "已停用")
    elif row["failed"]:
        state = ("over", visit.tell("{n} 张没有取到", n=row["failed"]))
    elif row["received_at"] is None:
        state = ("wait", "还没有归集过")
    else:
        state = ("ok", "正常")
    return SourceRow(
        row["name"], row["label"], KINDS.get(row["kind"], row["kind"]), row["department"], row["tables"], row["given"],
        row["received_at"], state,
    )  # fmt: skip


def _visible(visit: Visit) -> Any:
    source = find_source(visit.connection, visit.path["name"])
    if not visit.can("source:read", source):
        raise NotFound("gather.no_source", f"没有数据源 {source.name}，或不是您部门的")
    return source


def build(visit: Visit, _: NoQuestion) -> SourcePage:
    """One source."""
    source = _visible(visit)
    return SourcePage(
        name=source.name,
        label=source.label,
        kind=KINDS.get(source.kind, source.kind),
        department=department(visit.connection, source.department_code).short_name,
        state=source.state,
        config=tuple((name, str(value)) for name, value in source.config.items() if "password" not in name),
        tables=tuple(_table(row) for row in tables(visit.connection, source.name)),
        may_test=visit.can("source:run", source),
        under_way=tuple(
            UnderWay(row["table"], row["label"], row["landed"], row["parts"], row["given"], row["started_at"])
            for row in under_way(visit.connection, source.name)
        ),
    )


def _table(row: Mapping[str, Any]) -> TableRow:
    return TableRow(
        name=row["name"],
        label=row["label"],
        mode=MODES[row["mode"]],
        keys=tuple(row["keys"]),
        entry_id=row["entry_id"],
        batch=row["batch"] or "",
        state=BATCH_STATES[row["batch_state"]] if row["batch_state"] else None,
        given=row["given"],
        received_at=row["received_at"],
        problem=told(row["problem"]),
    )


def test(visit: Visit, _: NoForm) -> Done:
    """Reach a source now and look at its tables; nothing is taken."""
    source = _visible(visit)
    visit.must("source:run", source)
    probed = probe_source(source, find_tables(visit.connection, source.name), visit.rooms.keys, rows=0)
    value = Probe(
        source.name,
        source.label,
        probed.ok,
        told(probed.problem),
        tuple(ProbedRow(one.table, one.columns, told(one.problem)) for one in probed.tables),
    )
    return Done(f"/sources/{source.name}", value=value, shows="pages/sources/probe.html")


_PATH = "/sources/{name}"
PAGES = (
    Page(
        "sources", "/sources", listed, may="source:read", stop="gather", tab="sources", asks=SourcesQuestion
    ),
    Page("sources.source", _PATH, build, may="source:read", stop="gather", tab="sources"),
)
ACTS = (Act("sources.test", _PATH + "/test", test, NoForm, may="source:run", shown_on=_PATH),)
