"""GB 18030-2022: every code point comes back as it was written, and where older tables differ is known."""

from __future__ import annotations

from pathlib import Path

from jutong.outside.csv import Dialect, read_csv
from jutong.outside.csv.gb18030 import corrected, encoded

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
        for trail in [*range(0x40, 0x7F), *range(0x80, 0xFF)]:
            given = bytes((lead, trail))
            assert encoded(corrected(given.decode("gb18030"))) == given


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
