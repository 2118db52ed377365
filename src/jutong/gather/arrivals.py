"""到件: a file on its way in, whichever way; once it is whole it becomes exactly one batch (UC-GATHER-02).

1. It is begun: a row, and a folder of its own under ``DIR/arrivals``.  A key given twice begins once.
2. Its bytes are appended at the place the sender says, which must be where the last ones ended; each piece is durable
   before it is acknowledged, so a sender that was cut off asks how far it came and goes on.
3. It is whole: hashed, renamed, and its row says so.  From here on nothing is asked of the sender.
4. How it will be read is found, shown and remembered; a person may confirm or overrule it first.
5. It is taken: the batch's run is the arrival's id, so any number of attempts give one batch.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from psycopg.types.json import Jsonb

from jutong.database import Connection, Database, named_sql
from jutong.gather.declaring import SourceTable, find_tables
from jutong.gather.keeping import disk_watched
from jutong.gather.receipts import Batch, problem_row
from jutong.gather.taking import take
from jutong.keys import KeyProvider
from jutong.outside import Reading, read_file
from jutong.store import Store
from jutong.terms import Address, BadInput, Conflict, JutongError, NotFound

_sql = named_sql(__file__, "ways.sql")

#: Larger files are for database sources or the drop folder.
MOST_BYTES = 4 << 30
_PART = ".arriving"
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Arrival:
    """One row of ``arrival`` with its table's label, source and department."""

    id: str
    source_table: str
    way: str
    file_name: str
    state: str
    label: str
    source_name: str
    department_code: str
    began_at: dt.datetime
    given_key: str | None = None
    bytes: int | None = None
    sha256: str | None = None
    declared: Mapping[str, Any] = field(default_factory=dict)
    manner: Mapping[str, Any] = field(default_factory=dict)
    grounds: tuple[str, ...] = ()
    batch_id: str | None = None
    problem: Mapping[str, Any] | None = None
    given_by: int | None = None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        return cls(
            **{**{name: row[name] for name in cls.__dataclass_fields__}, "grounds": tuple(row["grounds"])}
        )


def arrival_id(table: str, key: str | None) -> str:
    """The same table and key, the same arrival; without a key a new one every time."""
    if key is None:
        return f"a{secrets.token_hex(12)}"
    return "k" + hashlib.sha256(f"{table}\0{key}".encode()).hexdigest()[:40]


def begin_arrival(
    connection: Connection,
    home: Path,
    *,
    table: str,
    way: str,
    file_name: str,
    key: str | None = None,
    declared: Mapping[str, Any] | None = None,
    by: int | None = None,
) -> Arrival:
    """Step 1. With a key that came before: that arrival, whatever has become of it.

    Raises NotFound ``gather.no_table``, BadInput ``gather.bad_key`` and ``gather.bad_file_name``.
    """
    find_tables(connection, names=[table])
    if key is not None and not re.fullmatch(r"[\x21-\x7e]{1,200}", key):
        raise BadInput("gather.bad_key", "幂等键须是 1 到 200 个可见的 ASCII 字符")
    number = arrival_id(table, key)
    connection.execute(
        _sql.begin_arrival,
        {
            "id": number, "table": table, "way": way, "file_name": plain_name(file_name), "key": key,
            "declared": Jsonb(dict(declared or {})), "by": by,
        },
    )  # fmt: skip
    _folder(home, number).mkdir(mode=0o700, parents=True, exist_ok=True)
    return find_arrival(connection, number)


def plain_name(name: str) -> str:
    """A file name without its path. Raises BadInput ``gather.bad_file_name``."""
    plain = re.split(r"[/\\]", name)[-1].strip()
    plain = "".join(char for char in plain if char.isprintable())
    if not plain or plain in (".", "..") or plain.startswith(_PART) or len(plain.encode()) > 200:
        raise BadInput("gather.bad_file_name", f"文件名「{name[:60]}」不能用，请换一个短一些的")
    return plain


def find_arrival(connection: Connection, number: str) -> Arrival:
    """Raises NotFound ``gather.no_arrival``."""
    row = connection.execute(_sql.find_arrival, {"id": number}).fetchone()
    if row is None:
        raise NotFound("gather.no_arrival", f"没有到件 {number}")
    return Arrival.from_row(row)


def list_arrivals(
    connection: Connection, *, department: str | None = None, limit: int = 40
) -> list[dict[str, Any]]:
    return connection.execute(_sql.list_arrivals, {"department": department, "limit": limit}).fetchall()


def anything_waits(connection: Connection) -> bool:
    """Whether a whole file waits to be taken, or a form's rows to be written."""
    row = connection.execute(_sql.anything_waits).fetchone()
    return bool(row and row["waits"])


def received(home: Path, arrival: Arrival) -> int:
    """How many bytes of it are here, durably."""
    if arrival.state != "arriving":
        return int(arrival.bytes or 0)
    folder = _folder(home, arrival.id)
    for path in (folder / arrival.file_name, folder / _PART):
        if path.exists():
            return path.stat().st_size
    return 0


def holds(home: Path, arrival: Arrival, place: int, content: bytes) -> bool:
    """Whether the bytes received so far are these at this place."""
    with (_folder(home, arrival.id) / _PART).open("rb") as part:
        part.seek(place)
        return part.read(len(content)) == content


def append(
    home: Path, arrival: Arrival, offset: int, chunks: Iterable[bytes], *, most: int = MOST_BYTES
) -> int:
    """Step 2. Returns how far it has come; what was written before a cut connection stays.

    Raises Conflict ``gather.wrong_offset`` (the sender must ask how far it came) and ``gather.arrival_closed``,
    BadInput ``gather.too_large``, Unavailable ``gather.disk_full``.
    """
    if arrival.state != "arriving":
        raise Conflict("gather.arrival_closed", f"到件 {arrival.id} 已经收齐，不能再续传")
    with disk_watched(Address(file=arrival.file_name)), _alone(home, arrival.id):
        here = received(home, arrival)
        if offset != here or (_folder(home, arrival.id) / arrival.file_name).exists():
            raise Conflict("gather.wrong_offset", f"应从第 {here} 字节续传，而不是第 {offset} 字节")
        with (_folder(home, arrival.id) / _PART).open("ab") as target:
            try:
                for chunk in chunks:
                    here += len(chunk)
                    if here > most:
                        raise BadInput(
                            "gather.too_large",
                            f"文件超过 {most >> 20} MB 的上限",
                            Address(file=arrival.file_name),
                        )
                    target.write(chunk)
            finally:
                target.flush()
                os.fsync(target.fileno())
    return here


def accompany(home: Path, arrival: Arrival, companion: Path) -> None:
    """Lay what says how a file is to be read (``x.cpg`` beside ``x.dbf``) beside it; done again it gives the same."""
    folder = _folder(home, arrival.id)
    with disk_watched(Address(file=companion.name)):
        part = folder / f"{_PART}-{secrets.token_hex(4)}"
        shutil.copyfile(companion, part)
        part.rename(folder / companion.name)


def complete(
    connection: Connection, home: Path, arrival: Arrival, *, confirm: bool = False, sha256: str | None = None
) -> Arrival:
    """Step 3; done again after a crash it gives the same. ``confirm``: a person looks at it before it is taken.

    Raises BadInput ``gather.digest_differs`` when the sender's SHA-256 is another, and takes the bytes back.
    """
    if arrival.state != "arriving":
        return arrival
    folder = _folder(home, arrival.id)
    final, part = folder / arrival.file_name, folder / _PART
    with disk_watched(Address(file=arrival.file_name)), _alone(home, arrival.id):
        if not final.exists():
            part.touch()
            digest = _digest(part)
            if sha256 is not None and digest != sha256.lower():
                part.unlink()
                raise BadInput(
                    "gather.digest_differs",
                    "收到的字节与声明的 SHA-256 不符，请重传",
                    Address(file=arrival.file_name),
                )
            part.rename(final)
            _sync(folder)
        digest = _digest(final)
        size = final.stat().st_size
    connection.execute(
        _sql.complete_arrival,
        {"id": arrival.id, "state": "looking" if confirm else "whole", "bytes": size, "sha256": digest},
    )
    return find_arrival(connection, arrival.id)


def look(connection: Connection, home: Path, arrival: Arrival) -> Reading:
    """Step 4: how the file will be read, noted on the arrival; its batches may be consumed for a preview.

    Raises what ``outside.read_file`` does.
    """
    (table,) = find_tables(connection, names=[arrival.source_table])
    declared = {**_declared(connection, table), **arrival.declared}
    reading = read_file(_folder(home, arrival.id) / arrival.file_name, arrival.file_name, declared)
    grounds = [*reading.grounds, *_differs(connection, arrival.source_table, reading.manner)]
    values = {"id": arrival.id, "manner": Jsonb(dict(reading.manner)), "grounds": grounds}
    connection.execute(_sql.note_manner, values)
    return reading


def overrule(connection: Connection, arrival: Arrival, declared: Mapping[str, Any]) -> Arrival:
    """A person says how the file is to be read; it is looked at again, not taken yet."""
    connection.execute(_sql.declare_arrival, {"id": arrival.id, "declared": Jsonb(dict(declared))})
    return find_arrival(connection, arrival.id)


def confirm(connection: Connection, arrival: Arrival) -> Arrival:
    """The person has seen how it will be read. Raises Conflict ``gather.arrival_closed``."""
    moved = connection.execute(
        _sql.confirm_arrival, {"id": arrival.id, "declared": Jsonb(dict(arrival.declared))}
    )
    if moved.rowcount != 1:
        raise Conflict("gather.arrival_closed", f"到件 {arrival.id} 已经不在等待确认")
    return find_arrival(connection, arrival.id)


def withdraw(connection: Connection, home: Path, arrival: Arrival) -> None:
    """Whoever gave it takes it back before it is taken. Raises Conflict ``gather.arrival_closed``."""
    if connection.execute(_sql.withdraw_arrival, {"id": arrival.id}).rowcount != 1:
        raise Conflict("gather.arrival_closed", f"到件 {arrival.id} 已经收下，不能撤回")
    shutil.rmtree(_folder(home, arrival.id), ignore_errors=True)


def give_up(database: Database, home: Path, arrival: Arrival) -> None:
    """As if it had never been begun: what came is not what is there by now."""
    with database.connection() as connection:
        if connection.execute(_sql.forget_arrival, {"id": arrival.id}).rowcount:
            shutil.rmtree(_folder(home, arrival.id), ignore_errors=True)


def arrived_digest(home: Path, arrival: Arrival, algorithm: str) -> str:
    """Of the bytes received so far."""
    with (_folder(home, arrival.id) / _PART).open("rb") as part:
        return hashlib.file_digest(part, algorithm).hexdigest()


def take_arrivals(
    database: Database,
    store: Store,
    home: Path,
    keys: KeyProvider | None = None,
    *,
    ids: Sequence[str] | None = None,
) -> list[Arrival]:
    """Step 5 for all that are whole, or those named, in the order they became so.

    A file that cannot be read is refused with its sentence and stops no other; a source that is busy, or a disk
    that is full, leaves the arrival whole for the next time.
    """
    done = []
    with database.connection() as connection:
        wanted = None if ids is None else list(ids)
        waiting = [row["id"] for row in connection.execute(_sql.whole_arrivals, {"ids": wanted}).fetchall()]
    for number in waiting:
        taken = _take_one(database, store, home, keys, number)
        if taken is not None:
            done.append(taken)
    return done


def _take_one(
    database: Database, store: Store, home: Path, keys: KeyProvider | None, number: str
) -> Arrival | None:
    batch: Batch | None = None
    problem: JutongError | None = None
    with database.connection() as connection:
        arrival = find_arrival(connection, number)
        (table,) = find_tables(connection, names=[arrival.source_table])
    try:
        with database.connection() as connection:
            reading = look(connection, home, arrival)
        batch = take(
            _as_arrived(table, arrival, reading.manner, home),
            database=database, store=store, home=home, run_id=number, keys=keys,
        )  # fmt: skip
    except JutongError as refused:
        if refused.temporary or isinstance(refused, Conflict):
            return None
        problem = refused
    with database.connection() as connection:
        values = {
            "id": number,
            "state": "taken" if batch else "refused",
            "batch": batch.id if batch else None,
            "problem": None if problem is None else Jsonb(problem_row(problem)),
        }
        connection.execute(_sql.end_arrival, values)
        ended = find_arrival(connection, number)
        if batch:
            remember(connection, ended)
    # The batch keeps it byte for byte; what was refused stays here for the clerk, but not what the law took away.
    if batch or (problem and problem.code == "gather.purged_file"):
        shutil.rmtree(_folder(home, number), ignore_errors=True)
    return ended


def _as_arrived(table: SourceTable, arrival: Arrival, manner: Mapping[str, Any], home: Path) -> SourceTable:
    """The table whose delivery is this arrival, every property of its reading declared."""
    known = {name: value for name, value in manner.items() if name != "format" and value is not None}
    locator = {**table.locator, **known, "folder": str(_folder(home, arrival.id)), "file": arrival.file_name}
    return replace(table, locator=locator)


def _declared(connection: Connection, table: SourceTable) -> dict[str, Any]:
    """What holds for every file of a table: its own declaration, then what a person said of an earlier file."""
    known = remembered(connection, table.name)
    default = {} if table.mode == "full" else {"wrong_rows": "set_aside"}
    fixed = {name: value for name, value in table.locator.items() if name not in ("file", "folder")}
    return {**default, **fixed, **(known["declared"] if known else {})}


def remember(connection: Connection, arrival: Arrival) -> None:
    connection.execute(
        _sql.remember_reading,
        {
            "table": arrival.source_table, "declared": Jsonb(dict(arrival.declared)),
            "manner": Jsonb(dict(arrival.manner)), "file_name": arrival.file_name,
        },
    )  # fmt: skip


def remembered(connection: Connection, table: str) -> dict[str, Any] | None:
    """{declared, manner, file_name, at} of the last file of a table that was taken."""
    return connection.execute(_sql.remembered_reading, {"table": table}).fetchone()


_WORDS = {
    "format": "格式", "encoding": "编码", "delimiter": "分隔符", "quote": "引号", "header_row": "表头所在行",
    "header_rows": "表头行数", "sheet": "工作表",
}  # fmt: skip


def _differs(connection: Connection, table: str, manner: Mapping[str, Any]) -> Iterator[str]:
    known = remembered(connection, table)
    for name, word in _WORDS.items() if known else ():
        before, now = (known or {})["manner"].get(name), manner.get(name)
        if before is not None and now is not None and before != now:
            yield f"与上一份文件不同：{word}由 {before} 变为 {now}"


def forget_stale(connection: Connection, home: Path, hours: int = 72) -> int:
    """Arrivals that were begun and never gone on with; returns how many."""
    stale = connection.execute(_sql.stale_arrivals, {"hours": hours}).fetchall()
    for row in stale:
        if connection.execute(_sql.forget_arrival, {"id": row["id"]}).rowcount:
            shutil.rmtree(_folder(home, row["id"]), ignore_errors=True)
    return len(stale)


def _folder(home: Path, number: str) -> Path:
    return home / "arrivals" / number


@contextmanager
def _alone(home: Path, number: str) -> Iterator[None]:
    """One writer per arrival; the lock ends with its process. Raises Conflict ``gather.arrival_busy``."""
    folder = _folder(home, number)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Conflict("gather.arrival_busy", f"到件 {number} 正在由另一个连接传送") from None
        yield


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as opened:
        while chunk := opened.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _sync(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
