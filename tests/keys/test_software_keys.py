"""Software keys: what is signed verifies, what is sealed opens only in its place, and nothing shows a secret."""

from __future__ import annotations

import logging
import multiprocessing
import pickle
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from jutong.keys import BadSignature, SoftwareKeys, verify_ed25519
from jutong.terms import Broken


@pytest.fixture
def keys(tmp_path: Path) -> SoftwareKeys:
    return SoftwareKeys.open(tmp_path / "keys")


def _public_key(folder: Path) -> bytes:
    return SoftwareKeys.open(folder).public_key("ledger")


def test_a_signature_verifies_with_the_public_key_alone(keys: SoftwareKeys) -> None:
    signature = keys.sign("ledger", b"evidence")
    assert len(signature) == 64
    Ed25519PublicKey.from_public_bytes(keys.public_key("ledger")).verify(signature, b"evidence")
    keys.verify("ledger", b"evidence", signature)


@pytest.mark.parametrize("place", [0, 31, 32, 63])
def test_a_flipped_signature_is_refused(keys: SoftwareKeys, place: int) -> None:
    signature = bytearray(keys.sign("ledger", b"evidence"))
    signature[place] ^= 1
    with pytest.raises(BadSignature) as refused:
        verify_ed25519(keys.public_key("ledger"), b"evidence", bytes(signature))
    assert refused.value.code == "keys.bad_signature"


def test_another_keys_signature_is_refused(keys: SoftwareKeys) -> None:
    with pytest.raises(BadSignature):
        keys.verify("ledger", b"evidence", keys.sign("other", b"evidence"))


@given(secret=st.binary(max_size=200), context=st.text(max_size=20))
def test_a_sealed_secret_opens_again(
    tmp_path_factory: pytest.TempPathFactory, secret: bytes, context: str
) -> None:
    keys = SoftwareKeys.open(tmp_path_factory.getbasetemp() / "sealing")
    assert keys.unseal(keys.seal(secret, context), context) == secret


def test_a_sealed_secret_opens_only_in_its_place_and_unchanged(keys: SoftwareKeys, tmp_path: Path) -> None:
    sealed = keys.seal(b"password", "source:D07")
    damaged = sealed[:20] + ("A" if sealed[20] != "A" else "B") + sealed[21:]
    others = SoftwareKeys.open(tmp_path / "other")
    for attempt in (
        lambda: keys.unseal(sealed, "source:D08"),
        lambda: keys.unseal(damaged, "source:D07"),
        lambda: others.unseal(sealed, "source:D07"),
        lambda: keys.unseal("password", "source:D07"),
    ):
        with pytest.raises(Broken) as refused:
            attempt()
        assert refused.value.code == "keys.sealed_damaged"
        assert "password" not in str(refused.value)


def test_two_seals_of_one_secret_differ(keys: SoftwareKeys) -> None:
    assert keys.seal(b"same") != keys.seal(b"same")


def test_a_keyed_hash_is_the_same_within_a_year_and_different_in_the_next(
    keys: SoftwareKeys, tmp_path: Path
) -> None:
    this_year = keys.keyed_hash("subjects", b"uscc:91430502MA4L000115", "2026")
    assert this_year == SoftwareKeys.open(tmp_path / "keys").keyed_hash(
        "subjects", b"uscc:91430502MA4L000115", "2026"
    )
    assert this_year != keys.keyed_hash("subjects", b"uscc:91430502MA4L000115", "2027")
    assert this_year != keys.keyed_hash("other", b"uscc:91430502MA4L000115", "2026")


def test_a_forgotten_years_hashes_cannot_be_made_again(keys: SoftwareKeys) -> None:
    before = keys.keyed_hash("subjects", b"x", "2025")
    assert keys.forget("subjects", "2025")
    assert keys.keyed_hash("subjects", b"x", "2025") != before
    assert not keys.forget("subjects", "2024")


def test_key_files_are_for_the_owner_only(keys: SoftwareKeys, tmp_path: Path) -> None:
    keys.sign("ledger", b"")
    keys.seal(b"")
    keys.keyed_hash("subjects", b"", "2026")
    files = list((tmp_path / "keys").iterdir())
    assert sorted(file.name for file in files) == [
        "ledger.signing.pem",
        "sealing.key",
        "subjects.2026.hashing.key",
    ]
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in files)
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700


def test_a_folder_open_to_others_is_refused(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir(mode=0o755)
    with pytest.raises(Broken) as refused:
        SoftwareKeys.open(tmp_path / "keys")
    assert refused.value.code == "keys.open_to_others"


def test_processes_that_ask_at_the_same_instant_get_the_same_key(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        assert len(set(pool.map(_public_key, [tmp_path / "keys"] * 12))) == 1


def test_no_secret_shows_in_a_repr_a_pickle_or_a_log(
    keys: SoftwareKeys, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keys.sign("ledger", b"")
    sealed = keys.seal(b"top secret")
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("jutong").warning("%r %s", keys, sealed)
    raw = (tmp_path / "keys" / "sealing.key").read_bytes()
    for shown in (repr(keys).encode(), pickle.dumps(keys), caplog.text.encode()):
        assert raw not in shown
        assert b"PRIVATE KEY" not in shown
        assert b"top secret" not in shown
    assert pickle.loads(pickle.dumps(keys)).public_key("ledger") == keys.public_key("ledger")


@pytest.mark.parametrize("name", ["", "../ledger", "Ledger", "a" * 60])
def test_a_key_name_cannot_leave_the_folder(keys: SoftwareKeys, name: str) -> None:
    with pytest.raises(ValueError, match="not a key name"):
        keys.sign(name, b"")
