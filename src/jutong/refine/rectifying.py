"""整改: refused rows go back to who keeps them, and the case closes when they come again mended (UC-REFINE-02).

1. A batch with refused rows, or a held one, becomes a case on the provider's desk, with its clock; one per table.
2. After every refining each open case is held against what has come since, row by row and rule by rule.
3. Nothing left: the platform itself reports and passes.  Something left after the officer said it was mended: the
   case goes back with the number of rows.  No person passes it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jutong import casework
from jutong.database import Connection, Database, named_sql
from jutong.people import SYSTEM, Party, steward_code
from jutong.refine.outcomes import Refinement
from jutong.store import Reading, Store
from jutong.terms import Conflict, Denied, NotFound, literal, quote

_sql = named_sql(__file__)
KIND = "data_quality"


@dataclass(frozen=True)
class Rechecked:
    """复检 of one case: how many of its refused rows' faults there were and how many are left."""

    case_id: int
    batch_id: str
    given: int
    left: int
    state: str


def dispatch(
    connection: Connection, batch_id: str, *, by: Party | None = None, now: dt.datetime | None = None
) -> int:
    """Open the case of a batch on its provider's desk; returns its id.

    Raises Denied ``refine.not_steward``, NotFound ``refine.no_batch``, Conflict ``refine.nothing_to_mend`` and
    ``refine.being_mended``.
    """
    if by is not None and "steward" not in by.roles:
        raise Denied("refine.not_steward", "发回整改由主管部门的数据管理员办理")
    row = connection.execute(_sql.batch_to_mend, {"batch": batch_id}).fetchone()
    if row is None:
        raise NotFound("refine.no_batch", f"没有清洗过的批次 {batch_id}")
    if not row["rejected"] and not row["held_reason"]:
        raise Conflict("refine.nothing_to_mend", f"批次 {batch_id} 没有被拒收的行，不必整改")
    if row["open_case"] is not None:
        raise Conflict("refine.being_mended", f"「{row['label']}」已有整改工单在办")
    steward = steward_code(connection)
    what = "整批留置" if row["held_reason"] else f"{row['rejected']} 行被拒收"
    return casework.open_case(
        connection, KIND, title=f"{row['label']}：{what}，请整改", department_code=steward, opened_by=by,
        sides={"provider": row["department_code"]}, now=now,
        subject={"dataset": f"standard.{row['source_table']}", "batch_id": batch_id},
        data={"rejected": row["rejected"], "score": float(row["score"]) if row["score"] is not None else None},
    )  # fmt: skip


def follow_up(
    database: Database, store: Store, refined: Iterable[Refinement], *, now: dt.datetime | None = None
) -> list[Rechecked]:
    """After a refining: held batches are dispatched by themselves, open cases are re-checked."""
    with database.connection() as connection:
        for one in refined:
            if one.held_reason:
                try:
                    dispatch(connection, one.batch_id, now=now)
                except Conflict:
                    continue
    return recheck(database, store, now=now)


def recheck(database: Database, store: Store, *, now: dt.datetime | None = None) -> list[Rechecked]:
    """Hold every open case against the batches that came after it; close what is mended."""
    with database.connection() as connection:
        cases = connection.execute(_sql.cases_to_recheck, {"kind": KIND}).fetchall()
        told = connection.execute(_sql.whitelisted).fetchall()
    whitelist = {row["check_code"]: row["values"] for row in told}
    done = []
    for case in cases:
        if not case["later"] and not whitelist and not case["nothing_left"]:
            continue
        with store.reading() as reading:
            given, left = _left(reading, case, whitelist)
        with database.connection() as connection:
            state = _answer(connection, case, given, left, now)
        done.append(Rechecked(case["id"], case["batch_id"], given, left, state))
    return done


def _left(
    reading: Reading, case: Mapping[str, Any], whitelist: Mapping[str, Sequence[str]]
) -> tuple[int, int]:
    """How many faults the case is about, and how many of them stand: (key, item, rule) each counted once."""
    issue = reading.table("standard.issue")
    waived = " OR ".join(
        f"(rule = {literal(code)} AND value_cleaned IN ({', '.join(literal(value) for value in values)}))"
        for code, values in whitelist.items()
    )
    wrong = (
        f"SELECT DISTINCT coalesce(key, '') AS key, item, rule, coalesce({waived or 'false'}, false) AS waived "
        f"FROM {issue} WHERE batch = {literal(case['batch_id'])} AND severity = 'reject'"
    )
    rows = reading.rows(
        f"WITH wrong AS ({wrong}), still AS ({_still(reading, case, issue)}) "
        "SELECT count(*) AS given, count(*) FILTER (WHERE NOT waived AND standing) AS standing FROM still"
    )
    return int(rows[0]["given"]), int(rows[0]["standing"])


def _still(reading: Reading, case: Mapping[str, Any], issue: str) -> str:
    later = case["later"]
    if not later:
        return "SELECT *, true AS standing FROM wrong"
    listed = ", ".join(literal(batch) for batch in later)
    newest = literal(later[-1])
    again = f"SELECT DISTINCT coalesce(key, '') AS key, item, rule FROM {issue} WHERE batch = "
    if case["mode"] == "full":
        # A full batch says everything there is: what it does not complain of is mended or gone.
        return (
            f"SELECT wrong.*, here.rule IS NOT NULL AS standing FROM wrong LEFT JOIN ({again}{newest}) AS here "
            "USING (key, item, rule)"
        )
    table = case["dataset"]
    keys = ", ".join(f"coalesce(CAST({quote(key)} AS VARCHAR), '')" for key in case["keys"])
    mended = f"SELECT concat_ws('|', {keys or 'NULL'}) AS key FROM {reading.table(table)} WHERE _batch IN ({listed})"
    # A row without its key cannot be known again: it counts as mended when the newest batch has none like it.
    return (
        "SELECT wrong.*, CASE WHEN wrong.key = '' THEN here.rule IS NOT NULL ELSE mended.key IS NULL END AS standing "
        f"FROM wrong LEFT JOIN ({again}{newest}) AS here USING (key, item, rule) "
        f"LEFT JOIN (SELECT DISTINCT key FROM ({mended})) AS mended ON mended.key = wrong.key"
    )


def _answer(
    connection: Connection, case: Mapping[str, Any], given: int, left: int, now: dt.datetime | None
) -> str:
    if left == 0 and (given or case["nothing_left"]):
        note = (
            "标准已改，原来的问题按新标准不再成立"
            if not given
            else f"复检：批次 {(case['later'] or [case['batch_id']])[-1]} 中，原来的 {given} 处问题均已改正或列入白名单"
        )
        if case["state"] == "rectifying":
            casework.move(connection, case["id"], "report", SYSTEM, "数据已重新报送", now=now)
        return casework.move(connection, case["id"], "pass", SYSTEM, note, now=now).state
    came_after_report = case["newest_at"] is not None and case["newest_at"] > case["moved_at"]
    if case["state"] == "rechecking" and came_after_report:
        note = f"复检：原来的 {given} 处问题还有 {left} 处没有改正"
        return casework.move(connection, case["id"], "fail", SYSTEM, note, now=now).state
    return str(case["state"])
