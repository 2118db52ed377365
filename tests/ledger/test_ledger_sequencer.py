"""The sequencer: any interleaving, any crash between any two writes, each record in the log once."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.ledger_facts import fact, mth, open_ledger

from jutong.ledger import Ledger, sequencer
from jutong.terms import Broken
from jutong_verify import check_consistency, sha256, sm3


class PowerCut(Exception):
    pass


def recorded(ledger: Ledger) -> list[str]:
    return [one.request_id for _, one in ledger.entries()]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 90)), max_size=14))
def test_any_interleaving_gives_each_record_once_and_in_its_streams_order(tmp_path_factory, steps):
    """Step (stream, n): n records into that stream; n = 0 merges, or closes the stream and opens a new one."""
    ledger = open_ledger(tmp_path_factory.mktemp("interleaved"))
    streams = [ledger.stream("gate") for _ in range(4)]
    written: dict[str, list[str]] = {}
    number = 0
    for which, records in steps:
        if records == 0 and which % 2:
            streams[which].close()
            streams[which] = ledger.stream("gate")
        elif records == 0:
            ledger.sequence()
        else:
            streams[which].commit([fact(number + n) for n in range(records)])
            written.setdefault(streams[which].id, []).extend(f"r{number + n}" for n in range(records))
            number += records
    ledger.sequence()
    log = recorded(ledger)
    assert Counter(log) == Counter(one for records in written.values() for one in records)
    for records in written.values():
        mine = set(records)
        assert [one for one in log if one in mine] == records
    assert ledger.verify().ok


def test_both_roots_are_those_of_all_entries(tmp_path):
    ledger = open_ledger(tmp_path)
    stream = ledger.stream("gate")
    for size in (1, 300, 513, 700):
        stream.commit([fact(n) for n in range(ledger.checkpoint().size, size)])
        checkpoint = ledger.sequence()
        entries = [ledger.entry(index) for index in range(size)] if size < 514 else None
        if entries:
            assert checkpoint.root == mth(entries, sha256)
            assert ledger.verify().root
            assert ledger._log.parallel.root(size, size) == mth(entries, sm3)
        assert checkpoint.size == size


def test_each_checkpoint_is_a_prefix_of_the_next(tmp_path):
    ledger = open_ledger(tmp_path)
    stream, kept = ledger.stream("gate"), []
    for records in (3, 250, 4, 300, 1):
        stream.commit([fact(n) for n in range(records)])
        kept.append((ledger.sequence(), ledger.note()))
    newest = kept[-1][0]
    for checkpoint, note in kept:
        proof = ledger.consistency(checkpoint.size)
        check_consistency(sha256, (checkpoint.size, checkpoint.root), (newest.size, newest.root), proof)
        assert ledger.verify(since=note).ok


@pytest.mark.parametrize("before", [0, 3, 200, 256])
def test_a_crash_before_any_single_write_loses_and_doubles_nothing(tmp_path, monkeypatch, before):
    """Cut the power before the k-th file of a merge, for every k; the next run goes on where it was."""
    cut_points = 0
    while True:
        ledger = open_ledger(tmp_path / str(cut_points))
        if before:
            first = ledger.stream("gate")
            first.commit([fact(n) for n in range(before)])
            ledger.sequence()
            first.close()
        for name in ("gate", "work"):
            stream = ledger.stream(name)
            stream.commit([fact(1000 + n) for n in range(60)])
            if name == "gate":
                stream.close()
        left = [cut_points]
        whole = sequencer.write_whole

        def dying(folder, files, left=left, whole=whole):
            for one in files:
                if left[0] == 0:
                    raise PowerCut
                left[0] -= 1
                whole(folder, [one])

        with monkeypatch.context() as patch:
            patch.setattr(sequencer, "write_whole", dying)
            try:
                ledger.sequence()
                break
            except PowerCut:
                pass
        again = open_ledger(tmp_path / str(cut_points))
        report = again.verify()
        assert report.ok, (cut_points, report.problems)
        again.sequence()
        assert again.checkpoint().size == before + 120
        assert Counter(recorded(again)) == Counter(
            [f"r{n}" for n in range(before)] + 2 * [f"r{1000 + n}" for n in range(60)]
        )
        report = again.verify()
        assert report.ok, (cut_points, report.problems)
        assert not report.notes
        cut_points += 1
    assert cut_points >= 6


def test_a_backlog_is_merged_in_bounded_plans(tmp_path, monkeypatch):
    monkeypatch.setattr(sequencer, "PLAN_RECORDS", 50)
    monkeypatch.setattr("jutong.ledger.stream._SEGMENT_BYTES", 5_000)
    ledger = open_ledger(tmp_path)
    streams = [ledger.stream("gate") for _ in range(3)]
    for number in range(120):
        streams[number % 3].commit([fact(number * 3 + n) for n in range(3)])
    ledger.sequence()
    assert sorted(recorded(ledger), key=lambda one: int(one[1:])) == [f"r{n}" for n in range(360)]
    assert ledger.verify().ok


def test_nothing_is_built_on_a_damaged_edge(tmp_path):
    ledger = open_ledger(tmp_path)
    stream = ledger.stream("gate")
    stream.commit([fact(n) for n in range(5)])
    ledger.sequence()
    tile = ledger.folder / "tile/0/000.p/5"
    tile.write_bytes(b"\0" + tile.read_bytes()[1:])
    stream.record(fact(6))
    with pytest.raises(Broken) as refused:
        ledger.sequence()
    assert refused.value.code == "ledger.damaged"
    assert ledger.checkpoint().size == 5


def test_a_missing_piece_of_a_stream_stops_the_merge(tmp_path, monkeypatch):
    monkeypatch.setattr("jutong.ledger.stream._SEGMENT_BYTES", 1_000)
    ledger = open_ledger(tmp_path)
    stream = ledger.stream("gate")
    for number in range(12):
        stream.record(fact(number))
    files = sorted((ledger.folder / "streams").iterdir())
    files[1].unlink()
    with pytest.raises(Broken) as refused:
        ledger.sequence()
    assert "接续" in refused.value.sentence
    assert not ledger.verify().ok


def test_entries_can_be_followed_from_any_index(tmp_path):
    ledger = open_ledger(tmp_path)
    ledger.stream("gate").commit([fact(n) for n in range(600)])
    ledger.sequence()
    for since in (0, 1, 255, 256, 300, 599, 600):
        assert [(index, one.request_id) for index, one in ledger.entries(since)] == [
            (n, f"r{n}") for n in range(since, 600)
        ]


def test_a_writer_that_never_pauses_does_not_keep_the_sequencer_for_ever(tmp_path, monkeypatch):
    """Records that come while a merge is under way wait for the next one."""
    ledger = open_ledger(tmp_path)
    stream = ledger.stream("gate")
    stream.record(fact(0))
    whole = sequencer.write_whole

    def while_others_write(folder, files):
        stream.record(fact(1))
        whole(folder, files)

    monkeypatch.setattr(sequencer, "write_whole", while_others_write)
    assert ledger.sequence().size == 1
