"""Which folder answers for which kind of source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jutong.outside.csv import CsvFolder
from jutong.outside.excel import ExcelFolder
from jutong.outside.files import FileFolder
from jutong.outside.http import HttpSource
from jutong.outside.postgres import PostgresSource
from jutong.outside.reading import Source
from jutong.outside.sqlite import SqliteSource
from jutong.terms import BadInput

#: Kinds a source may have, in the order forms list them, with their label.
KINDS = {
    "postgres": "PostgreSQL 数据库",
    "mysql": "MySQL 数据库",
    "sqlite": "SQLite 文件",
    "http": "HTTP 接口",
    "csv": "CSV 文件",
    "excel": "Excel 工作簿",
    "file": "文件（各种格式）",
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
    if kind == "http":
        return HttpSource(config, secret)
    if kind == "sqlite":
        return SqliteSource(config)
    if kind == "csv":
        return CsvFolder(config)
    if kind == "excel":
        return ExcelFolder(config)
    if kind == "file":
        return FileFolder(config)
    raise BadInput("outside.kind_unknown", f"没有「{kind}」这种数据源，可用的有 {'、'.join(KINDS)}")
