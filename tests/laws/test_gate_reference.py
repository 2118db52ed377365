"""Whatever is granted, asked and when: the gate's answer is the one of a ten-line reference, for every kind of service.

``JUTONG_CASES`` says how many questions, ``JUTONG_SEED`` which.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import math
import os
import secrets
from collections import Counter
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from tests.laws.test_gate_bounds import (
    DAY,
    NAMES,
    NOW,
    ROWS,
    SEED,
    TEXTS,
    TYPED,
    Case,
    entry_items,
    grants,
    replica_of,
)

from jutong.gate.answering import Call, Means, compose
from jutong.gate.rights import Caller, Rights
from jutong.ledger import Exchange
from jutong.share import fits

CASES = int(os.environ.get("JUTONG_CASES", "6000"))
KEYS = {"query": ("uscc",), "list": ("division", "staff"), "statistics": ("division", "active")}
LEAST = 3
CALLERS = {"bearer": Caller("A01", "D25", "active"), "signer": Caller("A01", "D25", "active", signed=True)}

KINDS, WHO, WHEN = (
    sorted(KEYS),
    sorted(CALLERS),
    [NOW] * 6 + [NOW - DAY, NOW - 2 * DAY, NOW + DAY, NOW + 2 * DAY],
)
ITEMS_ASKED = [
    None,
    *itertools.permutations([*NAMES, "nonsense"], 1),
    *itertools.permutations([*NAMES, "nonsense"], 2),
]
KEYS_ASKED = [None, *(row["uscc"] for row in ROWS[:8]), "91430502MA99999999"]
CHOICES = [KINDS, WHO, WHEN, ITEMS_ASKED, KEYS_ASKED, [False, True], [False, True, True]]


def question(number):
    """One of all the questions there are; drawing its parts one by one took longer than answering it."""
    drawn = []
    for choices in CHOICES:
        number, place = divmod(number, len(choices))
        drawn.append(choices[place])
    kind, who, now, items, key, deep, narrow = drawn
    asked = {"kind": kind, "who": who, "now": now}
    if items is not None and narrow:
        asked["items"] = list(items)
    if key is not None:
        asked["key"] = key
    return {**asked, "deep": True} if deep else asked


questions = st.integers(0, math.prod(map(len, CHOICES)) - 1).map(question)


def reference(case, asked):
    """The rows of the first grant that covers the question, or None: the law in ten lines."""
    counts, by_key = asked["kind"] == "statistics", asked["kind"] == "query" and "key" in asked
    for grant in case.grants:
        may = dataclasses.replace(case, serves=serves_of(case, asked["kind"])).allowed(grant)
        told = {n: m for n, m in may.items() if asked["who"] == "signer" or m or case.offered[n].grade < 3}
        items = wanted(asked) or [name for name in grant["items"] if name in told]
        listable = asked["kind"] != "list" or told.get("uscc", "no") is None
        covered = bool(told) and listable and set(items) <= set(told) and (not by_key or "uscc" in may)
        if covered and is_live(grant, asked["now"]):
            rows = [n for n, row in enumerate(ROWS) if fits(row, grant["row_filter"], TYPED)]
            rows = [n for n in rows if not by_key or ROWS[n]["uscc"] == asked["key"]]
            if rows or counts or not (by_key and grant["row_filter"]):
                return [{name: TEXTS[name, told[name]][n] for name in items} for n in rows]
    return None


def is_live(grant, now):
    states = (grant["state"], grant["application_state"], grant["entry_state"])
    in_time = grant["valid_from"] <= now < grant["until"]
    return states == ("active", "active", "published") and grant["share_type"] < 3 and in_time


def serves_of(case, kind):
    return list(KEYS["statistics"]) if kind == "statistics" else case.serves


def wanted(asked):
    if asked["kind"] == "statistics":
        return KEYS["statistics"][: 2 if "deep" in asked else 1]
    return asked.get("items")


def rights_of(case, kind):
    """The case's picture with its one service of this kind, and with both callers."""
    plain = case.rights
    serves = tuple(serves_of(case, kind))
    service = dataclasses.replace(
        plain.services["svc"],
        kind=kind,
        keys=KEYS[kind],
        items=serves,
        least=LEAST,
        max_rows=7 if kind == "list" else 1000,
    )
    callers = {hashlib.sha256(name.encode()).hexdigest(): caller for name, caller in CALLERS.items()}
    return Rights(callers, {"svc": service}, plain.grants)


def replica_at(rights, file, moments):
    """One that answers at all these moments, as the keeper would have made it by the last of them."""
    shapes = [rights.shapes(now)["svc"] for now in moments]
    shape = max(shapes, key=lambda one: (len(one.columns), len(one.counted)))
    columns = {column.name: column for one in shapes for column in one.columns}
    counted = tuple(sorted({name for one in shapes for name in one.counted}))
    return replica_of(dataclasses.replace(shape, columns=tuple(columns.values()), counted=counted), file)


def answer(rights, replica, asked, after=None):
    query = {}
    if asked["kind"] == "statistics":
        query["by"] = ",".join(wanted(asked))
    elif "items" in asked:
        query["items"] = ",".join(asked["items"])
    if asked["kind"] == "query" and "key" in asked:
        query["uscc"] = asked["key"]
    if after:
        query["after"] = after
    call = Call("GET", "svc", urlencode(query), b"", f"Bearer {asked['who']}", "127.0.0.1", asked["now"], "r0000000")  # fmt: skip
    means = Means(
        lambda _: replica, lambda subject, _: f"{subject[-6:]:0>16}", lambda *_: True, lambda *_: None
    )
    draft = compose(call, rights, means)
    evidence = Exchange.from_entry(draft.exchange.entry_bytes("s", 0))
    told = json.loads(draft.body)
    said = len(told.get("rows", told.get("groups", [])))
    assert (evidence.outcome, evidence.rows) == ("answered" if draft.status == 200 else "refused", said)
    return draft.status, told


def check(case, asked, rights, replica):
    """Whether the gate tells the same; returns the kind of answer it was."""
    expected = reference(case, asked)
    status, told = answer(rights, replica, asked)
    assert status == (403 if expected is None else 200), told
    if expected is None:
        assert not told.keys() & {"rows", "groups"}
    elif asked["kind"] == "statistics":
        counts = Counter(tuple(row.values()) for row in expected)
        groups = {
            tuple(int(v) if isinstance(v, bool) else v for n, v in group.items() if n != "count"): group[
                "count"
            ]
            for group in told["groups"]
        }
        counts = Counter(
            {tuple(int(v) if isinstance(v, bool) else v for v in path): n for path, n in counts.items()}
        )
        assert all(counts[path] == count >= LEAST for path, count in groups.items())
        assert told["total"] in ({None} if len(expected) < LEAST else {len(expected)})
    else:
        rows = told["rows"]
        while told["next"]:
            status, told = answer(rights, replica, asked, told["next"])
            assert status == 200
            rows += told["rows"]
        assert rows == expected
    return f"{asked['kind']} {'refused' if expected is None else 'answered' if expected else 'empty'}"


def hold(case, asked, folder):
    held, told = {}, []
    try:
        for one in asked:
            kind = one["kind"]
            if kind not in held:
                rights = rights_of(case, kind)
                file = folder / f"svc.{secrets.token_hex(8)}.sqlite"
                held[kind] = rights, replica_at(rights, file, {other["now"] for other in asked})
            told.append(check(case, one, *held[kind]))
        return told
    finally:
        for _, replica in held.values():
            replica.close()
        for file in folder.glob("svc.*"):
            file.unlink()


def cases(most_questions):
    return {
        "case": st.builds(
            Case,
            offered=entry_items,
            grants=st.lists(grants, min_size=1, max_size=3),
            serves=st.lists(st.sampled_from(NAMES), min_size=5, unique=True),
            asked=st.just({}),
        ),
        "asked": st.lists(questions, min_size=most_questions - 4, max_size=most_questions),
    }


def settings_for(questions):
    """Enough pictures of rights for so many questions, at least twenty of each."""
    return settings(
        max_examples=questions // 20,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )


@seed(SEED)
@settings_for(300)
@given(**cases(24))
def test_the_gate_answers_as_the_reference(tmp_path_factory, case, asked):
    hold(case, asked, tmp_path_factory.getbasetemp())


@pytest.mark.slow
def test_the_gate_answers_as_the_reference_many_thousand_times(tmp_path, capsys):
    told = Counter()

    @seed(SEED)
    @settings_for(CASES)
    @given(**cases(24))
    def asking(case, asked):
        told.update(hold(case, asked, tmp_path))

    asking()
    with capsys.disabled():
        print(f"\n{told.total()} questions: {dict(sorted(told.items()))}")
    assert told.total() >= CASES
