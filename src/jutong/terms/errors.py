"""The error tree: a sentence for a person, a code for a machine, an address for the clerk.

    JutongError
    ├── BadInput          422  what was given cannot be taken as it is
    ├── NotFound          404
    ├── Unauthenticated   401  who is asking?
    ├── Denied            403  known, but not allowed
    ├── Conflict          409  the world has moved on since you looked
    ├── Unavailable       503  try again later (temporary)
    └── Broken            500  our own promise failed; never expected

The first word of a code is the room that raised it: ``gather.file_empty``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Address:
    """Where in a delivery something stands; rows count from 1 as a clerk's spreadsheet does."""

    file: str | None = None
    sheet: str | None = None
    row: int | None = None
    item: str | None = None

    def __str__(self) -> str:
        parts = (
            self.file,
            f"工作表「{self.sheet}」" if self.sheet is not None else None,
            f"第 {self.row} 行" if self.row is not None else None,
            f"「{self.item}」" if self.item is not None else None,
        )
        return " · ".join(part for part in parts if part)


class JutongError(Exception):
    """Something the caller should be told in one sentence."""

    status: ClassVar[int] = 500
    #: Whether the same call may succeed later without anybody changing anything.
    temporary: ClassVar[bool] = False

    def __init__(self, code: str, sentence: str, address: Address | None = None) -> None:
        super().__init__(code, sentence, address)
        self.code = code
        self.sentence = sentence
        self.address = address

    def __str__(self) -> str:
        where = f"（{self.address}）" if self.address and str(self.address) else ""
        return f"{self.sentence}{where} [{self.code}]"


class BadInput(JutongError):
    status = 422


class NotFound(JutongError):
    status = 404


class Unauthenticated(JutongError):
    status = 401


class Denied(JutongError):
    status = 403


class Conflict(JutongError):
    status = 409


class Unavailable(JutongError):
    status = 503
    temporary = True


class Broken(JutongError):
    status = 500
