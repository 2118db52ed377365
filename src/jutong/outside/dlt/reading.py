"""Reading a dlt source: all its rows come before the first is passed on, so that its columns are known, not guessed.

The source runs in a process of its own (``child.py``), which knows no more of us than its arguments: an environment
without our variables, a folder of its own that goes when it is done.  Its rows are kept in a file until they are read.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Self

import pyarrow as pa
import pyarrow.compute as pc

from jutong.outside.dlt.allowed import PYTHON, allowed_source
from jutong.outside.reading import Found, Reading, Since, Widened, schema_of
from jutong.terms import Address, BadInput, Item, JutongError, Unavailable

#: Seconds without a word from the source after which it is left.
PATIENCE = 600.0
#: Characters of one line of the child: a page, and one row as large as any may be.
LONGEST = (72 << 20) * 4
_CHILD = Path(__file__).with_name("child.py")


class DltSource:
    """``config``: ``source`` (``module:attribute`` of the administrator's folder), ``arguments``, ``patience``
    (seconds).  A ``locator``: ``table`` (the resource), ``columns`` (names; without them, those of all rows),
    ``nested`` (``flat`` names inner fields ``outer__inner``, ``json`` keeps them as JSON).

    Columns keep the type the source itself declares where that means the same everywhere; all others are text.
    """

    def __init__(self, config: Mapping[str, Any], secret: str | None = None) -> None:
        self._allowed = allowed_source(config)
        self._patience = min(3600.0, max(1.0, float(config.get("patience", PATIENCE))))
        self._secret = secret
        self._name = str(config.get("source"))
        self._kept: dict[str, tuple[IO[bytes], dict[str, str]]] = {}
        self._where = Address(file=self._name)

    def find(self) -> list[Found]:
        found = []
        for told in self._child({"ask": "tables"}, self._where):
            for table in told["tables"]:
                columns = tuple(Item(name, name, kind) for name, kind in table["columns"].items())
                found.append(Found({"table": table["name"]}, table["name"], columns, tuple(table["keys"])))
        return found

    def file(self, locator: Mapping[str, Any]) -> Path | None:  # noqa: ARG002  a table is no file
        return None

    def read(
        self,
        locator: Mapping[str, Any],
        *,
        since: Since | None = None,
        file: Path | None = None,  # noqa: ARG002  every kind is asked alike
        text: frozenset[str] = frozenset(),
    ) -> Reading:
        """Raises BadInput ``outside.table_missing``, ``outside.watermark_missing`` and what ``_child`` raises."""
        address = Address(file=self._name, sheet=str(locator.get("table", "")))
        rows, types = self._rows(locator, since, address)
        columns = tuple(Item(name, name, "text" if name in text else kind) for name, kind in types.items())
        if not columns:
            raise BadInput("outside.dlt_shape", "没有任何记录，也没有登记列名", address)
        if since is not None and since.item not in types:
            raise BadInput("outside.watermark_missing", f"记录里没有增量字段「{since.item}」", address)
        reading = Reading(columns, iter(()))
        reading.batches = _batches(rows, columns, reading, since, address)
        return reading

    def close(self) -> None:
        for rows, _ in self._kept.values():
            rows.close()
        self._kept.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()

    def _rows(
        self, locator: Mapping[str, Any], since: Since | None, address: Address
    ) -> tuple[IO[bytes], dict[str, str]]:
        """The rows as lines of JSON, and the columns; what was once read is not asked for again."""
        nested = str(locator.get("nested", "flat"))
        if nested not in ("flat", "json"):
            raise BadInput("outside.dlt_config", "nested 只能是 flat 或 json", address)
        job: dict[str, Any] = {"ask": "rows", "table": address.sheet, "nested": nested, "since": None}
        if since is not None and since.value is not None:
            job["since"] = {"item": since.item, "value": since.value, "lookback": since.lookback}
        registered = [str(name) for name in locator.get("columns") or ()]
        place = json.dumps([job, registered], ensure_ascii=False, sort_keys=True)
        if place not in self._kept:
            kept = tempfile.TemporaryFile()  # noqa: SIM115  closed with the source
            try:
                self._kept[place] = (kept, self._received(job, registered, kept, address))
            except BaseException:
                kept.close()
                raise
        return self._kept[place]

    def _received(
        self, job: dict[str, Any], registered: list[str], kept: IO[bytes], address: Address
    ) -> dict[str, str]:
        declared: dict[str, str] = {}
        met: dict[str, None] = {}
        number = 0
        for told in self._child(job, address):
            declared |= told.get("columns", {})
            for row in told.get("rows", ()):
                number += 1
                met.update(dict.fromkeys(row))
                if registered and not set(registered).issuperset(row):
                    extra = "、".join(f"「{name}」" for name in row if name not in registered)
                    raise BadInput(
                        "outside.dlt_shape", f"记录里有没登记的字段 {extra}，请在列名里登记",
                        Address(address.file, address.sheet, number),
                    )  # fmt: skip
                kept.write(json.dumps(row, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n")
        names = registered or [*declared, *(name for name in met if name not in declared)]
        return {name: declared.get(name, "text") for name in names}

    def _child(self, job: Mapping[str, Any], address: Address) -> Iterator[dict[str, Any]]:
        """What the child says, until its end.

        Raises BadInput ``outside.dlt_failed``, ``outside.dlt_too_slow``, ``outside.dlt_too_large``, Unavailable
        ``outside.dlt_unreachable``.
        """
        allowed = self._allowed
        whole = {
            **job, "folder": str(allowed.folder), "module": allowed.module, "attribute": allowed.attribute,
            "arguments": dict(allowed.arguments), "secret": self._secret,
            "secret_argument": allowed.secret if self._secret is not None else "",
        }  # fmt: skip
        home = tempfile.mkdtemp(prefix="jutong-dlt-")
        try:
            with _started(home) as child:
                try:
                    assert child.stdin is not None
                    with contextlib.suppress(BrokenPipeError):
                        child.stdin.write(json.dumps(whole).encode() + b"\n")
                        child.stdin.flush()
                    yield from self._heard(child, address)
                finally:
                    with contextlib.suppress(ProcessLookupError):  # with whatever it started itself
                        os.killpg(child.pid, signal.SIGKILL)
        finally:
            shutil.rmtree(home, ignore_errors=True)

    def _heard(self, child: subprocess.Popen[bytes], address: Address) -> Iterator[dict[str, Any]]:
        for line in _lines(child, self._patience, address):
            told = json.loads(line)
            if "problem" in told:
                raise self._problem(told, address)
            yield told
            if "end" in told or "tables" in told:
                return  # its own children may hold the pipe open
        # It said nothing of its end: whatever came is not all.
        raise Unavailable("outside.dlt_unreachable", "dlt 数据源的进程中途没有了", address)

    def _problem(self, told: Mapping[str, str], address: Address) -> JutongError:
        words = str(told.get("words", ""))
        problems = {
            "outside.extra_missing": BadInput(
                "outside.extra_missing", "这种数据源要另装：pip install 'jutong[dlt]'", address
            ),
            "outside.dlt_config": BadInput(
                "outside.dlt_config", f"「{self._name}」不是 dlt 的数据源或资源，不能使用", address
            ),
            "outside.table_missing": BadInput(
                "outside.table_missing", f"dlt 数据源里没有资源「{address.sheet}」", address
            ),
            "outside.dlt_too_large": BadInput(
                "outside.dlt_too_large", f"第 {words} 行超过 64 MB，不收", address
            ),
            "outside.dlt_shape": BadInput(
                "outside.dlt_shape", f"第 {words} 行不是一条记录，或展开后有重名的字段", address
            ),
        }
        failed = BadInput("outside.dlt_failed", f"dlt 数据源没有读完：{words}", address)
        return problems.get(told["problem"], failed)


def _started(home: str) -> subprocess.Popen[bytes]:
    """The child in an environment of its own: dlt looks for its settings there, and our secrets are not in it."""
    environment = {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LANG": "C.UTF-8", "TZ": "Asia/Shanghai", "HOME": home,
        "DLT_DATA_DIR": home, "DLT_PROJECT_DIR": home, "DLT_CONFIG_FOLDER": home, "TMPDIR": home,
        "RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "CRITICAL",
    }  # fmt: skip
    python = os.environ.get(PYTHON) or sys.executable
    try:
        return subprocess.Popen(
            [python, "-I", "-X", "utf8", str(_CHILD)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, env=environment, cwd=home, start_new_session=True,
        )  # fmt: skip
    except OSError:
        raise BadInput("outside.extra_missing", f"{PYTHON} 指的 Python 启动不了") from None


def _lines(child: subprocess.Popen[bytes], patience: float, address: Address) -> Iterator[bytes]:
    assert child.stdout is not None
    waiting = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        heard = time.monotonic()
        while True:
            if not selector.select(max(0.0, heard + patience - time.monotonic())):
                raise BadInput("outside.dlt_too_slow", f"dlt 数据源 {patience:g} 秒没有给出任何记录", address)
            block = os.read(child.stdout.fileno(), 1 << 20)
            if not block:
                return
            seen = len(waiting)
            waiting += block
            if waiting.find(b"\n", seen) >= 0:
                heard = time.monotonic()
                *lines, rest = bytes(waiting).split(b"\n")
                waiting = bytearray(rest)
                yield from lines
            elif len(waiting) > LONGEST:
                raise BadInput("outside.dlt_too_large", "dlt 数据源给出的一页过大，不收", address)


def _batches(
    rows: IO[bytes], columns: tuple[Item, ...], reading: Reading, since: Since | None, address: Address
) -> Iterator[pa.RecordBatch]:
    if since is not None:
        reading.watermark = since.value
    rows.seek(0)
    while lines := rows.readlines(4 << 20):
        page = [json.loads(line) for line in lines]
        schema = schema_of(columns)
        arrays = [_array([row.get(field.name) for row in page], field, address) for field in schema]
        if since is not None:
            values = [value for row in page if (value := row.get(since.item)) is not None]
            kind = next(column.type for column in columns if column.name == since.item)
            reading.watermark = _later([*values, *([reading.watermark] if reading.watermark else [])], kind)
        yield pa.record_batch(arrays, schema=schema)


def _array(values: list[str | None], field: pa.Field[Any], address: Address) -> pa.Array[Any]:
    """Raises Widened for a value that is not of the type its source declared."""
    texts: pa.Array[Any] = pa.array(values, pa.string())
    if pa.types.is_string(field.type):
        return texts
    try:
        return pc.cast(texts, field.type)
    except pa.ArrowInvalid:
        raise Widened(field.name, Address(address.file, address.sheet, None, field.name)) from None


def _later(values: list[str], kind: str) -> str | None:
    """The highest watermark: whole numbers by their worth, anything else as text."""
    if kind == "integer" or all(value.isascii() and value.isdigit() for value in values):
        return max(values, key=int, default=None)
    return max(values, default=None)
