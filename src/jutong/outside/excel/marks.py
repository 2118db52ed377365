"""Cells whose value alone does not say how they are shown."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Marks:
    """Cells by (row, column), both from 0: how wide the zeros are, and which hold an error."""

    padded: dict[tuple[int, int], int] = field(default_factory=dict)
    errors: list[tuple[int, int]] = field(default_factory=list)
