"""前置机目录: a folder into which a department's own programs put files; one is taken only when it is whole.

Whole is: not named as half-written, nobody has it open for writing, and either its mark is there (``x.csv.ok``,
with a SHA-256 or an MD5 if the sender likes) or it has been left alone for a while.  What was taken moves to
``taken/``, what was refused to ``refused/`` with its sentence beside it.
"""

from __future__ import annotations

import fcntl
import fnmatch
import hashlib
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jutong.database import Database
from jutong.gather.arrivals import (
    Arrival,
    accompany,
    append,
    begin_arrival,
    complete,
    received,
    take_arrivals,
)
from jutong.gather.declaring import SourceTable, find_tables, list_sources
from jutong.keys import KeyProvider
from jutong.outside import HALF, MARKS
from jutong.store import Store
from jutong.terms import Address, BadInput, JutongError

#: Seconds a file without a mark must have been left alone.
SETTLED = 10.0
_PIECE = 4 << 20


@dataclass(frozen=True)
class Dropped:
    path: Path
    mark: Path | None
    table: SourceTable


def whole_files(
    folder: Path, tables: Sequence[SourceTable], *, settled: float = SETTLED
) -> Iterator[Dropped]:
    """Files that are whole and belong to a table, oldest first; a table's ``locator.pattern`` says which are its own
    (``企业*.csv``), and a table without one takes what no other claims."""
    if not folder.is_dir():
        return
    for path in sorted(_files(folder), key=lambda one: (one.stat().st_mtime_ns, one.name)):
        table = table_of(path.name, tables)
        mark = next(
            (path.with_name(path.name + end) for end in MARKS if path.with_name(path.name + end).exists()),
            None,
        )
        if table is not None and _is_whole(path, mark, settled):
            yield Dropped(path, mark, table)


def take_dropped(
    database: Database, store: Store, home: Path, keys: KeyProvider | None = None, *, settled: float = SETTLED
) -> list[Arrival]:
    """Take what is whole in the drop folders of all sources of kind ``file`` whose config says ``drop``."""
    taken: list[Arrival] = []
    with database.connection() as connection:
        sources = [
            one for one in list_sources(connection) if one.config.get("drop") and one.state == "active"
        ]
        tables = {one.name: find_tables(connection, one.name) for one in sources}
    for source in sources:
        folder = Path(str(source.config["folder"]))
        for dropped in whole_files(folder, tables[source.name], settled=settled):
            taken += _take(dropped, folder, database, store, home, keys)
    return taken


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if (
            not path.is_symlink()
            and path.is_file()
            and not HALF.search(path.name)
            and path.suffix.lower() not in MARKS
            and not _is_companion(path)
        ):
            yield path


def _is_companion(path: Path) -> bool:
    """``x.cpg`` beside ``x.dbf``: it goes with its table."""
    return path.suffix.lower() == ".cpg" and any(
        path.with_suffix(ending).exists() for ending in (".dbf", ".DBF", ".Dbf")
    )


def _companion(path: Path) -> Path | None:
    if path.suffix.lower() != ".dbf":
        return None
    return next((one for end in (".cpg", ".CPG", ".Cpg") if (one := path.with_suffix(end)).is_file()), None)


def table_of(name: str, tables: Sequence[SourceTable]) -> SourceTable | None:
    """Whose file this is by its name; see ``whole_files``."""
    for table in tables:
        pattern = table.locator.get("pattern")
        if pattern and fnmatch.fnmatchcase(name, str(pattern)):
            return table
    free = [table for table in tables if not table.locator.get("pattern")]
    return free[0] if len(free) == 1 else None


def _is_whole(path: Path, mark: Path | None, settled: float) -> bool:
    if _is_being_written(path):
        return False
    return mark is not None or time.time() - path.stat().st_mtime >= settled


def _is_being_written(path: Path) -> bool:
    """A read lease is refused while anybody has the file open for writing (fcntl(2)); no file system that cannot
    grant leases stops us, for there the time it was left alone decides."""
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return True
    try:
        fcntl.fcntl(opened, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(opened, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(opened)
    return False


def _take(
    dropped: Dropped, folder: Path, database: Database, store: Store, home: Path, keys: KeyProvider | None
) -> list[Arrival]:
    path = dropped.path
    try:
        stat = path.stat()
        key = f"drop-{hashlib.sha256(f'{path}{stat.st_size}{stat.st_mtime_ns}'.encode()).hexdigest()[:40]}"
        with database.connection() as connection:
            arrival = begin_arrival(
                connection, home, table=dropped.table.name, way="drop", file_name=path.name, key=key
            )
            beside = _companion(path)
            if arrival.state == "arriving":
                if beside is not None:
                    accompany(home, arrival, beside)
                append(home, arrival, received(home, arrival), _pieces(path, received(home, arrival)))
                after = path.stat()
                if (after.st_size, after.st_mtime_ns) != (stat.st_size, stat.st_mtime_ns):
                    return []  # it was not whole after all: the next round begins it under another key
                complete(connection, home, arrival, sha256=_promised(dropped))
        taken = take_arrivals(database, store, home, keys, ids=[arrival.id])
    except JutongError as problem:
        if problem.temporary:
            return []
        _put_away(dropped, folder / "refused", str(problem))
        return []
    for one in taken:
        said = "" if one.state == "taken" else _said(one.problem)
        _put_away(dropped, folder / ("taken" if one.state == "taken" else "refused"), said)
    return taken


def _pieces(path: Path, offset: int) -> Iterator[bytes]:
    with path.open("rb") as opened:
        opened.seek(offset)
        while piece := opened.read(_PIECE):
            yield piece


def _promised(dropped: Dropped) -> str | None:
    """The SHA-256 a mark gives; an MD5 is checked here. Raises BadInput ``gather.digest_differs``."""
    if dropped.mark is None:
        return None
    said = re.findall(
        r"\b[0-9a-fA-F]{32,64}\b", dropped.mark.read_text(encoding="utf-8", errors="ignore")[:4096]
    )
    digest = said[0].lower() if said else ""
    if len(digest) == 64:
        return str(digest)
    if len(digest) == 32:
        with dropped.path.open("rb") as opened:
            if hashlib.file_digest(opened, "md5").hexdigest() != digest:
                raise BadInput(
                    "gather.digest_differs", "文件与它的 MD5 不符，请重传", Address(file=dropped.path.name)
                )
    return None


def _said(problem: Mapping[str, object] | None) -> str:
    told = problem or {}
    return f"{told.get('sentence', '')} [{told.get('code', '')}] {told.get('row') or ''}".strip()


def _put_away(dropped: Dropped, folder: Path, said: str) -> None:
    """Out of the folder, so that nothing is looked at twice; a name that is taken already gets a number."""
    folder.mkdir(exist_ok=True)
    target = folder / dropped.path.name
    number = 1
    while target.exists():
        number += 1
        target = folder / f"{dropped.path.stem}-{number}{dropped.path.suffix}"
    if said:
        target.with_name(target.name + ".说明.txt").write_text(said + "\n", encoding="utf-8")
    beside = _companion(dropped.path)
    if beside is not None:
        beside.rename(target.with_suffix(beside.suffix))
    dropped.path.rename(target)
    if dropped.mark is not None:
        dropped.mark.unlink(missing_ok=True)
