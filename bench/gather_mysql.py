"""Seconds from a department's MariaDB into the lake, receipt included; the limit is ``mysql --quick`` dumping the table.

The same columns and the same peer as in ``gather``; the server is Debian's, in a folder of its own.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import psycopg
from tests.mariadb import MariaDb, started

from bench.gather import Taker, by_dlt, measured, peers
from bench.measure import Result
from jutong.database import EmbeddedPostgres

_CREATE = (
    "CREATE TABLE ent (id bigint PRIMARY KEY, uscc varchar(18), name varchar(200), capital decimal(18,2),"
    " founded date, phone varchar(20), addr varchar(300), status varchar(10), updated_at datetime)"
)
_FILL = """
INSERT INTO ent SELECT seq, CONCAT('91430500MA', LPAD(HEX(seq), 8, '0')), CONCAT('邵阳市第', seq, '号贸易有限责任公司'),
    (seq MOD 100000) * 1.37, DATE '1990-01-01' + INTERVAL (seq MOD 12000) DAY, CONCAT('1387', LPAD(seq MOD 10000000, 7, '0')),
    CONCAT('湖南省邵阳市大祥区宝庆中路', seq MOD 900, '号'), ELT(1 + seq MOD 4, '存续', '在业', '注销', '吊销'),
    TIMESTAMP '2020-01-01 00:00:00' + INTERVAL seq * 7 SECOND
FROM seq_1_to_{rows}
"""


def run(rows: int) -> Result:
    home = Path(tempfile.mkdtemp(prefix="jutong-bench-mysql-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        control = EmbeddedPostgres(home / "postgres")
        control.start()
        stack.callback(control.stop)
        with psycopg.connect(control.url(), autocommit=True) as connection:
            connection.execute("CREATE DATABASE bench")
        server = stack.enter_context(started(home, "--innodb-buffer-pool-size=1G"))
        with server.connect() as there, there.cursor() as cursor:
            cursor.execute("CREATE DATABASE there CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
            cursor.execute("USE there")
            cursor.execute(_CREATE)
            cursor.execute(_FILL.format(rows=rows))
            cursor.execute("ANALYZE TABLE ent")
        config = {**server.config, "database": "there"}
        taker = Taker(home, control.url("bench"), "mysql", config, stack)
        contenders: dict[str, Callable[[], object]] = {
            "dump": lambda: dumped(server), "gather": taker.take,
        }  # fmt: skip
        peer = peers()
        if peer:
            url = f"mysql+pymysql://root@127.0.0.1:{server.port}/there?charset=utf8mb4"
            contenders["dlt"] = lambda: by_dlt(peer, url, home)
        return measured("gather_mysql", rows, "mysql --quick dump", "dump", contenders, taker)


def dumped(server: MariaDb) -> None:
    subprocess.run(
        ["mysql", "--quick", "--batch", "--default-character-set=utf8mb4", "-h127.0.0.1", f"-P{server.port}", "-uroot",
         "there", "-e", "SELECT * FROM ent"],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
