"""A merge that looks its keys up does what one that reads the dataset does, and sheets may be lost or damaged at any time."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from jutong.database import Database
from jutong.settings import Settings
from jutong.store import DatasetSpec, Merged, Store, places
from jutong.terms import Conflict, DatasetName, Item

NAME = DatasetName.parse("standard.looked_up")
SPEC = DatasetSpec(
    NAME,
    "查位置",
    (
        Item("a", "键一"),
        Item("part", "键二", "integer"),
        Item("v", "值"),
        Item("n", "数额", "decimal(18,2)"),
        Item("day", "日期", "date"),
        Item("_batch", "批次"),
    ),
    ("a", "part"),
)
Row = tuple[str | None, int | None]
Held = dict[tuple[str, int], Row]


@pytest.fixture(scope="module")
def store(database: Database, settings: Settings) -> Iterator[Store]:
    with Store.open(database, settings) as opened:
        opened.declare([SPEC])
        yield opened


@pytest.fixture(autouse=True)
def every_dataset_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "LEAST_ROWS", 1)
    monkeypatch.setattr(places, "_AT_ONCE", 10.0)


def table(given: Held, batch: str) -> pa.Table:
    keys = list(given)
    return pa.table(
        {
            "a": pa.array([key[0] for key in keys], pa.string()),
            "part": pa.array([key[1] for key in keys], pa.int32()),
            "v": pa.array([given[key][0] for key in keys], pa.string()),
            "n": pa.array([given[key][1] for key in keys], pa.decimal128(9, 0)),
            "day": pa.array([None] * len(keys), pa.date32()),
            "_batch": pa.array([batch] * len(keys), pa.string()),
        }
    )


def merge(store: Store, commit_id: str, given: Held, gone: Held | None = None) -> tuple[Merged, bool]:
    """What the merge did, and whether keys were looked up for it."""
    with store.writing(commit_id, NAME, author="tests") as w:
        w.register("given", table(given, commit_id))
        w.register("gone", table(gone or {}, commit_id))
        done = w.merge(NAME, "FROM given", delete_keys_sql="SELECT a, part FROM gone")
    return done, bool(w.looked_up)


def held(store: Store) -> Held:
    with store.reading() as view:
        rows = view.rows(f"SELECT a, part, v, n FROM {view.table(NAME)}")
    found = {(row["a"], row["part"]): (row["v"], None if row["n"] is None else int(row["n"])) for row in rows}
    assert len(found) == len(rows)
    return found


def test_a_year_of_random_batches_is_merged_as_thought(store: Store) -> None:
    """Rows that come, change, go back to what they were, stay, go and come again; and compaction now and then."""
    chance = random.Random(20_261_123)
    keys = [(f"K{number}", part) for number in range(150) for part in range(2)]
    world: Held = dict.fromkeys(keys[:240], ("始", 0))
    merge(store, "first", world)
    looked_up = 0
    for day in range(14):
        given: Held = {
            key: (chance.choice(("甲", "乙", "", None)), chance.choice((0, 1, None)))
            for key in chance.sample(keys, chance.randrange(1, 40))
        }
        gone: Held = {key: (None, None) for key in chance.sample(keys, 3) if key not in given}
        done, by_place = merge(store, f"day-{day}", given, gone)
        assert done == Merged(
            len(given.keys() - world.keys()),
            sum(key in world and world[key] != row for key, row in given.items()),
            len(gone.keys() & world.keys()),
        )
        world = {key: row for key, row in (world | given).items() if key not in gone}
        looked_up += by_place
        if day % 9 == 8:
            store.compact(NAME)
        if day % 4 == 3:
            assert held(store) == world
    assert held(store) == world
    assert looked_up == 14
    with store.changes(NAME, store.committed("day-7")) as feed:
        assert feed.upsert_count > 0


def test_a_batch_that_says_nothing_new_writes_nothing(store: Store) -> None:
    world = held(store)
    before = store.files(NAME)
    done, by_place = merge(store, "again", dict(list(world.items())[:20]))
    assert (done, by_place) == (Merged(0, 0, 0), True)
    assert store.files(NAME).data == before.data


def test_values_that_differ_in_every_eighth_byte_alone_are_told_apart(store: Store) -> None:
    """DuckDB's hash of such texts has eight bits: of these thousand it knows 250."""
    texts = [f"AAAAAAA{n // 100}BBBBBBB{n // 10 % 10}CCCCCCC{n % 10}" for n in range(1000)]
    given = {(f"e{n}", 0): (text, n) for n, text in enumerate(texts)}
    merge(store, "eighth-1", given)
    twins = duckdb.execute(
        "SELECT list(n)[:2] FROM (SELECT unnest($1) AS t, unnest(range(1000)) AS n) GROUP BY hash(t) LIMIT 20",
        [texts],
    ).fetchall()
    turned = {
        (f"e{n}", 0): (texts[m], n) for ((one, other),) in twins for n, m in ((one, other), (other, one))
    }
    assert merge(store, "eighth-2", turned) == (Merged(0, 40, 0), True)
    there = held(store)
    assert {key: there[key] for key in turned} == turned
    merge(store, "eighth-3", {}, given)


@pytest.mark.parametrize("harm", ["torn", "turned", "lost", "zeroed", "holed", "swapped"])
def test_a_sheet_that_is_lost_or_damaged_harms_nothing(store: Store, settings: Settings, harm: str) -> None:
    world = held(store)
    sheets = list((settings.home / "places").rglob("*.sheet"))
    assert sheets
    for sheet in sheets:
        data = sheet.read_bytes()
        sheet.unlink()
        if harm != "lost":
            third = (len(data) - 8) // 3
            harmed = {
                "torn": data[:-8],
                "turned": data[:3] + b"\x5a" + data[4:],
                "zeroed": bytes(len(data)),
                "holed": bytes(third) + data[third:],
                "swapped": data[third : 2 * third] + data[:third] + data[2 * third :],
            }
            sheet.write_bytes(harmed[harm])
    store._lake.sheets.clear()
    given: Held = dict.fromkeys(list(world)[:25], (harm, 7)) | {(f"new-{harm}", 1): ("新", 1)}
    done, _ = merge(store, f"harm-{harm}", given)
    assert done == Merged(1, 25, 0)
    assert held(store) == world | given


def test_sheets_that_lie_are_found_out_and_dropped(store: Store, settings: Settings) -> None:
    """A sheet whose places are another file's: the rows struck out are not as many as were found."""
    world = held(store)
    store.compact(NAME)
    merge(store, "honest", {("K0", 0): ("诚", 1)})
    world |= {("K0", 0): ("诚", 1)}
    for path, sheet in list(store._lake.sheets.items()):
        store._lake.sheets[path] = replace(sheet, rest=sheet.rest | 0x7FFFFFFF)
    with pytest.raises(Conflict, match="整理过"):
        merge(store, "lied-to", {("K1", 0): ("谎", 1), ("K2", 0): ("谎", 1)})
    assert held(store) == world
    assert list((settings.home / "places" / str(NAME)).glob("*.sheet")) == []
    merge(store, "lied-to", {("K1", 0): ("实", 1)})
    assert held(store) == world | {("K1", 0): ("实", 1)}


def test_upkeep_works_out_the_places_of_a_large_dataset_once_it_is_merged_into(
    store: Store, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    monkeypatch.setattr(places, "_AT_ONCE", 0.05)
    name = DatasetName.parse("standard.grown")
    store.declare([replace(SPEC, name=name)])

    def put(commit_id: str, given: Held) -> bool:
        with store.writing(commit_id, name, author="tests") as w:
            w.register("given", table(given, commit_id))
            w.merge(name, "FROM given")
        return bool(w.looked_up)

    put("load", {(f"K{number}", 0): ("始", 0) for number in range(400)})
    assert str(name) not in [str(each.dataset) for each in store.compaction_due()]
    assert not put("day-1 of grown", {("K3", 0): ("改", 0)})
    (due,) = [each for each in store.compaction_due() if each.dataset == name]
    assert due.places
    snapshot = store.snapshot()
    store.work_off(due)
    assert store.snapshot() == snapshot
    assert put("day-2 of grown", {("K3", 0): ("再改", 0), ("K4", 0): ("始", 0)})
    assert str(name) not in [str(each.dataset) for each in store.compaction_due()]


def test_a_sheet_goes_with_its_file(store: Store, settings: Settings) -> None:
    merge(store, "one more", {("K5", 0): ("末", 1)})
    folder = settings.home / "places" / str(NAME)
    store.compact(NAME)
    living = {Path(file.path).stem for file in store.files(NAME).data}
    assert {sheet.name.split(".")[0] for sheet in folder.glob("*.sheet")} == living
    used = next(row for row in store.usage() if row["dataset"] == str(NAME))
    assert used["sheets"] == sum(sheet.stat().st_size for sheet in folder.glob("*.sheet"))
    assert int(str(used["bytes"])) > int(str(used["sheets"])) > 0
    assert all(sheet.stat().st_mode & 0o077 == 0 for sheet in folder.glob("*.sheet"))
