"""The legal-entity register of the sample city: its truth is found, at every scale."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from jutong.city.making import Span, rows_sql
from jutong.city.plan import plan
from jutong.city.registers import legal_entity
from jutong.city.shaping import shape
from jutong.city.subjects import prepare
from jutong.database import Database
from jutong.elements import REJECT, element_of
from jutong.fuse import Register, declare_register, evaluate, fuse
from jutong.settings import Settings
from jutong.store import DatasetSpec, Store
from jutong.terms import DatasetName, Item, quote


@pytest.fixture(scope="module")
def store(database: Database, settings: Settings) -> Iterator[Store]:
    with Store.open(database, settings) as opened:
        yield opened


def standardise(scale: float, store: Store, truth: Path, register: Register | None = None) -> None:
    """A register's rows as refining leaves them: cleaned, cast, what is to be rejected left out."""
    city = plan(scale)
    (truth / "round-000").mkdir(parents=True)
    declared = (register or legal_entity()).sources
    for table in city.tables:
        dataset = f"standard.{table.name}"
        source = next((one for one in declared if one.fits(dataset)), None)
        if source is None:
            continue
        form = shape(table.template, table.source.kind)
        with duckdb.connect() as duck:
            prepare(duck)
            duck.execute(f"CREATE TABLE given AS {rows_sql(city, [Span(table, 0, table.rows)], 0)}")
            known = {row[0] for row in duck.execute("DESCRIBE given").fetchall()}
            elements = {
                column.name: element_of(column.element, column.made.type)
                for column in form.columns
                if column.name in known
            }
            cleaned = ", ".join(
                f"{element.clean(f'CAST({quote(name)} AS VARCHAR)')} AS {quote(name)}"
                for name, element in elements.items()
            )
            wrong = [
                f"coalesce({check.fails(quote(name), f'({element.cast(quote(name))})')}, false)"
                for name, element in elements.items()
                for check in element.checks
                if check.severity == REJECT and name != "updated_at"
            ]
            subject = "_subject" if "_subject" in known else "subject"
            (key,) = table.template.keys
            duck.execute(
                f"CREATE TABLE standard AS SELECT * FROM (SELECT {cleaned}, {subject} AS really FROM given) "
                f"WHERE NOT ({' OR '.join(wrong) or 'false'}) QUALIFY row_number() OVER (PARTITION BY {quote(key)}) = 1 "
                f"AND {quote(key)} IS NOT NULL"
            )
            items = [
                Item(name, name, column.made.type)
                for column in form.columns
                if (name := column.name) in elements
            ]
            typed = ", ".join(
                f"{elements[item.name].cast(quote(item.name))} AS {quote(item.name)}" for item in items
            )
            store.declare(
                [DatasetSpec(DatasetName.parse(dataset), source.label, tuple(items), (key,), table.unit)]
            )
            with store.writing(f"standard:{table.name}:{scale}", dataset, author="test") as writer:
                writer.register("given", duck.execute(f"SELECT {typed} FROM standard").to_arrow_table())
                writer.append(dataset, "SELECT * FROM given")
            pq.write_table(
                duck.execute(
                    f"SELECT '{table.name}' AS source_table, 0 AS round, {quote(key)} AS key, really AS entity, "
                    "false AS rejected, CAST(NULL AS BIGINT) AS holder FROM standard"
                ).to_arrow_table(),
                truth / "round-000" / f"{table.name}.entities.parquet",
            )


def found_well(scale: float, database: Database, store: Store, settings: Settings, truth: Path) -> None:
    standardise(scale, store, truth)
    register = legal_entity()
    with database.connection() as connection:
        declare_register(connection, register)
    fused = fuse(register, database=database, store=store, settings=settings)
    found = evaluate(register.name, truth, database=database, store=store)
    assert fused.by_likeness
    assert fused.records == found.records
    assert found.pair_f1 >= 0.99
    assert found.cluster_f1 >= 0.99


def test_the_sample_citys_entities_are_found(
    database: Database, store: Store, settings: Settings, tmp_path: Path
) -> None:
    found_well(0.01, database, store, settings, tmp_path)


@pytest.mark.slow
def test_all_942_000_entities_are_found(
    database: Database, store: Store, settings: Settings, tmp_path: Path
) -> None:
    found_well(1.0, database, store, replace(settings, lake_memory="3GB"), tmp_path)
