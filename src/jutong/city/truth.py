"""The truth under ``DIR/truth``: what was written, every error that was seeded, who each company really is.

Only this package writes it and only evaluation reads it; the pipeline never does.  One folder per round, three
Parquet files per source, so that making a source again replaces its truth whole:

- ``rows``: one line per table: rows in the source after the round, rows its delivery must give, removed rows;
- ``errors``: one line per seeded error and per doubled row;
- ``entities``: which company or person (``entity``) each row of the tables fused into registers is about; a licence
  or a fact of credit is an entity of its own, ``holder`` says whose.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from jutong.city.dirt import DUPLICATES
from jutong.city.plan import TablePlan
from jutong.city.shaping import Shape

#: Lines held back before they are written together.
_HELD = 100_000

Places = npt.NDArray[np.integer]
Kind = Literal["rows", "errors", "entities"]


def _schema(fields: Mapping[str, Any]) -> pa.Schema:
    return pa.schema([pa.field(name, kind) for name, kind in fields.items()])


_ROWS = _schema({
    "source_table": pa.string(), "source": pa.string(), "department_code": pa.string(),
    "round": pa.int32(), "mode": pa.string(),
    "rows_written": pa.int64(), "rows_given": pa.int64(), "rows_removed": pa.int64(),
})  # fmt: skip
_ERRORS = _schema({
    "source_table": pa.string(), "department_code": pa.string(), "round": pa.int32(),
    "row_no": pa.int64(), "key": pa.string(), "item": pa.string(), "kind": pa.string(),
    "rule": pa.string(), "outcome": pa.string(), "given": pa.string(), "meant": pa.string(),
})  # fmt: skip
_ENTITIES = _schema({
    "source_table": pa.string(), "round": pa.int32(), "key": pa.string(), "entity": pa.int64(),
    "rejected": pa.bool_(), "holder": pa.int64(),
})  # fmt: skip
SCHEMAS: dict[str, pa.Schema] = {"rows": _ROWS, "errors": _ERRORS, "entities": _ENTITIES}


@dataclass
class Witness:
    """Takes down the truth about one source while its rows are written; ``close`` puts the files in place."""

    home: Path
    source: str
    round_no: int
    _writers: dict[str, pq.ParquetWriter] = field(default_factory=dict)
    _held: dict[str, list[pa.Table]] = field(default_factory=dict)
    _places: dict[str, int] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, problem: type[BaseException] | None, *_: object) -> None:
        if problem is None:
            self.close()
        else:
            self.abandon()

    def saw(self, table: TablePlan, form: Shape, rows: pa.Table) -> None:
        """Rows as they are written, in writing order, with the facts of ``rows_sql``."""
        before = self._places.get(table.name, 0)
        self._places[table.name] = before + rows.num_rows
        fault, twice = (rows[name].to_numpy() for name in ("_fault", "_twice"))
        wrong = np.flatnonzero((fault > 0) | (twice > 0))
        if wrong.size:
            # Behind the table's faults stand the two ways of doubling; no row is both at fault and doubled.
            which = np.where(twice > 0, len(form.faults) + twice, fault)[wrong] - 1
            facts = rows.select(["_key", "_given", "_meant"]).take(wrong)
            self._write("errors", self._errors(table, form, facts, which, wrong + before + 1))
        if table.template.fused:
            rejecting = [n for n, fault in enumerate(form.faults, start=1) if fault.kind.outcome == "reject"]
            self._write("entities", pa.table({
                "source_table": _repeated(table.name, rows.num_rows), "round": _round(self.round_no, rows.num_rows),
                "key": rows["_key"], "entity": rows["_subject"], "rejected": np.isin(fault, rejecting), "holder": rows["_holder"],
            }))  # fmt: skip

    def counted(self, table: TablePlan, written: int, given: int, removed: int) -> None:
        self._write("rows", pa.table({
            "source_table": [table.name], "source": [self.source], "department_code": [table.unit],
            "round": [self.round_no], "mode": [table.mode],
            "rows_written": [written], "rows_given": [given], "rows_removed": [removed],
        }))  # fmt: skip

    def _errors(
        self, table: TablePlan, form: Shape, facts: pa.Table, which: Places, row_no: Places
    ) -> pa.Table:
        kinds: list[tuple[str, ...]] = [
            (fault.column.name, fault.kind.name, fault.kind.rule, fault.kind.outcome) for fault in form.faults
        ]
        kinds += [(table.template.keys[0], name, rule, "duplicate") for name, rule, _ in DUPLICATES]
        count = facts.num_rows
        item, kind, rule, outcome = (
            np.array(values, dtype=object)[which] for values in zip(*kinds, strict=True)
        )
        return pa.table({
            "source_table": _repeated(table.name, count), "department_code": _repeated(table.unit, count),
            "round": _round(self.round_no, count), "row_no": row_no, "key": facts["_key"], "item": item,
            "kind": kind, "rule": rule, "outcome": outcome, "given": facts["_given"], "meant": facts["_meant"],
        })  # fmt: skip

    def _write(self, kind: Kind, rows: pa.Table) -> None:
        held = self._held.setdefault(kind, [])
        held.append(rows.select(SCHEMAS[kind].names).cast(SCHEMAS[kind]))
        if sum(part.num_rows for part in held) > _HELD:
            self._flush(kind)

    def _flush(self, kind: str) -> None:
        if kind not in self._writers:
            path = self._path(kind, new=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._writers[kind] = pq.ParquetWriter(path, SCHEMAS[kind], compression="zstd")
        self._writers[kind].write_table(pa.concat_tables(self._held.pop(kind)))

    def close(self) -> None:
        for kind in tuple(self._held):
            self._flush(kind)
        for kind, writer in self._writers.items():
            writer.close()
            os.replace(self._path(kind, new=True), self._path(kind))

    def abandon(self) -> None:
        for kind, writer in self._writers.items():
            writer.close()
            self._path(kind, new=True).unlink(missing_ok=True)

    def _path(self, kind: str, *, new: bool = False) -> Path:
        return (
            truth_folder(self.home)
            / f"round-{self.round_no:03d}"
            / f"{self.source}.{kind}.parquet{'.new' if new else ''}"
        )


def truth_folder(home: Path) -> Path:
    return home / "truth"


def truth(home: Path, kind: Kind, round_no: int | None = None) -> pa.Table:
    """The truth of one round or of all; for evaluation only."""
    rounds = f"round-{round_no:03d}" if round_no is not None else "round-*"
    files = sorted(truth_folder(home).glob(f"{rounds}/*.{kind}.parquet"))
    tables = [pq.read_table(file) for file in files]
    return pa.concat_tables(tables) if tables else SCHEMAS[kind].empty_table()


def _repeated(value: str, count: int) -> Any:
    return pa.repeat(pa.scalar(value, pa.string()), count)


def _round(round_no: int, count: int) -> Any:
    return pa.repeat(pa.scalar(round_no, pa.int32()), count)
