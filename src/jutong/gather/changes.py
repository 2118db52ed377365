"""The changes of one table as they come from the log, made into rows: all of them, and what they come to."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from jutong.casework import CITY_TIME
from jutong.gather.declaring import BATCH, ROW, raw_dataset
from jutong.outside import UNCHANGED, Change, Transaction, Widened
from jutong.store import Reading as LakeReading
from jutong.terms import Address, Broken, DatasetName, Item, Zone, literal, quote

#: What ``raw.<table>_change`` has before the table's own columns.
CHANGE = (
    Item("_op", "变更（i 增 u 改 d 删 t 清空）"),
    Item("_lsn", "日志位置", "integer"),
    Item("_at", "提交时间", "timestamp"),
)
_FORMS = {
    "integer": re.compile(r"-?\d{1,19}"),
    "date": re.compile(r"\d{4}-\d\d-\d\d"),
    "timestamp": re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?"),
}
_ARROW = {"integer": pa.int64(), "date": pa.date32(), "timestamp": pa.timestamp("us")}


def change_dataset(table: str) -> DatasetName:
    return DatasetName(Zone.RAW, f"{table}_change")


class Changed:
    """Gathers changes of one table; ``keys``: its primary key as the source names it."""

    def __init__(self, keys: Sequence[str]) -> None:
        self.count = self.deletes = 0
        self.emptied = False
        self._keys = tuple(keys)
        self._values: dict[str, list[Any]] = {}
        self._ops: list[str] = []
        self._lsns: list[int] = []
        self._ats: list[Any] = []
        #: Key → number of its newest change here, to fill in long values that were left alone.
        self._newest: dict[tuple[Any, ...], int] = {}
        self._unfilled: list[tuple[int, str, tuple[Any, ...], int | None]] = []
        #: The row deleted last: an UPDATE of the key goes on with its long values.
        self._gone: tuple[tuple[Any, ...], int | None] = ((), None)

    def add(self, change: Change, transaction: Transaction) -> None:
        number = self.count
        self.count += 1
        self._ops.append(change.op)
        self._lsns.append(transaction.end)
        self._ats.append(transaction.at)
        told = dict(zip(change.relation.columns, change.values, strict=True))
        for name, value in told.items():
            column = self._values.get(name)
            if column is None:
                column = self._values[name] = [None] * number
            elif len(column) < number:  # the table did not have it for a while
                column += [None] * (number - len(column))
            column.append(value)
        if change.op == "t":
            self.emptied = True
            self._newest.clear()
            return
        key = tuple(told.get(name) for name in self._keys)
        if UNCHANGED in change.values:
            old, before = (key, self._newest.get(key)) if change.op == "u" else self._gone
            self._unfilled += [
                (number, name, old, before) for name, value in told.items() if value is UNCHANGED
            ]
        if change.op == "d":
            self.deletes += 1
            self._gone = (key, self._newest.get(key))
        self._newest[key] = number

    def fill(self, known: Callable[[Sequence[str], Sequence[tuple[Any, ...]]], dict[Any, Any]]) -> None:
        """Put long values that an UPDATE left alone in their place: from the change before it, here or in the lake.

        ``known`` tells, of columns and keys, key → values of the row's newest version in the lake, as text.
        Raises Broken ``gather.value_lost``.
        """
        asked = sorted({key for _, _, key, before in self._unfilled if before is None})
        wanted = sorted({name for _, name, _, before in self._unfilled if before is None})
        values = known(wanted, asked) if asked else {}
        for number, name, key, before in self._unfilled:
            if before is not None:
                self._values[name][number] = self._values[name][before]
            elif key in values:
                self._values[name][number] = values[key][wanted.index(name)]
            else:
                raise Broken("gather.value_lost", "有一个未随变更给出的长值在湖里找不到")
        self._unfilled = []

    def table(
        self, columns: Sequence[Item], raw: Sequence[Item], types: Mapping[str, str], address: Address
    ) -> pa.Table:
        """``_row _op _lsn _at`` and the columns under their raw names. Raises Widened."""
        given: dict[str, Any] = {
            ROW: pa.array(range(1, self.count + 1), pa.int64()),
            "_op": pa.array(self._ops, pa.string()),
            "_lsn": pa.array(self._lsns, pa.int64()),
            "_at": pa.array(
                [at.astimezone(CITY_TIME).replace(tzinfo=None) for at in self._ats], pa.timestamp("us")
            ),
        }
        for column, item in zip(columns, raw, strict=True):
            values = self._values.get(column.name, [])
            texts = values + [None] * (self.count - len(values))
            said = _SAID.get(types.get(column.name, ""))
            if said is not None:
                texts = [None if text is None else said(text) for text in texts]
            where = Address(address.file, address.sheet, None, column.name)
            given[item.name] = _typed(texts, item.type, column.name, where)
        return pa.table(given)

    def net(
        self, changes: pa.Table, raw: Sequence[Item], raw_keys: Sequence[str], duck: duckdb.DuckDBPyConnection
    ) -> pa.Table:
        """The newest version of each row that is still there, numbered as its change."""
        keys = ", ".join(map(quote, raw_keys))
        names = ", ".join(quote(item.name) for item in raw)
        cursor = duck.cursor()
        try:
            cursor.register("changes", changes)
            after = "SELECT coalesce(max(_row), 0) FROM changes WHERE _op = 't'"
            return cursor.execute(
                f"SELECT {ROW}, {names} FROM changes WHERE _op IN ('i', 'u') AND _row > ({after})"
                f" AND _row IN (SELECT max(_row) FROM changes WHERE _op <> 't' GROUP BY {keys}) ORDER BY {ROW}"
            ).to_arrow_table()
        finally:
            cursor.close()


def newest_of(
    view: LakeReading, table: str, names: Sequence[str], keys: Sequence[str], whole: tuple[str, int]
) -> str:
    """A captured table as the lake holds it now, for SQL; ``whole``: its snapshot's batch, and where changes begin."""
    landed, changes = view.table(raw_dataset(table)), view.table(change_dataset(table))
    return newest_sql(changes, landed, names, keys, batch=whole[0], position=whole[1])


def newest_sql(
    changes: str, whole: str, names: Sequence[str], keys: Sequence[str], *, batch: str, position: int
) -> str:
    """A table as its whole snapshot and the changes after it make it, as a subselect."""
    columns, key = ", ".join(map(quote, names)), ", ".join(map(quote, keys))
    same = " AND ".join(f"l.{quote(name)} = w.{quote(name)}" for name in keys)
    return (
        f"(WITH late AS (SELECT * FROM {changes} WHERE _lsn > {position} AND _op <> 't'"
        f" QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY _lsn DESC, {ROW} DESC) = 1)"
        f" SELECT {columns} FROM {whole} AS w WHERE {BATCH} = {literal(batch)}"
        f" AND NOT EXISTS (SELECT 1 FROM late AS l WHERE {same})"
        f" UNION ALL SELECT {columns} FROM late WHERE _op <> 'd') AS given"
    )


#: Types whose text in the log is not the text they are cast to: padded, and with the mask left out.
_SAID: dict[str, Callable[[str], str]] = {
    "bpchar": lambda text: text.rstrip(" "),
    "inet": lambda text: text if "/" in text else f"{text}/{128 if ':' in text else 32}",
    "bool": lambda text: "true" if text == "t" else "false",
}


def _typed(texts: list[Any], kind: str, column: str, address: Address) -> pa.Array[Any]:
    if kind == "boolean":
        return pa.array([None if text is None else text == "true" for text in texts], pa.bool_())
    form = _FORMS.get(kind)
    if form is None:
        return pa.array(texts, pa.string())
    if any(text is not None and not form.fullmatch(text) for text in texts):
        raise Widened(column, address)
    try:
        return pc.cast(pa.array(texts, pa.string()), _ARROW[kind])
    except pa.ArrowInvalid:
        raise Widened(column, address) from None
