"""Folders far away (SFTP, FTP, S3): what lies there, whether it is whole, its bytes from any place on.

They are only read: nothing is renamed or deleted at a department's server, so a right to read is all we ask for.
What was taken is remembered here.
"""

from __future__ import annotations

import fnmatch
import ipaddress
import os
import re
import shutil
import socket
import tempfile
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

from jutong.outside.files import read_file
from jutong.outside.http.addresses import ALLOWED, may_be_called
from jutong.outside.reading import Found, Reading, Since
from jutong.terms import Address, BadInput, Unavailable

#: Kinds of source whose files are fetched.
REMOTE_KINDS = ("sftp", "ftp", "s3")
#: More files than this in one folder are not looked through.
MOST_FILES = 20_000
#: Seconds to connect, and seconds a server may be silent.
CONNECT, SILENT = 20.0, 60.0
PIECE = 1 << 20
#: A file up to this size is fetched to see whether a table's columns fit.
_PROBED = 64 << 20
_DEEPEST = 5
#: Names of files that are still being written, and the endings of marks that say a file is whole.
HALF = re.compile(
    r"(?i)(?:^[.~]|\.(?:part|partial|tmp|temp|filepart|crdownload|swp|writing|lock|uploading)$|^~\$)"
)
MARKS = (".ok", ".done", ".sha256", ".md5")


@dataclass(frozen=True)
class RemoteFile:
    """``path`` from the source's folder; ``stamp`` changes when the content does (time of change, or ETag)."""

    path: str
    size: int
    stamp: str
    #: The server shows a file only when it is whole (object stores).
    whole: bool = False

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


class Remote(Protocol):
    """A connected folder. All raise Unavailable ``outside.remote_vanished`` when the server goes away."""

    def files(self) -> list[RemoteFile]:
        """Every plain file. Raises BadInput ``outside.remote_too_many`` and ``outside.remote_refused``."""
        ...

    def file(self, path: str) -> RemoteFile | None:
        """One file as it stands now."""
        ...

    def pieces(self, file: RemoteFile, offset: int) -> Iterator[bytes]:
        """Its bytes from a place on; ends early without a word if the file is shorter than it was."""
        ...

    def close(self) -> None: ...


def open_remote(kind: str, config: Mapping[str, Any], secret: str | None) -> Remote:
    """Connect. Raises BadInput ``outside.remote_config``, ``remote_forbidden_address``, ``remote_refused``,
    ``sftp_host_key``; Unavailable ``outside.remote_unreachable``."""
    if not {"password", "secret", "secret_key"}.isdisjoint(config):
        raise BadInput("outside.remote_config", "口令不能写在 config 里，请登记为 secret 引用")
    if kind == "sftp":
        from jutong.outside.sftp import SftpFolder

        return SftpFolder(config, secret)
    if kind == "ftp":
        from jutong.outside.ftp import FtpFolder

        return FtpFolder(config, secret)
    from jutong.outside.s3 import Bucket

    return Bucket(config, secret)


def checked_host(config: Mapping[str, Any], port: int) -> tuple[str, int, str]:
    """(host, port, the address to connect to), which is not this machine (see ``http.addresses``).

    Raises BadInput ``outside.remote_config``, ``outside.remote_forbidden_address``, Unavailable
    ``outside.remote_unreachable``.
    """
    host, where = str(config.get("host", "")).strip(), Address(file=str(config.get("host", "")))
    given = str(config.get("port") or port)
    if not host or not given.isdigit() or not 0 < int(given) < 65536:
        raise BadInput("outside.remote_config", "须登记 host，port 应是 1 到 65535 的整数", where)
    try:
        found = socket.getaddrinfo(host, int(given), type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Unavailable("outside.remote_unreachable", f"找不到主机 {host}", where) from None
    addresses = [str(one[4][0]).split("%", maxsplit=1)[0] for one in found]
    allowed = {name.strip() for name in os.environ.get(ALLOWED, "").split(",") if name.strip()}
    if host not in allowed and not all(map(may_be_called, addresses)):
        raise BadInput(
            "outside.remote_forbidden_address",
            "地址指向本机或链路本地地址，不允许访问；确有需要请由系统管理员放行",
            where,
        )
    return host, int(given), str(ipaddress.ip_address(addresses[0]))


def depth_of(config: Mapping[str, Any]) -> int:
    """How many levels of folders below the source's own are looked into (``depth``; 0: none)."""
    return max(0, min(_DEEPEST, int(config.get("depth") or 0)))


def too_many(host: str) -> BadInput:
    return BadInput(
        "outside.remote_too_many", f"目录里超过 {MOST_FILES} 个文件，请分目录存放", Address(file=host)
    )


def unreachable(host: str, problem: object) -> Unavailable:
    words = " ".join(str(problem).split()) or type(problem).__name__
    return Unavailable("outside.remote_unreachable", f"连不上 {host}：{words[:200]}", Address(file=host))


def vanished(path: str, problem: object) -> Unavailable:
    words = " ".join(str(problem).split()) or type(problem).__name__
    return Unavailable("outside.remote_vanished", f"读到一半对方断开了：{words[:200]}", Address(file=path))


def refused(host: str, sentence: str) -> BadInput:
    return BadInput("outside.remote_refused", sentence, Address(file=host))


def data_files(files: list[RemoteFile]) -> list[RemoteFile]:
    """Those that are neither half-written by their name nor marks."""
    return [one for one in files if not HALF.search(one.name) and not one.name.lower().endswith(MARKS)]


class RemoteFolder:
    """A remote folder asked as any source is (``jutong source test``); connects when it is first asked."""

    def __init__(self, connect: Callable[[], Remote]) -> None:
        self._connect = connect
        self._remote: Remote | None = None

    def _opened(self) -> Remote:
        if self._remote is None:
            self._remote = self._connect()
        return self._remote

    def find(self) -> list[Found]:
        """Each file under its path; its columns are told by ``read`` alone."""
        return [Found({"file": one.path}, one.name, ()) for one in data_files(self._opened().files())]

    def file(self, locator: Mapping[str, Any]) -> Path | None:  # noqa: ARG002  what is fetched is an arrival
        return None

    def read(
        self,
        locator: Mapping[str, Any],
        *,
        since: Since | None = None,  # noqa: ARG002  every kind is asked alike
        file: Path | None = None,  # noqa: ARG002
    ) -> Reading:
        """The newest file of a table, fetched aside. Raises BadInput ``outside.remote_nothing``."""
        pattern = str(locator.get("pattern") or "*")
        fitting = [
            one
            for one in data_files(self._opened().files())
            if one.size <= _PROBED and fnmatch.fnmatchcase(one.name, pattern)
        ]
        if not fitting:
            raise BadInput(
                "outside.remote_nothing", f"那边还没有与「{pattern}」对得上的文件", Address(file=pattern)
            )
        newest = max(fitting, key=lambda one: (one.stamp if not one.whole else "", one.path))
        folder = tempfile.mkdtemp(prefix="jutong-fetched-")
        copy = Path(folder) / "file"
        with copy.open("wb") as target:
            for piece in self._opened().pieces(newest, 0):
                target.write(piece)
        reading = read_file(copy, newest.path, locator)
        weakref.finalize(reading, shutil.rmtree, folder, True)
        return reading

    def close(self) -> None:
        if self._remote is not None:
            self._remote.close()
            self._remote = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()
