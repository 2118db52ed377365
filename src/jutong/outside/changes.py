"""What a source's log tells, whichever system wrote it: transactions of changes, each at its place in the log."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

Name = tuple[str, str]
"""(schema, table)"""


class Unchanged:
    """Stands for a long value that an UPDATE left alone, and that the server therefore does not repeat."""

    def __repr__(self) -> str:
        return "UNCHANGED"


UNCHANGED = Unchanged()
Value = str | None | Unchanged


@dataclass(frozen=True)
class Relation:
    schema: str
    table: str
    columns: tuple[str, ...]
    #: Whether each column is part of the replica identity.
    keys: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """``op``: insert, update, delete, truncate.  ``values`` in the relation's order, as the server's text; of a
    delete only the identity is told for sure."""

    op: Literal["i", "u", "d", "t"]
    relation: Relation
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Transaction:
    """``end``: the log position behind its commit, by which it is known."""

    end: int
    at: dt.datetime
    changes: list[Change]


@dataclass(frozen=True)
class Slot:
    """Where a source stands for us.  ``confirmed``: everything before it is done with; ``behind``: bytes of log
    between there and its end; ``why`` the log cannot be followed any more, in words."""

    confirmed: int
    behind: int
    lost: bool
    active: bool
    why: str = ""


def lsn(text: str) -> int:
    """``16/B374D848`` as a number."""
    high, _, low = text.partition("/")
    return (int(high, 16) << 32) + int(low, 16)


def lsn_text(position: int) -> str:
    return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"
