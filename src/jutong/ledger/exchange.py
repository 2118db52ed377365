"""One fact of the ledger: who got what, on what ground, and whether they got it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any, NamedTuple, Self

import orjson

from jutong.terms import BadInput

#: A log entry stands behind a 16-bit length (C2SP tlog-tiles, entry bundles).
LONGEST_ENTRY = 65_535
_EVENT = re.compile(r"[a-z]+(:[a-z_]+){2}")


@dataclass(frozen=True, slots=True)
class Exchange:
    """交换记录.  Personal values never stand here in the clear: subjects are keyed hashes.

    The fields are a compatibility law: never renamed, never re-used; new ones go last with a default.
    """

    #: ``source:subject:action``, e.g. share:service:answer, share:service:refuse, share:delivery:chunk.
    event: str
    at: dt.datetime
    #: The consuming department's code.
    consumer: str = ""
    application: str = ""
    #: The department whose data it is.
    provider: str = ""
    #: The catalogue entry's code.
    entry: str = ""
    #: ``zone.table``
    dataset: str = ""
    #: Name of the service, delivery or extract.
    resource: str = ""
    grant: str = ""
    purpose: str = ""
    items: tuple[str, ...] = ()
    #: 条: rows that left.
    rows: int = 0
    #: answered · refused · failed
    outcome: str = ""
    #: Why refused: the problem document's code.
    code: str = ""
    request_id: str = ""
    #: Hash of what left: SHA-256 of the answer's body, or a chunk's content hash.
    content: str = ""
    #: Who it was about: keyed 8-byte hashes, or the digest of those kept in ``exchange_subjects``.
    subjects: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)

    def entry_bytes(self, stream: str, sequence: int) -> bytes:
        """The log entry: one JSON object that begins with its place in its stream.

        Raises BadInput ``ledger.too_long``; nothing is ever cut to fit.
        """
        return _placed(stream, sequence, orjson.dumps(self)[1:])

    @classmethod
    def from_entry(cls, entry: bytes) -> Self:
        """The fact of a log entry; fields a later version added are left aside."""
        given = orjson.loads(entry)
        values = {one.name: given[one.name] for one in fields(cls) if one.name in given}
        values["at"] = dt.datetime.fromisoformat(values["at"])
        values["items"] = tuple(values.get("items", ()))
        return cls(**values)


class Record(NamedTuple):
    """An exchange already written down, but for its place in a stream."""

    request_id: str
    #: The JSON object without its opening brace.
    text: bytes

    def entry_bytes(self, stream: str, sequence: int) -> bytes:
        """As ``Exchange.entry_bytes``."""
        return _placed(stream, sequence, self.text)


class Form:
    """An exchange but for what differs from call to call; filling it in costs a tenth of writing one anew.

    ``Form(exchange).filled(…)`` is byte for byte what the exchange with those values would be.
    """

    def __init__(self, exchange: Exchange) -> None:
        fixed = {one.name: getattr(checked(exchange), one.name) for one in fields(exchange)}
        names = list(fixed)

        def run(first: str, last: str) -> bytes:
            wanted = names[names.index(first) : names.index(last) + 1]
            return orjson.dumps({name: fixed[name] for name in wanted})[1:-1]

        self._event = run("event", "event") + b',"at":"'
        self._who = b'",' + run("consumer", "items") + b',"rows":'
        self._outcome = b"," + run("outcome", "code") + b',"request_id":"'

    def filled(
        self, at: dt.datetime, rows: int, request_id: str, content: str, subjects: str, detail: bytes
    ) -> Record:
        """``detail`` is a JSON object; the texts must need no escaping (ids and hexadecimal words do not)."""
        text = b"".join(
            (
                self._event, at.isoformat().encode(), self._who, b"%d" % rows, self._outcome, request_id.encode(),
                b'","content":"', content.encode(), b'","subjects":"', subjects.encode(), b'","detail":', detail, b"}",
            )
        )  # fmt: skip
        return Record(request_id, text)


def _placed(stream: str, sequence: int, rest: bytes) -> bytes:
    text = b'{"stream":"%b","sequence":%d,%b' % (stream.encode(), sequence, rest)
    if len(text) > LONGEST_ENTRY:
        raise BadInput("ledger.too_long", f"一条交换记录有 {len(text)} 字节，超过 {LONGEST_ENTRY} 字节的上限")
    return text


@lru_cache(1_024)
def _is_event(name: str) -> bool:
    return _EVENT.fullmatch(name) is not None


def checked(exchange: Exchange) -> Exchange:
    """The exchange itself, or BadInput: events have three parts, instants have a zone."""
    if not _is_event(exchange.event) or exchange.at.tzinfo is None:
        raise BadInput("ledger.bad_exchange", f"交换记录的事件 {exchange.event!r} 或时间不合规则")
    return exchange
