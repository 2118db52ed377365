"""Signing our notes: checkpoints, plans and stream headers (C2SP signed-note; reading is jutong_verify's)."""

from __future__ import annotations

import base64

from jutong.keys import KeyProvider
from jutong_verify import VerifierKey

#: Name of the ledger's signing key at the KeyProvider.
LEDGER_KEY = "ledger"


def verifier_key(origin: str, keys: KeyProvider) -> VerifierKey:
    return VerifierKey(origin, keys.public_key(LEDGER_KEY))


def signed_note(text: str, name: str, keys: KeyProvider) -> str:
    """The text, a blank line, and our one signature line under ``name``."""
    key_id = verifier_key(name, keys).key_id
    signature = base64.b64encode(key_id + keys.sign(LEDGER_KEY, text.encode())).decode()
    return f"{text}\n— {name} {signature}\n"
