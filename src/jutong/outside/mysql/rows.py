"""A text result set of the MySQL protocol as Arrow columns, without a Python object per value.

PyMySQL signs in and asks; the rows behind the column definitions are read here.  Only where each row begins is found
row by row; the fields are found by NumPy, one column of a whole buffer at a time, and Arrow sees them where they lie.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.lib.stride_tricks import sliding_window_view
from pymysql.connections import Connection
from pymysql.constants import COMMAND
from pymysql.err import OperationalError, raise_mysql_exception

from jutong.terms import BadInput, Broken

#: A buffer is handed on when it holds this much; it is larger, so that a row need not be copied often.
_ENOUGH, _BUFFER, _READ = 3 << 20, 4 << 20, 1 << 18
#: The protocol splits a row of 16 MiB or more; such a row holds a giant field and is refused.
_GIANT = 0xFFFFFF
_NULL, _TWO, _THREE, _END, _ERROR = 0xFB, 0xFC, 0xFD, 0xFE, 0xFF
#: A string view: its length, then twelve bytes of the text, or four and where the rest lies.
_INLINE = 12


def ask(connection: Connection[Any], query: str) -> int:
    """Send a query whose rows will be read by ``columns_of``; returns how many columns come."""
    inner: Any = connection
    inner._execute_command(COMMAND.COM_QUERY, query)
    count = int(inner._read_packet().read_length_encoded_integer())
    for _ in range(count + 1):  # the definitions and the mark behind them
        inner._read_packet()
    return count


def columns_of(connection: Connection[Any], count: int) -> Iterator[list[pa.Array[Any]]]:
    """The rows asked for, buffer by buffer, as one binary view array for each column.

    Raises pymysql's errors for what the server says, BadInput ``outside.mysql_giant``.
    """
    inner: Any = connection
    stream = inner._rfile
    rest = b""
    while True:
        buffer = bytearray(max(_BUFFER, len(rest) * 2) + _INLINE)
        buffer[: len(rest)] = rest
        walk = _Walk(buffer, len(rest))
        while not walk.ending and walk.at < _ENOUGH and walk.filled < len(buffer) - _INLINE:
            # not readinto1: it would wait for more although PyMySQL's own buffer holds the whole answer
            got = stream.read1(min(_READ, len(buffer) - _INLINE - walk.filled))
            if not got:
                raise OperationalError(2013, "the server closed the connection in mid-result")
            buffer[walk.filled : walk.filled + len(got)] = got
            walk.on(len(got))
        if walk.starts:
            yield _split(buffer, np.array(walk.starts), np.array(walk.ends), count)
        if walk.ending == _END:
            return
        if walk.ending == _ERROR:
            raise_mysql_exception(bytes(buffer[walk.at + 4 : walk.filled]))
        rest = bytes(buffer[walk.at : walk.filled])


class _Walk:
    """From packet to packet through a buffer as far as it is filled; ``at`` is behind the last whole row."""

    def __init__(self, buffer: bytearray, filled: int) -> None:
        self.starts: list[int] = []
        self.ends: list[int] = []
        self.at = self.ending = self.filled = 0
        self._buffer = buffer
        self.on(filled)

    def on(self, more: int) -> None:
        self.filled += more
        buffer, at, filled = self._buffer, self.at, self.filled
        while filled - at >= 5:
            size = buffer[at] | buffer[at + 1] << 8 | buffer[at + 2] << 16
            if size == _GIANT:
                raise BadInput("outside.mysql_giant", "有一行超过 16 MB，超出了一次能读的长度")
            after = at + 4 + size
            if after > filled:
                break
            first = buffer[at + 4]
            if first == _ERROR or (first == _END and size < 9):
                self.ending = first
                break
            self.starts.append(at + 4)
            self.ends.append(after)
            at = after
        self.at = at


def _split(buffer: bytearray, starts: Any, ends: Any, count: int) -> list[pa.Array[Any]]:
    data = np.frombuffer(buffer, dtype=np.uint8)
    windows = sliding_window_view(data, _INLINE)
    shared = pa.py_buffer(buffer)
    arrays = []
    at = starts
    for _ in range(count):
        first = data[at]
        size = first.astype(np.int64)
        begin = at + 1
        null = first == _NULL
        size[null] = 0
        for mark, width in ((_TWO, 2), (_THREE, 3)):
            longer = np.flatnonzero(first == mark)
            if len(longer):
                places = at[longer] + 1
                size[longer] = sum(data[places + i].astype(np.int64) << (8 * i) for i in range(width))
                begin[longer] = places + width
        arrays.append(_views(windows, shared, begin, size, null))
        at = begin + size
    if not np.array_equal(at, ends):
        raise Broken("outside.mysql_protocol", "服务器送来的行与它自己声明的长度不符")
    return arrays


def _views(windows: Any, shared: Any, begin: Any, size: Any, null: Any) -> pa.Array[Any]:
    views = np.zeros((len(size), 16), dtype=np.uint8)
    views[:, 4:] = windows[begin]
    words = views.view(np.int32)
    words[:, 0] = size
    shorter = size < _INLINE
    if shorter.any():  # what lies behind a short text must be zero
        beyond = np.arange(_INLINE)[None, :] >= size[:, None]
        views[:, 4:][beyond] = 0
    long = np.flatnonzero(size > _INLINE)
    words[long, 2] = 0
    words[long, 3] = begin[long]
    validity = None
    if null.any():
        validity = pa.py_buffer(np.packbits(~null, bitorder="little").tobytes())
    return pa.Array.from_buffers(pa.binary_view(), len(size), [validity, pa.py_buffer(views.data), shared])
