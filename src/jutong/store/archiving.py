"""The archive: raw rows that left the lake for a slower disk, one Parquet file a batch, and are read as before.

Out of the lake, ``archive``:
1. Each batch is written to a file of its own, flushed, read back, and compared with the lake: rows and content hash.
2. The control database is told of the files, under the id of the commit to come.
3. One lake commit takes the rows away.  Whether it happened the lake alone knows: a part whose snapshot is not yet
   noted is looked up there, so a process killed at any instant leaves each row in exactly one place.

A reading at snapshot S sees the lake at S and the files whose rows had left by then: nothing comes or goes by being
archived.  Nothing under a hold leaves, and nothing a follower of the feed has not yet taken.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psycopg
from psycopg import Connection

from jutong.store.lake import SQL, Lake
from jutong.store.spec import DatasetSpec, column_type, table_sql
from jutong.store.writing import AlreadyCommitted, Writer, writing
from jutong.terms import (
    BadInput,
    Broken,
    Conflict,
    DatasetName,
    Denied,
    NotFound,
    literal,
    quote,
    set_hash_sql,
)

_BATCH = "_batch"
PATIENCE = dt.timedelta(minutes=10)
#: A recalled batch is not archived again for so long.
REST = dt.timedelta(days=30)
#: The longest permitted read (design §11).
GRACE = dt.timedelta(hours=24)


@dataclass(frozen=True)
class Part:
    """One batch in the archive; ``destroyed_at`` makes it the certificate of what was there."""

    id: int
    dataset: str
    batch_id: str
    path: str
    columns: tuple[str, ...]
    rows: int
    bytes: int
    sha256: str
    rule_id: int | None
    commit_id: str
    snapshot: int | None
    archived_at: dt.datetime
    recall_commit: str | None
    recalled_snapshot: int | None
    recalled_by: str | None
    recalled_at: dt.datetime | None
    destroy_asked_by: str | None
    destroy_reason: str | None
    destroyed_at: dt.datetime | None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        values = {name: row[name] for name in cls.__dataclass_fields__}
        return cls(**values | {"columns": tuple(row["columns"])})


def archive(lake: Lake, spec: DatasetSpec, batches: Sequence[str], rule_id: int | None) -> list[Part]:
    """Take these batches of a raw dataset out of the lake, all in one commit; those without rows there are left out.

    Raises Denied ``store.held``, BadInput ``store.not_archivable``, Broken ``store.archive_differs``.
    """
    if spec.keys or spec.item(_BATCH) is None:
        raise BadInput("store.not_archivable", f"数据集 {spec.name} 不按批次追加，不能归档")
    folder = lake.settings.archive_folder / str(spec.name)
    with lake.explained():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    commit_id = f"archive:{secrets.token_hex(8)}"
    written: list[Path] = []
    with lake.database.connection() as line:
        line.execute(SQL.stay_holds)
        _refuse_held(line, str(spec.name))
        try:
            with writing(lake, commit_id, [spec.name], author="retention", committed=lake.committed) as w:
                facts = [fact for batch in batches if (fact := _write(w, spec, batch, folder, written))]
                if facts:
                    _take_away(w, spec, facts)
                    _flush(folder)
                    with lake.database.connection() as control, control.cursor() as cursor:
                        cursor.executemany(
                            SQL.add_part,
                            [fact | {"rule_id": rule_id, "commit_id": commit_id} for fact in facts],
                        )
        except psycopg.errors.UniqueViolation as problem:
            _remove(written)
            raise Conflict("store.conflict", f"数据集 {spec.name} 正在由另一任务归档，请重试") from problem
        except BaseException:
            # What the lake committed although the answer was lost keeps its files: ``settle`` asks.
            if _committed_or_unknown(lake, commit_id):
                raise
            _remove(written)
            raise
    with lake.database.connection() as control:
        control.execute(SQL.parts_left, {"snapshot": lake.committed(commit_id), "commit_id": commit_id})
        rows = control.execute(SQL.parts_of, {"dataset": str(spec.name)}).fetchall()
    return [Part.from_row(row) for row in rows if row["commit_id"] == commit_id]


def _committed_or_unknown(lake: Lake, commit_id: str) -> bool:
    try:
        return lake.committed(commit_id) is not None
    except Exception:  # noqa: BLE001  the first problem is the one to tell
        return True


def _write(
    w: Writer, spec: DatasetSpec, batch: str, folder: Path, written: list[Path]
) -> dict[str, Any] | None:
    """One batch's file, compared with the lake; None where the lake has none of its rows."""
    rows = f"(SELECT * FROM {table_sql(spec.name)} WHERE {_BATCH} = {literal(batch)})"
    file = folder / f"{_plain(batch)}-{secrets.token_hex(4)}.parquet"
    written.append(file)
    w.run(f"COPY {rows} TO {literal(str(file))} (FORMAT parquet, COMPRESSION zstd)")
    with file.open("rb") as stream:
        os.fsync(stream.fileno())
    sha256 = _sha256(file)
    columns = [(item.name, item.type) for item in spec.items]
    here, there = (
        w.run(set_hash_sql(place, columns, "duckdb")).fetchone()
        for place in (rows, f"read_parquet({literal(str(file))})")
    )
    if here != there or here is None:
        raise Broken("store.archive_differs", f"批次 {batch} 写进归档后读回来与湖里不同，没有归档")
    if not here[0]:
        file.unlink()
        return None
    return {
        "dataset": str(spec.name), "batch_id": batch, "path": f"{spec.name}/{file.name}",
        "columns": [item.name for item in spec.items], "rows": here[0], "bytes": file.stat().st_size, "sha256": sha256,
    }  # fmt: skip


def _take_away(w: Writer, spec: DatasetSpec, facts: Sequence[Mapping[str, Any]]) -> None:
    names = ", ".join(literal(fact["batch_id"]) for fact in facts)
    row = w.run(f"DELETE FROM {table_sql(spec.name)} WHERE {_BATCH} IN ({names})").fetchone()
    if row is None or row[0] != sum(fact["rows"] for fact in facts):
        raise Broken("store.archive_differs", f"数据集 {spec.name} 取出的行数与归档的不符，没有归档")


def _plain(batch: str) -> str:
    """A batch id as a file name; what tells two of them apart is in the row, not in the name."""
    return re.sub(r"[^\w.-]", "_", batch)[:80]


def _flush(folder: Path) -> None:
    """The folder's own entries too: a file that is not found after a power cut is no archive."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove(files: Sequence[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)


def settle(lake: Lake, patience: dt.timedelta = PATIENCE) -> int:
    """Ask the lake what became of commits nobody noted the end of, out and back; returns how many.

    A killed process's commit may still be on its way, so what is younger than ``patience`` waits.
    """
    with lake.database.connection() as control:
        rows = control.execute(SQL.parts_unsaid, {"patience": patience}).fetchall()
    for row in rows:
        part = Part.from_row(row)
        if part.snapshot is None:
            snapshot = lake.committed(part.commit_id)
            with lake.database.connection() as control:
                if snapshot is None:
                    control.execute(SQL.strike_part, {"id": part.id})
                else:
                    control.execute(SQL.parts_left, {"snapshot": snapshot, "commit_id": part.commit_id})
            if snapshot is None:
                _file(lake, part).unlink(missing_ok=True)
        elif part.destroy_asked_by:
            _settle_destroy(lake, part)
        elif part.recall_commit:
            _settle_recall(lake, part, lake.committed(part.recall_commit))
    _clean_orphans(lake, patience)
    forget_recalled(lake)
    return len(rows)


def forget_recalled(lake: Lake, rest: dt.timedelta = REST, grace: dt.timedelta = GRACE) -> int:
    """Delete files of recalled batches once no snapshot from between archive and recall is left; returns how many.

    First it is noted, then, after the longest permitted read, done.
    """
    with lake.database.connection() as control:
        rows = control.execute(SQL.parts_recalled, {"rest": rest, "grace": grace}).fetchall()
    if not rows:
        return 0
    kept = [row["snapshot_id"] for row in lake.ask(SQL.lake_kept)]
    done = 0
    for row in rows:
        if any(row["snapshot"] <= one < row["recalled_snapshot"] for one in kept):
            continue
        with lake.database.connection() as control:
            gone = control.execute(SQL.drop_part if row["over"] else SQL.part_spent, {"id": row["id"]})
            if not row["over"] or gone.fetchone() is None:
                continue
        # Killed here, the file is one nobody knows: ``_clean_orphans``.
        (lake.settings.archive_folder / row["path"]).unlink(missing_ok=True)
        done += 1
    return done


def _clean_orphans(lake: Lake, patience: dt.timedelta) -> None:
    """Files a killed process wrote and never noted: their rows are in the lake.  The disk is listed before the rows."""
    before = (dt.datetime.now(dt.UTC) - patience).timestamp()
    folder = lake.settings.archive_folder
    old = [file for file in folder.rglob("*.parquet") if file.stat().st_mtime < before]
    if old:
        with lake.database.connection() as control:
            known = {folder / row["path"] for row in control.execute(SQL.part_paths)}
        _remove([file for file in old if file not in known])


def _settle_destroy(lake: Lake, part: Part) -> None:
    gone = not _file(lake, part).exists()
    with lake.database.connection() as control:
        control.execute(SQL.destroyed if gone else SQL.drop_destroy, {"id": part.id})


def _settle_recall(lake: Lake, part: Part, snapshot: int | None) -> None:
    with lake.database.connection() as control:
        if snapshot is None:
            control.execute(SQL.drop_recall, {"id": part.id})
        else:
            control.execute(SQL.recalled, {"id": part.id, "snapshot": snapshot})


def archived_sql(
    lake: Lake, name: DatasetName, columns: Sequence[tuple[str, str]], snapshot: int
) -> str | None:
    """SELECT of the rows that had left the lake at ``snapshot``, as (name, item type); None where there are none."""
    with lake.database.connection() as control:
        rows = control.execute(SQL.parts_of, {"dataset": str(name)}).fetchall()
    groups: dict[tuple[str, ...], list[str]] = {}
    for row in rows:
        part = Part.from_row(row)
        left = part.snapshot if part.snapshot is not None else lake.committed(part.commit_id)
        back = part.recalled_snapshot
        if back is None and part.recall_commit:
            back = lake.committed(part.recall_commit)
        if part.destroy_asked_by and not _file(lake, part).exists():
            continue  # destroyed, and killed before it could say so
        if left is not None and left <= snapshot and (back is None or back > snapshot):
            groups.setdefault(part.columns, []).append(str(_file(lake, part)))
    if not groups:
        return None
    return " UNION ALL ".join(_parts_sql(columns, names, files) for names, files in groups.items())


def _parts_sql(columns: Sequence[tuple[str, str]], names: Sequence[str], files: Sequence[str]) -> str:
    """Rows of files that have the items ``names``, as the dataset has them now."""
    values = ", ".join(
        f"CAST({quote(name) if name in names else 'NULL'} AS {column_type(kind)}) AS {quote(name)}"
        for name, kind in columns
    )
    return f"SELECT {values} FROM read_parquet([{', '.join(literal(file) for file in files)}])"


def recall(lake: Lake, spec: DatasetSpec, batch: str, by: str) -> Part:
    """Bring a batch back into the lake; its file stays where it is, for it may be archived again.

    Raises NotFound ``store.not_archived``, Broken ``store.archive_damaged``.
    """
    commit_id = f"recall:{secrets.token_hex(8)}"
    with lake.database.connection() as control:
        row = control.execute(SQL.find_part, {"dataset": str(spec.name), "batch_id": batch}).fetchone()
        if row is None or row["snapshot"] is None:
            raise NotFound("store.not_archived", f"批次 {batch} 不在归档里")
        part = Part.from_row(row)
        _refuse_damaged(lake, part)
        control.execute(SQL.ask_recall, {"id": part.id, "commit_id": commit_id, "by": by})
    try:
        with writing(lake, commit_id, [spec.name], author="retention", committed=lake.committed) as w:
            columns = [(item.name, item.type) for item in spec.items]
            w.append(spec.name, _parts_sql(columns, part.columns, [str(_file(lake, part))]))
    except AlreadyCommitted:
        pass
    _settle_recall(lake, part, lake.committed(commit_id))
    return part


def destroy(lake: Lake, part_id: int, by: str, reason: str) -> Part:
    """Destroy an archived batch for good; its row stays as the certificate.  ``by`` has approved it.

    The wish is kept first, then the file goes and the row says so while no hold can come: a process killed in between
    leaves a wish without a file, which is as good as done (``settle``).
    Raises Denied ``store.held`` when a hold stands, NotFound ``store.not_archived``.
    """
    with lake.database.connection() as control:
        if control.execute(SQL.ask_destroy, {"id": part_id, "by": by, "reason": reason}).fetchone() is None:
            _refuse_held(control, *_datasets_of(control, part_id))
            raise NotFound("store.not_archived", f"归档 {part_id} 不在，或正被召回")
    with lake.database.connection() as control:
        control.execute(SQL.stay_holds)
        row = control.execute(SQL.ask_destroy, {"id": part_id, "by": by, "reason": reason}).fetchone()
        if row is not None:
            _file(lake, Part.from_row(row)).unlink(missing_ok=True)
            row = control.execute(SQL.destroyed, {"id": part_id}).fetchone()
    if row is None:
        with lake.database.connection() as control:
            control.execute(SQL.drop_destroy, {"id": part_id})
            _refuse_held(control, *_datasets_of(control, part_id))
        raise NotFound("store.not_archived", f"归档 {part_id} 不在，或正被召回")
    return Part.from_row(row)


def _datasets_of(control: Connection[Any], part_id: int) -> list[str]:
    rows = control.execute("SELECT dataset FROM archive_part WHERE id = %s", (part_id,)).fetchall()
    return [row["dataset"] for row in rows]


def held(control: Connection[Any], names: Sequence[str] | None = None) -> list[str]:
    """The datasets that are under a hold, of these or of all."""
    rows = control.execute(SQL.held, {"names": list(names) if names is not None else None})
    return [row["dataset"] for row in rows]


def _refuse_held(control: Connection[Any], *names: str) -> None:
    found = held(control, names)
    if found:
        raise Denied("store.held", f"数据集 {found[0]} 已被冻结，解除之前什么都不动")


def weighed(lake: Lake, *, deep: bool) -> Iterator[tuple[str, Path, bool]]:
    """Dataset and path of every file that must be there, and whether it is as long as written (``deep``: as hashed)."""
    with lake.database.connection() as control:
        rows = control.execute(SQL.parts_weighed).fetchall()
    for row in rows:
        file = lake.settings.archive_folder / row["path"]
        try:
            whole = _sha256(file) == row["sha256"] if deep else file.stat().st_size == row["bytes"]
        except OSError:
            whole = False
        yield row["dataset"], file, whole


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _refuse_damaged(lake: Lake, part: Part) -> None:
    try:
        whole = _sha256(_file(lake, part)) == part.sha256
    except OSError:
        whole = False
    if not whole:
        raise Broken(
            "store.archive_damaged", f"批次 {part.batch_id} 的归档文件 {part.path} 缺失或已损坏：请从备份补回"
        )


def _file(lake: Lake, part: Part) -> Path:
    return lake.settings.archive_folder / part.path
