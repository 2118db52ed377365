"""The corpus of hostile files: each loads exactly as its truth says, or is refused with its code and place."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.outside.hostile import books, others, texts
from tests.outside.hostile.case import Case

from jutong.outside.files import read_file
from jutong.terms import BadInput

FAMILIES: dict[str, Callable[[], Iterator[Case]]] = {
    "texts": texts.cases,
    "books": books.cases,
    "others": others.cases,
}


@functools.cache
def cases_of(family: str) -> list[Case]:
    return list(FAMILIES[family]())


def outcome(case: Case, folder: Path) -> str:
    """Empty when the file did what it must; else what it did instead."""
    file = folder / "file"
    file.write_bytes(case.content)
    try:
        reading = read_file(file, case.file, case.declared)
        rows = [list(row.values()) for batch in reading.batches for row in batch.to_pylist()]
    except BadInput as problem:
        where = problem.address.row if problem.address else None
        if case.refused is None:
            return f"refused: {problem}"
        code, row = case.refused
        if problem.code != f"outside.{code}" or (row is not None and where != row):
            return f"refused as {problem.code} at {where}, not as {code} at {row}"
        return "" if problem.address and problem.address.file else "refused without an address"
    if case.refused is not None:
        return f"loaded {rows[:3]}, should be refused as {case.refused}"
    names = [column.name for column in reading.columns]
    texts_given = [[None if cell is None else str(cell) for cell in row] for row in rows]
    if names != case.columns or texts_given != case.rows:
        return f"loaded {names} {texts_given[:4]}"
    told = {(notice.code.removeprefix("outside."), notice.address.row) for notice in reading.notices}
    codes = {code for code, _ in told}
    missing = [one for one in case.noticed if (one not in told if one[1] else one[0] not in codes)]
    if missing:
        return f"did not notice {missing}, but {sorted(told, key=str)}"
    if case.clerk_rows:
        seen = tuple(reading.clerk_row(number) for number in range(1, len(rows) + 1))
        return "" if seen == case.clerk_rows else f"rows counted as {seen}"
    return ""


@pytest.mark.parametrize("family", FAMILIES)
def test_each_hostile_file_loads_as_its_truth_says_or_is_refused_at_its_place(
    family: str, tmp_path: Path
) -> None:
    wrong = {}
    for case in cases_of(family):
        said = outcome(case, tmp_path)
        if said:
            wrong[case.name] = said
    assert wrong == {}


def test_the_corpus_is_large_and_every_case_has_a_name_of_its_own() -> None:
    names = [case.name for family in FAMILIES for case in cases_of(family)]
    assert len(names) >= 300
    assert len(set(names)) == len(names)
