"""代理: a provider's live interface asked for a caller; what it says is typed, narrowed and masked like any row.

Everything here runs in a thread of the interface's own (``live``), never in the worker's loop.  Values become
cells by the same SQL that cleans a batch (elements) and that masks a delivery (share): one definition for every way.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import quote as percent

import duckdb
import pyarrow as pa

from jutong.elements import cast_to, element_of, try_out
from jutong.gate.rights import Entitled, Served
from jutong.gate.shape import Cell, plain_column
from jutong.outside import Digits, HttpCaller
from jutong.share import LiveInterface, filter_sql
from jutong.terms import BadInput, JutongError, Unavailable, quote

#: Bytes and records of one answer at most.
LARGEST, MOST_RECORDS = 1 << 20, 1_000
#: Statuses by which a provider says that it is not well, not that the question is wrong.
_UNWELL = frozenset({408, 425, 429, 500, 502, 503, 504})


class Misanswered(JutongError):
    """The provider answered what cannot be passed on: its side, not the caller's."""

    status = 502
    temporary = True


Record = Mapping[str, str | None]
"""Item → its text as the provider gave it."""


@dataclass(frozen=True)
class Question:
    """What a provider is asked: address and parameters, equal for equal questions."""

    url: str
    parameters: tuple[tuple[str, str], ...]


def question_of(interface: LiveInterface, where: Mapping[str, object]) -> Question:
    """The caller's values, cleaned and checked by their elements, as the provider's parameters.

    Raises BadInput ``gate.bad_query`` with the element's own sentence.
    """
    way, typed, values = interface.way, {item.name: item for item in interface.items}, {}
    for name in interface.keys:
        element = element_of(typed[name].element, typed[name].type)
        tried = try_out(element, str(where[name]))
        wrong = [problem.sentence for problem in tried.problems if problem.severity == "reject"]
        if tried.cleaned is None or tried.value is None or wrong:
            told = wrong[0] if wrong else f"不是 {typed[name].type}"
            raise BadInput("gate.bad_query", f"「{name}」：{told}")
        values[name] = tried.cleaned
    url = way.url
    for name in way.in_path:
        if values[name] in (".", ".."):
            raise BadInput("gate.bad_query", f"「{name}」的值不能用在地址里")
        url = url.replace(f"{{{name}}}", percent(values[name], safe=""))
    asked = {
        way.parameters.get(name, name): value for name, value in values.items() if name not in way.in_path
    }
    return Question(url, tuple(sorted({**way.constants, **asked}.items())))


def fetch(interface: LiveInterface, secret: str | None, question: Question) -> tuple[list[Record], int]:
    """The provider's records, and for how many seconds it allows them to be used again.

    Raises Unavailable ``gate.provider_away``, Misanswered ``gate.provider_refused``, ``gate.provider_answer``.
    """
    way = interface.way
    caller = HttpCaller(
        way.auth, secret, way.headers, timeout=way.timeout, largest=LARGEST, slowest=way.timeout
    )
    try:
        status, headers, body = caller.once(question.url, dict(question.parameters))
    except Unavailable as problem:
        raise Unavailable("gate.provider_away", f"提供方的接口连接不上（{interface.label}）") from problem
    except BadInput as problem:
        if problem.code == "outside.http_too_slow":
            raise Unavailable("gate.provider_away", f"提供方的接口太慢（{interface.label}）") from problem
        raise Misanswered("gate.provider_answer", f"提供方的接口不能用：{problem.sentence}") from problem
    if status in way.absent:
        return [], 0
    if status in _UNWELL:
        raise Unavailable("gate.provider_away", f"提供方的接口答不上来（{interface.label}，{status}）")
    if status != 200:
        raise Misanswered("gate.provider_refused", f"提供方的接口拒绝了请求（{interface.label}，{status}）")
    try:
        told = json.loads(body, parse_float=Digits, parse_int=Digits)
    except (ValueError, RecursionError) as problem:
        raise _strange("不是 JSON") from problem
    return records_of(interface, told), _reusable(way.max_age, headers.get("cache-control", ""))


def records_of(interface: LiveInterface, told: Any) -> list[Record]:
    """The answer as records of texts.  Raises Misanswered ``gate.provider_answer``."""
    way = interface.way
    found = _at(told, way.records)
    if found is None:
        return []
    given = found if isinstance(found, list) else [found]
    if len(given) > MOST_RECORDS:
        raise _strange(f"超过 {MOST_RECORDS} 条记录")
    if not all(isinstance(one, dict) for one in given):
        raise _strange("登记的位置上不是记录")
    return [
        {item.name: _text(_at(one, way.mapping.get(item.name, item.name))) for item in interface.items}
        for one in given
    ]


def narrowed(
    interface: LiveInterface,
    service: Served,
    entitled: Entitled,
    names: Sequence[str],
    where: Mapping[str, object],
    records: Sequence[Record],
) -> list[tuple[Cell, ...]]:
    """The granted items of the granted records, masked, then the subjects' plain values; as a replica has them.

    Raises Misanswered ``gate.provider_answer`` for a value that is none of its type, and for a record that is of
    another key than was asked: it would be somebody else's.
    """
    if not records:
        return []
    given = pa.table(
        {item.name: pa.array([one[item.name] for one in records], pa.string()) for item in interface.items}
    )
    cleaned, typed = [], []
    for item in interface.items:
        element, text = element_of(item.element, item.type), quote(f"{item.name}#")
        cleaned.append(f"{element.clean(quote(item.name))} AS {text}")
        typed.append(f"{cast_to(element, text, item.type)} AS {quote(item.name)}, {text}")
    every = {item.name: item for item in service.columns}
    keys = [item for item in interface.items if item.name in interface.keys]
    condition, values = filter_sql(entitled.bound.outgoing.row_filter, every)
    leaving = [entitled.columns[name].sql for name in names]
    leaving += [plain_column(every[name]).sql for name in entitled.subjects]
    engine = _engine().cursor()
    try:
        engine.register("told", given)
        engine.execute(
            f"CREATE TEMP TABLE typed AS SELECT {', '.join(typed)} FROM (SELECT {', '.join(cleaned)} FROM told)"
        )
        for item in interface.items:
            name, text = quote(item.name), quote(f"{item.name}#")
            if engine.execute(
                f"SELECT 1 FROM typed WHERE {text} IS NOT NULL AND {name} IS NULL LIMIT 1"
            ).fetchone():
                raise _strange(f"「{item.label or item.name}」有值不是 {item.type}")
        for item in keys:
            wanted = try_out(element_of(item.element, item.type), str(where[item.name])).value
            if engine.execute(
                f"SELECT 1 FROM typed WHERE {quote(item.name)} <> ? LIMIT 1", [wanted]
            ).fetchone():
                raise _strange(f"答的不是所问的「{item.label or item.name}」")
        return engine.execute(f"SELECT {', '.join(leaving)} FROM typed WHERE {condition}", values).fetchall()
    finally:
        engine.close()


def _reusable(allowed: int, cache_control: str) -> int:
    """Seconds: what was agreed with the provider, or less where this answer says so (RFC 9111)."""
    said = [one.strip().lower().partition("=") for one in cache_control.split(",") if one.strip()]
    names = {name for name, _, _ in said}
    if names & {"no-store", "no-cache", "private"}:
        return 0
    ages = [int(age) for name, _, age in said if name == "max-age" and age.isdigit()]
    return min([allowed, *ages])


def _at(told: Any, way: str) -> Any:
    for step in filter(None, way.split(".")):
        if not isinstance(told, dict):
            return None
        told = told.get(step)
    return told


def _text(value: Any) -> str | None:
    """Numbers are the digits they were sent with; what is nested is no value."""
    if value is None or isinstance(value, str):
        return None if value is None else str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    raise _strange("登记的位置上是嵌套的内容，不是一个值")


def _strange(sentence: str) -> Misanswered:
    return Misanswered("gate.provider_answer", f"提供方接口的应答无法使用：{sentence}")


@cache
def _engine() -> duckdb.DuckDBPyConnection:
    """Without files, network or settings of its own: it holds nothing but the record in hand."""
    return duckdb.connect(
        ":memory:", config={"enable_external_access": "false", "threads": "1", "memory_limit": "256MB"}
    )
