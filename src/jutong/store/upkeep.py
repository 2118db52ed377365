"""Upkeep: compaction, expiry, clean-up, and what is wrong with the lake.

Order matters: files are merged, then old snapshots expire (oldest first, their commit ids kept in the control
database), then files no snapshot needs are deleted, and only when older than the longest permitted read.
"""

from __future__ import annotations

import datetime as dt
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from jutong.store import archiving, places
from jutong.store.ageing import History, needless, thinned
from jutong.store.archiving import held
from jutong.store.engines.bucket import is_bucket, listing
from jutong.store.engines.duckdb import EXTENSIONS, extension_file
from jutong.store.keeping import Kept, can_link
from jutong.store.lake import SQL, Lake, roll_back
from jutong.store.spec import DatasetSpec, as_name, fences, is_past, old_version
from jutong.terms import Conflict, DatasetName, JutongError, literal

#: How long a silent follower of a feed holds snapshots back.
FOLLOWER_CAP = dt.timedelta(days=30)
#: Files below this size are worth merging, in bytes.
_SMALL = 32 << 20
_SMALL_FILES = 8
#: So many files with struck-out rows are borne, and one more for so many rows.
_STRUCK_FILES = 24
_ROWS_PER_STRUCK_FILE = 2_000_000
#: Snapshots forgotten in one statement.
_AT_ONCE = 500
#: A table whose files hold this share of deleted rows is rewritten: a merge reads struck-out rows too, and at a
#: quarter it took more than twice its first time.
_DELETED_SHARE = 0.12

#: Asked between two pieces of work whether to go on.
Stop = Callable[[], bool]


def never() -> bool:
    return False


def follow(lake: Lake, follower: str, dataset: DatasetName, snapshot: int) -> None:
    with lake.database.connection() as control:
        control.execute(SQL.follow, {"name": follower, "dataset": str(dataset), "snapshot": snapshot})


def unfollow(lake: Lake, follower: str, dataset: DatasetName | None) -> None:
    with lake.database.connection() as control:
        control.execute(SQL.unfollow, {"name": follower, "dataset": dataset and str(dataset)})


def usage(lake: Lake) -> list[dict[str, object]]:
    """``bytes``: of its files and of its ``sheets``, which lie beside the lake."""
    sheets = places.weighed(lake)
    rows: dict[tuple[str, str], dict[str, object]] = {}
    for row in lake.ask(SQL.lake_usage, small=_SMALL):
        if old_version(row["table"]):
            continue
        name = f"{row['zone']}.{row['table']}"
        rows[row["zone"], row["table"]] = {
            "zone": row["zone"], "dataset": name, "rows": row["rows"], "bytes": row["bytes"] + sheets.get(name, 0),
            "sheets": sheets.get(name, 0), "files": row["files"] + row["delete_files"],
        }  # fmt: skip
    return list(rows.values())


@dataclass(frozen=True)
class Due:
    """A dataset that compaction would help, and why."""

    dataset: DatasetName
    #: Struck-out rows are left behind too; else small files are only put together.
    rewrite: bool
    bytes: int
    reason: str
    #: The files are well as they are; only where their rows lie is to be worked out (``places``).
    places: bool = False


def compaction_due(row: Mapping[str, Any]) -> Due | None:
    """Whether a dataset as ``lake_usage`` tells of it is worth the work.

    Only files without struck-out rows can be put together, and where updates are spread evenly every file soon has
    some; so many of them ask for a rewrite as well.  A larger dataset bears more of them, for its scan is longer.
    """
    name = DatasetName.parse(f"{row['zone']}.{row['table']}")
    share = row["deleted_rows"] / max(1, row["rows"] + row["deleted_rows"])
    if share > _DELETED_SHARE:
        return Due(name, True, row["bytes"], f"{share:.0%} 的行已被更新或删除")
    if row["delete_files"] > _STRUCK_FILES + row["rows"] // _ROWS_PER_STRUCK_FILE:
        return Due(name, True, row["bytes"], f"{row['delete_files']} 个文件含有已失效的行")
    if row["small_files"] > _SMALL_FILES:
        return Due(name, False, row["bytes"], f"{row['small_files']} 个小文件")
    return None


def due(lake: Lake) -> list[Due]:
    """What needs compaction, the smallest first, so that a bounded time helps the most datasets."""
    rows = [row for row in lake.ask(SQL.lake_usage, small=_SMALL) if not old_version(row["table"])]
    found = [each for row in rows if (each := compaction_due(row))]
    large = {
        f"{row['zone']}.{row['table']}": row
        for row in rows
        if row["rows"] >= places.LEAST_ROWS and row["delete_files"]
    }
    others = _specs(lake, sorted(large.keys() - {str(each.dataset) for each in found}))
    found += [
        Due(spec.name, False, large[str(spec.name)]["bytes"], "各主键所在位置未编排", places=True)
        for spec in others
        if places.due(lake, spec)
    ]
    return sorted(found, key=lambda each: each.bytes)


def _specs(lake: Lake, names: Sequence[str]) -> list[DatasetSpec]:
    with lake.database.connection() as control:
        return [
            DatasetSpec.from_row(row) for row in control.execute(SQL.find_datasets, {"names": list(names)})
        ]


def compact(lake: Lake, names: Sequence[str], stop: Stop = never) -> list[str]:
    """Work on the named datasets, or on those that need it; one transaction each, behind the writers' line.

    ``stop`` is asked before each; returns the datasets worked on.
    """
    wanted = [Due(as_name(name), True, 0, "") for name in names] if names else due(lake)
    done = []
    for each in wanted:
        if stop():
            break
        compact_one(lake, each)
        done.append(str(each.dataset))
    return done


def compact_one(lake: Lake, work: Due) -> None:
    name = work.dataset
    where = f"'lake', {literal(name.table)}, schema => {literal(str(name.zone))}"
    calls = [] if work.places else [f"CALL ducklake_merge_adjacent_files({where})"]
    if work.rewrite:
        # At threshold 0 every file with struck-out rows is rewritten, so that all can be put together.
        calls.insert(0, f"CALL ducklake_rewrite_data_files({where}, delete_threshold => 0)")
    if calls:
        with lake.database.connect() as line:
            line.execute(SQL.lock_datasets, {"names": fences([name])})
            for call in calls:
                _patiently(lake, name, call)
    for spec in _specs(lake, [str(name)]):
        places.catch_up(lake, spec, whole=True)


def _patiently(lake: Lake, name: DatasetName, call: str, attempts: int = 5) -> None:
    for attempt in range(attempts):
        try:
            _in_one_commit(lake, name, call)
            return
        except Conflict:
            if attempt + 1 == attempts:
                raise
            time.sleep(0.05 * 2**attempt)


def _in_one_commit(lake: Lake, name: DatasetName, call: str) -> None:
    kept = Kept(lake.folder)
    commit_id = f"compact:{secrets.token_hex(8)}"
    with lake.session() as cursor:
        cursor.execute("BEGIN")
        try:
            cursor.execute(call).fetchall()
            cursor.execute("CALL lake.set_commit_message('store', 'compact', extra_info => ?)", [commit_id])
            with lake.explained():
                kept.keep(lake.folders([str(name)]))
            lake.commit(cursor, commit_id, kept)
        except BaseException:
            roll_back(cursor)
            raise


def expire(lake: Lake, keep_from: int, cap: dt.timedelta) -> int:
    """Returns how many snapshots were forgotten; commit ids are kept first, so a crash in between loses none."""
    floor = _floor(lake, cap)
    return forget(lake, [row["snapshot_id"] for row in _snapshots(lake, min(keep_from, floor))])


def thin(
    lake: Lake, rule: History, now: dt.datetime, cap: dt.timedelta, seen: Sequence[dt.datetime] = ()
) -> int:
    """Forget the snapshots that ``rule`` does not keep, oldest first; returns how many."""
    rows = _snapshots(lake, _floor(lake, cap))
    return forget(
        lake, thinned([(row["snapshot_id"], row["snapshot_time"]) for row in rows], rule, now, seen)
    )


def _floor(lake: Lake, cap: dt.timedelta) -> int:
    """The newest snapshot, or that of the slowest follower who moved within the cap: from here on all stays."""
    newest = int(lake.ask(SQL.lake_snapshot)[0]["snapshot"])
    with lake.database.connection() as control:
        slowest = control.execute(SQL.slowest_follower, {"cap": cap}).fetchone()
    return newest if not slowest or slowest["snapshot"] is None else min(newest, slowest["snapshot"])


def _snapshots(lake: Lake, keep_from: int) -> list[dict[str, Any]]:
    return lake.ask(SQL.lake_snapshots_before, keep_from=keep_from)


def forget(lake: Lake, versions: Sequence[int]) -> int:
    """Forget these snapshots but for those a hold needs; no hold can come while some are being forgotten."""
    forgotten = 0
    for start in range(0, len(versions), _AT_ONCE):
        with lake.database.connection() as control:
            control.execute(SQL.stay_holds)
            some = list(versions[start : start + _AT_ONCE])
            if names := held(control):
                some = needless(
                    some,
                    [row["snapshot_id"] for row in lake.ask(SQL.lake_kept)],
                    [(row["begins"], row["ends"]) for row in lake.ask(SQL.lake_events, names=names)],
                )
            if not some:
                continue
            # The notes must last before the snapshots go, so they are not this transaction's.
            with lake.database.connection() as notes, notes.cursor() as noting:
                noting.executemany(SQL.keep_commits, lake.ask(SQL.lake_commits_of, snapshots=some))
            with lake.session() as session:
                session.execute(
                    f"SELECT count(*) FROM ducklake_expire_snapshots('lake', versions => {some})"
                ).fetchall()
        forgotten += len(some)
    return forgotten


def clean(lake: Lake, grace: dt.timedelta) -> int:
    """Delete what expiry has let go, then files no transaction ever committed; returns how many."""
    gone = clean_let_go(lake, grace)
    forget_places(lake)
    return gone + clean_orphans(lake, grace)


def clean_let_go(lake: Lake, grace: dt.timedelta) -> int:
    """Delete the files expiry has let go, when that was longer ago than ``grace``; returns how many."""
    before = dt.datetime.now(dt.UTC) - grace
    with lake.session() as cursor:
        gone = cursor.execute(
            f"SELECT path FROM ducklake_cleanup_old_files('lake', older_than => {literal(before)})"
        ).fetchall()
    return len(gone)


def forget_places(lake: Lake) -> None:
    """Drop the sheets of files that no longer count."""
    places.prune(lake, (path.stem for path, living in lake.files() if living))


def clean_orphans(lake: Lake, grace: dt.timedelta) -> int:
    """Files of killed transactions: on the disk, older than the grace, unknown to the catalogue.

    The disk is listed before the catalogue is asked, so a file committed in between is known, not orphaned.
    """
    before = dt.datetime.now(dt.UTC) - grace
    if is_bucket(lake.folder):
        with lake.session() as cursor:
            return len(
                cursor.execute(
                    f"SELECT path FROM ducklake_delete_orphaned_files('lake', older_than => {literal(before)})"
                ).fetchall()
            )
    old = [file for file in Path(lake.folder).rglob("*.parquet") if file.stat().st_mtime < before.timestamp()]
    if not old:
        return 0
    known = {path for path, _ in lake.files()}
    orphans = [file for file in old if file not in known]
    for file in orphans:
        file.unlink(missing_ok=True)
    return len(orphans)


def findings(lake: Lake) -> list[str]:
    """What is wrong, in plain sentences."""
    found = [
        f"DuckDB 扩展 {name} 不在安装包里，离线时数据湖会打不开：请安装 duckdb-extension-{name.replace('_', '-')}"
        for name in EXTENSIONS
        if extension_file(name) is None
    ]
    try:
        found += _catalogue_findings(lake)
        with lake.session() as cursor:
            cursor.execute("SELECT id FROM lake.current_snapshot()").fetchone()
    except (JutongError, duckdb.Error) as problem:
        words = problem.sentence if isinstance(problem, JutongError) else str(problem).splitlines()[0]
        found.append(f"数据湖的目录数据库不可用：{words}")
    return found


def _catalogue_findings(lake: Lake) -> list[str]:
    found = []
    inlined = lake.ask(SQL.lake_inlined_tables)[0]["n"]
    if inlined:
        found.append(
            f"数据湖中有 {inlined} 张表的行内联在目录数据库里，文件清单与 Spark 看不到它们：请先导出为文件"
        )
    language = lake.ask(SQL.lake_language)[0]["language"]
    if language not in ("", "C", "C.UTF-8", "POSIX") and not language.startswith("en"):
        found.append(
            f"控制库的消息语言是 {language}：DuckLake 靠英文消息识别提交冲突，请设置 lc_messages = 'C'"
        )
    try:
        if not is_bucket(lake.folder) and not can_link(Path(lake.folder)):
            found.append(f"数据湖所在的文件系统 {lake.folder} 不支持硬链接：提交应答丢失时无法保住文件")
    except OSError as problem:
        found.append(
            f"数据湖所在的磁盘 {lake.folder} 写不进去（{problem.strerror}）：现在只能读，请检查挂载与权限"
        )
    # What is lost of a past version is told by ``repair``; the dataset itself is whole.
    hurt = [one for one in damaged(lake) if not is_past(one.dataset)]
    missing = [one.path for one in hurt if one.missing]
    torn = [one.path for one in hurt if not one.missing]
    if missing:
        found.append(f"数据湖缺少 {len(missing)} 个数据文件，首个是 {missing[0]}：请运行 jutong repair")
    if torn:
        found.append(f"数据湖有 {len(torn)} 个数据文件大小不对，首个是 {torn[0]}：请运行 jutong repair")
    return found


@dataclass(frozen=True)
class Damage:
    """A file that is not there, or not as long as it was written."""

    dataset: str
    path: Path
    missing: bool


def damaged(lake: Lake, *, deep: bool = False) -> list[Damage]:
    """What the disk does not hold as the catalogue says; whether bytes turned only a backup's hashes can tell.

    Files of the archive have their own hashes, compared when ``deep``.
    """
    if is_bucket(lake.folder):
        return _damaged_in_bucket(lake) + _damaged_in_archive(lake, deep)
    found = _damaged_in_archive(lake, deep)
    for dataset, path, size in lake.weighed():
        try:
            there = path.stat().st_size
        except FileNotFoundError:
            found.append(Damage(dataset, path, missing=True))
            continue
        if there != size:
            found.append(Damage(dataset, path, missing=False))
    return found


def _damaged_in_archive(lake: Lake, deep: bool) -> list[Damage]:
    return [
        Damage(dataset, path, missing=not path.exists())
        for dataset, path, whole in archiving.weighed(lake, deep=deep)
        if not whole
    ]


def _damaged_in_bucket(lake: Lake) -> list[Damage]:
    with lake.session() as cursor:
        there = listing(cursor, lake.folder)
    return [
        Damage(".".join(name.split("/")[:2]), Path(name), missing=name not in there)
        for name, size in lake.names()
        if there.get(name) != size
    ]
