"""A standard dataset whose file is lost and in no backup is made anew from the raw rows; no other is concerned."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.refine.town import Town

from jutong.flows import mend, prepare, rebuild, rebuilding, recall_batch
from jutong.refine import ISSUE
from jutong.terms import Broken
from jutong.wiring import open_platform

ITEMS = (
    {"name": "no", "label": "编号", "key": True, "required": True},
    {"name": "uscc", "label": "统一社会信用代码", "element": "uscc"},
    {"name": "said", "label": "说明"},
)


@pytest.fixture(scope="module")
def city(settings):
    with open_platform(settings, make=True) as platform:
        prepare(platform.database)
        yield platform


@pytest.fixture
def table(city) -> str:
    """Three batches, each the whole table: one row goes, one changes, one is rejected."""
    town = Town(city.database, city.store)
    name = town.table(ITEMS)
    for day in range(3):
        rows = [
            {"no": f"{n:04d}", "uscc": None, "said": f"{n}-{day if n % 7 == 0 else 0}"}
            for n in range(200 - day)
        ]
        rows[5]["uscc"] = "not a code"
        town.land(name, rows)
        town.refine()
    return name


def files_of(city, table: str) -> list[Path]:
    return list(Path(city.settings.lake_folder, "standard", table).glob("*.parquet"))


def lose(city, table: str, how: str) -> None:
    for file in files_of(city, table):
        if how == "deleted":
            file.unlink()
        else:
            file.write_bytes(file.read_bytes()[:-100])


@pytest.mark.parametrize("how", ["deleted", pytest.param("cut", marks=pytest.mark.slow)])
def test_what_is_lost_is_made_anew_from_raw(city, table, how):
    name = f"standard.{table}"
    expected, issues = city.store.content_hash(name), city.store.count(ISSUE)
    first = f"raw.{table}"
    with city.database.connection() as connection:
        batches = [
            row["id"]
            for row in connection.execute(
                "SELECT id FROM batch WHERE source_table = %s ORDER BY received_at", (table,)
            )
        ]
    city.store.archive(first, batches[:1])
    lose(city, table, how)
    with pytest.raises(Broken, match=name.replace(".", r"\.")):
        city.store.content_hash(name)
    done = mend(city)
    assert (done.files, done.lost) == ((), (name,))
    assert rebuild(city, done.lost).datasets == (name,)
    assert city.store.content_hash(name) == expected
    assert city.store.count(ISSUE) == issues
    assert city.store.spec(name).version == 2
    with city.database.connection() as connection:
        states = connection.execute(
            "SELECT DISTINCT state FROM batch WHERE source_table = %s", (table,)
        ).fetchall()
    assert [row["state"] for row in states] == ["refined"]
    assert (mend(city).lost, mend(city).past) == ((), tuple(sorted({*mend(city).past, f"{name}__v1"})))
    assert rebuild(city, ()).datasets == ()
    assert not [sentence for sentence in city.store.doctor() if "repair" in sentence]
    # And it goes on as any dataset does.
    Town(city.database, city.store).land(table, [{"no": "0001", "uscc": None, "said": "new"}])
    Town(city.database, city.store).refine()


@pytest.mark.slow
@pytest.mark.parametrize("step", ["renew", "refine", "recall_batch"])
def test_a_rebuild_that_was_killed_is_gone_on_with(city, table, monkeypatch, step):
    name = f"standard.{table}"
    expected = city.store.content_hash(name)
    with city.database.connection() as connection:
        row = connection.execute("SELECT id FROM batch WHERE source_table = %s LIMIT 1", (table,)).fetchone()
    city.store.archive(f"raw.{table}", [row["id"]])
    lose(city, table, "deleted")

    def dies(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        if step == "renew":
            patched.setattr(type(city.store), "renew", dies)
        else:
            patched.setattr(rebuilding, step, dies)
        with pytest.raises(KeyboardInterrupt):
            rebuild(city, [name])
    assert rebuild(city, ()).datasets == (name,)
    assert city.store.content_hash(name) == expected


def test_what_cannot_be_made_anew_says_why(city, table):
    name = f"standard.{table}"
    with city.database.connection() as connection:
        row = connection.execute("SELECT id FROM batch WHERE source_table = %s LIMIT 1", (table,)).fetchone()
    (part,) = city.store.archive(f"raw.{table}", [row["id"]])
    city.store.destroy(part.id, "steward", "到期")
    left = rebuild(city, [name, "base.legal_entity"]).left
    assert "销毁" in left[name]
    assert "原始行" in left["base.legal_entity"]
    with pytest.raises(Exception, match="不在归档里"):
        recall_batch(city, row["id"], "x")
