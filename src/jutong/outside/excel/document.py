"""What the cells of an .ods sheet do not say by their values: zeros a number format draws, errors of formulas.

OpenDocument 1.3 part 3, §9.1: rows and cells may be repeated, and beside its value a cell holds the text it is
shown as, which is all that is asked here.
"""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

from jutong.outside.excel.marks import Marks
from jutong.outside.packed import refuse_entities

_CHUNK = 1 << 20
#: A cell with a value is repeated over a row at most, a row with values over a page.
_MOST_CELLS, _MOST_ROWS = 16_384, 10_000


def marks_of_ods(book: zipfile.ZipFile, sheet: str, name: str) -> Marks:
    """Raises BadInput ``outside.xml_entities``; a broken document gives what was seen, the reader has the say."""
    walk = _Walk(sheet)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = walk.start
    parser.EndElementHandler = walk.end
    parser.CharacterDataHandler = walk.text
    try:
        with book.open("content.xml") as xml:
            head = xml.read(_CHUNK)
            refuse_entities(head[:4096], name)
            while head:
                parser.Parse(head, False)
                head = xml.read(_CHUNK)
    except (expat.ExpatError, zipfile.BadZipFile, zlib.error, KeyError, OSError, EOFError, ValueError):
        pass
    return walk.marks


@dataclass
class _Walk:
    """Where the parser stands in the table, and what was seen in the cell."""

    sheet: str
    marks: Marks = field(default_factory=Marks)
    within: bool = False
    row: int = 0
    rows: int = 1
    column: int = 0
    #: The marks of this row: (column, how many cells, width of the zeros, or None for an error).
    marked: list[tuple[int, int, int | None]] = field(default_factory=list)
    told: dict[str, Any] = field(default_factory=dict)
    shown: str = ""

    def start(self, tag: str, held: dict[str, Any]) -> None:
        if tag == "table:table":
            self.within = held.get("table:name") == self.sheet
            self.row = 0
        elif not self.within:
            return
        elif tag == "table:table-row":
            self.column, self.told = 0, held
            self.rows, self.marked = int(held.get("table:number-rows-repeated", 1)), []
        elif tag in ("table:table-cell", "table:covered-table-cell"):
            self.told, self.shown = held, ""

    def text(self, text: str) -> None:
        if self.within and self.told:
            self.shown += text

    def end(self, tag: str) -> None:
        if tag == "table:table":
            self.within = False
        elif not self.within:
            return
        elif tag in ("table:table-cell", "table:covered-table-cell"):
            self._cell()
        elif tag == "table:table-row":
            for at in range(self.row, self.row + min(self.rows, _MOST_ROWS)):
                for column, count, width in self.marked:
                    for place in range(column, column + count):
                        if width is None:
                            self.marks.errors.append((at, place))
                        else:
                            self.marks.padded[at, place] = width
            self.row += self.rows

    def _cell(self) -> None:
        count = int(self.told.get("table:number-columns-repeated", 1))
        shown = self.shown.strip()
        if self.told.get("calcext:value-type") == "error":
            self.marked.append((self.column, min(count, _MOST_CELLS), None))
        elif self.told.get("office:value-type") == "float" and shown.startswith("0") and shown.isdigit():
            value = str(self.told.get("office:value", "")).removesuffix(".0")
            if value.isdigit() and int(value) == int(shown) and len(shown) > len(value):
                self.marked.append((self.column, min(count, _MOST_CELLS), len(shown)))
        self.column += count
        self.told, self.shown = {}, ""
