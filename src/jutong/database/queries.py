"""Named SQL: ``queries.sql`` beside a module, each query under a ``-- name: find_entry`` line with its comment."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, LiteralString, cast

from psycopg import sql

_NAME = re.compile(r"^--\s*name:\s*([a-z_][a-z0-9_]*)\s*$", re.MULTILINE)


class NamedSql:
    """The queries of one file as attributes; a name that is not there raises AttributeError at first use."""

    def __init__(self, file: Path) -> None:
        text = file.read_text(encoding="utf-8")
        names = list(_NAME.finditer(text))
        ends = [name.start() for name in names[1:]] + [len(text)]
        self._file = file
        self._queries = {
            name[1]: sql.SQL(_trusted(text[name.end() : end].strip()))
            for name, end in zip(names, ends, strict=True)
        }

    def __getattr__(self, name: str) -> sql.SQL:
        try:
            return self._queries[name]
        except KeyError:
            raise AttributeError(f"no query named {name} in {self._file}") from None

    def __iter__(self) -> object:
        return iter(self._queries)


def _trusted(text: str) -> LiteralString:
    """SQL from a file we ship is as trusted as a literal in our code; the type checker cannot see that."""
    return cast("LiteralString", cast("Any", text))


def named_sql(module_file: str, file: str = "queries.sql") -> NamedSql:
    """The SQL file that stands beside the calling module (pass ``__file__``)."""
    return NamedSql(Path(module_file).with_name(file))
