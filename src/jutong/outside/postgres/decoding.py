"""The messages of PostgreSQL's ``pgoutput`` plug-in, protocol version 1, taken apart (PostgreSQL manual 55.9)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from struct import Struct

from jutong.outside.changes import UNCHANGED, Change, Relation, Transaction, Value

_SHORT, _INT, _LONG = Struct(">H"), Struct(">I"), Struct(">q")
_EPOCH = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


def transactions(messages: Iterable[bytes]) -> Iterator[Transaction]:
    """Whole transactions; an UPDATE that changes the identity becomes a delete and an insert."""
    relations: dict[int, Relation] = {}
    changes: list[Change] = []
    for message in messages:
        kind = message[:1]
        if kind == b"R":
            number, relation = _relation(message)
            relations[number] = relation
        elif kind == b"B":
            changes = []
        elif kind == b"C":
            end, ticks = _LONG.unpack_from(message, 10)[0], _LONG.unpack_from(message, 18)[0]
            yield Transaction(end, _EPOCH + dt.timedelta(microseconds=ticks), changes)
        elif kind == b"T":
            count = _INT.unpack_from(message, 1)[0]
            for place in range(count):
                relation = relations[_INT.unpack_from(message, 6 + 4 * place)[0]]
                changes.append(Change("t", relation, (None,) * len(relation.columns)))
        elif kind in b"IUD" and kind:
            changes += _row(kind, message, relations[_INT.unpack_from(message, 1)[0]])


def _relation(message: bytes) -> tuple[int, Relation]:
    number, at = _INT.unpack_from(message, 1)[0], 5
    schema, at = _text(message, at)
    table, at = _text(message, at)
    count, at = _SHORT.unpack_from(message, at + 1)[0], at + 3
    columns, keys = [], []
    for _ in range(count):
        keys.append(bool(message[at] & 1))
        name, at = _text(message, at + 1)
        columns.append(name)
        at += 8  # type and its modifier
    return number, Relation(schema or "pg_catalog", table, tuple(columns), tuple(keys))


def _row(kind: bytes, message: bytes, relation: Relation) -> list[Change]:
    values, at = _tuple(message, 6)
    if kind == b"I":
        return [Change("i", relation, values)]
    if kind == b"D":
        return [Change("d", relation, values)]
    if message[5:6] == b"N":
        return [Change("u", relation, values)]
    old = values
    values, _ = _tuple(message, at + 1)
    # With full identity the old row tells what the new one leaves out.
    whole = message[5:6] == b"O"
    values = tuple(was if now is UNCHANGED and whole else now for was, now in zip(old, values, strict=True))
    same = all(was == now for was, now, key in zip(old, values, relation.keys, strict=True) if key)
    if same or (whole and not any(relation.keys)):
        return [Change("u", relation, values)]
    return [Change("d", relation, old), Change("i", relation, values)]


def _tuple(message: bytes, at: int) -> tuple[tuple[Value, ...], int]:
    count, at = _SHORT.unpack_from(message, at)[0], at + 2
    values: list[Value] = []
    for _ in range(count):
        kind, at = message[at], at + 1
        if kind == 0x74:  # t
            end = at + 4 + _INT.unpack_from(message, at)[0]
            values.append(message[at + 4 : end].decode())
            at = end
        else:
            values.append(UNCHANGED if kind == 0x75 else None)  # u, n
    return tuple(values), at


def _text(message: bytes, at: int) -> tuple[str, int]:
    end = message.index(0, at)
    return message[at:end].decode(), end + 1
