"""归集计划 on the real thing: ticks become runs, runs end whatever happens to them, and somebody hears of it."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from jutong import gather
from jutong.casework import CITY_TIME
from jutong.database import Database, EmbeddedPostgres, open_database
from jutong.flows import Platform, ask_for_plans, prepare, run_plan
from jutong.flows.jobs import run_in_child
from jutong.keys import SoftwareKeys
from jutong.ledger import Ledger
from jutong.settings import Settings
from jutong.store import Store
from jutong.terms import Conflict

Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def database(settings: Settings) -> Iterator[Database]:
    with open_database(settings) as opened:
        prepare(opened)
        with opened.connection() as connection:
            connection.execute(
                "INSERT INTO department (code, name, short_name, kind, steward) VALUES"
                " ('D23', '市场监督管理局', '市场监管局', 'department', false),"
                " ('D01', '行政审批服务局', '行政审批局', 'department', true)"
            )
        yield opened


@pytest.fixture(scope="module")
def platform(settings: Settings, database: Database) -> Iterator[Platform]:
    keys = SoftwareKeys.open(settings.keys_folder)
    ledger = Ledger.open(settings.ledger_folder, keys, origin=settings.ledger_origin)
    with Store.open(database, settings) as store:
        yield Platform(settings, database, keys, store, ledger)


@pytest.fixture
def source(platform: Platform, cluster: EmbeddedPostgres) -> Iterator[tuple[str, psycopg.Connection[Any]]]:
    """A department's database with one table of three rows, declared under a name of its own."""
    name = f"src_{secrets.token_hex(4)}"
    with psycopg.connect(cluster.url(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    with psycopg.connect(cluster.url(name), autocommit=True) as there:
        there.execute("CREATE TABLE firm (id int PRIMARY KEY, at timestamp)")
        there.execute(
            "INSERT INTO firm SELECT g, '2026-01-01'::timestamp + g * interval '1 day' FROM generate_series(1, 3) g"
        )
        item = {"name": "id", "label": "编号", "type": "integer"}
        table = gather.SourceTable(
            f"firm_{name}", name, "企业", {"table": "firm"}, "incremental", "at", ("id",), (item,)
        )
        with platform.database.connection() as connection:
            gather.declare_sources(
                connection,
                [gather.Source(name, "D23", "postgres", "源", {"url": cluster.url(name)})],
                [table],
            )
        yield name, there
    with platform.database.connection() as connection:
        connection.execute("DELETE FROM gather_log")
        connection.execute("DELETE FROM gather_run")
        connection.execute("DELETE FROM gather_plan")
    with psycopg.connect(cluster.url(), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def _declare(platform: Platform, source: str, **more: Any) -> gather.GatherPlan:
    plan = gather.GatherPlan(f"p_{source}", "企业每日", source, **more)
    with platform.database.connection() as connection:
        gather.declare_plans(connection, [plan])
        return gather.find_plan(connection, plan.name)


def _ask(platform: Platform, name: str, by: str, backfill: str | None = None) -> int:
    with platform.database.connection() as connection:
        return gather.ask_by_hand(connection, name, by, backfill=backfill)


def _runs(platform: Platform) -> list[gather.PlanRun]:
    with platform.database.connection() as connection:
        return gather.plan_runs(connection)


def _said(platform: Platform, run: int) -> str:
    with platform.database.connection() as connection:
        return "\n".join(line["sentence"] for line in gather.logged(connection, run))


def _notices(platform: Platform) -> list[tuple[str, str]]:
    with platform.database.connection() as connection:
        rows = connection.execute("SELECT to_department, subject FROM notice ORDER BY id").fetchall()
    return [(row["to_department"], row["subject"]) for row in rows]


def test_a_tick_becomes_a_job_and_its_rows_are_refined(
    platform: Platform, source: tuple[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    _declare(platform, source[0], every=dt.timedelta(hours=1))
    ask_for_plans(platform)
    ask_for_plans(platform)  # a second look asks for nothing more
    [run] = _runs(platform)
    assert (run.state, run.cause, run.job is not None) == ("waiting", "schedule", True)
    monkeypatch.setenv("JUTONG_DATABASE_URL", platform.settings.database_url)
    assert run.job is not None
    run_in_child(platform.settings, platform.database, run.job, "plan")
    [run] = _runs(platform)
    assert (run.state, run.given, run.tables, run.failed) == ("done", 3, 1, 0)
    assert "清洗通过 3 行" in run.note
    assert "取到 3 行" in _said(platform, run.id)
    ask_for_plans(platform)
    assert len(_runs(platform)) == 1


def test_a_source_that_is_away_is_tried_again_and_at_last_told(
    platform: Platform, source: tuple[str, Any]
) -> None:
    plan = _declare(platform, source[0], retries=1)
    with platform.database.connection() as connection:
        gather.declare_sources(
            connection,
            [gather.Source(source[0], "D23", "postgres", "源", {"url": "postgresql://x@127.0.0.1:9/x"})],
        )
    number = _ask(platform, plan.name, "ming")
    run = run_plan(platform, number)
    assert (run.state, run.attempt) == ("waiting", 1)
    assert run.retry_at is not None
    before = len(_notices(platform))
    run = run_plan(platform, number)
    assert (run.state, run.failed) == ("failed", 1)
    assert {code for code, _ in _notices(platform)[before:]} == {"D01", "D23"}
    assert "连接不上" in run.note


def test_only_a_person_can_mend_a_missing_table_so_it_is_not_tried_again(
    platform: Platform, source: tuple[str, Any]
) -> None:
    plan = _declare(platform, source[0])
    source[1].execute("DROP TABLE firm")
    run = run_plan(platform, _ask(platform, plan.name, "ming"))
    assert (run.state, run.attempt) == ("failed", 1)


def test_a_run_whose_process_was_killed_goes_on_and_its_plan_has_no_second_one_meanwhile(
    platform: Platform, source: tuple[str, Any]
) -> None:
    plan = _declare(platform, source[0])
    number = _ask(platform, plan.name, "ming")
    with pytest.raises(Conflict, match="没有结束"):
        _ask(platform, plan.name, "hong")
    with platform.database.connection() as connection:
        assert gather.begin_run(connection, number)  # as a process that then died, and with it its lock
    ask_for_plans(platform)
    [run] = _runs(platform)
    assert (run.state, run.attempt, run.job) == ("waiting", 1, None)
    done = run_plan(platform, number)
    assert (done.state, done.given) == ("done", 3)


def test_a_run_that_hangs_is_ended_by_its_own_clock_and_told(
    platform: Platform, source: tuple[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    source[1].execute("ALTER TABLE firm RENAME TO kept")
    source[1].execute("CREATE VIEW firm AS SELECT id, at FROM kept, pg_sleep(60)")
    plan = _declare(platform, source[0], seconds=2)
    number = _ask(platform, plan.name, "ming")
    ask_for_plans(platform)
    [run] = _runs(platform)
    monkeypatch.setenv("JUTONG_DATABASE_URL", platform.settings.database_url)
    assert run.job is not None
    before = len(_notices(platform))
    run_in_child(platform.settings, platform.database, run.job, "plan")
    [run] = _runs(platform)
    assert (run.id, run.state) == (number, "killed")
    assert "超过 2 秒" in run.note
    assert len(_notices(platform)) == before + 2


def test_hours_that_end_send_a_run_into_the_next_ones(platform: Platform, source: tuple[str, Any]) -> None:
    now = dt.datetime.now(dt.UTC)
    hour = now.astimezone(CITY_TIME).hour
    plan = _declare(
        platform, source[0], every=dt.timedelta(hours=1), from_hour=(hour + 2) % 24, to_hour=(hour + 4) % 24
    )
    ask_for_plans(platform)
    assert _runs(platform) == []  # its hours are not open
    with platform.database.connection() as connection:
        number = gather.ask_run(connection, plan, "schedule", now, "schedule")
    run = _ended_by_hours(platform, plan, number)
    assert (run.state, run.attempt, run.turns) == ("waiting", 0, 1)
    assert run.retry_at is not None
    assert run.retry_at.astimezone(CITY_TIME).hour == (hour + 2) % 24


def _ended_by_hours(platform: Platform, plan: gather.GatherPlan, number: int) -> gather.PlanRun:
    with platform.database.connection() as connection:
        gather.begin_run(connection, number)
        run = gather.find_run(connection, number)
        gather.end_attempt(connection, plan, run, "hours", "时段已过", dt.datetime.now(dt.UTC))
        return gather.find_run(connection, number)


def test_backfill_reads_again_from_a_watermark_and_doubles_nothing(
    platform: Platform, source: tuple[str, Any]
) -> None:
    plan = _declare(platform, source[0])
    assert run_plan(platform, _ask(platform, plan.name, "ming")).given == 3
    source[1].execute("INSERT INTO firm VALUES (4, '2025-12-31')")  # behind the watermark and its look-back
    assert run_plan(platform, _ask(platform, plan.name, "ming")).given == 0
    run = run_plan(platform, _ask(platform, plan.name, "ming", backfill="2025-12-01"))
    assert (run.state, run.cause, run.given) == ("done", "backfill", 1)
    with platform.store.reading() as view:
        rows = view.rows(f"SELECT id FROM {view.table(f'raw.firm_{source[0]}')} ORDER BY 1")
    assert [row["id"] for row in rows] == [1, 2, 3, 4]
    bad = run_plan(platform, _ask(platform, plan.name, "ming", backfill="not a time"))
    assert (bad.state, bad.failed) == ("failed", 1)


def test_a_paused_plan_and_a_paused_source_begin_nothing(platform: Platform, source: tuple[str, Any]) -> None:
    plan = _declare(platform, source[0], every=dt.timedelta(hours=1))
    with platform.database.connection() as connection:
        gather.pause_plan(connection, plan.name, True, "ming")
    ask_for_plans(platform)
    assert _runs(platform) == []
    with platform.database.connection() as connection:
        gather.pause_plan(connection, plan.name, False, "ming")
        found = gather.find_source(connection, source[0])
        gather.declare_sources(connection, [replace(found, state="paused")])
    ask_for_plans(platform)
    assert _runs(platform) == []
