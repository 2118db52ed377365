"""Real engines to put the same questions to: PostgreSQL, MariaDB, Spark, and DuckDB itself."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A connection to a real MariaDB started from Debian's programs in a folder of its own."""
    server, install = _program("mariadbd"), _program("mariadb-install-db")
    if server is None or install is None:
        pytest.skip("没有 MariaDB：请安装 Debian 软件包 mariadb-server 后再运行引擎一致性测试")
    import pymysql

    folder = tmp_path_factory.mktemp("mariadb")
    data, socket = folder / "data", folder / "s"
    common = [f"--datadir={data}", "--no-defaults"]
    user = ["--user=root"] if os.getuid() == 0 else []
    subprocess.run(
        [install, "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal", "--skip-test-db", *user],
        check=True, capture_output=True,
    )  # fmt: skip
    process = subprocess.Popen(
        [server, "--no-defaults", *common[:1], f"--socket={socket}", "--skip-networking", f"--pid-file={folder}/pid",
         f"--tmpdir={folder}", "--innodb-buffer-pool-size=64M", *user],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield _connected(pymysql, socket, process)
    finally:
        process.terminate()
        process.wait()


def _connected(pymysql: Any, socket: Path, process: subprocess.Popen[bytes]) -> Any:
    for _ in range(600):
        if process.poll() is not None:
            raise RuntimeError("mariadbd ended at once")
        try:
            connection = pymysql.connect(
                unix_socket=str(socket), user="root", charset="utf8mb4", autocommit=True
            )
        except pymysql.err.OperationalError:
            time.sleep(0.1)
            continue
        with connection.cursor() as cursor:
            cursor.execute("CREATE DATABASE engines CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
            cursor.execute("USE engines")
        return connection
    raise RuntimeError("mariadbd did not answer within a minute")


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A local Spark session."""
    pytest.importorskip("pyspark", reason="没有 Spark：请安装 Python 包 pyspark")
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        pytest.skip("没有 Java：请安装 Debian 软件包 default-jre-headless 后再运行 Spark 测试")
    from jutong.store.engines.spark import session

    # For tables this small, compiling each question costs far more than answering it.
    quick = {
        "spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.sql.adaptive.enabled": "false", "spark.sql.shuffle.partitions": "1",
    }  # fmt: skip
    made = session(tmp_path_factory.mktemp("spark"), master="local[1]", memory="1g", options=quick)
    made.sparkContext.setLogLevel("ERROR")
    yield made
    made.stop()


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
