"""A real standalone cluster, one master and two workers on loopback: a worker dies in mid-job and the register is equal."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.fuse.test_city import standardise
from tests.refine.town import Town

from jutong.city import legal_entity
from jutong.database import Database
from jutong.elements import ELEMENTS
from jutong.fuse import declare_register, fuse
from jutong.refine import refine
from jutong.settings import Settings
from jutong.store import Store

CHILD = Path(__file__).with_name("cluster_child.py")
#: Of the tables a run keeps, the worker dies when so many are there.
DIES_AFTER = 12


@dataclass
class Cluster:
    url: str
    folder: Path
    master: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]]

    def kill(self, place: int) -> None:
        """A worker and its executors, at once."""
        os.killpg(self.workers[place].pid, signal.SIGKILL)


@pytest.fixture
def spark_cluster(tmp_path: Path) -> Iterator[Cluster]:
    pyspark = pytest.importorskip("pyspark", reason="没有 Spark：请安装 Python 包 pyspark")
    program = Path(pyspark.__file__).parent / "bin" / "spark-class"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"spark://127.0.0.1:{port}"
    at = ["--host", "127.0.0.1", "--webui-port", "0"]
    master = _start(program, "master.Master", [*at, "--port", str(port)], tmp_path)
    workers = [
        _start(program, "worker.Worker", [*at, "--cores", "1", "--memory", "1g", "--work-dir", str(tmp_path / f"w{n}"), url], tmp_path)
        for n in range(2)
    ]  # fmt: skip
    found = Cluster(url, tmp_path, master, workers)
    try:
        _wait_for(lambda: _log(tmp_path).count("Successfully registered with master") == 2, master)
        yield found
    finally:
        for process in (*workers, master):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _start(program: Path, what: str, told: list[str], folder: Path) -> subprocess.Popen[bytes]:
    with (folder / f"{what}.log").open("ab") as log:
        return subprocess.Popen(
            [str(program), f"org.apache.spark.deploy.{what}", *told], stdout=log, stderr=log, start_new_session=True,
            env={**os.environ, "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_DAEMON_MEMORY": "256m"},
        )  # fmt: skip


def _log(folder: Path) -> str:
    return "".join(file.read_text(encoding="utf-8", errors="replace") for file in folder.glob("*.log"))


def _wait_for(there, process: subprocess.Popen[bytes]) -> None:  # type: ignore[no-untyped-def]
    deadline = time.monotonic() + 90
    while not there():
        assert process.poll() is None, "it ended too early"
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)


@pytest.mark.slow
def test_a_worker_dies_in_mid_job_and_the_register_is_equal(
    spark_cluster: Cluster, database: Database, settings: Settings, tmp_path: Path
) -> None:
    with Store.open(database, settings) as store:
        standardise(0.0005, store, tmp_path / "truth")
        with database.connection() as connection:
            declare_register(connection, legal_entity())
        here = fuse(legal_entity(), database=database, store=store, settings=settings)
    child = subprocess.Popen(
        [sys.executable, str(CHILD), str(settings.home), str(settings.database_url), spark_cluster.url],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    kept = settings.home / "tmp"
    _wait_for(
        lambda: len(list(kept.glob("spark-*/0*/_SUCCESS"))) >= DIES_AFTER or child.poll() is not None,
        spark_cluster.master,
    )
    assert child.poll() is None, child.communicate()[1][-3000:]
    spark_cluster.kill(0)
    told, complaint = child.communicate(timeout=200)
    assert child.returncode == 0, complaint[-3000:]
    there = json.loads(told.splitlines()[-1])
    assert spark_cluster.workers[0].poll() is not None
    assert spark_cluster.workers[1].poll() is None
    assert there["snapshot"] is None  # nothing to change in what DuckDB has written
    names = ("records", "entities", "by_key", "by_likeness", "doubtful")
    assert [there[name] for name in names] == [getattr(here, name) for name in names]


@pytest.mark.slow
def test_a_batch_judged_on_the_cluster_is_judged_alike(
    spark_cluster: Cluster, database: Database, settings: Settings
) -> None:
    items = [{"name": "no", "label": "编号", "element": "text"}]
    items += [{"name": f"e_{name}", "label": one.label, "element": name, "type": one.type} for name, one in ELEMENTS.items()]  # fmt: skip
    given = [(name, text) for name, one in ELEMENTS.items() for text, _ in (*one.passes, *one.fails)]
    rows = [{"no": str(number), f"e_{name}": text} for number, (name, text) in enumerate(given)]
    with Store.open(database, settings) as store:
        town = Town(database, store)
        tables = [town.table(items), town.table(items)]
        with database.connection() as connection:
            connection.execute("INSERT INTO hold_threshold (source_table, hold_above) SELECT unnest(%s::text[]), 1", [tables])  # fmt: skip
        batches = [town.land(table, rows) for table in tables]
        refine(batches[:1], database=database, store=store, settings=settings)
    child = subprocess.run(
        [sys.executable, str(CHILD), str(settings.home), str(settings.database_url), spark_cluster.url, batches[1]],
        check=False, capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    assert child.returncode == 0, child.stderr[-3000:]
    assert _log(spark_cluster.folder).count("Registered app") == 1
    with Store.open(database, settings) as store, store.reading() as view:
        kept = [view.rows(f"SELECT * EXCLUDE (_batch) FROM {view.table(f'standard.{table}')} ORDER BY _row") for table in tables]  # fmt: skip
        found = [view.rows(f"SELECT * EXCLUDE (batch, dataset, found_at) FROM {view.table('standard.issue')} WHERE batch = ? ORDER BY ALL", [batch]) for batch in batches]  # fmt: skip
    assert kept[1] == kept[0] != []
    assert found[1] == found[0] != []
