"""A delivered file as surveyed UTF-8, or GB18030 as it stands, without a byte order mark; Arrow reads it like any file."""

from __future__ import annotations

import codecs
import csv
import io
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from jutong.outside.csv.dialect import Dialect
from jutong.outside.csv.encoding import check_utf8
from jutong.outside.csv.gb18030 import corrected
from jutong.outside.csv.survey import MAX_RECORD, Survey
from jutong.outside.csv.unread import MARK, decoded_header
from jutong.outside.shape import header_names
from jutong.terms import Address, BadInput, JutongError, Unavailable

#: Bytes read at once, and the least that is handed on at once: more than the longest record, so that no record
#: stands in three of the parser's blocks.
_CHUNK, _LEAST = 5 << 20, MAX_RECORD + (1 << 19)
#: Bytes decoded at once: text and what it becomes stay in the processor's cache, which is a sixth faster.
_PIECE = 256 << 10
_MARK = "\ufeff".encode()


class _Decoder(Protocol):
    def decode(self, data: bytes, final: bool = ...) -> str: ...

    def getstate(self) -> tuple[bytes, int]: ...


class _ByLine:
    """UTF-8 and GB18030 in one file, each line in its own."""

    def __init__(self) -> None:
        self._rest = b""

    def decode(self, data: bytes, final: bool = False) -> str:
        block = self._rest + data
        cut = len(block) if final else block.rfind(b"\n") + 1
        self._rest = block[cut:]
        block = block[:cut]
        try:
            return block.decode("utf-8")
        except UnicodeDecodeError:
            return "".join(map(_one_line, block.splitlines(keepends=True)))

    def getstate(self) -> tuple[bytes, int]:
        return self._rest, 0


def _one_line(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return corrected(line.decode("gb18030"))


def _decoder(encoding: str) -> _Decoder:
    return _ByLine() if encoding == "mixed" else codecs.getincrementaldecoder(encoding)("strict")


def decoded(data: bytes, encoding: str) -> str:
    """As much of the text as can be read; for looking only."""
    if encoding == "mixed":
        return "".join(
            line.decode("utf-8" if _fits(line) else "gb18030", errors="ignore")
            for line in data.splitlines(keepends=True)
        )
    text = data.decode(encoding, errors="ignore")
    return corrected(text) if encoding == "gb18030" else text


def _fits(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


class Feed(io.RawIOBase):
    """``read`` gives what comes next without copying it: at least ``MAX_RECORD`` bytes until the end, and never more
    than asked for.  Problems are kept in ``problem``, because the parser calls from a thread of its own and words
    them anew.

    ``as_it_stands``: the bytes are the file's own (see ``unread``); nothing but the header is decoded here.
    """

    def __init__(self, path: Path, dialect: Dialect, name: str, *, as_it_stands: bool = False) -> None:
        self.survey = Survey(dialect, name)
        self.problem: JutongError | None = None
        #: Times U+FFFD was met: characters that somebody else's decoder has already lost.
        self.lost = 0
        #: Records and blank lines that stand above the data.
        self.above = (0, 0)
        self._path = path
        self._name = name
        self.as_it_stands = as_it_stands
        self._dialect = dialect
        self._file: BinaryIO = path.open("rb")
        self._decoder = _decoder(dialect.encoding)
        self._left = footer_start(path, dialect)  # bytes still to be read
        self._taken = 0  # bytes read from the file
        self._ready = b""
        self._begun = False
        self._ended = False

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()

    def header(self) -> tuple[list[str], int]:
        """The columns' names and the clerk's number of the header's last row; what follows is left to be read.

        Without a header in the dialect nothing is taken.  Raises BadInput ``outside.file_empty`` and
        ``outside.header_row_missing``, and UnicodeDecodeError where the file is taken as it stands.
        """
        while self.survey.first is None and not self._ended:
            self._ready += self._next()
        if self.survey.first is None:
            raise BadInput("outside.file_empty", "文件里没有任何内容", Address(file=self._name))
        if not self._dialect.header:
            return list(self._dialect.columns), 0
        first, last = self._header_lines()
        heads = [self._ready[start:end] for start, end in self.survey.heads[first - 1 : last]]
        blank = sum(not self._ready[start:end].strip(b"\r\n") for start, end in self.survey.heads[:last])
        self.above = last - blank, blank
        self._ready = self._ready[self.survey.heads[last - 1][1] :]
        texts = [decoded_header(head) if self.as_it_stands else head.decode() for head in heads]
        return header_names([_fields(text, self._dialect) for text in texts]), last

    def _header_lines(self) -> tuple[int, int]:
        """First and last row of the header, as the clerk counts."""
        rows = self._dialect.header_rows
        first = self._dialect.header_row or self.survey.first_row
        last = first + rows - 1
        while len(self.survey.heads) < last and not self._ended:
            self._ready += self._next()
        if len(self.survey.heads) < last:
            raise BadInput(
                "outside.header_row_missing",
                f"文件没有第 {last} 行，表头登记在那里",
                Address(self._name, row=last),
            )
        return first, last

    @property
    def exhausted(self) -> bool:
        """Whether nothing at all is left to read."""
        while not self._ready and not self._ended:
            self._ready = self._next()
        return not self._ready

    def keep_mark(self) -> None:
        """The parser takes three bytes that look like UTF-8's mark for one, and drops them: content that begins so
        (锘 and half of another character, in GB18030) gets a mark before it."""
        while len(self._ready) < len(_MARK) and not self._ended:
            self._ready += self._next()
        if self._ready.startswith(_MARK):
            self._ready = _MARK + self._ready

    def read(self, size: int = -1) -> bytes:
        parts, there = [self._ready], len(self._ready)
        try:
            while (size < 0 or there < min(size, _LEAST)) and not self._ended:
                parts.append(self._next())
                there += len(parts[-1])
        except JutongError as problem:
            self.problem = problem
            raise
        given = parts[-1] if len(parts[-1]) == there else b"".join(parts)
        if size < 0 or there <= size:
            self._ready = b""
            return given
        self._ready = given[size:]
        return given[:size]

    def _next(self) -> bytes:
        try:
            chunk = self._file.read(min(_CHUNK, self._left))
        except OSError as problem:
            raise Unavailable(
                "outside.source_vanished",
                f"读到一半时文件读不下去了：{problem.strerror}",
                Address(file=self._name),
            ) from None
        self._left -= len(chunk)
        self._ended = not chunk
        plain = self._plain(chunk)
        if not self._begun and plain:
            self._begun = True  # a byte order mark is not content
            plain = plain.removeprefix(MARK if self.as_it_stands else _MARK)
        self.survey.look(plain, last=self._ended)
        return plain

    def _plain(self, chunk: bytes) -> bytes:
        if self.as_it_stands:
            return chunk
        return self._checked(chunk) if self._dialect.encoding == "utf-8" else self._written_anew(chunk)

    def _checked(self, chunk: bytes) -> bytes:
        """UTF-8 passes as it is."""
        before = self._place
        try:
            if self._ended:
                self._decoder.decode(chunk, final=True)
            else:
                check_utf8(cast("codecs.IncrementalDecoder", self._decoder), chunk)
        except UnicodeDecodeError as problem:
            raise self._undecodable(problem, before) from None
        self._taken += len(chunk)
        if b"\xef\xbf\xbd" in chunk:
            self.lost += chunk.count(b"\xef\xbf\xbd")
        return chunk

    def _written_anew(self, chunk: bytes) -> bytes:
        """Any other encoding as UTF-8, in pieces that stay in the processor's cache: a sixth faster."""
        swapped = self._dialect.encoding == "gb18030"
        parts: list[bytes] = []
        for start in range(0, max(1, len(chunk)), _PIECE):
            piece, before = chunk[start : start + _PIECE], self._place
            try:
                text = self._decoder.decode(piece, final=self._ended)
            except UnicodeDecodeError as problem:
                self.survey.look(b"".join(parts))
                raise self._undecodable(problem, before) from None
            self._taken += len(piece)
            if "\ufffd" in text:
                self.lost += text.count("\ufffd")
            parts.append((corrected(text) if swapped else text).encode(errors="surrogatepass"))
        return b"".join(parts)

    @property
    def _place(self) -> int:
        """The byte of the file at which the next decoded character begins."""
        return self._taken - len(self._decoder.getstate()[0])

    def _undecodable(self, problem: UnicodeDecodeError, before: int) -> BadInput:
        good = problem.object[: problem.start].decode(problem.encoding, errors="ignore")
        self.survey.look(good.encode())
        declared = self._dialect.encoding
        return BadInput(
            "outside.csv_encoding",
            f"第 {before + problem.start + 1} 字节不是有效的 {declared.upper()}{_hint(self._path, declared)}",
            Address(file=self._name, row=self.survey.row),
        )


def _hint(path: Path, declared: str) -> str:
    """What the first megabyte can be read as instead."""
    with path.open("rb") as opened:
        head = opened.read(1 << 20)
    for encoding in ("utf-8", "gb18030"):
        try:
            codecs.getincrementaldecoder(encoding)("strict").decode(head)
        except UnicodeDecodeError:
            continue
        return "" if encoding == declared else f"；看起来是 {encoding.upper()}，请核对登记的编码"
    return ""


def footer_start(path: Path, dialect: Dialect) -> int:
    """The file's size, less its last ``footer_rows`` rows that are not blank, and less DOS's end of file."""
    size = path.stat().st_size - _dos_end(path, dialect.encoding)
    if not dialect.footer_rows:
        return size
    tail, encoding = tail_of(path, dialect.encoding, 256 << 10)
    tail = tail[: len(tail) - _dos_end(path, dialect.encoding)]
    step = len("\n".encode(encoding))
    end = len(tail)
    for _ in range(dialect.footer_rows):
        end = _row_start(tail, end, encoding, step, dialect.quote)
    return size - len(tail) + end


def _dos_end(path: Path, encoding: str) -> int:
    """1 where the last byte is Ctrl-Z, with which DOS programs end a text; no character's last byte is below 0x30."""
    if encoding.startswith(("utf-16", "utf-32")) or not path.stat().st_size:
        return 0
    with path.open("rb") as opened:
        opened.seek(-1, io.SEEK_END)
        return int(opened.read(1) == b"\x1a")


def tail_of(path: Path, encoding: str, most: int) -> tuple[bytes, str]:
    """The file's last bytes, whole units of its encoding; and the encoding by the name that reads them."""
    with path.open("rb") as opened:
        mark = opened.read(4)
        opened.seek(max(0, path.stat().st_size - most) // 4 * 4)
        tail = opened.read()
    if encoding in ("utf-16", "utf-32"):
        encoding += "-le" if mark.startswith(codecs.BOM_UTF16_LE) else "-be"
    return tail, "utf-8" if encoding == "mixed" else encoding


def _row_start(tail: bytes, end: int, encoding: str, step: int, quote: str) -> int:
    """Where the last row before ``end`` that is not blank begins; a quoted value may hold line ends."""
    start = given = end
    while start > 0:
        start = _line_start(tail, start, encoding, step)
        row = tail[start:end]
        if quote and row.count(quote.encode(encoding)) % 2:
            continue
        if row.replace(b"\0", b"").strip(b" \t\r\n,;|"):
            return start
        end = start
    return given


def _line_start(tail: bytes, end: int, encoding: str, step: int) -> int:
    places = [0]
    for line_end in ("\n", "\r"):
        mark = line_end.encode(encoding)
        place = tail.rfind(mark, 0, max(end - step, 0))
        while place >= 0 and place % step:
            place = tail.rfind(mark, 0, place + step - 1)
        if place >= 0:
            places.append(place + step)
    return max(places) if max(places) < end else 0


def _fields(record: str, dialect: Dialect) -> list[str]:
    lines = io.StringIO(record.rstrip("\r\n"), newline="")
    if dialect.quote:
        return next(csv.reader(lines, delimiter=dialect.delimiter, quotechar=dialect.quote), [])
    return next(csv.reader(lines, delimiter=dialect.delimiter, quoting=csv.QUOTE_NONE), [])
