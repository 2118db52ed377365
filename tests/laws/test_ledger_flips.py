"""The ledger detects any flip: every byte of every file under DIR/ledger, and it names the file."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from tests.ledger_facts import fact, open_ledger

from jutong.ledger import Ledger
from jutong_verify import verify_folder


def flipped(file: Path, at: int, bit: int) -> bytes:
    """Flip one bit in place; returns the content as it was."""
    before = file.read_bytes()
    file.write_bytes(before[:at] + bytes([before[at] ^ (1 << bit)]) + before[at + 1 :])
    return before


def named(ledger: Ledger) -> set[str]:
    return {one.file for one in verify_folder(ledger.folder).problems}


def files_of(ledger: Ledger) -> list[Path]:
    return sorted(file for file in ledger.folder.rglob("*") if file.is_file())


def expect_found(ledger: Ledger, file: Path, at: int, bit: int) -> None:
    name = file.relative_to(ledger.folder).as_posix()
    before = flipped(file, at, bit)
    try:
        assert name in named(ledger), f"byte {at} bit {bit} of {name} flipped and not named"
    finally:
        file.write_bytes(before)


@pytest.fixture
def small(tmp_path) -> Ledger:
    """Two merges, so that older partial tiles lie about, and a stream with two batches waiting.

    As little as shows every kind of byte: each is flipped eight times, and the whole folder verified each time.
    """
    ledger = open_ledger(tmp_path)
    ended = ledger.stream("g")
    for n in range(2):
        ended.commit([fact(n)])
        ledger.sequence()
    ended.close()
    ledger.sequence()
    stream = ledger.stream("g")
    stream.commit([fact(0), fact(1)])
    stream.commit([fact(2)])
    return ledger


def test_every_byte_of_a_small_ledger_is_under_guard(small):
    assert named(small) == set()
    choose = random.Random(0)
    for file in files_of(small):
        for at in range(file.stat().st_size):
            expect_found(small, file, at, choose.randrange(8))
    assert named(small) == set()


@pytest.mark.slow
def test_every_bit_of_a_small_ledger_is_under_guard(small):
    for file in files_of(small):
        for at in range(file.stat().st_size):
            for bit in range(8):
                expect_found(small, file, at, bit)


def test_any_byte_of_a_larger_ledger_is_under_guard(tmp_path):
    """Full tiles, second-level tiles and several segments: 900 records, a flip in each file and 60 more."""
    ledger = open_ledger(tmp_path)
    for records in (200, 100, 400, 150):
        stream = ledger.stream("g")
        stream.commit([fact(n) for n in range(records)])
        ledger.sequence()
        stream.close()
    ledger.stream("g").commit([fact(n) for n in range(50)])
    choose = random.Random(1)
    files = [file for file in files_of(ledger) if file.stat().st_size]
    for file in files + choose.choices(files, k=60):
        expect_found(ledger, file, choose.randrange(file.stat().st_size), choose.randrange(8))


def test_a_flip_in_an_entry_names_its_index(tmp_path):
    ledger = open_ledger(tmp_path)
    ledger.stream("g").commit([fact(n) for n in range(600)])
    ledger.sequence()
    for index in (0, 255, 256, 400, 599):
        n, place = divmod(index, 256)
        (file,) = [
            one
            for one in (ledger.folder / "tile/entries").rglob("*")
            if one.is_file() and one.relative_to(ledger.folder / "tile/entries").parts[0][:3] == f"{n:03d}"
        ]
        data, at = file.read_bytes(), 0
        for _ in range(place):
            at += 2 + int.from_bytes(data[at : at + 2])
        flipped(file, at + 30, 0)
        problems = verify_folder(ledger.folder).problems
        assert {(one.index, one.offset) for one in problems} == {(index, at)}
        file.write_bytes(data)


def test_a_flip_in_a_tile_names_the_tile_and_not_the_entry(tmp_path):
    ledger = open_ledger(tmp_path)
    ledger.stream("g").commit([fact(n) for n in range(600)])
    ledger.sequence()
    for name in ("tile/0/001", "tile/0/002.p/88", "tile/1/000.p/2", "sm3/tile/0/000", "sm3/tile/1/000.p/2"):
        file = ledger.folder / name
        before = flipped(file, 33, 3)
        assert {(one.file, one.offset) for one in verify_folder(ledger.folder).problems} == {(name, 32)}
        file.write_bytes(before)
