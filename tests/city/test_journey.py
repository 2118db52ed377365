"""The sample city through gathering, refining and fusing, held against its truth."""

from __future__ import annotations

import secrets
from collections import defaultdict
from dataclasses import asdict, replace

import psycopg
import pytest

from jutong import fuse, gather, people, refine
from jutong.city import (
    advance,
    departments,
    evaluate_dirt,
    legal_entity,
    plan,
    rule_set_uses,
    source_tables,
    sources,
    write_sources,
    wrongly_cleaned,
)
from jutong.database import open_database
from jutong.settings import read_settings
from jutong.store import Store
from jutong.terms import DatasetName, Zone

SCALE = 0.0005


@pytest.fixture
def whole(cluster, tmp_path):
    """A control database and a home of its own, for a city with all its departments."""
    name = f"whole{secrets.token_hex(4)}"
    with psycopg.connect(cluster.url(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    settings = replace(
        read_settings(tmp_path / "city", {}), database_url=cluster.url(name), lake_memory="1GB"
    )
    with open_database(settings) as database:
        yield settings, database
    with psycopg.connect(cluster.url(), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def declare(database, home, url, units):
    """Departments, these units' systems and tables, their rules, the register."""
    declared = [one for one in sources(home, url, SCALE) if one.department_code in units]
    names = {one.name for one in declared}
    tables = [table for table in source_tables(SCALE) if table.source_name in names]
    kept = {table.name for table in tables}
    with database.connection() as connection:
        people.add_departments(connection, (people.Department(**asdict(one)) for one in departments()))
        gather.declare_sources(connection, declared, tables)
        refine.declare_rule_sets(
            connection, {name: sets for name, sets in rule_set_uses(SCALE).items() if name in kept}
        )
        fuse.declare_register(connection, legal_entity())
    return tables


def carry(database, store, home, tables, run):
    by_source = defaultdict(list)
    for table in tables:
        by_source[table.source_name].append(table)
    for theirs in by_source.values():
        batches = gather.take_many(theirs, database=database, store=store, home=home, run_id=run)
        assert [batch.problem for batch in batches if batch.state == "failed"] == []
    refine.refine(database=database, store=store)


def walk(database, store, settings, url, units):
    """The first round and two more, each held against the truth; the register where its sources are there."""
    home = settings.home
    write_sources(home, url, SCALE, units=units)
    tables = declare(database, home, url, units)
    carry(database, store, home, tables, "r0")
    first = evaluate_dirt(home, database, store)
    assert first.unconserved == ()
    assert wrongly_cleaned(home, store) == []
    assert (first.recall, first.precision) == (1, 1), first.differing
    assert {kind: rates for kind, rates in first.by_kind.items() if min(rates) < 0.995} == {}
    if len(units) == 58:
        fused = fuse.fuse(legal_entity(), database=database, store=store, settings=settings)
        evaluation = fuse.evaluate("legal_entity", home / "truth", database=database, store=store)
        assert min(evaluation.pair_f1, evaluation.cluster_f1) >= 0.99
        # Until a person decides, both sides of a doubtful pair stand for themselves.
        assert store.count(DatasetName(Zone.BASE, "legal_entity")) - fused.doubtful == round(942_000 * SCALE)
        assert 0 < fused.doubtful < 5
        licences = [table for table in plan(SCALE).tables if table.template.group == "licence"]
        counted = sum(store.count(DatasetName(Zone.STANDARD, table.name)) for table in licences)
        assert counted == round(760_000 * SCALE)
    moving = {table.name for table in plan(SCALE).tables if table.delivered}
    for number in (1, 2):
        advance(home, url, SCALE, number)
        carry(database, store, home, [table for table in tables if table.name in moving], f"r{number}")
        later = evaluate_dirt(home, database, store)
        assert later.unconserved == ()
        assert (later.recall, later.precision) == (1, 1), later.differing
    return first


def test_a_database_and_a_workbook_are_carried_and_every_error_is_found(database, settings, world, forget):
    forget()
    with Store.open(database, settings) as store:
        assert walk(database, store, settings, world, ("D20", "D39")).expected > 0


@pytest.mark.slow
def test_every_seeded_error_is_found_for_the_right_reason_and_nothing_else(whole, world, forget):
    forget()
    settings, database = whole
    units = tuple(row.code for row in departments())
    with Store.open(database, settings) as store:
        score = walk(database, store, settings, world, units)
    assert score.expected > 1500
