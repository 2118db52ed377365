"""Making a file: exactly the granted rows, items and masks at one snapshot, marked for its recipient.  UC-SHARE-04."""

from __future__ import annotations

import hashlib
import logging
import secrets
import shutil
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pyarrow as pa
from psycopg.types.json import Jsonb

from jutong.database import Connection, Database, named_sql
from jutong.keys import KeyProvider
from jutong.people import Party, decide
from jutong.share.bounds import Bound, bound_of
from jutong.share.extracts.extracts import (
    LINK_HOURS,
    Extract,
    file_of,
    find_extract,
    link_hash,
    must,
    new_link,
    sweep_extracts,
)
from jutong.share.extracts.forms import (
    EXCEL_ROWS,
    FORMS,
    WRITERS,
    form_columns,
    headings,
    seal,
)
from jutong.share.extracts.marks import mark_secret, mark_sql, marked_columns
from jutong.share.grants import find_grant
from jutong.share.outgoing import (
    Outgoing,
    beside,
    content_of,
    merged_subjects,
    subjects_of,
    tables,
    view_sql,
)
from jutong.share.seen import copy_subjects, period_of, subject_secret, this_period
from jutong.store import Store
from jutong.terms import EMPTY_CONTENT, BadInput, Conflict, ContentHash, Denied, JutongError, Refused, quote

_SQL = named_sql(__file__)
#: Rows in memory at a time.
CHUNK_ROWS = 20_000
#: A page waits for a file of so many rows, about a second; more are the worker's.
AT_ONCE_ROWS = 20_000
#: Files of one department that may wait, and beginnings of one that may come to nothing.
_MOST_WAITING = 10
_MOST_TRIES = 3
_LOG = logging.getLogger("jutong.share")
_MARK = "_jutong_mark"
_GONE = "文件在生成时被撤下了"
#: 20 letters of 32, without those that look like others: 100 bits, to be read over a telephone.
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


@dataclass(frozen=True)
class Made:
    """A file that is ready; ``link`` and ``password`` are shown once and kept nowhere."""

    extract: Extract
    link: str
    password: str | None


@dataclass
class _Passing:
    """What is summed up while rows pass by on their way into the file."""

    content: ContentHash
    subjects: list[bytes]


def make_extract(
    database: Database,
    store: Store,
    keys: KeyProvider,
    folder: Path,
    party: Party,
    grant_id: str,
    form: str,
    *,
    sealed: bool = False,
    hours: int = LINK_HOURS,
    now: datetime | None = None,
    may_wait: bool = False,
) -> Made:
    """Make one file under a grant whose method is 文件下载, for ``party``, an officer of the consumer.

    ``may_wait``: a file of many rows is left to the worker (``make_waiting``) and its state is ``queued``; its link and
    password are good once it is ready.

    Nothing has left when this returns: the file leaves by its link alone.  Raises Denied with the grant's or the
    party's reason, BadInput ``share.extract_method``, ``share.extract_form``, ``share.extract_hours``,
    ``share.extract_too_large``, Conflict ``share.extract_gone`` if it is taken back meanwhile,
    ``share.extract_many`` where the department has many waiting.
    """
    sweep_extracts(database, folder, now=now)
    token, until = new_link(hours, now)
    password = _password() if sealed else None
    with database.connection() as connection:
        extract, bound = _begun(connection, party, grant_id, form, sealed, now)
        if may_wait and _is_large(store, bound.outgoing, form):
            _may_queue(connection, extract)
            kept = keys.seal(password.encode(), context=_context(extract.id)) if password else None
            connection.execute(
                _SQL.queue, {"id": extract.id, "link_hash": link_hash(token), "hours": hours, "secret": kept}
            )
            return Made(find_extract(connection, extract.id), token, password)
    with _told(database, folder, extract.id):
        made = _made(database, store, keys, folder, extract, bound, password, link_hash(token), until)
    return Made(made, token, password)


def _is_large(store: Store, outgoing: Outgoing, form: str) -> bool:
    """Whether a page should not wait for it.  Raises BadInput ``share.extract_too_large``."""
    rows = _granted_rows(store, outgoing)
    if form == "excel":
        _must_fit(rows)
    return rows > AT_ONCE_ROWS


def _may_queue(connection: Connection, extract: Extract) -> None:
    waiting = connection.execute(_SQL.open_files, {"department": extract.department_code}).fetchone()
    if waiting and waiting["n"] >= _MOST_WAITING:
        raise Conflict("share.extract_many", f"本部门已有 {_MOST_WAITING} 个文件在排队生成，请等它们好了再要")


def anything_to_make(connection: Connection) -> bool:
    """Whether a file waits for the worker."""
    return connection.execute(_SQL.waiting).fetchone() is not None


def make_waiting(
    database: Database,
    store: Store,
    keys: KeyProvider,
    folder: Path,
    tell: Callable[[int, int, str], None] | None = None,
) -> Extract | None:
    """Make the file that waits longest, also one a killed worker left half made; what it has become, None for none.

    One and no more, that other work need not wait for the whole queue.  One that cannot be made says why in its row,
    one that met a passing fault waits again; neither holds up another.
    """
    with database.connect(autocommit=True) as holding:
        for row in holding.execute(_SQL.waiting).fetchall():
            name = row["id"]
            held = holding.execute(_SQL.hold, {"id": name}).fetchone()
            if not held or not held["held"]:
                continue
            try:
                if tell is not None:
                    tell(0, 1, f"生成文件 {name}")
                if not _make_one(database, store, keys, folder, name):
                    continue
            except JutongError as problem:  # it is told in the file's row
                _LOG.warning("extract %s: %s", name, problem)
            except Exception as problem:  # noqa: BLE001 - where it was is for the worker's log; what it says may hold values
                _LOG.error("extract %s: %s\n%s", name, type(problem).__name__, _places(problem))
            finally:
                holding.execute(_SQL.let_go, {"id": name})
            with database.connection() as connection:
                return find_extract(connection, name)
    return None


def _places(problem: BaseException) -> str:
    frames = traceback.extract_tb(problem.__traceback__)
    return "\n".join(f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in frames)


def _make_one(database: Database, store: Store, keys: KeyProvider, folder: Path, name: str) -> bool:
    """False where it needs no making any more: somebody has made it, or taken it back, since it was seen waiting."""
    with database.connection() as connection:  # a try counts whatever comes of it
        row = connection.execute(_SQL.claim, {"id": name, "most": _MOST_TRIES}).fetchone()
    if row is None:
        return False
    shutil.rmtree(folder / name, ignore_errors=True)  # what an earlier worker left
    if row["state"] != "making":  # tried often enough
        return True
    with _told(database, folder, name):
        with database.connection() as connection:
            extract = find_extract(connection, name)
            bound = bound_of(connection, extract.grant_id)
            if isinstance(bound, Refused) or bound.outgoing.signature != extract.shape:
                words = bound.reason if isinstance(bound, Refused) else "排队时授权或目录有变化，请重新生成"
                connection.execute(_SQL.failed, {"id": name, "problem": words})
                return True
        password = keys.unseal(row["secret"], context=_context(name)).decode() if row["secret"] else None
        until = datetime.now(UTC) + timedelta(hours=row["hours"])
        _made(database, store, keys, folder, extract, bound, password, row["link_hash"], until)
    return True


@contextmanager
def _told(database: Database, folder: Path, name: str) -> Iterator[None]:
    """No half file is left; the row says why there is none, or waits again after what may pass by itself."""
    try:
        yield
    except Exception as problem:
        shutil.rmtree(folder / name, ignore_errors=True)
        if isinstance(problem, JutongError):
            words, passing = problem.sentence, problem.temporary
        else:
            words, passing = type(problem).__name__, isinstance(problem, psycopg.OperationalError)
        with database.connection() as connection:
            again = passing and connection.execute(_SQL.again, {"id": name, "most": _MOST_TRIES}).fetchone()
            if not again:
                connection.execute(_SQL.failed, {"id": name, "problem": words})
        raise


def _begun(
    connection: Connection, party: Party, grant_id: str, form: str, sealed: bool, now: datetime | None
) -> tuple[Extract, Bound]:
    """The extract's row, if party and grant allow it."""
    if form not in FORMS:
        raise BadInput("share.extract_form", f"文件格式须为 {'、'.join(FORMS)} 之一，不能是 {form!r}")
    grant = find_grant(connection, grant_id)
    must(decide(party, "extract:make", grant))
    if grant.method != "file":
        raise BadInput("share.extract_method", f"授权 {grant_id} 的共享方式不是文件下载")
    bound = bound_of(connection, grant_id, now)
    if isinstance(bound, Refused):
        raise Denied(bound.code, bound.reason)
    marked = marked_columns(bound.outgoing)
    row = connection.execute(_SQL.add, _columns(bound, marked, party, form, sealed)).fetchone()
    assert row is not None
    return find_extract(connection, row["id"]), bound


def _made(
    database: Database,
    store: Store,
    keys: KeyProvider,
    folder: Path,
    extract: Extract,
    bound: Bound,
    password: str | None,
    link: str,
    until: datetime,
) -> Extract:
    """Write the file and open its link."""
    found = _write(database, store, keys, folder, extract, bound, password)
    with database.connection() as connection:
        values = {**found, "id": extract.id, "link_hash": link, "link_until": until}
        if connection.execute(_SQL.made, values).fetchone() is None:
            raise Conflict("share.extract_gone", _GONE)
        return find_extract(connection, extract.id)


def _write(
    database: Database,
    store: Store,
    keys: KeyProvider,
    folder: Path,
    extract: Extract,
    bound: Bound,
    password: str | None,
) -> dict[str, object]:
    """The file in its folder, its subjects' hashes durable; returns what the extract's row says of it."""
    place = file_of(folder, extract)
    folder.mkdir(mode=0o700, exist_ok=True)
    place.parent.mkdir(mode=0o700)
    rows = place.with_name("rows")
    name = f"{extract.entry}-{extract.id}{FORMS[extract.form]}".replace("/", "／")
    snapshot, passing = _rows(store, keys, extract, bound.outgoing, rows)
    if password is not None:
        seal(rows, name, password, place)
        rows.unlink()
        name += ".zip"
    else:
        rows.rename(place)
    with place.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    subjects = _keep(database, extract, merged_subjects(passing.subjects))
    return {
        "snapshot": snapshot,
        "rows": passing.content.rows,
        "content": passing.content.digest,
        "subjects": subjects,
        "file_name": name,
        "bytes": place.stat().st_size,
        "sha256": sha256,
    }


def _keep(database: Database, extract: Extract, hashes: bytes) -> str:
    """The subjects' hashes, durable, in place of those a worker kept that ended before the file was ready.

    Those are evidence of nothing: while a file is in the making none of it has left.  Only a file has them replaced;
    what a delivery or the gate keeps may be of rows already with the receiver.
    """
    period = this_period()
    periods = [period_of(extract.created_at.astimezone(UTC)), period]  # the year may have turned since
    with database.connection() as connection:
        if connection.execute(_SQL.still_making, {"id": extract.id}).fetchone() is None:
            raise Conflict("share.extract_gone", _GONE)
        connection.execute(_SQL.forget_subjects, {"request_id": extract.request_id, "periods": periods})
        return copy_subjects(
            connection, request_id=extract.request_id, attempt="", period=period, hashes=hashes
        )


def _password() -> str:
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(5)) for _ in range(4))


def _context(name: str) -> str:
    return f"extract:{name}"


def _granted_rows(store: Store, outgoing: Outgoing) -> int:
    with store.reading(store.snapshot()) as lake:
        view, values = view_sql(outgoing, lake.table(outgoing.dataset), ordered=False, raw=True)
        return int(lake.rows(f"SELECT count(*) AS n FROM ({view}) AS view", values)[0]["n"])


def _rows(
    store: Store, keys: KeyProvider, extract: Extract, outgoing: Outgoing, file: Path
) -> tuple[int, _Passing]:
    secret = mark_secret(keys, extract.id, extract.created_at)
    subject_key = subject_secret(keys, this_period()) if outgoing.subjects else None
    passing = _Passing(EMPTY_CONTENT, [])
    with store.reading(store.snapshot()) as lake:
        view, values = view_sql(
            outgoing, lake.table(outgoing.dataset), subject_key=subject_key, ordered=False, raw=True
        )
        if extract.form == "excel":
            _must_fit(int(lake.rows(f"SELECT count(*) AS n FROM ({view}) AS view", values)[0]["n"]))
        others = [quote(name) for name in beside(outgoing, subjects=subject_key is not None)]
        columns = [*form_columns(extract.form, outgoing, extract.marked, _MARK), *others, _MARK]
        sql = (
            f"SELECT {', '.join(columns)} FROM (SELECT *, {mark_sql(secret, extract.marked)} AS {_MARK}"
            f" FROM ({view}) AS view) AS marked ORDER BY {_MARK}"
        )
        reader = lake.reader(sql, values, CHUNK_ROWS)
        WRITERS[extract.form](
            file, extract.words, outgoing, _passing_by(reader, outgoing, passing, {*others, _MARK})
        )
        return lake.snapshot, passing


def _passing_by(
    reader: pa.RecordBatchReader, outgoing: Outgoing, passing: _Passing, hidden: set[str]
) -> Iterator[pa.Table]:
    """The rows without what stands beside them, which is summed up; at least one table, that a form has its columns."""
    leaving = [name for name in reader.schema.names if quote(name) not in hidden and name not in hidden]
    none = True
    for table in tables(reader, CHUNK_ROWS):
        none = False
        passing.content += content_of(table)
        passing.subjects.append(subjects_of(table, outgoing))
        yield table.select(leaving)
    if none:
        yield reader.schema.empty_table().select(leaving)


def _must_fit(rows: int) -> None:
    if rows > EXCEL_ROWS:
        raise BadInput(
            "share.extract_too_large",
            f"共 {rows} 行，一张 Excel 表最多 {EXCEL_ROWS} 行，请改用 CSV 或 Parquet，或缩小行范围",
        )


def _columns(
    bound: Bound, marked: tuple[str, ...], party: Party, form: str, sealed: bool
) -> dict[str, object]:
    outgoing = bound.outgoing
    described = zip(outgoing.columns, headings(outgoing), strict=True)
    return {
        "grant_id": bound.grant_id,
        "application_id": bound.application_id,
        "department_code": bound.consumer,
        "provider_code": bound.provider,
        "asked_by": party.user_id,
        "form": form,
        "sealed": sealed,
        "shape": outgoing.signature,
        "columns": Jsonb([[name, heading, item_type] for (name, item_type), heading in described]),
        "marked": list(marked),
    }
