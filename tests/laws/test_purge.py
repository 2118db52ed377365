"""Law: what was purged is nowhere, all else is as it was, and a certificate makes up the difference (laws 1, 2, 6).

A small town hands over companies again and again, each time with other blanks, case and width; batches go to the
archive, files are kept, tables are compacted, a register is fused, a replica is fed.  Then one company is purged,
the process being stopped at this instant or that, and the whole data folder and the control database are searched for
its code, byte by byte and row by row.
"""

from __future__ import annotations

import functools
import hashlib
import os
import random
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest
from tests.fuse.town import valid_codes
from tests.refine.town import Town

from jutong import flows
from jutong.city import legal_entity
from jutong.database import Database
from jutong.flows import Platform, purging
from jutong.fuse import RegisterSource, declare_register, fuse, list_registers, with_sources
from jutong.store import Writer, fold, keeping, upkeep
from jutong.store.lake import Lake
from jutong.terms import BadInput, Conflict, Denied, NotFound
from jutong.wiring import open_platform

ITEMS = (
    {"name": "uscc", "label": "统一社会信用代码", "element": "uscc", "key": True, "required": True},
    {"name": "name", "label": "名称"},
    {"name": "address", "label": "住所"},
)
BASIS, REASON = "个人信息保护法第四十七条", "申请〔2026〕1号"
CODES = [code for code, _, _ in valid_codes(30)]


class World:
    """A city of two tables, one register, three rounds of batches."""

    def __init__(self, city: Platform) -> None:
        self.city = city
        self.town = Town(city.database, city.store)
        chance = random.Random(20_261_123)
        self.tables = [self.town.table(ITEMS, ("uscc",)) for _ in range(2)]
        self.batches: list[str] = []
        #: Raw rows that were to go, as (standard dataset, batch, row).
        self.gone: set[tuple[str, ...]] = set()
        for number in range(2):
            for table in self.tables:
                rows = [
                    {
                        "uscc": _written(code, chance),
                        "name": f"公司{place}-{number % 2}",
                        "address": f"路{place}号",
                    }
                    for place, code in enumerate(CODES)
                ]
                rows.append({"uscc": CODES[3][:9], "name": "短码", "address": f"原为 {CODES[3]}"})  # refused
                rows.append(dict(rows[5]))  # a duplicate
                batch = self.town.land(table, rows)
                self.batches.append(batch)
                self._deliver_file(batch, rows)
            self.town.refine()
        register = with_sources(
            legal_entity(),
            *(
                RegisterSource(
                    f"standard.{table}", table, {"uscc": "uscc", "name": "name", "address": "address"}, place
                )
                for place, table in enumerate(self.tables, start=1)
            ),
        )
        with city.database.connection() as connection:
            declare_register(connection, register)
            (self.register,) = list_registers(connection)
        self.fuse()
        city.store.archive(f"raw.{self.tables[0]}", [self.batches[0]])
        city.store.archive(f"raw.{self.tables[1]}", [self.batches[1]])
        city.store.recall(f"raw.{self.tables[1]}", self.batches[1], "tests")
        city.store.compact(f"standard.{self.tables[0]}", f"raw.{self.tables[1]}")

    def fuse(self) -> None:
        city = self.city
        fuse(self.register, database=city.database, store=city.store, settings=city.settings)

    def _deliver_file(self, batch: str, rows: list[dict[str, str]]) -> None:
        text = "\n".join(",".join(row.values()) for row in rows).encode() + secrets.token_bytes(4)
        digest = hashlib.sha256(text).hexdigest()
        file = self.city.settings.files_folder / digest[:2] / digest
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text)
        with self.city.database.connection() as connection:
            connection.execute("UPDATE batch SET file_sha256 = %s WHERE id = %s", (digest, batch))

    def apply(self, *words: str, dataset: str | None = None, key: tuple[str, ...] = ()) -> int:
        with self.city.database.connection() as connection:
            number = flows.apply_for_purge(
                connection, self.city.keys, by="steward", basis=BASIS, reason=REASON, words=words, dataset=dataset,
                key=key,
            )  # fmt: skip
        flows.look_for(self.city, number)
        with self.city.database.connection() as connection:
            flows.confirm_purge(connection, number, "guard")
        return number

    def carry_out(self, number: int) -> flows.Purge:
        return flows.carry_out(self.city, number, purging.dt.timedelta(0))

    def others(self, *codes: str) -> dict[str, list[tuple[Any, ...]]]:
        """Every row that says none of these codes, by dataset; places in the register's own history left aside."""
        found: dict[str, list[tuple[Any, ...]]] = {}
        names = [f"{zone}.{table}" for zone in ("raw", "standard") for table in self.tables]
        names += [
            "standard.issue",
            str(self.register.golden),
            str(self.register.values),
            str(self.register.members),
        ]
        with self.city.store.reading() as view:
            for name in names:
                rows = view.arrow(f"SELECT * FROM {view.table(name)}").to_pylist()
                said = [tuple(str(value) for value in row.values()) for row in rows]
                found[name] = sorted(
                    row for row in said if not any(code in fold("|".join(row)) for code in codes)
                )
                if name.startswith("raw."):
                    gone = {row[:2] for row in said} - {row[:2] for row in found[name]}
                    self.gone |= {(name.replace("raw", "standard", 1), *place) for place in gone}
        # An issue about a row that goes, goes with it, whatever it says.
        issues = found["standard.issue"]
        found["standard.issue"] = [row for row in issues if (row[1], row[0], row[3]) not in self.gone]
        return found


def _written(code: str, chance: random.Random) -> str:
    """As clerks write it."""
    return chance.choice(
        [
            code,
            code.lower(),
            f" {code} ",
            "".join(chr(ord(one) + 0xFEE0) for one in code),
            f"{code[:8]}-{code[8:]}",
        ]
    )


def where_it_stands(city: Platform, code: str) -> list[str]:
    """Every file under the data folder and every cell of the control database that says the code."""
    found = []
    for file in sorted(city.settings.home.rglob("*")):
        if not file.is_file() or file.is_relative_to(city.settings.ledger_folder):
            continue
        if file.suffix == ".parquet":
            said = fold("|".join(str(row) for row in duckdb.sql(f"SELECT * FROM '{file}'").fetchall()))
        else:
            said = fold(file.read_bytes().decode("utf-8", "ignore"))
        if code in said:
            found.append(str(file.relative_to(city.settings.home)))
    return found + _in_database(city.database, code)


def _in_database(database: Database, code: str) -> list[str]:
    found = []
    with psycopg.connect(database.url) as jutong, psycopg.connect(database.lake_url) as lake:
        for schema, connection in (("jutong", jutong), ("lake", lake)):
            tables = connection.execute(
                "SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = %s AND relkind = 'r'",
                (schema,),
            ).fetchall()
            for (table,) in tables:
                rows = connection.execute(f'SELECT t::text FROM "{schema}"."{table}" t').fetchall()  # type: ignore[arg-type]
                if any(code in fold(row[0]) for row in rows):
                    found.append(f"{schema}.{table}")
    return found


@pytest.fixture(scope="module")
def world(settings: Any) -> Iterator[World]:
    with open_platform(settings, make=True) as platform:
        yield World(platform)


def test_a_purged_company_is_nowhere_all_else_is_as_it_was_and_the_certificate_adds_up(world: World) -> None:
    city, code = world.city, CODES[3]
    assert len(where_it_stands(city, code)) > 8
    before = world.others(code)
    number = world.apply(code)
    with city.database.connection() as connection:
        found = flows.find_purge(connection, number).found
    assert found and found[f"raw.{world.tables[0]}"] == 4
    done = world.carry_out(number)
    assert where_it_stands(city, code) == []
    assert world.others(code) == before
    _adds_up(world)
    certificate = done.certificate
    assert certificate is not None
    assert len(certificate["delivered_files"]) == 4
    assert not any(
        (city.settings.files_folder / one[:2] / one).exists() for one in certificate["delivered_files"]
    )
    assert code not in str(certificate)
    assert flows.check_purge(city, number, [code]) == []
    with pytest.raises(BadInput):
        flows.check_purge(city, number, [CODES[4]])
    with city.database.connection() as connection:
        connection.execute(
            "UPDATE purge SET certificate = jsonb_set(certificate, '{basis}', '\"别的\"') WHERE id = %s",
            (number,),
        )
    assert "签名不对" in flows.check_purge(city, number)[0]
    _goes_on(world)


def _adds_up(world: World) -> None:
    """Law 1: given = what is there, in lake and archive, and what certificates name; the same read once more from raw."""
    with world.city.store.reading() as view, world.city.database.connection() as connection:
        for table in world.tables:
            rows = view.rows(f"SELECT _batch, count(*) AS n FROM {view.table(f'raw.{table}')} GROUP BY 1")
            there = {row["_batch"]: row["n"] for row in rows}
            asked = connection.execute(
                "SELECT b.id, b.given, r.accepted + r.rejected + r.duplicates AS judged, coalesce(p.rows, 0) AS purged "
                "FROM batch b JOIN refinement r ON r.batch_id = b.id LEFT JOIN purged_batch p ON p.batch_id = b.id WHERE source_table = %s",
                (table,),
            ).fetchall()
            for row in asked:
                assert row["given"] == there[row["id"]] + row["purged"]
                assert row["given"] == row["judged"]


def _goes_on(world: World) -> None:
    """The lake whose statistics were blurred takes rows, and the source may give the company again."""
    table = world.tables[0]
    rows = [{"uscc": code, "name": "又来了", "address": "路"} for code in CODES]
    (outcome,) = world.town.refine(world.town.land(table, rows))
    assert (outcome.accepted, outcome.inserted) == (len(CODES), 1)
    world.fuse()
    assert world.city.store.doctor() == []


class Stopped(BaseException):
    """As SIGKILL is: nobody catches it."""


class _Fuse:
    """Burns down by one at every step of a purge that leaves something behind, and then stops it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, length: int) -> None:
        self.left = length
        for place, name in ((purging, "_at"), (purging, "_keep_parts"), (Writer, "run"), (Path, "unlink"),
                            (Lake, "commit"), (upkeep, "forget"), (os, "fsync"), (purging, "notify")):  # fmt: skip
            monkeypatch.setattr(place, name, self._burning(getattr(place, name)))

    def _burning(self, step: Any) -> Any:
        @functools.wraps(step)
        def burnt(*given: Any, **named: Any) -> Any:
            self.left -= 1
            if self.left == 0:
                raise Stopped
            said = step(*given, **named)
            self.left -= 1
            if self.left == 0:
                raise Stopped
            return said

        return burnt


@pytest.mark.slow
def test_stopped_at_whatever_step_it_is_gone_on_with(world: World) -> None:
    chance = random.Random(20_261_124)
    stopped = 0
    for number, code in enumerate(CODES[5:13]):
        before = world.others(code)
        purge = world.apply(code)
        for _ in range(3):
            with pytest.MonkeyPatch.context() as monkeypatch:
                fuse = _Fuse(monkeypatch, chance.randrange(1, 60 if number % 2 else 150))
                try:
                    world.carry_out(purge)
                except (Stopped, Conflict):
                    stopped += 1
            _as_if_dead(world.city)
            assert fuse.left <= 0 or _done(world, purge)
        if not _done(world, purge):
            world.carry_out(purge)
        assert where_it_stands(world.city, code) == []
        assert world.others(code) == before
        _adds_up(world)
    assert stopped > 8


def _as_if_dead(city: Platform) -> None:
    """This process lives on, so nobody else would settle what its stopped transaction held fast."""
    keeping.settle((Path(city.settings.lake_folder) / keeping.FOLDER).glob("*"), city.store.known_files())


def _done(world: World, purge: int) -> bool:
    with world.city.database.connection() as connection:
        return flows.find_purge(connection, purge).state == "done"


@pytest.mark.slow
def test_a_record_goes_by_its_key_and_a_hold_refuses(world: World) -> None:
    city, table, code = world.city, world.tables[1], CODES[20]
    with city.database.connection() as connection:
        held = flows.place_hold(connection, flows.scope_of(connection, f"raw.{table}"), "案", "sys")
    number = world.apply(dataset=f"standard.{table}", key=(code,))
    with pytest.raises(Denied, match="冻结"):
        world.carry_out(number)
    assert any(name.startswith(f"lake/standard/{table}/") for name in where_it_stands(city, code))
    with city.database.connection() as connection:
        assert "冻结" in flows.find_purge(connection, number).problem
        flows.release_hold(connection, held, "结案", "sys")
    world.carry_out(number)
    left = where_it_stands(city, code)
    assert any(f"/{world.tables[0]}/" in name for name in left)  # another dataset still says it
    assert [name for name in left if f"/{table}/" in name or f".{table}/" in name] == []
    _adds_up(world)


def test_it_takes_two_and_an_identifier(world: World) -> None:
    city = world.city
    with city.database.connection() as connection:
        for words in ([], ["张三"], ["abcdefghij"], ["4305"]):
            with pytest.raises(BadInput):
                flows.apply_for_purge(connection, city.keys, by="a", basis=BASIS, reason=REASON, words=words)
        with pytest.raises(NotFound):
            flows.apply_for_purge(
                connection, city.keys, by="a", basis=BASIS, reason=REASON, dataset="standard.x", key=["1"]
            )
        number = flows.apply_for_purge(
            connection, city.keys, by="a", basis=BASIS, reason=REASON, words=[CODES[25]]
        )
        with pytest.raises(Conflict, match="还没有查出"):
            flows.confirm_purge(connection, number, "b")
    flows.look_for(city, number)
    with city.database.connection() as connection, pytest.raises(Denied):
        flows.confirm_purge(connection, number, "a")
    with pytest.raises(Conflict):
        world.carry_out(number)
    with city.database.connection() as connection:
        flows.refuse_purge(connection, number, "证据不足", "b")
        row = connection.execute("SELECT sought FROM purge WHERE id = %s", (number,)).fetchone()
    assert row == {"sought": None}
