"""Runs one dlt source and tells its rows as text; started by ``reading.py`` with the Python that has dlt.

It imports nothing of ours, for that Python may know nothing of us.  One line of JSON comes in, what is to be done;
lines of JSON go out: ``tables``, ``columns``, ``rows`` (an object of texts each), ``end`` or ``problem``.  When whoever
started it is gone, so is this.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import datetime as dt
import importlib
import json
import os
import re
import sys
import threading
import time
import urllib.parse
from decimal import Decimal
from typing import Any, TextIO

#: Rows and characters of one line; a field may not be larger than this (giant fields).
ROWS, SIZE, LARGEST = 5_000, 4 << 20, 64 << 20
#: A page is told after so many seconds, however few its rows.
SECONDS = 5.0
#: dlt's types that mean the same everywhere; every other is told as text.
_TYPES = {"bigint": "integer", "bool": "boolean", "date": "date"}


class Exact(float):
    """A JSON number that remembers how it was written; to the source's own code it is a float like any other."""

    written: str

    def __new__(cls, written: str) -> Exact:
        made = super().__new__(cls, written)
        made.written = written
        return made


class Wrong(Exception):
    """What is told as ``problem``: a code, and words for it."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code = code


def main() -> None:
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="surrogatepass")
    os.dup2(2, 1)  # what the source prints is not what we say
    job = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_the_other, daemon=True).start()
    try:
        _run(job, out)
    except Wrong as wrong:
        _say(out, {"problem": wrong.code, "words": wrong.args[0]})
    except BaseException as problem:  # noqa: BLE001  whatever somebody else's code raises is told
        inner = problem.__cause__ or problem.__context__
        words = f"{type(problem).__name__}: {problem}" + (f" ({type(inner).__name__})" if inner else "")
        _say(out, {"problem": "outside.dlt_failed", "words": hidden(words, job.get("secret"))})
    out.flush()
    os._exit(0)  # threads of the source may not hold us


def _end_with_the_other() -> None:
    sys.stdin.read()
    os._exit(1)


def _run(job: dict[str, Any], out: TextIO) -> None:
    try:
        import dlt
    except ImportError:
        raise Wrong("outside.extra_missing", "") from None
    _numbers_as_written()
    sys.path.insert(0, job["folder"])
    resources = _resources(job)
    if job["ask"] == "tables":
        told = [
            {"name": name, "columns": _declared(one), "keys": _keys(one)} for name, one in resources.items()
        ]
        _say(out, {"tables": told})
        return
    if job["table"] not in resources:
        raise Wrong("outside.table_missing", "")
    resource = resources[job["table"]]
    declared = _declared(resource)
    _since(dlt, resource, declared, job.get("since"))
    _say(out, {"columns": declared})
    _tell(resource, job, out)


def _resources(job: dict[str, Any]) -> dict[str, Any]:
    from dlt.extract import DltResource, DltSource
    from dlt.extract.reference import SourceFactory

    made = getattr(importlib.import_module(job["module"]), job["attribute"], None)
    if not isinstance(made, DltResource | DltSource | SourceFactory):
        raise Wrong("outside.dlt_config", "")  # any other function may do anything
    arguments = dict(job["arguments"])
    if job.get("secret_argument"):
        arguments[job["secret_argument"]] = job.get("secret")
    if isinstance(made, SourceFactory) or (isinstance(made, DltResource) and arguments):
        made = made(**arguments)
    if isinstance(made, DltResource):
        return {made.name: made}
    return dict(made.resources.items())


def _declared(resource: Any) -> dict[str, str]:
    """Columns the source itself declares, with the types that are kept."""
    columns = {}
    with contextlib.suppress(Exception):  # what depends on an item is known with the item
        for name, column in resource.compute_table_schema().get("columns", {}).items():
            kind = str(column.get("data_type") or "")
            zoneless = kind == "timestamp" and column.get("timezone") is False
            columns[name] = "timestamp" if zoneless else _TYPES.get(kind, "text")
    return columns


def _keys(resource: Any) -> list[str]:
    keys: list[str] = []
    with contextlib.suppress(Exception):
        columns = resource.compute_table_schema().get("columns", {})
        keys = [name for name, column in columns.items() if column.get("primary_key")]
    return keys


def _since(dlt: Any, resource: Any, declared: dict[str, str], since: dict[str, Any] | None) -> None:
    """Ask only for what is new, where the watermark's type is declared; otherwise everything comes."""
    if not since or since.get("value") is None or since["item"] not in declared:
        return
    kind, value = declared[since["item"]], since["value"]
    start: Any = value
    if kind == "integer":
        start = int(value)
    elif kind == "timestamp":
        start = dt.datetime.fromisoformat(value) - dt.timedelta(seconds=since["lookback"])
    elif kind == "date":
        start = dt.date.fromisoformat(value) - dt.timedelta(days=-(-since["lookback"] // 86_400))
    else:
        return
    resource.apply_hints(
        incremental=dlt.sources.incremental(
            since["item"], initial_value=start, primary_key=(), on_cursor_value_missing="include"
        )
    )


def _tell(resource: Any, job: dict[str, Any], out: TextIO) -> None:
    page: list[str] = []
    size = count = 0
    told_at = time.monotonic()
    for item in resource:
        for row in _rows(item):
            count += 1
            told = json.dumps(_told_row(row, job["nested"] == "flat", count), ensure_ascii=False)
            if len(told) > LARGEST:
                raise Wrong("outside.dlt_too_large", str(count))
            page.append(told)
            size += len(told)
            # A slow interface is heard of as well: silence is taken for death.
            if len(page) >= ROWS or size >= SIZE or time.monotonic() - told_at > SECONDS:
                out.write('{"rows": [' + ",".join(page) + "]}\n")
                out.flush()
                page, size, told_at = [], 0, time.monotonic()
    if page:
        out.write('{"rows": [' + ",".join(page) + "]}\n")
    _say(out, {"end": count})


def _rows(item: Any) -> Any:
    """An item is a row, or a page of rows as one of the frames dlt knows."""
    data = getattr(item, "data", None)
    if type(item).__name__ == "DataItemWithMeta":
        item = data
    if isinstance(item, list | tuple):
        for inner in item:
            yield from _rows(inner)
        return
    kind = f"{type(item).__module__}.{type(item).__name__}"
    if kind.startswith("pandas.") and hasattr(item, "columns"):
        import pyarrow as pa

        item, kind = pa.Table.from_pandas(item, preserve_index=False), "pyarrow."
    if kind.startswith("pyarrow."):
        yield from _arrow_rows(item)
    elif hasattr(item, "model_dump"):
        yield item.model_dump()
    elif dataclasses.is_dataclass(item) and not isinstance(item, type):
        yield dataclasses.asdict(item)
    else:
        yield item


def _arrow_rows(table: Any) -> Any:
    import pyarrow as pa

    names = table.schema.names
    if len(set(names)) < len(names):
        raise Wrong("outside.dlt_shape", "1")
    columns = []
    for field, column in zip(table.schema, table.columns, strict=True):
        fine = pa.types.is_timestamp(field.type) and field.type.unit == "ns"
        columns.append((column.cast(pa.string()) if fine else column).to_pylist())
    for values in zip(*columns, strict=True):
        yield dict(zip(names, values, strict=True))


def _told_row(row: Any, flat: bool, number: int) -> dict[str, str | None]:
    if not isinstance(row, dict):
        raise Wrong("outside.dlt_shape", str(number))
    told: dict[str, str | None] = {}
    for name, value in _fields(row, flat):
        if name in told:
            raise Wrong("outside.dlt_shape", str(number))
        told[name] = text_of(value)
    return told


def _fields(row: dict[Any, Any], flat: bool, before: str = "") -> Any:
    """Nested objects are named as dlt names them, ``outer__inner``; lists stay JSON."""
    for key, value in row.items():
        name = f"{before}{key}"
        if flat and isinstance(value, dict) and value:
            yield from _fields(value, flat, f"{name}__")
        else:
            yield name, value


def text_of(value: Any) -> str | None:
    """The value's own text: a decimal by its digits, a JSON number as it was sent."""
    if value is None or type(value) is str:
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Exact):
        return value.written
    if isinstance(value, float):
        return float.__repr__(value)
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bytes | bytearray | memoryview):
        return "\\x" + bytes(value).hex()
    if isinstance(value, dt.datetime):
        return dt.datetime.isoformat(value, " ")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, dict | list | tuple | set | frozenset):
        return _json(value)
    return str(value)


def _json(value: Any) -> str:
    if isinstance(value, dict):
        inner = (f"{json.dumps(str(key), ensure_ascii=False)}: {_json(one)}" for key, one in value.items())
        return "{" + ", ".join(inner) + "}"
    if isinstance(value, list | tuple | set | frozenset):
        return "[" + ", ".join(map(_json, value)) + "]"
    if value is None:
        return "null"
    if isinstance(value, bool | int | Decimal) or (isinstance(value, float) and value - value == 0):
        return str(text_of(value))
    return json.dumps(text_of(value), ensure_ascii=False)


def _numbers_as_written() -> None:
    """Answers of HTTP interfaces keep the digits of their numbers, although their readers see floats."""
    with contextlib.suppress(ImportError):
        models: Any = importlib.import_module("requests.models")
        theirs = models.complexjson

        class Reader:
            def __getattr__(self, name: str) -> Any:
                return getattr(theirs, name)

            @staticmethod
            def loads(text: Any, **how: Any) -> Any:
                return theirs.loads(text, **{"parse_float": Exact, **how})

        models.complexjson = Reader()


def hidden(words: str, secret: str | None) -> str:
    """Without the secret, in whatever dress it came, and without what addresses carry behind ``?``."""
    for dress in _dresses(secret):
        words = words.replace(dress, "…")
    return " ".join(re.sub(r"\?\S+", "?…", words).split())[:300]


def _dresses(secret: str | None) -> list[str]:
    if not secret:
        return []
    dresses = {
        secret, urllib.parse.quote(secret), urllib.parse.quote(secret, safe=""), urllib.parse.quote_plus(secret),
        base64.b64encode(secret.encode()).decode(), repr(secret)[1:-1], json.dumps(secret)[1:-1],
    }  # fmt: skip
    return sorted(dresses, key=len, reverse=True)


def _say(out: TextIO, told: dict[str, Any]) -> None:
    out.write(json.dumps(told, ensure_ascii=False) + "\n")
    out.flush()


if __name__ == "__main__":
    main()
