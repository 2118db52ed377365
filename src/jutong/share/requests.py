"""共享申请: what a department must say to be given data, and the path its request walks.  UC-SHARE-01.

第20条: 使用依据, 使用场景, 使用范围, 共享方式 and 使用时限, true, lawful, necessary; the requester's head consents
before it is filed, the provider's before it is answered.  第21条: whatever is missing is told once, everything
together.  The path itself is data in ``casework``; this room adds the grant to the move that agrees.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Self
from zoneinfo import ZoneInfo

from psycopg.types.json import Jsonb

from jutong.casework import CaseFile, find_case, move, open_case
from jutong.database import Connection, named_sql
from jutong.people import SYSTEM, Party, decide
from jutong.share.applications import Application, find_application
from jutong.share.bounds import EntryItem, dataset_columns, entry_items, mask_for
from jutong.share.filters import Condition, filter_problems
from jutong.share.grants import Grant, issue_grant
from jutong.terms import BadInput, Conflict, Denied, Item, NotFound, Refused, ShareType

_SQL = named_sql(__file__)
_HERE = ZoneInfo("Asia/Shanghai")

#: 用途类型, 国发〔2016〕51号第12条.
PURPOSES = ("行政依据", "工作参考", "数据校核", "业务协同")
METHODS = {"api": "服务接口", "table": "批量交换（库表）", "file": "文件下载"}


@dataclass(frozen=True)
class Wish:
    """What is asked for; every field is mandatory but ``row_filter``."""

    entry_id: int
    application_id: str
    #: 使用依据: the law, duty or matter it is needed for.
    basis: str
    #: 使用场景
    scene: str
    #: 使用范围
    scope: str
    #: 用途类型, one of PURPOSES.
    purpose: str
    #: 共享方式, one of METHODS.
    method: str
    items: tuple[str, ...]
    #: 使用时限: the last day of use.
    until: date | None
    row_filter: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class Request:
    id: int
    case_id: int
    entry_id: int
    department_code: str
    provider_code: str
    application_id: str
    basis: str
    scene: str
    scope: str
    purpose: str
    method: str
    items: tuple[str, ...]
    row_filter: tuple[Mapping[str, Any], ...]
    share_type: int
    until: date
    created_by: int | None
    created_at: datetime

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        values = {name: row[name] for name in cls.__dataclass_fields__}
        return cls(**{**values, "items": tuple(row["items"]), "row_filter": tuple(row["row_filter"])})


@dataclass(frozen=True)
class Moved:
    """A request's case after a move; ``grant`` when this move agreed."""

    case: CaseFile
    grant: Grant | None


def ask(connection: Connection, party: Party, wish: Wish, *, now: datetime | None = None) -> Request:
    """File a request and open its case on the desk of the requester's own head.

    Raises Denied ``share.withheld`` (with the legal ground) or the reason of ``decide``, BadInput
    ``share.request_incomplete`` with everything that is wrong, NotFound for an unknown entry or application.
    """
    today = (now or datetime.now(_HERE)).astimezone(_HERE).date()
    entry, application, items = _known(connection, wish)
    _must(decide(party, "request:add", {"department_code": application.department_code}))
    asked = _checked(connection, wish, entry, application, items, today)
    share_type = max([entry["share_type"], *(item.share_type for item in asked)])
    number = connection.execute(_SQL.next_request).fetchone()
    assert number is not None
    case_id = open_case(
        connection,
        "share_request",
        title=f"{application.name}申请共享：{entry['name']}",
        department_code=application.department_code,
        opened_by=party,
        subject={"request_id": number["id"], "entry_id": wish.entry_id},
        sides={"provider": entry["department_code"]},
        share_type=share_type,
        now=now,
    )
    row = connection.execute(
        _SQL.add_request,
        {
            **_columns(wish),
            "id": number["id"],
            "case_id": case_id,
            "department_code": application.department_code,
            "provider_code": entry["department_code"],
            "share_type": share_type,
            "created_by": party.user_id or None,
        },
    ).fetchone()
    assert row is not None
    return Request.from_row(row)


def request_problems(connection: Connection, wish: Wish, *, today: date | None = None) -> list[str]:
    """Everything that stands against a wish, for the form that is being filled in; empty when it may be filed."""
    try:
        entry, application, items = _known(connection, wish)
        _checked(connection, wish, entry, application, items, today or datetime.now(_HERE).date())
    except (BadInput, Denied, NotFound) as problem:
        return problem.sentence.split("；")
    return []


def amend(connection: Connection, party: Party, request_id: int, wish: Wish) -> Request:
    """Put a request right that was returned or is to be supplemented; the same checks as when it was asked.

    Raises Conflict ``share.request_under_way`` while it lies with somebody who is deciding it, or when the entry,
    the application or the clock (share type) would change: that is a new request.
    """
    before = find_request(connection, request_id)
    _must(decide(party, "request:add", {"department_code": before.department_code}))
    if find_case(connection, before.case_id).state not in ("returned", "supplement"):
        raise Conflict("share.request_under_way", "申请正在审核，不能修改；可以先撤回")
    entry, application, items = _known(connection, wish)
    asked = _checked(connection, wish, entry, application, items, datetime.now(_HERE).date())
    share_type = max([entry["share_type"], *(item.share_type for item in asked)])
    if (wish.entry_id, wish.application_id, share_type) != (
        before.entry_id, before.application_id, before.share_type,
    ):  # fmt: skip
        raise Conflict("share.request_under_way", "换目录、换应用或改变共享类型须另提申请")
    row = connection.execute(_SQL.amend_request, {**_columns(wish), "id": request_id}).fetchone()
    assert row is not None
    return Request.from_row(row)


def move_request(
    connection: Connection,
    request_id: int,
    move_name: str,
    party: Party,
    note: str = "",
    data: Mapping[str, Any] | None = None,
    *,
    now: datetime | None = None,
) -> Moved:
    """Move a request's case; the move that agrees issues the grant in the same transaction.

    Where a service already answers for the entry, an agreed api request counts as provided at once (T6).
    Raises what ``casework.move`` and ``issue_grant`` raise.
    """
    request = find_request(connection, request_id)
    case = move(connection, request.case_id, move_name, party, note, data, room="share", now=now)
    if case.state != "granted":
        return Moved(case, None)
    grant = issue_grant(connection, request_id, party.user_id or None)
    if (
        grant.method == "api"
        and connection.execute(
            _SQL.answering_service, {"entry": grant.entry_id, "dataset": grant.dataset}
        ).fetchone()
    ):
        case = mark_provided(connection, grant.id, "接口服务已可调用", now=now) or case
    return Moved(case, grant)


def mark_provided(
    connection: Connection, grant_id: str, note: str, *, now: datetime | None = None
) -> CaseFile | None:
    """The data has been provided: the case closes and T6 is met.  None when it was closed before."""
    row = connection.execute(_SQL.case_of_grant, {"id": grant_id}).fetchone()
    if row is None or row["state"] != "granted":
        return None
    return move(connection, row["id"], "deliver", SYSTEM, note, room="share", now=now)


def find_request(connection: Connection, request_id: int) -> Request:
    """Raises NotFound ``share.request_unknown``."""
    row = connection.execute(_SQL.find_request, {"id": request_id}).fetchone()
    if row is None:
        raise NotFound("share.request_unknown", f"没有编号为 {request_id} 的共享申请")
    return Request.from_row(row)


def request_of_case(connection: Connection, case_id: int) -> Request:
    """Raises NotFound ``share.request_unknown``."""
    row = connection.execute(_SQL.request_of_case, {"case_id": case_id}).fetchone()
    if row is None:
        raise NotFound("share.request_unknown", "这份工单不是共享申请")
    return Request.from_row(row)


def problems(
    wish: Wish,
    entry: Mapping[str, Any],
    application: Application,
    items: Sequence[EntryItem],
    columns: Sequence[Item],
    keys: Sequence[str],
    today: date,
) -> list[str]:
    """The law's demands on a request, as sentences; pure."""
    found = []
    for label, value in (("使用依据", wish.basis), ("使用场景", wish.scene), ("使用范围", wish.scope)):
        if not value.strip():
            found.append(f"请填写{label}")
    if wish.purpose not in PURPOSES:
        found.append(f"用途类型须为{'、'.join(PURPOSES)}之一")
    if wish.until is None or wish.until < today:
        found.append("使用时限须是今天或以后的日期")
    if wish.method not in METHODS:
        found.append(f"共享方式须为{'、'.join(METHODS.values())}之一")
    elif wish.method not in entry["share_methods"]:
        offered = [METHODS[one] for one in entry["share_methods"] if one in METHODS]
        found.append(f"该目录不以{METHODS[wish.method]}方式共享，可选：{'、'.join(offered)}")
    if application.state != "active":
        found.append(f"应用 {application.id} 已停用")
    if application.department_code == entry["department_code"]:
        found.append("本部门的数据无需申请")
    found += _item_problems(wish, items, keys)
    found += filter_problems(wish.row_filter, _filterable(items, columns))
    return found


def _item_problems(wish: Wish, items: Sequence[EntryItem], keys: Sequence[str]) -> list[str]:
    known = {item.name: item for item in items}
    found = []
    if not wish.items:
        found.append("请选择信息项")
    if len(set(wish.items)) < len(wish.items):
        found.append("信息项有重复")
    unknown = [name for name in wish.items if name not in known]
    if unknown:
        found.append(f"目录中没有信息项：{'、'.join(unknown)}")
    if wish.method == "table" and keys:
        missing = [known[key].label if key in known else key for key in keys if key not in wish.items]
        hidden = [known[key].label for key in keys if key in known and mask_for(known[key])]
        if missing:
            found.append(f"库表方式须申请主键信息项：{'、'.join(missing)}")
        if hidden:
            found.append(f"主键信息项须脱敏，不能用库表方式，可申请接口方式：{'、'.join(hidden)}")
    return found


def _filterable(items: Sequence[EntryItem], columns: Sequence[Item]) -> dict[str, Item]:
    """Items a row filter may name: in the catalogue, not withheld, of the dataset's type where it is known."""
    types = {column.name: column.type for column in columns}
    return {
        item.name: Item(item.name, item.label, types.get(item.name, "text"))
        for item in items
        if item.share_type < ShareType.WITHHELD
    }


def _checked(
    connection: Connection,
    wish: Wish,
    entry: Mapping[str, Any],
    application: Application,
    items: Sequence[EntryItem],
    today: date,
) -> list[EntryItem]:
    if entry["state"] != "published":
        raise Denied("share.entry_not_published", f"目录 {entry['code']} 不在发布状态，不能申请")
    asked = [item for item in items if item.name in wish.items]
    _refuse_withheld(entry, asked)
    columns, keys = dataset_columns(connection, entry["dataset"]) if entry["dataset"] else ([], [])
    found = problems(wish, entry, application, items, columns, keys, today)
    if found:
        raise BadInput("share.request_incomplete", "；".join(found))
    return asked


def _refuse_withheld(entry: Mapping[str, Any], asked: Sequence[EntryItem]) -> None:
    """第15条: 不予共享 stands on a law, which is said; strictest wins."""
    if entry["share_type"] == ShareType.WITHHELD:
        raise Denied("share.withheld", f"目录 {entry['code']} 不予共享，依据：{entry['share_condition']}")
    withheld = [item.label for item in asked if item.share_type == ShareType.WITHHELD]
    if withheld:
        raise Denied("share.withheld", f"信息项{'、'.join(withheld)}不予共享，请去掉后再申请")


def _known(connection: Connection, wish: Wish) -> tuple[dict[str, Any], Application, list[EntryItem]]:
    entry = connection.execute(_SQL.entry_for_request, {"entry": wish.entry_id}).fetchone()
    if entry is None:
        raise NotFound("share.entry_unknown", "没有这条目录")
    return entry, find_application(connection, wish.application_id), entry_items(connection, wish.entry_id)


def _columns(wish: Wish) -> dict[str, Any]:
    return {
        "entry_id": wish.entry_id,
        "application_id": wish.application_id,
        "basis": wish.basis.strip(),
        "scene": wish.scene.strip(),
        "scope": wish.scope.strip(),
        "purpose": wish.purpose,
        "method": wish.method,
        "items": list(wish.items),
        "row_filter": Jsonb([dict(condition) for condition in wish.row_filter]),
        "until": wish.until,
    }


def _must(decision: object) -> None:
    if isinstance(decision, Refused):
        raise Denied(decision.code, decision.reason)
