"""Purging: rows that must be gone for a lawful reason leave the lake, its history, the archive and their files.

A row is found by what it says, in whatever table, version or file it lies: ``Sought`` is turned into one SQL condition
over the columns that are there, and the same condition is put to tables and to the Parquet files themselves.  So what
was struck out long ago, or only an expired snapshot's file still holds, is found as well.

Nothing here asks who may; ``flows.purging`` does, and keeps the order.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import re
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from jutong.store import upkeep
from jutong.store.ageing import needless
from jutong.store.archiving import Part, held
from jutong.store.engines.bucket import is_bucket, listing
from jutong.store.lake import SQL, Lake, below, table_folder
from jutong.store.spec import old_version
from jutong.store.writing import Writer
from jutong.terms import DatasetName, Denied, literal, quote

#: The platform's own evidence, dense by its index; subjects stand there as keyed hashes only.
_EXCEPT = frozenset({"topic.exchange"})
#: What cannot be mistaken for part of another text.
SHORTEST = 8
_ROUNDS = 4
#: How long ago what a purge hastens was let go, as the catalogue is told.
_HASTENED = dt.timedelta(days=3650)
#: What clerks put between the characters of a number.
_BETWEEN = r"\s\x{3000}\x{00a0}\x{200b}\x{feff}\x{ff0d}'\"`‘’“”—–-"


@dataclass(frozen=True)
class Sought:
    """What is to be gone.

    ``words``: every row in which one of them stands, whatever the blanks, hyphens, case and width it is written with.
    ``dataset`` and ``keys``: the rows of ``standard.<table>`` with these key items, as text, and the raw rows they were
    made of: ``cleaned`` says key item → SQL over ``{}``, the raw column, that gives the same text.
    ``places``: raw rows already known, as (table, batch, row).
    """

    words: tuple[str, ...] = ()
    dataset: str = ""
    keys: Mapping[str, str] = field(default_factory=dict)
    cleaned: Mapping[str, str] = field(default_factory=dict)
    places: tuple[tuple[str, str, int], ...] = ()

    @property
    def table(self) -> str:
        return self.dataset.partition(".")[2]


def condition(sought: Sought, dataset: str, columns: Sequence[str]) -> str | None:
    """SQL that is true of the rows to go, over a relation with these columns; None where there can be none."""
    if dataset in _EXCEPT:
        return None
    zone, _, table = dataset.partition(".")
    past = old_version(table)
    table = past[0] if past else table
    parts = [*_by_word(sought, columns), *_by_place(sought, zone, table, columns)]
    if sought.keys:
        parts += _by_key(sought, zone, table, set(columns))
    return " OR ".join(f"({part})" for part in parts) or None


def _by_word(sought: Sought, columns: Sequence[str]) -> Iterator[str]:
    if not sought.words:
        return
    texts = ", ".join(f"CAST({quote(name)} AS VARCHAR)" for name in columns)
    for word in sought.words:
        yield f"regexp_matches(concat_ws('|', {texts}), {literal(_however_written(word))})"


def _however_written(word: str) -> str:
    """A pattern of the word in either case and width, with blanks, hyphens and quotes anywhere between.

    Folding the text and looking for the word took eight times as long; ``fold`` says which texts are the same.
    """
    return f"[{_BETWEEN}]*".join(_either(each) for each in fold(word))


def _either(each: str) -> str:
    forms = {
        each,
        each.lower(),
        *(chr(ord(one) + 0xFEE0) for one in (each, each.lower()) if "!" <= one <= "~"),
    }
    return "(?:" + "|".join(re.escape(one) for one in sorted(forms)) + ")"


_FOLDED: dict[int, int | None] = {
    **{code + 0xFEE0: code for code in range(0x21, 0x7F)},
    **dict.fromkeys(map(ord, " \t\n\r\f\v\u3000\u00a0\u200b\ufeff'\"`‘’“”—–-")),
    0xFF0D: None,  # the full-width hyphen
}


def fold(text: str) -> str:
    """Full-width characters to ASCII, no blanks, hyphens and quotes, upper case."""
    return text.translate(_FOLDED).upper()


def _by_place(sought: Sought, zone: str, table: str, columns: Sequence[str]) -> Iterator[str]:
    there = set(columns)
    if zone in ("raw", "standard") and {"_batch", "_row"} <= there:
        pair, places = "_batch, _row", [place[1:] for place in sought.places if place[0] == table]
        if places:
            yield f"({pair}) IN ({_pairs(places)})"
        return
    number = next((name for name in ("row_no", "_row") if name in there), None)
    batch = next((name for name in ("batch", "_batch") if name in there), None)
    if number and batch and "dataset" in there:
        by_table: dict[str, list[tuple[str, int]]] = defaultdict(list)
        for name, one, row in sought.places:
            by_table[name].append((one, row))
        for name, places in by_table.items():
            yield f"dataset = {literal(f'standard.{name}')} AND ({batch}, {number}) IN ({_pairs(places)})"


def _pairs(places: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"({literal(batch)}, {row})" for batch, row in places)


def _by_key(sought: Sought, zone: str, table: str, there: set[str]) -> Iterator[str]:
    if table == sought.table and set(sought.keys) <= there:
        if zone == "standard":
            yield " AND ".join(
                f"CAST({quote(name)} AS VARCHAR) = {literal(value)}" for name, value in sought.keys.items()
            )
        if zone == "raw":
            yield " AND ".join(f"({_as_given(sought, name, value)})" for name, value in sought.keys.items())
    key = next((name for name in ("source_key", "key") if name in there), None)
    if key and "dataset" in there:
        yield f"dataset = {literal(sought.dataset)} AND {key} = {literal('|'.join(sought.keys.values()))}"


def _as_given(sought: Sought, name: str, value: str) -> str:
    """The raw text as it stands, or as it is once cleaned."""
    given = f"CAST({quote(name)} AS VARCHAR)"
    cleaned = sought.cleaned.get(name, "{}").replace("{}", given)
    return f"trim({given}) = {literal(value)} OR coalesce({cleaned} = {literal(value)}, false)"


@dataclass(frozen=True)
class Struck:
    """Rows of one dataset, and of one batch where they are raw ones."""

    dataset: str
    batch: str
    rows: int


#: Told inside the transaction that names an archive file written anew: the part as it was, and the rows that went.
Note = Callable[[Any, Part, int], None]


def look(lake: Lake, sought: Sought) -> tuple[list[Struck], set[tuple[str, str, int]]]:
    """What is there today, in the lake and the archive, and the places of the raw rows."""
    found: list[Struck] = []
    places: set[tuple[str, str, int]] = set()
    with lake.session() as cursor:
        for dataset, relation, columns in [*_tables(lake), *_parts(lake)]:
            where = condition(sought, dataset, columns)
            if where is None:
                continue
            zone, _, table = dataset.partition(".")
            table = _present(table)
            batch = "_batch" if "_batch" in columns else "''"
            rows = cursor.execute(
                f"SELECT coalesce({batch}, ''), count(*) FROM {relation} WHERE {where} GROUP BY 1"
            ).fetchall()
            found += [Struck(dataset, one if zone == "raw" else "", count) for one, count in rows]
            if rows and zone in ("raw", "standard") and {"_batch", "_row"} <= set(columns):
                given = cursor.execute(
                    f"SELECT DISTINCT _batch, _row FROM {relation} WHERE ({where}) AND _batch IS NOT NULL AND _row IS NOT NULL"
                ).fetchall()
                places |= {(table, one, int(row)) for one, row in given}
    return found, places


def _present(table: str) -> str:
    past = old_version(table)
    return past[0] if past else table


def _tables(lake: Lake) -> list[tuple[str, str, list[str]]]:
    """Dataset, SQL name and columns of every living table, past versions too."""
    return [
        (f"{row['zone']}.{row['table']}", f"lake.{quote(row['zone'])}.{quote(row['table'])}", row["columns"])
        for row in lake.ask(SQL.lake_living)
    ]


def _parts(lake: Lake) -> list[tuple[str, str, list[str]]]:
    """The same of every file of the archive whose rows are nowhere else."""
    with lake.database.connection() as control:
        rows = control.execute(SQL.parts_kept).fetchall()
    folder = lake.settings.archive_folder
    return [
        (row["dataset"], f"read_parquet({literal(str(folder / row['path']))})", list(row["columns"]))
        for row in rows
        if row["recalled_snapshot"] is None and (folder / row["path"]).exists()
    ]


def strike(writer: Writer, sought: Sought, names: Sequence[str], lake: Lake) -> list[Struck]:
    """Delete the rows from these datasets and their past versions, inside a lake transaction that holds their fences."""
    struck = []
    for dataset, relation, columns in _tables(lake):
        zone, _, table = dataset.partition(".")
        where = condition(sought, dataset, columns)
        if where is None or f"{zone}.{_present(table)}" not in names:
            continue
        batch = "coalesce(_batch, '')" if zone == "raw" and "_batch" in columns else "''"
        rows = writer.run(f"SELECT {batch}, count(*) FROM {relation} WHERE {where} GROUP BY 1").fetchall()
        if rows:
            writer.run(f"DELETE FROM {relation} WHERE {where}")
            # Rows of a past version are the living ones as they once were: counted once.
            struck += [Struck(dataset, one, count) for one, count in rows if not old_version(table)]
    return struck


def strike_archive(lake: Lake, sought: Sought, note: Note) -> int:
    """Every file of the archive that holds such rows is written again without them; returns how many were.

    ``note`` is told inside the transaction that names the new file: the part as it was, and the rows that went.
    """
    done = 0
    with lake.database.connection() as control:
        parts = [Part.from_row(row) for row in control.execute(SQL.parts_kept)]
    for part in parts:
        where = condition(sought, part.dataset, part.columns)
        old = lake.settings.archive_folder / part.path
        if where is not None and old.exists():
            done += _write_again(lake, part, where, old, note)
    return done


def _write_again(lake: Lake, part: Part, where: str, old: Path, note: Note) -> int:
    source = f"read_parquet({literal(str(old))})"
    new = old.with_name(f"{old.stem.rpartition('-')[0]}-{secrets.token_hex(4)}.parquet")
    with lake.session() as cursor:
        row = cursor.execute(f"SELECT count(*) FROM {source} WHERE {where}").fetchone()
        went = int(row[0]) if row else 0
        if not went:
            return 0
        cursor.execute(
            f"COPY (SELECT * FROM {source} WHERE ({where}) IS NOT TRUE) TO {literal(str(new))} (FORMAT parquet, COMPRESSION zstd)"
        )
    with new.open("rb") as stream:
        os.fsync(stream.fileno())
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    facts = {
        "id": part.id, "was": part.path, "path": f"{part.dataset}/{new.name}", "rows": part.rows - went,
        "bytes": new.stat().st_size, "sha256": digest,
    }  # fmt: skip
    with lake.database.connection() as control:
        if control.execute(SQL.part_written_again, facts).fetchone() is None:
            new.unlink()  # it moved meanwhile; the next look finds where to
            return 0
        note(control, part, went)
    old.unlink(missing_ok=True)
    return 1


def files_with(lake: Lake, sought: Sought) -> set[str]:
    """The lake's Parquet files, by path below its folder, in which such a row stands: living, past or forgotten."""
    owners: dict[str, set[str]] = defaultdict(set)
    for row in lake.ask(SQL.lake_folders_ever):
        owners[str(table_folder(Path(), row))].add(f"{row['zone']}.{row['table']}")
    found: set[str] = set()
    with lake.session() as cursor:
        by_folder: dict[str, list[str]] = defaultdict(list)
        for name in _on_disk(lake, cursor):
            if not name.startswith(".keep/") and not name.endswith("-delete.parquet"):
                by_folder[str(Path(name).parent)].append(name)
        for folder, names in by_folder.items():
            if not folder.startswith("fence/"):
                found |= _files_with(
                    lake, cursor, sought, owners[folder] or {folder.replace("/", ".")}, names
                )
    return found


def _on_disk(lake: Lake, cursor: duckdb.DuckDBPyConnection) -> list[str]:
    if is_bucket(lake.folder):
        return list(listing(cursor, lake.folder))
    root = Path(lake.folder)
    return [str(file.relative_to(root)) for file in root.rglob("*.parquet")]


def _files_with(
    lake: Lake, cursor: duckdb.DuckDBPyConnection, sought: Sought, datasets: set[str], names: Sequence[str]
) -> set[str]:
    start = lake.folder.rstrip("/") + "/"
    listed = ", ".join(literal(start + name) for name in names)
    relation = f"read_parquet([{listed}], union_by_name => true, filename => '_of_file')"
    columns = [
        row[0]
        for row in cursor.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
        if row[0] != "_of_file" and not row[0].startswith("_ducklake")
    ]
    wheres = {where for one in datasets if (where := condition(sought, one, columns))}
    if not wheres:
        return set()
    rows = cursor.execute(
        f"SELECT DISTINCT _of_file FROM {relation} WHERE {' OR '.join(f'({where})' for where in sorted(wheres))}"
    ).fetchall()
    return {row[0][len(start) :] for row in rows}


def rewrite(lake: Lake, sought: Sought) -> set[str]:
    """Write every table anew whose living files still hold struck rows; returns the past files that hold some."""
    for _ in range(_ROUNDS):
        holding = files_with(lake, sought)
        tables = {row["dataset"] for row in _spans(lake) if row["name"] in holding and row["end"] is None}
        if not tables:
            break
        for table in sorted(tables):
            upkeep.compact_one(lake, upkeep.Due(DatasetName.parse(table), True, 0, ""))
    return holding


def _spans(lake: Lake) -> list[dict[str, Any]]:
    """Every data file the catalogue knows: its name below the lake's folder, its dataset, from when to when it counts."""
    return [
        {"name": str(below(table_folder(Path(), row), row["path"], row["path_is_relative"])),
         "dataset": row["dataset"], "begin": row["begin_snapshot"], "end": row["end_snapshot"]}
        for row in lake.ask(SQL.lake_file_spans)
    ]  # fmt: skip


def forget(lake: Lake, holding: set[str]) -> int:
    """Expire every snapshot that needs one of these files, whoever still follows from it; returns how many.

    Raises Denied ``store.held`` when a hold keeps one of them.
    """
    spans = [
        (row["begin"], row["end"])
        for row in _spans(lake)
        if row["name"] in holding and row["end"] is not None
    ]
    kept = [row["snapshot_id"] for row in lake.ask(SQL.lake_kept)]
    wanted = [one for one in kept if any(begin <= one < end for begin, end in spans)]
    refuse_held(lake, wanted, kept)
    return upkeep.forget(lake, wanted) if wanted else 0


def refuse_held(lake: Lake, wanted: Sequence[int], kept: Sequence[int]) -> None:
    """Raises Denied ``store.held`` when the past of a held dataset lies in these snapshots."""
    with lake.database.connection() as control:
        names = held(control)
    if not names or not wanted:
        return
    events = [(row["begins"], row["ends"]) for row in lake.ask(SQL.lake_events, names=names)]
    if len(needless(wanted, kept, events)) < len(wanted):
        raise Denied("store.held", f"要忘掉的历史里有被冻结的数据集 {names[0]} 的过去，解除冻结之前不能清除")


def remove(lake: Lake, sought: Sought, holding: set[str], patience: dt.timedelta) -> tuple[list[str], int]:
    """Delete those of these files that no snapshot needs; the names of those that went, and how many must wait.

    A file the catalogue has never known may be a transaction's under way: it waits for ``patience``.
    """
    lake.settle()
    upkeep.forget_places(lake)
    before = (dt.datetime.now(dt.UTC) - patience).timestamp()
    astray = _remove_stray(lake, sought, before)
    if is_bucket(lake.folder):
        # What holds such rows goes before its grace is over, the rest of what expiry let go waits for its own; a
        # transaction's files under way wait here, too.
        lake.ask(SQL.lake_hasten, paths=sorted(holding))
        upkeep.clean_let_go(lake, _HASTENED)
        upkeep.clean_orphans(lake, patience)
        left = files_with(lake, sought)
        return sorted(holding - left), len(left) + astray
    scheduled = {row["path"] for row in lake.ask(SQL.lake_scheduled_files)}
    known = {row["name"] for row in _spans(lake)}
    gone = []
    for name in sorted(holding - known):
        file = Path(lake.folder, name)
        if name in scheduled or not file.exists() or file.stat().st_mtime <= before:
            file.unlink(missing_ok=True)
            gone.append(name)
    lake.ask(SQL.lake_unschedule, paths=gone)
    return gone, len(files_with(lake, sought)) + astray


def _remove_stray(lake: Lake, sought: Sought, before: float) -> int:
    """Archive files with such rows that a killed process wrote and nobody knows; how many are too young to tell."""
    folder = lake.settings.archive_folder
    files = sorted(folder.rglob("*.parquet"))
    with lake.database.connection() as control:
        known = {folder / row["path"] for row in control.execute(SQL.part_paths)}
    left = 0
    with lake.session() as cursor:
        for file in files:
            if file in known:
                continue
            if file.stat().st_mtime <= before:
                file.unlink()
            else:
                relation = f"read_parquet({literal(str(file))})"
                columns = [row[0] for row in cursor.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()]
                where = condition(sought, file.parent.name, columns) or "false"
                left += (
                    cursor.execute(f"SELECT 1 FROM {relation} WHERE {where} LIMIT 1").fetchone() is not None
                )
    return left


def blur(lake: Lake, sought: Sought) -> int:
    """Least and greatest values of tables that say what was sought are forgotten; a scan then reads a file more."""
    words = [fold(word) for word in sought.words]
    keys = set(sought.keys.values())
    done = 0
    for row in lake.ask(SQL.lake_table_stats):
        said = [text for text in (row["min_value"], row["max_value"]) if text]
        if any(word in fold(text) for word in words for text in said) or keys & set(said):
            lake.ask(SQL.lake_blur, table_id=row["table_id"], column_id=row["column_id"])
            done += 1
    return done


@dataclass(frozen=True)
class Purging:
    """The steps above on one lake, for ``Store.purge``."""

    lake: Lake

    def look(self, sought: Sought) -> tuple[list[Struck], set[tuple[str, str, int]]]:
        return look(self.lake, sought)

    def strike(self, writer: Writer, sought: Sought, names: Sequence[str]) -> list[Struck]:
        return strike(writer, sought, names, self.lake)

    def strike_archive(self, sought: Sought, note: Note) -> int:
        return strike_archive(self.lake, sought, note)

    def rewrite(self, sought: Sought) -> set[str]:
        return rewrite(self.lake, sought)

    def forget(self, holding: set[str]) -> int:
        return forget(self.lake, holding)

    def remove(self, sought: Sought, holding: set[str], patience: dt.timedelta) -> tuple[list[str], int]:
        return remove(self.lake, sought, holding, patience)

    def blur(self, sought: Sought) -> int:
        return blur(self.lake, sought)

    def files_with(self, sought: Sought) -> set[str]:
        return files_with(self.lake, sought)
