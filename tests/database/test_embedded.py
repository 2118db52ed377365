"""The embedded PostgreSQL survives what a city does to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from jutong.database import EmbeddedPostgres
from jutong.terms import Unavailable


@pytest.fixture
def server(tmp_path: Path):
    server = EmbeddedPostgres(tmp_path / "pg")
    yield server
    server.stop()


def version(server: EmbeddedPostgres) -> int:
    with psycopg.connect(server.url()) as connection:
        return connection.execute("SELECT 1").fetchone()[0]


def test_it_starts_answers_and_stops(server):
    server.start()
    assert version(server) == 1
    server.stop()
    assert not server.running()


def test_a_second_start_joins_the_same_server_and_the_last_to_leave_stops_it(server, tmp_path):
    server.start()
    second = EmbeddedPostgres(tmp_path / "pg")
    second.start()
    server.stop()
    assert second.running()
    assert version(second) == 1
    second.stop()
    assert not second.running()


def test_a_path_too_long_for_a_socket_is_no_matter(tmp_path):
    server = EmbeddedPostgres(tmp_path / ("长" * 30) / ("long" * 20))
    server.start()
    try:
        assert version(server) == 1
    finally:
        server.stop()


def test_a_killed_server_recovers_with_its_rows(server):
    server.start()
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
    os.kill(server._pid(), signal.SIGKILL)
    server.stop()
    server.start()
    with psycopg.connect(server.url()) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone()[0] == 1000


def test_a_stale_lock_naming_a_living_stranger_does_not_keep_it_down(server):
    server.start()
    server.stop()
    (server.folder / "data" / "postmaster.pid").write_text(f"{os.getpid()}\n")
    server.start()
    assert version(server) == 1


def test_a_user_killed_without_goodbye_leaves_no_lock_behind(server, tmp_path):
    code = (
        "import sys, os, signal; from pathlib import Path; from jutong.database import EmbeddedPostgres;"
        "EmbeddedPostgres(Path(sys.argv[1])).start(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path / "pg")], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert server.running()
    server.start()
    assert version(server) == 1
    server.stop()
    assert not server.running()


def test_files_are_for_the_owner_alone_and_a_wrong_password_is_refused(server):
    server.start()
    assert (server.folder.stat().st_mode & 0o077) == 0
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(server.url(password="wrong"))


def test_a_server_that_cannot_start_says_why(server):
    server.start()
    server.stop()
    with (server.folder / "data" / "postgresql.conf").open("a") as conf:
        conf.write("max_connections = none\n")
    with pytest.raises(Unavailable, match="max_connections"):
        server.start()
