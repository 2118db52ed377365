"""What an extract is, as pages and commands see it, and its links."""

from __future__ import annotations

import hashlib
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self
from zoneinfo import ZoneInfo

from jutong.database import Connection, Database, named_sql
from jutong.people import Party, decide
from jutong.terms import BadInput, Conflict, Denied, NotFound, Refused

_SQL = named_sql(__file__)
_HERE = ZoneInfo("Asia/Shanghai")
#: A link is good for a day unless told otherwise, and for a week at most.
LINK_HOURS = 24
LONGEST_HOURS = 168
#: Links an extract may have in all: a download that breaks off may be tried again, not for ever.
MOST_LINKS = 5
#: After this long a file still being made, or still leaving, belonged to a process that is gone.
_STALE = timedelta(hours=6)
#: A file no worker has made by then is asked for anew.
_FORGOTTEN = timedelta(days=7)


@dataclass(frozen=True)
class Extract:
    """One file for one recipient; never the link, whose token is kept nowhere."""

    id: str
    grant_id: str
    application_id: str
    application: str
    department_code: str
    provider_code: str
    entry_id: int
    entry_code: str
    entry: str
    dataset: str
    purpose: str
    grant_until: datetime
    #: The recipient, by name and by login.
    recipient: str
    login: str
    form: str
    sealed: bool
    state: str
    shape: str
    #: [name, heading, type] of each column.
    columns: tuple[tuple[str, str, str], ...]
    marked: tuple[str, ...]
    snapshot: int | None
    rows: int | None
    content: str | None
    subjects: str | None
    file_name: str | None
    bytes: int | None
    sha256: str | None
    link_until: datetime | None
    links: int
    sent: int | None
    problem: str | None
    created_at: datetime
    left_at: datetime | None
    ended_at: datetime | None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        values = {name: row[name] for name in cls.__dataclass_fields__}
        columns = tuple(tuple(column) for column in row["columns"])
        return cls(**{**values, "columns": columns, "marked": tuple(row["marked"])})

    @property
    def request_id(self) -> str:
        """One for all downloads of the same file: a retry counts once (domain §6.2)."""
        return f"extract/{self.id}"

    @property
    def words(self) -> str:
        """The visible watermark: whose file this is and what it is for."""
        day = self.created_at.astimezone(_HERE)
        return (
            f"聚通文件 {self.id}：{self.entry}（{self.entry_code}），"
            f"供 {self.department_code} {self.application}（{self.application_id}）{self.recipient}（{self.login}）"
            f"于 {day:%Y-%m-%d %H:%M} 取得，用于{self.purpose}，授权 {self.grant_id}；"
            "不得用于其他，不得转给第三方（政务数据共享条例第25条）"
        )


def find_extract(connection: Connection, extract_id: str) -> Extract:
    """Raises NotFound ``share.extract_unknown``."""
    row = connection.execute(_SQL.find, {"id": extract_id, "link": None}).fetchone()
    if row is None:
        raise NotFound("share.extract_unknown", f"没有编号为 {extract_id} 的文件")
    return Extract.from_row(row)


def extracts(connection: Connection) -> list[Extract]:
    """All of them, newest first."""
    return [Extract.from_row(row) for row in connection.execute(_SQL.find, {"id": None, "link": None})]


def extract_of_link(connection: Connection, token: str) -> Extract:
    """Raises NotFound ``share.extract_link``, also for a link that a later one has replaced."""
    row = connection.execute(_SQL.find, {"id": None, "link": link_hash(token)}).fetchone()
    if row is None:
        raise NotFound("share.extract_link", "这个下载链接不存在，或已换发新的链接")
    return Extract.from_row(row)


def renew_link(
    connection: Connection,
    party: Party,
    extract_id: str,
    *,
    hours: int = LINK_HOURS,
    now: datetime | None = None,
) -> str:
    """A new link for a file that was not fetched, or whose download broke off; the link before stops working.

    Raises Conflict ``share.extract_gone`` where the file has arrived, expired, or had links enough.
    """
    found = find_extract(connection, extract_id)
    must(decide(party, "extract:make", found))
    token, until = new_link(hours, now)
    values = {"id": extract_id, "link_hash": link_hash(token), "link_until": until, "most": MOST_LINKS}
    if connection.execute(_SQL.relink, values).fetchone() is None:
        raise Conflict("share.extract_gone", "文件已取走、已过期，或换过太多次链接；需要时请重新生成")
    return token


def new_link(hours: int, now: datetime | None) -> tuple[str, datetime]:
    """A token and until when it is good.  Raises BadInput ``share.extract_hours``."""
    if not 1 <= hours <= LONGEST_HOURS:
        raise BadInput("share.extract_hours", f"下载链接的有效期须为 1 至 {LONGEST_HOURS} 小时")
    return secrets.token_urlsafe(32), (now or datetime.now(UTC)) + timedelta(hours=hours)


def link_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def file_of(folder: Path, extract: Extract) -> Path:
    """Where the file lies; its name there says nothing."""
    return folder / extract.id / "file"


def sweep_extracts(database: Database, folder: Path, *, now: datetime | None = None) -> list[str]:
    """Let go of what nobody fetched in time and of what a killed process left; returns the ids whose file went."""
    at = now or datetime.now(UTC)
    with database.connection() as connection:
        rows = connection.execute(
            _SQL.sweep, {"now": at, "stale": at - _STALE, "forgotten": at - _FORGOTTEN}
        ).fetchall()
    gone = sorted(row["id"] for row in rows if row["state"] != "cut")
    for name in gone:
        shutil.rmtree(folder / name, ignore_errors=True)
    return gone


def must(decision: object) -> None:
    if isinstance(decision, Refused):
        raise Denied(decision.code, decision.reason)
