"""The inbox."""

from __future__ import annotations

from dataclasses import dataclass

from jutong.casework import Notice, inbox, mark_read
from jutong.portal.routes import Act, Done, Page
from jutong.portal.visits import Visit


@dataclass(frozen=True)
class NoticesQuestion:
    unread: bool = False


@dataclass(frozen=True)
class Notices:
    """What I and my department were told, newest first."""

    rows: tuple[Notice, ...]
    unread: int
    asked: NoticesQuestion


@dataclass(frozen=True)
class ReadForm:
    """One notice, or all of them where none is named."""

    notice_id: int | None = None


def build(visit: Visit, asked: NoticesQuestion) -> Notices:
    """My notices."""
    rows = tuple(inbox(visit.connection, visit.who, unread=asked.unread, limit=200))
    return Notices(rows, sum(row.read_at is None for row in rows), asked)


def read(visit: Visit, form: ReadForm) -> Done:
    """Mark notices as read."""
    count = mark_read(visit.connection, visit.who, form.notice_id)
    return Done("/notices", visit.tell("{n} 条消息已标为已读", n=count), value=count)


PAGES = (Page("notices", "/notices", build, may="notice:read", asks=NoticesQuestion),)
ACTS = (Act("notices.read", "/notices/read", read, ReadForm, may="notice:read"),)
