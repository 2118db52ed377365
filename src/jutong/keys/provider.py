"""What the rooms may ask of keys, whoever holds them."""

from __future__ import annotations

from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from jutong.terms import JutongError


class BadSignature(JutongError):
    """The signature does not belong to these bytes under this key."""

    status = 400


class KeyProvider(Protocol):
    """Keys are named (``ledger``, ``subjects``); a name not seen before gets a fresh key."""

    def sign(self, key: str, data: bytes) -> bytes:
        """Ed25519 signature, 64 bytes (RFC 8032)."""

    def verify(self, key: str, data: bytes, signature: bytes) -> None:
        """Return, or raise BadSignature ``keys.bad_signature``; never a bool."""

    def public_key(self, key: str) -> bytes:
        """The 32 bytes of the Ed25519 public key."""

    def sign_sm2(self, key: str, data: bytes) -> bytes:
        """SM2 signature with SM3, r || s, 64 bytes (GB/T 32918.2-2016)."""

    def sm2_public_key(self, key: str) -> bytes:
        """The 65 bytes 04 || x || y of the SM2 public key."""

    def seal(self, secret: bytes, context: str = "") -> str:
        """Encrypt a secret for keeping in a table; ``context`` binds it to its place (e.g. the source's name)."""

    def unseal(self, sealed: str, context: str = "") -> bytes:
        """The secret again; raises Broken ``keys.sealed_damaged`` if text, key or context differ."""

    def keyed_hash(self, key: str, data: bytes, period: str) -> bytes:
        """32 bytes that only a holder of this key and period (a year) can recompute: HMAC-SHA-256."""

    def forget(self, key: str, period: str) -> bool:
        """Destroy one period's hashing key: its hashes can never again be tied to anybody."""


def verify_ed25519(public_key: bytes, data: bytes, signature: bytes) -> None:
    """Check a signature with nothing but the public key; raises BadSignature ``keys.bad_signature``."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, data)
    except (InvalidSignature, ValueError) as problem:
        raise BadSignature("keys.bad_signature", "签名与内容不符") from problem
