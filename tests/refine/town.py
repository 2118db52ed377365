"""A small town for refining: tables declared as rows, batches landed straight into the raw zone."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from psycopg.types.json import Jsonb

from jutong.database import Database
from jutong.refine import Refinement, refine
from jutong.store import DatasetSpec, Store
from jutong.terms import DatasetName, Item, Zone

_numbers = itertools.count(1)
Rows = Sequence[Mapping[str, Any]]


@dataclass
class Town:
    database: Database
    store: Store

    def table(
        self,
        items: Sequence[Mapping[str, Any]],
        keys: Sequence[str] = ("no",),
        *,
        mode: str = "full",
        watermark: str | None = None,
        department: str = "D23",
    ) -> str:
        """Declare a source table and its raw dataset; returns its name. ``raw`` in an item is the raw type."""
        name = f"t{next(_numbers)}"
        with self.database.connection() as connection:
            connection.execute(
                "INSERT INTO department (code, name, short_name, kind) VALUES (%s, %s, %s, 'department') ON CONFLICT DO NOTHING",
                (department, f"部门{department}", f"部门{department}"),
            )
            connection.execute(
                "INSERT INTO source (name, department_code, kind, label) VALUES (%s, %s, 'csv', %s) ON CONFLICT DO NOTHING",
                (f"s_{department.lower()}", department, "源"),
            )
            connection.execute(
                "INSERT INTO source_table (name, source_name, label, locator, mode, watermark_item, keys, items) "
                "VALUES (%s, %s, %s, '{}', %s, %s, %s, %s)",
                (
                    name,
                    f"s_{department.lower()}",
                    f"表{name}",
                    mode,
                    watermark,
                    list(keys),
                    Jsonb([dict(item) for item in items]),
                ),
            )
        columns = tuple(Item(item["name"], item["label"], item.get("raw", "text")) for item in items)
        spec = DatasetSpec(
            DatasetName(Zone.RAW, name),
            name,
            (Item("_batch", "批次"), Item("_row", "行号", "integer"), *columns),
        )
        self.store.declare([spec])
        return name

    def land(self, table: str, rows: Rows, *, given: int | None = None, row_offset: int = 0) -> str:
        """A batch with these rows, received now; ``given`` lies about their number."""
        number = next(_numbers)
        batch = f"r{number}.{table}"
        spec = self.store.spec(f"raw.{table}")
        names = [item.name for item in spec.content]
        kinds = {
            "text": pa.string(),
            "integer": pa.int64(),
            "date": pa.date32(),
            "timestamp": pa.timestamp("us"),
        }
        arrays = {
            item.name: pa.array(
                [row.get(item.name) for row in rows], kinds.get(item.type) or pa.decimal128(18, 2)
            )
            for item in spec.content
        }
        data = pa.table(
            {
                "_batch": pa.array([batch] * len(rows), pa.string()),
                "_row": pa.array(range(1, len(rows) + 1), pa.int64()),
                **arrays,
            }
        )
        with self.store.writing(f"gather:{batch}", spec.name, author="tests") as writer:
            writer.register("landed", data)
            writer.append(spec.name, f"SELECT _batch, _row, {', '.join(names)} FROM landed")
        received = dt.datetime(2025, 6, 1, 9, tzinfo=dt.UTC) + dt.timedelta(minutes=number)
        with self.database.connection() as connection:
            connection.execute(
                "INSERT INTO batch (id, source_table, run_id, mode, given, content_hash, snapshot, row_offset, started_at, received_at, state) "
                "SELECT %s, name, %s, mode, %s, '', 0, %s, %s, %s, 'received' FROM source_table WHERE name = %s",
                (
                    batch,
                    f"r{number}",
                    len(rows) if given is None else given,
                    row_offset,
                    received,
                    received,
                    table,
                ),
            )
        return batch

    def refine(self, *batches: str, **options: Any) -> list[Refinement]:
        return refine(list(batches) or None, database=self.database, store=self.store, **options)

    def rows(self, table: str, columns: str = "*") -> list[dict[str, Any]]:
        """The standard rows by row number."""
        with self.store.reading() as reading:
            return reading.rows(
                f"SELECT {columns} FROM {reading.table(f'standard.{table}')} ORDER BY _batch, _row"
            )

    def issues(self, batch: str) -> list[tuple[int, str, str, str | None]]:
        """(row, item, rule, value given)"""
        with self.store.reading() as reading:
            rows = reading.rows(
                f"SELECT row_no, item, rule, value_given FROM {reading.table('standard.issue')} WHERE batch = ? ORDER BY ALL",
                [batch],
            )
        return [(row["row_no"], row["item"], row["rule"], row["value_given"]) for row in rows]

    def state(self, batch: str) -> str:
        with self.database.connection() as connection:
            row = connection.execute("SELECT state FROM batch WHERE id = %s", (batch,)).fetchone()
        assert row
        return str(row["state"])
