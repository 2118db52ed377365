"""Signing our notes: checkpoints, plans and stream headers (C2SP signed-note; reading is jutong_verify's)."""

from __future__ import annotations

import base64

from jutong.keys import KeyProvider
from jutong_verify import Sm2Key, VerifierKey

#: Name of the ledger's signing key at the KeyProvider.
LEDGER_KEY = "ledger"


def verifier_key(origin: str, keys: KeyProvider) -> VerifierKey:
    return VerifierKey(origin, keys.public_key(LEDGER_KEY))


def signed_note(text: str, name: str, keys: KeyProvider) -> str:
    """The text, a blank line, and our one signature line under ``name``."""
    key_id = verifier_key(name, keys).key_id
    signature = base64.b64encode(key_id + keys.sign(LEDGER_KEY, text.encode())).decode()
    return f"{text}\n— {name} {signature}\n"


def sm2_key(origin: str, keys: KeyProvider) -> Sm2Key:
    return Sm2Key(origin, keys.sm2_public_key(LEDGER_KEY))


def with_sm2(note: str, name: str, keys: KeyProvider) -> str:
    """A note of ours with a second signature line under the same ``name``, by SM2."""
    text = note.rpartition("\n\n")[0] + "\n"
    signature = keys.sign_sm2(LEDGER_KEY, text.encode())
    line = base64.b64encode(sm2_key(name, keys).key_id + signature).decode()
    return f"{note}— {name} {line}\n"
