"""Issues of a batch as a workbook the provider can work in: rows as given, wrong cells marked and explained."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import IO, Any

from jutong.database import Connection, named_sql
from jutong.refine.looking import issues_of_batch
from jutong.store import Reading, Store
from jutong.terms import NotFound, literal, quote

_sql = named_sql(__file__)

#: A workbook is for people; a batch with more issues is told by its first so many, and the sheet says so.
MOST_ISSUES = 20_000
_WORDS = {"reject": "未接收，请改正后重报", "flag": "已接收，请核对"}


def export_issues(connection: Connection, store: Store, batch: str, target: str | IO[bytes]) -> int:
    """Write the workbook of a batch's issues; returns how many issues it holds.

    Sheet 问题数据: the row number as a clerk counts, what is wrong, then every item as it was given; a wrong
    cell is red (not taken) or amber (to be checked) and carries the sentence as its note.  Sheet 说明: issues by
    rule.  Raises NotFound ``refine.no_batch``.
    """
    import xlsxwriter  # slow to import, needed only where a workbook is made

    row = connection.execute(_sql.batch_for_export, {"batch": batch}).fetchone()
    if row is None:
        raise NotFound("refine.no_batch", f"没有批次 {batch}")
    items = [(item["name"], item["label"]) for item in row["items"]]
    with store.reading() as reading:
        found = issues_of_batch(reading, batch, MOST_ISSUES + 1)
        shown = found[:MOST_ISSUES]
        given = _rows_given(reading, row["source_table"], batch, [name for name, _ in items], shown)
    book = xlsxwriter.Workbook(
        target, {"strings_to_numbers": False, "strings_to_formulas": False, "strings_to_urls": False}
    )
    try:
        _write_rows(book, row, items, shown, given)
        _write_summary(book, row, found, dict(items))
    finally:
        book.close()
    return len(shown)


def _rows_given(
    reading: Reading, table: str, batch: str, names: Sequence[str], found: Sequence[Mapping[str, Any]]
) -> dict[int, dict[str, Any]]:
    """The rows with issues as they were given, every value as text."""
    numbers = sorted({issue["row_no"] for issue in found})
    if not numbers:
        return {}
    raw = reading.table(f"raw.{table}")
    there = {row["column_name"] for row in reading.rows(f"DESCRIBE SELECT * FROM {raw}")}
    columns = ", ".join(f"CAST({quote(name)} AS VARCHAR) AS {quote(name)}" for name in names if name in there)
    wanted = ", ".join(str(int(number)) for number in numbers)
    sql = f"SELECT _row, {columns} FROM {raw} WHERE _batch = {literal(batch)} AND _row IN ({wanted})"
    return {row["_row"]: row for row in reading.rows(sql)}


def _write_rows(
    book: Any,
    row: Mapping[str, Any],
    items: Sequence[tuple[str, str]],
    found: Sequence[Mapping[str, Any]],
    given: Mapping[int, Mapping[str, Any]],
) -> None:
    sheet = book.add_worksheet("问题数据")
    head = book.add_format({"bold": True, "bg_color": "#E8EDF3", "border": 1, "text_wrap": True})
    plain = book.add_format({"num_format": "@"})
    marked = {
        "reject": book.add_format(
            {"num_format": "@", "bg_color": "#F8D7DA", "font_color": "#9C1B1B", "bold": True}
        ),
        "flag": book.add_format({"num_format": "@", "bg_color": "#FFF1CC", "font_color": "#7A5200"}),
    }
    sheet.write_row(0, 0, ["行号", "处理", "问题说明", *(label for _, label in items)], head)
    sheet.freeze_panes(1, 3)
    sheet.set_column(0, 1, 10)
    sheet.set_column(2, 2, 60)
    sheet.set_column(3, 3 + len(items), 20)
    by_row: dict[int, list[Mapping[str, Any]]] = {}
    for issue in found:
        by_row.setdefault(issue["row_no"], []).append(issue)
    for line, (number, questions) in enumerate(by_row.items(), start=1):
        worst = "reject" if any(issue["severity"] == "reject" for issue in questions) else "flag"
        if number:
            sheet.write_number(line, 0, row["row_offset"] + number + bisect_left(row["gaps"], number))
        else:
            sheet.write_string(line, 0, "整批")
        sheet.write_string(line, 1, "未接收" if worst == "reject" else "请核对", marked[worst])
        sheet.write_string(line, 2, "；".join(issue["sentence"] for issue in questions))
        wrong = {issue["item"]: issue for issue in questions}
        values = given.get(number, {})
        for column, (name, _) in enumerate(items, start=3):
            value = values.get(name)
            mark = wrong.get(name)
            style = marked[mark["severity"]] if mark else plain
            if value is None:
                sheet.write_blank(line, column, None, style)
            else:
                sheet.write_string(line, column, value[:32_000], style)
            if mark:
                sheet.write_comment(
                    line, column, f"{mark['sentence']}\n{_WORDS[mark['severity']]}", {"x_scale": 2}
                )


def _write_summary(
    book: Any, row: Mapping[str, Any], found: Sequence[Mapping[str, Any]], labels: Mapping[str, str]
) -> None:
    sheet = book.add_worksheet("说明")
    bold = book.add_format({"bold": True})
    sheet.set_column(0, 0, 26)
    sheet.set_column(1, 3, 22)
    sheet.set_column(4, 4, 70)
    about = [
        ("数据表", row["label"]), ("提供部门", row["department"]), ("批次", row["id"]),
        ("文件", row["file_name"] or "数据库"), ("接收时间", f"{row['received_at']:%Y-%m-%d %H:%M}"),
    ]  # fmt: skip
    if len(found) > MOST_ISSUES:
        about.append(("提示", f"问题较多，只列出前 {MOST_ISSUES} 条"))
    for line, (name, value) in enumerate(about):
        sheet.write_string(line, 0, name, bold)
        sheet.write_string(line, 1, str(value))
    line = len(about) + 1
    sheet.write_row(line, 0, ["规则", "信息项", "处理", "行数", "要求"], bold)
    counted: dict[tuple[str, str, str], list[str]] = {}
    for issue in found[:MOST_ISSUES]:
        counted.setdefault((issue["rule"], issue["item"], issue["severity"]), []).append(issue["sentence"])
    for place, ((rule, item, severity), sentences) in enumerate(counted.items(), start=line + 1):
        words = [
            rule,
            labels.get(item, item),
            "未接收" if severity == "reject" else "请核对",
            len(sentences),
            sentences[0],
        ]
        sheet.write_row(place, 0, words)
