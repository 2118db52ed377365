"""Cells whose value alone does not say how they are shown, or whether it is a value at all."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Marks:
    """Cells by (row, column), both from 0: how wide the zeros are, which hold an error, which a formula without its
    result, and which a formula whose stored result the file itself says is not one yet."""

    padded: dict[tuple[int, int], int] = field(default_factory=dict)
    errors: list[tuple[int, int]] = field(default_factory=list)
    uncached: list[tuple[int, int]] = field(default_factory=list)
    unsure: list[tuple[int, int]] = field(default_factory=list)
    hidden_rows: int = 0
    #: Rows and columns that cells with a value span from the sheet's first one.
    rows: int = 0
    columns: int = 0

    def reach(self, rows: int, columns: int) -> None:
        self.rows, self.columns = max(self.rows, rows), max(self.columns, columns)
