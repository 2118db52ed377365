"""代理端: runs inside a department's network, reads its systems and pushes outward, and never listens (UC-GATHER-06).

Everything on its way lies in a spool folder as whole files.  What is read is first spooled, then remembered as read,
then pushed under a key of its own, then struck out: killed between any two steps it goes on without loss, and the
key sees to it that what was pushed twice arrives once.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import http.client
import json
import os
import ssl
import time
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from jutong.outside import Reading, Since, Source, open_source
from jutong.terms import BadInput, Unavailable

#: Bytes in one request: what a cut connection may cost.
_PIECE = 4 << 20
#: Seconds behind a timestamp watermark that are read again for rows committed late.
_LOOKBACK = 300


@dataclass(frozen=True)
class Watched:
    """One table or file of a local source; ``name`` is its table at the city."""

    name: str
    source: str
    locator: Mapping[str, Any]
    mode: str = "full"
    watermark_item: str | None = None
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What ``agent.toml`` says."""

    city: str
    token: str
    state: Path
    #: Local source → (kind, config, secret).
    sources: Mapping[str, tuple[str, Mapping[str, Any], str | None]]
    tables: tuple[Watched, ...]
    certificate: str | None = None


@dataclass
class Told:
    """What one round came to."""

    spooled: list[str] = field(default_factory=list)
    pushed: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def read_plan(file: Path) -> Plan:
    """Raises BadInput ``gather.agent_plan``."""
    try:
        told = tomllib.loads(file.read_text(encoding="utf-8"))
        token = Path(told["token_file"]).read_text(encoding="utf-8").strip()
        sources, tables = {}, []
        for one in told["source"]:
            secret = (
                Path(one["secret_file"]).read_text(encoding="utf-8").strip() if "secret_file" in one else None
            )
            sources[one["name"]] = (one["kind"], one.get("config", {}), secret)
            tables += [
                Watched(
                    each["name"], one["name"], each.get("locator", {}), each.get("mode", "full"),
                    each.get("watermark_item"), tuple(each.get("keys", ())),
                )
                for each in one["table"]
            ]  # fmt: skip
        return Plan(
            str(told["city"]).rstrip("/"),
            token,
            Path(told["state"]),
            sources,
            tuple(tables),
            told.get("certificate"),
        )
    except (OSError, KeyError, TypeError, tomllib.TOMLDecodeError) as problem:
        raise BadInput("gather.agent_plan", f"代理端的配置读不懂：{problem}") from None


def run_once(plan: Plan) -> Told:
    """Push what is spooled, read what is new, push that. Raises Unavailable ``gather.city_unreachable``."""
    told = Told()
    spool = Spool(plan.state)
    _push_all(plan, spool, told)
    for name, (kind, config, secret) in plan.sources.items():
        mine = [table for table in plan.tables if table.source == name]
        with open_source(kind, config, secret) as opened:
            for table in mine:
                _spool(opened, table, spool, told)
    _push_all(plan, spool, told)
    return told


def run_forever(plan: Plan, seconds: float) -> Iterator[Told]:
    """One round after another; a city that is out of reach is waited for, the spool keeps everything."""
    while True:
        try:
            yield run_once(plan)
        except Unavailable:
            yield Told()
        time.sleep(seconds)


class Spool:
    """Whole files waiting to go, in the order they were read, and what has been read so far."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for part in ("spool", "refused"):
            (folder / part).mkdir(mode=0o700, parents=True, exist_ok=True)
        for half in (folder / "spool").glob(".*"):
            half.unlink()  # spooling was cut off; it is read again

    def read_so_far(self, table: str) -> dict[str, Any]:
        """What was spooled last wins over what was remembered: the memory is written after the file."""
        state: dict[str, Any] = {}
        with suppress(FileNotFoundError):
            state = json.loads((self._folder / f"{table}.json").read_text(encoding="utf-8"))
        for meta in self._metas():
            if meta["table"] == table and meta["sequence"] > state.get("sequence", 0):
                state = meta
        return state

    def add(self, table: Watched, file: Path, name: str, so_far: Mapping[str, Any]) -> None:
        """``file`` is moved into the spool with what it stands for beside it, and then remembered."""
        sequence = int(self.read_so_far(table.name).get("sequence", 0)) + 1
        meta = {**so_far, "table": table.name, "source": table.source, "file": name, "sequence": sequence}
        base = f"{time.time_ns():020}-{table.name}-{sequence}"
        payload, words = self._folder / "spool" / f"{base}.data", self._folder / "spool" / f"{base}.json"
        meta["key"] = f"{table.name}-{sequence}-{_digest(file)[:24]}"
        file.rename(payload)
        _write(words, meta)  # from here on it is spooled; a payload without words is read again
        _write(self._folder / f"{table.name}.json", meta)

    def waiting(self) -> list[tuple[Path, dict[str, Any]]]:
        found = [(self._folder / "spool" / f"{meta['base']}.data", meta) for meta in self._metas()]
        known = {path for path, _ in found}
        for stray in (self._folder / "spool").glob("*.data"):
            if stray not in known:
                stray.unlink()
        return found

    def done(self, path: Path) -> None:
        path.with_suffix(".json").unlink(missing_ok=True)
        path.unlink(missing_ok=True)

    def refuse(self, path: Path, meta: Mapping[str, Any], said: str) -> None:
        kept = self._folder / "refused" / f"{path.stem}-{meta['file']}"
        kept.with_name(kept.name + ".说明.txt").write_text(said + "\n", encoding="utf-8")
        path.rename(kept)
        path.with_suffix(".json").unlink(missing_ok=True)

    def half(self) -> Path:
        return self._folder / "spool" / f".{os.getpid()}-{time.time_ns()}"

    def _metas(self) -> Iterator[dict[str, Any]]:
        for words in sorted((self._folder / "spool").glob("*.json")):
            yield {**json.loads(words.read_text(encoding="utf-8")), "base": words.stem}


def _spool(opened: Source, table: Watched, spool: Spool, told: Told) -> None:
    so_far = spool.read_so_far(table.name)
    delivered = opened.file(table.locator)
    if delivered is not None:
        half = spool.half()
        digest = _copied(delivered, half)
        if digest == so_far.get("sha256"):
            half.unlink()
            return
        spool.add(table, half, delivered.name, {"sha256": digest})
        told.spooled.append(table.name)
        return
    since = None
    if table.mode == "incremental" and table.watermark_item:
        since = Since(table.watermark_item, so_far.get("watermark"), table.keys, _LOOKBACK)
    reading = opened.read(table.locator, since=since)
    half = spool.half()
    seen = set(so_far.get("seen", ()))
    rows, recent = _write_new(reading, half, table.watermark_item if since else None, seen)
    if not rows:
        half.unlink(missing_ok=True)
        return
    state = {"watermark": reading.watermark or so_far.get("watermark"), "seen": sorted(recent)}
    spool.add(table, half, f"{table.name}.parquet", state)
    told.spooled.append(table.name)


def _write_new(reading: Reading, file: Path, watermark: str | None, seen: set[str]) -> tuple[int, set[str]]:
    """Rows not sent before, as Parquet; and the fingerprints of those a look-back will read again."""
    rows, recent = 0, set()
    bound = _bound(reading, watermark)
    with parquet.ParquetWriter(file, reading.schema) as writer:
        for batch in reading.batches:
            fresh = batch
            if watermark:
                prints = _prints(batch)
                fresh = batch.filter(pa.array([one not in seen for one in prints]))
                again = _at_or_above(batch, watermark, bound)
                recent |= {one for one, late in zip(prints, again, strict=True) if late}
            if fresh.num_rows:
                writer.write_batch(fresh)
                rows += fresh.num_rows
    with file.open("rb") as written:
        os.fsync(written.fileno())
    return rows, recent


def _bound(reading: Reading, watermark: str | None) -> Any:
    """From where the next reading will begin."""
    if watermark is None or reading.watermark is None:
        return None
    kind = reading.schema.field(watermark).type
    top: Any = pa.scalar(reading.watermark).cast(kind).as_py()
    if isinstance(top, dt.datetime):
        return top - dt.timedelta(seconds=_LOOKBACK)
    return top - dt.timedelta(days=1) if isinstance(top, dt.date) else top


def _at_or_above(batch: pa.RecordBatch, watermark: str, bound: Any) -> list[bool]:
    if bound is None:
        return [True] * batch.num_rows
    column: Any = batch.column(watermark)
    found: list[Any] = pc.fill_null(pc.greater_equal(column, pa.scalar(bound, column.type)), True).to_pylist()
    return found


def _prints(batch: pa.RecordBatch) -> list[str]:
    return [
        hashlib.md5(repr(tuple(row.values())).encode(), usedforsecurity=False).hexdigest()
        for row in batch.to_pylist()
    ]


def _push_all(plan: Plan, spool: Spool, told: Told) -> None:
    for path, meta in spool.waiting():
        status, said = _push(plan, path, meta)
        if status in (200, 201, 202):
            spool.done(path)
            told.pushed.append(meta["table"])
        elif status in (413, 415, 422):
            spool.refuse(path, meta, said[:2000])
            told.refused.append(f"{meta['table']}：{said[:2000]}")
        else:
            raise Unavailable("gather.city_unreachable", f"平台没有收下（{status} {said[:200]}）")


def _push(plan: Plan, path: Path, meta: Mapping[str, Any]) -> tuple[int, str]:
    """One file, in pieces; what is there already is asked for first."""
    size = path.stat().st_size
    base = f"/api/v1/sources/{quote(meta['source'])}/batches"
    begin = f"{base}?table={quote(meta['table'])}&file={quote(meta['file'])}"
    headers = {
        "Idempotency-Key": meta["key"],
        "Content-Type": "application/octet-stream",
        "Upload-Complete": "?0",
    }
    status, answer, said = _ask(plan, "POST", begin, headers, b"")
    if status not in (200, 201, 202):
        return status, said
    where, offset = answer.get("location"), answer.get("upload-offset", "0")
    if where is None or not offset.isdecimal():
        raise _cut_short()
    if answer.get("upload-complete") == "?1":
        return _ended(plan, where)
    place = int(offset)
    with path.open("rb") as opened:
        opened.seek(place)
        while True:
            piece = opened.read(_PIECE)
            last = place + len(piece) >= size
            status, answer, said = _ask(plan, "PATCH", where, {
                "Upload-Offset": str(place), "Content-Type": "application/partial-upload",
                "Upload-Complete": "?1" if last else "?0",
            }, piece)  # fmt: skip
            if status not in (200, 201, 202) or last:
                return status, said
            place += len(piece)


def _cut_short() -> Unavailable:
    """A connection cut within the headers leaves what had arrived of them, and no error."""
    return Unavailable("gather.city_unreachable", "平台的答复不完整，连接在半路断开")


def _ended(plan: Plan, where: str) -> tuple[int, str]:
    """What became of a file that had arrived whole before."""
    status, _, said = _ask(plan, "GET", where, {}, b"")
    try:
        told = json.loads(said) if status == 200 else {}
    except json.JSONDecodeError:
        raise _cut_short() from None
    if told.get("state") == "refused":
        return 422, str((told.get("problem") or {}).get("sentence"))
    return status, said


def _ask(
    plan: Plan, method: str, path: str, headers: Mapping[str, str], body: bytes
) -> tuple[int, dict[str, str], str]:
    """(status, headers in lower case, body). Raises Unavailable ``gather.city_unreachable``."""
    parts = urlsplit(plan.city)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    if parts.scheme == "https":
        context = ssl.create_default_context(cafile=plan.certificate)
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            parts.hostname or "", port, timeout=600, context=context
        )
    else:
        connection = http.client.HTTPConnection(parts.hostname or "", port, timeout=600)
    told = {"Authorization": f"Bearer {plan.token}", "User-Agent": "jutong-agent", **headers}
    try:
        connection.request(method, path, body=body, headers=told)
        answer = connection.getresponse()
        said = answer.read().decode(errors="replace")
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, said
    except (OSError, http.client.HTTPException) as problem:
        raise Unavailable("gather.city_unreachable", f"连不上平台：{problem}") from None
    finally:
        connection.close()


def _copied(delivered: Path, target: Path) -> str:
    """Raises Unavailable ``gather.file_changing`` when somebody is still writing it."""
    before, digest = delivered.stat(), hashlib.sha256()
    with delivered.open("rb") as source, target.open("wb") as copy:
        while piece := source.read(_PIECE):
            digest.update(piece)
            copy.write(piece)
        copy.flush()
        os.fsync(copy.fileno())
    after = delivered.stat()
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        target.unlink()
        raise Unavailable("gather.file_changing", f"{delivered.name} 还在被写入，等它写完再推送")
    return digest.hexdigest()


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _write(file: Path, value: Mapping[str, Any]) -> None:
    """Whole or not at all, and durable."""
    half = file.with_name(f".{file.name}")
    with half.open("w", encoding="utf-8") as opened:
        json.dump(value, opened, ensure_ascii=False, default=str)
        opened.flush()
        os.fsync(opened.fileno())
    half.rename(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
