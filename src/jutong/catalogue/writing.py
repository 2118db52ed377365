"""One entry at a time: drafts, the dataset behind it, the commitment to supply."""

from __future__ import annotations

from dataclasses import replace

from psycopg.errors import UniqueViolation

from jutong.catalogue.guide import check, vars_of
from jutong.catalogue.importing import copy_items, import_entries, reindex, with_item_names
from jutong.catalogue.reading import find_entry
from jutong.catalogue.rows import Entry, NewEntry
from jutong.database import Connection, named_sql
from jutong.people import SYSTEM, Party, decide
from jutong.terms import BadInput, Conflict, DatasetName, Denied, Refused

_SQL = named_sql(__file__)


def add_entry(conn: Connection, new: NewEntry, party: Party) -> Entry:
    """A draft of the party's own department; raises like ``import_entries``."""
    imported = import_entries(conn, [new], party, published=False)
    if imported.kept:
        raise Conflict("catalogue.already_there", f"本部门已有目录「{new.name}」")
    return find_entry(conn, imported.codes[0])


def change_entry(conn: Connection, entry_id: int, new: NewEntry, party: Party) -> Entry:
    """Write a draft (or one sent back) anew; a published entry is changed by ``reviewing.submit``.

    Raises Denied, BadInput ``catalogue.bad_entry``, Conflict ``catalogue.published``.
    """
    old = find_entry(conn, entry_id)
    must(party, "entry:edit", old)
    if old.version > 0:
        raise Conflict("catalogue.published", "已发布的目录不能直接改，请提交变更，审核通过前旧版照常服务")
    new = must_fit(old, new)
    write_content(conn, entry_id, new)
    return find_entry(conn, entry_id)


def must_fit(old: Entry, new: NewEntry) -> NewEntry:
    """The new content of an entry, checked; its department stays, and a published entry keeps its class."""
    new = replace(new, department_code=old.department_code, items=tuple(with_item_names(new.items)))
    if new.class_code != old.class_code:
        raise BadInput(
            "catalogue.class_fixed",
            "分类变了就是另一条目录：请新编一条，在「关联资源代码」里写上原代码（1272号 3）",
        )
    problems = check(vars_of(new))
    if problems:
        raise BadInput("catalogue.bad_entry", "；".join(problem.sentence for problem in problems))
    return new


def write_content(conn: Connection, entry_id: int, new: NewEntry) -> None:
    """Replace what an entry says and its items, search rows included; what is attached and committed stays."""
    values = {
        name: list(value) if isinstance(value, tuple) else value for name, value in vars_of(new).items()
    }
    try:
        with conn.transaction():
            conn.execute(_SQL.write_entry, {**values, "id": entry_id})
    except UniqueViolation:
        raise Conflict("catalogue.already_there", f"本部门已有目录「{new.name}」") from None
    conn.execute(_SQL.forget_items, {"id": entry_id})
    copy_items(conn, entry_id, new.items)
    reindex(conn, [entry_id])


def attach(
    conn: Connection, entry_id: int, dataset: DatasetName | str, party: Party = SYSTEM, *, kind: str = "table"
) -> None:
    """挂接: hang the entry on a lake dataset; ``kind`` table 库表, api 接口 or file 文件."""
    must(party, "entry:attach", find_entry(conn, entry_id))
    name = dataset if isinstance(dataset, DatasetName) else DatasetName.parse(dataset)
    conn.execute(_SQL.attach, {"id": entry_id, "dataset": str(name), "kind": kind})


def detach(conn: Connection, entry_id: int, party: Party = SYSTEM) -> None:
    must(party, "entry:attach", find_entry(conn, entry_id))
    conn.execute(_SQL.attach, {"id": entry_id, "dataset": None, "kind": None})


def commit_supply(conn: Connection, entry_id: int, party: Party = SYSTEM, *, committed: bool = True) -> None:
    """The department commits to supply it; together with a live resource that is the supply list."""
    must(party, "entry:attach", find_entry(conn, entry_id))
    conn.execute(_SQL.commit_supply, {"id": entry_id, "committed": committed})


def count_uses(conn: Connection, uses: dict[str, int]) -> None:
    """Set how often entries were exchanged so far, by code; search breaks ties by it.  Called by ``flows``."""
    with conn.cursor() as cursor:
        cursor.executemany(_SQL.set_uses, [{"code": code, "uses": count} for code, count in uses.items()])


def must(party: Party, action: str, thing: object) -> None:
    """Raises Denied with the reason why this party may not."""
    decision = decide(party, action, thing)
    if isinstance(decision, Refused):
        raise Denied(decision.code, decision.reason)
