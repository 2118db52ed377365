"""How much of its log each captured source holds for us, looked at also while nothing is taken (UC-GATHER-05).

A slot keeps the log on the source's disk until we have read it; a binary log is thrown away whether read or not.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jutong.casework import notify
from jutong.database import Connection, Database, named_sql
from jutong.gather.capturing import MUCH_LOG
from jutong.gather.declaring import find_source
from jutong.keys import KeyProvider
from jutong.outside import lsn, open_capture
from jutong.terms import JutongError

_sql = named_sql(__file__, "capturing.sql")


@dataclass(frozen=True)
class LogKept:
    """``behind``: bytes of log from where we have read to its end, when it was last looked at."""

    source: str
    position: str
    behind: int | None
    seen_at: dt.datetime | None
    #: Whether the source keeps them until we have read them (a slot), or throws them away by its own rules.
    held: bool

    @property
    def much(self) -> bool:
        return (self.behind or 0) > MUCH_LOG

    @property
    def sentence(self) -> str:
        much = f"{(self.behind or 0) / (1 << 30):.1f} GB 日志"
        if self.held:
            return f"源库为我们留着 {much}，归集停久了会占满它的磁盘"
        return f"源库还有 {much}没有读，被它清除就要重新取全量"


def log_kept(connection: Connection, source: str) -> LogKept | None:
    """None for a source whose changes are not captured."""
    row = connection.execute(_sql.behind, {"source": source}).fetchone()
    return None if row is None else _kept(row)


def watch_logs(database: Database, keys: KeyProvider | None) -> list[LogKept]:
    """Look at every captured source; its department and the steward are told once when one holds back too much.

    A source that cannot be reached is passed over: its next gathering says so.  Returns those with too much.
    """
    with database.connection() as connection:
        rows = connection.execute(_sql.captures).fetchall()
    found = []
    for row in rows:
        before = _kept(row)
        with database.connection() as connection:
            source = find_source(connection, row["source_name"])
        try:
            with open_capture(source.kind, source.config, source.secret(keys), source.name) as there:
                slot = there.slot(row["slot"], lsn(row["position"]), row["mark"])
        except JutongError:
            continue
        if slot is None or slot.lost:
            continue
        with database.connection() as connection:
            connection.execute(_sql.see, {"source": source.name, "behind": slot.behind})
            now = log_kept(connection, source.name)
            if now is not None and now.much:
                found.append(now)
                if not before.much:
                    _alarm(connection, row, now)
    return found


def _kept(row: Mapping[str, Any]) -> LogKept:
    return LogKept(
        row["source_name"], row["position"], row["behind"], row["seen_at"], row["kind"] == "postgres"
    )


def _alarm(connection: Connection, row: Mapping[str, Any], now: LogKept) -> None:
    steward = connection.execute(_sql.steward).fetchone()
    told = {row["department_code"]} | ({str(steward["code"])} if steward else set())
    for code in sorted(told):
        notify(
            connection,
            to_department=code,
            subject=f"日志积压：{row['label']}",
            body=f"{now.sentence}。见 /sources/{now.source}",
        )
