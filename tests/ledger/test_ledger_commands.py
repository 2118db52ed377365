"""``jutong ledger`` on a real city: what it exports and proves, the offline verifier alone confirms."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.journey.sample import answer, run
from tests.ledger_facts import fact

from jutong.database import EmbeddedPostgres
from jutong.keys import SoftwareKeys
from jutong.ledger import Ledger
from jutong.settings import read_settings
from jutong_verify import main as verifier


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    """An empty city with one recorded exchange; returns (home, receipt)."""
    home = tmp_path_factory.mktemp("ledger-cli") / "city"
    run(home, "init")
    server = EmbeddedPostgres(home / "postgres")
    server.start()
    settings = read_settings(home, {})
    ledger = Ledger.open(
        settings.ledger_folder, SoftwareKeys.open(settings.keys_folder), origin=settings.ledger_origin
    )
    stream = ledger.stream("t")
    receipts = stream.commit([fact(n) for n in range(5)])
    stream.close()
    yield home, receipts[3].token()
    server.stop()


def test_a_receipt_is_proved_and_the_proof_holds_without_us(city, tmp_path, capsys):
    home, token = city
    said = run(home, "ledger", "prove", token).stdout
    proof = tmp_path / "proof"
    proof.write_text(said, encoding="utf-8")
    vkey = (home / "ledger/vkey").read_text(encoding="utf-8").strip()
    assert verifier(["--receipt", token, "--vkey", vkey, "--proof", str(proof)]) == 0
    told = answer(home, "ledger", "prove", token)
    assert told["exchange"]["request_id"] == "r3"
    assert told["proof"] == said


def test_a_receipt_that_is_none_gets_one_sentence_with_its_code(city):
    home, token = city
    for wrong in ("x", token[:-6] + "AAAAAA"):
        ended = run(home, "ledger", "prove", wrong, code=1)
        assert "[ledger.bad_receipt]" in ended.stderr
        assert "Traceback" not in ended.stderr


def test_an_export_is_verified_elsewhere_and_never_lands_on_another(city, tmp_path):
    home, _ = city
    there = tmp_path / "auditor"
    told = answer(home, "ledger", "export", str(there))
    assert told["size"] == 5
    assert verifier([str(there), "--vkey", told["vkey"]]) == 0
    assert answer(home, "ledger", "verify", f"--offline={there}")["ok"]
    assert "[ledger.folder_taken]" in run(home, "ledger", "export", str(there), code=1).stderr
    entries = next((there / "tile/entries").rglob("*"), Path())
    file = entries if entries.is_file() else next(one for one in entries.rglob("*") if one.is_file())
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    ended = run(home, "ledger", "verify", f"--offline={there}", "--json", code=1)
    assert json.loads(ended.stdout)["problems"]
