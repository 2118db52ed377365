"""A delivered file as surveyed UTF-8 without a byte order mark; Arrow reads it like any file."""

from __future__ import annotations

import codecs
import csv
import io
from pathlib import Path
from typing import BinaryIO

from jutong.outside.csv.dialect import Dialect, suggest
from jutong.outside.csv.gb18030 import corrected
from jutong.outside.csv.survey import Survey
from jutong.terms import Address, BadInput, JutongError, Unavailable

_CHUNK = 4 << 20
_MARK = "\ufeff".encode()


class Feed(io.RawIOBase):
    """``read`` gives exactly as many bytes as asked for until the end; problems are kept in ``problem``,
    because the parser calls from a thread of its own and words them anew."""

    def __init__(self, path: Path, dialect: Dialect, name: str) -> None:
        self.survey = Survey(dialect, name)
        self.problem: JutongError | None = None
        self._path = path
        self._name = name
        self._dialect = dialect
        self._file: BinaryIO = path.open("rb")
        self._decoder = codecs.getincrementaldecoder(dialect.encoding)("strict")
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
        """The first record's fields and the clerk's row it stands in; what follows is left to be read.

        Without a header in the dialect nothing is taken.  Raises BadInput ``outside.file_empty``.
        """
        while self.survey.first is None and not self._ended:
            self._ready += self._next()
        if self.survey.first is None:
            raise BadInput("outside.file_empty", "文件里没有任何内容", Address(file=self._name))
        start, end = self.survey.first
        if not self._dialect.header:
            return list(self._dialect.columns), 0
        head = self._ready[:end]
        self._ready = self._ready[end:]
        blank_before = head[:start].replace(b"\r\n", b"\n").replace(b"\r", b"\n").count(b"\n")
        return _fields(head[start:].decode(), self._dialect), blank_before + 1

    @property
    def exhausted(self) -> bool:
        """Whether nothing at all is left to read."""
        while not self._ready and not self._ended:
            self._ready = self._next()
        return not self._ready

    def read(self, size: int = -1) -> bytes:
        try:
            while (size < 0 or len(self._ready) < size) and not self._ended:
                self._ready += self._next()
        except JutongError as problem:
            self.problem = problem
            raise
        if size < 0:
            size = len(self._ready)
        given, self._ready = self._ready[:size], self._ready[size:]
        return given

    def _next(self) -> bytes:
        try:
            chunk = self._file.read(_CHUNK)
        except OSError as problem:
            raise Unavailable(
                "outside.source_vanished",
                f"读到一半时文件读不下去了：{problem.strerror}",
                Address(file=self._name),
            ) from None
        before = self._taken - len(self._decoder.getstate()[0])
        self._taken += len(chunk)
        self._ended = not chunk
        try:
            text = self._decoder.decode(chunk, final=self._ended)
        except UnicodeDecodeError as problem:
            raise self._undecodable(problem, before) from None
        plain = self._plain(chunk, text)
        self.survey.look(plain, last=self._ended)
        return plain

    def _plain(self, chunk: bytes, text: str) -> bytes:
        """UTF-8 passes as it is; what was decoded is written anew.  A byte order mark is not content."""
        if self._dialect.encoding == "utf-8":
            plain = chunk
        else:
            plain = (corrected(text) if self._dialect.encoding == "gb18030" else text).encode()
        if not self._begun and plain:
            self._begun = True
            plain = plain.removeprefix(_MARK)
        return plain

    def _undecodable(self, problem: UnicodeDecodeError, before: int) -> BadInput:
        good = problem.object[: problem.start].decode(problem.encoding, errors="ignore")
        self.survey.look(good.encode())
        declared = self._dialect.encoding
        looks = suggest(self._path).encoding
        hint = f"；看起来是 {looks.upper()}，请核对登记的编码" if looks != declared else ""
        return BadInput(
            "outside.csv_encoding",
            f"第 {before + problem.start + 1} 字节不是有效的 {declared.upper()}{hint}",
            Address(file=self._name, row=self.survey.row),
        )


def _fields(record: str, dialect: Dialect) -> list[str]:
    lines = io.StringIO(record, newline="")
    if dialect.quote:
        return next(csv.reader(lines, delimiter=dialect.delimiter, quotechar=dialect.quote))
    return next(csv.reader(lines, delimiter=dialect.delimiter, quoting=csv.QUOTE_NONE))
