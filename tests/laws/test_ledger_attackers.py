"""An attacker who holds the machine and the signing key: what he does, somebody else's memory shows.

Each test is his script: he may write any file and sign anything; he does not hold the witness's folder, nor the
consumers' receipts.
"""

from __future__ import annotations

import shutil

import pytest
from tests.ledger_facts import ORIGIN, fact, open_ledger

from jutong.keys import SoftwareKeys
from jutong.ledger import Ledger, Witness, of_folder
from jutong.ledger.notes import signed_note
from jutong.terms import Broken, JutongError
from jutong_verify import Damaged, Plan, Receipt, WitnessKey, main, missing_receipts, verify_folder


@pytest.fixture
def honest(tmp_path) -> Ledger:
    """Three days of records, merged day by day."""
    ledger = open_ledger(tmp_path)
    for day in range(3):
        stream = ledger.stream("gate")
        stream.commit([fact(100 * day + n) for n in range(70)])
        stream.close()
        ledger.sequence()
    return ledger


@pytest.fixture
def witness(tmp_path, honest) -> Witness:
    """It lives elsewhere and has seen the honest log."""
    own = Witness(
        tmp_path / "elsewhere",
        SoftwareKeys.open(tmp_path / "elsewhere-keys"),
        "witness.example/w",
        honest.vkey,
    )
    note, _, prove = of_folder(honest.folder)
    own.look(note, prove)
    return own


def forged(tmp_path, days: list[int]) -> Ledger:
    """A whole other history under the same key: his own records, signed as the city would."""
    home = tmp_path / "forger"
    shutil.copytree(tmp_path / "keys", home / "keys")
    ledger = Ledger.open(home / "ledger", SoftwareKeys.open(home / "keys"), ORIGIN)
    for records in days:
        stream = ledger.stream("gate")
        stream.commit([fact(7_000 + n) for n in range(records)])
        stream.close()
        ledger.sequence()
    return ledger


def test_yesterday_rewritten(tmp_path, honest, witness):
    other = forged(tmp_path, [70, 70, 90])
    assert verify_folder(other.folder, str(honest.vkey)).ok  # by itself it is flawless
    note, _, prove = of_folder(other.folder)
    with pytest.raises(Broken) as found:
        witness.look(note, prove)
    assert found.value.code == "ledger.forked"
    alarms = sorted(one.suffix for one in (witness.folder / "alarms").iterdir())
    assert alarms == [".held", ".shown"]
    kept = honest.note()
    assert not verify_folder(
        other.folder, str(honest.vkey), kept
    ).ok  # nor does it go on from what others keep


def test_history_cut_back(tmp_path, witness):
    other = forged(tmp_path, [70])
    note, _, prove = of_folder(other.folder)
    with pytest.raises(Broken) as found:
        witness.look(note, prove)
    assert found.value.code == "ledger.cut_back"


def test_two_histories_shown_to_two_parties(tmp_path, honest, witness):
    """The second party asks for the witness's signature and does not get to see one."""
    other = forged(tmp_path, [210])
    key = WitnessKey.parse(str(witness.vkey))
    assert key.check((witness.folder / "checkpoint").read_text(encoding="utf-8")) > 0
    with pytest.raises(Damaged):
        key.check(other.note())
    swapped = other.note().rpartition("\n\n")[0] + "\n\n"
    signed = (witness.folder / "checkpoint").read_text(encoding="utf-8")
    with pytest.raises(Damaged):  # another note's signature does not fit
        key.check(swapped + signed.rpartition("\n\n")[2])
    with pytest.raises(JutongError):
        witness.look(other.note(), of_folder(other.folder)[2])


def test_a_stream_s_unmerged_tail_dropped(tmp_path, honest):
    stream = honest.stream("gate")
    receipts = [one.token() for n in range(3) for one in stream.commit([fact(500 + n)])]
    assert missing_receipts(honest.folder, receipts) == []
    stream.close()
    shutil.rmtree(honest.folder / "streams")  # he removes it all, and goes on as if nothing had been
    (honest.folder / "streams").mkdir(mode=0o700)
    after = honest.stream("gate")
    after.commit([fact(900)])
    after.close()
    honest.sequence()
    assert verify_folder(honest.folder, str(honest.vkey)).ok
    assert len(missing_receipts(honest.folder, receipts)) == 3
    file = tmp_path / "receipts"
    file.write_text("\n".join(receipts), encoding="utf-8")
    assert main([str(honest.folder), "--vkey", str(honest.vkey), "--receipts", str(file)]) == 1


def test_a_dropped_tail_hidden_behind_a_merge_that_never_ends(tmp_path, honest):
    """He signs a plan he never carries out and plants the missing hashes where its tiles would come to lie."""
    stream = honest.stream("gate")
    receipts = [one.token() for one in stream.commit([fact(500 + n) for n in range(3)])]
    stream.close()
    shutil.rmtree(honest.folder / "streams")
    (honest.folder / "streams").mkdir(mode=0o700)
    keys, size = SoftwareKeys.open(tmp_path / "keys"), honest.checkpoint().size
    plan = str(Plan(size, size + 3))
    (honest.folder / "plan").write_text(signed_note(plan, ORIGIN, keys), encoding="utf-8")
    tile = (honest.folder / f"tile/0/000.p/{size}").read_bytes()
    leaves = b"".join(Receipt.parse(one).leaf for one in receipts)
    (honest.folder / f"tile/0/000.p/{size + 3}").write_bytes(tile + leaves)
    assert verify_folder(honest.folder, str(honest.vkey)).ok  # as after a crash in mid-merge
    assert len(missing_receipts(honest.folder, receipts, str(honest.vkey))) == 3


def test_a_witness_is_shown_its_own_past(honest, witness):
    """An old checkpoint, good in itself and even cosigned, is a log cut back."""
    old = (witness.folder / "checkpoint").read_text(encoding="utf-8")
    stream = honest.stream("gate")
    stream.commit([fact(900)])
    stream.close()
    honest.sequence()
    note, _, prove = of_folder(honest.folder)
    newest = witness.look(note, prove)
    with pytest.raises(Broken) as found:
        witness.look(old, prove)
    assert found.value.code == "ledger.cut_back"
    assert (witness.folder / "checkpoint").read_text(encoding="utf-8") == newest


def test_a_proof_for_other_sizes_than_asked_persuades_no_witness(honest, witness):
    """Whatever is handed over as the proof: of another step, of nothing, too long, or of rubbish."""
    before = (witness.folder / "checkpoint").read_bytes()
    stream = honest.stream("gate")
    stream.commit([fact(n) for n in range(1_000, 1_040)])
    stream.close()
    honest.sequence()
    note, _, prove = of_folder(honest.folder)
    right = prove(210, 250)
    for wrong in (
        prove(209, 250),
        right[1:],
        [],
        [*right, right[0]],
        [bytes(32)] * len(right),
        right[::-1],
    ):
        with pytest.raises(Broken) as found:
            witness.look(note, lambda *_, wrong=wrong: wrong)
        assert found.value.code == "ledger.forked"
        assert (witness.folder / "checkpoint").read_bytes() == before
    witness.look(note, prove)


def test_an_honest_ledger_is_signed_again_and_again(honest, witness):
    for n in range(3):
        stream = honest.stream("gate")
        stream.commit([fact(1_000 + n * 300 + k) for k in range(300)])
        stream.close()
        honest.sequence()
        note, _, prove = of_folder(honest.folder)
        signed = witness.look(note, prove)
        assert WitnessKey.parse(str(witness.vkey)).check(signed) > 0
        assert signed.count(witness.name) == 1
    last = witness.last()
    assert last is not None
    assert last.size == honest.checkpoint().size


def test_a_note_of_another_key_is_nobody_s(tmp_path, witness):
    stranger = Ledger.open(tmp_path / "s/ledger", SoftwareKeys.open(tmp_path / "s/keys"), ORIGIN)
    with pytest.raises(Broken) as found:
        witness.look(stranger.note(), lambda *_: [])
    assert found.value.code == "ledger.not_signed"
