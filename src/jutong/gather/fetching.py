"""远程取: files fetched from SFTP, FTP and buckets; each once, when it is whole, byte for byte (UC-GATHER-07).

1. The folder is listed; what lies there is compared with what was seen before.
2. A file is due when its mark is there, or it has been seen just so for a while, or the server shows only whole ones.
3. It is appended to an arrival whose key is made of its path, size and stamp, from where an earlier attempt was cut.
4. It is looked at again: had it changed meanwhile, what came is given up and the next round begins anew.
5. Its digest is compared with the mark's, and it is whole; from here on it is an arrival like any other.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from jutong.database import Connection, Database, named_sql
from jutong.gather.arrivals import (
    Arrival,
    append,
    arrived_digest,
    begin_arrival,
    complete,
    give_up,
    received,
    take_arrivals,
)
from jutong.gather.declaring import Source, SourceTable, find_tables, list_sources
from jutong.gather.dropping import SETTLED, table_of
from jutong.gather.receipts import problem_row
from jutong.keys import KeyProvider
from jutong.outside import MARKS, REMOTE_KINDS, Remote, RemoteFile, data_files, open_remote
from jutong.store import Store
from jutong.terms import Address, BadInput, JutongError

_sql = named_sql(__file__, "fetching.sql")

#: Seconds between two looks at a source (``config.every``), and while a file waits to be left alone.
EVERY, SOON = 300, 15
_MARK_BYTES = 4096


def take_fetched(
    database: Database,
    store: Store,
    home: Path,
    keys: KeyProvider | None = None,
    *,
    settled: float = SETTLED,
    names: Sequence[str] | None = None,
) -> list[Arrival]:
    """Fetch and take what is whole at all remote sources, or those named; one out of reach stops no other."""
    taken: list[Arrival] = []
    with database.connection() as connection:
        sources = [one for one in list_sources(connection, names) if one.kind in REMOTE_KINDS]
    for source in sources:
        if source.state == "active":
            with _alone(database, source.name) as mine:
                fetched = _round(source, database, home, keys, settled) if mine else []
            if fetched:
                taken += take_arrivals(database, store, home, keys, ids=fetched)
    return taken


def remote_due(connection: Connection) -> bool:
    """Whether some remote source should be looked at now."""
    row = connection.execute(
        _sql.remote_due, {"kinds": list(REMOTE_KINDS), "every": EVERY, "soon": SOON}
    ).fetchone()
    return bool(row and row["due"])


def remote_state(connection: Connection, source: str) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    """The last look {looked_at, files, problem}, and the newest files seen there with what became of them."""
    look = connection.execute(_sql.find_look, {"source": source}).fetchone()
    return look, connection.execute(_sql.page_files, {"source": source}).fetchall()


def _round(
    source: Source, database: Database, home: Path, keys: KeyProvider | None, settled: float
) -> list[str]:
    """One look at one source: the arrivals that became whole."""
    whole: list[str] = []
    seen: int | None = None
    problem: JutongError | None = None
    try:
        with closing(open_remote(source.kind, source.config, source.secret(keys))) as remote:
            files = remote.files()  # 1
            seen = len(files)
            with database.connection() as connection:
                tables = find_tables(connection, source.name)
                due = _due(connection, source, tables, files, settled)  # 2
            for file, mark, table in due:
                arrival = _fetched(remote, source, table, file, mark, database, home)
                whole += [arrival] if arrival else []
    except JutongError as met:
        problem = met
    with database.connection() as connection:
        told = None if problem is None else Jsonb(problem_row(problem))
        connection.execute(_sql.note_look, {"source": source.name, "files": seen, "problem": told})
    return whole


Due = tuple[RemoteFile, RemoteFile | None, SourceTable]


def _due(
    connection: Connection,
    source: Source,
    tables: Sequence[SourceTable],
    files: Sequence[RemoteFile],
    settled: float,
) -> list[Due]:
    """Files to be fetched now, those seen first first."""
    by_path = {one.path: one for one in files}
    known: dict[str, Due] = {}
    for file in data_files(list(files)):
        table = table_of(file.name, tables)
        mark = next((by_path[file.path + end] for end in MARKS if file.path + end in by_path), None)
        if table is not None:
            known[file.path] = (file, mark, table)
    rows = [
        {"source": source.name, "path": path, "size": file.size, "stamp": file.stamp, "mark": _print(mark)}
        for path, (file, mark, _) in known.items()
    ]
    with connection.cursor() as cursor:
        cursor.executemany(_sql.see_file, rows)
    connection.execute(_sql.forget_files, {"source": source.name, "paths": list(known)})
    marked = bool(source.config.get("marked"))
    found = connection.execute(_sql.files_due, {"source": source.name, "settled": settled}).fetchall()
    return [
        known[row["path"]]
        for row in found
        if row["mark"] or (not marked and (row["settled"] or known[row["path"]][0].whole))
    ]


def _fetched(
    remote: Remote,
    source: Source,
    table: SourceTable,
    file: RemoteFile,
    mark: RemoteFile | None,
    database: Database,
    home: Path,
) -> str | None:
    """The arrival a file became, once it is whole; None when it has to wait. Raises what the server says."""
    told = f"{source.name}\0{file.path}\0{file.size}\0{file.stamp}"
    key = f"fetch-{hashlib.sha256(told.encode()).hexdigest()[:40]}"
    where = {"source": source.name, "path": file.path}
    with database.connection() as connection:
        arrival = begin_arrival(connection, home, table=table.name, way="fetch", file_name=file.name, key=key)
    if arrival.state == "arriving":
        here = received(home, arrival)
        here = append(home, arrival, here, remote.pieces(file, here))  # 3
        if here != file.size or remote.file(file.path) != file:  # 4
            give_up(database, home, arrival)
            return None
        try:
            sha256 = _promised(remote, file, mark, home, arrival)
            with database.connection() as connection:
                complete(connection, home, arrival, sha256=sha256)  # 5
        except BadInput as problem:
            give_up(database, home, arrival)
            with database.connection() as connection:
                connection.execute(_sql.refuse_file, {**where, "problem": Jsonb(problem_row(problem))})
            return None
    with database.connection() as connection:
        connection.execute(_sql.link_file, {**where, "arrival": arrival.id})
    return arrival.id


def _promised(
    remote: Remote, file: RemoteFile, mark: RemoteFile | None, home: Path, arrival: Arrival
) -> str | None:
    """The SHA-256 a mark gives; an MD5 is compared here. Raises BadInput ``gather.digest_differs``."""
    if mark is None:
        return None
    said = b""
    for piece in remote.pieces(mark, 0):
        said = (said + piece)[:_MARK_BYTES]
    found = re.search(r"\b(?:[0-9a-fA-F]{64}|[0-9a-fA-F]{32})\b", said.decode("utf-8", errors="ignore"))
    digest = found[0].lower() if found else ""
    if len(digest) == 32 and arrived_digest(home, arrival, "md5") != digest:
        raise BadInput("gather.digest_differs", "文件与它的 MD5 不符，请重传", Address(file=file.path))
    return digest if len(digest) == 64 else None


def _print(mark: RemoteFile | None) -> str:
    return "" if mark is None else f"{mark.name} {mark.size} {mark.stamp}"


@contextmanager
def _alone(database: Database, source: str) -> Iterator[bool]:
    """One fetcher per source; whoever comes second has nothing to do."""
    connection = database.connect(autocommit=True)
    try:
        row: Mapping[str, Any] | None = connection.execute(_sql.lock_remote, {"source": source}).fetchone()
        yield bool(row and row["taken"])
    finally:
        with connection, suppress(psycopg.Error):
            connection.execute("SELECT pg_advisory_unlock_all()")
