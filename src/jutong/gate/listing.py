"""列表: every granted row page by page, and afterwards only what has changed since.

    GET /v1/{service}?limit=500&after=…         {"rows": […], "next": "…" | null, "since": "…"}
    GET /v1/{service}?since=…                   {"rows": […], "deleted": [{key}], "since": "…", "more": false}

Pages go by the business key, so a cursor outlives a rebuilt replica; the key must be granted as it is, for the
cursor and a deletion name it.  Keep the ``since`` of the first page, take everything, then ask with it; each answer
brings the next one.  A row that leaves the granted range is told as deleted, one that was never in it is not told.
``since`` is good for one generation of the replica and one ground: with another, list anew (``gate.changes_gone``).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import orjson

from jutong.gate.shape import Cell, cell
from jutong.terms import BadInput, Denied, JutongError, Unavailable, quote

if TYPE_CHECKING:
    from jutong.gate.answering import Ready
    from jutong.gate.asking import Asked
    from jutong.gate.rights import Served

#: Where a row stands: (lake snapshot it came or went with, place among them); those that went stand first.
Place = tuple[int, int]
#: Behind every row of a snapshot, and before: numbers of rows that went are told less this.
_END = 10**15
_SINCE = re.compile(r"([0-9a-f-]{1,40})\.([0-9a-f]{12})\.(\d{1,18})\.(-?\d{1,16})")
_AFTER = re.compile(r"[A-Za-z0-9_-]{1,2048}")


class Gone(JutongError):
    """What was asked for could be told once, no more."""

    status = 410


class Listed(NamedTuple):
    #: What the body holds.
    told: Mapping[str, object]
    #: Items, subjects and row number of every record named, deleted ones too: what the evidence is made of.
    named: list[tuple[Cell, ...]]


def narrowed(asked: Asked, service: Served) -> list[tuple[str, Cell]]:
    """The items a call narrows by, with their values.  Raises BadInput ``gate.bad_query``."""
    strange = [name for name in asked.where if name not in service.keys]
    if strange or (asked.since and (asked.where or asked.after)):
        raise BadInput(
            "gate.bad_query",
            f"列表可按 {'、'.join(service.keys)} 筛选，不能按 {'、'.join(strange) or '筛选项取变更（since）'}",
        )
    values = []
    for name, given in asked.where.items():
        try:
            values.append((name, cell(given, service.types[name])))
        except ValueError as problem:
            raise BadInput("gate.bad_query", f"「{name}」的值不是 {service.types[name]}") from problem
    return values


def check_ground(ready: Ready, service: Served, names: Mapping[str, object], *, signed: bool) -> None:
    """The key and whatever narrows must leave as they are: else paging would tell what the mask hides.

    Raises Denied ``share.key_not_granted``, ``share.item_not_granted``, ``gate.signature_required``, Unavailable
    ``gate.replica_behind``.
    """
    columns = ready.entitled.columns
    masked = [name for name in service.dataset_keys if name not in columns or columns[name].name != name]
    if masked:
        raise Denied("share.key_not_granted", f"列表按主键翻页，授权须含不脱敏的 {'、'.join(masked)}")
    outside = [name for name in names if name not in columns or columns[name].name != name]
    if outside:
        raise Denied("share.item_not_granted", f"信息项 {'、'.join(outside)} 未授权或已脱敏，不能用来筛选")
    withheld = [name for name in (*service.dataset_keys, *names) if name in ready.entitled.signed_only]
    if withheld and not signed:
        raise Denied("gate.signature_required", f"信息项 {'、'.join(withheld)} 为三级以上，须用签名请求")
    if "_s" not in ready.held.columns:
        raise Unavailable("gate.replica_behind", f"服务 {service.name} 的副本正在准备，请稍后再试")


def page(ready: Ready, service: Served, asked: Asked, values: list[tuple[str, Cell]]) -> Listed:
    """One page of all granted rows in the order of the business key."""
    keys = service.dataset_keys
    where = [*ready.entitled.where, *(f"{quote(name)} = ?" for name, _ in values)]
    given: list[Cell] = [*ready.entitled.values, *(value for _, value in values)]
    if asked.after:
        where.append(f"({_columns(keys)}) > ({', '.join('?' for _ in keys)})")
        given += _read_after(asked.after, service)
    sql = (
        f"SELECT {_columns(_told(ready))}, _n, {_columns(keys)} FROM data"
        f" WHERE {' AND '.join(where) or '1'} ORDER BY {_columns(keys)} LIMIT {ready.limit + 1}"
    )
    rows = ready.held.rows(sql, given)
    following = None
    if len(rows) > ready.limit:
        rows = rows[: ready.limit]
        following = _write(rows[-1][-len(keys) :])
    named = [row[: -len(keys)] for row in rows]
    since = _token(ready, (ready.held.snapshot, _END))
    return Listed({"rows": named, "next": following, "since": since}, named)


def changes(ready: Ready, service: Served, since: str) -> Listed:
    """What came, changed or went since; what went before what came, a page at most.

    Raises Gone ``gate.changes_gone``, BadInput ``gate.bad_cursor``.
    """
    place = _read_since(since, ready)
    keys, told = service.dataset_keys, _told(ready)
    where = "".join(f" AND {one}" for one in ready.entitled.where)
    given = ready.entitled.values
    limit = f"LIMIT {ready.limit + 1}"
    came = ready.held.rows(
        f"SELECT {_columns(told)}, _n, {_columns(keys)}, _s, _n FROM data"
        f" WHERE (_s, _n) > (?, ?){where} ORDER BY _s, _n {limit}",
        [place[0], max(place[1], -1), *given],
    )
    went = ready.held.rows(
        f"SELECT {_columns(told)}, _g, {_columns(keys)}, _s, _g - {_END} FROM gone"
        f" WHERE (_s, _g) > (?, ?){where} ORDER BY _s, _g {limit}",
        [place[0], place[1] + _END, *given],
    )
    width = len(keys) + 2
    found = sorted([*came, *went], key=lambda row: row[-2:])
    more = len(found) > ready.limit
    found = found[: ready.limit]
    reached = (int(str(found[-1][-2])), int(str(found[-1][-1]))) if more else (ready.held.snapshot, _END)
    rows = [row[:-width] for row in found if int(str(row[-1])) >= 0]
    deleted = [dict(zip(keys, row[-width:-2], strict=True)) for row in found if int(str(row[-1])) < 0]
    body = {"rows": rows, "deleted": deleted, "since": _token(ready, reached), "more": more}
    return Listed(body, [row[:-width] for row in found])


def _told(ready: Ready) -> tuple[str, ...]:
    return (*(ready.entitled.columns[name].name for name in ready.names), *ready.entitled.subjects)


def _columns(names: tuple[str, ...]) -> str:
    return ", ".join(map(quote, names))


def _ground(ready: Ready) -> str:
    """Whoever changes over to another grant, or asks for other items, begins anew."""
    entitled = ready.entitled
    said = [entitled.bound.grant_id, ready.names, entitled.where, entitled.values]
    return hashlib.sha256(orjson.dumps(said)).hexdigest()[:12]


def _token(ready: Ready, place: Place) -> str:
    return f"{ready.held.generation}.{_ground(ready)}.{place[0]}.{place[1]}"


def _read_since(since: str, ready: Ready) -> Place:
    found = _SINCE.fullmatch(since)
    if found is None:
        raise BadInput("gate.bad_cursor", "since 无法读懂，请用上一次应答给的")
    place = int(found[3]), int(found[4])
    if (found[1], found[2]) != (ready.held.generation, _ground(ready)) or place < (
        ready.held.kept_from,
        _END,
    ):
        raise Gone("gate.changes_gone", "这以来的变更已无法说全，请重新从第一页列出")
    return place


def _write(keys: tuple[Cell, ...]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(keys)).decode().rstrip("=")


def _read_after(after: str, service: Served) -> list[Cell]:
    """The key of the last row already seen; whatever it says, only granted rows lie behind it."""
    try:
        if not _AFTER.fullmatch(after):
            raise ValueError("not in the alphabet")
        read = orjson.loads(base64.urlsafe_b64decode(after + "=" * (-len(after) % 4)))
        if not isinstance(read, list) or len(read) != len(service.dataset_keys):
            raise ValueError("not a key")
        return [
            cell(value, service.types[key]) for value, key in zip(read, service.dataset_keys, strict=True)
        ]
    except (ValueError, binascii.Error) as problem:
        raise BadInput("gate.bad_cursor", "after 无法读懂，请用上一页应答的 next") from problem
