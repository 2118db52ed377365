"""What others do with the same rows: PostGraphile 4, Datasette, FastAPI and a bare ASGI function over asyncpg.

Each is asked for one row by its key, without token, grant, mask, metering or evidence.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from bench.peers import node_with, python_with
from bench.sharing import COLUMNS

_ASGI = ("asyncpg==0.31.0", "fastapi==0.115.12", "granian==2.8.7", "orjson", "uvloop")
_DATASETTE = ("datasette==0.65.2", "setuptools<81")
_POSTGRAPHILE = "postgraphile@4.14.1"
_FIELDS = "uscc name capital founded phone division staff checkedAt active"
_WAIT_SECONDS = 60


@dataclass(frozen=True)
class Peer:
    name: str
    command: list[str | Path]
    #: Path of a GET, or the body of a POST to ``/graphql``; ``{}`` is the key.
    path: str = "/?uscc={}"
    body: str | None = None


def asyncpg_peer(kind: str, _: Path, port: int) -> Peer | None:
    python = python_with("asgi", *_ASGI)
    script = Path(__file__).parent / "limits/asgi_peer.py"
    return Peer(f"{kind}_asyncpg", [python, script, kind, str(port)]) if python else None


def datasette(replica: Path, port: int) -> Peer | None:
    python = python_with("datasette", *_DATASETTE)
    command: list[str | Path] = [
        "-m",
        "datasette",
        "serve",
        "-i",
        str(replica),
        "-p",
        str(port),
        "--setting",
        "num_sql_threads",
        "3",
    ]
    path = f"/{replica.stem}/data.json?uscc__exact={{}}&_shape=array&_nofacet=1&_nocount=1"
    return Peer("datasette", [python, *command], path) if python else None


def postgraphile(_: Path, port: int) -> Peer | None:
    """As its own guide to production has it: no query log, no GraphiQL; one text of the query for all keys."""
    node = node_with("postgraphile", _POSTGRAPHILE)
    if node is None:
        return None
    command: list[str | Path] = [
        node / "node_modules/.bin/postgraphile",
        "-c",
        "postgres:///receiver",
        "-p",
        str(port),
    ]
    command += ["-n", "127.0.0.1", "--disable-query-log", "--disable-graphiql", "--max-pool-size", "16"]
    query = "query($key:String!){companyByUscc(uscc:$key){" + _FIELDS + "}}"
    body = f'{{"query":"{query}","variables":{{"key":"{{}}"}}}}'
    return Peer("postgraphile", command, "/graphql", body)


#: From a replica's copy and a port each makes its peer, or nothing where it cannot be installed.
PEERS: list[Callable[[Path, int], Peer | None]] = [
    partial(asyncpg_peer, "asgi"),
    partial(asyncpg_peer, "fastapi"),
    datasette,
    postgraphile,
]


def fill(url: str, rows: str) -> None:
    """A table ``company`` with its primary key; ``rows`` is a CSV file's path."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            'CREATE TABLE company (uscc text COLLATE "C", name text, capital numeric(18,2), founded date, phone text,'
            " division text, staff bigint, checked_at timestamp, active boolean)"
        )
        copying = f"COPY company ({COLUMNS}) FROM STDIN (FORMAT csv)"
        with connection.cursor().copy(copying.encode()) as copy, Path(rows).open("rb") as file:
            while block := file.read(1 << 20):
                copy.write(block)
        connection.execute("ALTER TABLE company ADD PRIMARY KEY (uscc)")
        connection.execute("ANALYZE company")


@contextmanager
def running(peer: Peer, url: str, port: int) -> Iterator[None]:
    parts = conninfo_to_dict(url)
    told = {"PGHOST": parts["host"], "PGUSER": parts["user"], "PGDATABASE": parts["dbname"]}
    told["PGPASSWORD"] = parts.get("password", "")
    told |= {"NODE_ENV": "production", "GRAPHILE_TURBO": "1"}
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    process = subprocess.Popen(
        peer.command,
        env={**environ, **{name: str(value) for name, value in told.items()}},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + _WAIT_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{peer.name} did not start") from None
                time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait()
