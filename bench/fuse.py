"""Fusing legal entities from three sources of ``rows`` each, and one per cent of new rows after that.

The sources are the sample city's market, tax and social-security tables at full overlap, as refining leaves them.
Limit: the deterministic joins alone, by hand, over the same rows.  Peer: bare Splink on the same blocking and model,
without anything kept.
"""

from __future__ import annotations

import resource
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

import duckdb
import psycopg

from bench.measure import Result
from jutong.city import legal_entity
from jutong.city.making import Span, rows_sql
from jutong.city.plan import CityPlan, plan
from jutong.city.shaping import shape
from jutong.city.subjects import prepare
from jutong.database import Database, EmbeddedPostgres, open_database
from jutong.elements import element_of
from jutong.fuse import declare_register, fuse
from jutong.fuse.matching import records_sql
from jutong.fuse.register import Register
from jutong.settings import Settings, read_settings
from jutong.store import DatasetSpec, Store
from jutong.terms import DatasetName, Item, quote

#: One row in so many is new in the incremental measurement.
_NEW = 100


@contextmanager
def city(rows: int) -> Iterator[tuple[Database, Store, Settings, Register]]:
    """A control database and a lake with the three standard datasets filled."""
    home = Path(tempfile.mkdtemp(prefix="jutong-bench-fuse-"))
    server = EmbeddedPostgres(home / "postgres")
    server.start()
    try:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("CREATE DATABASE bench")
        settings = replace(
            read_settings(home / "city", {}), database_url=server.url("bench"), lake_memory="3GB"
        )
        settings.home.mkdir()
        with open_database(settings) as database, Store.open(database, settings) as store:
            register = replace(legal_entity(), designated={})
            with database.connection() as connection:
                declare_register(connection, register)
            fill(register, store, rows)
            yield database, store, settings, register
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


def fill(register: Register, store: Store, rows: int) -> None:
    for source in register.sources:
        table = DatasetName.parse(source.dataset).table
        spec, sql = standard(table, 0, rows - rows // _NEW, rows)
        store.declare([spec])
        _write(store, spec, sql, f"bench:{table}", first=True)


def more(register: Register, store: Store, rows: int) -> None:
    """The last one per cent of every source arrives."""
    for source in register.sources:
        table = DatasetName.parse(source.dataset).table
        spec, sql = standard(table, rows - rows // _NEW, rows, rows)
        _write(store, spec, sql, f"bench:{table}:more", first=False)


def _write(store: Store, spec: DatasetSpec, sql: str, commit: str, *, first: bool) -> None:
    with duckdb.connect() as duck, store.writing(commit, spec.name, author="bench") as writer:
        prepare(duck)
        writer.register("given", duck.execute(sql).to_arrow_reader(100_000))
        if first:
            writer.append(spec.name, "SELECT * FROM given")
        else:
            writer.run("CREATE TEMP TABLE arriving AS SELECT * FROM given")
            writer.merge(spec.name, "SELECT * FROM arriving")


def standard(table: str, first: int, last: int, rows: int) -> tuple[DatasetSpec, str]:
    """Rows ``first`` ≤ i < ``last`` of a table that holds ``rows``, cleaned and cast as refining does."""
    whole = plan(1.0)
    made = replace(whole.table(table), rows=rows)
    city = CityPlan(1.0, (made,), whole.people, max(rows, 1))
    form = shape(made.template, made.source.kind)
    items, columns = [], []
    for column in form.columns:
        element = element_of(column.element, column.made.type)
        text = element.clean(f"CAST({quote(column.name)} AS VARCHAR)")
        columns.append(f"{element.cast(f'({text})')} AS {quote(column.name)}")
        items.append(Item(column.name, column.name, column.made.type))
    key = made.template.keys[0]
    spec = DatasetSpec(DatasetName.parse(f"standard.{table}"), table, tuple(items), (key,))
    given = rows_sql(city, [Span(made, first, last)], 0)
    sql = (
        f"SELECT * FROM (SELECT {', '.join(columns)} FROM ({given}) WHERE _twice = 0) "
        f"WHERE {quote(key)} IS NOT NULL QUALIFY row_number() OVER (PARTITION BY {quote(key)}) = 1"
    )
    return spec, sql


def run(rows: int) -> Result:
    with city(rows) as (database, store, settings, register):
        limit = by_hand(register, store)
        began = time.perf_counter()
        fused = fuse(register, database=database, store=store, settings=settings)
        seconds = time.perf_counter() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        peer = bare_splink(register, store)
        more(register, store, rows)
        incremental = fuse(register, database=database, store=store, settings=settings)
        whole = fuse(register, database=database, store=store, settings=settings, whole=True)
        extra: dict[str, Any] = {
            "records": fused.records, "entities": fused.entities, "by_likeness": fused.by_likeness,
            "fuse_peak_rss_mb": peak, "incremental_seconds": incremental.seconds, "incremental_reached": incremental.reached,
            "incremental_equals_whole": whole.snapshot is None, "whole_again_seconds": whole.seconds,
        }  # fmt: skip
        return Result(
            "fuse",
            rows,
            seconds,
            "s",
            seconds,
            ("deterministic joins by hand", limit),
            {"bare_splink": peer},
            extra,
        )


def incremental(rows: int) -> Result:
    """``bench fuse_incremental``: seconds for one per cent of new rows; the limit is everything anew."""
    with city(rows) as (database, store, settings, register):
        fuse(register, database=database, store=store, settings=settings)
        more(register, store, rows)
        began = time.perf_counter()
        found = fuse(register, database=database, store=store, settings=settings)
        seconds = time.perf_counter() - began
        whole = fuse(register, database=database, store=store, settings=settings, whole=True)
        extra = {"reached": found.reached, "equals_whole": whole.snapshot is None}
        return Result(
            "fuse_incremental", rows, seconds, "s", seconds, ("everything anew", whole.seconds), {}, extra
        )


def by_hand(register: Register, store: Store) -> float:
    """Read the three sources and join them by code, nothing else."""
    began = time.perf_counter()
    with store.reading() as view:
        parts = " UNION ALL ".join(
            records_sql(register, source, store.spec(source.dataset), view.table(source.dataset))
            for source in register.sources
        )
        # All of it is taken out: an engine that is asked for a count alone leaves the values unread.
        view.arrow(
            "SELECT coalesce(uscc, business_reg_no, org_code) AS code, min(name) AS name, min(legal_rep) AS rep, "
            f"min(address) AS address, min(phone) AS phone, count(*) AS n FROM ({parts}) GROUP BY 1"
        )
    return time.perf_counter() - began


def bare_splink(register: Register, store: Store) -> float:
    """Splink alone over the same records: same blocks plus the codes, same comparisons, then its own clustering."""
    from jutong.fuse.likeness import settings as model
    from jutong.fuse.matching import key_column, needed, record_steps
    from jutong.fuse.steps import MACROS
    from jutong.fuse.steps import run as run_steps

    began = time.perf_counter()
    with duckdb.connect(config={"memory_limit": "4GB", "threads": 2}) as duck, store.reading() as view:
        for macro in MACROS:
            duck.execute(macro)
        duck.execute("CREATE TABLE batch_time (id VARCHAR, received TIMESTAMP)")
        for number, source in enumerate(register.sources):
            sql = records_sql(register, source, store.spec(source.dataset), view.table(source.dataset))
            duck.register("passing", view.reader(sql))
            duck.execute(
                f"{'INSERT INTO' if number else 'CREATE TABLE'} incoming {'' if number else 'AS '}SELECT * FROM passing"
            )
            duck.unregister("passing")
        run_steps(duck, record_steps(register))
        from splink import DuckDBAPI, Linker
        from splink.clustering import cluster_pairwise_predictions_at_threshold

        plain = model(register)
        blocks = [f"b_{n}" for n in range(len(register.likeness.blocks))] + [
            key_column(key) for key in register.keys
        ]
        plain["blocking_rules_to_generate_predictions"] = [
            {"blocking_rule": f"l.{one} = r.{one}", "sql_dialect": "duckdb"} for one in blocks
        ]
        near = ", ".join(
            f"{quote(one.column(feature))} AS {quote(one.column(f'near_{feature}'))}"
            for one in register.likeness.comparisons
            for feature in one.how.sounds
        )
        likely = "record"
        # Features that fusing itself computes only for the records it compares.
        for layer in zip_longest(
            *(one.late(needed(register)) for one in register.likeness.comparisons), fillvalue={}
        ):
            late = {name: sql for columns in layer for name, sql in columns.items()}
            if late:
                likely = f"(SELECT *, {', '.join(f'{sql} AS {quote(name)}' for name, sql in late.items())} FROM {likely})"
        duck.execute(f"CREATE TABLE likely AS SELECT *, {near} FROM {likely}")
        api = DuckDBAPI(connection=duck)
        records = api.register("likely", dataset_display_name="records")
        linker = Linker(records, plain, log_level=None)
        pairs = linker.inference.predict(
            threshold_match_weight=register.likeness.threshold, warning_mode="never"
        )
        linker.clustering.cluster_pairwise_predictions_at_threshold(
            pairs, threshold_match_weight=register.likeness.threshold
        )
        del cluster_pairwise_predictions_at_threshold
    return time.perf_counter() - began
