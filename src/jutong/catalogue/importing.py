"""Many entries at once: the survey's catalogue, or a department's workbook; COPY, one pass, all or nothing."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from psycopg.errors import UniqueViolation

from jutong.catalogue.guide import Problem, check, vars_of
from jutong.catalogue.indexing import vector
from jutong.catalogue.rows import NewDemand, NewEntry, NewItem
from jutong.database import Connection, named_sql
from jutong.people import SYSTEM, Party, decide
from jutong.terms import Address, BadInput, Conflict, Denied, Refused
from jutong.words import folded

_SQL = named_sql(__file__)

_ENTRY_COLUMNS = (
    "id", "code", "name", "summary", "department_code", "class_code", "theme", "share_type", "share_condition",
    "share_methods", "use_condition", "grade", "formats", "sub_formats", "update_cycle", "open",
    "open_condition", "related_codes", "source_system", "state", "committed", "resource_kind", "dataset",
    "secrecy_assessed", "privacy_assessed", "published_at", "version",
)  # fmt: skip
_ITEM_COLUMNS = ("entry_id", "no", "name", "label", "data_type", "length", "element", "is_key", "share_type",
                 "grade", "mask")  # fmt: skip

#: What follows the 分类码 in a 信息资源代码 (domain: ``%s/%06d``).
_CODE = re.compile(r"/\d{6,9}")


@dataclass(frozen=True)
class Imported:
    """What an import did; ``codes`` of the new entries in the order they came."""

    entries: int
    items: int
    #: entries that were there already (same department, same name) and stay as they are
    kept: int
    codes: tuple[str, ...]


@dataclass(frozen=True)
class _Row:
    id: int
    code: str
    entry: NewEntry


def import_entries(
    conn: Connection,
    rows: Iterable[NewEntry | Mapping[str, Any]],
    party: Party = SYSTEM,
    *,
    published: bool | None = None,
    now: dt.datetime | None = None,
) -> Imported:
    """Add entries with their items; those that are there already stay as they are, so it may be run again.

    ``published``: the 主管部门 (or the platform) brings in a catalogue that was published elsewhere; everybody
    else's entries come as drafts of his own department and take the two gates.  Raises BadInput
    ``catalogue.bad_entry`` with the row (counted from 1) and every problem of it; nothing is imported then.
    """
    now = now or dt.datetime.now(dt.UTC)
    given = [_as_entry(number, row) for number, row in enumerate(rows, start=1)]
    steward = not isinstance(decide(party, "entry:publish"), Refused)
    published = steward if published is None else published
    _must_be_allowed(party, given, published=published, steward=steward)
    short = {row["code"]: row["short_name"] for row in conn.execute(_SQL.short_names)}
    _must_be_right(given, short, published=published)
    fresh = _fresh(conn, given)
    numbered = _numbered(conn, fresh)
    try:
        with conn.transaction():
            state, date = ("published", now.date()) if published else ("draft", None)
            _copy(conn, "entry", _ENTRY_COLUMNS, _entry_rows(numbered, state, date))
            _copy(conn, "item", _ITEM_COLUMNS, _item_rows(numbered))
            _copy(conn, "entry_search", _SEARCH_COLUMNS, _search_rows(numbered, state, short))
            if published:
                conn.execute(_SQL.first_versions, {"ids": [row.id for row in numbered], "now": now})
    except UniqueViolation as problem:
        detail = problem.diag.message_detail or ""
        raise Conflict("catalogue.already_there", f"目录编码或同名目录已经存在：{detail}") from None
    items = sum(len(row.entry.items) for row in numbered)
    return Imported(len(numbered), items, len(given) - len(fresh), tuple(row.code for row in numbered))


def import_demands(conn: Connection, rows: Iterable[NewDemand | Mapping[str, Any]]) -> int:
    """Add demands; one that is there (same department, same name) is brought up to date.  How many came."""
    given = [row if isinstance(row, NewDemand) else NewDemand.from_row(row) for row in rows]
    with conn.cursor() as cursor:
        cursor.executemany(_SQL.add_demand, [{**vars_of(one), "items": list(one.items)} for one in given])
    return len(given)


def add_classes(conn: Connection, classes: Iterable[tuple[str, str, str]]) -> None:
    """目 and 细目 of the classification: (code, name, parent code); parents first."""
    with conn.cursor() as cursor:
        cursor.executemany(
            _SQL.add_class, [{"code": code, "name": name, "parent": parent} for code, name, parent in classes]
        )


def next_codes(conn: Connection, class_code: str, how_many: int) -> list[str]:
    """So many new codes ``分类码/顺序码``; an order that was given out is never given again."""
    row = conn.execute(_SQL.take_numbers, {"prefix": class_code, "count": how_many}).fetchone()
    assert row is not None
    first = row["last"] - how_many + 1
    return [f"{class_code}/{number:06d}" for number in range(first, first + how_many)]


def with_item_names(items: Sequence[NewItem]) -> Iterator[NewItem]:
    """Items whose column nobody knows yet are called ``item_000``."""
    for no, item in enumerate(items):
        yield item if item.name else replace(item, name=f"item_{no:03d}")


def item_rows(entry_id: int, items: Sequence[NewItem]) -> Iterator[tuple[Any, ...]]:
    """Rows for COPY into ``item``."""
    for no, item in enumerate(with_item_names(items)):
        yield (entry_id, no, item.name, item.label, item.data_type, item.length, item.element, item.is_key,
               item.share_type, item.grade, item.mask)  # fmt: skip


def copy_items(conn: Connection, entry_id: int, items: Sequence[NewItem]) -> None:
    _copy(conn, "item", _ITEM_COLUMNS, item_rows(entry_id, items))


def reindex(conn: Connection, entry_ids: Sequence[int] | None = None) -> int:
    """Make the search rows of these entries (None: all) again from what the catalogue holds; how many."""
    ids = None if entry_ids is None else list(entry_ids)
    rows = conn.execute(_SQL.to_index, {"ids": ids}).fetchall()
    conn.execute(_SQL.forget_search, {"ids": ids})
    _copy(conn, "entry_search", _SEARCH_COLUMNS, (
        (row["id"], row["department_code"], row["state"], row["theme"], row["share_type"], row["worth"],
         folded(row["name"]), vector(row["name"], row["summary"], (*row["labels"], row["short_name"], row["theme"])))
        for row in rows
    ))  # fmt: skip
    return len(rows)


_SEARCH_COLUMNS = ("entry_id", "department_code", "state", "theme", "share_type", "worth", "name", "terms")  # fmt: skip


def _must_be_allowed(party: Party, given: Sequence[NewEntry], *, published: bool, steward: bool) -> None:
    if published and not steward:
        raise Denied("catalogue.two_gates", "目录要经部门负责人批准和主管部门审核才能发布，导入的只能是草稿")
    for code in {entry.department_code for entry in given}:
        decision = decide(party, "entry:import", {"department_code": code})
        if isinstance(decision, Refused):
            raise Denied(decision.code, decision.reason)


def _as_entry(number: int, row: NewEntry | Mapping[str, Any]) -> NewEntry:
    """A mapping that lacks what an entry must have is told so, with its row."""
    if isinstance(row, NewEntry):
        return row
    try:
        return NewEntry.from_row(row)
    except TypeError:
        raise _bad(number, str(row.get("name") or ""), check(row)) from None


def _bad(number: int, name: str, problems: Sequence[Problem]) -> BadInput:
    sentence = f"「{name}」：{'；'.join(problem.sentence for problem in problems)}"
    return BadInput("catalogue.bad_entry", sentence, Address(row=number, item=problems[0].label))


def _must_be_right(given: Sequence[NewEntry], departments: Mapping[str, str], *, published: bool) -> None:
    seen: set[tuple[str, str]] = set()
    for row, entry in enumerate(given, start=1):
        problems: list[Problem] = check(vars_of(entry))
        key = (entry.department_code, entry.name)
        if key in seen:
            problems.append(
                Problem("name", "信息资源名称", f"同一部门的「{entry.name}」在这次导入里出现两次")
            )
        seen.add(key)
        if entry.code is not None and not _CODE.fullmatch(entry.code.removeprefix(entry.class_code)):
            sentence = f"信息资源代码「{entry.code}」应是分类码 {entry.class_code} 加 / 和至少 6 位顺序码"
            problems.append(Problem("code", "信息资源代码", sentence))
        if entry.department_code not in departments:
            problems.append(
                Problem("department_code", "信息资源提供方", f"没有部门「{entry.department_code}」")
            )
        if published and not (entry.secrecy_assessed and entry.privacy_assessed):
            sentence = "已发布的目录须做过保密风险和个人信息保护影响评估（第13条）"
            problems.append(Problem("secrecy_assessed", "保密风险评估", sentence))
        if problems:
            raise _bad(row, entry.name, problems)


def _fresh(conn: Connection, given: Sequence[NewEntry]) -> list[NewEntry]:
    departments = sorted({entry.department_code for entry in given})
    rows = conn.execute(_SQL.names_there, {"departments": departments})
    there = {(row["department_code"], row["name"]) for row in rows}
    return [entry for entry in given if (entry.department_code, entry.name) not in there]


def _numbered(conn: Connection, entries: Sequence[NewEntry]) -> list[_Row]:
    """Ids and codes in the order the entries came; a code that was brought along reserves its order."""
    wanted = Counter(entry.class_code for entry in entries if entry.code is None)
    known = {row["code"] for row in conn.execute(_SQL.class_codes)}
    unknown = sorted({entry.class_code for entry in entries} - known)
    if unknown:
        raise BadInput("catalogue.no_class", f"信息资源分类里没有「{'、'.join(unknown)}」")
    brought = [entry.code.partition("/") for entry in entries if entry.code is not None]
    for prefix in sorted({prefix for prefix, _, _ in brought}):
        highest = max(int(order) for of, _, order in brought if of == prefix)
        conn.execute(_SQL.reserve_number, {"prefix": prefix, "number": highest})
    codes = {prefix: iter(next_codes(conn, prefix, count)) for prefix, count in sorted(wanted.items())}
    ids = [row["id"] for row in conn.execute(_SQL.take_ids, {"count": len(entries)})]
    return [
        _Row(entry_id, entry.code or next(codes[entry.class_code]), entry)
        for entry_id, entry in zip(ids, entries, strict=True)
    ]


def _entry_rows(rows: Sequence[_Row], state: str, date: dt.date | None) -> Iterator[tuple[Any, ...]]:
    for row in rows:
        one = row.entry
        kind = one.resource_kind or ("table" if one.dataset else None)
        yield (
            row.id, row.code, one.name, one.summary, one.department_code, one.class_code, one.theme,
            one.share_type, one.share_condition, list(one.share_methods), one.use_condition, one.grade,
            list(one.formats), list(one.sub_formats), one.update_cycle, one.open, one.open_condition,
            list(one.related_codes), one.source_system, state, one.committed, kind, one.dataset,
            one.secrecy_assessed, one.privacy_assessed, date and (one.published_at or date), int(date is not None),
        )  # fmt: skip


def _item_rows(rows: Sequence[_Row]) -> Iterator[tuple[Any, ...]]:
    for row in rows:
        yield from item_rows(row.id, row.entry.items)


def _search_rows(rows: Sequence[_Row], state: str, short: Mapping[str, str]) -> Iterator[tuple[Any, ...]]:
    for row in rows:
        one = row.entry
        others = (*(item.label for item in one.items), short[one.department_code], one.theme)
        worth = -len(one.name) / 10
        yield (
            row.id, one.department_code, state, one.theme, one.share_type, worth,
            folded(one.name), vector(one.name, one.summary, others),
        )  # fmt: skip


def _copy(conn: Connection, table: str, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
    with conn.cursor() as cursor, cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
