"""A real MariaDB for tests, in a folder of its own, ended by its id."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

#: Debian keeps the servers out of ordinary users' search path.
_WHERE = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))


class MariaDb:
    """``config`` reaches it as root; ``restart`` kills it hard and brings it back on the same port."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder, self.options = folder, options
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self.process: subprocess.Popen[bytes] | None = None
        self._user = ["--user=root"] if os.getuid() == 0 else []

    @property
    def config(self) -> dict[str, Any]:
        return {"host": "127.0.0.1", "port": self.port, "user": "root"}

    def install(self) -> None:
        program = shutil.which("mariadb-install-db", path=_WHERE)
        if program is None or shutil.which("mariadbd", path=_WHERE) is None:
            pytest.skip("没有 MariaDB：请安装 Debian 软件包 mariadb-server")
        subprocess.run(
            [program, "--no-defaults", f"--datadir={self.folder}/data", "--skip-test-db",
             "--auth-root-authentication-method=normal", *self._user],
            check=True, capture_output=True,
        )  # fmt: skip

    def start(self) -> None:
        program = str(shutil.which("mariadbd", path=_WHERE))
        self.process = subprocess.Popen(
            [program, "--no-defaults", f"--datadir={self.folder}/data", f"--socket={self.folder}/s",
             "--bind-address=127.0.0.1", f"--port={self.port}", f"--pid-file={self.folder}/pid",
             # A server that starts deletes the temporary tables of whoever shares its folder for them.
             f"--tmpdir={self.folder}", "--innodb-buffer-pool-size=128M", "--character-set-server=utf8mb4",
             "--collation-server=utf8mb4_bin", *self.options, *self._user],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.connect().close()

    def stop(self, *, hard: bool = False) -> None:
        if self.process is not None:
            self.process.kill() if hard else self.process.terminate()
            self.process.wait()
            self.process = None

    def connect(self, **more: Any) -> Any:
        import pymysql

        for _ in range(600):
            assert self.process is not None
            if self.process.poll() is not None:
                raise RuntimeError("mariadbd ended at once")
            try:
                return pymysql.connect(**self.config, charset="utf8mb4", autocommit=True, **more)
            except pymysql.err.OperationalError:
                time.sleep(0.1)
        raise RuntimeError("mariadbd did not answer within a minute")

    @contextmanager
    def database(self) -> Iterator[dict[str, Any]]:
        name = f"d{secrets.token_hex(5)}"
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
        yield {**self.config, "database": name}
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name}")


@contextmanager
def started(folder: Path, *options: str) -> Iterator[MariaDb]:
    server = MariaDb(folder, *options)
    server.install()
    server.start()
    try:
        yield server
    finally:
        server.stop()
