"""Law 5 at the gate: no field and no row without a live grant, for any grants, catalogue and question.

The oracle below spells the law by hand, row by row in Python; the gate answers from a replica through SQL.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import os
import random
import secrets
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlencode

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, event, given, seed, settings
from hypothesis import strategies as st
from tests.share_city import ITEMS, SCHEMA, company

from jutong.elements import element_of, masked_sql
from jutong.gate.answering import Call, Means, compose
from jutong.gate.replicas import Replica
from jutong.gate.replicating import _Writing
from jutong.gate.rights import Caller, Rights, Served
from jutong.gate.shape import Shape
from jutong.ledger import Exchange
from jutong.share import EntryItem, fits
from jutong.terms import field_text, quote

#: The same cases every time, unless asked for others.
SEED = int(os.environ.get("JUTONG_SEED", "5"))
NOW = dt.datetime(2026, 5, 9, 4, 0, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
NAMES = [item.name for item in ITEMS if not item.name.startswith("_")]
TYPED = {item.name: item for item in ITEMS}
ROWS = [{**company(number, random.Random(number)), "_batch": "b", "_row": number} for number in range(30)]
PROFILES = ("full", "middle", "head", "tail", "ends")


LAKE = duckdb.connect()
LAKE.register("given", pa.Table.from_pylist(ROWS, schema=SCHEMA))


@lru_cache(None)
def in_lake(expression: str) -> tuple[object, ...]:
    """An expression by row: asked of DuckDB alone, once, for the same few hundred make up every case."""
    return tuple(row[0] for row in LAKE.execute(f"SELECT {expression} FROM given ORDER BY uscc").fetchall())


def texts() -> dict[tuple[str, str | None], Sequence[object]]:
    """Every item as the gate words it, plain and under every mask, by row."""
    found: dict[tuple[str, str | None], Sequence[object]] = {}
    for name in NAMES:
        item = TYPED[name]
        element = element_of(item.element, item.type)
        plain = quote(name) if item.type in ("integer", "boolean") else field_text(name, item.type, "duckdb")
        exprs = {None: plain}
        for profile in PROFILES:
            exprs[profile] = (
                masked_sql(element, profile, quote(name))
                if element.type == item.type
                else masked_sql("text", profile, f"CAST({quote(name)} AS VARCHAR)")
            )
        for profile, expression in exprs.items():
            found[name, profile] = in_lake(expression)
    return found


TEXTS = texts()

entry_items = st.fixed_dictionaries(
    {
        name: st.builds(
            EntryItem,
            name=st.just(name),
            label=st.just(name),
            element=st.just(TYPED[name].element),
            is_key=st.booleans(),
            share_type=st.sampled_from([1, 2, 2, 2, 2, 3]),
            grade=st.sampled_from([1, 1, 2, 3, 4]),
            mask=st.sampled_from([None, None, "none", "middle", "full"]),
        )
        for name in NAMES
    }
)
conditions = st.one_of(
    st.builds(lambda v: {"item": "division", "op": "prefix", "value": v}, st.sampled_from(["43", "43050", "430511"])),
    st.builds(lambda v: {"item": "division", "op": "in", "value": v}, st.lists(st.sampled_from(["430502", "430511"]), min_size=1)),
    st.builds(lambda v: {"item": "capital", "op": "eq", "value": v}, st.sampled_from(["0", "1234567.89", "-0.1", "7"])),
    st.builds(lambda v: {"item": "founded", "op": "eq", "value": v}, st.sampled_from(["1949-10-01", "2023-05-09"])),
    st.builds(lambda v: {"item": "active", "op": "eq", "value": v}, st.booleans()),
    st.builds(lambda v: {"item": "staff", "op": "in", "value": v}, st.lists(st.sampled_from([0, 7]), min_size=1)),
)  # fmt: skip
grants = st.fixed_dictionaries(
    {
        "items": st.lists(st.sampled_from(NAMES), min_size=5, unique=True),
        "row_filter": st.lists(conditions, max_size=2),
        "masks": st.dictionaries(st.sampled_from(NAMES), st.sampled_from(PROFILES), max_size=3),
        "state": st.sampled_from(["active"] * 9 + ["suspended", "terminated", "expired"]),
        "valid_from": st.sampled_from([NOW - DAY] * 6 + [NOW + DAY]),
        "until": st.sampled_from([NOW + DAY] * 8 + [NOW, NOW - DAY]),
        "application_state": st.sampled_from(["active"] * 9 + ["suspended"]),
        "entry_state": st.sampled_from(["published"] * 9 + ["withdrawn"]),
        "share_type": st.sampled_from([1, 2, 2, 2, 2, 2, 3]),
    }
)
questions = st.fixed_dictionaries(
    {},
    optional={
        "items": st.lists(st.sampled_from([*NAMES, "nonsense"]), min_size=1, max_size=2, unique=True),
        "limit": st.integers(1, 40),
        "key": st.sampled_from([row["uscc"] for row in ROWS[:12]] + ["91430502MA99999999"]),
    },
)


@dataclasses.dataclass
class Case:
    offered: dict[str, EntryItem]
    grants: list[dict]
    serves: list[str]
    asked: dict

    @property
    def rights(self) -> Rights:
        service = Served(
            "svc", 1, "102/000001", "D23", "standard.market_entity", ("uscc",), tuple(self.serves), 1000, "active",
            tuple(self.offered.values()), ITEMS, ("uscc",),
        )  # fmt: skip
        whole = [
            {
                **grant, "id": f"G{place}", "dataset": service.dataset, "entry_code": service.entry_code,
                "application_id": "A01", "department_code": "D25", "provider_code": "D23", "purpose": "数据校核",
                "method": "api", "reason": None,
            }
            for place, grant in enumerate(self.grants)
        ]  # fmt: skip
        callers = {
            "41ef4bb0b23661e66301aac36066912dac037827b4ae63a7b1165a5aa93ed4eb": Caller("A01", "D25", "active")
        }
        return Rights(callers, {"svc": service}, {("A01", 1): whole})

    def is_live(self, grant: dict) -> bool:
        return (
            grant["state"] == "active"
            and grant["valid_from"] <= NOW < grant["until"]
            and grant["application_state"] == "active"
            and grant["entry_state"] == "published"
            and grant["share_type"] < 3
        )

    def mask(self, grant: dict, name: str) -> str | None:
        """The stricter of what was granted and what the catalogue says now; two that differ hide all."""
        now = self.offered[name].mask or {3: "middle", 4: "full"}.get(self.offered[name].grade, "none")
        wanted = {mask for mask in (grant["masks"].get(name), now) if mask not in (None, "none")}
        return None if not wanted else wanted.pop() if len(wanted) == 1 else "full"

    def allowed(self, grant: dict) -> dict[str, str | None]:
        """Item → mask of what may leave to a bearer of a token under this grant."""
        names = [name for name in grant["items"] if name in self.serves and self.offered[name].share_type < 3]
        return {name: self.mask(grant, name) for name in names}

    def expected(self, grant: dict) -> list[dict] | None:
        """The rows a grant answers with; None if it refuses."""
        may = self.allowed(grant)
        unsigned = {n: m for n, m in may.items() if not (m is None and self.offered[n].grade >= 3)}
        used = {*self.asked.get("items", ()), *(["uscc"] if "key" in self.asked else [])}
        if not self.is_live(grant) or not unsigned or not used <= set(may):
            return None
        if not set(self.asked.get("items", ())) <= set(unsigned):
            return None
        names = self.asked.get("items") or [name for name in grant["items"] if name in unsigned]
        places = [
            place
            for place, row in enumerate(ROWS)
            if fits(row, grant["row_filter"], TYPED) and self.asked.get("key", row["uscc"]) == row["uscc"]
        ]
        if not places and grant["row_filter"] and "key" in self.asked:
            return None
        rows = [{name: TEXTS[name, may[name]][place] for name in names} for place in places]
        return rows[: self.asked.get("limit", 1000)]


def replica_of(shape: Shape, file: Path) -> Replica:
    """The replica of these rows in this shape, as the keeper would have made it; on a disk that need not last."""
    with _Writing(file) as writing:
        for pragma in ("synchronous = OFF", "journal_mode = MEMORY"):
            writing._connection.execute(f"PRAGMA {pragma}")
        with writing.transaction():
            writing.make(shape)
            writing.begin(1)
            writing.upsert(
                shape, zip(*(in_lake(column.sql) for column in shape.columns), strict=True), fresh=True
            )
            writing.index(shape)
            writing.settle(shape)
            writing.say(shape, 1, NOW)
    return Replica.open(file)


@seed(SEED)
@settings(max_examples=150, database=None, suppress_health_check=list(HealthCheck))
@given(
    case=st.builds(
        Case,
        offered=entry_items,
        grants=st.lists(grants, min_size=1, max_size=3),
        serves=st.lists(st.sampled_from(NAMES), min_size=5, unique=True),
        asked=questions,
    ),
)
def test_no_field_and_no_row_without_a_live_grant(tmp_path_factory, case):
    rights = case.rights
    file = tmp_path_factory.getbasetemp() / f"svc.{secrets.token_hex(8)}.sqlite"
    replica = replica_of(rights.shapes(NOW)["svc"], file)
    query = {name: value for name, value in case.asked.items() if name == "limit"}
    if "items" in case.asked:
        query["items"] = ",".join(case.asked["items"])
    if "key" in case.asked:
        query["uscc"] = case.asked["key"]
    call = Call("GET", "svc", urlencode(query), b"", "Bearer open sesame", "127.0.0.1", NOW, "r0000000")
    try:
        means = Means(
            lambda _: replica,
            lambda subject, year: f"{subject[-6:]:0>16}",
            lambda *_: True,
            lambda *_: None,
        )
        draft = compose(call, rights, means)
    finally:
        replica.close()
        file.unlink()
    answers = [case.expected(grant) for grant in case.grants]
    first = next((place for place, answer in enumerate(answers) if answer is not None), None)
    told = json.loads(draft.body)
    evidence = Exchange.from_entry(draft.exchange.entry_bytes("s", 0))
    event("refused" if first is None else "answered with rows" if answers[first] else "answered empty")
    if first is None:
        assert draft.status == 403
        assert "rows" not in told
        assert (evidence.outcome, evidence.rows) == ("refused", 0)
    else:
        assert (draft.status, evidence.outcome) == (200, "answered")
        assert evidence.grant == f"G{first}"
        assert told["rows"] == answers[first]
        assert evidence.rows == len(told["rows"])
        assert set(evidence.items) <= set(case.allowed(case.grants[first]))


@pytest.mark.parametrize("profile", PROFILES)
def test_the_oracle_knows_that_masks_hide(profile):
    """The law above would be empty if a mask let everything through."""
    for name in NAMES:
        plain, masked = TEXTS[name, None], TEXTS[name, profile]
        assert all(m is None for p, m in zip(plain, masked, strict=True) if p is None)
        assert any(p != m for p, m in zip(plain, masked, strict=True))
