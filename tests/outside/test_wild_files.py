"""A second corpus of hostile files, drawn by chance: another hand, other writers, the same two ways to end."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.outside.hostile.case import Case
from tests.outside.test_hostile_files import outcome
from tests.outside.wild import books, others, texts

FAMILIES: dict[str, Callable[[random.Random, int], Iterator[Case]]] = {
    "texts": texts.cases,
    "books": books.cases,
    "others": others.cases,
}


def wrong(seed: int, count: int, folder: Path) -> tuple[int, dict[str, str]]:
    """How many files there were, and what those did that did not do what they must."""
    seen, found = 0, {}
    for family, cases in FAMILIES.items():
        for case in cases(random.Random(f"{family}-{seed}"), count):
            seen += 1
            said = outcome(case, folder)
            if said:
                found[f"{seed}/{case.name}"] = said
    return seen, found


def test_a_sample_of_the_wild_files_loads_as_its_truth_says_or_is_refused_at_its_place(
    tmp_path: Path,
) -> None:
    assert wrong(1, 24, tmp_path)[1] == {}


@pytest.mark.slow
def test_every_wild_file_loads_as_its_truth_says_or_is_refused_at_its_place(tmp_path: Path) -> None:
    seen, found = 0, {}
    for seed in range(2, 6):
        count, more = wrong(seed, 80, tmp_path)
        seen, found = seen + count, found | more
    assert seen >= 1200
    assert found == {}
