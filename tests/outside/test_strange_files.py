"""A third corpus of hostile files, by hand: joined, half-fetched, mislabelled and ill-meant ones, the same two ways to end."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.outside.hostile.case import Case
from tests.outside.strange import books, others, texts
from tests.outside.test_hostile_files import outcome

from jutong.outside import FileFolder

FAMILIES: dict[str, Callable[[], Iterator[Case]]] = {
    "texts": texts.cases,
    "books": books.cases,
    "others": others.cases,
}


@functools.cache
def cases_of(family: str) -> list[Case]:
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "Duplicate name", UserWarning
        )  # a zip with two members alike is meant
        return list(FAMILIES[family]())


@pytest.mark.parametrize("family", FAMILIES)
def test_each_strange_file_loads_as_its_truth_says_or_is_refused_at_its_place(
    family: str, tmp_path: Path
) -> None:
    wrong = {case.name: said for case in cases_of(family) if (said := outcome(case, tmp_path))}
    assert wrong == {}


def test_a_dbf_of_a_folder_is_read_as_the_cpg_beside_it_says_also_from_its_kept_copy(tmp_path: Path) -> None:
    content = others.table("东京", codec="utf-8", language=0x4D)
    (tmp_path / "A.DBF").write_bytes(content)
    (tmp_path / "A.cpg").write_text("UTF-8")
    kept = tmp_path / "kept"
    kept.write_bytes(content)
    with FileFolder({"folder": str(tmp_path)}) as folder:
        for file in (None, kept):
            reading = folder.read({"file": "A.DBF"}, file=file)
            assert [row for batch in reading.batches for row in batch.to_pylist()] == [
                {"CODE": "0000", "NAME": "东京"}
            ]
            assert reading.manner["encoding"] == "utf-8"


def test_every_strange_case_has_a_name_of_its_own() -> None:
    names = [case.name for family in FAMILIES for case in cases_of(family)]
    assert len(names) >= 100
    assert len(set(names)) == len(names)
