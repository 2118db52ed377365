"""Law: whatever comes, changes or goes, in whatever order and batches, a register fused change by change is the one
fused from everything at once; and a run that brings nothing changes nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from tests.fuse.town import Town, row, valid_codes

from jutong.database import Database
from jutong.fuse import fuse
from jutong.settings import Settings
from jutong.store import Store

CODES = valid_codes(5)
NAMES = (
    "邵阳市宏达商贸有限公司",
    "邵阳市宏大商贸有限公司",
    "湖南省邵阳市宏达商贸有限责任公司",
    "老唐招待所",
    "邵阳市金叶茶业有限公司",
)
PLACES = ("双清区宝庆路18号", "大祥区城南路3号", "隆回县桃洪镇文昌路3号")
PEOPLE = ("李建国", "李建果", "王小红")

code = st.one_of(st.none(), st.integers(0, len(CODES) - 1))
shown = st.fixed_dictionaries({
    "name": st.sampled_from(NAMES), "uscc": code, "org": code, "reg": code,
    "rep": st.sampled_from((None, *PEOPLE)), "address": st.sampled_from((None, *PLACES)),
    "phone": st.sampled_from((None, "13807390001", "13807390002")), "day": st.integers(1, 5),
})  # fmt: skip
#: (dataset, key) → a row, or None: it goes.
step = st.dictionaries(
    st.tuples(st.sampled_from(("market", "tax", "social")), st.integers(0, 7)),
    st.one_of(st.none(), shown),
    max_size=6,
)


@pytest.fixture(scope="module")
def store(database: Database, settings: Settings):  # type: ignore[no-untyped-def]
    with Store.open(database, settings) as opened:
        yield opened


FEW = hypothesis_settings(
    max_examples=2,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate),
)
MANY = hypothesis_settings(FEW, max_examples=30)
STEPS = given(steps=st.lists(step, min_size=2, max_size=4))


@FEW
@STEPS
def test_change_by_change_is_all_at_once(
    database: Database, store: Store, settings: Settings, steps: list[dict[tuple[str, int], Any]]
) -> None:
    lives(database, store, settings, steps)


@pytest.mark.slow
@MANY
@STEPS
def test_many_lives_of_a_register_end_alike(
    database: Database, store: Store, settings: Settings, steps: list[dict[tuple[str, int], Any]]
) -> None:
    lives(database, store, settings, steps)


def lives(
    database: Database, store: Store, settings: Settings, steps: list[dict[tuple[str, int], Any]]
) -> None:
    town = Town(database, store, settings)
    holds: dict[tuple[str, int], Any] = {}
    for changes in steps:
        for where, what in changes.items():
            holds.pop(where, None) if what is None else holds.__setitem__(where, what)
        town.write(**written(holds))
        town.fuse()
        assert town.fuse().snapshot is None
    step_by_step = told(town)
    whole = fuse(town.register, database=database, store=store, settings=settings, whole=True)
    assert (whole.snapshot, told(town)) == (None, step_by_step)
    fresh = Town(database, store, settings)
    fresh.write(**written(holds))
    fresh.fuse()
    assert nameless(told(fresh)) == nameless(step_by_step)


def written(holds: dict[tuple[str, int], Any]) -> dict[str, list[tuple[Any, ...]]]:
    rows: dict[str, list[tuple[Any, ...]]] = {"market": [], "tax": [], "social": []}
    for (short, key), what in holds.items():
        codes = {
            name: None if what[name] is None else CODES[what[name]][place]
            for place, name in enumerate(("uscc", "org", "reg"))
        }
        rest = {name: what[name] for name in ("rep", "address", "phone")}
        rows[short].append(
            row(str(key), what["name"], **codes, **rest, at=f"2024-01-0{what['day']} 00:00:00")
        )
    return rows


def told(town: Town) -> list[tuple[Any, ...]]:
    """Every value with its entity, whether it was chosen and why; golden values and memberships follow from it."""
    with town.store.reading() as view:
        values = view.rows(
            f"SELECT * EXCLUDE (dataset), split_part(replace(dataset, 'standard.', ''), '_', 1) AS dataset "
            f"FROM {view.table(town.register.values)} ORDER BY ALL"
        )
        golden = view.rows(f"SELECT * FROM {view.table(town.register.golden)} ORDER BY ALL")
        members = view.rows(
            f"SELECT * EXCLUDE (dataset, digest), split_part(replace(dataset, 'standard.', ''), '_', 1) AS dataset "
            f"FROM {view.table(town.register.members)} ORDER BY ALL"
        )
    return [tuple(each.items()) for each in (*values, *golden, *members)]


def nameless(rows: list[tuple[Any, ...]]) -> list[Any]:
    """Ids keep their history; everything else must not. What lies together is told by the members' rows."""
    clusters: dict[str, set[str]] = {}
    for each in rows:
        one = dict(each)
        if "rule" in one:
            clusters.setdefault(one["entity"], set()).add(f"{one['dataset']}:{one['source_key']}")
    plain = [tuple((key, value) for key, value in each if key not in ("entity", "row_no")) for each in rows]
    return [sorted(map(str, plain)), sorted(map(sorted, clusters.values()))]
