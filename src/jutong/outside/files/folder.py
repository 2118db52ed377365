"""A folder of files of any format as a source: what is dropped, uploaded, pushed or fetched."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import pyarrow as pa

from jutong.outside.csv.folder import read_text
from jutong.outside.excel.folder import SUFFIXES, read_workbook
from jutong.outside.files.archive import unpack
from jutong.outside.files.dbf import companion_encoding, read_dbf
from jutong.outside.files.jsons import read_json
from jutong.outside.files.kinds import kind_of
from jutong.outside.files.parquet import read_parquet
from jutong.outside.files.xml import read_xml
from jutong.outside.reading import Found, Reading, Since, file_in
from jutong.terms import Address, BadInput

_READERS: dict[str, Callable[[Path, str, Mapping[str, Any]], Reading]] = {
    "text": read_text,
    "excel": read_workbook,
    "dbf": read_dbf,
    "json": read_json,
    "xml": read_xml,
    "parquet": read_parquet,
}
_DATA = (
    ".csv", ".tsv", ".txt", ".dbf", ".json", ".ndjson", ".jsonl", ".xml", ".parquet", ".zip", ".gz", ".tgz", *SUFFIXES,
)  # fmt: skip


class FileFolder:
    """``config``: ``folder`` and what is declared of its files; a ``locator``: ``file`` and what differs.

    A locator may name its own ``folder``: what arrives by upload or push lies in one of its own.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = config
        self._folder = str(config.get("folder", ""))
        if self._folder and not Path(self._folder).is_dir():
            raise BadInput("outside.folder_missing", "数据源登记的目录不存在", Address(file=self._folder))

    def find(self) -> list[Found]:
        if not self._folder:
            return []
        found = []
        for path in sorted(Path(self._folder).rglob("*")):
            if path.suffix.lower() not in _DATA or path.name.startswith(("~$", ".")) or not path.is_file():
                continue
            locator = {"file": str(path.relative_to(self._folder))}
            try:
                columns = self.read(locator, file=path).columns
            except BadInput:  # found all the same; reading it says what is wrong
                columns = ()
            found.append(Found(locator, path.stem, columns))
        return found

    def file(self, locator: Mapping[str, Any]) -> Path:
        return file_in(str(locator.get("folder") or self._folder), locator)

    def read(
        self,
        locator: Mapping[str, Any],
        *,
        since: Since | None = None,  # noqa: ARG002  every kind is asked alike
        file: Path | None = None,
    ) -> Reading:
        """``since`` is ignored: a file is a delivery of its own, taken whole."""
        declared = {**self._config, **locator}
        if file is not None and "encoding" not in declared:
            declared |= self._beside(locator)
        return read_file(file or self.file(locator), str(locator["file"]), declared)

    def _beside(self, locator: Mapping[str, Any]) -> dict[str, str]:
        """What stands beside a delivered DBF, of which a kept copy is read."""
        name, folder = str(locator["file"]), str(locator.get("folder") or self._folder)
        if Path(name).suffix.lower() != ".dbf" or not folder:
            return {}
        encoding = companion_encoding(Path(folder) / name, name)
        return {"encoding": encoding} if encoding else {}

    def close(self) -> None:
        """Nothing is held open between readings."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()


def read_file(path: Path, name: str, declared: Mapping[str, Any]) -> Reading:
    """A file of any format as rows; ``declared`` are the properties that need not be found.

    Raises BadInput with the format's own codes and addresses, at once or while the batches are consumed.
    """
    kind = kind_of(path, name)
    if kind not in ("zip", "gzip"):
        reading = _READERS[kind](path, name, declared)
        reading.manner = {"format": kind, **reading.manner}
        return reading
    folder = Path(tempfile.mkdtemp(prefix="jutong-unpacked-"))
    try:
        member = unpack(path, name, kind, folder, declared.get("member"))
        inner = kind_of(folder / "member", member)
        if inner in ("zip", "gzip"):
            raise BadInput(
                "outside.archive_nested",
                "压缩文件里还是压缩文件，请只压一层",
                Address(file=f"{name}!{member}"),
            )
        reading = _READERS[inner](folder / "member", f"{name}!{member}", declared)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    reading.manner = {"format": inner, "member": member, **reading.manner}
    reading.batches = _Unpacked(reading.batches, folder)
    return reading


class _Unpacked:
    """Batches of an unpacked member, whose copy goes when they are read or forgotten."""

    def __init__(self, batches: Iterator[pa.RecordBatch], folder: Path) -> None:
        self._batches = batches
        self._gone = weakref.finalize(self, shutil.rmtree, folder, True)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> pa.RecordBatch:
        try:
            return next(self._batches)
        except BaseException:
            self._gone()
            raise
