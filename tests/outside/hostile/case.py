"""One hostile file: its bytes, what is declared of it, and its truth: rows, or a refusal with its place."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Rows = list[list[str | None]]


@dataclass(frozen=True)
class Case:
    name: str
    #: What the file is called; its ending is what a clerk gave it.
    file: str
    content: bytes = field(repr=False)
    #: Column names and rows, or None where it must be refused.
    columns: list[str] | None = None
    rows: Rows | None = None
    #: Code (without the room) and row of the refusal; row None is not looked at.
    refused: tuple[str, int | None] | None = None
    declared: dict[str, Any] = field(default_factory=dict)
    #: Codes of notices that must be among those given, with their rows.
    noticed: tuple[tuple[str, int | None], ...] = ()
    #: The row a clerk sees for each row of data, where it matters.
    clerk_rows: tuple[int, ...] | None = None
