"""Taking the catalogue out and bringing entries in: JSON, CSV, Excel; headings and meanings from the guide.

The workbook has two sheets, 目录 and 信息项; an item names its entry by 信息资源名称.  What was exported can be
imported as it is.  Every mistake of a workbook is told at once, each with its sheet, row and column.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import IO, Any, cast

from python_calamine import CalamineError, CalamineWorkbook

from jutong.catalogue.guide import FIELDS, ITEM_FIELDS, YES_NO, Field, check, say, vars_of
from jutong.catalogue.reading import ListName, all_entries
from jutong.catalogue.rows import CatalogueItem, Entry, NewEntry
from jutong.database import Connection
from jutong.people import Party
from jutong.terms import Address, BadInput

_ENTRIES, _ITEMS = "目录", "信息项"
_SEPARATORS = str.maketrans({"，": "；", ",": "；", ";": "；", "、": "；", "\n": "；"})
_TRUE, _FALSE = {"是", "1", "true", "y", "yes"}, {"否", "0", "false", "n", "no", ""}


@dataclass(frozen=True)
class ReadWorkbook:
    """What a workbook holds: entries that could be read, and everything that is wrong, in the order of its rows."""

    entries: tuple[NewEntry, ...]
    problems: tuple[BadInput, ...]


def export_entries(
    conn: Connection, party: Party, to: IO[bytes], form: str = "xlsx", *, of: ListName = "entries",
    department: str | None = None,
) -> int:  # fmt: skip
    """Write a list of the catalogue as ``json``, ``csv`` or ``xlsx``; how many entries went out.

    Raises BadInput ``catalogue.unknown_form``.
    """
    writers = {"json": _write_json, "csv": _write_csv, "xlsx": _write_workbook}
    if form not in writers:
        raise BadInput("catalogue.unknown_form", f"不能导出「{form}」，只有：{'、'.join(writers)}")
    return writers[form](all_entries(conn, party, of, department=department), to)


def write_template(to: IO[bytes]) -> None:
    """The empty workbook to fill in: headings, an example row, and a sheet that explains every field."""
    import xlsxwriter  # slow to import, needed only where a workbook is made

    with xlsxwriter.Workbook(to, {"in_memory": True}) as book:
        bold, wrap = book.add_format({"bold": True}), book.add_format({"text_wrap": True, "valign": "top"})
        for title, fields in ((_ENTRIES, _entry_fields()), (_ITEMS, _item_fields())):
            sheet = book.add_worksheet(title)
            sheet.freeze_panes(1, 0)
            for column, one in enumerate(fields):
                sheet.write_string(0, column, one.label + ("*" if one.required else ""), bold)
                sheet.write_string(1, column, one.example)
                sheet.set_column(column, column, max(12, len(one.label) * 2 + 2))
        help_sheet = book.add_worksheet("填写说明")
        help_sheet.set_column(0, 3, 30)
        for row, one in enumerate((*_entry_fields(), *_item_fields())):
            for column, text in enumerate((one.label, one.number, one.help, "、".join(one.choices.values()))):
                help_sheet.write_string(row, column, text, wrap)


def read_workbook(content: bytes, departments: Mapping[str, str], file: str = "目录.xlsx") -> ReadWorkbook:
    """Entries of a filled-in workbook; ``departments`` maps names and short names to codes.

    Raises BadInput ``catalogue.not_a_workbook`` / ``catalogue.no_sheet`` / ``catalogue.no_column`` where nothing
    can be read at all; a mistake in a row is one of the ``problems``.
    """
    book = _open(content, file)
    problems: list[BadInput] = []
    items: dict[str, list[tuple[int, dict[str, Any]]]] = {}
    for row, values in _rows(book, _ITEMS, _item_fields(), file, departments, problems):
        entry_name = str(values.pop("entry_name", "") or "")
        items.setdefault(entry_name, []).append((row, values))
    entries = []
    for row, values in _rows(book, _ENTRIES, _entry_fields(), file, departments, problems):
        own = items.pop(str(values.get("name") or ""), [])
        values["items"] = tuple(item for _, item in own)
        wrong = check(values)
        for problem in wrong:
            at_item = problem.item is not None
            sheet, line = (_ITEMS, own[problem.item][0]) if problem.item is not None else (_ENTRIES, row)
            where = Address(file, sheet, line, problem.label if at_item or problem.field != "items" else None)
            problems.append(BadInput("catalogue.bad_entry", problem.sentence, where))
        if not wrong:
            entries.append(NewEntry.from_row(values))
    for name, orphans in items.items():
        where = Address(file, _ITEMS, orphans[0][0], _ENTRY_NAME.label)
        sentence = f"「{name}」在工作表「{_ENTRIES}」里没有，它的 {len(orphans)} 个信息项没有着落"
        problems.append(BadInput("catalogue.orphan_item", sentence, where))
    return ReadWorkbook(tuple(entries), tuple(problems))


_ENTRY_NAME = Field("entry_name", "信息资源名称", "2", "text", "M", "属于哪一条目录", "企业登记基本信息")
#: Kept by the platform, but an exported workbook carries them along.
_CARRIED = ("code", "department_uscc", "published_at")


def _entry_fields() -> tuple[Field, ...]:
    return tuple(one for one in FIELDS if one.obligation != "P" or one.name in _CARRIED)


def _item_fields() -> tuple[Field, ...]:
    return (_ENTRY_NAME, *ITEM_FIELDS)


def _entry_values(entry: Entry) -> dict[str, Any]:
    return {**vars_of(entry), "secret": False}


def _write_json(rows: Iterable[tuple[Entry, list[CatalogueItem]]], to: IO[bytes]) -> int:
    count = 0
    to.write(b"[")
    for entry, items in rows:
        values = {one.name: _entry_values(entry)[one.name] for one in FIELDS}
        values["department_name"] = entry.department_name
        values["items"] = [asdict(item) for item in items]
        text = json.dumps(values, ensure_ascii=False, default=str)
        to.write((",\n" if count else "\n").encode() + text.encode())
        count += 1
    to.write(b"\n]\n")
    return count


def _write_csv(rows: Iterable[tuple[Entry, list[CatalogueItem]]], to: IO[bytes]) -> int:
    """One line per entry; UTF-8 with a mark, as Excel wants it, and no cell that Excel would compute."""
    count = 0
    text = io.TextIOWrapper(cast("Any", to), encoding="utf-8-sig", newline="", write_through=True)
    lines = csv.writer(text)
    lines.writerow([*(one.label for one in FIELDS), "信息项"])
    for entry, items in rows:
        values = _entry_values(entry)
        cells = [_said(one, values[one.name], entry) for one in FIELDS]
        lines.writerow([_harmless(cell) for cell in (*cells, "；".join(item.label for item in items))])
        count += 1
    text.flush()
    text.detach()
    return count


def _write_workbook(rows: Iterable[tuple[Entry, list[CatalogueItem]]], to: IO[bytes]) -> int:
    import xlsxwriter  # slow to import, needed only where a workbook is made

    count, item_row = 0, 0
    with xlsxwriter.Workbook(to, {"in_memory": True, "strings_to_formulas": False}) as book:
        bold = book.add_format({"bold": True})
        sheets = {}
        for title, fields in ((_ENTRIES, _entry_fields()), (_ITEMS, _item_fields())):
            sheets[title] = book.add_worksheet(title)
            sheets[title].freeze_panes(1, 0)
            for column, one in enumerate(fields):
                sheets[title].write_string(0, column, one.label, bold)
        for entry, items in rows:
            count += 1
            values = _entry_values(entry)
            for column, one in enumerate(_entry_fields()):
                sheets[_ENTRIES].write_string(count, column, _said(one, values[one.name], entry))
            for item in items:
                item_row += 1
                said = {**vars_of(item), "entry_name": entry.name}
                for column, one in enumerate(_item_fields()):
                    sheets[_ITEMS].write_string(item_row, column, say(one, said[one.name]))
    return count


def _said(one: Field, value: Any, entry: Entry) -> str:
    return entry.department_name if one.kind == "department" else say(one, value)


def _harmless(cell: str) -> str:
    """A cell that begins like a formula is shown as text (OWASP: CSV injection)."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


def _open(content: bytes, file: str) -> CalamineWorkbook:
    try:
        return CalamineWorkbook.from_filelike(io.BytesIO(content))
    except (CalamineError, OSError, ValueError):
        sentence = "打不开：应是 Excel 工作簿（xlsx、xls、et 另存为 xlsx）"
        raise BadInput("catalogue.not_a_workbook", sentence, Address(file)) from None


def _rows(
    book: CalamineWorkbook, sheet: str, fields: Sequence[Field], file: str, departments: Mapping[str, str],
    problems: list[BadInput],
) -> Iterator[tuple[int, dict[str, Any]]]:  # fmt: skip
    """Rows of a sheet as (row number as the clerk counts, values by field); a cell that cannot be read is a problem."""
    if sheet not in book.sheet_names:
        raise BadInput("catalogue.no_sheet", f"缺少工作表「{sheet}」", Address(file))
    lines = book.get_sheet_by_name(sheet).to_python(skip_empty_area=False)
    headings = [str(cell).strip().rstrip("*") for cell in lines[0]] if lines else []
    columns = {one.name: headings.index(one.label) for one in fields if one.label in headings}
    missing = [one.label for one in fields if one.required and one.name not in columns]
    if missing:
        where = Address(file, sheet, 1)
        raise BadInput("catalogue.no_column", f"缺少列：{'、'.join(missing)}", where)
    for row, line in enumerate(lines[1:], start=2):
        cells = {name: _text(line[column]) if column < len(line) else "" for name, column in columns.items()}
        examples = {one.name: one.example for one in fields if one.name in columns}
        if not any(cells.values()) or cells == examples:  # an empty line, or the template's own example
            continue
        values: dict[str, Any] = {}
        for one in fields:
            if one.name in cells:
                try:
                    values[one.name] = _meant(one, cells[one.name], departments)
                except ValueError as problem:
                    where = Address(file, sheet, row, one.label)
                    problems.append(BadInput("catalogue.bad_cell", str(problem), where))
        yield row, values


def _text(cell: Any) -> str:
    """A cell as its clerk sees it: whole numbers without a point, dates as CCYY-MM-DD."""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, bool):
        return YES_NO[cell]
    if isinstance(cell, dt.datetime):
        return cell.date().isoformat()
    return str(cell if cell is not None else "").strip()


def _meant(one: Field, text: str, departments: Mapping[str, str]) -> Any:
    """The value a cell means; raises ValueError with a sentence."""
    if one.kind in ("choices", "texts"):
        parts = [part.strip() for part in text.translate(_SEPARATORS).split("；") if part.strip()]
        return tuple(_chosen(one, part) for part in parts)
    if not text:
        return None
    if one.kind == "department":
        if text not in departments:
            raise ValueError(f"没有部门「{text}」")
        return departments[text]
    if one.kind == "class":
        return text.split(" ", maxsplit=1)[0]
    if one.kind == "date":
        return dt.date.fromisoformat(text)
    if one.kind == "integer":
        if not text.isdigit():
            raise ValueError(f"「{one.label}」应是整数，写的是「{text}」")
        return int(text)
    if one.kind == "flag":
        if text.lower() in _TRUE | _FALSE:
            return text.lower() in _TRUE
        raise ValueError(f"「{one.label}」应写是或否，写的是「{text}」")
    return _chosen(one, text)


def _chosen(one: Field, text: str) -> Any:
    """The code of a choice, given by its code or its name."""
    if not one.choices:
        return text
    for code, name in one.choices.items():
        if text in (name, str(code)):
            return code
    raise ValueError(f"「{one.label}」没有「{text}」，只有：{'、'.join(one.choices.values())}")
