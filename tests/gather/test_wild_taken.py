"""The wild files through the whole of gathering: what lands in the lake is what the truth says, byte for byte kept."""

from __future__ import annotations

import hashlib
import random
from typing import Any

import pytest
from tests.gather.foreign_city import City
from tests.outside.hostile.case import Case
from tests.outside.test_wild_files import FAMILIES

from jutong.gather import Arrival, append, begin_arrival, complete, find_arrival, take_arrivals

COUNTS = {"texts": 70, "books": 70, "others": 100}


def arrived(city: City, number: int, case: Case, connection: Any) -> Arrival:
    arrival = begin_arrival(
        connection, city.home, table=city.name(f"w{number}"), way="push", file_name=case.file
    )
    append(city.home, arrival, 0, [case.content])
    return complete(connection, city.home, arrival)


def ended(city: City, number: int, case: Case, arrival: Arrival) -> str:
    """Empty where gathering ended as the truth says."""
    if case.refused:
        problem = arrival.problem or {}
        same = problem.get("code") == f"outside.{case.refused[0]}"
        same = same and case.refused[1] in (None, problem.get("row")) and bool(problem.get("file"))
        return "" if arrival.state == "refused" and same else f"{arrival.state} {problem}, not {case.refused}"
    if arrival.state != "taken":
        return f"{arrival.state} {arrival.problem}"
    columns = ", ".join('"' + name.replace('"', '""') + '"' for name in case.columns or ())
    landed = [list(row) for row in city.rows(f"w{number}", columns, "_row")]
    return "" if landed == case.rows else f"landed {landed[:2]} of {len(landed)}"


@pytest.mark.slow
def test_three_hundred_wild_files_are_taken_as_their_truth_says_or_refused_at_their_place(city: City) -> None:
    cases = [
        case
        for family, count in COUNTS.items()
        for case in FAMILIES[family](random.Random(f"taken-{family}"), count)
    ]
    assert len(cases) >= 300
    city.declare("file", {}, *(
        {"name": f"w{number}", "locator": {"file": "x", "wrong_rows": "refuse", **case.declared}, "mode": "incremental", "watermark_item": "_sent"}
        for number, case in enumerate(cases)
    ))  # fmt: skip
    with city.database.connection() as connection:
        arrivals = [arrived(city, number, case, connection) for number, case in enumerate(cases)]
    take_arrivals(city.database, city.store, city.home, ids=[one.id for one in arrivals])
    with city.database.connection() as connection:
        arrivals = [find_arrival(connection, one.id) for one in arrivals]
    wrong = {
        case.name: said
        for number, (case, arrival) in enumerate(zip(cases, arrivals, strict=True))
        if (said := ended(city, number, case, arrival))
    }
    assert wrong == {}
    for case in (one for one in cases if not one.refused):
        digest = hashlib.sha256(case.content).hexdigest()
        assert (city.home / "files" / digest[:2] / digest).read_bytes() == case.content
