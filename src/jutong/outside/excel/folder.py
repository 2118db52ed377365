"""A folder of workbooks as a source: one sheet is one table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import python_calamine as calamine

from jutong.outside.excel.cells import Cells, Irregular, Told, merged_of
from jutong.outside.excel.marks import Marks
from jutong.outside.excel.slower import (
    marks_before_opening,
    marks_of,
    open_slowly,
    slow_rows,
    told_as_unreadable,
)
from jutong.outside.excel.workbook import Sheet, shared_texts, sheets_of, styles_of
from jutong.outside.grid import Grid, read_grid
from jutong.outside.packed import opened_zip, refuse_macros, refuse_ole
from jutong.outside.reading import Found, Reading, Since, file_in
from jutong.terms import Address, BadInput

SUFFIXES = (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods", ".et")
#: A sheet of another format than .xlsx is held in memory by the reader.
_MAX_SLOW = 256 << 20
#: Such a reader holds every cell between the first and the last, the empty ones too.
_MOST_CELLS = 40_000_000
#: Up to this size a sheet is looked through for merged cells, which its XML tells last, before it is read.
_LOOKED_THROUGH = 256 << 20


class ExcelFolder:
    """``config``: ``folder``; a ``locator``: ``file``, ``sheet`` (else the first that is shown and not empty), and
    what ``read_grid`` may be told; what is not declared is found and told."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = config
        self._folder = str(config.get("folder", ""))
        if not Path(self._folder).is_dir():
            raise BadInput("outside.folder_missing", "数据源登记的目录不存在", Address(file=self._folder))

    def find(self) -> list[Found]:
        found: list[Found] = []
        for path in sorted(Path(self._folder).rglob("*")):
            if path.suffix.lower() not in SUFFIXES or path.name.startswith("~$"):
                continue
            name = str(path.relative_to(self._folder))
            try:
                sheets = sheet_names(path, name)
            except BadInput:
                sheets = []
            found.extend(self._found(path, name, sheet) for sheet in sheets)
        return found

    def _found(self, path: Path, name: str, sheet: str) -> Found:
        locator = {"file": name, "sheet": sheet}
        try:
            columns = self.read(locator, file=path).columns
        except BadInput:  # found all the same; reading it says what is wrong
            columns = ()
        return Found(locator, f"{path.stem} · {sheet}", columns)

    def file(self, locator: Mapping[str, Any]) -> Path:
        return file_in(self._folder, locator)

    def read(
        self,
        locator: Mapping[str, Any],
        *,
        since: Since | None = None,  # noqa: ARG002  every kind is asked alike
        file: Path | None = None,
    ) -> Reading:
        """``since`` is ignored: a file is a delivery of its own, taken whole."""
        return read_workbook(file or self.file(locator), str(locator["file"]), {**self._config, **locator})

    def close(self) -> None:
        """Nothing is held open between readings."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()


def sheet_names(path: Path, name: str) -> list[str]:
    """The sheets that are shown, in their order."""
    if _is_xlsx(path):
        with opened_zip(path, name) as book:
            return [sheet.name for sheet in sheets_of(book, name)[0] if not sheet.hidden]
    return [one.name for one in _shown(open_slowly(path, name))]


def read_sheet(path: Path, name: str, sheet: str | None = None, header_row: int | None = None) -> Reading:
    """``read_workbook`` for one sheet whose header stands where it is said to stand."""
    declared: dict[str, Any] = {} if sheet is None else {"sheet": sheet}
    return read_workbook(
        path, name, declared if header_row is None else {**declared, "header_row": header_row}
    )


def read_workbook(path: Path, name: str, declared: Mapping[str, Any]) -> Reading:
    """A sheet's rows as text; wholly empty rows are no rows.

    Numbers are written as a clerk reads them (no ``.0``, zeros of a ``000000`` format kept), dates in ISO.
    A whole number of more than 15 digits is noticed as ``outside.excel_precision_lost``: Excel has already
    rounded it.  Raises BadInput ``outside.excel_unreadable``, ``excel_locked``, ``excel_macros``,
    ``excel_no_sheet``, ``sheet_missing``, ``sheet_undecided``, ``excel_too_large``, ``archive_bomb``,
    ``xml_entities`` and what ``read_grid`` raises.
    """
    if path.stat().st_size == 0:
        raise BadInput("outside.file_empty", "文件里没有任何内容", Address(file=name))
    if not _is_xlsx(path):
        return _read_slowly(path, name, declared)
    try:
        return _read_xlsx(path, name, declared)
    except Irregular:
        return _read_slowly(path, name, declared)


def _is_xlsx(path: Path) -> bool:
    """By content: a zip with a workbook in XML, whatever it is called."""
    with path.open("rb") as opened:
        if opened.read(4) != b"PK\3\4":
            return False
    try:
        with opened_zip(path, path.name) as book:
            names = set(book.namelist())
    except BadInput as problem:
        if problem.code == "outside.archive_unreadable":
            raise BadInput(
                "outside.excel_unreadable", f"不是可读的 Excel 工作簿：{problem.sentence}", problem.address
            ) from None
        raise
    return "xl/workbook.xml" in names


def _read_xlsx(path: Path, name: str, declared: Mapping[str, Any]) -> Reading:
    with ExitStack() as held:
        book = held.enter_context(opened_zip(path, name))
        refuse_macros(book, name)
        sheets, from_1904 = sheets_of(book, name)
        if not sheets:
            raise BadInput("outside.excel_no_sheet", "工作簿里没有工作表", Address(file=name))
        texts = shared_texts(book, name)
        styles = styles_of(book, name)

        def opened(one: Sheet) -> Cells:
            return Cells(book, one.part, styles, texts, from_1904, name, one.name)

        chosen, others = _chosen(
            sheets, declared.get("sheet"), name, lambda one: next(opened(one).rows(), None) is not None
        )
        cells = opened(chosen)
        address = Address(file=name, sheet=chosen.name)
        merged: tuple[tuple[int, int, int, int], ...] = ()
        if book.getinfo(chosen.part).file_size <= _LOOKED_THROUGH:
            merged = merged_of(book, chosen.part)
        grid = Grid(cells.rows(), address, cells.texts, merged, _teller(cells, address))
        reading = read_grid(grid, {**declared, "sheet": chosen.name})
        _notice_others(reading, others, address)
        reading.batches = _closing(reading.batches, held.pop_all())
        return reading


def _closing(batches: Iterator[Any], held: ExitStack) -> Iterator[Any]:
    with held:
        yield from batches


def _chosen(sheets: Sequence[Sheet], wanted: str | None, name: str, filled: Any) -> tuple[Sheet, list[Sheet]]:
    """The sheet that is named, else the first that is shown and holds something; and those left unread."""
    if wanted is not None:
        for sheet in sheets:
            if sheet.name == wanted:
                return sheet, []
        there = "、".join(sheet.name for sheet in sheets[:5])
        where = Address(file=name, sheet=wanted)
        raise BadInput("outside.sheet_missing", f"工作簿里没有这张工作表，有的是 {there}", where)
    full = [sheet for sheet in sheets if filled(sheet)]
    shown = [sheet for sheet in full if not sheet.hidden]
    if not shown:
        raise BadInput(
            "outside.file_empty",
            "工作簿里能看见的工作表都是空的" + ("，有内容的都隐藏着，请写明读哪一张" if full else ""),
            Address(file=name, sheet=sheets[0].name),
        )
    return shown[0], [sheet for sheet in full if sheet is not shown[0]]


def _notice_others(reading: Reading, others: Sequence[Sheet], address: Address) -> None:
    for sheet in others:
        reading.notice(
            "outside.sheet_not_read",
            "这张工作表也有内容，没有读" + ("（它是隐藏的）" if sheet.hidden else "；要读它请写明表名"),
            Address(file=address.file, sheet=sheet.name),
        )


def _teller(cells: Cells, address: Address) -> Any:
    """Notices of what the cells' values do not say."""
    places = cells.told

    def tell(reading: Reading) -> None:
        _notice_hidden(reading, places, address)
        _notice_rounded(reading, places.rounded, address)
        _notice_errors(reading, places.errors, address)
        _notice_uncached(reading, places.uncached, address)
        for row, column, text in places.impossible:
            _notice_cell(
                reading,
                "outside.excel_date_impossible",
                f"{text} 不是有的日期，照单元格所示收下",
                row,
                column,
                address,
            )
        for told in (places.rounded, places.errors, places.impossible, places.uncached):
            told.clear()

    return tell


def _notice_hidden(reading: Reading, seen: Told | Marks, address: Address) -> None:
    if seen.hidden_rows:
        reading.notice("outside.hidden_rows", f"有 {seen.hidden_rows} 行是隐藏的，照样读了", address)
        seen.hidden_rows = 0


def _notice_uncached(reading: Reading, cells: Sequence[tuple[int, int]], address: Address) -> None:
    sentence = "单元格是公式，文件里没有存它的结果，没有值可取；请用表格软件打开、保存后再交"
    for row, column in cells:
        _notice_cell(reading, "outside.excel_formula_uncached", sentence, row, column, address)


def _notice_unsure(reading: Reading, cells: Sequence[tuple[int, int]], address: Address) -> None:
    sentence = (
        "单元格是公式，文件标着打开时才计算，存着的值未必是结果，照样收下；请用表格软件打开、保存后再交"
    )
    for row, column in cells:
        _notice_cell(reading, "outside.excel_formula_uncached", sentence, row, column, address)


def _notice_rounded(reading: Reading, rounded: Sequence[tuple[int, int, str]], address: Address) -> None:
    for row, column, text in rounded:
        _notice_cell(
            reading,
            "outside.excel_precision_lost",
            f"{text} 是以数字保存的，Excel 只保留 15 位有效数字，末尾几位已经丢失或不可靠；请把这一列改为文本",
            row,
            column,
            address,
        )


def _notice_errors(reading: Reading, errors: Sequence[tuple[int, int]], address: Address) -> None:
    for row, column in errors:
        _notice_cell(
            reading,
            "outside.excel_error_value",
            "单元格是公式错误（如 #DIV/0!），没有值可取",
            row,
            column,
            address,
        )


def _notice_cell(reading: Reading, code: str, sentence: str, row: int, column: int, address: Address) -> None:
    if row >= reading.row_offset:
        label = reading.columns[column].name if column < len(reading.columns) else f"第 {column + 1} 列"
        reading.notice(code, sentence, Address(address.file, address.sheet, row + 1, label))


def _shown(book: calamine.CalamineWorkbook) -> list[Any]:
    visible = calamine.SheetVisibleEnum.Visible
    sheets = [one for one in book.sheets_metadata if one.typ == calamine.SheetTypeEnum.WorkSheet]
    return [one for one in sheets if one.visible == visible] or []


def _refuse_large(path: Path, name: str) -> None:
    """What harms, and what the reader would hold in memory beyond measure."""
    refuse_ole(path, name)
    with path.open("rb") as opened:
        packed = opened.read(4) == b"PK\3\4"
    if packed:
        with opened_zip(path, name) as book:
            refuse_macros(book, name)
            if max(one.file_size for one in book.infolist()) > _MAX_SLOW:
                raise BadInput(
                    "outside.excel_too_large",
                    "工作表展开后超过 256 MB，请另存为 .xlsx 或 CSV",
                    Address(file=name),
                )
    elif path.stat().st_size > _MAX_SLOW:
        raise BadInput(
            "outside.excel_too_large", "工作簿超过 256 MB，请另存为 .xlsx 或 CSV", Address(file=name)
        )


def _refuse_spread(marks: Marks, address: Address) -> None:
    if marks.rows * marks.columns > _MOST_CELLS:
        raise BadInput(
            "outside.excel_too_large",
            "工作表的单元格散布得太远，连空的在内有几千万个；请删去远处的内容，或另存为 .xlsx、CSV",
            address,
        )


def _read_slowly(path: Path, name: str, declared: Mapping[str, Any]) -> Reading:
    """.xls, .xlsb, .ods, and the .xlsx of programs with a hand of their own."""
    _refuse_large(path, name)
    seen = marks_before_opening(path, name)
    for sheet_name, marks in seen.items():
        _refuse_spread(marks, Address(file=name, sheet=sheet_name))
    opened_book = open_slowly(path, name)
    visible = {one.name for one in _shown(opened_book)}
    sheets = [Sheet(one, "", one not in visible) for one in opened_book.sheet_names]
    if not sheets:
        raise BadInput("outside.excel_no_sheet", "工作簿里没有工作表", Address(file=name))
    loaded: dict[str, Any] = {}

    def sheet_of(one: Sheet) -> Any:
        if one.name not in loaded:
            if one.name not in seen:
                seen[one.name] = marks_of(path, one.name, name)
            _refuse_spread(seen[one.name], Address(file=name, sheet=one.name))
            with told_as_unreadable(name):
                loaded[one.name] = opened_book.get_sheet_by_name(one.name)
        return loaded[one.name]

    chosen, others = _chosen(
        sheets,
        declared.get("sheet"),
        name,
        lambda one: sheet_of(one).start is not None or seen[one.name].rows,
    )
    if sheet_of(chosen).start is None and seen[chosen.name].rows:
        where = Address(file=name, sheet=chosen.name)
        raise BadInput(
            "outside.excel_unreadable", "工作表有内容，但它的写法读不懂；请用表格软件另存再交", where
        )
    address = Address(file=name, sheet=chosen.name)
    rounded: list[tuple[int, int, str]] = []
    rows = slow_rows(sheet_of(chosen), seen[chosen.name], rounded)
    marks = seen[chosen.name]
    ranges = tuple((*top, *bottom) for top, bottom in (sheet_of(chosen).merged_cell_ranges or ()))

    def tell(reading: Reading) -> None:
        _notice_hidden(reading, marks, address)
        _notice_rounded(reading, rounded, address)
        _notice_errors(reading, marks.errors, address)
        _notice_uncached(reading, marks.uncached, address)
        _notice_unsure(reading, marks.unsure, address)
        for told in (rounded, marks.errors, marks.uncached, marks.unsure):
            told.clear()

    reading = read_grid(Grid(rows, address, merged=ranges, tell=tell), {**declared, "sheet": chosen.name})
    _notice_others(reading, others, address)
    return reading
