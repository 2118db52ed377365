"""DuckDB with DuckLake attached: how a process comes by it, offline and with signatures checked."""

from __future__ import annotations

import errno
import importlib.util
import os
import re
import secrets
import shutil
from pathlib import Path

import duckdb
import psutil
from psycopg.conninfo import make_conninfo

from jutong.settings import Settings
from jutong.store.engines import bucket
from jutong.terms import Broken, Conflict, JutongError, Unavailable, literal

#: Zoneless values in the lake are the city's own clock time; DuckDB must not take the machine's (design §12).
TIME_ZONE = "Asia/Shanghai"
EXTENSIONS = ("ducklake", "postgres_scanner")


def extension_file(name: str) -> Path | None:
    """Where the wheel ``duckdb_extension_<name>`` keeps the extension of this DuckDB version."""
    found = importlib.util.find_spec(f"duckdb_extension_{name}")
    if found is None or found.origin is None:
        return None
    file = Path(found.origin).parent / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
    return file if file.exists() else None


def connect(settings: Settings, spill: Path, *, remote: bool = False) -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB with the extensions loaded, bounded in memory, threads and spill.

    ``remote``: it may reach the bucket even if the lake does not lie there.

    Raises Unavailable ``store.extension_missing``.
    """
    spill.mkdir(mode=0o700, parents=True, exist_ok=True)
    room = shutil.disk_usage(spill).free // 2
    connection = duckdb.connect(
        config={
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "memory_limit": settings.lake_memory,
            "threads": settings.lake_threads,
            "temp_directory": str(spill),
            "max_temp_directory_size": f"{max(room >> 20, 64)}MiB",
        }
    )
    for name in EXTENSIONS:
        _load(connection, name)
    if remote or bucket.is_bucket(settings.lake_folder):
        _load(connection, "httpfs")
        bucket.reach(connection, settings)
    connection.execute(f"SET GLOBAL TimeZone = {literal(TIME_ZONE)}")
    # Unrelated commits race for the next snapshot number (ducklake #1094): the extension tries again by itself.
    connection.execute("SET GLOBAL ducklake_max_retry_count = 30")
    connection.execute("SET GLOBAL ducklake_retry_wait_ms = 20")
    connection.execute("SET GLOBAL ducklake_retry_backoff = 1.3")
    return connection


def attach(connection: duckdb.DuckDBPyConnection, lake_url: str, folder: str) -> None:
    """Attach the lake; inlining is off, for inlined rows are invisible to file listings and so to Spark."""
    catalogue = make_conninfo(lake_url, application_name="jutong lake")
    connection.execute(
        f"ATTACH {literal(f'ducklake:postgres:{catalogue}')} AS lake (DATA_PATH {literal(folder)}, "
        "METADATA_SCHEMA 'lake', DATA_INLINING_ROW_LIMIT 0, OVERRIDE_DATA_PATH true)"
    )


def spill_folder(home: Path) -> Path:
    """A spill folder of this process below DIR; folders of processes that are gone are removed."""
    parent = home / "tmp"
    for folder in parent.glob("lake-*-*"):
        pid = folder.name.split("-")[1]
        if pid.isdecimal() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)
    return parent / f"lake-{os.getpid()}-{secrets.token_hex(4)}"


def told(problem: duckdb.Error) -> JutongError | None:
    """What a DuckDB error means to the caller, or None when it is the plan's own mistake.

    Conflict ``store.conflict`` · Unavailable ``store.out_of_memory``, ``store.disk_full``, ``store.disk_refuses``,
    ``store.bucket_refuses``, ``store.catalogue_unreachable``, ``store.engine_failed`` · Broken ``store.file_missing``,
    ``store.file_damaged``.
    """
    words = str(problem).lower()
    if "transaction conflict" in words or "maximum retry count" in words or "conflict on" in words:
        return Conflict("store.conflict", "数据集同时被另一任务修改，请重试")
    if isinstance(problem, duckdb.OutOfMemoryException):
        if "max_temp_directory_size" in words:
            return Unavailable("store.disk_full", "计算的临时空间不足，请清理磁盘或减小数据量")
        return Unavailable("store.out_of_memory", "计算超出内存上限，请提高 lake_memory 或减小数据量")
    if "no space left" in words:
        return Unavailable("store.disk_full", "磁盘已满，数据湖无法写入")
    found = _of_a_file(str(problem), words)
    if found is not None:
        return found
    if any(sign in words for sign in _LOST_CATALOGUE):
        return Unavailable("store.catalogue_unreachable", "数据湖的目录数据库连接中断")
    if isinstance(problem, duckdb.FatalException) or "database has been invalidated" in words:
        return Unavailable("store.engine_failed", "计算引擎出错并已重新启动，请重试")
    return None


def told_of_disk(problem: OSError) -> JutongError | None:
    """The same of an error of the disk itself; None when it is not the disk that refuses."""
    if problem.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return Unavailable("store.disk_refuses", _REFUSES)
    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return Unavailable("store.disk_full", "磁盘已满，数据湖无法写入")
    return None


_REFUSES = "数据湖所在的磁盘不让写（只读或无权限），请检查挂载与权限"
_LOST_CATALOGUE = (
    "connection to server", "server closed the connection", "no connection to the server",
    "terminating connection", "could not connect", "unable to connect to postgres", "connection not open",
    "ssl connection has been closed", "consuming input failed",
)  # fmt: skip


_FILE = re.compile(r"""["']([^"']*?/?([^"'/]+)/([^"'/]+)/([^"'/]+\.parquet))["']""")
_BUCKET = (
    " 503", " 500", " 502", " 504", "timeout", "timed out", "could not establish", "connection error", "connect to server",
    "partial file", "returned nothing", "failure when receiving", "failed sending", "ssl connect",
)  # fmt: skip
_DAMAGE = (
    "no magic bytes", "failed to read file", "could not read enough", "decompress", "corrupt", "thrift", "too small",
)  # fmt: skip


def _of_a_file(said: str, words: str) -> JutongError | None:
    """Errors of one file name its dataset: the others are not concerned."""
    if "read-only file system" in words or "permission denied" in words:
        return Unavailable("store.disk_refuses", _REFUSES)
    if "http" in words and any(sign in words for sign in _BUCKET):
        return Unavailable("store.bucket_refuses", "对象存储没有及时应答，请稍后重试")
    place = _FILE.search(said)
    if place is None:
        return None
    dataset, file = f"{place[2]}.{place[3]}", place[4]
    advice = "其他数据集不受影响；请运行 jutong repair 从备份修复"
    if "no such file" in words or " 404" in words:
        return Broken("store.file_missing", f"数据集 {dataset} 缺少文件 {file}：{advice}")
    if any(sign in words for sign in _DAMAGE):
        return Broken("store.file_damaged", f"数据集 {dataset} 的文件 {file} 已损坏：{advice}")
    return None


def _load(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    file = extension_file(name)
    try:
        connection.execute(f"LOAD {literal(str(file))}" if file else f"LOAD {name}")
    except duckdb.Error as problem:
        raise Unavailable(
            "store.extension_missing",
            f"DuckDB {duckdb.__version__} 的扩展 {name} 装不上：请安装 Python 包 duckdb-extension-"
            f"{name.replace('_', '-')}=={duckdb.__version__}（{str(problem).splitlines()[0]}）",
        ) from None
