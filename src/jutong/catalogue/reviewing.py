"""Publishing through two gates: the department's head, then the 主管部门 (第13、16、17条; UC-CAT-01).

The case walks in ``casework``; the entry follows here, in the same transaction.  A published entry keeps serving
while its changed draft is under review: the draft lies in the case until it is published.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from psycopg.types.json import Jsonb

from jutong.casework import CaseFile, city_day, find_case, move, notify, notify_all_departments, open_case
from jutong.catalogue.guide import check, vars_of
from jutong.catalogue.reading import entry_items, find_entry
from jutong.catalogue.rows import CatalogueItem, Entry, NewEntry
from jutong.catalogue.writing import must, must_fit, write_content
from jutong.database import Connection, named_sql
from jutong.people import Party
from jutong.terms import BadInput, Conflict

_SQL = named_sql(__file__)

#: Where the case stands → what a never published entry shows.
_STATES = {
    "drafting": "draft", "dept_review": "dept_review", "publish_review": "publish_review",
    "returned": "rejected", "withdrawn": "draft",
}  # fmt: skip


def submit(
    conn: Connection,
    entry_id: int,
    party: Party,
    *,
    draft: NewEntry | None = None,
    note: str = "",
    secrecy_assessed: bool = False,
    privacy_assessed: bool = False,
    now: dt.datetime | None = None,
) -> CaseFile:
    """Hand an entry in for review and return its case.

    A draft is handed in as it stands (or as ``draft`` says); a published entry needs a ``draft``, the changed
    content.  Both assessments must have been made (第13条).  Raises Denied, BadInput with everything that is
    missing, Conflict ``catalogue.under_review``.
    """
    entry = find_entry(conn, entry_id)
    must(party, "entry:submit", entry)
    if entry.version > 0 and draft is None:
        raise BadInput("catalogue.nothing_changed", "请写明变更后的内容")
    new = must_fit(entry, draft) if draft else as_new(entry, entry_items(conn, entry.id))
    problems = check(vars_of(new))
    if problems:
        raise BadInput("catalogue.bad_entry", "；".join(problem.sentence for problem in problems))
    if entry.version == 0 and draft:
        write_content(conn, entry_id, new)
    case = _case_of(conn, entry, party, now)
    data: dict[str, Any] = {
        "secrecy_assessed": secrecy_assessed or entry.secrecy_assessed,
        "privacy_assessed": privacy_assessed or entry.privacy_assessed,
    }
    if entry.version > 0:
        data["draft"] = to_json(new)
    return move_case(conn, case.id, "submit", party, note, data, now=now)


def move_case(
    conn: Connection,
    case_id: int,
    move_name: str,
    party: Party,
    note: str = "",
    data: Mapping[str, Any] | None = None,
    *,
    now: dt.datetime | None = None,
) -> CaseFile:
    """Make one move of a catalogue case (an entry's review, a demand) and let the catalogue's own row follow."""
    now = now or dt.datetime.now(dt.UTC)
    case = move(conn, case_id, move_name, party, note, data, room="catalogue", now=now)
    if case.kind == "demand":
        _demand_follows(conn, case)
    else:
        _entry_follows(conn, case, party, now)
    return case


def _entry_follows(conn: Connection, case: CaseFile, party: Party, now: dt.datetime) -> None:
    entry = find_entry(conn, int(case.subject["entry_id"]))
    if case.state == "publish_review":
        conn.execute(_SQL.approved, {"id": entry.id, "by": party.user_id or None, "now": now})
    if case.state == "published":
        _publish(conn, entry, case, now)
    elif entry.version == 0:
        case_id_now = None if case.closed_at else case.id
        conn.execute(_SQL.follow_case, {"id": entry.id, "state": _STATES[case.state], "case_id": case_id_now})
    elif case.closed_at:
        conn.execute(_SQL.end_review, {"id": entry.id})


def _demand_follows(conn: Connection, case: CaseFile) -> None:
    """A demand that is met names the published entry that meets it."""
    met = find_entry(conn, str(case.data["entry_code"])) if case.state == "met" else None
    if met is not None and met.state != "published":
        raise Conflict("catalogue.not_published", f"目录「{met.code}」还没有发布，不能满足需求")
    values = {"id": case.subject["demand_id"], "status": case.state, "entry_id": met.id if met else None}
    conn.execute(_SQL.follow_demand, values)


def open_change(
    conn: Connection, entry_id: int, reason: str, party: Party, *, now: dt.datetime | None = None
) -> CaseFile:
    """A law or the department's duties changed, so the entry is stale: the department has ten days (T1, 第17条)."""
    entry = find_entry(conn, entry_id)
    if entry.case_id is not None:
        raise Conflict("catalogue.under_review", f"「{entry.name}」正在审核，先办完再说")
    case_id = open_case(
        conn, "catalogue_change", title=entry.name, department_code=entry.department_code, opened_by=party,
        sides={"provider": entry.department_code}, subject={"entry_id": entry.id}, data={"reason": reason}, now=now,
    )  # fmt: skip
    conn.execute(_SQL.begin_review, {"id": entry.id, "case_id": case_id})
    notify(conn, to_department=entry.department_code, subject=f"目录须更新：{entry.name}", body=reason,
           case_id=case_id, now=now)  # fmt: skip
    return find_case(conn, case_id)


def withdraw_entry(
    conn: Connection, entry_id: int, reason: str, party: Party, *, now: dt.datetime | None = None
) -> None:
    """Take a published entry out of the catalogue; its code is never used again, and everybody is told."""
    entry = find_entry(conn, entry_id)
    must(party, "entry:withdraw", entry)
    if not reason.strip():
        raise BadInput("catalogue.no_reason", "请写明撤销的理由")
    conn.execute(_SQL.withdraw_entry, {"id": entry_id})
    subject = f"目录撤销：{entry.name}（{entry.code}）"
    notify_all_departments(conn, subject=subject, body=reason, now=now)


def as_new(entry: Entry, items: list[CatalogueItem]) -> NewEntry:
    """What an entry says, as somebody could have written it."""
    return NewEntry.from_row({**asdict(entry), "items": [asdict(item) for item in items]})


def to_json(new: NewEntry) -> dict[str, Any]:
    values = asdict(new)
    if new.published_at:
        values["published_at"] = new.published_at.isoformat()
    return values


def _case_of(conn: Connection, entry: Entry, party: Party, now: dt.datetime | None) -> CaseFile:
    """The review that is open for this entry and waits for its department, or a new one."""
    if entry.case_id is not None:
        case = find_case(conn, entry.case_id)
        if case.state not in ("drafting", "returned"):
            raise Conflict("catalogue.under_review", f"「{entry.name}」正在审核，先撤回再改")
        return case
    title = f"{entry.name}·{f'第 {entry.version + 1} 版' if entry.version else '首版'}"
    case_id = open_case(
        conn, "catalogue_entry", title=title, department_code=entry.department_code, opened_by=party,
        subject={"entry_id": entry.id}, now=now,
    )  # fmt: skip
    conn.execute(_SQL.begin_review, {"id": entry.id, "case_id": case_id})
    return find_case(conn, case_id)


def _publish(conn: Connection, entry: Entry, case: CaseFile, now: dt.datetime) -> None:
    """The new version is the present one; what it replaces is kept whole; every department is told (第16条)."""
    if entry.version > 0:
        replaced = to_json(as_new(entry, entry_items(conn, entry.id)))
        conn.execute(
            _SQL.keep_version,
            {"id": entry.id, "version": entry.version, "content": Jsonb(replaced), "now": now},
        )
        write_content(conn, entry.id, NewEntry.from_row(case.data["draft"]))
    note = str(case.data.get("reason") or "")
    row = conn.execute(
        _SQL.publish, {"id": entry.id, "date": city_day(now), "now": now, "note": note}
    ).fetchone()
    assert row is not None
    what = "发布" if row["version"] == 1 else f"第 {row['version']} 版发布"
    subject = f"目录{what}：{row['name']}（{entry.code}）"
    notify_all_departments(conn, subject=subject, body=entry.department_name, now=now)
