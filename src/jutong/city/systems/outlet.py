"""What the three kinds of systems have in common: a table is begun, filled part by part, and the whole finished."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol, Self

import pyarrow as pa

from jutong.city.plan import TablePlan
from jutong.city.shaping import Shape


@dataclass(frozen=True)
class Mark:
    """What a system holds: of which city, after which round. There only when it holds all of it."""

    scale: float
    round: int

    def to_text(self) -> str:
        return json.dumps({"city": asdict(self)})

    @classmethod
    def from_text(cls, text: str | None) -> Self | None:
        try:
            return cls(**json.loads(text or "")["city"])
        except (ValueError, KeyError, TypeError):
            return None


class Outlet(Protocol):
    """A system being filled. Nothing of it is to be seen before ``finish``; a killed one leaves no mark."""

    def write(self, table: TablePlan, form: Shape, rows: pa.Table) -> None: ...

    def finish(self, mark: Mark) -> None: ...

    def abandon(self) -> None: ...


def outside_folder(home: Path) -> Path:
    """Where the departments' files lie, one folder per source."""
    return home / "outside"


def own_columns(form: Shape, rows: pa.Table) -> pa.Table:
    """The table as its source shows it: own columns only, under the source's headers."""
    return rows.select([column.name for column in form.columns]).rename_columns(
        [column.header for column in form.columns]
    )
