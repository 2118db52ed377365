"""When a run waits for a person: a source brings far too much or too little, or too many entities would change.

Nothing is written then; a case says why, on the steward's desk.  Released, the next run goes through.
"""

from __future__ import annotations

import duckdb

from jutong.casework import open_case
from jutong.database import Connection, named_sql
from jutong.fuse.register import Register
from jutong.people import steward_code
from jutong.terms import Broken, literal

_sql = named_sql(__file__, "queries.sql")


def reasons(register: Register, duck: duckdb.DuckDBPyConnection, control: Connection) -> tuple[str, ...]:
    """Why this run should be seen by a person first; nothing when someone has already let it through."""
    found = (*_volumes(register, duck, control), *_upheaval(register, duck, control))
    if not found:
        return ()
    row = control.execute(_sql.open_hold, {"register": register.name}).fetchone()
    return () if row and row["state"] == "released" else found


def _volumes(register: Register, duck: duckdb.DuckDBPyConnection, control: Connection) -> list[str]:
    """Sources whose rows are a multiple or a fraction of what they were."""
    last = control.execute(_sql.last_fusion, {"register": register.name}).fetchone()
    before = dict(last["sources"]) if last else {}
    now = rows_by_source(duck)
    rules = register.holds
    told = []
    for dataset, was in sorted(before.items()):
        rows = now.get(dataset, 0)
        if max(was, rows) < rules.at_least or not was:
            continue
        if rows >= was * rules.grow or rows <= was * rules.shrink:
            told.append(f"{dataset} 上次 {was:,} 行，这次 {rows:,} 行")
    return told


def rows_by_source(duck: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Rows of each source as this run leaves them: judged here, and remembered beyond its reach."""
    beyond = ""
    if duck.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'reach'").fetchone():
        beyond = " UNION ALL SELECT dataset FROM known.record r ANTI JOIN reached x ON x.place = r.rowid"
    rows = duck.execute(
        f"SELECT dataset, count(*) FROM (SELECT dataset FROM judged{beyond}) GROUP BY 1"
    ).fetchall()
    return {str(dataset): int(count) for dataset, count in rows}


def _upheaval(register: Register, duck: duckdb.DuckDBPyConnection, control: Connection) -> list[str]:
    """Too many entities merged or split by one run."""
    row = control.execute(_sql.last_fusion, {"register": register.name}).fetchone()
    if row is None:
        return []
    rules, told = register.holds, []
    for event, label, share in (("merged", "合并", rules.merges), ("split", "拆分", rules.splits)):
        found = duck.execute(
            f"SELECT count(DISTINCT entity) FROM happening WHERE event = {literal(event)}"
        ).fetchone()
        count = int(found[0]) if found else 0
        if count >= rules.at_least and count > row["entities"] * share:
            told.append(f"这次将{label} {count:,} 个主体，超过现有 {row['entities']:,} 个的 {share:.0%}")
    return told


def hold(register: Register, control: Connection, why: tuple[str, ...]) -> tuple[str, ...]:
    """Open a case, unless one waits already."""
    row = control.execute(_sql.open_hold, {"register": register.name}).fetchone()
    desk = desk_of(control)
    if row is None and desk:
        case = open_case(
            control, "register_hold", title=f"{register.label}融合待确认：{why[0]}", department_code=desk,
            opened_by=None, subject={"register": register.name}, data={"reasons": list(why)},
        )  # fmt: skip
        control.execute(_sql.save_hold, {"register": register.name, "case_id": case})
    return why


def used(register: Register, control: Connection) -> None:
    """A run has gone through: what was let through has been."""
    control.execute(_sql.close_holds, {"register": register.name})


def desk_of(control: Connection) -> str | None:
    """The steward's department; None in a city that has none yet, where cases would lie on nobody's desk."""
    try:
        return steward_code(control)
    except Broken:
        return None
