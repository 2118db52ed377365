"""The outbox: what people are told, written in the transaction it tells of; ``flows`` alone sends it onwards."""

from __future__ import annotations

import datetime as dt

from jutong.casework.case import Notice
from jutong.database import Connection, named_sql
from jutong.people import Party, visible_to

_SQL = named_sql(__file__)


def notify(
    conn: Connection,
    *,
    subject: str,
    body: str = "",
    to_user: int | None = None,
    to_department: str | None = None,
    case_id: int | None = None,
    now: dt.datetime | None = None,
) -> int:
    """Tell one user or one department; returns the notice's id."""
    values = {"to_user": to_user, "to_department": to_department, "subject": subject, "body": body,
              "case_id": case_id, "now": now}  # fmt: skip
    row = conn.execute(_SQL.add_notice, values).fetchone()
    assert row is not None
    return int(row["id"])


def notify_all_departments(
    conn: Connection, *, subject: str, body: str = "", now: dt.datetime | None = None
) -> int:
    """统一向政府部门通告 (第16条); how many were told."""
    return conn.execute(_SQL.notify_all, {"subject": subject, "body": body, "now": now}).rowcount


def inbox(conn: Connection, party: Party, *, unread: bool = False, limit: int = 50) -> list[Notice]:
    """What this party and its department were told, newest first."""
    query = _SQL.inbox.format(visible=visible_to(party, "notice"))
    rows = conn.execute(query, {"unread": unread, "limit": limit})
    return [Notice.from_row(row) for row in rows]


def count_unread(conn: Connection, party: Party) -> int:
    row = conn.execute(_SQL.count_unread.format(visible=visible_to(party, "notice"))).fetchone()
    assert row is not None
    return int(row["unread"])


def mark_read(conn: Connection, party: Party, notice_id: int | None = None) -> int:
    """One notice, or with None all of them; a department's notice is read when one of it has read it."""
    query = _SQL.mark_read.format(visible=visible_to(party, "notice"))
    return conn.execute(query, {"id": notice_id}).rowcount


def unsent(conn: Connection, limit: int = 100) -> list[Notice]:
    """Oldest first and locked: for the one job that sends them."""
    return [Notice.from_row(row) for row in conn.execute(_SQL.unsent, {"limit": limit})]


def mark_sent(conn: Connection, notice_id: int, now: dt.datetime) -> None:
    conn.execute(_SQL.mark_sent, {"id": notice_id, "now": now})
