"""Keys as files under DIR/keys: Ed25519 and SM2 for signing, AES-256-GCM for sealing, HMAC-SHA-256 for keyed hashes.

Every file is 0600 in a folder 0700.  A key is made once, however many processes ask for it at the same
instant: each writes its own candidate, and only one can take the name (``link`` fails where a name exists).
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from jutong.keys.provider import verify_ed25519
from jutong.keys.sm2 import new_sm2_key, sign_sm2, sm2_public
from jutong.terms import Broken
from jutong_verify import SM2_N

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,40}")
_PERIOD = re.compile(r"[0-9]{4}")
#: Sealed text: this prefix, then base64url of a 12-byte nonce and the ciphertext with its tag.
_SEALED = "jt1."


class SoftwareKeys:
    """A KeyProvider over a folder; safe to share between threads, cheap to open."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._signing: dict[str, Ed25519PrivateKey] = {}
        #: (private, public) by name.
        self._sm2: dict[str, tuple[int, bytes]] = {}
        self._hashing: dict[tuple[str, str], bytes] = {}
        self._sealing: AESGCM | None = None

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Keys of DIR/keys, made at first use.  Raises Broken ``keys.open_to_others`` if others may read them."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_mode & 0o077:
            raise Broken("keys.open_to_others", f"密钥文件夹 {folder} 对其他用户开放，请执行 chmod 700")
        return cls(folder)

    def sign(self, key: str, data: bytes) -> bytes:
        return self._signing_key(key).sign(data)

    def verify(self, key: str, data: bytes, signature: bytes) -> None:
        verify_ed25519(self.public_key(key), data, signature)

    def public_key(self, key: str) -> bytes:
        return self._signing_key(key).public_key().public_bytes_raw()

    def sign_sm2(self, key: str, data: bytes) -> bytes:
        return sign_sm2(*self._sm2_key(key), data)

    def sm2_public_key(self, key: str) -> bytes:
        return self._sm2_key(key)[1]

    def seal(self, secret: bytes, context: str = "") -> str:
        nonce = secrets.token_bytes(12)
        ciphertext = self._sealing_key().encrypt(nonce, secret, context.encode())
        return _SEALED + base64.urlsafe_b64encode(nonce + ciphertext).decode()

    def unseal(self, sealed: str, context: str = "") -> bytes:
        try:
            raw = base64.b64decode(sealed.removeprefix(_SEALED).encode(), altchars=b"-_", validate=True)
            if not sealed.startswith(_SEALED):
                raise ValueError("unknown prefix")
            return self._sealing_key().decrypt(raw[:12], raw[12:], context.encode())
        except (InvalidTag, ValueError, binascii.Error):
            raise Broken("keys.sealed_damaged", "密封的密码无法解开：内容、密钥或用处不一致") from None

    def keyed_hash(self, key: str, data: bytes, period: str) -> bytes:
        return hmac.digest(self._hashing_key(key, period), data, "sha256")

    def forget(self, key: str, period: str) -> bool:
        self._hashing.pop((key, period), None)
        file = self._hashing_file(key, period)
        existed = file.exists()
        file.unlink(missing_ok=True)
        return existed

    def __repr__(self) -> str:
        return f"SoftwareKeys({str(self._folder)!r})"

    def __reduce__(self) -> tuple[Callable[[Path], Self], tuple[Path]]:
        """Another process opens the folder itself; keys are never put into a pickle."""
        return type(self).open, (self._folder,)

    def _signing_key(self, key: str) -> Ed25519PrivateKey:
        if key not in self._signing:
            pem = _kept(self._file(f"{_checked(_NAME, key)}.signing.pem"), _new_signing_key)
            loaded = serialization.load_pem_private_key(pem, password=None)
            if not isinstance(loaded, Ed25519PrivateKey):
                raise Broken("keys.wrong_kind", f"密钥文件 {key}.signing.pem 不是 Ed25519 私钥")
            self._signing[key] = loaded
        return self._signing[key]

    def _sm2_key(self, key: str) -> tuple[int, bytes]:
        """The file holds the 32 bytes of the private key."""
        if key not in self._sm2:
            name = f"{_checked(_NAME, key)}.sm2.key"
            private = int.from_bytes(_kept(self._file(name), lambda: new_sm2_key().to_bytes(32)))
            if not 0 < private < SM2_N - 1:
                raise Broken("keys.wrong_kind", f"密钥文件 {name} 不是 SM2 私钥")
            self._sm2[key] = private, sm2_public(private)
        return self._sm2[key]

    def _sealing_key(self) -> AESGCM:
        if self._sealing is None:
            self._sealing = AESGCM(_kept(self._file("sealing.key"), lambda: secrets.token_bytes(32)))
        return self._sealing

    def _hashing_key(self, key: str, period: str) -> bytes:
        if (key, period) not in self._hashing:
            file = self._hashing_file(key, period)
            self._hashing[key, period] = _kept(file, lambda: secrets.token_bytes(32))
        return self._hashing[key, period]

    def _hashing_file(self, key: str, period: str) -> Path:
        return self._file(f"{_checked(_NAME, key)}.{_checked(_PERIOD, period)}.hashing.key")

    def _file(self, name: str) -> Path:
        return self._folder / name


def _checked(pattern: re.Pattern[str], name: str) -> str:
    if not pattern.fullmatch(name):
        raise ValueError(f"not a key name or period: {name!r}")
    return name


def _new_signing_key() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _kept(file: Path, make: Callable[[], bytes]) -> bytes:
    """The content of a key file, made and made durable first if it is not there yet."""
    try:
        return file.read_bytes()
    except FileNotFoundError:
        candidate = file.with_name(f".{file.name}.{secrets.token_hex(6)}")
        descriptor = os.open(candidate, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as written:
                written.write(make())
                written.flush()
                os.fsync(written.fileno())
            try:
                os.link(candidate, file)
            except FileExistsError:
                pass  # another process was first: its key is the key
        finally:
            candidate.unlink()
        _sync_folder(file.parent)
        return file.read_bytes()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
