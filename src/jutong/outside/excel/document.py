"""What the cells of an .ods sheet do not say by their values: zeros a number format draws, errors of formulas,
formulas without a result.

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


def marks_of_ods(book: zipfile.ZipFile, name: str) -> dict[str, Marks]:
    """Of every sheet, by its name.

    Raises BadInput ``outside.xml_entities``; a broken document gives what was seen, the reader has the say."""
    walk = _Walk()
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
    return walk.found


@dataclass
class _Walk:
    """Where the parser stands in the table, and what was seen in the cell."""

    found: dict[str, Marks] = field(default_factory=dict)
    marks: Marks = field(default_factory=Marks)
    within: bool = False
    row: int = 0
    rows: int = 1
    column: int = 0
    #: The marks of this row: (column, how many cells, width of the zeros or the list the cells go to).
    marked: list[tuple[int, int, int | list[tuple[int, int]]]] = field(default_factory=list)
    hidden: bool = False
    filled: bool = False
    told: dict[str, Any] = field(default_factory=dict)
    shown: str = ""

    def start(self, tag: str, held: dict[str, Any]) -> None:
        if tag == "table:table":
            self.within, self.row = True, 0
            self.marks = self.found.setdefault(str(held.get("table:name")), Marks())
        elif not self.within:
            return
        elif tag == "table:table-row":
            self.column, self.told, self.filled = 0, held, False
            self.hidden = held.get("table:visibility") in ("collapse", "filter")
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
                for column, count, what in self.marked:
                    for place in range(column, column + count):
                        if isinstance(what, list):
                            what.append((at, place))
                        else:
                            self.marks.padded[at, place] = what
            self.marks.hidden_rows += self.rows if self.hidden and self.filled else 0
            self.row += self.rows

    def _cell(self) -> None:
        count = int(self.told.get("table:number-columns-repeated", 1))
        shown, most = self.shown.strip(), min(count, _MOST_CELLS)
        kind = self.told.get("office:value-type")
        if kind or shown:
            self.filled = True
            self.marks.reach(self.row + self.rows, self.column + count)
        if self.told.get("calcext:value-type") == "error":
            self.marked.append((self.column, most, self.marks.errors))
        elif "table:formula" in self.told and (
            not kind or (kind == "float" and "office:value" not in self.told)
        ):
            self.marked.append((self.column, most, self.marks.uncached))
        elif kind == "float" and shown.startswith("0") and shown.isdigit():
            value = str(self.told.get("office:value", "")).removesuffix(".0")
            if value.isdigit() and int(value) == int(shown) and len(shown) > len(value):
                self.marked.append((self.column, most, len(shown)))
        self.column += count
        self.told, self.shown = {}, ""
