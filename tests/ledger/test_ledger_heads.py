"""Heads in the control database: cutting the ledger's files back shows."""

from __future__ import annotations

import shutil
import uuid

import pytest
from tests.ledger_facts import fact

from jutong.keys import SoftwareKeys
from jutong.ledger import Ledger, check_heads, keep_heads


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    return Ledger.open(
        tmp_path / "ledger", SoftwareKeys.open(tmp_path / "keys"), f"jutong.example/{uuid.uuid4().hex}"
    )


def test_an_untouched_ledger_agrees_with_what_was_kept(database, ledger):
    stream = ledger.stream("gate")
    with database.connection() as connection:
        for round_ in range(3):
            stream.commit([fact(n) for n in range(20)])
            keep_heads(connection, ledger)
            assert check_heads(connection, ledger) == []
            if round_:
                ledger.sequence()
            assert check_heads(connection, ledger) == []
        stream.close()
        ledger.sequence()
        assert check_heads(connection, ledger) == []
        keep_heads(connection, ledger)
        rows = connection.execute("SELECT * FROM stream_head WHERE origin = %s", (ledger.origin,)).fetchall()
        assert rows == []


def test_a_log_rolled_back_to_yesterday_shows(database, ledger, tmp_path):
    stream = ledger.stream("gate")
    stream.commit([fact(n) for n in range(20)])
    ledger.sequence()
    shutil.copytree(ledger.folder, tmp_path / "yesterday")
    stream.commit([fact(n) for n in range(20)])
    ledger.sequence()
    with database.connection() as connection:
        keep_heads(connection, ledger)
        shutil.rmtree(ledger.folder)
        shutil.copytree(tmp_path / "yesterday", ledger.folder)
        assert ledger.verify().ok
        problems = check_heads(connection, ledger)
    assert any("截短" in one.sentence for one in problems)


def test_a_stream_deleted_or_cut_before_it_was_merged_shows(database, ledger):
    stream = ledger.stream("gate")
    stream.record(fact(0))
    (file,) = (ledger.folder / "streams").iterdir()
    whole = file.read_bytes()
    stream.record(fact(1))
    with database.connection() as connection:
        keep_heads(connection, ledger)
        file.write_bytes(whole)
        assert [one.file for one in check_heads(connection, ledger)] == [f"streams/{stream.id}"]
        file.unlink()
        assert [one.file for one in check_heads(connection, ledger)] == [f"streams/{stream.id}"]


def test_another_history_of_the_same_length_shows(database, ledger, tmp_path):
    ledger.stream("gate").commit([fact(n) for n in range(5)])
    ledger.sequence()
    with database.connection() as connection:
        keep_heads(connection, ledger)
        shutil.rmtree(ledger.folder)
        forged = Ledger.open(ledger.folder, SoftwareKeys.open(tmp_path / "keys"), ledger.origin)
        forged.stream("gate").commit([fact(n + 1) for n in range(5)])
        forged.sequence()
        assert forged.verify().ok
        assert any("改写" in one.sentence for one in check_heads(connection, forged))


@pytest.mark.parametrize("name", ["checkpoint", "tile/0/000.p/5", "stream"])
def test_files_too_damaged_to_compare_are_told_not_raised(database, ledger, name):
    stream = ledger.stream("gate")
    stream.commit([fact(n) for n in range(5)])
    ledger.sequence()
    stream.record(fact(5))
    with database.connection() as connection:
        keep_heads(connection, ledger)
        file = next((ledger.folder / "streams").iterdir()) if name == "stream" else ledger.folder / name
        data = file.read_bytes()
        file.write_bytes(data[:40] + bytes([data[40] ^ 1]) + data[41:])
        assert check_heads(connection, ledger)
