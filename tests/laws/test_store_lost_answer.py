"""Law: a commit whose answer is lost on the way is still a commit, and its files stay.

DuckLake deletes the files of a transaction whose COMMIT failed; when only the answer was lost, the catalogue
already names them.  A proxy in front of PostgreSQL cuts the wire at the worst two moments.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from jutong.database import Database
from jutong.settings import Settings
from jutong.store import DatasetSpec, Store
from jutong.terms import DatasetName, Item, JutongError

NAME = DatasetName.parse("standard.answer")


class Proxy:
    """Forwards a PostgreSQL socket; ``cut`` = "before" or "after" drops the next COMMIT or its answer."""

    def __init__(self, folder: Path, target: str) -> None:
        self.cut: str | None = None
        self.cuts = 0
        self._target = target
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / ".s.PGSQL.5432"))
        self._listener.listen(32)
        self._open: list[socket.socket] = [self._listener]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for each in self._open:
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._target)
            self._open += [client, server]
            threading.Thread(target=self._forward, args=(client, server), daemon=True).start()
            threading.Thread(target=self._back, args=(server, client), daemon=True).start()

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        self._muted: set[socket.socket] = getattr(self, "_muted", set())
        try:
            while data := client.recv(1 << 16):
                if self.cut and data[:1] == b"Q" and b"COMMIT" in data[:20]:
                    moment, self.cut = self.cut, None
                    self.cuts += 1
                    if moment == "before":
                        break
                    self._muted.add(server)
                server.sendall(data)
        except OSError:
            pass
        for each in (client, server):
            _shut(each)

    def _back(self, server: socket.socket, client: socket.socket) -> None:
        try:
            while data := server.recv(1 << 16):
                if server in getattr(self, "_muted", set()):
                    break  # the server has answered, so it has committed; nobody hears it
                client.sendall(data)
        except OSError:
            pass
        for each in (server, client):
            _shut(each)


def _shut(each: socket.socket) -> None:
    try:
        each.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


@pytest.fixture(scope="module")
def proxy(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    folder = tmp_path_factory.mktemp("p")
    host = conninfo_to_dict(database.lake_url)["host"]
    made = Proxy(folder, f"{host}/.s.PGSQL.5432")
    made.folder = folder  # type: ignore[attr-defined]
    yield made
    made.close()


@pytest.fixture(scope="module")
def store(database: Database, settings: Settings, proxy: Proxy) -> Iterator[Store]:
    behind = make_conninfo(database.lake_url, host=str(proxy.folder))  # type: ignore[attr-defined]
    cut_off = Database(database.url, behind)
    with Store.open(cut_off, settings) as opened:
        opened.declare([DatasetSpec(NAME, "应答", (Item("k", "键"), Item("v", "值")), ("k",))])
        yield opened
    cut_off.close()


def test_a_commit_whose_answer_was_lost_counts_once_and_keeps_its_files(store: Store, proxy: Proxy) -> None:
    with store.writing("lost-1", NAME, author="laws") as w:
        w.merge(NAME, "SELECT 'K' || i AS k, 'x' AS v FROM range(1000) AS t(i)")
        proxy.cut = "after"
    assert proxy.cuts == 1
    assert store.committed("lost-1") == w.snapshot
    assert store.doctor() == []
    assert store.count(NAME) == 1000


def test_a_commit_that_never_arrived_is_no_commit(store: Store, proxy: Proxy) -> None:
    before = store.content_hash(NAME)
    with pytest.raises(JutongError) as told, store.writing("lost-2", NAME, author="laws") as w:
        w.merge(NAME, "SELECT 'K' || i AS k, 'y' AS v FROM range(10) AS t(i)")
        proxy.cut = "before"
    assert told.value.temporary
    assert proxy.cuts == 2
    assert store.committed("lost-2") is None
    assert store.content_hash(NAME) == before
    assert store.doctor() == []
    with store.writing("lost-2", NAME, author="laws") as w:
        assert w.merge(NAME, "SELECT 'K' || i AS k, 'y' AS v FROM range(10) AS t(i)").updated == 10
