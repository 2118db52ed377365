"""Files under grants: the list, one of them, making one, following its link, and tracing one that turned up."""

from __future__ import annotations

import datetime as dt
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from jutong.database import named_sql
from jutong.people import log, visible_to
from jutong.portal.names import department_names
from jutong.portal.paging import Pager
from jutong.portal.routes import Act, Done, Download, NoQuestion, Page
from jutong.portal.visits import Visit
from jutong.share import (
    Extract,
    extract_of_link,
    find_extract,
    find_grant,
    make_extract,
    renew_link,
    take_extract,
    trace,
    withdraw_extract,
)
from jutong.terms import BadInput, NotFound

_SQL = named_sql(__file__)

FORMS = {"csv": "CSV", "excel": "Excel", "parquet": "Parquet"}
STATES = {
    "queued": ("wait", "排队中"),
    "making": ("now", "生成中"),
    "failed": ("over", "未生成"),
    "ready": ("wait", "待取"),
    "leaving": ("now", "正在取"),
    "taken": ("ok", "已取走"),
    "cut": ("near", "断了"),
    "expired": ("idle", "已过期"),
    "withdrawn": ("idle", "已撤下"),
}


@dataclass(frozen=True)
class ExtractsQuestion:
    grant: str = ""
    page: Annotated[int, Field(ge=1)] = 1


@dataclass(frozen=True)
class ExtractRow:
    id: str
    grant_id: str
    entry: str
    entry_id: int
    consumer: str
    provider: str
    application: str
    recipient: str
    form: str
    sealed: bool
    state: tuple[str, str]
    rows: int | None
    bytes: int | None
    created_at: dt.datetime
    left_at: dt.datetime | None


@dataclass(frozen=True)
class MyGrant:
    id: str
    entry: str
    application: str


@dataclass(frozen=True)
class Extracts:
    """Files this party's department gave or took, newest first."""

    asked: ExtractsQuestion
    rows: tuple[ExtractRow, ...]
    left: int
    #: Grants under which this visitor may make one now.
    grants: tuple[MyGrant, ...]
    may_trace: bool
    pager: Pager


@dataclass(frozen=True)
class ExtractPage:
    """One file: whose it is, what became of it, and how it can be recognised."""

    row: ExtractRow
    words: str
    file_name: str
    sha256: str
    content: str
    snapshot: int | None
    items: tuple[str, ...]
    marked: tuple[str, ...]
    link_until: dt.datetime | None
    links: int
    sent: int | None
    problem: str
    may_renew: bool
    may_withdraw: bool


@dataclass(frozen=True)
class MadePage:
    """Shown once: the link, and the password of a sealed file."""

    id: str
    entry: str
    rows: int
    bytes: int
    file_name: str
    link: str
    until: dt.datetime | None
    password: str
    #: Whether it can be fetched now, or waits for the worker.
    ready: bool


@dataclass(frozen=True)
class MakeForm:
    grant: Annotated[str, Field(title="授权")]
    form: Annotated[Literal["csv", "excel", "parquet"], Field(title="格式")] = "csv"
    sealed: Annotated[bool, Field(title="加密压缩")] = False
    hours: Annotated[int, Field(title="链接有效期", ge=1, le=168)] = 24


@dataclass(frozen=True)
class ExtractMove:
    move: Literal["renew", "withdraw"]


@dataclass(frozen=True)
class TraceForm:
    password: Annotated[str, Field(title="口令")] = ""


@dataclass(frozen=True)
class SuspectView:
    id: str
    recipient: str
    department: str
    application: str
    entry: str
    made_at: dt.datetime
    rows: int
    ascents: int
    pairs: int
    agreed: int
    forms: int
    #: The chance of such a fit by accident, as a power of ten rounded up: −12 is 10⁻¹².
    power: int
    certain: bool


@dataclass(frozen=True)
class TracedPage:
    """Whose file this is, and how sure that is."""

    name: str
    words: str
    rows: int
    tried: int
    suspects: tuple[SuspectView, ...]


@dataclass(frozen=True)
class Tracing:
    """The form for a file that turned up."""

    extracts: int


def listed(visit: Visit, asked: ExtractsQuestion) -> Extracts:
    """Files, newest first."""
    visible = visible_to(visit.who, "extract", "e")
    grant = asked.grant or None
    counted = visit.connection.execute(
        _SQL.count_extracts.format(visible=visible), {"grant": grant}
    ).fetchone()
    assert counted is not None
    pager = Pager.of("/extracts", asked, counted["total"], 30)
    names = department_names(visit.connection)
    rows = visit.connection.execute(
        _SQL.extracts.format(visible=visible), {"grant": grant, "limit": pager.size, "offset": pager.offset}
    )
    mine: list[MyGrant] = []
    if visit.can("extract:make"):
        department = {"department": visit.who.department_code}
        mine = [MyGrant(**row) for row in visit.connection.execute(_SQL.my_grants, department)]
    return Extracts(
        asked,
        tuple(
            ExtractRow(
                row["id"], row["grant_id"], row["entry"], row["entry_id"],
                names.get(row["department_code"], str(row["department_code"])),
                names.get(row["provider_code"], str(row["provider_code"])), row["application"], row["recipient"],
                FORMS[row["form"]], row["sealed"], STATES[row["state"]], row["rows"], row["bytes"],
                row["created_at"], row["left_at"],
            )
            for row in rows
        ),
        counted["left"],
        tuple(mine),
        visit.can("subject:read"),
        pager,
    )  # fmt: skip


def _visible(visit: Visit) -> Extract:
    """A file this party may see; any other is not there."""
    found = find_extract(visit.connection, visit.path["extract_id"])
    if not visit.can("extract:read", found):
        raise NotFound("share.extract_unknown", f"没有编号为 {found.id} 的文件，或不经您的部门")
    return found


def build(visit: Visit, _: NoQuestion) -> ExtractPage:
    """One file."""
    found = _visible(visit)
    names = department_names(visit.connection)
    grant = find_grant(visit.connection, found.grant_id)
    headings = {name: heading for name, heading, _ in found.columns}
    open_still = found.state in ("ready", "cut")
    not_yet = found.state in ("queued", "making")
    row = ExtractRow(
        found.id, found.grant_id, found.entry, found.entry_id,
        names.get(found.department_code, found.department_code), names.get(found.provider_code, found.provider_code),
        found.application, found.recipient, FORMS[found.form], found.sealed, STATES[found.state], found.rows,
        found.bytes, found.created_at, found.left_at,
    )  # fmt: skip
    return ExtractPage(
        row=row,
        words=found.words,
        file_name=found.file_name or "",
        sha256=found.sha256 or "",
        content=found.content or "",
        snapshot=found.snapshot,
        items=tuple(headings.values()),
        marked=tuple(headings[name] for name in found.marked),
        link_until=found.link_until,
        links=found.links,
        sent=found.sent,
        problem=found.problem or "",
        may_renew=open_still and visit.can("extract:make", found),
        may_withdraw=(open_still or not_yet)
        and (visit.can("grant:suspend", grant) or visit.can("extract:make", found)),
    )


def make(visit: Visit, form: MakeForm) -> Done:
    """Make a file under a grant, or have it made if it is large; its link and password are shown once."""
    rooms = visit.rooms
    visit.must("extract:make", find_grant(visit.connection, form.grant))
    made = make_extract(
        rooms.database, rooms.store, rooms.keys, rooms.settings.extracts_folder, visit.who, form.grant, form.form,
        sealed=form.sealed, hours=form.hours, may_wait=True,
    )  # fmt: skip
    log(
        visit.connection, "portal:extract:make", party=visit.who, at=visit.now, address=visit.address,
        detail={"extract": made.extract.id, "grant": form.grant},
    )  # fmt: skip
    return _shown(made.extract, made.link, made.password or "")


def _shown(extract: Extract, link: str, password: str) -> Done:
    value = MadePage(
        extract.id, extract.entry, extract.rows or 0, extract.bytes or 0, extract.file_name or "",
        f"/extracts/link/{link}", extract.link_until, password, extract.state == "ready",
    )  # fmt: skip
    return Done(f"/extracts/{extract.id}", value=value, shows="pages/extracts/made.html")


def follow(visit: Visit, _: NoQuestion) -> Download:
    """The file behind a link: once, and only after the ledger has it in writing."""
    rooms, token = visit.rooms, visit.path["token"]
    name = extract_of_link(visit.connection, token).file_name or "file"
    visit.connection.commit()  # what follows has transactions of its own
    stream = rooms.ledger.stream("portal")
    try:
        leaving = take_extract(
            rooms.database, stream, rooms.settings.extracts_folder, visit.who, token, now=visit.now
        )
    finally:
        stream.close()
    return Download(
        name,
        "application/octet-stream",
        leaving.blocks,
        length=leaving.extract.bytes,
        receipt=leaving.receipt,
    )


def act(visit: Visit, form: ExtractMove) -> Done:
    """A new link for what was not fetched or broke off; or take the file back before it leaves."""
    found = _visible(visit)
    rooms = visit.rooms
    if form.move == "renew":
        link = renew_link(visit.connection, visit.who, found.id, now=visit.now)
        return _shown(find_extract(visit.connection, found.id), link, "")
    if not visit.can("extract:make", found):
        visit.must("grant:suspend", find_grant(visit.connection, found.grant_id))
    withdraw_extract(rooms.database, rooms.settings.extracts_folder, found.id, f"{visit.who.name}撤下")
    return Done(f"/extracts/{found.id}", visit.tell("文件 {id} 已撤下", id=found.id))


def tracing(visit: Visit, _: NoQuestion) -> Tracing:
    """The form."""
    visible = visible_to(visit.who, "extract", "e")
    counted = visit.connection.execute(
        _SQL.count_extracts.format(visible=visible), {"grant": None}
    ).fetchone()
    return Tracing(counted["total"] if counted else 0)


def traced(visit: Visit, form: TraceForm) -> Done:
    """Whose file is this: hold an uploaded file against the marks of every file ever made."""
    given = visit.uploads.get("file")
    if given is None or not given.content:
        raise BadInput("portal.no_file", "请选择要查的文件")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "found"
        file.write_bytes(given.content)
        found = trace(visit.connection, visit.rooms.keys, file, form.password or None)
    log(
        visit.connection, "portal:extract:trace", party=visit.who, at=visit.now, address=visit.address,
        detail={"file": given.name, "found": [one.extract.id for one in found.suspects]},
    )  # fmt: skip
    names = department_names(visit.connection)
    value = TracedPage(
        given.name,
        found.words,
        found.rows,
        found.tried,
        tuple(
            SuspectView(
                one.extract.id, one.extract.recipient,
                names.get(one.extract.department_code, one.extract.department_code), one.extract.application,
                one.extract.entry, one.extract.created_at, one.fit.rows, one.fit.ascents, one.fit.pairs,
                one.fit.agreed, one.fit.forms, one.power, one.certain,
            )
            for one in found.suspects
        ),
    )  # fmt: skip
    return Done("/extracts/trace", value=value, shows="pages/extracts/traced.html")


_PATH = "/extracts/{extract_id}"
PAGES = (
    Page("extracts", "/extracts", listed, may="extract:read", stop="share", tab="extracts", asks=ExtractsQuestion),
    Page("extracts.trace", "/extracts/trace", tracing, may="subject:read", stop="share", tab="extracts", in_api=False),
    Page("extracts.link", "/extracts/link/{token}", follow, may="extract:make"),
    Page("extracts.extract", _PATH, build, may="extract:read", stop="share", tab="extracts"),
)  # fmt: skip
ACTS = (
    Act("extracts.make", "/extracts", make, MakeForm, may="extract:make", shown_on="/extracts"),
    Act("extracts.trace", "/extracts/trace", traced, TraceForm, may="subject:read", shown_on="/extracts/trace"),
    Act("extracts.move", _PATH, act, ExtractMove, may="extract:read", shown_on=_PATH),
)  # fmt: skip
