"""A folder of an SFTP server, over asyncssh driven step by step: its loop runs only while something is asked, in a
thread of its own, since whoever asks may stand within another loop.

The server must show a key that was declared: a fingerprint (``SHA256:…``) or a whole public key, one or several.
Nothing of the account we run under is used, neither its known hosts nor its keys nor its agent.
"""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Coroutine, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from posixpath import join
from typing import Any, TypeVar

import asyncssh

from jutong.outside.remote import (
    CONNECT,
    MOST_FILES,
    PIECE,
    SILENT,
    RemoteFile,
    checked_host,
    depth_of,
    refused,
    too_many,
    unreachable,
    vanished,
)
from jutong.terms import Address, BadInput

T = TypeVar("T")
_GONE = (asyncssh.Error, OSError, asyncio.TimeoutError)


class SftpFolder:
    """``config``: ``host``, ``port`` (22), ``user``, ``folder``, ``host_key``, ``depth``; the secret is the password,
    or a private key in OpenSSH's or PEM form."""

    def __init__(self, config: Mapping[str, Any], secret: str | None) -> None:
        self._host, port, address = checked_host(config, 22)
        self._folder, self._depth = str(config.get("folder") or "."), depth_of(config)
        user = str(config.get("user") or "")
        pinned = Pinned(config.get("host_key"), self._host)
        if not user:
            raise BadInput("outside.remote_config", "须登记 user", Address(file=self._host))
        self._loop = asyncio.new_event_loop()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sftp")
        self._connection: asyncssh.SSHClientConnection | None = None
        try:
            self._step(self._open(address, port, user, secret, pinned))
        except BaseException:
            self.close()
            raise

    async def _open(self, address: str, port: int, user: str, secret: str | None, pinned: Pinned) -> None:
        try:
            self._connection, _ = await asyncio.wait_for(
                asyncssh.create_connection(
                    lambda: pinned, address, port, username=user, known_hosts=pinned.known, config=None,
                    agent_path=None, password=None if _is_key(secret) else secret,
                    client_keys=[asyncssh.import_private_key(str(secret))] if _is_key(secret) else None,
                    x509_trusted_certs=None, gss_host=None, connect_timeout=CONNECT, login_timeout=CONNECT,
                    keepalive_interval=SILENT / 2,
                ),
                CONNECT * 2,
            )  # fmt: skip
            assert self._connection is not None
            self._sftp = await asyncio.wait_for(self._connection.start_sftp_client(), SILENT)
        except asyncssh.HostKeyNotVerifiable:
            raise pinned.problem() from None
        except asyncssh.PermissionDenied:
            raise refused(self._host, f"{self._host} 不接受这个用户名和口令（或密钥）") from None
        except asyncssh.KeyImportError:
            raise BadInput("outside.remote_config", "登记的私钥读不懂", Address(file=self._host)) from None
        except _GONE as problem:
            raise unreachable(self._host, problem) from None

    def files(self) -> list[RemoteFile]:
        return self._run(self._listed(), self._folder)

    async def _listed(self) -> list[RemoteFile]:
        found: list[RemoteFile] = []
        waiting = [("", 0)]
        while waiting:
            below, level = waiting.pop()
            for entry in await asyncio.wait_for(self._sftp.readdir(join(self._folder, below)), SILENT):
                name = str(entry.filename)
                kind = stat.S_IFMT(entry.attrs.permissions or 0)
                if name not in (".", "..") and kind == stat.S_IFDIR and level < self._depth:
                    waiting.append((join(below, name), level + 1))
                elif kind == stat.S_IFREG:
                    found.append(_file(join(below, name), entry.attrs))
            if len(found) > MOST_FILES:
                raise too_many(self._host)
        return found

    def file(self, path: str) -> RemoteFile | None:
        async def asked() -> RemoteFile | None:
            try:
                attributes = await asyncio.wait_for(self._sftp.lstat(join(self._folder, path)), SILENT)
            except asyncssh.SFTPNoSuchFile:
                return None
            return _file(path, attributes)

        return self._run(asked(), path)

    def pieces(self, file: RemoteFile, offset: int) -> Iterator[bytes]:
        async def begin() -> asyncssh.SFTPClientFile:
            return await self._sftp.open(join(self._folder, file.path), "rb")

        opened: Any = self._run(begin(), file.path)
        try:
            while offset < file.size:
                wanted = min(PIECE, file.size - offset)
                piece: bytes = self._run(opened.read(wanted, offset), file.path)
                if not piece:
                    return
                offset += len(piece)
                yield piece
        finally:
            if self._connection is not None and not self._connection.is_closed():
                self._run(opened.close(), file.path)

    def close(self) -> None:
        if self._connection is not None:
            self._step(self._aborted(self._connection))
            self._connection = None
        if not self._loop.is_closed():
            self._step(self._loop.shutdown_asyncgens())
            self._loop.close()
            self._thread.shutdown()

    @staticmethod
    async def _aborted(connection: asyncssh.SSHClientConnection) -> None:
        connection.abort()
        await connection.wait_closed()

    def _step(self, asked: Coroutine[Any, Any, T]) -> T:
        return self._thread.submit(self._loop.run_until_complete, asked).result()

    def _run(self, asked: Coroutine[Any, Any, T], path: str) -> T:
        try:
            return self._step(asyncio.wait_for(asked, SILENT * 2))
        except asyncssh.SFTPPermissionDenied:
            raise refused(self._host, f"没有读 {path} 的权限") from None
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
            raise refused(self._host, f"那边没有 {path}") from None
        except _GONE as problem:
            raise vanished(path, problem) from None


class Pinned(asyncssh.SSHClient):
    """Lets only declared keys pass, and remembers what was shown."""

    def __init__(self, declared: Any, host: str) -> None:
        self._host, self._shown = host, ""
        given = [declared] if isinstance(declared, str) else list(declared or ())
        self._prints = {str(one).strip() for one in given if str(one).startswith("SHA256:")}
        try:
            self._keys = [asyncssh.import_public_key(str(one)) for one in given if "SHA256:" not in str(one)]
        except (asyncssh.KeyImportError, ValueError):
            raise BadInput(
                "outside.remote_config", "host_key 应是 SHA256: 指纹或整行公钥", Address(file=host)
            ) from None
        self._prints |= {key.get_fingerprint() for key in self._keys}

    def known(self, *_: object) -> tuple[list[Any], ...]:
        """For asyncssh, so that it asks for a key of a declared kind."""
        return (list(self._keys), [], [], [], [], [], [])

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002
        self._shown = key.get_fingerprint()
        return self._shown in self._prints

    def problem(self) -> BadInput:
        shown = self._shown or "另一种密钥"
        if not self._prints:
            sentence = f"还没有登记主机公钥；对方出示的是 {shown}，请与对方核对后登记为 host_key"
        else:
            sentence = f"对方出示的主机公钥是 {shown}，与登记的不同：可能换了主机，也可能有人冒充，没有连接"
        return BadInput("outside.sftp_host_key", sentence, Address(file=self._host))


def _is_key(secret: str | None) -> bool:
    return bool(secret) and str(secret).lstrip().startswith("-----BEGIN")


def _file(path: str, attributes: asyncssh.SFTPAttrs) -> RemoteFile:
    return RemoteFile(path, int(attributes.size or 0), str(attributes.mtime or 0))
