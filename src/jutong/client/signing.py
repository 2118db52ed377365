"""Signing a call by RFC 9421, as the gate asks for it from grade 3 up.

Ed25519 needs ``cryptography``, which the receipts' check needs already; HMAC-SHA256 the standard library alone.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_COMPONENTS = ("@method", "@authority", "@path", "@query")


@dataclass(frozen=True)
class Signer:
    """A key of yours and the id the city knows it by."""

    key_id: str
    _sign: Callable[[bytes], bytes] = field(repr=False)

    @classmethod
    def ed25519(cls, key_id: str, private_key: bytes) -> Self:
        """``private_key``: the 32 bytes of RFC 8032."""
        return cls(key_id, Ed25519PrivateKey.from_private_bytes(private_key).sign)

    @classmethod
    def shared(cls, key_id: str, secret: bytes) -> Self:
        """HMAC-SHA256 with the secret the city gave you."""
        return cls(key_id, lambda base: hmac.digest(secret, base, "sha256"))

    def headers(self, method: str, authority: str, path: str, body: bytes) -> Mapping[str, str]:
        """The headers that sign this request, once: each carries a nonce of its own.  ``path`` with its query."""
        target, _, query = path.partition("?")
        values = dict(zip(_COMPONENTS, (method, authority.lower(), target, f"?{query}"), strict=True))
        headers = {}
        if body:
            digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
            values["content-digest"] = headers["Content-Digest"] = f"sha-256=:{digest}:"
        covered = " ".join(f'"{name}"' for name in values)
        parameters = f'({covered});created={int(time.time())};keyid="{self.key_id}";nonce="{secrets.token_urlsafe(18)}"'
        lines = [f'"{name}": {value}' for name, value in values.items()]
        signature = self._sign("\n".join([*lines, f'"@signature-params": {parameters}']).encode())
        return {
            **headers,
            "Signature-Input": f"jt={parameters}",
            "Signature": f"jt=:{base64.b64encode(signature).decode()}:",
        }
