"""The lake in a bucket of a real S3 server: written, merged, followed, compacted, cleaned; and a running city moved there.

The server is npm's ``s3rver``; without node and npm, or without a network, these tests say so and are skipped.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from jutong.database import Database
from jutong.settings import Settings, read_settings
from jutong.store import DatasetSpec, Sought, Store
from jutong.store.lake import SQL
from jutong.terms import DatasetName, Item, Unavailable

pytestmark = pytest.mark.slow
NAME = DatasetName.parse("standard.bucket")
SPEC = DatasetSpec(NAME, "桶", (Item("k", "键"), Item("v", "值")), ("k",))
PURGED = replace(SPEC, name=DatasetName.parse("standard.purged"))
TOOLS = Path(os.environ.get("JUTONG_TEST_TOOLS", Path.home() / ".cache" / "jutong-test-tools"))


@pytest.fixture(scope="module")
def program() -> Path:
    npm = shutil.which("npm")
    found = TOOLS / "node_modules" / "s3rver" / "bin" / "s3rver.js"
    if found.exists():
        return found
    if npm is None:
        pytest.skip("没有 npm，装不了 S3 服务器 s3rver")
    TOOLS.mkdir(parents=True, exist_ok=True)
    ended = subprocess.run(
        [npm, "install", "--prefix", str(TOOLS), "--no-save", "s3rver@3.7.1"],
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        pytest.skip(f"装不了 S3 服务器 s3rver：{ended.stderr.strip()[-200:]}")
    return found


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server keeps what it is given."""
    return tmp_path_factory.mktemp("s3")


@pytest.fixture(scope="module")
def bucket(program: Path, served: Path) -> Iterator[str]:
    """The endpoint of a server with a bucket ``lake``."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        ["node", str(program), "-d", str(served), "-p", str(port), "-a", "127.0.0.1",
         "--configure-bucket", "lake"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    yield f"http://127.0.0.1:{port}"
    server.kill()
    server.wait()


@pytest.fixture(scope="module")
def remote(settings: Settings, bucket: str) -> Settings:
    keys = {"lake_s3_endpoint": bucket, "lake_s3_key": "S3RVER", "lake_s3_secret": "S3RVER"}
    settings.home.mkdir(exist_ok=True)
    (settings.home / "jutong.toml").write_text(
        "".join(f'{name} = "{value}"\n' for name, value in keys.items())
    )
    return replace(settings, **keys)  # type: ignore[arg-type]


def write(store: Store, number: int) -> None:
    with store.writing(f"bucket-{number}", NAME, author="tests") as w:
        w.merge(NAME, f"SELECT 'K' || (i + {number} * 5) % 300 AS k, '{number}' AS v FROM range(40) AS t(i)")


def held(store: Store) -> list[tuple[str, str]]:
    with store.reading() as view:
        return sorted((row["k"], row["v"]) for row in view.rows(f"SELECT k, v FROM {view.table(NAME)}"))


def expected(count: int) -> list[tuple[str, str]]:
    rows = {f"K{(i + number * 5) % 300}": str(number) for number in range(count) for i in range(40)}
    return sorted(rows.items())


def test_a_running_city_moves_into_a_bucket_and_lives_there(
    database: Database, settings: Settings, remote: Settings
) -> None:
    """One process writes without a pause, another moves the lake: no commit is lost, nobody must be restarted."""
    stop, failed, done = threading.Event(), [], []
    with Store.open(database, settings) as writer, Store.open(database, settings) as mover:
        writer.declare([SPEC])
        write(writer, 0)
        done.append(0)

        def work() -> None:
            try:
                while not stop.is_set():
                    write(writer, len(done))
                    done.append(len(done))
            except BaseException as problem:
                failed.append(problem)

        thread = threading.Thread(target=work)
        thread.start()
        time.sleep(1)
        target = replace(remote, lake_path="s3://lake/city")
        assert mover.move(target) > 0
        at = len(done)
        deadline = time.monotonic() + 60
        while len(done) < at + 5 and not failed and time.monotonic() < deadline:
            time.sleep(0.1)
        stop.set()
        thread.join()
        assert failed == []
        assert len(done) >= at + 5
        assert held(writer) == expected(len(done))
    assert read_settings(settings.home).lake_path == "s3://lake/city"
    shutil.rmtree(settings.lake_folder)
    with Store.open(database, replace(remote, lake_path="s3://lake/city")) as store:
        assert held(store) == expected(len(done))
        assert store.doctor() == []
        since = store.snapshot()
        write(store, len(done))
        with store.changes(NAME, since) as feed:
            assert feed.upsert_count == 40
        content = store.content_hash(NAME)
        assert store.compact(NAME) == [str(NAME)]
        store.expire(store.snapshot())
        assert store.clean(grace=dt.timedelta(0)) > 0
        assert store.content_hash(NAME) == content
        assert store.doctor() == []


def test_a_purge_leaves_nothing_in_the_bucket(database: Database, remote: Settings, served: Path) -> None:
    """What was sought is in no object, living, past or struck out; all else is as it was."""
    code = "91430500MA7PURGE0X"
    with Store.open(database, replace(remote, lake_path="s3://lake/city")) as store:
        store.declare([PURGED])
        for number in range(3):
            with store.writing(f"purge-{number}", PURGED.name, author="tests") as w:
                w.merge(
                    PURGED.name,
                    f"SELECT 'K' || i AS k, '{number}' AS v FROM range(20) AS t(i) UNION ALL SELECT '{code}', '{number}'",
                )
        assert any(code.encode() in file.read_bytes() for file in served.rglob("*") if file.is_file())
        with store.reading() as view:
            others = view.rows(f"SELECT * FROM {view.table(PURGED.name)} WHERE k <> '{code}' ORDER BY k")
        sought = Sought(words=(code,))
        with store.writing("purge", PURGED.name, author="tests") as w:
            struck = store.purge.strike(w, sought, [str(PURGED.name)])
        assert [(one.dataset, one.rows) for one in struck] == [(str(PURGED.name), 1)]
        holding = store.purge.rewrite(sought)
        assert holding
        assert store.purge.forget(holding) > 0
        # What expiry let go of another dataset waits for its readers as ever.
        for number in range(2):
            with store.writing(f"other-{number}", NAME, author="tests") as w:
                w.merge(NAME, f"SELECT 'K1' AS k, 'later {number}' AS v")
        store.compact(NAME)
        store.expire(store.snapshot())
        waiting = {row["path"] for row in store._lake.ask(SQL.lake_scheduled_files)} - holding
        assert waiting
        gone, left = store.purge.remove(sought, holding, dt.timedelta(0))
        assert (set(gone), left) == (holding, 0)
        assert {row["path"] for row in store._lake.ask(SQL.lake_scheduled_files)} == waiting
        store.purge.blur(sought)
        with store.reading() as view:
            assert view.rows(f"SELECT * FROM {view.table(PURGED.name)} ORDER BY k") == others
        assert not any(code.encode() in file.read_bytes() for file in served.rglob("*") if file.is_file())


def test_a_bucket_that_does_not_answer_is_told_in_a_sentence(database: Database, remote: Settings) -> None:
    there = replace(remote, lake_path="s3://lake/city")
    with Store.open(database, there) as store:
        store.count(NAME)
        store._lake.settings = replace(there, lake_s3_endpoint="http://127.0.0.1:9")
        store._lake._engine = None
        with pytest.raises(Unavailable) as told:
            store.content_hash(NAME)
        assert told.value.code == "store.bucket_refuses", told.value.__cause__
        store._lake.settings = there
        store._lake._engine = None
        assert store.count(NAME) == store.content_hash(NAME).rows


@pytest.mark.parametrize("manner", ["503", "silent", "torn"])
def test_a_bucket_that_misbehaves_is_told_in_a_sentence_and_answers_again(
    database: Database, remote: Settings, manner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too busy, no word at all, half an answer: named within a bounded time; the lake goes on once the bucket does."""
    monkeypatch.setattr("jutong.store.engines.bucket.PATIENCE", 1)
    monkeypatch.setattr("jutong.store.engines.bucket.RETRIES", 2)
    there = replace(remote, lake_path="s3://lake/city")
    with Store.open(database, there) as store, misbehaving(manner) as endpoint:
        count = store.count(NAME)
        store._lake.settings = replace(there, lake_s3_endpoint=endpoint)
        store._lake._engine = None
        with pytest.raises(Unavailable) as told:
            store.content_hash(NAME)
        assert told.value.code == "store.bucket_refuses", told.value.__cause__
        with pytest.raises(Unavailable) as told, store.writing(f"bad-{manner}", NAME, author="tests") as w:
            w.merge(NAME, "SELECT 'K1' AS k, 'never' AS v")
        assert told.value.code == "store.bucket_refuses", told.value.__cause__
        store._lake.settings = there
        store._lake._engine = None
        assert store.content_hash(NAME).rows == count
        assert store.committed(f"bad-{manner}") is None


@contextmanager
def misbehaving(manner: str) -> Iterator[str]:
    """A server that takes every call and gives no right answer."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        taken: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    call, _ = listening.accept()
                except OSError:
                    return
                taken.append(call)
                if manner != "silent":
                    threading.Thread(target=answer, args=(call,), daemon=True).start()

        def answer(call: socket.socket) -> None:
            with suppress(OSError):
                while call.recv(65536):
                    if manner == "503":
                        call.sendall(b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\n\r\n")
                    else:
                        call.sendall(b"HTTP/1.1 206 Partial Content\r\nContent-Length: 9000\r\n\r\nPAR1")
                        call.close()

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
    for call in taken:
        call.close()
