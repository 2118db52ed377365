"""Which folder answers for which kind of source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, Self

from jutong.outside.changes import Name, Slot, Transaction
from jutong.outside.csv import CsvFolder
from jutong.outside.excel import ExcelFolder
from jutong.outside.files import FileFolder
from jutong.outside.http import HttpSource
from jutong.outside.postgres import PostgresCapture, PostgresSource
from jutong.outside.reading import Found, Reading, Since, Source
from jutong.outside.remote import REMOTE_KINDS, RemoteFolder, open_remote
from jutong.outside.sqlite import SqliteSource
from jutong.terms import BadInput

#: Kinds a source may have, in the order forms list them, with their label.
KINDS = {
    "postgres": "PostgreSQL 数据库",
    "mysql": "MySQL 数据库",
    "sqlite": "SQLite 文件",
    "dialect": "其他数据库（SQLAlchemy）",
    "http": "HTTP 接口",
    "dlt": "dlt 数据源",
    "csv": "CSV 文件",
    "excel": "Excel 工作簿",
    "file": "文件（各种格式）",
    "sftp": "SFTP 目录",
    "ftp": "FTP 目录",
    "s3": "S3 对象存储",
}


def open_source(kind: str, config: Mapping[str, Any], secret: str | None = None) -> Source:
    """Reach a source; for a database this connects and begins one consistent snapshot.

    Raises BadInput for a config that cannot work, Unavailable ``outside.postgres_unreachable``.
    """
    if kind == "postgres":
        return PostgresSource(config, secret)
    if kind == "mysql":
        from jutong.outside.mysql import MysqlSource

        return MysqlSource(config, secret)
    if kind == "dialect":
        return _dialect(config, secret)
    if kind == "http":
        return HttpSource(config, secret)
    if kind == "dlt":
        from jutong.outside.dlt import DltSource

        return DltSource(config, secret)
    if kind == "sqlite":
        return SqliteSource(config)
    if kind == "csv":
        return _Given(CsvFolder(config), config)
    if kind == "excel":
        return _Given(ExcelFolder(config), config)
    if kind == "file":
        return FileFolder(config)
    if kind in REMOTE_KINDS:
        return _Given(RemoteFolder(lambda: open_remote(kind, config, secret)), {})
    raise BadInput("outside.kind_unknown", f"没有「{kind}」这种数据源，可用的有 {'、'.join(KINDS)}")


class Capture(Protocol):
    """A source whose log tells changes.  Positions are numbers that only grow, told as ``lsn_text``."""

    def missing(self, tables: Sequence[Name], *, only_look: bool = False) -> list[str]:
        """What must be seen to before these tables can be captured, in sentences."""
        ...

    def kept(self, prefix: str) -> int | None:
        """Bytes of log the server keeps for slots of this name; None where it keeps its log by its own rules."""
        ...

    def slot(self, name: str, position: int = 0, mark: str = "") -> Slot | None: ...

    def make_slot(self, name: str) -> int:
        """Where it begins: what committed before is seen by every reading from now on, the rest is told."""
        ...

    def drop_slot(self, name: str) -> None: ...

    def mark(self, position: int) -> str:
        """What proves later that ``position`` still means the same place."""
        ...

    def settle(self, position: int) -> None:
        """Returns when every reading that begins now sees what the log tells before ``position``."""
        ...

    def now(self) -> int: ...

    def bounds(self, position: int, upto: int, tables: Sequence[Name]) -> tuple[int, dict[Name, str]]:
        """How far to follow, and the tables whose changes up to there cannot be read, with the reason."""
        ...

    def peek(self, slot: str, position: int, upto: int, limit: int) -> Iterator[Transaction]:
        """Whole transactions behind ``position``; about ``limit`` changes, never half of one."""
        ...

    def advance(self, slot: str, to: int) -> None: ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *problem: object) -> None: ...


def capturable(kind: str) -> bool:
    return kind in ("postgres", "mysql")


def open_capture(kind: str, config: Mapping[str, Any], secret: str | None, source: str) -> Capture:
    """Raises BadInput ``outside.kind_unknown`` for a kind without a log, Unavailable when it cannot be reached."""
    if kind == "postgres":
        return PostgresCapture(config, secret, source)
    if kind == "mysql":
        from jutong.outside.mysql import MysqlCapture

        return MysqlCapture(config, secret)
    raise BadInput("outside.kind_unknown", f"「{kind}」这种数据源没有可以捕获的日志")


def default_schema(kind: str, config: Mapping[str, Any]) -> str:
    """The schema of a table whose locator names none."""
    if kind == "mysql":
        from jutong.outside.mysql import parts_of

        return str(parts_of(config).get("database") or "")
    return "public"


def _dialect(config: Mapping[str, Any], secret: str | None) -> Source:
    """SQLAlchemy is an extra. Raises BadInput ``outside.extra_missing``."""
    try:
        from jutong.outside.dialects import DialectSource
    except ImportError:
        raise BadInput(
            "outside.extra_missing", "这种数据源要另装：pip install 'jutong[sqlalchemy]' 和数据库的驱动"
        ) from None
    return DialectSource(config, secret)


class _Given:
    """A folder of one kind of files, into whose tables a file of any kind may also be given by hand."""

    def __init__(self, folder: Source, config: Mapping[str, Any]) -> None:
        self._folder = folder
        self._given = FileFolder({name: value for name, value in config.items() if name != "folder"})

    def find(self) -> list[Found]:
        return self._folder.find()

    def file(self, locator: Mapping[str, Any]) -> Path | None:
        return self._of(locator).file(locator)

    def read(
        self, locator: Mapping[str, Any], *, since: Since | None = None, file: Path | None = None
    ) -> Reading:
        return self._of(locator).read(locator, since=since, file=file)

    def close(self) -> None:
        self._folder.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()

    def _of(self, locator: Mapping[str, Any]) -> Source:
        return self._given if "folder" in locator else self._folder
