"""How far a delivery has come, as the receiver itself knows it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from jutong.share.outgoing import Key

CONTROL_TABLE = "jutong_delivery"


@dataclass(frozen=True)
class Checkpoint:
    """One row of the receiver's control table."""

    delivery: str
    table_name: str
    #: Outgoing.signature of what the live table holds, or of what the running full load will make it hold.
    signature: str
    #: The columns that are ours in it; any other column of the table is the receiver's own.
    columns: tuple[str, ...]
    #: Lake snapshot the live table stands at; None until the first load is swapped in.
    snapshot: int | None = None
    #: The run under way, or the last one.  Of a full run it is also the generation of the table it fills.
    run: str = ""
    #: full, incremental or difference.
    kind: str = ""
    from_snapshot: int | None = None
    to_snapshot: int | None = None
    #: idle; of a full run load, keyed, swapped; of an incremental one delete, upsert; compare of a difference.
    phase: str = "idle"
    #: Chunks of the run that are committed.
    chunk: int = 0
    #: Last key the phase has dealt with.
    last_key: Key | None = None
    #: The attempt that committed the last chunk: what the ledger is told (see metering).
    attempt: str = ""
    #: Rows the run has written and removed, then since the delivery began.
    upserted: int = 0
    deleted: int = 0
    upserted_total: int = 0
    deleted_total: int = 0

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """``columns`` is an array where the database has arrays, and JSON elsewhere."""
        values = {field.name: row[field.name] for field in fields(cls)}
        if values["last_key"] is not None:
            values["last_key"] = tuple(json.loads(values["last_key"]))
        columns = values["columns"]
        return cls(
            **{**values, "columns": tuple(json.loads(columns) if isinstance(columns, str) else columns)}
        )

    def to_row(self) -> dict[str, Any]:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        if self.last_key is not None:
            values["last_key"] = json.dumps(self.last_key, ensure_ascii=False)
        return {**values, "columns": list(self.columns)}
