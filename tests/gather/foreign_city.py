"""Declares a source and its tables under fresh names, takes them, and looks at what landed."""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import Any

import psycopg

from jutong.database import Database
from jutong.gather import (
    Batch,
    Source,
    SourceTable,
    declare_sources,
    find_tables,
    take_arrivals,
    take_many,
)
from jutong.store import Store

Foreign = psycopg.Connection[tuple[Any, ...]]


class City:
    """Declares a source and its tables under fresh names, and takes them."""

    def __init__(self, database: Database, store: Store, home: Path) -> None:
        self.database, self.store, self.home = database, store, home
        self.tag = secrets.token_hex(4)
        self.source = f"s_{self.tag}"

    def name(self, table: str) -> str:
        return f"{table}_{self.tag}"

    def declare(self, kind: str, config: dict[str, Any], *tables: dict[str, Any], **source: Any) -> None:
        with self.database.connection() as connection:
            declare_sources(
                connection,
                [Source(self.source, "D23", kind, "源", config, **source)],
                [
                    SourceTable(
                        **{
                            "label": "表",
                            "source_name": self.source,
                            **table,
                            "name": self.name(table["name"]),
                        }
                    )
                    for table in tables
                ],
            )

    def take(self, run: str | None = None, **options: Any) -> dict[str, Batch]:
        with self.database.connection() as connection:
            tables = find_tables(connection, self.source)
        batches = take_many(
            tables, database=self.database, store=self.store, home=self.home, run_id=run, **options
        )
        return {batch.source_table.removesuffix(f"_{self.tag}"): batch for batch in batches}

    def take_all_that_came(self) -> None:
        """Until nothing whole waits: what a portal is taking this moment is left to it, and looked for again."""
        whole = "SELECT count(*) AS n FROM arrival WHERE state = 'whole' AND source_table LIKE %s"
        while True:
            take_arrivals(self.database, self.store, self.home)
            with self.database.connection() as connection:
                row = connection.execute(whole, (f"%{self.tag}",)).fetchone()
            if not row or not row["n"]:
                return
            time.sleep(0.1)

    def rows(self, table: str, columns: str = "*", order: str = "_batch, _row") -> list[tuple[Any, ...]]:
        with self.store.reading() as view:
            name = view.table(f"raw.{self.name(table)}")
            return [
                tuple(row.values()) for row in view.rows(f"SELECT {columns} FROM {name} ORDER BY {order}")
            ]
