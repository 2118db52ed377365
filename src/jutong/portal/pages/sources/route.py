"""Sources and their tables."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from jutong.database import named_sql
from jutong.gather import (
    LogKept,
    find_source,
    find_tables,
    list_tokens,
    log_kept,
    new_token,
    probe_source,
    remote_state,
    revoke_token,
    rotate_token,
    sources,
    tables,
    under_way,
)
from jutong.outside import KINDS, REMOTE_KINDS
from jutong.people import department, log, visible_to
from jutong.portal.paging import Pager
from jutong.portal.routes import Act, Done, NoQuestion, Page
from jutong.portal.visits import Visit
from jutong.terms import BadInput, NotFound

_SQL = named_sql(__file__)
BATCH_STATES = {
    "received": ("now", "已收到，待清洗"),
    "refined": ("ok", "已清洗"),
    "held": ("near", "整批留置"),
    "failed": ("over", "没有取到"),
}
MODES = {"full": "全量", "incremental": "增量", "capture": "变更捕获"}
#: What became of a file seen far away.
FILE_STATES = {"taken": ("ok", "已归集"), "refused": ("over", "不能收"), "withdrawn": ("idle", "已撤回")}
#: Kinds into which files may be pushed.
_PUSHED = ("file", "csv", "excel")
MODES = {"full": "全量", "incremental": "增量"}
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
    #: Of a remote folder: the last look, what went wrong at it, and the files seen there.
    remote: bool
    looked_at: dt.datetime | None
    look_problem: str
    files: tuple[FileRow, ...]
    #: Files may be pushed into it; its tokens are for those who may make them.
    pushed: bool
    may_token: bool
    tokens: tuple[TokenRow, ...]
    #: Of a source whose changes are captured: how far its log is read, and what is left of it.
    log: LogKept | None


@dataclass(frozen=True)
class FileRow:
    """A file seen at a remote folder."""

    path: str
    size: int
    seen_at: dt.datetime
    state: tuple[str, str]
    arrival: str
    problem: str


@dataclass(frozen=True)
class TokenRow:
    number: str
    label: str
    tail: str
    made_at: dt.datetime
    made_by: str
    used_at: dt.datetime | None
    ends_at: dt.datetime | None


@dataclass(frozen=True)
class TokenForm:
    label: Annotated[str, Field(title="给哪个程序用", max_length=40)] = ""


@dataclass(frozen=True)
class NewToken:
    """The only copy of a token."""

    source: str
    label: str
    token: str
    tables: tuple[str, ...]


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
    look, files = remote_state(visit.connection, source.name)
    may_token = source.kind in _PUSHED and visit.can("source:edit", source)
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
        remote=source.kind in REMOTE_KINDS,
        looked_at=look["looked_at"] if look else None,
        look_problem=told(look["problem"]) if look else "",
        files=tuple(_file(row) for row in files),
        pushed=source.kind in _PUSHED,
        may_token=may_token,
        tokens=tuple(
            TokenRow(one.number, one.label, one.tail, one.made_at, one.made_by, one.used_at, one.ends_at)
            for one in (list_tokens(visit.connection, source.name) if may_token else ())
        ),
        log=log_kept(visit.connection, source.name),
    )


def _file(row: Mapping[str, Any]) -> FileRow:
    if row["problem"]:
        state = ("over", "没有收")
    elif row["arrival_id"] is None:
        state = ("wait", "等它写完")
    else:
        state = FILE_STATES.get(row["state"], ("now", "正在收"))
    return FileRow(
        row["path"], row["size"], row["seen_at"], state, row["arrival_id"] or "", told(row["problem"])
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
    tables = find_tables(visit.connection, source.name)
    visit.connection.commit()  # a source may be slow to answer: no transaction of ours waits for it
    probed = probe_source(source, tables, visit.rooms.keys, rows=0)
    value = Probe(
        source.name,
        source.label,
        probed.ok,
        told(probed.problem),
        tuple(ProbedRow(one.table, one.columns, told(one.problem)) for one in probed.tables),
    )
    return Done(f"/sources/{source.name}", value=value, shows="pages/sources/probe.html")


def issue(visit: Visit, form: TokenForm) -> Done:
    """Make a token for a program that pushes; shown once."""
    source = _pushed(visit)
    token = new_token(visit.connection, source.name, label=form.label, by=visit.who.user_id)
    return _shown(visit, source, "issue", form.label, token)


def rotate(visit: Visit, _: NoForm) -> Done:
    """Make a new token for the same program, shown once; the old one opens the source a day more."""
    source = _pushed(visit)
    number = visit.path["number"]
    label = next(
        (one.label for one in list_tokens(visit.connection, source.name) if one.number == number), ""
    )
    token = rotate_token(visit.connection, source.name, number, by=visit.who.user_id)
    return _shown(visit, source, "rotate", label, token)


def revoke(visit: Visit, _: NoForm) -> Done:
    """End a token at once."""
    source = _pushed(visit)
    revoke_token(visit.connection, source.name, visit.path["number"])
    _noted(visit, source, "revoke")
    return Done(f"/sources/{source.name}#tokens", visit.tell("令牌已经吊销，用它的程序从现在起推不进来"))


def _pushed(visit: Visit) -> Any:
    source = _visible(visit)
    visit.must("source:edit", source)
    if source.kind not in _PUSHED:
        raise BadInput("portal.not_pushed", "这种数据源由平台去取，没有推送令牌")
    return source


def _shown(visit: Visit, source: Any, what: str, label: str, token: str) -> Done:
    _noted(visit, source, what)
    names = tuple(table.name for table in find_tables(visit.connection, source.name))
    value = NewToken(source.name, label, token, names)
    return Done(f"/sources/{source.name}", value=value, shows="pages/sources/token.html")


def _noted(visit: Visit, source: Any, what: str) -> None:
    log(
        visit.connection, f"gather:token:{what}", party=visit.who, at=visit.now, address=visit.address,
        detail={"source": source.name},
    )  # fmt: skip


_PATH = "/sources/{name}"
PAGES = (
    Page(
        "sources", "/sources", listed, may="source:read", stop="gather", tab="sources", asks=SourcesQuestion
    ),
    Page("sources.source", _PATH, build, may="source:read", stop="gather", tab="sources"),
)
ACTS = (
    Act("sources.test", _PATH + "/test", test, NoForm, may="source:run", shown_on=_PATH),
    Act("sources.token", _PATH + "/tokens", issue, TokenForm, may="source:edit", shown_on=_PATH),
    Act(
        "sources.rotate", _PATH + "/tokens/{number}/rotate", rotate, NoForm, may="source:edit", shown_on=_PATH
    ),
    Act(
        "sources.revoke", _PATH + "/tokens/{number}/revoke", revoke, NoForm, may="source:edit", shown_on=_PATH
    ),
)
