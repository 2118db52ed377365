"""SQL of a merge, as text: source checks, the guarded upsert, the delete.  Nothing here runs anything."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from jutong.store.spec import DatasetSpec, column_type, table_sql
from jutong.terms import BadInput, quote

_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")
#: Decimal digits an integer type may need.
_DIGITS = {
    "TINYINT": 3,
    "UTINYINT": 3,
    "SMALLINT": 5,
    "USMALLINT": 5,
    "INTEGER": 10,
    "UINTEGER": 10,
    "BIGINT": 19,
}
_WIDENS = {
    "text": {"VARCHAR"},
    "integer": set(_DIGITS),
    "date": {"DATE"},
    "timestamp": {"TIMESTAMP", "DATE"},
    "boolean": {"BOOLEAN"},
}
_PLAIN = re.compile(r"""\s*(?:SELECT\s+\*\s+)?FROM\s+("[^"]+"|[A-Za-z_]\w*)\s*;?\s*""", re.IGNORECASE)


def plain_table(select_sql: str) -> str | None:
    """The table's SQL name when the source is simply one registered or temporary table."""
    found = _PLAIN.fullmatch(select_sql)
    return found[1] if found else None


def source_columns(spec: DatasetSpec, offered: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Item name → SQL expression over the source, for the items the source offers.

    ``offered`` is the source's (column name, DuckDB type).  Nothing is coerced silently: a type is taken as it
    is, or widened without loss.  Raises BadInput ``store.hugeint``, ``store.type_mismatch``,
    ``store.unknown_item``, ``store.key_missing``.
    """
    expressions = {}
    for name, given in offered:
        item = spec.item(name)
        if item is None:
            raise BadInput("store.unknown_item", f"数据集 {spec.name} 没有信息项「{name}」")
        expressions[name] = _expression(spec, name, item.type, given)
    missing = [key for key in spec.keys if key not in expressions]
    if missing:
        raise BadInput("store.key_missing", f"写入 {spec.name} 的数据缺少主键 {', '.join(missing)}")
    return expressions


def _expression(spec: DatasetSpec, name: str, item_type: str, given: str) -> str:
    column = quote(name)
    if given in ("HUGEINT", "UHUGEINT"):
        raise BadInput(
            "store.hugeint",
            f"{spec.name} 的「{name}」是 {given}，求和会丢失 2^53 以上的位数：请转换为 DECIMAL(38,s) 或 BIGINT",
        )
    if _fits(item_type, given):
        return column
    if given in ("INTEGER", '"NULL"', "NULL"):
        # A bare NULL is described as INTEGER; any value under it would be a coercion.
        wanted = column_type(item_type)
        words = f"{spec.name} {name}: {given} → {wanted}".replace("'", "''")
        return f"CASE WHEN {column} IS NULL THEN CAST(NULL AS {wanted}) ELSE error('store.type_mismatch {words}') END"
    raise BadInput(
        "store.type_mismatch",
        f"{spec.name} 的「{name}」应为 {column_type(item_type)}，给出的是 {given}：请在写入前明确转换",
    )


def _fits(item_type: str, given: str) -> bool:
    if item_type in _WIDENS:
        return given in _WIDENS[item_type]
    precision, scale = (int(part) for part in item_type[8:-1].split(","))
    if given in _DIGITS:
        return precision - scale >= _DIGITS[given]
    found = _DECIMAL.fullmatch(given)
    if found is None:
        return False
    given_precision, given_scale = int(found[1]), int(found[2])
    return given_scale <= scale and given_precision - given_scale <= precision - scale


def same_key(spec: DatasetSpec, left: str, right: str) -> str:
    return " AND ".join(f"{left}.{quote(key)} = {right}.{quote(key)}" for key in spec.keys)


def stage_sql(stage: str, select_sql: str, expressions: Mapping[str, str]) -> str:
    columns = ", ".join(f"{expression} AS {quote(name)}" for name, expression in expressions.items())
    return f"CREATE TEMP TABLE {stage} AS SELECT {columns} FROM ({select_sql}) AS given"


def key_problems_sql(spec: DatasetSpec, source: str) -> str:
    """Up to five keys that are doubled or empty, with how often they occur."""
    keys = ", ".join(quote(key) for key in spec.keys)
    empty = " OR ".join(f"{quote(key)} IS NULL" for key in spec.keys)
    return f"SELECT {keys}, count(*) FROM {source} GROUP BY {keys} HAVING count(*) > 1 OR {empty} LIMIT 5"


def key_problem(spec: DatasetSpec, found: Sequence[Sequence[object]]) -> BadInput:
    """The sentence for what ``key_problems_sql`` found."""
    cases = "；".join(
        f"{'、'.join('空' if value is None else str(value) for value in row[:-1])} 出现 {row[-1]} 次"
        for row in found
    )
    keys = "、".join(spec.keys)
    return BadInput("store.duplicate_key", f"写入 {spec.name} 的数据中主键（{keys}）重复或为空：{cases}")


def _differs(spec: DatasetSpec, names: Sequence[str]) -> str:
    """The guard: whether content differs; provenance alone is no change."""
    compared = [item.name for item in spec.content if item.name in names and item.name not in spec.keys]
    return " OR ".join(f"t.{quote(name)} IS DISTINCT FROM s.{quote(name)}" for name in compared)


def difference_sql(spec: DatasetSpec, source: str, names: Sequence[str], stage: str) -> str:
    """Only the source rows that are new or changed, found before the merge when there are many."""
    differs = _differs(spec, names) or "false"
    return (
        f"CREATE TEMP TABLE {stage} AS SELECT s.* FROM {source} AS s LEFT JOIN "
        f"(SELECT true AS known, * FROM {table_sql(spec.name)}) AS t ON {same_key(spec, 't', 's')} "
        f"WHERE t.known IS NULL OR {differs}"
    )


def upsert_sql(spec: DatasetSpec, source: str, names: Sequence[str]) -> str:
    columns = ", ".join(quote(name) for name in names)
    values = ", ".join(f"s.{quote(name)}" for name in names)
    updates = ", ".join(f"{quote(name)} = s.{quote(name)}" for name in names if name not in spec.keys)
    differs = _differs(spec, names)
    matched = f"WHEN MATCHED AND ({differs}) THEN UPDATE SET {updates} " if differs and updates else ""
    return (
        f"MERGE INTO {table_sql(spec.name)} AS t USING {source} AS s ON ({same_key(spec, 't', 's')}) "
        f"{matched}WHEN NOT MATCHED THEN INSERT ({columns}) VALUES ({values})"
    )


def strike_sql(spec: DatasetSpec, places: str) -> str:
    """Delete the rows at these places, reading nothing of them: ``places`` has ``file`` and ``place``.

    Rows at such a place in any file first: that alone is half as dear as comparing file names for every row.
    """
    return (
        f"DELETE FROM {table_sql(spec.name)} AS t WHERE t.file_row_number IN (SELECT place FROM {places}) AND EXISTS "
        f"(SELECT 1 FROM {places} AS s WHERE s.file = t.filename AND s.place = t.file_row_number)"
    )


def without_sql(source: str, same: str, hashes: Sequence[str]) -> str:
    """The source but for the rows whose key hashes are listed."""
    a, b = hashes[:2]
    return f"(SELECT * FROM {source} WHERE ({a}, {b}) NOT IN (SELECT (a, b) FROM {same})) AS given"


def insert_sql(spec: DatasetSpec, source: str, expressions: Mapping[str, str]) -> str:
    columns = ", ".join(quote(name) for name in expressions)
    values = ", ".join(expressions.values())
    return f"INSERT INTO {table_sql(spec.name)} ({columns}) SELECT {values} FROM {source}"


def delete_missing_sql(spec: DatasetSpec, source: str) -> str:
    return (
        f"DELETE FROM {table_sql(spec.name)} AS t "
        f"WHERE NOT EXISTS (SELECT 1 FROM {source} AS s WHERE {same_key(spec, 's', 't')})"
    )


def delete_keys_sql(spec: DatasetSpec, keys: str) -> str:
    return (
        f"DELETE FROM {table_sql(spec.name)} AS t "
        f"WHERE EXISTS (SELECT 1 FROM {keys} AS s WHERE {same_key(spec, 's', 't')})"
    )


def both_sql(spec: DatasetSpec, source: str, keys: str) -> str:
    """Keys that are to be written and deleted at once."""
    wanted = ", ".join(f"s.{quote(key)}" for key in spec.keys)
    return (
        f"SELECT {wanted}, 1 FROM {source} AS s WHERE EXISTS "
        f"(SELECT 1 FROM {keys} AS d WHERE {same_key(spec, 'd', 's')}) LIMIT 5"
    )
