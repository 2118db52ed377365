"""Law 1: what was given is accepted, kept as an issue, or a duplicate; and what was given is what was written."""

from __future__ import annotations

from collections import defaultdict

import pytest
from tests.journey.sample import answer, sample_of

from jutong.city import truth


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return sample_of(tmp_path_factory).home


@pytest.fixture(scope="module")
def batches(home):
    return answer(home, "figures", "--batches")["batches"]


def test_every_batch_is_conserved(batches):
    assert len(batches) >= 673
    assert [
        one for one in batches if one["given"] != one["accepted"] + one["rejected"] + one["duplicates"]
    ] == []


def test_what_was_given_is_what_the_truth_says_was_written(home, batches):
    """In every round, table by table; a batch is named by its run and its table."""
    written = defaultdict(dict)
    for row in truth(home, "rows").to_pylist():
        written[row["round"]][row["source_table"]] = row["rows_given"]
    given = defaultdict(dict)
    for one in batches:
        run, _, table = one["name"].partition(".")
        given[int(run.removeprefix("demo-"))][table] = one["given"]
    assert sorted(written) == sorted(given) == [0, 1, 2]
    assert len(given[0]) == 673
    for number in written:
        differing = {
            table: (rows, given[number].get(table))
            for table, rows in written[number].items()
            if given[number].get(table) != rows
        }
        assert differing == {}
