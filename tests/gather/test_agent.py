"""代理端: whatever is killed or cut, what the department has is at the city once and only once."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.gather.cutting import CuttingProxy
from tests.gather.foreign_city import City, Foreign

from jutong.gather import Plan, new_token, read_plan, run_once, take_arrivals
from jutong.keys import SoftwareKeys
from jutong.settings import Settings, write_settings
from jutong.terms import Unavailable

_SERVE = """
import sys
from jutong.portal import serve
from jutong.settings import read_settings
if __name__ == "__main__":
    serve(read_settings(sys.argv[1]))
"""


def one_round(file: str, done: Any) -> None:
    """What the agent's process does; killed at any instant."""
    plan = read_plan(Path(file))
    while True:
        try:
            run_once(plan)
        except Unavailable:
            time.sleep(0.05)
            continue
        done.set()
        return


class Door:
    """The city's portal as a process that may be killed and started again on the same port."""

    def __init__(self, settings: Settings) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self.settings = replace(settings, portal_port=self.port, second_factor=False)
        write_settings(self.settings)
        SoftwareKeys.open(settings.keys_folder)
        self.script = settings.home / "serve_portal.py"
        self.script.write_text(_SERVE, encoding="utf-8")
        self.process: subprocess.Popen[bytes] | None = None

    def open(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(self.script), str(self.settings.home)], start_new_session=True,
            env={**os.environ, "JUTONG_DATABASE_URL": self.settings.database_url},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def wait(self) -> None:
        for _ in range(2400):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError("the portal did not come up")

    def kill(self) -> None:
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


@pytest.fixture
def door(settings: Settings, city: City) -> Iterator[Door]:
    one = Door(settings)
    yield one
    one.kill()


def declared(city: City) -> str:
    items = ({"name": "id", "label": "编号"}, {"name": "t", "label": "文字"})
    at = {"name": "at", "label": "时间"}
    city.declare(
        "file", {},
        {"name": "rows", "locator": {"file": "x"}, "items": (*items, at), "mode": "incremental",
         "watermark_item": "_sent", "keys": ("id",)},
        {"name": "files", "locator": {"file": "x"}, "items": items, "mode": "incremental", "watermark_item": "_sent",
         "keys": ("id",)},
    )  # fmt: skip
    with city.database.connection() as connection:
        return new_token(connection, city.source)


def plan_file(city: City, folder: Path, token: str, port: int, foreign_url: str) -> Path:
    (folder / "out").mkdir(exist_ok=True)
    (folder / "token").write_text(token)
    file = folder / "agent.toml"
    file.write_text(
        f"""
city = "http://127.0.0.1:{port}"
token_file = "{folder / "token"}"
state = "{folder / "state"}"
[[source]]
name = "{city.source}"
kind = "postgres"
config = {{ url = "{foreign_url}" }}
[[source.table]]
name = "{city.name("rows")}"
locator = {{ table = "rows" }}
mode = "incremental"
watermark_item = "at"
keys = ["id"]
""",
        encoding="utf-8",
    )
    return file


def with_files(plan: Plan, city: City, folder: Path) -> Plan:
    from jutong.gather.agent import Watched

    table = Watched(city.name("files"), "files", {"file": "文件.csv"})
    return replace(
        plan,
        sources={**plan.sources, "files": ("csv", {"folder": str(folder / "out")}, None)},
        tables=(*plan.tables, table),
    )


def test_rows_and_files_go_out_once_and_a_city_out_of_reach_is_waited_for(
    city: City, door: Door, foreign: Foreign, foreign_url: str, tmp_path: Path
) -> None:
    foreign.execute(
        "CREATE TABLE rows AS SELECT g AS id, 'x' || g AS t, now()::timestamp AS at FROM generate_series(1, 50) g"
    )
    plan = read_plan(plan_file(city, tmp_path, declared(city), door.port, foreign_url))
    with pytest.raises(Unavailable):
        run_once(plan)
    assert len(list((tmp_path / "state" / "spool").glob("*.data"))) == 1
    door.open()
    door.wait()
    assert run_once(plan).pushed == [city.name("rows")]
    foreign.execute("INSERT INTO rows SELECT g, 'y', now()::timestamp FROM generate_series(51, 60) g")
    assert run_once(plan).pushed == [city.name("rows")]
    assert run_once(plan).pushed == []
    take_arrivals(city.database, city.store, city.home)
    assert city.rows("rows", "count(*), count(DISTINCT id)", "1") == [(60, 60)]


@pytest.mark.slow
def test_a_hundred_kills_and_cuts_of_agent_and_city_lose_and_double_nothing(
    city: City, door: Door, foreign: Foreign, foreign_url: str, tmp_path: Path
) -> None:
    foreign.execute("CREATE TABLE rows (id int, t text, at timestamp)")
    line = CuttingProxy(door.port, seed=20250810, share=0.35, most=12_000)
    plan = plan_file(city, tmp_path, declared(city), line.port, foreign_url)
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["tests.gather.test_agent"])
    fallen, rows = 0, 0
    door.open()
    door.wait()
    while line.kills < 100 or line.cuts < 100:
        foreign.execute(
            "INSERT INTO rows SELECT g, repeat('x', 40), clock_timestamp()::timestamp FROM generate_series(%s::int, %s::int) g",
            (rows + 1, rows + 200),
        )
        rows += 200
        ended = processes.Event()
        while not ended.is_set():
            child = processes.Process(target=one_round, args=(str(plan), ended))
            child.start()
            before = line.kills
            line.victim = child.kill if line.kills < 100 else None
            child.join()
            line.victim = None
            if line.kills > before and line.kills % 25 == 0:
                door.kill()
                fallen += 1
                door.open()
                door.wait()
    line.close()
    city.take_all_that_came()
    print(f"{line.kills} kills of the agent, {fallen} of the city, {line.cuts} cuts, {rows} rows")
    assert fallen
    assert city.rows("rows", "count(*), count(DISTINCT id)", "1") == [(rows, rows)]
    assert not list((tmp_path / "state" / "spool").glob("*.data"))
