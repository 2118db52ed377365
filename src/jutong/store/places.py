"""Where the row of each key lies in the data files of a large dataset, and what it says: worked out once, rebuilt at will.

A merge must know which rows of its batch are there already, where, and whether they say the same.  Asking the dataset
itself reads the keys and all compared items of every row, however small the batch.  But a data file never changes: so
beside the lake, in ``DIR/places``, each file of a large dataset has a *sheet*, ordered by the hash of the key, and a
batch is looked up in the sheets.

1. The sheets of all files the transaction sees are there, whole, and together hold as many living rows as the dataset.
   If not, the merge is done without them.
2. The batch's keys, and those that are to go, are looked up; places that are struck out already do not count.
3. Rows whose content is the same are left out; the places of those that differ or go are struck out, exactly as many
   as were found, or the merge fails.
4. What is new or different is inserted.

Sheets are caches: they may be lost or damaged at any time, and no law rests on them.  Keys are told apart by 96 bits
(a mistake once in 10^16 merges of 100 000 into 10 million rows), contents of one key by 64; texts are read twice, since
the hash alone tells texts that differ only in every eighth byte apart by eight bits.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from jutong.store.files import Column, DataFile, Files, files_at
from jutong.store.lake import SQL, Lake
from jutong.store.spec import DatasetSpec, column_type
from jutong.terms import JutongError, NotFound, literal, quote

#: Smaller datasets are read whole as quickly.
LEAST_ROWS = 1_000_000
#: Files without a sheet are read at once when they hold no more than this share of the rows; more waits for upkeep.
_AT_ONCE = 0.05
#: Part of each sheet's name; a change of what is written in sheets changes it.
_EDITION = "3"

Numbers = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Reckoning:
    """How the rows of one dataset are hashed: its key and content columns, told apart by field id and type."""

    columns: tuple[Column, ...]
    keys: tuple[str, ...]
    content: tuple[str, ...]

    @property
    def edition(self) -> str:
        """Sheets of another edition do not count: another DuckDB may hash otherwise, another item makes another content."""
        parts = {column.name: f"{column.field_id}:{column.type}" for column in self.columns}
        said = [
            _EDITION,
            duckdb.__version__,
            *(parts[name] for name in (*self.keys, "", *self.content) if name),
        ]
        return hashlib.sha256("|".join([*said, str(len(self.keys))]).encode()).hexdigest()[:12]

    def hashes(self) -> tuple[str, str, str]:
        """Two independent hashes of the key and one of the content, over a relation with the columns' names."""
        keys = ", ".join(self._twice(name) for name in self.keys)
        texts = ", ".join(f"CAST({self._typed(name)} AS VARCHAR)" for name in self.keys)
        content = ", ".join(self._twice(name) for name in self.content)
        return (
            f"hash({keys})",
            f"hash(concat_ws('|', '~', {texts}))",
            f"hash({content})" if content else "hash(0)",
        )

    def _twice(self, name: str) -> str:
        """A text also moved by half a block: of each eight bytes the last one alone reaches but eight bits of its hash."""
        typed = self._typed(name)
        return f"{typed}, '~~~~' || {typed}" if typed.endswith("VARCHAR)") else typed

    def _typed(self, name: str) -> str:
        kind = next(column.type for column in self.columns if column.name == name)
        return f"CAST({quote(name)} AS {column_type(kind)})"

    def file_sql(self, path: str) -> str:
        """The hashes of a data file's rows in their order; columns are known by field id, whatever they are called there."""
        wanted = {*self.keys, *self.content}
        fields = ", ".join(
            f"{column.field_id}: {{name: {literal(column.name)}, type: {literal(column_type(column.type))}, "
            f"default_value: {'NULL' if column.default is None else literal(column.default)}}}"
            for column in self.columns
            if column.name in wanted
        )
        a, b, d = self.hashes()
        return f"SELECT {a} AS a, {b} AS b, {d} AS d FROM read_parquet({literal(path)}, schema => MAP {{{fields}}})"


def reckoning(spec: DatasetSpec, files: Files) -> Reckoning | None:
    """None when the lake's table is not as the dataset is declared."""
    names = {column.name for column in files.columns}
    content = tuple(item.name for item in spec.content if item.name not in spec.keys)
    if not spec.keys or not {*spec.keys, *content} <= names:
        return None
    return Reckoning(files.columns, spec.keys, content)


@dataclass(frozen=True)
class Sheet:
    """One data file's rows by the hash of their key: ``a`` ascending; ``rest`` holds 32 more bits and the row's place."""

    a: Numbers
    d: Numbers
    rest: Numbers

    def find(self, wanted: Numbers, more: Numbers) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """(number in ``wanted``, number in this sheet) of every pair of equal keys; ``wanted`` ascending."""
        first = np.searchsorted(self.a, wanted, "left")
        there = first < len(self.a)
        there[there] = self.a[first[there]] == wanted[there]
        asked = np.flatnonzero(there)
        begins = first[asked]
        counts = np.searchsorted(self.a, wanted[asked], "right") - begins
        asked = np.repeat(asked, counts)
        offsets = np.arange(len(asked)) - np.repeat(np.cumsum(counts) - counts, counts)
        found = np.repeat(begins, counts) + offsets
        same = (self.rest[found] >> np.uint64(32)) == (more[asked] & np.uint64(0xFFFFFFFF))
        return asked[same], found[same]

    def places(self, numbers: npt.NDArray[np.intp]) -> Numbers:
        return self.rest[numbers] & np.uint64(0xFFFFFFFF)


@dataclass(frozen=True)
class Found:
    """What a batch meets in a dataset."""

    #: Rows of the batch, and how many of them have their key in the dataset.
    rows: int
    known: int
    #: ``file, place`` of the rows that now say something else, and of the ``deleted`` that are to go.
    struck: pa.Table
    deleted: int
    #: ``a, b``: the keys of the batch's rows that are there as they are.
    same: pa.Table
    hashes: tuple[str, str, str]


def find(
    lake: Lake,
    cursor: duckdb.DuckDBPyConnection,
    spec: DatasetSpec,
    source: str,
    names: Sequence[str],
    gone: str | None,
    rows: int,
) -> Found | None:
    """Look up the rows of ``source`` and the keys of ``gone``, as the cursor's transaction sees the dataset of ``rows`` rows.

    None: do without.  Every column must be offered: a row that is struck out and inserted keeps none of its old values.
    """
    row = cursor.execute("SELECT id FROM lake.current_snapshot()").fetchone()
    files = files_at(lake, spec.name, int(row[0]) if row else 0)
    told = reckoning(spec, files)
    if told is None or {column.name for column in files.columns} != set(names):
        return None
    try:
        # Apart from the transaction, which an error would end.
        with lake.session() as apart:
            sheets = _sheets(lake, apart, files, told, rows * _AT_ONCE)
            struck = _struck(apart, files) if sheets else {}
    except (JutongError, duckdb.Error, OSError):
        return None
    if not sheets or sum(len(one.a) for one in sheets) - sum(len(one) for one in struck.values()) != rows:
        return None
    a, b, d = told.hashes()
    given = cursor.execute(f"SELECT {a} AS a, {b} AS b, {d} AS d FROM {source}").fetchnumpy()
    going = None
    if gone:
        going = cursor.execute(f"SELECT DISTINCT {a} AS a, {b} AS b FROM {gone} ORDER BY 1").fetchnumpy()
    return _met(files, sheets, struck, given, going, told.hashes())


def _met(
    files: Files,
    sheets: Sequence[Sheet],
    struck: dict[int, Numbers],
    given: dict[str, Any],
    going: dict[str, Any] | None,
    hashes: tuple[str, str, str],
) -> Found:
    order = np.argsort(given["a"])
    a, b, d = (np.asarray(given[name])[order] for name in ("a", "b", "d"))
    known = np.zeros(len(a), dtype=bool)
    same = np.zeros(len(a), dtype=bool)
    of_file: list[Any] = []
    at: list[Numbers] = []
    deleted = 0
    for number, (file, sheet) in enumerate(zip(files.data, sheets, strict=True)):
        out = struck.get(number)
        asked, found = _living(sheet, a, b, out)
        alike = sheet.d[found] == d[asked]
        known[asked] = True
        same[asked[alike]] = True
        at.append(sheet.places(found[~alike]))
        if going is not None:
            _, found = _living(sheet, np.asarray(going["a"]), np.asarray(going["b"]), out)
            at.append(sheet.places(found))
            deleted += len(found)
        of_file.append(pa.repeat(file.path, sum(map(len, at)) - sum(map(len, of_file))))
    places = np.concatenate(at).astype(np.int64)
    table = pa.table({"file": pa.chunked_array(of_file, pa.string()), "place": places})
    return Found(len(a), int(known.sum()), table, deleted, pa.table({"a": a[same], "b": b[same]}), hashes)


def _living(
    sheet: Sheet, a: Numbers, b: Numbers, struck: Numbers | None
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    asked, found = sheet.find(a, b)
    if struck is None:
        return asked, found
    places = sheet.places(found)
    # np.isin sorts both: half a second where this takes a millisecond.
    next_struck = np.minimum(np.searchsorted(struck, places), len(struck) - 1)
    living = struck[next_struck] != places
    return asked[living], found[living]


def _struck(cursor: duckdb.DuckDBPyConnection, files: Files) -> dict[int, Numbers]:
    """Number of the data file → the places in it that are struck out, ascending."""
    parts = [
        f"SELECT {number} AS file, pos FROM read_parquet({literal(file.delete_path)})"
        for number, file in enumerate(files.data)
        if file.delete_path
    ]
    if not parts:
        return {}
    told = cursor.execute(" UNION ALL ".join(parts)).fetchnumpy()
    owners, places = np.asarray(told["file"]), np.asarray(told["pos"]).astype(np.uint64)
    return {int(number): np.sort(places[owners == number]) for number in np.unique(owners)}


def _sheets(
    lake: Lake, cursor: duckdb.DuckDBPyConnection, files: Files, told: Reckoning, most: float
) -> list[Sheet] | None:
    """The sheets of all files in their order, those of ``most`` rows made on the way.  None: of more they are missing."""
    there = {file.path: _read(lake, _path(lake, files, told, file)) for file in files.data}
    missing = [file for file in files.data if there[file.path] is None]
    if sum(file.rows for file in missing) > most:
        return None
    for file in missing:
        there[file.path] = _make(lake, cursor, files, told, file)
    paths = {_path(lake, files, told, file) for file in files.data}
    for path in list(lake.sheets):
        if path.parent == _folder(lake, files) and path not in paths:
            lake.sheets.pop(path, None)  # of a file another process has compacted or purged
    sheets = [sheet for file in files.data if (sheet := there[file.path]) is not None]
    return sheets if len(sheets) == len(files.data) else None


def catch_up(lake: Lake, spec: DatasetSpec, *, whole: bool = False) -> None:
    """Make the sheets that are missing, if they are few (``whole``: all, and those of files that are gone are dropped).

    Done after a commit; what fails is left for the next time.
    """
    try:
        files = files_at(lake, spec.name, int(lake.ask(SQL.lake_snapshot)[0]["snapshot"]))
        told = reckoning(spec, files)
        rows = sum(file.rows for file in files.data)
        if told is None or rows < LEAST_ROWS:
            return
        with lake.session() as cursor:
            _sheets(lake, cursor, files, told, rows if whole else rows * _AT_ONCE)
        if whole:
            _drop_others(lake, _folder(lake, files), {_path(lake, files, told, file) for file in files.data})
    except (JutongError, duckdb.Error, OSError):
        return


def due(lake: Lake, spec: DatasetSpec) -> bool:
    """Whether a large dataset that is merged into has more rows without sheets than a merge would read by itself."""
    try:
        files = files_at(lake, spec.name, int(lake.ask(SQL.lake_snapshot)[0]["snapshot"]))
    except NotFound:
        return False
    told = reckoning(spec, files)
    rows = sum(file.rows for file in files.data)
    if told is None or rows < LEAST_ROWS or not any(file.delete_path for file in files.data):
        return False
    missing = sum(file.rows for file in files.data if not _path(lake, files, told, file).exists())
    return missing > rows * _AT_ONCE


def prune(lake: Lake, living: Iterable[str]) -> int:
    """Drop the sheets of files that are not among the ``living`` (names without their ending); returns how many."""
    names = set(living)
    sheets = list((lake.settings.home / "places").glob("*/*.sheet*"))
    gone = [sheet for sheet in sheets if sheet.name.split(".")[0] not in names]
    for sheet in gone:
        _drop(lake, sheet)
    return len(gone)


def weighed(lake: Lake) -> dict[str, int]:
    """Dataset → bytes of its sheets."""
    found: dict[str, int] = defaultdict(int)
    for sheet in (lake.settings.home / "places").glob("*/*.sheet"):
        with suppress(FileNotFoundError):  # gone with its file while we looked
            found[sheet.parent.name] += sheet.stat().st_size
    return dict(found)


def distrust(lake: Lake, spec: DatasetSpec) -> None:
    """Drop all sheets of a dataset: what they said was not so."""
    _drop_others(lake, lake.settings.home / "places" / str(spec.name), set())


def _folder(lake: Lake, files: Files) -> Path:
    return lake.settings.home / "places" / str(files.dataset)


def _path(lake: Lake, files: Files, told: Reckoning, file: DataFile) -> Path:
    return _folder(lake, files) / f"{Path(file.path).stem}.{told.edition}.sheet"


def _drop_others(lake: Lake, folder: Path, kept: set[Path]) -> None:
    for sheet in folder.glob("*.sheet*"):
        if sheet not in kept:
            _drop(lake, sheet)


def _drop(lake: Lake, path: Path) -> None:
    lake.sheets.pop(path, None)
    path.unlink(missing_ok=True)


def _read(lake: Lake, path: Path) -> Sheet | None:
    """A sheet that is there and whole: its last word is the seal of all others."""
    known: Sheet | None = lake.sheets.get(path)
    if known is not None:
        return known
    try:
        words = np.memmap(path, np.uint64, mode="r")
    except OSError:
        return None
    except ValueError:
        _drop(lake, path)
        return None
    rows, left = divmod(len(words), 3)
    sheet = Sheet(words[:rows], words[rows : 2 * rows], words[2 * rows : 3 * rows])
    if left != 1 or _sealed([sheet.a, sheet.d, sheet.rest]) != int(words[-1]):
        _drop(lake, path)
        return None
    lake.sheets[path] = sheet
    return sheet


def _make(
    lake: Lake, cursor: duckdb.DuckDBPyConnection, files: Files, told: Reckoning, file: DataFile
) -> Sheet | None:
    given = cursor.execute(told.file_sql(file.path)).fetchnumpy()
    a, b, d = (np.asarray(given[name]) for name in ("a", "b", "d"))
    if len(a) != file.rows:
        return None
    order = np.argsort(a)
    rest = (b[order] << np.uint64(32)) | order.astype(np.uint64)
    path = _path(lake, files, told, file)
    _write(path, [a[order], d[order], rest])
    return _read(lake, path)


def _sealed(columns: Sequence[Numbers]) -> int:
    """A sum in which each column weighs otherwise, and nothing is not zero: a file of zeros, as a disk that lost its
    blocks gives it, would say that no key is there, and every row of a batch be put in once more."""
    weighed = sum(
        weight * int(column.sum(dtype=np.uint64)) for weight, column in zip((1, 3, 5), columns, strict=True)
    )
    return (weighed + 0x9E3779B97F4A7C15 * (len(columns[0]) + 1)) & 0xFFFFFFFFFFFFFFFF


def _write(path: Path, columns: Sequence[Numbers]) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    half = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        with half.open("wb") as stream:
            os.fchmod(stream.fileno(), 0o600)
            for column in columns:
                stream.write(np.ascontiguousarray(column).data)
            stream.write(_sealed(columns).to_bytes(8, sys.byteorder))
            stream.flush()
            os.fsync(stream.fileno())
        half.replace(path)
    except BaseException:
        half.unlink(missing_ok=True)
        raise
