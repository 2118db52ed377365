"""A folder of an FTP server, by the standard library's client.

Data connections go to the server we are connected to, whatever address its answer to PASV names.
"""

from __future__ import annotations

import ftplib
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from posixpath import join
from typing import Any

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

#: Answers of servers that do not know MLSD (RFC 3659): then names, sizes and times are asked one by one.
_UNKNOWN = ("500", "501", "502", "504")


_GONE: tuple[type[Exception], ...] = (*ftplib.all_errors, ValueError)


class FtpFolder:
    """``config``: ``host``, ``port`` (21), ``user``, ``folder``, ``tls`` (explicit, RFC 4217), ``certificate`` (a CA
    file), ``names_encoding`` (``utf-8``; old servers name files in ``gb18030``), ``depth``; the secret is the password."""

    def __init__(self, config: Mapping[str, Any], secret: str | None) -> None:
        self._host, port, address = checked_host(config, 21)
        self._folder, self._depth = str(config.get("folder") or "."), depth_of(config)
        self._lists = True
        client: ftplib.FTP = ftplib.FTP()  # noqa: S321  what a department has; the page says it is in the open
        if config.get("tls"):
            client = ftplib.FTP_TLS(context=_context(config, self._host))  # noqa: S321
        client.encoding = str(config.get("names_encoding") or "utf-8")
        self._client = client
        try:
            client.connect(address, port, CONNECT)
            client.host = self._host  # what the certificate must be made out to
            client.login(str(config.get("user") or "anonymous"), secret or "")
            if isinstance(client, ftplib.FTP_TLS):
                client.prot_p()
            assert client.sock is not None
            client.sock.settimeout(SILENT)
        except ssl.SSLError as problem:
            self.close()
            raise refused(self._host, f"TLS 证书或握手不对：{problem.reason or problem}") from None
        except ftplib.error_perm as problem:
            self.close()
            raise refused(
                self._host, f"{self._host} 不接受登录（{_said(problem)}）；可能要求 TLS，或口令不对"
            ) from None
        except _GONE as problem:
            self.close()
            raise unreachable(self._host, problem) from None

    def files(self) -> list[RemoteFile]:
        found: list[RemoteFile] = []
        waiting = [("", 0)]
        while waiting:
            below, level = waiting.pop()
            for path, is_folder, file in self._entries(below):
                if is_folder and level < self._depth:
                    waiting.append((path, level + 1))
                elif file is not None:
                    found.append(file)
            if len(found) > MOST_FILES:
                raise too_many(self._host)
        return found

    def _entries(self, below: str) -> list[tuple[str, bool, RemoteFile | None]]:
        where = join(self._folder, below).rstrip("/") or "/"
        with self._told(where):
            if self._lists:
                try:
                    return [
                        _entry(below, *one) for one in self._client.mlsd(where, ["type", "size", "modify"])
                    ]
                except ftplib.error_perm as problem:
                    if not _said(problem).startswith(_UNKNOWN):
                        raise
                    self._lists = False
            names = [name.rpartition("/")[2] for name in self._client.nlst(where)]
        entries = [(path := join(below, name), False, self.file(path)) for name in names]
        return [(path, file is None, file) for path, _, file in entries]

    def file(self, path: str) -> RemoteFile | None:
        where = join(self._folder, path)
        with self._told(where):
            try:
                if self._lists:  # the same command family, so that times are told alike
                    said = self._client.sendcmd(f"MLST {where}").splitlines()
                    facts = dict(
                        one.split("=", 1) for one in said[1].strip().split(" ")[0].split(";") if "=" in one
                    )
                    return _entry("", path, {name.lower(): value for name, value in facts.items()})[2]
                self._client.voidcmd("TYPE I")
                size = self._client.size(where)
                changed = self._client.voidcmd(f"MDTM {where}").split(maxsplit=1)[1]
            except ftplib.error_perm as problem:
                if _said(problem).startswith("550"):
                    return None
                raise
        return RemoteFile(path, int(size or 0), changed.partition(".")[0])

    def pieces(self, file: RemoteFile, offset: int) -> Iterator[bytes]:
        where = join(self._folder, file.path)
        with self._told(where):
            self._client.voidcmd("TYPE I")  # a listing was text, and text has its line ends rewritten
            data = self._client.transfercmd(f"RETR {where}", offset or None)
            try:
                data.settimeout(SILENT)
                while offset < file.size and (piece := data.recv(PIECE)):
                    offset += len(piece)
                    yield piece
                _end(data)
            finally:
                data.close()
            self._client.voidresp()  # a transfer that was cut says so here (426)

    def close(self) -> None:
        with suppress(*ftplib.all_errors):
            self._client.close()

    @contextmanager
    def _told(self, path: str) -> Iterator[None]:
        try:
            yield
        except ftplib.error_perm as problem:
            raise refused(self._host, f"读不了 {path}（{_said(problem)}）") from None
        except ValueError:
            raise refused(self._host, f"名称里有换行，读不了：{path!r}") from None
        except _GONE as problem:
            raise vanished(path, problem) from None


def _end(data: socket.socket) -> None:
    """TLS is ended in order before the socket is closed, or servers count the transfer as failed."""
    if isinstance(data, ssl.SSLSocket):
        with suppress(OSError):
            data.unwrap()


def _entry(below: str, name: str, facts: Mapping[str, str]) -> tuple[str, bool, RemoteFile | None]:
    path, kind = join(below, name), facts.get("type", "").lower()
    if kind != "file":
        return path, kind == "dir", None
    return (
        path,
        False,
        RemoteFile(path, int(facts.get("size", "0")), facts.get("modify", "").partition(".")[0]),
    )


def _context(config: Mapping[str, Any], host: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=config.get("certificate"))
    except OSError:
        raise BadInput("outside.remote_config", "登记的 CA 证书文件读不出来", Address(file=host)) from None


def _said(problem: Exception) -> str:
    return " ".join(str(problem).split())[:120]
