"""Files on their way in: given, looked at, read otherwise if need be, taken."""

from __future__ import annotations

import contextlib
import datetime as dt
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from jutong import gather
from jutong.database import named_sql
from jutong.gather import Arrival
from jutong.people import visible_to
from jutong.portal import saying
from jutong.portal.pages.batches.route import visible_batch
from jutong.portal.pages.sources.route import told
from jutong.portal.routes import Act, Done, Download, NoQuestion, Page, Upload
from jutong.portal.visits import Visit
from jutong.refine import export_issues, follow_up, refine
from jutong.terms import BadInput, JutongError, NotFound

_SQL = named_sql(__file__)
STATES = {
    "arriving": ("now", "正在传"),
    "looking": ("near", "待确认读法"),
    "whole": ("now", "已收齐，待归集"),
    "taken": ("ok", "已归集"),
    "refused": ("over", "不能收"),
    "withdrawn": ("idle", "已撤回"),
}
WAYS = {
    "upload": "门户上传",
    "form": "填报",
    "push": "推送",
    "agent": "代理端",
    "drop": "前置机目录",
    "fetch": "远程取",
}
_WORDS = {
    "format": "格式", "encoding": "编码", "delimiter": "分隔符", "quote": "引号", "header_row": "表头所在行",
    "header_rows": "表头行数", "footer_rows": "表尾不作数据的行数", "sheet": "工作表", "member": "压缩文件里的",
}  # fmt: skip
_SHOWN_AS = {
    "\t": "制表符",
    "": "不用引号",
    "utf-8": "UTF-8",
    "gb18030": "GB18030",
    "text": "文本表",
    "excel": "工作簿",
}


@dataclass(frozen=True)
class TableChoice:
    name: str
    label: str


@dataclass(frozen=True)
class ArrivalRow:
    id: str
    file: str
    label: str
    department: str
    way: str
    bytes: int | None
    state: tuple[str, str]
    at: dt.datetime
    batch: str
    problem: str


@dataclass(frozen=True)
class Arrivals:
    """Files that came, newest first, and the form to give one."""

    rows: tuple[ArrivalRow, ...]
    tables: tuple[TableChoice, ...]
    chosen: str


@dataclass(frozen=True)
class ArrivalsQuestion:
    table: Annotated[str, Field(title="表")] = ""


@dataclass(frozen=True)
class GiveForm:
    table: Annotated[str, Field(title="给哪张表", min_length=1)]


@dataclass(frozen=True)
class NoticeRow:
    code: str
    sentence: str


@dataclass(frozen=True)
class ArrivalPage:
    """One file: how it will be read, its first rows, what to mind."""

    id: str
    file: str
    label: str
    way: str
    bytes: int | None
    sha256: str
    state: tuple[str, str]
    waits: bool
    manner: tuple[tuple[str, str], ...]
    grounds: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    first_row: int
    notices: tuple[NoticeRow, ...]
    problem: str
    problem_code: str
    batch: str
    declared: Mapping[str, Any]


@dataclass(frozen=True)
class ReadForm:
    """What a person says about how to read it; blank: found."""

    encoding: Literal["", "utf-8", "gb18030", "utf-16", "big5", "mixed"] = ""
    delimiter: Annotated[str, Field(title="分隔符", max_length=3)] = ""
    header_row: Annotated[int | None, Field(title="表头所在行", ge=1, le=80)] = None
    header_rows: Annotated[int | None, Field(title="表头行数", ge=1, le=4)] = None
    footer_rows: Annotated[int | None, Field(title="表尾不作数据的行数", ge=0, le=12)] = None
    sheet: Annotated[str, Field(title="工作表", max_length=31)] = ""
    wrong_rows: Literal["", "refuse", "set_aside"] = ""


@dataclass(frozen=True)
class NoForm:
    """A button alone."""


def listed(visit: Visit, asked: ArrivalsQuestion) -> Arrivals:
    """Files that came."""
    whole_city = visit.can("batch:read", {"department_code": ""})
    rows = gather.list_arrivals(
        visit.connection, department=None if whole_city else visit.who.department_code, limit=60
    )
    return Arrivals(tuple(_row(row) for row in rows), _tables(visit), asked.table)


def _row(row: Mapping[str, Any]) -> ArrivalRow:
    return ArrivalRow(
        row["id"], row["file_name"], row["label"], row["department"], WAYS[row["way"]], row["bytes"],
        STATES[row["state"]], row["began_at"], row["batch_id"] or "", told(row["problem"]),
    )  # fmt: skip


def _tables(visit: Visit) -> tuple[TableChoice, ...]:
    """Tables into which this party may give files."""
    if not visit.can("source:run"):
        return ()
    rows = visit.connection.execute(_SQL.given_tables.format(visible=visible_to(visit.who, "source", "s")))
    return tuple(TableChoice(row["name"], row["label"]) for row in rows)


def give(visit: Visit, form: GiveForm) -> Done:
    """Give a file; it is looked at before anything is taken."""
    upload = visit.uploads.get("file")
    if upload is None or not upload.name or not upload.content:
        raise BadInput("portal.no_upload", "请选一个文件")
    arrival = received(visit, form.table, upload, way="upload", confirm=True)
    return Done(f"/arrivals/{arrival.id}", value={"arrival": arrival.id})


def received(visit: Visit, table: str, upload: Upload, *, way: str, confirm: bool) -> Arrival:
    """An upload as a whole arrival. Raises Denied, NotFound ``gather.no_table`` and what ``gather.append`` does."""
    (known,) = gather.find_tables(visit.connection, names=[table])
    visit.must("source:run", known)
    home = visit.rooms.settings.home
    arrival = gather.begin_arrival(
        visit.connection, home, table=table, way=way, file_name=upload.name, by=visit.who.user_id
    )
    gather.append(home, arrival, 0, [upload.content])
    return gather.complete(visit.connection, home, arrival, confirm=confirm)


def _visible(visit: Visit) -> Arrival:
    arrival = gather.find_arrival(visit.connection, visit.path["arrival_id"])
    if not visit.can("batch:read", arrival):
        raise NotFound("gather.no_arrival", f"没有到件 {arrival.id}，或不是您部门的")
    return arrival


def build(visit: Visit, _: NoQuestion) -> ArrivalPage:
    """One file."""
    arrival = _visible(visit)
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    notices: tuple[NoticeRow, ...] = ()
    problem, first = arrival.problem, 0
    if arrival.state == "looking":
        try:
            reading = gather.look(visit.connection, visit.rooms.settings.home, arrival)
            columns, first = tuple(column.name for column in reading.columns), reading.clerk_row(1)
            batch = next(reading.batches, None)
            shown = [] if batch is None else batch.slice(0, 6).to_pylist()
            rows = tuple(tuple("" if cell is None else str(cell) for cell in row.values()) for row in shown)
            notices = tuple(
                NoticeRow(one.code, f"{one.sentence}（{one.address}）") for one in reading.notices[:12]
            )
            arrival = gather.find_arrival(visit.connection, arrival.id)
        except JutongError as wrong:
            where = f"（{wrong.address}）" if wrong.address else ""
            problem = {"sentence": f"{wrong.sentence}{where}", "code": wrong.code}
    return ArrivalPage(
        id=arrival.id, file=arrival.file_name, label=arrival.label, way=WAYS[arrival.way], bytes=arrival.bytes,
        sha256=arrival.sha256 or "", state=STATES[arrival.state],
        waits=arrival.state == "looking" and visit.can("source:run", arrival),
        manner=tuple((word, _shown(arrival.manner[name])) for name, word in _WORDS.items() if name in arrival.manner),
        grounds=arrival.grounds, columns=columns, rows=rows, first_row=first, notices=notices,
        problem=told(problem), problem_code=str((problem or {}).get("code", "")), batch=arrival.batch_id or "",
        declared=arrival.declared,
    )  # fmt: skip


def _shown(value: Any) -> str:
    return _SHOWN_AS.get(value, str(value)) if isinstance(value, str) else str(value)


def read_otherwise(visit: Visit, form: ReadForm) -> Done:
    """Say how the file is to be read; it is looked at again."""
    arrival = _visible(visit)
    visit.must("source:run", arrival)
    given = {name: value for name, value in vars(form).items() if value not in ("", None)}
    if given.get("delimiter") in ("\\t", "Tab", "tab"):
        given["delimiter"] = "\t"
    gather.overrule(visit.connection, arrival, given)
    return Done(f"/arrivals/{arrival.id}", visit.tell("已按您说的重新看了一遍"))


def take(visit: Visit, _: NoForm) -> Done:
    """Take the file as it was shown, refine it, and go to its batch."""
    arrival = _visible(visit)
    visit.must("source:run", arrival)
    return settled(visit, arrival)


def settled(visit: Visit, arrival: Arrival) -> Done:
    """A whole or looked-at arrival taken and refined now; what must wait waits for the worker."""
    rooms = visit.rooms
    visit.connection.commit()  # what is taken next is taken on connections of its own
    if arrival.state == "looking":
        with rooms.database.connection() as connection:
            gather.confirm(connection, arrival)
    gather.take_arrivals(rooms.database, rooms.store, rooms.settings.home, rooms.keys, ids=[arrival.id])
    with rooms.database.connection() as connection:
        ended = gather.find_arrival(connection, arrival.id)
    if ended.state != "taken" or not ended.batch_id:
        return Done(f"/arrivals/{arrival.id}", value={"arrival": arrival.id, "state": ended.state})
    with contextlib.suppress(JutongError):  # the batch is received; what keeps it from refining its page says
        done = refine([ended.batch_id], database=rooms.database, store=rooms.store, settings=rooms.settings)
        follow_up(rooms.database, rooms.store, done)  # what was to be mended is re-checked at once
    return Done(f"/batches/{ended.batch_id}", value={"arrival": arrival.id, "batch": ended.batch_id})


def withdraw(visit: Visit, _: NoForm) -> Done:
    """Take the file back before it is taken."""
    arrival = _visible(visit)
    visit.must("source:run", arrival)
    gather.withdraw(visit.connection, visit.rooms.settings.home, arrival)
    return Done("/arrivals", visit.tell("已撤回 {file}", file=arrival.file_name))


def log(visit: Visit, _: NoQuestion) -> Download:
    """The batch log: what came and what became of it, what was noticed, and the rows with wrong cells marked."""
    row = visible_batch(visit)
    visit.must("issue:export", row)
    refined = visit.connection.execute(_SQL.refined, {"id": row["id"]}).fetchone() or {}
    out = io.BytesIO()
    export_issues(visit.connection, visit.rooms.store, row["id"], out)
    import openpyxl  # slow to import, needed only for workbooks

    book = openpyxl.load_workbook(io.BytesIO(out.getvalue()))
    _write_account(book, row, refined)
    _write_notices(book, row)
    out = io.BytesIO()
    book.save(out)
    name = f"批次日志-{row['label']}-{saying.iso_day(row['received_at'])}.xlsx"
    media = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    return Download(name, media, out.getvalue())


def _write_account(book: Any, row: Mapping[str, Any], refined: Mapping[str, Any]) -> None:
    sheet = book.create_sheet("批次日志", 0)
    lines = [
        ("数据表", row["label"]), ("部门", row["department"]), ("批次", row["id"]),
        ("文件", row["file_name"] or "数据库"), ("收到", saying.stamp(row["received_at"])),
        ("没有取到", told(row["problem"]) or None), ("收到，行", row["given"]), ("读取时留意到，处", row["noticed"]),
        ("接收，行", refined.get("accepted")), ("其中新增，行", refined.get("inserted")),
        ("其中更新，行", refined.get("updated")), ("删除，行", refined.get("deleted")),
        ("退回，行", refined.get("rejected")), ("重复，行", refined.get("duplicates")),
        ("整批留置", refined.get("held_reason")),
    ]  # fmt: skip
    from openpyxl.styles import Font

    for label, value in lines:
        if value is not None:
            sheet.append([label, value])
            sheet.cell(sheet.max_row, 1).font = Font(bold=True)
    sheet.column_dimensions["A"].width, sheet.column_dimensions["B"].width = 22, 60
    book.active = 0


def _write_notices(book: Any, row: Mapping[str, Any]) -> None:
    if not row["notices"]:
        return
    sheet = book.create_sheet("读取时留意到的", 1)
    sheet.append(["文件", "工作表", "行", "列", "说明", "代码"])
    for one in row["notices"]:
        sheet.append([one.get(name) for name in ("file", "sheet", "row", "item", "sentence", "code")])
    sheet.column_dimensions["E"].width = 70


_PATH = "/arrivals/{arrival_id}"
PAGES = (
    Page(
        "arrivals",
        "/arrivals",
        listed,
        may="batch:read",
        stop="gather",
        tab="arrivals",
        asks=ArrivalsQuestion,
    ),
    Page("arrivals.arrival", _PATH, build, may="batch:read", stop="gather", tab="arrivals"),
    Page("arrivals.log", "/batches/{batch_id}/log.xlsx", log, may="issue:export"),
)
ACTS = (
    Act("arrivals.give", "/arrivals", give, GiveForm, may="source:run", shown_on="/arrivals", in_api=False),
    Act("arrivals.read", _PATH + "/read", read_otherwise, ReadForm, may="source:run", shown_on=_PATH),
    Act("arrivals.take", _PATH + "/take", take, NoForm, may="source:run", shown_on=_PATH),
    Act("arrivals.withdraw", _PATH + "/withdraw", withdraw, NoForm, may="source:run", shown_on=_PATH),
)
