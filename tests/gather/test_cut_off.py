"""推送与填报: whatever is killed and wherever the line is cut, what was given is here once and only once."""

from __future__ import annotations

import hashlib
import http.client
import json
import multiprocessing
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.gather.cutting import CuttingProxy
from tests.gather.foreign_city import City
from tests.gather.test_agent import Door, door

from jutong.gather import finish_sending, make_form, new_token
from jutong.people import add_user, hash_password

__all__ = ["door"]
ITEMS = ({"name": "id", "label": "编号"}, {"name": "t", "label": "文字"})
PASSWORD = "Correct-horse-9"
#: So many processes are killed, and so many lines cut.
KILLS = 100
_GONE = (OSError, http.client.HTTPException)


@pytest.fixture
def line(door: Door) -> Iterator[CuttingProxy]:
    proxy = CuttingProxy(door.port, seed=20250810)
    yield proxy
    proxy.close()


def ask(
    port: int, method: str, path: str, headers: dict[str, str], body: bytes = b""
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return (
            answer.status,
            {name.lower(): value for name, value in answer.getheaders()},
            answer.read(),
        )
    finally:
        connection.close()


def insist(port: int, *request: Any) -> tuple[int, dict[str, str], bytes]:
    """Asked until there is an answer, as a careful program does."""
    while True:
        try:
            status, headers, said = ask(port, *request)
        except _GONE:
            time.sleep(0.02)
            continue
        if status < 500 and status != 409:
            return status, headers, said
        time.sleep(0.05)


def push_all(port: int, path: str, token: str, folder: str, done: Any) -> None:
    """A department's program: every file of its folder under its name as key, whole or in pieces; killed at will."""
    for file in sorted(Path(folder).glob("*.ndjson")):
        chance = random.Random(file.stem)
        content, told = file.read_bytes(), {"Authorization": f"Bearer {token}", "Idempotency-Key": file.stem}
        told["Content-Type"] = "application/x-ndjson"
        if chance.random() < 0.5:
            status, _, said = insist(port, "POST", path, told, content)
        else:
            status, said = in_pieces(port, path, told, content)
        assert status in (200, 201, 202), (status, said)
        file.rename(file.with_suffix(".done"))
    done.set()


def whole(headers: dict[str, str]) -> bool:
    """A line that ends within the headers leaves those that had arrived, and no error."""
    return headers.get("upload-complete") in ("?0", "?1") and headers.get("upload-offset", "").isdecimal()


def in_pieces(port: int, path: str, told: dict[str, str], content: bytes) -> tuple[int, bytes]:
    status, headers, said = insist(port, "POST", path, {**told, "Upload-Complete": "?0"})
    while not whole(headers) or "location" not in headers:
        status, headers, said = insist(port, "POST", path, {**told, "Upload-Complete": "?0"})
    where = headers.get("location", "")
    while headers.get("upload-complete") == "?0":
        place = int(headers["upload-offset"])
        piece = content[place : place + 20_000]
        last = "?1" if place + len(piece) >= len(content) else "?0"
        sent = {**told, "Upload-Offset": str(place), "Upload-Complete": last}
        try:
            status, headers, said = ask(port, "PATCH", where, sent, piece)
        except _GONE:
            status, headers = 0, {}
        while status not in (200, 201, 202, 204) or not whole(headers):
            status, headers, said = insist(port, "HEAD", where, told)
            assert status == 204, (status, said)
    return (201 if status == 204 else status), said


def harassed(door: Door, line: CuttingProxy, work: Callable[..., None], args: tuple[Any, ...]) -> int:
    """Run ``work`` in processes of its own until it says it is done; returns how often the city was killed too.

    The line kills the process after so many bytes, so nothing here depends on how quick the machine is.
    """
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["tests.gather.test_cut_off"])
    done, fallen = processes.Event(), 0
    while not done.is_set():
        child = processes.Process(target=work, args=(*args, done))
        child.start()
        before = line.kills
        line.victim = child.kill if line.kills < KILLS else None
        child.join()
        line.victim = None
        if line.kills > before and line.kills % 12 == 0:
            door.kill()
            fallen += 1
            door.open()
            door.wait()
    return fallen


@pytest.mark.slow
def test_a_hundred_kills_and_cuts_of_pushing_lose_and_double_nothing(
    city: City, door: Door, line: CuttingProxy, tmp_path: Path
) -> None:
    city.declare(
        "file", {},
        {"name": "rows", "locator": {"file": "x"}, "items": ITEMS, "mode": "incremental", "watermark_item": "_sent",
         "keys": ("id",)},
    )  # fmt: skip
    with city.database.connection() as connection:
        token = new_token(connection, city.source)
    door.open()
    door.wait()
    chance, fallen, rows, files = random.Random(5), 0, 0, {}
    while line.kills < KILLS or line.cuts < KILLS:
        for _ in range(12):
            count = chance.choice((3, 200, 1500))
            lines = [
                json.dumps({"id": str(rows + n), "t": "字" * chance.randrange(20)}) for n in range(count)
            ]
            rows += count
            name = f"b{len(files):05}"
            content = "\n".join(lines).encode() + b"\n"
            (tmp_path / f"{name}.ndjson").write_bytes(content)
            files[name] = hashlib.sha256(content).hexdigest()
        path = f"/api/v1/sources/{city.source}/batches"
        fallen += harassed(door, line, push_all, (line.port, path, token, str(tmp_path)))
    city.take_all_that_came()
    assert city.rows("rows", "count(*), count(DISTINCT id)", "1") == [(rows, rows)]
    with city.database.connection() as connection:
        kept = connection.execute(
            "SELECT file_sha256 FROM batch WHERE source_table = %s AND state <> 'failed'",
            (city.name("rows"),),
        ).fetchall()
    assert sorted(row["file_sha256"] for row in kept) == sorted(files.values())
    print(
        f"{line.kills} kills of the program, {fallen} of the city, {line.cuts} cuts, {len(files)} files, {rows} rows"
    )
    assert fallen


def fill_in(port: int, path: str, token: str, journal: str, done: Any) -> None:
    """A clerk's browser: writes row after row under the page's number, and now and then sends what is drafted; what
    was not acknowledged before it was killed is written again."""
    told = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    rows, known = Path(journal).read_text().split(), Path(f"{journal}.done")
    begin = int(known.read_text() or 0) if known.exists() else 0
    for number, row in enumerate(rows):
        if number < begin:
            continue
        body = json.dumps({"row_key": f"k{row}", "c0": row, "c1": f"第 {row} 行"}).encode()
        status, _, said = insist(port, "POST", f"{path}/rows", told, body)
        assert status in (200, 201), (status, said)
        known.write_text(str(number + 1))
        if number % 10 == 9:
            status, _, said = insist(port, "POST", f"{path}/send", told, b"{}")
            assert status in (200, 201) or b"nothing_drafted" in said, (status, said)
    done.set()


@pytest.mark.slow
def test_a_hundred_kills_and_cuts_of_filling_in_lose_and_double_nothing(
    city: City, door: Door, line: CuttingProxy, tmp_path: Path
) -> None:
    table = city.name("form")
    with city.database.connection() as connection:
        make_form(connection, department_code="D23", table=table, label="补报", items=ITEMS)
        kept = hash_password(PASSWORD)
        login = f"clerk_{city.tag}"
        add_user(
            connection, login, "林知秋", "D23", ["provider_officer"], password_hash=kept, must_change=False
        )
    door.open()
    door.wait()
    who = json.dumps({"login": login, "password": PASSWORD}).encode()
    told = {"Content-Type": "application/json"}
    _, _, said = insist(door.port, "POST", "/api/v1/session", told, who)
    token = json.loads(said)["value"]["token"]
    fallen, rows = 0, 0
    journal = tmp_path / "journal"
    while line.kills < KILLS or line.cuts < KILLS:
        journal.write_text(" ".join(str(rows + n) for n in range(40)))
        journal.with_name("journal.done").unlink(missing_ok=True)
        rows += 40
        fallen += harassed(door, line, fill_in, (line.port, f"/api/v1/forms/{table}", token, str(journal)))
    told["Authorization"] = f"Bearer {token}"
    insist(door.port, "POST", f"/api/v1/forms/{table}/send", told, b"{}")
    finish_sending(city.database, city.home)
    city.take_all_that_came()
    assert city.rows("form", "count(*), count(DISTINCT id)", "1") == [(rows, rows)]
    print(f"{line.kills} kills of the browser, {fallen} of the city, {line.cuts} cuts, {rows} rows")
    assert fallen
