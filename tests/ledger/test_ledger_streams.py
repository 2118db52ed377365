"""Streams: a receipt means durable; a stream that failed once never promises again."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from tests.ledger_facts import NOON, fact, open_ledger

from jutong.ledger import Damaged, Exchange, Ledger, Receipt
from jutong.ledger import stream as stream_module
from jutong.terms import BadInput, Conflict, NotFound, Unavailable
from jutong_verify import leaf_hash, read_segment, sha256


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return open_ledger(tmp_path)


def files_of(ledger: Ledger) -> list[Path]:
    return sorted((ledger.folder / "streams").iterdir())


def test_a_receipt_names_the_record_and_verifies_with_the_public_key(ledger):
    stream = ledger.stream("gate")
    receipts = [stream.record(fact(0)), *stream.commit([fact(n) for n in range(1, 6)])]
    assert [receipt.sequence for receipt in receipts] == [0, 1, 2, 3, 4, 5]
    for number, receipt in enumerate(receipts):
        again = Receipt.parse(receipt.token())
        again.check(ledger.vkey)
        assert again.leaf == leaf_hash(sha256, fact(number).entry_bytes(stream.id, number))


def test_a_changed_receipt_is_refused(ledger):
    receipt = ledger.stream("gate").commit([fact(n) for n in range(3)])[1]
    for changed in (
        receipt._replace(sequence=2),
        receipt._replace(leaf=b"\0" * 32),
        receipt._replace(stream="other.20260101T000000Z.00000000"),
        receipt._replace(path=receipt.path[:-1]),
        receipt._replace(count=4),
    ):
        with pytest.raises(Damaged):
            Receipt.parse(changed.token()).check(ledger.vkey)
    for token in (
        "",
        "jt1~a~0~0~1~AAAA",
        receipt.token()[:-1],
        receipt.token() + "A",
        "jt2" + receipt.token()[3:],
    ):
        with pytest.raises(Damaged):
            Receipt.parse(token).check(ledger.vkey)


def test_a_stream_file_holds_exactly_the_batches_in_their_chain(ledger):
    stream = ledger.stream("gate")
    stream.commit([fact(0), fact(1)])
    stream.commit([fact(2)])
    (file,) = files_of(ledger)
    segment = read_segment(file.read_bytes(), ledger.vkey, file.name)
    assert [[Exchange.from_entry(leaf) for leaf in batch.leaves] for batch in segment.batches] == [
        [fact(0), fact(1)],
        [fact(2)],
    ]
    assert segment.following == 3
    assert segment.torn == 0


def test_many_threads_share_batches_and_each_gets_its_own_receipt(ledger):
    stream = ledger.stream("gate")
    with ThreadPoolExecutor(16) as pool:
        receipts = list(pool.map(lambda n: stream.record(fact(n)), range(400)))
    for number, receipt in enumerate(receipts):
        receipt.check(ledger.vkey)
        assert receipt.leaf == leaf_hash(sha256, fact(number).entry_bytes(stream.id, receipt.sequence))
    assert sorted(receipt.sequence for receipt in receipts) == list(range(400))
    assert len({receipt.first for receipt in receipts}) < 400


def test_one_exchange_that_cannot_be_a_record_fails_alone(ledger):
    stream = ledger.stream("gate")
    futures = [stream.submit(one) for one in (fact(0), fact(1, detail={"x": "y" * 70_000}), fact(2))]
    futures[0].result().check(ledger.vkey)
    futures[2].result().check(ledger.vkey)
    with pytest.raises(BadInput) as refused:
        futures[1].result()
    assert refused.value.code == "ledger.too_long"


@pytest.mark.parametrize(
    "bad", [replace(fact(0), event="answer"), replace(fact(0), at=NOON.replace(tzinfo=None))]
)
def test_an_exchange_without_a_proper_event_or_zone_is_refused(ledger, bad):
    with pytest.raises(BadInput) as refused:
        ledger.stream("gate").record(bad)
    assert refused.value.code == "ledger.bad_exchange"


@pytest.mark.parametrize("call", ["write", "fdatasync"])
def test_a_failed_write_or_fsync_ends_the_stream_for_good(ledger, monkeypatch, call):
    stream = ledger.stream("gate")
    stream.record(fact(0))

    def fails(*_):
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(stream_module.os, call, fails)
        with pytest.raises(Unavailable) as refused:
            stream.record(fact(1))
    assert refused.value.code == "ledger.stream_ended"
    with pytest.raises(Unavailable):
        stream.record(fact(2))
    assert stream.ended
    ledger.stream("gate").record(fact(3))
    assert ledger.sequence().size in (2, 3)  # written but unconfirmed may stand; confirmed must
    assert {fact_.request_id for _, fact_ in ledger.entries()} >= {"r0", "r3"}


def test_a_short_write_ends_the_stream_and_leaves_a_torn_tail_nobody_counts(ledger, monkeypatch):
    stream = ledger.stream("gate")
    stream.record(fact(0))
    write = os.write
    with monkeypatch.context() as patch:
        patch.setattr(stream_module.os, "write", lambda file, data: write(file, data[: len(data) // 2]))
        with pytest.raises(Unavailable):
            stream.record(fact(1))
    report = ledger.verify()
    assert report.ok, report.problems
    assert ledger.sequence().size == 1
    assert files_of(ledger) == []


def test_a_new_stream_needs_a_successful_test_write(ledger, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("jutong.ledger.files.os.write", full)
    with pytest.raises(Unavailable) as refused:
        ledger.stream("gate")
    assert refused.value.code == "ledger.no_room"
    assert files_of(ledger) == []


def test_a_long_stream_goes_on_in_a_new_file_and_merged_files_go(ledger, monkeypatch):
    monkeypatch.setattr(stream_module, "_SEGMENT_BYTES", 2_000)
    stream = ledger.stream("gate")
    receipts = [stream.record(fact(n)) for n in range(30)]
    assert len(files_of(ledger)) > 3
    assert ledger.verify().ok
    assert ledger.sequence().size == 30
    assert len(files_of(ledger)) == 1
    receipts.append(stream.record(fact(30)))
    assert ledger.sequence().size == 31
    for index in (0, 15, 30):
        assert ledger.prove(receipts[index]).index == index


def test_a_closed_stream_is_merged_and_its_file_deleted(ledger):
    stream = ledger.stream("gate")
    receipt = stream.record(fact(0))
    with pytest.raises(NotFound) as waiting:
        ledger.prove(receipt)
    assert waiting.value.code == "ledger.not_merged"
    ledger.sequence()
    assert len(files_of(ledger)) == 1
    stream.close()
    ledger.sequence()
    assert files_of(ledger) == []
    with pytest.raises(Unavailable):
        stream.record(fact(1))
    assert ledger.prove(receipt.token()).check(receipt.leaf, ledger.vkey) == ledger.checkpoint()


def test_a_ledger_does_not_open_under_another_name_or_key(tmp_path, ledger):
    from jutong.keys import SoftwareKeys

    with pytest.raises(Conflict):
        Ledger.open(ledger.folder, SoftwareKeys.open(tmp_path / "keys"), "jutong.example/other")
    with pytest.raises(Conflict):
        Ledger.open(ledger.folder, SoftwareKeys.open(tmp_path / "other"), ledger.origin)


def test_files_are_for_the_owner_only(ledger):
    ledger.stream("gate").record(fact(0))
    ledger.sequence()
    for file in ledger.folder.rglob("*"):
        assert file.stat().st_mode & 0o077 == 0, file


_FILLER = textwrap.dedent("""
    import sys
    from pathlib import Path
    from tests.ledger_facts import fact, open_ledger
    from jutong.terms import Unavailable
    ledger = open_ledger(Path(sys.argv[1]))
    stream, number = ledger.stream("gate"), 0
    import resource
    if sys.argv[2] == "limit":
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
    try:
        while True:
            print(stream.record(fact(number, detail={"filler": "x" * 500})).token(), flush=True)
            number += 1
    except Unavailable as ended:
        assert ended.code == "ledger.stream_ended"
        assert stream.ended
    try:
        ledger.stream("gate")
    except Unavailable as refused:
        print(refused.code)
""")


def filled(home: Path, how: str) -> list[str]:
    ended = subprocess.run(
        [sys.executable, "-c", _FILLER, str(home), how],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return ended.stdout.split()


def check_filled(home: Path, said: list[str]) -> None:
    """Every receipt given out is of a record that is there, and no new stream was begun."""
    *tokens, last = said
    assert last == "ledger.no_room"
    assert len(tokens) > 20
    ledger = open_ledger(home)
    (file,) = (ledger.folder / "streams").iterdir()
    durable = [
        leaf
        for batch in read_segment(file.read_bytes(), ledger.vkey, file.name).batches
        for leaf in batch.leaves
    ]
    receipts = [Receipt.parse(token) for token in tokens]
    assert [leaf_hash(sha256, leaf) for leaf in durable][: len(receipts)] == [one.leaf for one in receipts]
    report = ledger.verify()
    assert report.ok, report.problems


def test_a_file_that_may_grow_no_more_ends_the_stream_and_no_receipt_lies(tmp_path):
    check_filled(tmp_path, filled(tmp_path, "limit"))


@pytest.mark.skipif(os.geteuid() != 0, reason="只有 root 能挂载一个很小的文件系统；以 root 运行本测试")
def test_a_full_file_system_ends_the_stream_and_no_receipt_lies(tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1536k", "tmpfs", str(small)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("此环境不允许挂载 tmpfs；请在允许挂载的环境中以 root 运行")
    try:
        said = filled(small, "full")
        *tokens, last = said
        assert last == "ledger.no_room"
        (file,) = (small / "ledger/streams").iterdir()
        from jutong_verify import VerifierKey

        key = VerifierKey.parse((small / "ledger/vkey").read_text())
        segment = read_segment(file.read_bytes(), key, file.name)
        durable = [leaf_hash(sha256, leaf) for batch in segment.batches for leaf in batch.leaves]
        assert durable[: len(tokens)] == [Receipt.parse(token).leaf for token in tokens]
        assert len(tokens) > 100
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_this_process_may_still_write_files():
    """The limit above was the child's alone."""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
