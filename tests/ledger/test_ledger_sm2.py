"""Checkpoints signed twice, by Ed25519 and by SM2: begun any day, checked by whoever holds the SM2 key."""

from __future__ import annotations

import random
import shutil

import pytest
from tests.ledger_facts import ORIGIN, fact, open_ledger

from jutong.keys import SoftwareKeys
from jutong.ledger import Ledger, Witness, of_folder
from jutong.terms import Conflict
from jutong_verify import Sm2Key, VerifierKey, main, open_note, verify_folder


def reopened(home) -> Ledger:
    return Ledger.open(home / "ledger", SoftwareKeys.open(home / "keys"), ORIGIN, sm2=True)


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    """It began without; SM2 came later, and two merges after."""
    plain = open_ledger(tmp_path)
    stream = plain.stream("gate")
    stream.commit([fact(n) for n in range(3)])
    plain.sequence()
    assert plain.sm2_vkey is None
    own = reopened(tmp_path)
    assert own.sm2_vkey is not None
    assert own.verify().ok  # from its first instant, not from the next merge
    for n in range(2):
        stream.commit([fact(10 + n)])
        plain.sequence()  # whoever merges, whatever it knew when it opened
    stream.close()
    plain.sequence()
    return own


def test_both_checkpoints_bear_both_signatures(ledger):
    key = ledger.sm2_vkey
    assert key is not None
    assert Sm2Key.parse(str(key)) == key
    for name, suffix in (("checkpoint", ""), ("sm3/checkpoint", "/sm3")):
        note = (ledger.folder / name).read_text(encoding="utf-8")
        key.named(suffix).check(note)
        assert open_note(note, ledger.vkey.named(suffix)).startswith(f"{ORIGIN}{suffix}\n5\n")
        assert note.count("— ") == 2
    assert verify_folder(ledger.folder, str(ledger.vkey), None, str(key)).ok


def test_whoever_knows_ed25519_only_reads_it_as_before(ledger, tmp_path):
    assert VerifierKey.parse(str(ledger.vkey)) == ledger.vkey
    assert main([str(ledger.folder), "--vkey", str(ledger.vkey)]) == 0
    witness = Witness(tmp_path / "w", SoftwareKeys.open(tmp_path / "wk"), "witness.example/w", ledger.vkey)
    note, _, prove = of_folder(ledger.folder)
    signed = witness.look(note, prove)
    assert ledger.sm2_vkey is not None
    ledger.sm2_vkey.check(signed)
    assert witness.vkey.check(signed) > 0


def test_a_stolen_ed25519_key_alone_signs_no_checkpoint_for_the_holder_of_the_sm2_key(ledger, tmp_path):
    home = tmp_path / "forger"
    (home / "keys").mkdir(parents=True, mode=0o700)
    shutil.copy(tmp_path / "keys/ledger.signing.pem", home / "keys")
    for sm2 in (False, True):  # without a second signature, and with one by a key of his own
        forged = Ledger.open(home / "ledger", SoftwareKeys.open(home / "keys"), ORIGIN, sm2=sm2)
        assert verify_folder(forged.folder, str(ledger.vkey)).ok
        report = verify_folder(forged.folder, str(ledger.vkey), None, str(ledger.sm2_vkey))
        assert {one.file for one in report.problems} >= {"vkey.sm2", "checkpoint", "sm3/checkpoint"}
        arguments = [str(forged.folder), "--vkey", str(ledger.vkey), "--sm2-vkey", str(ledger.sm2_vkey)]
        assert main(arguments) == 1


def test_the_second_signature_and_its_key_are_under_guard_byte_by_byte(ledger):
    choose = random.Random(1)
    for name in ("checkpoint", "sm3/checkpoint", "vkey.sm2"):
        file = ledger.folder / name
        before = file.read_bytes()
        start = before.rindex("— ".encode()) if "— ".encode() in before else 0
        for at in sorted(choose.sample(range(start, len(before)), 12)):
            file.write_bytes(before[:at] + bytes([before[at] ^ 1 << choose.randrange(8)]) + before[at + 1 :])
            assert name in {one.file for one in verify_folder(ledger.folder).problems}, (name, at)
        file.write_bytes(before)
    line = (ledger.folder / "checkpoint").read_text(encoding="utf-8").splitlines(keepends=True)
    (ledger.folder / "checkpoint").write_text("".join(line[:-1]), encoding="utf-8")
    assert {one.file for one in verify_folder(ledger.folder).problems} == {"checkpoint"}
    (ledger.folder / "checkpoint").write_text("".join(line), encoding="utf-8")
    (ledger.folder / "vkey.sm2").unlink()
    assert {one.file for one in verify_folder(ledger.folder).problems} == {"vkey.sm2"}


def test_an_interrupted_beginning_is_gone_on_with(tmp_path):
    """Killed between the checkpoints and the key: nothing is wrong, and the next start finishes it."""
    plain = open_ledger(tmp_path)
    reopened(tmp_path)
    (plain.folder / "vkey.sm2").unlink()
    own = reopened(tmp_path)
    assert own.verify().ok
    assert own.note().count("— ") == 2


def test_the_next_merge_finishes_an_interrupted_beginning_too(tmp_path):
    plain = open_ledger(tmp_path)
    reopened(tmp_path)
    (plain.folder / "vkey.sm2").unlink()
    plain.sequence()
    assert plain.sm2_vkey is not None
    assert plain.verify().ok


def test_a_lost_sm2_key_is_told_and_not_made_anew_in_silence(ledger, tmp_path):
    (tmp_path / "keys" / "ledger.sm2.key").unlink()
    with pytest.raises(Conflict, match="来源或密钥不同"):
        reopened(tmp_path)


def test_an_auditor_s_copy_takes_the_key_along(ledger, tmp_path):
    ledger.export(tmp_path / "copy")
    assert verify_folder(tmp_path / "copy", str(ledger.vkey), None, str(ledger.sm2_vkey)).ok
