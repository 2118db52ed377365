"""A witness that knows the gate's address only."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from jutong.cli import _jutong
from jutong.terms import JutongError
from jutong_verify import WitnessKey


def test_a_witness_signs_what_the_gate_shows_and_goes_on_from_it(gate, granted, tmp_path):
    _, token = granted
    folder, url = tmp_path / "witness", f"http://127.0.0.1:{gate.port}"

    def look() -> dict:
        said = CliRunner().invoke(_jutong, ["witness", str(folder), "--ledger", url, "--json"])
        assert said.exit_code == 0, said.output
        return json.loads(said.stdout)

    first = look()
    for _ in range(5):
        gate.call("company", token, limit=1)
    gate.until(lambda: look()["size"] > first["size"])
    again = look()
    assert WitnessKey.parse(again["vkey"]).check(again["note"]) > 0
    assert again["vkey"] == first["vkey"]


@pytest.mark.parametrize("query", ["", "old=0&new=1", "old=5&new=1", "old=1&new=99999999", "old=x&new=1"])
def test_a_proof_that_is_none_is_not_made_up(gate, query):
    assert gate.ask(f"/ledger/consistency?{query}").status == 400


def test_a_ledger_that_is_nowhere_gets_a_sentence(tmp_path):
    said = CliRunner().invoke(
        _jutong, ["witness", str(tmp_path / "w"), "--ledger", str(tmp_path / "nowhere")]
    )
    assert isinstance(said.exception, JutongError)
    assert said.exception.code == "ledger.no_folder"
