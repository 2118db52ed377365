"""The offline verifier: alone in an empty folder, it says yes to a good ledger and names what is wrong."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.ledger_facts import fact, open_ledger

import jutong_verify
from jutong.ledger import Damaged, Ledger
from jutong_verify import Proof, VerifierKey, verify_folder

SOURCE = Path(jutong_verify.__file__)


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    """300 merged records and 3 waiting ones."""
    ledger = open_ledger(tmp_path)
    stream = ledger.stream("gate")
    stream.commit([fact(n) for n in range(300)])
    ledger.sequence()
    stream.commit([fact(n) for n in range(3)])
    return ledger


def run(tmp_path: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """The verifier as an auditor has it: one file copied into an empty folder."""
    alone = tmp_path / "auditor"
    alone.mkdir(exist_ok=True)
    shutil.copy(SOURCE, alone)
    return subprocess.run(
        [sys.executable, "-I", alone / "jutong_verify.py", *map(str, arguments)],
        cwd=alone, env={}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_it_imports_the_standard_library_and_cryptography_only():
    tree = ast.parse(SOURCE.read_text(encoding="utf-8"))
    modules = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert modules - set(sys.stdlib_module_names) == {"cryptography"}


def test_a_good_ledger_is_confirmed_in_words_and_in_json(ledger, tmp_path):
    said = run(tmp_path, ledger.folder, "--vkey", ledger.vkey)
    assert (said.returncode, said.stderr) == (0, "")
    assert "共 300 条，待合并 3 条" in said.stdout
    report = json.loads(run(tmp_path, ledger.folder, "--json").stdout)
    assert report["ok"] is True
    assert (report["origin"], report["size"], report["waiting"]) == (ledger.origin, 300, 3)


def test_damage_is_named_and_the_exit_code_says_so(ledger, tmp_path):
    bundle = ledger.folder / "tile/entries/001.p/44"
    data = bytearray(bundle.read_bytes())
    data[10] ^= 1
    bundle.write_bytes(data)
    said = run(tmp_path, ledger.folder)
    assert said.returncode == 1
    assert "tile/entries/001.p/44 第 0 字节 第 256 条：记录与已签名的树不符" in said.stdout


def test_somebody_elses_ledger_is_not_ours(ledger, tmp_path):
    other = open_ledger(tmp_path / "other")
    report = verify_folder(ledger.folder, str(other.vkey))
    assert not report.ok
    assert {one.file for one in report.problems} >= {"vkey", "checkpoint"}


def test_a_checkpoint_held_since_yesterday_shows_a_cut_or_rewritten_log(ledger, tmp_path):
    old = open_ledger(tmp_path / "short")
    held = tmp_path / "held.txt"
    held.write_text(ledger.note(), encoding="utf-8")
    assert run(tmp_path, ledger.folder, "--since", held).returncode == 0
    assert "签名" in run(tmp_path, old.folder, "--since", held).stdout
    shutil.rmtree(ledger.folder)
    ledger = open_ledger(tmp_path)
    assert "截短" in run(tmp_path, ledger.folder, "--since", held).stdout
    ledger.stream("gate").commit([fact(n + 1) for n in range(300)])
    ledger.sequence()
    said = run(tmp_path, ledger.folder, "--since", held)
    assert said.returncode == 1
    assert "改写" in said.stdout


def test_a_receipt_and_its_proof_are_confirmed_without_the_ledger(ledger, tmp_path):
    stream = ledger.stream("work")
    receipt = stream.commit([fact(n) for n in range(3)])[1]
    ledger.sequence()
    proof = tmp_path / "receipt.tlog-proof"
    proof.write_text(str(ledger.prove(receipt)), encoding="utf-8")
    said = run(tmp_path, "--receipt", receipt.token(), "--vkey", ledger.vkey, "--proof", proof, "--json")
    assert json.loads(said.stdout) == {
        "ok": True,
        "stream": stream.id,
        "sequence": 1,
        "leaf": receipt.leaf.hex(),
        "index": ledger.index_of(receipt.leaf),
        "size": 306,
    }
    assert run(tmp_path, "--receipt", receipt.token()[:-4] + "AAAA", "--vkey", ledger.vkey).returncode == 1
    forged = proof.read_text(encoding="utf-8").replace("index 30", "index 31")
    proof.write_text(forged, encoding="utf-8")
    assert (
        run(tmp_path, "--receipt", receipt.token(), "--vkey", ledger.vkey, "--proof", proof).returncode == 1
    )


def test_a_proof_reads_back_as_written(ledger):
    stream = ledger.stream("work")
    receipt = stream.record(fact(0))
    ledger.sequence()
    proof = ledger.prove(receipt)
    assert str(Proof.parse(str(proof))) == str(proof)
    with pytest.raises(Damaged):
        proof.check(b"\0" * 32, ledger.vkey)


def test_a_missing_file_and_a_strange_file_are_named(ledger):
    (ledger.folder / "notes.txt").write_text("hello")
    (ledger.folder / "tile/0/000").unlink()
    (ledger.folder / "tile/entries/002").write_bytes(b"")
    named = {one.file for one in verify_folder(ledger.folder).problems}
    assert named == {"notes.txt", "tile/0/000", "tile/entries/002"}


def test_a_vkey_is_written_one_way_only(ledger):
    text = str(ledger.vkey)
    assert VerifierKey.parse(text) == ledger.vkey
    for changed in (text.upper(), text.replace("+", "-"), text[:-1], "x" + text):
        with pytest.raises(Damaged):
            VerifierKey.parse(changed)
