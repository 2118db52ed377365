"""A bibliographic set in the layout of DBLP-ACM, from CSV by its declaration alone: no code knows it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from jutong.fuse import evaluate_csv, read_register
from jutong.terms import BadInput

DECLARATION = Path(__file__).parents[2] / "bench" / "data" / "bibliography" / "bibliography.yaml"
TOPICS = ("Query Optimization", "Data Cleaning", "Stream Processing", "Spatial Indexing", "Transaction Recovery",
          "Schema Matching", "View Maintenance", "Similarity Search")  # fmt: skip
WAYS = (
    "Adaptive {} in Large Databases",
    "{} Revisited",
    "Efficient {} over Encrypted Relations",
    "On the Cost of {}",
)
PEOPLE = ("José Núñez, Ann Arbor", "Michael Stone, Jim Grey", "Li Wei, Zhang Min, Wang Fang", "Heidi Groß")


def written(folder: Path) -> tuple[list[Path], Path]:
    """32 papers as two bibliographies write them; every fourth is only in the first, and one title comes twice."""
    dblp, acm, same = [], [], []
    for place, way in enumerate(WAYS):
        for number, topic in enumerate(TOPICS):
            title, authors, year = (
                way.format(topic),
                PEOPLE[(place + number) % 4],
                str(1995 + (place + number) % 8),
            )
            key = f"conf/vldb/{place}{number}"
            dblp.append((key, title, authors, "VLDB", year))
            if (place + number) % 4 == 3:
                continue
            other = f"{600000 + 10 * place + number}"
            slips = (
                title.upper(),
                title.replace("Databases", "Data Bases"),
                f"{title}.",
                title.replace("e", "", 1),
            )
            acm.append(
                (
                    other,
                    slips[number % 4],
                    authors if number % 3 else authors.split(",")[0],
                    "Very Large Data Bases",
                    year,
                )
            )
            same.append((key, other))
    dblp.append(
        ("journals/tods/00", WAYS[0].format(TOPICS[0]), PEOPLE[0], "ACM Trans. Database Syst.", "2003")
    )
    head = ("id", "title", "authors", "venue", "year")
    return (
        [_csv(folder / "DBLP2.csv", head, dblp, "latin-1"), _csv(folder / "ACM.csv", head, acm, "utf-8")],
        _csv(folder / "perfectMapping.csv", ("idDBLP", "idACM"), same, "utf-8"),
    )


def _csv(file: Path, head: tuple[str, ...], rows: list[tuple[str, ...]], encoding: str) -> Path:
    with file.open("w", newline="", encoding=encoding) as out:
        csv.writer(out, quoting=csv.QUOTE_ALL).writerows([head, *rows])
    return file


def test_two_bibliographies_are_matched_by_a_declaration_alone(tmp_path: Path) -> None:
    files, truth = written(tmp_path)
    told = [one for file in files for one in ("--csv", str(file))]
    ended = CliRunner().invoke(
        main_command(), ["fuse", "evaluate", str(DECLARATION), *told, "--truth", str(truth), "--json"]
    )
    assert ended.exit_code == 0, ended.output
    found = json.loads(ended.output)
    assert found["records"] == 33 + 24
    assert found["entities"] == 33
    assert found["pair_f1"] >= 0.95
    assert found["pair_precision"] >= 0.95


def main_command():  # type: ignore[no-untyped-def]
    from jutong.cli import _jutong

    return _jutong


def test_a_truth_about_other_files_is_refused_in_a_sentence(tmp_path: Path) -> None:
    files, _ = written(tmp_path)
    other = _csv(tmp_path / "other.csv", ("a", "b"), [("1", "2")], "utf-8")
    with pytest.raises(BadInput) as raised:
        evaluate_csv(read_register(DECLARATION.read_text(encoding="utf-8")), files, other)
    assert raised.value.code == "fuse.bad_truth"
    assert "不是这些文件里的主键" in raised.value.sentence
