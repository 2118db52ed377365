"""GB 18030-2022: every code point comes back as it was written, and where older tables differ is known."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from jutong.outside.csv import Dialect, read_csv
from jutong.outside.csv.gb18030 import corrected, encoded
from jutong.outside.csv.unread import cuts_as_it_stands
from jutong.terms import BadInput

#: The 18 positions that the edition of 2022 gives to characters of Unicode where older ones had private ones,
#: and U+1E3F, which the edition of 2005 moved.
CHANGED = {
    "a6d9": "\ufe10", "a6da": "\ufe12", "a6db": "\ufe11", "a6dc": "\ufe13", "a6dd": "\ufe14", "a6de": "\ufe15",
    "a6df": "\ufe16", "a6ec": "\ufe17", "a6ed": "\ufe18", "a6f3": "\ufe19", "fe59": "\u9fb4", "fe61": "\u9fb5",
    "fe66": "\u9fb6", "fe67": "\u9fb7", "fe6d": "\u9fb8", "fe7e": "\u9fb9", "fe90": "\u9fba", "fea0": "\u9fbb",
    "a8bc": "\u1e3f",
}  # fmt: skip
EVERY = [chr(point) for point in range(0x110000) if not 0xD800 <= point < 0xE000]


def test_every_code_point_goes_out_and_comes_back() -> None:
    text = "".join(EVERY)
    assert corrected(encoded(text).decode("gb18030")) == text


def test_every_two_byte_position_comes_in_and_goes_back() -> None:
    for lead in range(0x81, 0xFF):
        given = [bytes((lead, trail)) for trail in [*range(0x40, 0x7F), *range(0x80, 0xFF)]]
        text = corrected(b"\n".join(given).decode("gb18030"))
        assert [len(one) for one in text.split("\n")] == [1] * len(given)
        assert encoded(text).split(b"\n") == given


def test_the_changed_positions_are_those_of_2022() -> None:
    for position, character in CHANGED.items():
        assert corrected(bytes.fromhex(position).decode("gb18030")) == character
        assert bytes.fromhex(position).decode("gb18030") != character


def test_every_code_point_is_read_from_a_file(tmp_path: Path) -> None:
    readable = [char for char in EVERY if char not in '\0\r\n",\ufeff']
    lines = ["".join(readable[start : start + 500]) for start in range(0, len(readable), 500)]
    file = tmp_path / "a.csv"
    file.write_bytes(encoded("字\n" + "\n".join(lines) + "\n"))
    reading = read_csv(file, Dialect("gb18030", quote=""), "a.csv")
    assert [text for batch in reading.batches for text in batch.column(0).to_pylist()] == lines


def _told(file: Path, dialect: Dialect) -> Any:
    """Everything a reading says: rows, or the refusal with its place; and what was noticed."""
    try:
        reading = read_csv(file, dialect, "a.csv")
        rows = [tuple(row.values()) for batch in reading.batches for row in batch.to_pylist()]
    except BadInput as problem:
        return str(problem), problem.address
    return rows, reading.gaps, [(one.code, one.address) for one in reading.notices], reading.set_aside


def test_a_file_cut_before_it_is_decoded_reads_as_one_decoded_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(18030)
    file = tmp_path / "a.csv"
    words = [
        "邵阳市",
        "𠮷",
        "\ue7c7",
        "ḿ",
        "a",
        "",
        '""',
        '"两\n行"',
        "亅|丂",
        "合计",
        "甲",
        "\ufffd",
        "\ufeff",
        "é·×",
    ]
    harms = [
        b"\xff",
        b"\x80",
        b"\xc9",
        b"\x95\x32\x82",
        b",",
        b'"',
        b"\n",
        b"\r\n\r\n",
        b"\0",
        b"\x1a",
        b"\x84\x31",
    ]
    refused = 0
    for _ in range(250):
        lines = [
            encoded(",".join(chance.choice(words) for _ in range(3))) for _ in range(chance.randrange(1, 40))
        ]
        data = bytearray(b"\n".join([encoded("甲,乙,丙"), *lines]) + b"\n")
        for _ in range(chance.choice((0, 0, 1, 2))):
            place = chance.randrange(len(data) + 1)
            data[place:place] = chance.choice(harms)
        file.write_bytes(bytes(data))
        dialect = Dialect("gb18030", wrong_rows=chance.choice(("refuse", "set_aside")))
        assert cuts_as_it_stands(dialect)
        cut = _told(file, dialect)
        with monkeypatch.context() as decoded_first:
            decoded_first.setattr("jutong.outside.csv.folder.cuts_as_it_stands", lambda _: False)
            assert cut == _told(file, dialect)
        refused += isinstance(cut[0], str)
    assert 25 < refused < 225


def test_rows_given_before_the_wrong_one_are_not_given_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parser's blocks of a file as it stands and of the same file decoded end at different rows."""
    monkeypatch.setattr("jutong.outside.csv.folder._BLOCK", 1 << 16)
    monkeypatch.setattr("jutong.outside.csv.feed._LEAST", 1 << 15)
    monkeypatch.setattr("jutong.outside.csv.feed._CHUNK", 1 << 15)
    file = tmp_path / "a.csv"
    rows = [[f"{number:05}", f"邵阳市第{number}号", "合计"[: number % 5]] for number in range(9000)]
    lines = [",".join(row) for row in [["甲", "乙", "丙"], *rows]]
    lines[8001] = "只有一个值"
    file.write_bytes(encoded("\n".join(lines)))
    reading = read_csv(file, Dialect("gb18030", wrong_rows="set_aside"), "a.csv")
    given = [list(row.values()) for batch in reading.batches for row in batch.to_pylist()]
    assert given == [[value or None for value in row] for number, row in enumerate(rows) if number != 8000]
    assert [(one.code, one.address.row) for one in reading.notices] == [("outside.csv_ragged", 8002)]
    assert reading.clerk_row(8001) == 8003


def test_the_differences_of_older_tables_are_those_in_the_docs() -> None:
    words = (Path(__file__).parents[2] / "docs/reference/encodings.md").read_text(encoding="utf-8")
    for position, character in CHANGED.items():
        private = bytes.fromhex(position).decode("gb18030")
        line = next(line for line in words.splitlines() if line.startswith(f"| {position.upper()} "))
        assert f"U+{ord(private):04X} (private)" in line
        assert f"U+{ord(character):04X} {character}" in line
    differ: dict[str, dict[str, tuple[str, str]]] = {"gbk": {}, "gb2312": {}}
    empty = dict.fromkeys(differ, 0)
    for lead in range(0x81, 0xFF):
        for trail in [*range(0x40, 0x7F), *range(0x80, 0xFF)]:
            given = bytes((lead, trail))
            here = corrected(given.decode("gb18030"))
            for table, found in differ.items():
                try:
                    there = given.decode(table)
                except UnicodeDecodeError:
                    empty[table] += 1
                else:
                    if there != here:
                        found[given.hex().upper()] = (there, here)
    assert differ["gbk"] == {}
    for table, count in empty.items():
        assert f"{count:,}".replace(",", " ") in next(
            line for line in words.splitlines() if f"`{table}`" in line
        )
    for position, (there, here) in differ["gb2312"].items():
        assert f"{position} is U+{ord(there):04X} {there} there and U+{ord(here):04X} {here} here" in words
    assert len(differ["gb2312"]) == 2
