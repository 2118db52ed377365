"""The binary log as events, and events as transactions; nothing here asks the server what a table is.

A replica's connection that does not wait: the server sends the log from a place to its present end and says so.
"""

from __future__ import annotations

import datetime as dt
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Any

from pymysql.connections import Connection
from pymysql.err import OperationalError

from jutong.outside.changes import Change, Name, Transaction
from jutong.outside.mysql.logged import Layout, Read, Unlike, readers
from jutong.terms import Address, BadInput, Broken

_DUMP, _DO_NOT_WAIT, _GONE = 0x12, 1, 2013
_HEADER, _PLACE, _QUERY = Struct("<IBIIIH"), Struct("<Q"), Struct("<IIBHH")
QUERY, STOP, ROTATE, FORMAT, XID, TABLE, XA_PREPARE = 2, 3, 4, 15, 16, 19, 38
_WRITE, _UPDATE, _DELETE = (23, 30), (24, 31), (25, 32)
_ROWS = (*_WRITE, *_UPDATE, *_DELETE)
#: Rows in a form that is not read here, their table told as in the others: compressed, or parts of a JSON value.
_OTHER_ROWS = (20, 21, 22, 39, 166, 167, 168, 169, 170, 171)
#: Events that change nothing: marks, heartbeats, GTIDs, the text of the statement beside its rows.
_QUIET = (STOP, ROTATE, FORMAT, 5, 13, 14, 27, 28, 29, 33, 34, 35, 36, 37, 41, 42, 160, 161, 162, 163, 164)
#: Statements that change no table's rows or columns.
_HARMLESS = re.compile(
    r"(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|GRANT|REVOKE|FLUSH|ANALYZE|OPTIMIZE|SET|XA START|XA END|XA ROLLBACK|"
    r"(CREATE( OR REPLACE)?|ALTER|DROP|RENAME) ?(ALGORITHM|DEFINER|SQL SECURITY|AGGREGATE|USER|ROLE|VIEW|PROCEDURE|"
    r"FUNCTION|TRIGGER|EVENT|SERVER|TEMPORARY|SEQUENCE))\b"
)
_TRUNCATE = re.compile(
    r"TRUNCATE (?:TABLE )?(?:[`\"]?([^`\".\s]+)[`\"]?\.)?[`\"]?([^`\".\s;]+)[`\"]?;?", re.IGNORECASE
)
_REMARKS = re.compile(r"/\*(?!M?!).*?\*/|--\s[^\n]*|#[^\n]*", re.DOTALL)
_SHAPE = re.compile(r"(CREATE|ALTER|DROP|RENAME|TRUNCATE|REPAIR)\b")


@dataclass(frozen=True, slots=True)
class Event:
    """``end``: where the next event begins, with the file's number in the upper half; ``at``: seconds."""

    kind: int
    at: int
    end: int
    body: bytes


def events(connection: Connection[Any], file: str, place: int) -> Iterator[Event]:
    """From a place in a file to the log's present end. Raises pymysql's errors; leaves the connection unusable."""
    inner: Any = connection
    with connection.cursor() as cursor:
        cursor.execute(
            "SET @master_binlog_checksum = @@global.binlog_checksum, @mariadb_slave_capability = 4"
        )
        cursor.execute("SELECT @@global.binlog_checksum")
        summed = _only(cursor.fetchone()) != "NONE"
    # A server that is told no number takes us for mysqlbinlog and disconnects no replica of the same number.
    inner._execute_command(_DUMP, Struct("<IHI").pack(place, _DO_NOT_WAIT, 0) + file.encode())
    number = number_of(file)
    while True:
        packet = inner._read_packet()
        if packet.is_eof_packet():
            return
        data = packet.get_all_data()[1:]
        at, kind, _, size, end, _ = _HEADER.unpack_from(data)
        if size != len(data):
            raise Broken("outside.mysql_protocol", "服务器送来的日志事件与它自己声明的长度不符")
        if kind == FORMAT:  # each file says of itself whether its events bear a checksum
            summed = data[-5] != 0
        body = data[_HEADER.size : -4 if summed else None]
        if summed and zlib.crc32(data[:-4]) != int.from_bytes(data[-4:], "little"):
            raise OperationalError(_GONE, "an event of the binary log does not match its checksum")
        if kind == ROTATE:
            number, end = number_of(body[8:].decode()), _PLACE.unpack_from(body)[0]
        yield Event(kind, at, number << 32 | end, body)


def _only(row: Any) -> str:
    return str(next(iter(row.values())) if isinstance(row, dict) else row[0])


def number_of(file: str) -> int:
    """``mysql-bin.000012`` → 12"""
    return int(file.rpartition(".")[2])


def transactions(log: Iterator[Event], tables: Mapping[Name, Layout], upto: int) -> Iterator[Transaction]:
    """Whole transactions that end at ``upto`` or before it; an UPDATE of the key becomes a delete and an insert.

    What cannot be followed must have been found by ``unfollowed`` and left out of ``tables``.
    """
    maps: dict[int, tuple[Layout, list[Read]]] = {}
    changes: list[Change] = []
    for event in log:
        if event.kind != ROTATE and event.end > upto:
            return
        if event.kind == TABLE:
            number, name, codes, metadata = table_of(event.body)
            maps.pop(number, None)
            if name in tables:
                maps[number] = (tables[name], readers(tables[name], codes, metadata))
        elif event.kind in _ROWS:
            found = maps.get(int.from_bytes(event.body[:6], "little"))
            if found is not None:
                changes += _changes(event, *found)
        elif event.kind == QUERY:
            schema, sql = statement_of(event.body)
            if sql == "BEGIN":
                changes = []
            elif sql == "COMMIT" or not sql.startswith(("SAVEPOINT", "ROLLBACK", "XA ", "RELEASE")):
                emptied = _emptied(schema, sql, tables)
                yield Transaction(event.end, _instant(event), [*changes, *emptied])
                changes = []
        elif event.kind in (XID, XA_PREPARE):
            yield Transaction(event.end, _instant(event), changes if event.kind == XID else [])
            changes = []


def unfollowed(log: Iterator[Event], tables: Mapping[Name, Layout], upto: int) -> dict[Name, str]:
    """Tables whose changes up to there cannot be read from the log, with the reason; values are not told."""
    found: dict[Name, str] = {}
    maps: dict[int, Name] = {}

    def every(reason: str) -> None:
        for name in tables:
            found.setdefault(name, reason)

    for event in log:
        if event.kind != ROTATE and event.end > upto:
            break
        if event.kind == TABLE:
            number, name, codes, metadata = table_of(event.body)
            maps.pop(number, None)
            if name in tables:
                maps[number] = name
                try:
                    readers(tables[name], codes, metadata)
                except Unlike as problem:
                    found.setdefault(name, str(problem))
        elif event.kind in (*_ROWS, *_OTHER_ROWS):
            of = maps.get(int.from_bytes(event.body[:6], "little"))
            if of is not None and (event.kind in _OTHER_ROWS or not _complete(event)):
                found.setdefault(of, "日志里的行不完整（binlog_row_image 曾不是 FULL，或日志压缩过）")
        elif event.kind == QUERY:
            schema, sql = statement_of(event.body)
            found |= _told_by(schema, sql, tables)  # the statement says more than that columns differ
        elif event.kind == XA_PREPARE:
            if maps:
                every("日志里有两阶段（XA）事务")
        elif event.kind not in (*_QUIET, XID):
            every(f"日志里有认不得的事件（{event.kind}）")
        if event.kind in (XID, QUERY):
            maps = {}
    return found


def table_of(body: bytes) -> tuple[int, Name, bytes, bytes]:
    """A table-map event: its number, its name, a type code for each column, and what is told beside them."""
    at = 8
    schema, at = body[at + 1 : at + 1 + body[at]].decode(), at + 2 + body[at]
    table, at = body[at + 1 : at + 1 + body[at]].decode(), at + 2 + body[at]
    count, at = _packed(body, at)
    codes, at = body[at : at + count], at + count
    size, at = _packed(body, at)
    return int.from_bytes(body[:6], "little"), (schema, table), codes, body[at : at + size]


def statement_of(body: bytes) -> tuple[str, str]:
    """The default schema and the statement, remarks left out and blanks made single."""
    _, _, schema, _, status = _QUERY.unpack_from(body)
    at = _QUERY.size + status
    sql = body[at + schema + 1 :].decode("utf-8", "replace")
    return body[at : at + schema].decode("utf-8", "replace"), " ".join(_REMARKS.sub(" ", sql).split())


def _told_by(schema: str, sql: str, tables: Mapping[Name, Layout]) -> dict[Name, str]:
    """What a statement in the log means for these tables."""
    upper = sql.upper()
    if not sql or _HARMLESS.match(upper) or _truncated(schema, sql) in tables:
        return {}
    verb = " ".join(upper.split()[:2])
    if not _SHAPE.match(upper):  # rows told as a statement, or a commit in two phases
        return dict.fromkeys(tables, f"日志里有语句而不是行（{verb.split()[0]}）")
    words = set(re.findall(r"[^\s`\"'.,;()=]+", sql.casefold()))
    if {"database", "schema"} & set(verb.casefold().split()):
        return {name: f"日志里有 {verb}" for name in tables if name[0].casefold() in words}
    return {name: f"日志里有改表语句 {verb}" for name in tables if name[1].casefold() in words}


def _truncated(schema: str, sql: str) -> Name | None:
    told = _TRUNCATE.fullmatch(sql)
    return (told[1] or schema, told[2]) if told else None


def _emptied(schema: str, sql: str, tables: Mapping[Name, Layout]) -> list[Change]:
    name = _truncated(schema, sql)
    if name is None or name not in tables:
        return []
    relation = tables[name].relation
    return [Change("t", relation, (None,) * len(relation.columns))]


def _instant(event: Event) -> dt.datetime:
    return dt.datetime.fromtimestamp(event.at, dt.UTC)


def _rows_at(event: Event) -> int:
    """Where the columns are counted: version 2 has more between, with its own length first."""
    return 8 if event.kind < 30 else 8 + int.from_bytes(event.body[8:10], "little")


def _complete(event: Event) -> bool:
    count, at = _packed(event.body, _rows_at(event))
    size, whole = (count + 7) // 8, (1 << count) - 1
    images = 2 if event.kind in _UPDATE else 1
    return all(
        int.from_bytes(event.body[at + size * n : at + size * (n + 1)], "little") & whole == whole
        for n in range(images)
    )


def _changes(event: Event, table: Layout, columns: Sequence[Read]) -> Iterator[Change]:
    body, relation = event.body, table.relation
    count, at = _packed(body, _rows_at(event))
    size = (count + 7) // 8
    at += size * (2 if event.kind in _UPDATE else 1)
    places = [place for place, key in enumerate(relation.keys) if key]
    while at < len(body):
        values, at = _row(body, at, size, table, columns)
        if event.kind in _WRITE:
            yield Change("i", relation, values)
        elif event.kind in _DELETE:
            yield Change("d", relation, values)
        else:
            now, at = _row(body, at, size, table, columns)
            if all(values[place] == now[place] for place in places):
                yield Change("u", relation, now)
            else:
                yield Change("d", relation, values)
                yield Change("i", relation, now)


def _row(
    body: bytes, at: int, size: int, table: Layout, columns: Sequence[Read]
) -> tuple[tuple[str | None, ...], int]:
    nulls, at = int.from_bytes(body[at : at + size], "little"), at + size
    values: list[str | None] = []
    for place, read in enumerate(columns):
        if nulls >> place & 1:
            values.append(None)
            continue
        try:
            text, at = read(body, at)
        except UnicodeDecodeError:
            shown = f"{table.relation.schema}.{table.relation.table}"
            where = Address(shown, None, None, table.relation.columns[place])
            raise BadInput("outside.mysql_text", "日志里有值不合它的字符集", where) from None
        values.append(text)
    return tuple(values), at


def _packed(data: bytes, at: int) -> tuple[int, int]:
    """A length-encoded number of the protocol."""
    first = data[at]
    if first < 0xFB:
        return first, at + 1
    size = {0xFC: 2, 0xFD: 3, 0xFE: 8}[first]
    return int.from_bytes(data[at + 1 : at + 1 + size], "little"), at + 1 + size
