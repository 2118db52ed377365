"""GB18030 cut into columns as it stands, and only then decoded: codes, dates and amounts are ASCII and pass as they are.

No byte of a character of two or four bytes is below 0x30 or from 0x3A to 0x3F (GB 18030-2022, chapter 6: trailing
bytes are 0x30–0x39, 0x40–0x7E and 0x80–0xFE), so line ends, quotes and the usual delimiters mean themselves wherever
they stand.  CPython's decoder takes as long for a digit as for a Chinese character; a column of digits costs nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jutong.outside.csv.dialect import Dialect
from jutong.outside.csv.gb18030 import corrected

#: U+FEFF at the beginning of a file.
MARK = b"\x84\x31\x95\x33"
#: No value holds it: the survey refuses files that do.
_BETWEEN = b"\0"


def cuts_as_it_stands(dialect: Dialect) -> bool:
    """Whether the file can be cut into values before it is decoded."""
    edges = dialect.delimiter + dialect.quote
    return dialect.encoding == "gb18030" and all(edge < "0" or "9" < edge < "@" for edge in edges)


def decoded_header(record: bytes) -> str:
    """Raises UnicodeDecodeError."""
    return corrected(record.decode("gb18030"))


def decoded_batch(batch: pa.RecordBatch) -> tuple[pa.RecordBatch, int]:
    """Columns of bytes as texts, and how often U+FFFD stands in them. Raises UnicodeError."""
    columns, lost = [], 0
    for column in batch.columns:
        texts, count = _decoded(column)
        columns.append(texts)
        lost += count
    return pa.record_batch(columns, names=batch.schema.names), lost


def _decoded(values: Any) -> tuple[pa.Array[Any], int]:
    """A column's values decoded together, each up to its own end: a character cut off by it is none."""
    count = len(values)
    validity, offsets, data = values.buffers()
    ends: Any = np.frombuffer(offsets, np.int32)[: count + 1]  # the parser's arrays begin with their buffers
    raw: Any = np.frombuffer(data, np.uint8)[ends[0] : ends[-1]] if data else ends[:0]
    if not len(raw) or raw.max() < 0x80:
        return values.cast(pa.string(), safe=False), 0
    filled = pa.BinaryArray.from_buffers(pa.binary(), count, [None, offsets, data])
    listed = pa.ListArray.from_arrays(pa.array([0, count], pa.int32()), filled)
    together: Any = pc.binary_join(listed, _BETWEEN)
    text = corrected(str(together[0].as_buffer(), "gb18030"))
    joined = text.encode()
    starts = np.zeros(count + 1, np.int32)
    starts[1:-1] = np.flatnonzero(np.frombuffer(joined, np.uint8) == 0) - np.arange(count - 1)
    starts[-1] = len(joined) - (count - 1)
    plain = joined.translate(None, _BETWEEN)
    texts = pa.StringArray.from_buffers(
        count, pa.py_buffer(starts.tobytes()), pa.py_buffer(plain), validity, values.null_count
    )
    return texts, text.count("\ufffd") if "\ufffd" in text else 0
