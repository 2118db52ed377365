"""Parquet: types are kept where raw data may have them; everything else becomes its own exact text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from jutong.outside.reading import Reading, header_columns
from jutong.terms import Address, BadInput, Item

_ROWS = 64_000
#: A row group is held in memory while it is read.
_MAX_GROUP = 1 << 30


def read_parquet(path: Path, name: str, declared: Mapping[str, Any]) -> Reading:
    """Raises BadInput ``outside.parquet_unreadable``, ``parquet_binary``, ``parquet_too_large``, ``header_only``."""
    address = Address(file=name)
    try:
        opened = parquet.ParquetFile(path)
        schema, meta = opened.schema_arrow, opened.metadata
    except (pa.ArrowException, OSError) as problem:
        raise _unreadable(problem, address) from None
    if any(meta.row_group(place).total_byte_size > _MAX_GROUP for place in range(meta.num_row_groups)):
        raise BadInput("outside.parquet_too_large", "Parquet 的一个行组超过 1 GB，请分小后再交", address)
    plain, _ = header_columns(schema.names, address)
    if len(plain) != len(schema.names):
        raise BadInput("outside.header_blank", "有一列没有名称", address)
    columns = tuple(
        Item(item.name, item.name, _type(field, address)) for item, field in zip(plain, schema, strict=True)
    )
    reading = Reading(columns, iter(()), manner={k: v for k, v in declared.items() if k == "member"})
    reading.batches = _batches(opened, reading, address)
    return reading


def _batches(opened: parquet.ParquetFile, reading: Reading, address: Address) -> Iterator[pa.RecordBatch]:
    given = 0
    try:
        with opened:
            for batch in opened.iter_batches(_ROWS):
                given += batch.num_rows
                batch.validate(full=True)  # writers have been seen to put other encodings into text
                columns = [_column(batch.column(place), field) for place, field in enumerate(reading.schema)]
                _refuse_nul(columns, reading, address)
                yield pa.record_batch(columns, schema=reading.schema)
    except (pa.ArrowException, OSError, ValueError, OverflowError) as problem:
        raise _unreadable(problem, address) from None
    if not given:
        raise BadInput("outside.header_only", "文件里没有数据行", address)


def _refuse_nul(columns: list[Any], reading: Reading, address: Address) -> None:
    for item, column in zip(reading.columns, columns, strict=True):
        if column.type == pa.string() and pc.any(pc.match_substring(column, "\0")).as_py():
            where = Address(address.file, item=item.name)
            raise BadInput("outside.parquet_nul", "这一列有值含空字符（NUL），没有系统收得下", where)


def _type(field: Any, address: Address) -> str:
    kind = field.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if _holds_binary(kind):
        where = Address(address.file, item=field.name)
        raise BadInput("outside.parquet_binary", "这一列是二进制，不是数据项", where)
    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_integer(kind) and kind != pa.uint64():
        return "integer"
    if pa.types.is_date(kind):
        return "date"
    if pa.types.is_timestamp(kind) and kind.tz is None and kind.unit != "ns":
        return "timestamp"
    return "text"


def _holds_binary(kind: Any) -> bool:
    if pa.types.is_nested(kind):
        return any(_holds_binary(kind.field(place).type) for place in range(kind.num_fields))
    return bool(
        pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)
    )


def _column(column: Any, field: Any) -> Any:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if field.type != pa.string():
        return pc.cast(column, field.type)
    if pa.types.is_nested(column.type):
        return pa.array(
            [
                None if value is None else orjson.dumps(value, default=str).decode()
                for value in column.to_pylist()
            ],
            pa.string(),
        )
    if pa.types.is_timestamp(column.type) and column.type.tz:
        return pa.array(
            [None if value is None else value.isoformat() for value in column.to_pylist()], pa.string()
        )
    return pc.cast(column, pa.string())


def _unreadable(problem: Exception, address: Address) -> BadInput:
    words = " ".join(str(problem).split())[:160]
    return BadInput("outside.parquet_unreadable", f"不是可读的 Parquet 文件（{words}）", address)
