"""Which format a file is in: its first bytes say it, its name only where they do not."""

from __future__ import annotations

import zipfile
from pathlib import Path

from jutong.terms import Address, BadInput

_TEXTS = (".csv", ".tsv", ".txt", ".tab", ".prn", ".dat", ".asc")
_FOREIGN = {
    b"Rar!": "RAR", b"7z\xbc\xaf": "7z", b"%PDF": "PDF", b"\x89PNG": "PNG", b"\xff\xd8\xff": "JPEG", b"GIF8": "GIF",
    b"SQLite format 3": "SQLite 数据库", b"\0\1\0\0Standard": "Access 数据库", b"MIME-Version:": "网页归档（MHTML）",
    b"\x7fELF": "程序", b"BZh": "bzip2", b"\xfd7zXZ\0": "xz", b"\x28\xb5\x2f\xfd": "zstd", b"{\\rtf": "RTF",
}  # fmt: skip
#: Zips that hold a document: by a member each has.
_DOCUMENTS = {"word/document.xml": "Word", "ppt/presentation.xml": "PowerPoint", "OFD.xml": "OFD"}
#: What programs call .xls and is none.
_WEB_PAGE = (b"<html", b"<!doctype html", b"<table", b"<meta", b"<head")
#: What no table begins with, whatever it is called: a page that asks to sign in was saved in its stead.
_SURE_PAGE = (b"<!doctype html", b"<html")
_OLD_XML = b"urn:schemas-microsoft-com:office:spreadsheet"
_OPEN_DOCUMENT = b"application/vnd.oasis.opendocument.spreadsheet"
#: What a dBASE file of any version begins with.
_DBF = frozenset(b"\x02\x03\x04\x05\x30\x31\x32\x43\x63\x83\x8b\x8c\xcb\xf5\xfb")


def kind_of(path: Path, name: str) -> str:
    """``text excel dbf json xml parquet zip gzip``.

    Raises BadInput ``outside.file_empty`` and ``outside.format_unknown``.
    """
    with path.open("rb") as opened:
        head = opened.read(4096)
    if not head:
        raise BadInput("outside.file_empty", "文件里没有任何内容", Address(file=name))
    for mark, word in _FOREIGN.items():
        if head.startswith(mark):
            raise _foreign(word, name)
    if head[257:262] == b"ustar":
        raise BadInput(
            "outside.format_unknown", "这是没有压缩的 tar，请压成 tar.gz 或 zip 再交", Address(file=name)
        )
    suffix = Path(name).suffix.lower()
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _kind_of_zip(path, suffix, name)
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        return "excel"
    if head.startswith(b"\x1f\x8b"):
        return "gzip"
    if head.startswith(b"PAR1"):
        return "parquet"
    if suffix == ".dbf" or (head[0] in _DBF and _is_dbf(head)):
        return "dbf"
    plain = head.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    page = plain[:20].lower()
    if page.startswith(_SURE_PAGE) or (suffix not in _TEXTS and page.startswith(_WEB_PAGE)):
        raise _foreign("网页（HTML）", name)
    if suffix not in _TEXTS and plain.startswith(b"<") and _OLD_XML in plain:
        raise _foreign("XML 电子表格 2003", name)
    return _kind_of_text(plain, suffix)


def _foreign(word: str, name: str) -> BadInput:
    return BadInput(
        "outside.format_unknown", f"这是 {word} 文件，不是数据文件；请交表格或文本", Address(file=name)
    )


def _kind_of_zip(path: Path, suffix: str, name: str) -> str:
    try:
        with zipfile.ZipFile(path) as book:
            names = set(book.namelist())
            if "xl/workbook.xml" in names or "xl/workbook.bin" in names:
                return "excel"
            if "mimetype" in names and book.read("mimetype").startswith(_OPEN_DOCUMENT):
                return "excel"
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError, RuntimeError):
        return "excel" if suffix in (".xlsx", ".xlsm", ".xlsb", ".ods") else "zip"
    for member, word in _DOCUMENTS.items():
        if member in names:
            raise _foreign(word, name)
    return "zip"


def _kind_of_text(plain: bytes, suffix: str) -> str:
    if suffix in (".json", ".ndjson", ".jsonl") or (plain[:1] in b"[{" and plain and suffix not in _TEXTS):
        return "json"
    if suffix == ".xml" or (plain.startswith((b"<?xml", b"<")) and suffix not in _TEXTS):
        return "xml"
    return "text"


def _is_dbf(head: bytes) -> bool:
    """The header's own sizes agree: 32 bytes, 32 per field, one for the end."""
    length = int.from_bytes(head[8:10], "little")
    return (
        len(head) > 65 and 65 <= length <= 32 * 258 and (length - 1) % 32 in (0, 8) and head[28:29] <= b"\x07"
    )
