"""Trees, tiles and notes as the standards say: RFC 6962, C2SP tlog-tiles, signed-note, tlog-checkpoint."""

from __future__ import annotations

import hashlib
import os
import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from tests.ledger_facts import consistency, fact, mth, open_ledger, path

from jutong.ledger.tiles import Tree, bundle_name, bundles, leaf_hashes, read_bundle
from jutong_verify import (
    Checkpoint,
    Damaged,
    VerifierKey,
    check_consistency,
    leaf_hash,
    open_note,
    root_at,
    root_by_path,
    root_of,
    sha256,
    sm3,
    tile_path,
)

VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
NOTE = (
    "This is an example message.\n\n— example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)


def grown(folder: Path, steps: list[int], hash_=sha256) -> tuple[Tree, list[bytes]]:
    """A tree grown to each of the sizes in turn, its tiles on disk, and its entries."""
    tree, size, entries = Tree(folder, "", hash_), 0, [b"%d" % i for i in range(max(steps, default=0))]
    for step in steps:
        files, root = tree.extended(size, tree.edge(size), leaf_hashes(hash_, entries[size:step]))
        for name, content in files:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        size = step
        assert root == mth(entries[:step], hash_)
    return tree, entries


def test_sm3_is_the_standards_sm3():
    """GB/T 32905-2016, appendix A.1."""
    assert sm3(b"abc").hex() == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"


@given(n=st.integers(0, 300))
def test_a_root_over_leaf_hashes_is_the_rfcs(n):
    entries = [b"%d" % i for i in range(n)]
    assert root_of(sha256, [leaf_hash(sha256, entry) for entry in entries]) == mth(entries)


@pytest.mark.parametrize("hash_", [sha256, sm3])
def test_a_tree_grown_in_steps_is_the_tree_made_at_once(tmp_path, hash_):
    grown(tmp_path, [1, 2, 3, 200, 255, 256, 257, 512, 513, 700], hash_)


def test_every_earlier_root_can_be_read_from_todays_tiles(tmp_path):
    tree, entries = grown(tmp_path, [300, 700])
    for size in (0, 1, 2, 255, 256, 257, 299, 300, 511, 512, 513, 699, 700):
        assert tree.root(size, 700) == mth(entries[:size]) == root_at(tmp_path, size, 700)


def test_a_tree_of_70000_has_the_tiles_of_the_specifications_example(tmp_path):
    tree = Tree(tmp_path, "", sha256)
    files, _ = tree.extended(0, tree.edge(0), [hashlib.sha256(b"%d" % i).digest() for i in range(70_000)])
    names = [name for name, _ in files]
    assert len([name for name in names if name.startswith("tile/0/")]) == 273 + 1
    assert "tile/0/273.p/112" in names
    assert "tile/1/000" in names
    assert "tile/1/001.p/17" in names
    assert "tile/2/000.p/1" in names


@pytest.mark.parametrize(
    ("n", "width", "path"),
    [(0, 256, "000"), (67, 256, "067"), (1_234_067, 256, "x001/x234/067"), (1000, 3, "x001/000.p/3")],
)
def test_tile_paths_are_the_specifications(n, width, path):
    assert tile_path(n, width) == path


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 255, 256, 257, 300, 513])
def test_every_inclusion_proof_leads_to_the_root(tmp_path, size):
    tree, entries = grown(tmp_path, [size])
    root = mth(entries)
    for index in {0, 1, 2, 6, 7, 254, 255, 256, 257, size // 2, size - 2, size - 1}:
        if 0 <= index < size:
            path = tree.inclusion(index, size)
            leaf = leaf_hash(sha256, entries[index])
            assert root_by_path(sha256, leaf, index, size, path) == root
            if path:
                assert root_by_path(sha256, leaf, index, size, [*path[:-1], b"\0" * 32]) != root


@pytest.mark.parametrize("new", [1, 2, 3, 7, 8, 9, 256, 300, 513])
def test_every_consistency_proof_holds_and_no_false_one_does(tmp_path, new):
    tree, entries = grown(tmp_path, [new])
    for old in {0, 1, 2, 3, 4, 6, 7, 8, 128, 255, 256, 257, 299, 512, new}:
        if old <= new:
            proof = tree.consistency(old, new)
            check_consistency(sha256, (old, mth(entries[:old])), (new, mth(entries)), proof)
            if 0 < old < new:
                with pytest.raises(Damaged):
                    check_consistency(sha256, (old, mth([b"x", *entries[1:old]])), (new, mth(entries)), proof)


@seed(6962)
@settings(max_examples=int(os.environ.get("JUTONG_TREES", "20")), database=None)
@given(
    steps=st.lists(st.integers(1, 330), min_size=1, max_size=4),
    asked=st.lists(st.tuples(st.integers(0, 2**30), st.integers(0, 2**30)), min_size=3, max_size=6),
)
def test_every_proof_of_a_random_tree_is_the_one_the_rfc_spells_out(steps, asked):
    sizes = [sum(steps[:count]) for count in range(1, len(steps) + 1)]
    with tempfile.TemporaryDirectory() as folder:
        tree, entries = grown(Path(folder), sizes)
        for one, other in asked:
            size = sizes[other % len(sizes)]  # any size the tree ever stopped at
            there = entries[:size]
            index, old = one % size, one % size + 1
            assert tree.inclusion(index, size) == path(index, there)
            if old < size:
                proof = consistency(old, there)
                assert tree.consistency(old, size) == proof
                check_consistency(sha256, (old, mth(there[:old])), (size, mth(there)), proof)


def test_a_leafs_index_is_found_newest_first(tmp_path):
    tree, entries = grown(tmp_path, [600])
    assert tree.find(leaf_hash(sha256, entries[3]), 600) == 3
    assert tree.find(leaf_hash(sha256, entries[599]), 600) == 599
    assert tree.find(b"\0" * 32, 600) is None


def test_bundles_are_length_prefixed_entries(tmp_path):
    files = dict(bundles(0, [], [b"a", b"", b"\xff" * 65_535]))
    assert files == {"tile/entries/000.p/3": b"\0\1a" + b"\0\0" + b"\xff\xff" + b"\xff" * 65_535}
    (tmp_path / "tile/entries/000.p").mkdir(parents=True)
    (tmp_path / bundle_name(0, 3)).write_bytes(files["tile/entries/000.p/3"])
    assert read_bundle(tmp_path, 0, 3)[:2] == [b"a", b""]


def test_the_specifications_note_verifies_under_its_key():
    key = VerifierKey.parse(VKEY)
    assert str(key) == VKEY
    assert open_note(NOTE, key) == "This is an example message.\n"


@pytest.mark.parametrize(
    "note",
    [
        NOTE.replace("example message", "exbmple message"),
        NOTE.replace("Uw2QOkn8", "Uw2QOkn9"),
        NOTE.replace("yaQM=", "yaQN="),
        NOTE.replace("— example.com/foo", "— example.com/fop"),
        NOTE.replace("\n\n", "\n"),
        NOTE[:-1],
        "",
    ],
)
def test_a_changed_note_is_refused(note):
    with pytest.raises(Damaged):
        open_note(note, VerifierKey.parse(VKEY))


def test_a_witness_may_sign_after_us():
    witness = "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/\n"
    assert open_note(NOTE + witness, VerifierKey.parse(VKEY)) == "This is an example message.\n"


@pytest.mark.parametrize(
    "text", ["a\n01\nAAAA\n", "a\n1\n", "\n1\nAAAA\n", "a\n-1\nAAAA\n", "a\n1\nAAAA\nmore\n"]
)
def test_a_malformed_checkpoint_is_refused(text):
    with pytest.raises(Damaged):
        Checkpoint.parse(text)


def test_a_checkpoint_reads_back_as_written():
    checkpoint = Checkpoint("jutong.example/x", 7, sha256(b""))
    assert Checkpoint.parse(str(checkpoint)) == checkpoint


def test_a_proof_between_any_two_sizes_comes_from_the_newest_tiles(tmp_path):
    """A witness asks while the log goes on; sizes that never were a checkpoint are as good as others."""
    ledger = open_ledger(tmp_path)
    stream = ledger.stream("gate")
    for start, count in ((0, 200), (200, 90), (290, 10)):
        stream.commit([fact(n) for n in range(start, start + count)])
        ledger.sequence()
    entries = [entry for _, entry in ledger._log.entries(0)]
    choose = random.Random(3)
    for _ in range(60):
        new = choose.randint(1, 300)
        old = choose.randint(1, new)
        check_consistency(
            sha256, (old, mth(entries[:old])), (new, mth(entries[:new])), ledger.consistency(old, new)
        )
