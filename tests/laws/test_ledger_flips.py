"""The ledger detects any byte flipped, dropped, inserted or swapped in any file under DIR/ledger, and names the file."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.ledger_facts import fact, open_ledger

from jutong.ledger import Ledger
from jutong.ledger.tiles import Tree, bundles, leaf_hashes
from jutong_verify import missing_receipts, sha256, sm3, verify_folder


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
    waiting = [*stream.commit([fact(0), fact(1)]), *stream.commit([fact(2)])]
    (tmp_path / "receipts").write_text("\n".join(one.token() for one in waiting), encoding="utf-8")
    return ledger


@pytest.fixture
def receipts(small, tmp_path) -> list[str]:
    """What a consumer holds of the batches that wait."""
    return (tmp_path / "receipts").read_text(encoding="utf-8").split()


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


def dropped(data: bytes, at: int) -> bytes:
    return data[:at] + data[at + 1 :]


def inserted(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at - 1] ^ 1]) + data[at:]


def swapped(data: bytes, at: int) -> bytes:
    """With the next byte that is another; a byte that is followed by none is flipped."""
    other = next((place for place in range(at + 1, len(data)) if data[place] != data[at]), None)
    if other is None:
        return data[:at] + bytes([data[at] ^ 1])
    return data[:at] + data[other : other + 1] + data[at + 1 : other] + data[at : at + 1] + data[other + 1 :]


EDITS = [dropped, inserted, swapped]


def expect_seen(ledger: Ledger, file: Path, content: bytes, receipts: list[str]) -> None:
    """Named as a problem; or, where a crash may leave the like, as a torn tail, and whose record it was is missing."""
    name = file.relative_to(ledger.folder).as_posix()
    before = file.read_bytes()
    file.write_bytes(content)
    try:
        report = verify_folder(ledger.folder)
        if name not in {one.file for one in report.problems}:
            assert name.startswith("streams/")
            assert [note for note in report.notes if note.startswith(name)]
            assert missing_receipts(ledger.folder, receipts) or len(content) > len(before)
    finally:
        file.write_bytes(before)


@pytest.mark.parametrize("edit", EDITS)
def test_a_byte_dropped_inserted_or_swapped_anywhere_is_found(
    small, receipts, edit: Callable[[bytes, int], bytes]
):
    choose = random.Random(2)
    files = [file for file in files_of(small) if file.stat().st_size]
    for file in files + choose.choices(files, k=20):
        data = file.read_bytes()
        expect_seen(small, file, edit(data, choose.randrange(len(data))), receipts)
    assert named(small) == set()


@pytest.mark.slow
@pytest.mark.parametrize("edit", EDITS)
def test_every_byte_dropped_inserted_or_swapped_is_found(
    small, receipts, edit: Callable[[bytes, int], bytes]
):
    for file in files_of(small):
        data = file.read_bytes()
        for at in range(len(data)):
            expect_seen(small, file, edit(data, at), receipts)
    assert named(small) == set()


def test_a_file_cut_short_or_gone_is_found(small, receipts):
    for file in files_of(small):
        data, name = file.read_bytes(), file.relative_to(small.folder).as_posix()
        for length in {0, len(data) // 2, len(data) - 1} - {len(data), -1}:
            expect_seen(small, file, data[:length], receipts)
        file.unlink()
        seen = name in named(small) or missing_receipts(small.folder, receipts, str(small.vkey))
        # An empty lock is nothing, and a partial tile that a later one contains may be cleared away.
        assert seen or name == "lock" or file.parent.name.endswith(".p"), name
        file.write_bytes(data)


@pytest.mark.parametrize("wrong", ["dropped", "inserted", "swapped", "rewritten"])
def test_records_dropped_inserted_or_swapped_do_not_fit_the_signed_root_though_every_tile_is_made_anew(
    tmp_path, wrong
):
    """Somebody who may write every file, and cannot sign."""
    ledger = open_ledger(tmp_path)
    ledger.stream("g").commit([fact(n) for n in range(300)])
    ledger.sequence()
    entries = [entry for _, entry in ledger._log.entries(0)]
    made_up = ledger.stream("g").commit([fact(9_999)])[0]
    forged = fact(9_999).entry_bytes(made_up.stream, 0)
    changed = {
        "dropped": [*entries[:100], *entries[101:], forged],
        "inserted": [*entries[:100], forged, *entries[100:299]],
        "swapped": [*entries[:100], entries[101], entries[100], *entries[102:]],
        "rewritten": [*entries[:100], entries[100].replace(b'"rows":1', b'"rows":9'), *entries[101:]],
    }[wrong]
    assert len(changed) == 300
    assert changed != entries
    files = dict(bundles(0, [], changed))
    for prefix, hash_ in (("", sha256), ("sm3/", sm3)):
        tree = Tree(ledger.folder, prefix, hash_)
        files |= tree.extended(0, [], leaf_hashes(hash_, changed))[0]
        shutil.rmtree(ledger.folder / f"{prefix}tile")
    for name, content in files.items():
        (ledger.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (ledger.folder / name).write_bytes(content)
    report = verify_folder(ledger.folder, str(ledger.vkey))
    assert not report.ok
    if wrong == "rewritten":  # the others show already in their stream's order
        assert {one.file for one in report.problems} == {"checkpoint"}


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
