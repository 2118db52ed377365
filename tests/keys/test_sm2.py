"""SM2 as the standard's own example has it, as OpenSSL makes it, and as nobody may forge it."""

from __future__ import annotations

import random

import pytest

from jutong.keys import SoftwareKeys
from jutong.keys.sm2 import sign_sm2, sm2_public
from jutong.terms import Broken
from jutong_verify import SM2_N, Damaged, check_sm2, sm2_digest

#: GB/T 32918.5-2017, annex A.2: private key, the drawn number k, and what comes of them.
PRIVATE = 0x3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8
DRAWN = 0x59276E27D506861A16680F3AD9C02DCCEF3CC1FA3CDBE4CE6D54B80DEAC1BC21
PUBLIC = bytes.fromhex(
    "0409F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
    "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
)
E = 0xF0B43E94BA45ACCAACE692ED534382EB17E6AB5A19CE7B31F4486FDFC0D28640
SIGNATURE = bytes.fromhex(
    "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3"
    "B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA"
)
MESSAGE = b"message digest"


def test_the_standard_s_own_example():
    assert sm2_public(PRIVATE) == PUBLIC
    assert sm2_digest(PUBLIC, MESSAGE) == E
    assert sign_sm2(PRIVATE, PUBLIC, MESSAGE, lambda: DRAWN) == SIGNATURE
    check_sm2(PUBLIC, MESSAGE, SIGNATURE)


def test_a_signature_made_by_openssl():
    """``openssl pkeyutl -sign -rawin -digest sm3 -pkeyopt distid:1234567812345678``, its DER taken apart."""
    public = bytes.fromhex(
        "04fb2074cb0a483b9d00630995cc370517479e04863113c24f1ac0a070e9ae2e43"
        "e10657b40798379ff5fa03dd0fbe1a654f643369a998147d8550a97db8d099f8"
    )
    signature = bytes.fromhex(
        "93f933b61b5a9b7dc35cb034fbf4cdb017a0d8b9bc55a3db16e8933132436970"
        "5d1b6b9f88319d97de4c3e0404e4d382a8c4f0afcd7dac15f1873c0b97ec9b59"
    )
    assert sm2_public(0x175783CD031CC59E421D56F78B99DF7DC3236E57DAB01ACE1FD70AB01D7B40AE) == public
    check_sm2(public, b"jutong.example/test\n1\nroot\n", signature)


def test_any_other_message_key_or_signature_is_refused():
    choose = random.Random(2)
    for _ in range(20):
        at, bit = choose.randrange(64), 1 << choose.randrange(8)
        bent = bytearray(SIGNATURE)
        bent[at] ^= bit
        with pytest.raises(Damaged):
            check_sm2(PUBLIC, MESSAGE, bytes(bent))
    other = sm2_public(PRIVATE + 1)
    for key, message, signature in (
        (PUBLIC, MESSAGE + b".", SIGNATURE),
        (other, MESSAGE, SIGNATURE),
        (PUBLIC, MESSAGE, SIGNATURE[:-1]),
        (PUBLIC, MESSAGE, bytes(64)),
        (PUBLIC, MESSAGE, SIGNATURE[:32] + (SM2_N - int.from_bytes(SIGNATURE[:32])).to_bytes(32)),
        (PUBLIC, MESSAGE, SM2_N.to_bytes(32) + SIGNATURE[32:]),
        (PUBLIC[:-1] + b"\0", MESSAGE, SIGNATURE),
        (PUBLIC[1:], MESSAGE, SIGNATURE),
        (b"\4" + bytes(64), MESSAGE, SIGNATURE),
    ):
        with pytest.raises(Damaged):
            check_sm2(key, message, signature)


def test_software_keys_keep_an_sm2_key_of_their_own(tmp_path):
    keys = SoftwareKeys.open(tmp_path / "keys")
    public = keys.sm2_public_key("ledger")
    one, two = keys.sign_sm2("ledger", b"x"), keys.sign_sm2("ledger", b"x")
    assert one != two  # a number of its own each time
    for signature in (one, two):
        check_sm2(public, b"x", signature)
    assert SoftwareKeys.open(tmp_path / "keys").sm2_public_key("ledger") == public
    assert ((tmp_path / "keys/ledger.sm2.key").stat().st_mode & 0o777) == 0o600
    (tmp_path / "keys/ledger.sm2.key").write_bytes(bytes(32))
    with pytest.raises(Broken) as found:
        SoftwareKeys.open(tmp_path / "keys").sm2_public_key("ledger")
    assert found.value.code == "keys.wrong_kind"
