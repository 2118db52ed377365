"""Asking who saw a record, at the counter or in an audit."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from jutong.database import named_sql
from jutong.people import log
from jutong.portal.names import department_names
from jutong.portal.routes import Act, Done, NoQuestion, Page
from jutong.portal.visits import Visit
from jutong.share import fold, look_up
from jutong.terms import Denied

_SQL = named_sql(__file__)
#: Who may ask about the whole city's data; others about their own department's only.
_EVERYWHERE = frozenset({"auditor", "steward"})
_OFFICES = frozenset({"provider_officer", "provider_head"})
_KINDS = {
    "share:service:answer": "接口",
    "share:delivery:chunk": "库表",
    "share:extract:download": "文件",
    "share:subject:lookup": "查询谁看过",
}


@dataclass(frozen=True)
class Seen:
    """The question: about whom, on what ground."""

    #: Whether the answer covers the whole city, or only what this visitor's department provides.
    everywhere: bool
    department: str


@dataclass(frozen=True)
class SeenForm:
    subject: Annotated[str, Field(title="统一社会信用代码或公民身份号码", min_length=1, max_length=64)]
    ground: Annotated[str, Field(title="依据", min_length=4, max_length=200)]


@dataclass(frozen=True)
class SeenRow:
    at: dt.datetime
    department: str
    application: str
    provider: str
    entry: str
    kind: str
    resource: str
    purpose: str
    grants: tuple[str, ...]
    index: int


@dataclass(frozen=True)
class SeenAnswer:
    """Who saw it, newest first; shown once, kept nowhere but as the fact that it was asked."""

    subject: str
    ground: str
    rows: tuple[SeenRow, ...]
    departments: int
    everywhere: bool


def ask(visit: Visit, _: NoQuestion) -> Seen:
    """The form."""
    names = department_names(visit.connection)
    code = visit.who.department_code
    return Seen(_reach(visit) is None, names.get(code, code))


def answer(visit: Visit, form: SeenForm) -> Done:
    """Record the look-up, then answer it."""
    provider, rooms = _reach(visit), visit.rooms
    rooms.ledger.sequence()
    fold(rooms.database, rooms.ledger)
    stream = rooms.ledger.stream("portal")
    try:
        found = look_up(
            visit.connection,
            stream,
            rooms.keys,
            form.subject,
            by=visit.who.login,
            department=visit.who.department_code,
            ground=form.ground,
            provider=provider,
        )
    finally:
        stream.close()
    log(
        visit.connection,
        "portal:subject:read",
        party=visit.who,
        at=visit.now,
        address=visit.address,
        detail={"ground": form.ground, "found": len(found)},
    )
    keys = {
        "applications": [one.application for one in found],
        "entries": [code for one in found for code in one.entries],
    }
    known = {(row["kind"], row["code"]): row["name"] for row in visit.connection.execute(_SQL.names, keys)}
    names = department_names(visit.connection)
    rows = tuple(
        SeenRow(
            at=one.at,
            department=names.get(one.consumer, one.consumer),
            application=known.get(("application", one.application), one.application),
            provider=names.get(one.provider, one.provider),
            entry="、".join(known.get(("entry", code), code) for code in one.entries),
            kind=_KINDS.get(one.event, one.event),
            resource=one.resource,
            purpose=one.purpose,
            grants=tuple(grant for grant in one.grants if grant),
            index=one.log_index,
        )
        for one in found
    )
    told = SeenAnswer(
        form.subject, form.ground, rows, len({row.department for row in rows}), provider is None
    )
    return Done("/seen", value=told, shows="pages/seen/answer.html")


def _reach(visit: Visit) -> str | None:
    """None for the whole city, or the only department whose data may be asked about."""
    roles = set(visit.who.roles)
    if roles & _EVERYWHERE:
        return None
    if roles & _OFFICES:
        return visit.who.department_code
    raise Denied("portal.may_not_look", "查询谁看过，须是审计员、主管部门柜台或提供方")


PAGES = (Page("seen", "/seen", ask, may="exchange:read", stop="share", tab="seen", in_api=False),)
ACTS = (Act("seen.answer", "/seen", answer, SeenForm, may="exchange:read", shown_on="/seen"),)
