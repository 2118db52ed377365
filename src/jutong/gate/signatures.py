"""Requests signed by RFC 9421 (HTTP Message Signatures) with Ed25519 or HMAC-SHA256, bodies bound by RFC 9530.

    Signature-Input: jt=("@method" "@authority" "@path" "@query" "content-digest");created=…;keyid="…";nonce="…"
    Signature: jt=:…:

Where the standard leaves a choice the strictest is taken: exactly one signature, no component parameters, the
components below always covered, ``created`` and ``nonce`` always there, no algorithm named by the caller believed.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import hmac
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from jutong.keys import BadSignature, verify_ed25519
from jutong.terms import JutongError, Unauthenticated

if TYPE_CHECKING:
    from jutong.gate.rights import SigningKey

#: Seconds a caller's clock may be off, either way; for as long a nonce is remembered.
WINDOW = 300
_MUST = ("@method", "@authority", "@path", "@query")
_INPUT = re.compile(
    r'([a-z][a-z0-9_-]{0,30})=(\(((?:"[a-z0-9@-]{1,40}"(?: "[a-z0-9@-]{1,40}")*)?)\)'
    r'((?:;[a-z]{1,12}=(?:[0-9]{1,15}|"[ !#-\[\]-~]{0,128}"))*))'
)
_PARAMETER = re.compile(r';([a-z]+)=(?:([0-9]+)|"([^"]*)")')
_SIGNATURE = re.compile(r"([a-z][a-z0-9_-]{0,30})=:([A-Za-z0-9+/=]{40,200}):")
_DIGEST = re.compile(r"sha-(256|512)=:([A-Za-z0-9+/=]{40,100}):")
_NONCE = re.compile(r"[ -~]{16,128}")


class Signed(NamedTuple):
    """What a signature may cover of one request."""

    input: str
    signature: str
    method: str
    authority: str
    path: str
    query: str
    body: bytes
    #: A header field's value, or None; names in lower case.
    header: Callable[[str], str | None]


class Parsed(NamedTuple):
    components: tuple[str, ...]
    #: Everything behind ``label=``, exactly as given: it is signed as it stands.
    text: str
    created: int
    expires: int | None
    key_id: str
    nonce: str
    signature: bytes


class Nonces:
    """Which nonces were seen lately, by all workers of this host; a file, so that a restart forgets none."""

    def __init__(self, file: Path) -> None:
        self._connection = sqlite3.connect(file, isolation_level=None, timeout=5)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS seen (key_id TEXT, nonce TEXT, until INTEGER, PRIMARY KEY (key_id, nonce))"
            " WITHOUT ROWID"
        )
        file.chmod(0o600)

    def take(self, key_id: str, nonce: str, until: int) -> bool:
        """Whether nobody has used it before; from now on somebody has."""
        taken = self._connection.execute(
            "INSERT OR IGNORE INTO seen VALUES (?, ?, ?)", (key_id, nonce, until)
        ).rowcount
        return taken == 1

    def forget(self, now: int) -> None:
        """Those whose window is over: a repetition would be refused for its age."""
        self._connection.execute("DELETE FROM seen WHERE until < ?", (now,))

    def close(self) -> None:
        self._connection.close()


def verify(
    signed: Signed,
    key_of: Callable[[str], SigningKey | None],
    now: dt.datetime,
    take: Callable[[str, str, int], bool],
) -> SigningKey:
    """The key that signed this very request, once and lately; else Unauthenticated with the step's own code."""
    parsed = parse(signed)  # 1  what is said to be signed, by whom
    key = key_of(parsed.key_id)  # 2  a key we know
    if key is None:
        raise Unauthenticated("gate.unknown_key", "没有这个签名密钥，或已停用")
    must = (*_MUST, "content-digest") if signed.body else _MUST  # 3  all that matters is covered
    missing = [name for name in must if name not in parsed.components]
    if missing:
        raise Unauthenticated("gate.signature_incomplete", f"签名须覆盖 {'、'.join(missing)}")
    moment = int(now.timestamp())  # 4  lately
    if abs(moment - parsed.created) > WINDOW or (parsed.expires is not None and moment > parsed.expires):
        raise Unauthenticated(
            "gate.signature_expired", f"签名时间与网关相差超过 {WINDOW} 秒，或已过期；请校准时钟后重签"
        )
    if "content-digest" in parsed.components:  # 5  over this body
        check_digest(signed.header("content-digest") or "", signed.body)
    check(key, base_of(signed, parsed), parsed.signature)  # 6  by this key
    if not take(parsed.key_id, parsed.nonce, parsed.created + WINDOW + 1):  # 7  once
        raise Unauthenticated("gate.replayed", "这个签名请求已经用过，请换 nonce 重签")
    return key


def parse(signed: Signed) -> Parsed:
    """Raises Unauthenticated ``gate.bad_signature`` for whatever is not in the form above."""
    found, given = _INPUT.fullmatch(signed.input.strip()), _SIGNATURE.fullmatch(signed.signature.strip())
    if found is None or given is None or found[1] != given[1]:
        raise _bad("Signature-Input 或 Signature 无法读懂：须恰有一个签名")
    components = tuple(one.strip('"') for one in found[3].split(" ")) if found[3] else ()
    parameters = {one[1]: one[2] or one[3] or "" for one in _PARAMETER.finditer(found[4])}
    created, nonce, key_id = (parameters.get(name, "") for name in ("created", "nonce", "keyid"))
    if len(set(components)) != len(components) or not created.isdigit() or not key_id:
        raise _bad("签名须写明 created 与 keyid，覆盖的内容不能重复")
    if not _NONCE.fullmatch(nonce):
        raise _bad("签名须带 16 至 128 个字符的 nonce")
    expires = parameters.get("expires", "")
    return Parsed(
        components,
        found[2],
        int(created),
        int(expires) if expires.isdigit() else None,
        key_id,
        nonce,
        _decoded(given[2]),
    )


def base_of(signed: Signed, parsed: Parsed) -> bytes:
    """The signature base, RFC 9421 section 2.5."""
    lines = [f'"{name}": {_component(signed, name)}' for name in parsed.components]
    return "\n".join([*lines, f'"@signature-params": {parsed.text}']).encode()


def check(key: SigningKey, base: bytes, signature: bytes) -> None:
    if key.algorithm == "hmac-sha256":
        well = hmac.compare_digest(hmac.digest(key.material, base, "sha256"), signature)
    else:
        try:
            verify_ed25519(key.material, base, signature)
            well = True
        except BadSignature:
            well = False
    if not well:
        raise _bad("签名与请求不符")


def check_digest(given: str, body: bytes) -> None:
    """RFC 9530 ``Content-Digest``; every digest given must hold."""
    parts = [_DIGEST.fullmatch(one.strip()) for one in given.split(",")]
    for part in parts:
        if part is None:
            raise Unauthenticated("gate.bad_digest", "Content-Digest 须为 sha-256 或 sha-512")
        hashed = hashlib.new(f"sha{part[1]}", body).digest()
        if not hmac.compare_digest(_decoded(part[2]), hashed):
            raise Unauthenticated("gate.bad_digest", "Content-Digest 与请求体不符")


def _component(signed: Signed, name: str) -> str:
    derived = {
        "@method": signed.method,
        "@authority": signed.authority.lower(),
        "@path": signed.path,
        "@query": f"?{signed.query}",
    }
    if name in derived:
        return derived[name]
    value = None if name.startswith("@") else signed.header(name)
    if value is None:
        raise _bad(f"签名覆盖了请求中没有的 {name}")
    return " ".join(value.split())


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as problem:
        raise _bad("签名的 base64 无法读懂") from problem


def _bad(sentence: str) -> JutongError:
    return Unauthenticated("gate.bad_signature", sentence)
