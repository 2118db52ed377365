"""What the cells of binary workbooks do not say by their values: zeros a number format draws, errors, formulas nobody
has reckoned.

Only as much of [MS-XLS], [MS-CFB] and [MS-XLSB] as that takes; a workbook it cannot follow gives no marks, for then
the reader itself has the say.
"""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from jutong.outside.excel.marks import Marks

_ZEROS = re.compile(r"0{2,}")
_TARGET = re.compile(r"<Relationship\b[^>]*>")
#: Records that may stand between a formula and the text it gave: array, shared formula, table.
_BETWEEN = (0x0221, 0x04BC, 0x0236)
#: Sector numbers from here on end a chain.
_LAST = 0xFFFFFFFA
_BROKEN = (
    struct.error,
    IndexError,
    ValueError,
    KeyError,
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
)


def marks_of_xls(path: Path, sheet: str) -> Marks:
    try:
        stream = _workbook_stream(path.read_bytes())
        return _marks_of_stream(stream, sheet)
    except _BROKEN:
        return Marks()


def marks_of_xlsb(book: zipfile.ZipFile, sheet: str) -> Marks:
    try:
        part = _xlsb_part(book, sheet)
        return _marks_of_records(book.read(part), _xlsb_zeros(book)) if part else Marks()
    except _BROKEN:
        return Marks()


# -- .xls: records in a stream in a compound file


def _workbook_stream(data: bytes) -> bytes:
    """[MS-CFB]: the chain of sectors of the stream named Workbook (or Book)."""
    size = 1 << struct.unpack_from("<H", data, 30)[0]
    small = 1 << struct.unpack_from("<H", data, 32)[0]
    directory, cutoff, first_mini = (struct.unpack_from("<I", data, at)[0] for at in (48, 56, 60))

    def sector(number: int) -> bytes:
        return data[(number + 1) * size : (number + 2) * size]

    numbers = list(struct.unpack_from("<109I", data, 76))
    following, left = struct.unpack_from("<II", data, 68)
    while following < _LAST and left > 0:
        entries = struct.unpack(f"<{size // 4}I", sector(following))
        numbers += entries[:-1]
        following, left = entries[-1], left - 1
    table = [
        each
        for number in numbers
        if number < _LAST
        for each in struct.unpack(f"<{size // 4}I", sector(number))
    ]

    def chain(number: int, links: list[int] = table) -> Iterator[int]:
        for _ in range(len(links) + 1):
            if number >= _LAST:
                return
            yield number
            number = links[number]
        raise ValueError("a chain of sectors goes round")

    listing = b"".join(map(sector, chain(directory)))
    names = {}
    for at in range(0, len(listing), 128):
        length = struct.unpack_from("<H", listing, at + 64)[0]
        name = listing[at : at + max(0, length - 2)].decode("utf-16-le")
        names[name] = struct.unpack_from("<IQ", listing, at + 116)
    start, length = names["Workbook"] if "Workbook" in names else names.get("Book", (_LAST, 0))
    if length >= cutoff:
        return b"".join(map(sector, chain(start)))[:length]
    root = b"".join(map(sector, chain(names["Root Entry"][0])))
    minis = b"".join(map(sector, chain(first_mini)))
    links = list(struct.unpack(f"<{len(minis) // 4}I", minis))
    return b"".join(root[one * small : (one + 1) * small] for one in chain(start, links))[:length]


def _records(stream: bytes, at: int = 0) -> Iterator[tuple[int, bytes]]:
    """[MS-XLS] 2.1.4: type, size, body."""
    while at + 4 <= len(stream):
        kind, size = struct.unpack_from("<HH", stream, at)
        yield kind, stream[at + 4 : at + 4 + size]
        at += 4 + size


def _marks_of_stream(stream: bytes, sheet: str) -> Marks:
    zeros: dict[int, int] = {}
    styles: list[int] = []
    begin = None
    for kind, body in _records(stream):
        if kind == 0x041E:  # Format
            zeros |= _zeros_of(struct.unpack_from("<H", body)[0], _text(body, 2, "<H"))
        elif kind == 0x00E0:  # XF
            styles.append(struct.unpack_from("<H", body, 2)[0])
        elif kind == 0x0085 and _text(body, 6, "<B") == sheet:  # BoundSheet8
            begin = struct.unpack_from("<I", body)[0]
        elif kind == 0x000A:  # EOF of the globals
            break
    marks = Marks()
    if begin is None:
        return marks
    widths = {style: zeros[shape] for style, shape in enumerate(styles) if shape in zeros}
    depth = 0
    formulas = _Formulas(marks)
    for kind, body in _records(stream, begin):
        depth += (kind == 0x0809) - (kind == 0x000A)  # BOF, EOF: charts lie within
        formulas.next(kind, body)
        if depth == 0:
            break
        if kind == 0x0208:  # Row: fDyZero
            marks.hidden_rows += body[12] >> 5 & 1
        if kind in (0x0203, 0x027E, 0x0006, 0x0205, 0x00BD):
            _cell_of_xls(kind, body, widths, marks)
    formulas.end()
    return marks


class _Formulas:
    """[MS-XLS] 2.4.127: a formula's record always holds a result, so it takes more to see that there is none: a text
    that is announced and does not come; 0 with the flag to reckon when opened; or empty texts and nothing else in the
    whole sheet, as programs write that cannot reckon."""

    def __init__(self, marks: Marks) -> None:
        self._marks = marks
        self._awaits: tuple[int, int] | None = None
        self._empty: list[tuple[int, int]] = []
        self._reckoned = False

    def next(self, kind: int, body: bytes) -> None:
        if self._awaits is not None and kind not in _BETWEEN:
            if kind == 0x0207:
                self._reckoned = True
            else:
                self._marks.uncached.append(self._awaits)
            self._awaits = None
        if kind != 0x0006:
            return
        row, column = struct.unpack_from("<HH", body)
        number = body[12:14] != b"\xff\xff"
        if number and not any(body[6:14]) and body[14] & 2:
            self._marks.unsure.append((row, column))
        elif number or body[6] in (1, 2):
            self._reckoned = True
        elif body[6] == 0:
            self._awaits = row, column
        else:
            self._empty.append((row, column))

    def end(self) -> None:
        if not self._reckoned:
            self._marks.uncached += self._empty


def _cell_of_xls(kind: int, body: bytes, widths: dict[int, int], marks: Marks) -> None:
    row, column, style = struct.unpack_from("<HHH", body)
    if kind == 0x00BD:  # MulRk: style and number for each of several columns
        for place in range((len(body) - 6) // 6):
            own = struct.unpack_from("<H", body, 4 + 6 * place)[0]
            if own in widths:
                marks.padded[row, column + place] = widths[own]
        return
    # BoolErr says which it is; a formula whose result is no number says so in its last two bytes.
    error = (kind == 0x0205 and body[7] == 1) or (
        kind == 0x0006 and body[12:14] == b"\xff\xff" and body[6] == 2
    )
    if error:
        marks.errors.append((row, column))
    elif style in widths:
        marks.padded[row, column] = widths[style]


def _text(body: bytes, at: int, length: str) -> str:
    count = struct.unpack_from(length, body, at)[0]
    at += struct.calcsize(length)
    wide = body[at] & 1
    return body[at + 1 : at + 1 + count * (2 if wide else 1)].decode("utf-16-le" if wide else "latin-1")


# -- .xlsb: records in parts of a zip


def _xlsb_records(data: bytes) -> Iterator[tuple[int, bytes]]:
    """[MS-XLSB] 2.1.4: the type in one or two bytes, the size in groups of seven bits."""
    at = 0
    while at < len(data):
        kind = data[at]
        at += 1
        if kind & 0x80:
            kind = kind & 0x7F | (data[at] & 0x7F) << 7
            at += 1
        size = shift = 0
        while True:
            size |= (data[at] & 0x7F) << shift
            shift, at = shift + 7, at + 1
            if not data[at - 1] & 0x80:
                break
        yield kind, data[at : at + size]
        at += size


def _wide(body: bytes, at: int) -> tuple[str, int]:
    count = struct.unpack_from("<I", body, at)[0]
    end = at + 4 + 2 * count
    return body[at + 4 : end].decode("utf-16-le"), end


def _xlsb_part(book: zipfile.ZipFile, sheet: str) -> str | None:
    relations = book.read("xl/_rels/workbook.bin.rels").decode("utf-8", errors="replace")
    for kind, body in _xlsb_records(book.read("xl/workbook.bin")):
        if kind != 156:  # BrtBundleSh
            continue
        relation, at = _wide(body, 8)
        if _wide(body, at)[0] == sheet:
            for tag in _TARGET.findall(relations):
                if f'Id="{relation}"' in tag and (target := re.search(r'\bTarget="([^"]*)"', tag)):
                    part = target[1].lstrip("/")
                    return part if part.startswith("xl/") else f"xl/{part}"
    return None


def _xlsb_zeros(book: zipfile.ZipFile) -> dict[int, int]:
    zeros: dict[int, int] = {}
    styles: list[int] = []
    counts = False
    for kind, body in _xlsb_records(book.read("xl/styles.bin")):
        if kind == 44:  # BrtFmt
            zeros |= _zeros_of(struct.unpack_from("<H", body)[0], _wide(body, 2)[0])
        elif kind in (617, 618):  # the styles of cells, not those of styles
            counts = kind == 617
        elif kind == 47 and counts:  # BrtXF
            styles.append(struct.unpack_from("<H", body, 2)[0])
    return {style: zeros[shape] for style, shape in enumerate(styles) if shape in zeros}


def _marks_of_records(data: bytes, widths: dict[int, int]) -> Marks:
    marks, row = Marks(), 0
    for kind, body in _xlsb_records(data):
        if kind == 0:  # BrtRowHdr, with fDyZero
            row = struct.unpack_from("<I", body)[0]
            marks.hidden_rows += body[11] >> 4 & 1
        if 2 <= kind <= 11:
            marks.reach(row + 1, struct.unpack_from("<I", body)[0] + 1)
        if kind in (3, 11):  # BrtCellError, BrtFmlaError
            marks.errors.append((row, struct.unpack_from("<I", body)[0]))
        elif kind in (2, 5, 9):  # numbers: RK, real, of a formula
            column, style = struct.unpack_from("<II", body)
            if style & 0xFFFFFF in widths:
                marks.padded[row, column] = widths[style & 0xFFFFFF]
        if kind in (8, 9) and _is_unsure(kind, body):
            marks.unsure.append((row, struct.unpack_from("<I", body)[0]))
    return marks


def _is_unsure(kind: int, body: bytes) -> bool:
    """BrtFmlaString and BrtFmlaNum always hold a result; empty or 0 with fAlwaysCalc it may be none."""
    end = _wide(body, 8)[1] if kind == 8 else 16
    return not any(body[8:end]) and bool(body[end] & 2)


def _zeros_of(number: int, shape: str) -> dict[int, int]:
    return {number: len(shape)} if _ZEROS.fullmatch(shape) else {}
