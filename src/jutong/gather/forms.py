"""填报: forms made from an entry's items, filled in by hand or in a workbook made for them (UC-GATHER-03).

A form is a source table like any other: what is filled in arrives as a file and lands as a batch.  Its rows are a
draft until they are sent; sending marks the rows with their arrival first and writes the file after, so that a
crash between the two is mended by whoever comes next.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg.types.json import Jsonb

from jutong.database import Connection, Database, named_sql
from jutong.elements import element_of, try_many
from jutong.gather.arrivals import Arrival, append, begin_arrival, complete, find_arrival, received
from jutong.gather.declaring import Source, SourceTable, declare_sources
from jutong.terms import BadInput, Conflict, NotFound

_sql = named_sql(__file__, "ways.sql")

#: What is written by hand; a workbook may hold more.
MOST_ROWS = 2_000
_TEMPLATE_ROWS = 5_000


@dataclass(frozen=True)
class Form:
    source_table: str
    label: str
    explained: str
    state: str
    items: tuple[Mapping[str, Any], ...]
    keys: tuple[str, ...]
    source_name: str
    department_code: str
    department: str
    entry_id: int | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(str(item["name"]) for item in self.items)


@dataclass(frozen=True)
class Question:
    """What is to be mended in a draft: the row counts from 1, the item by its name."""

    row: int
    item: str
    rejects: bool
    sentence: str


def make_form(
    connection: Connection,
    *,
    department_code: str,
    table: str,
    label: str,
    items: Sequence[Mapping[str, Any]],
    keys: Sequence[str] = (),
    entry_id: int | None = None,
    explained: str = "",
    by: int | None = None,
) -> Form:
    """A form of these items (rows as ``SourceTable.items`` has them); made again it is brought to this declaration.

    Raises BadInput ``gather.bad_table`` and ``gather.bad_form``.
    """
    if not items:
        raise BadInput("gather.bad_form", "填报表须至少有一个信息项")
    source = f"form_{department_code.lower()}"
    declare_sources(
        connection,
        [Source(source, department_code, "file", "填报")],
        [
            SourceTable(
                table, source, label, {"file": table}, mode="incremental", watermark_item="_sent",
                keys=tuple(keys), items=tuple(items), entry_id=entry_id,
            )
        ],
    )  # fmt: skip
    values = {"table": table, "entry": entry_id, "label": label, "explained": explained, "by": by}
    connection.execute(_sql.save_form, values)
    return find_form(connection, table)


def find_form(connection: Connection, table: str) -> Form:
    """Raises NotFound ``gather.no_form``."""
    row = connection.execute(_sql.find_form, {"table": table}).fetchone()
    if row is None:
        raise NotFound("gather.no_form", f"没有填报表 {table}")
    return Form(**{**row, "items": tuple(row["items"]), "keys": tuple(row["keys"])})


def list_forms(connection: Connection, department: str | None = None) -> list[dict[str, Any]]:
    return connection.execute(_sql.list_forms, {"department": department}).fetchall()


def template(form: Form, rows: Sequence[Mapping[str, Any]] = ()) -> bytes:
    """The workbook to fill in: one column per item, all cells text so that no code is rounded, lists where a value
    must be one of a few, and what is meant as a note on each header."""
    import xlsxwriter  # slow to import, needed only where a workbook is made

    out = io.BytesIO()
    book = xlsxwriter.Workbook(
        out,
        {
            "in_memory": True,
            "strings_to_numbers": False,
            "strings_to_formulas": False,
            "strings_to_urls": False,
        },
    )
    sheet = book.add_worksheet(_sheet_name(form.label))
    head = book.add_format(
        {"bold": True, "bg_color": "#E8EDF3", "border": 1, "num_format": "@", "text_wrap": True}
    )
    must = book.add_format(
        {"bold": True, "bg_color": "#F6E4C8", "border": 1, "num_format": "@", "text_wrap": True}
    )
    text = book.add_format({"num_format": "@"})
    for place, item in enumerate(form.items):
        needed = _needed(form, item)
        sheet.write_string(0, place, str(item["label"]), must if needed else head)
        sheet.write_comment(0, place, meaning(form, item), {"x_scale": 2})
        sheet.set_column(place, place, max(14, 2 * len(str(item["label"])) + 4), text)
        values = [str(value) for value in item.get("values") or ()]
        if values and len(",".join(values)) <= 255:
            sheet.data_validation(1, place, _TEMPLATE_ROWS, place, {
                "validate": "list", "source": values, "error_title": "不在清单里",
                "error_message": f"「{item['label']}」须从清单里选",
            })  # fmt: skip
    for number, row in enumerate(rows, start=1):
        for place, name in enumerate(form.names):
            value = row.get(name)
            if value not in (None, ""):
                sheet.write_string(number, place, str(value), text)
    sheet.freeze_panes(1, 0)
    book.close()
    return out.getvalue()


def meaning(form: Form, item: Mapping[str, Any]) -> str:
    """What is to be written into a column, in one sentence."""
    element = element_of(item.get("element"), str(item.get("type", "text")))
    words = [] if element.label == item["label"] else [element.label]
    if item.get("values"):
        words.append("可填 " + "、".join(str(value) for value in item["values"]))
    elif element.name != "text":
        words.append(
            f"如 {next((one for one, clean in element.passes if one == clean), element.passes[0][0])}"
        )
    return f"{'必填。' if _needed(form, item) else ''}{'，'.join(words)}"


def _needed(form: Form, item: Mapping[str, Any]) -> bool:
    return bool(item.get("required") or item["name"] in form.keys)


def _sheet_name(label: str) -> str:
    return "".join("_" if char in "[]:*?/\\'" else char for char in label)[:31] or "填报"


# -- rows filled in by hand


def drafts(connection: Connection, form: Form) -> list[dict[str, Any]]:
    """{id, cells} in the order they were written."""
    return connection.execute(_sql.draft_rows, {"table": form.source_table, "limit": MOST_ROWS}).fetchall()


def write_row(
    connection: Connection,
    form: Form,
    cells: Mapping[str, Any],
    *,
    row: int | None = None,
    key: str = "",
    by: int | None = None,
) -> int:
    """A new draft row, or another version of one; wrong values are kept, for a draft may be wrong.  A row that comes
    again under its ``key`` is the row it was, sent or not.

    Raises BadInput ``gather.empty_row`` and ``gather.too_many_rows``, NotFound ``gather.no_draft``.
    """
    kept = {name: str(cells[name]).strip() for name in form.names if str(cells.get(name) or "").strip()}
    if not kept:
        raise BadInput("gather.empty_row", "这一行什么也没有填")
    values = {"table": form.source_table, "cells": Jsonb(kept), "by": by, "id": row, "key": key or None}
    if row is not None:
        if connection.execute(_sql.change_form_row, values).rowcount != 1:
            raise NotFound("gather.no_draft", "这一行已经报送或删掉了")
        return row
    if len(drafts(connection, form)) >= MOST_ROWS:
        raise BadInput("gather.too_many_rows", f"手工填写最多 {MOST_ROWS} 行；更多的请下载模板填好后上传")
    made = connection.execute(_sql.add_form_row, values).fetchone()
    if made is None:
        made = connection.execute(_sql.form_row_of_key, values).fetchone()
    assert made is not None
    return int(made["id"])


def drop_row(connection: Connection, form: Form, row: int) -> None:
    """Raises NotFound ``gather.no_draft``."""
    if connection.execute(_sql.drop_form_row, {"table": form.source_table, "id": row}).rowcount != 1:
        raise NotFound("gather.no_draft", "这一行已经报送或删掉了")


def questions(form: Form, rows: Sequence[Mapping[str, Any]]) -> list[Question]:
    """What refining will say about each row's items, by the same elements, before anything is sent."""
    found: list[Question] = []
    for item in form.items:
        name, label = str(item["name"]), str(item["label"])
        element = element_of(item.get("element"), str(item.get("type", "text")))
        given = [row.get(name) or None for row in rows]
        allowed = {str(value) for value in item.get("values") or ()}
        for number, (value, tried) in enumerate(zip(given, try_many(element, given), strict=True), start=1):
            if value is None:
                if _needed(form, item):
                    found.append(Question(number, name, True, f"「{label}」是必填项，不能为空"))
                continue
            for check in tried.problems:
                sentence = check.sentence.format(label=label)
                found.append(Question(number, name, check.severity == "reject", sentence))
            if allowed and tried.cleaned not in allowed:
                words = "、".join(sorted(allowed)[:12])
                found.append(Question(number, name, False, f"「{label}」应为{words}之一"))
    return sorted(found, key=lambda one: (one.row, form.names.index(one.item)))


def send(database: Database, home: Path, table: str, *, by: int | None = None) -> Arrival:
    """Send all draft rows of a form as one whole arrival, to be taken next.

    Raises BadInput ``gather.nothing_drafted``, Conflict ``gather.form_closed``.
    """
    with database.connection() as connection:
        form = find_form(connection, table)
        if form.state != "open":
            raise Conflict("gather.form_closed", f"「{form.label}」已经停止填报")
        rows = drafts(connection, form)
        if not rows:
            raise BadInput("gather.nothing_drafted", "还没有填写任何一行")
        ids = [row["id"] for row in rows]
        key = "rows-" + hashlib.sha256(",".join(map(str, ids)).encode()).hexdigest()[:32]
        arrival = begin_arrival(
            connection, home, table=table, way="form", file_name=f"{form.source_table}.ndjson", key=key, by=by
        )
        connection.execute(_sql.send_rows, {"table": table, "ids": ids, "arrival": arrival.id})
    return _written(database, home, arrival.id)


def finish_sending(database: Database, home: Path) -> list[Arrival]:
    """Write the files of forms whose sender died between marking the rows and writing them."""
    with database.connection() as connection:
        begun = [row["arrival_id"] for row in connection.execute(_sql.unsent_forms).fetchall()]
    return [_written(database, home, number) for number in begun]


def _written(database: Database, home: Path, number: str) -> Arrival:
    with database.connection() as connection:
        arrival = find_arrival(connection, number)
        if arrival.state != "arriving":
            return arrival
        form = find_form(connection, arrival.source_table)
        rows = connection.execute(_sql.rows_of_arrival, {"arrival": number}).fetchall()
        content = b"".join(_lines(form, rows))
        here = received(home, arrival)
        if here < len(content):
            append(home, arrival, here, [content[here:]])
        return complete(connection, home, arrival)


def _lines(form: Form, rows: Sequence[Mapping[str, Any]]) -> Iterator[bytes]:
    for row in rows:
        cells = {name: row["cells"].get(name) for name in form.names}
        yield json.dumps(cells, ensure_ascii=False).encode() + b"\n"
