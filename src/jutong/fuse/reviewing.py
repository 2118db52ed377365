"""What only people can say: pairs too alike to part and too unlike to join, and sources that contradict the
designated one (一数一源).

A pair becomes a case with both records side by side; its outcome is read from the case at every later run.  Few
cases wait at a time, the most alike first; the rest is counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa
from psycopg.types.json import Jsonb

from jutong.casework import open_case
from jutong.database import Connection, named_sql
from jutong.fuse.holding import desk_of
from jutong.fuse.register import Register
from jutong.terms import literal, quote

_sql = named_sql(__file__, "queries.sql")
#: Cases of one register that wait at a time.
MOST_OPEN = 30
#: Examples shown in a case about contradicting sources.
_EXAMPLES = 5


@dataclass(frozen=True)
class Doubt:
    """A pair of rows that people are or will be asked about; ``verdict`` '' while nobody has said."""

    register: str
    dataset_l: str
    key_l: str
    dataset_r: str
    key_r: str
    weight: float
    rows: Mapping[str, Any]
    case_id: int | None
    verdict: str


def ask(register: Register, control: Connection, duck: duckdb.DuckDBPyConnection, *, whole: bool) -> None:
    """Keep the doubtful pairs, open cases for the most alike, and object where sources contradict the designated."""
    found = duck.execute(
        "SELECT dataset_l, key_l, dataset_r, key_r, CAST(weight AS DOUBLE) AS weight FROM doubtful ORDER BY weight DESC, 1, 2, 3, 4 LIMIT 10000"
    ).fetchall()
    rows = _rows(register, duck, found)
    if whole:
        control.execute(_sql.forget_pairs, {"register": register.name})
    with control.cursor() as cursor:
        cursor.executemany(
            _sql.save_pair,
            [
                {
                    "register": register.name, "dataset_l": one[0], "key_l": one[1], "dataset_r": one[2], "key_r": one[3],
                    "weight": round(one[4], 4), "rows": Jsonb({"left": rows[one[:2]], "right": rows[one[2:4]]}),
                }
                for one in found
            ],
        )  # fmt: skip
    desk = desk_of(control)
    if desk:
        _open_cases(register, control, desk)
        _object(register, control, duck, desk)


def _rows(
    register: Register, duck: duckdb.DuckDBPyConnection, found: list[tuple[Any, ...]]
) -> dict[tuple[str, str], dict[str, str]]:
    """Both records of every pair: item → value as text."""
    wanted = {one[:2] for one in found} | {one[2:4] for one in found}
    if not wanted:
        return {}
    datasets, keys = zip(*sorted(wanted), strict=True)
    duck.register("passing", pa.table({"dataset": list(datasets), "source_key": list(keys)}))
    duck.execute("CREATE OR REPLACE TEMP TABLE asked AS SELECT * FROM passing")
    duck.unregister("passing")
    items = ", ".join(f"j.{quote(item.name)}" for item in register.items)
    shown: dict[tuple[str, str], dict[str, str]] = {key: {} for key in wanted}
    for row in duck.execute(
        f"SELECT j.dataset, j.source_key, {items} FROM judged j SEMI JOIN asked a ON a.dataset = j.dataset AND a.source_key = j.source_key"
    ).fetchall():
        values = zip(register.items, row[2:], strict=True)
        shown[row[:2]] = {item.name: str(value) for item, value in values if value is not None}
    return shown


def _open_cases(register: Register, control: Connection, desk: str) -> None:
    row = control.execute(_sql.count_open_pairs, {"register": register.name}).fetchone()
    room = MOST_OPEN - int(row["n"] if row else 0)
    if room <= 0:
        return
    labels = {item.name: item.label for item in register.items}
    for pair in control.execute(_sql.next_pairs, {"register": register.name, "room": room}).fetchall():
        left, right = pair["rows"]["left"], pair["rows"]["right"]
        names = [name for name in labels if name in left or name in right]
        title = f"{register.label}：{_called(register, left)} 与 {_called(register, right)} 是否同一主体"
        case = open_case(
            control, "merge_review", title=title, department_code=desk, opened_by=None,
            subject={"register": register.name, "pair": pair["id"]},
            data={
                "register": register.label, "weight": float(pair["weight"]),
                "sources": [f"{pair['dataset_l']} {pair['key_l']}", f"{pair['dataset_r']} {pair['key_r']}"],
                "items": [[labels[name], left.get(name, ""), right.get(name, "")] for name in names],
            },
        )  # fmt: skip
        control.execute(_sql.tie_pair, {"id": pair["id"], "case_id": case})


def _called(register: Register, row: Mapping[str, str]) -> str:
    name = register.item_of("legal_name") or register.item_of("person_name")
    return row.get(name or "", "") or next(iter(row.values()), "（空）")


def doubts(connection: Connection, register: str, limit: int = 50) -> list[Doubt]:
    """Pairs of a register for people, those that wait first, the most alike before others."""
    rows = connection.execute(_sql.doubts, {"register": register, "limit": limit}).fetchall()
    return [_doubt(row) for row in rows]


def doubt_of(connection: Connection, case_id: int) -> Doubt | None:
    """The pair a case is about; None when it is no longer in doubt."""
    row = connection.execute(_sql.doubt_of, {"case_id": case_id}).fetchone()
    return _doubt(row) if row else None


def _doubt(row: Mapping[str, Any]) -> Doubt:
    return Doubt(
        row["register"], row["dataset_l"], row["key_l"], row["dataset_r"], row["key_r"], float(row["weight"]),
        row["rows"], row["case_id"], row["verdict"] or "",
    )  # fmt: skip


def _object(register: Register, control: Connection, duck: duckdb.DuckDBPyConnection, desk: str) -> None:
    """One objection for each source and item that contradicts the designated source, while none is open."""
    owners = {row["name"]: row["department_code"] for row in control.execute(_sql.dataset_owners).fetchall()}
    open_ones = {
        (row["dataset"], row["item"])
        for row in control.execute(_sql.open_objections, {"register": register.name}).fetchall()
    }
    for item, law in register.designated.items():
        label = next(one.label for one in register.items if one.name == item)
        for dataset, count, examples in duck.execute(_conflict_sql(item, law)).fetchall():
            if (dataset, item) in open_ones:
                continue
            source = register.source_of(dataset)
            told = source.label if source else dataset
            case = open_case(
                control, "objection",
                title=f"{told}的「{label}」与数源部门不一致：{count:,} 户",
                department_code=owners.get(law) or desk, opened_by=None,
                subject={"register": register.name, "dataset": dataset, "item": item},
                data={"reason": f"数源 {law} 与 {dataset} 的「{label}」不同", "count": count, "examples": examples},
                sides={"requester": owners.get(law) or desk, "provider": owners.get(dataset) or desk},
            )  # fmt: skip
            control.execute(
                _sql.save_objection,
                {
                    "register": register.name,
                    "dataset": dataset,
                    "item": item,
                    "case_id": case,
                    "count": count,
                },
            )


def _conflict_sql(item: str, law: str) -> str:
    """Per contradicting dataset: how many entities, and some of them with both values."""
    return (
        f"SELECT o.dataset, count(DISTINCT o.entity), list(DISTINCT o.entity || '：' || l.{quote(item)} || ' ≠ ' || o.{quote(item)})[:{_EXAMPLES}] "
        f"FROM judged o JOIN judged l ON l.entity = o.entity WHERE l.dataset = {literal(law)} AND l.{quote('w_' + item)} = 'chosen' "
        f"AND o.{quote('w_' + item)} = 'less_trusted' GROUP BY 1 ORDER BY 1"
    )
