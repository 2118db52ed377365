"""What a packed file may not be: a bomb, a way out of its folder, a carrier of entities or macros.

Every zip that is opened passes here first: archives and the workbooks that are zips themselves.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from jutong.terms import Address, BadInput

#: Unpacked size beyond which a file is refused whatever its ratio, and the ratio beyond which a large one is.
MOST_BYTES = 8 << 30
_LARGE, _RATIO = 64 << 20, 250
_MOST_MEMBERS = 20_000
_MACROS = re.compile(r"(?i)(?:^|/)(?:vbaProject\.bin|_vba_project|macrosheets/.+)$")
_DECLARES = re.compile(rb"<!\s*(?:DOCTYPE|ENTITY)", re.IGNORECASE)
#: An OLE file's stream of that name, as UTF-16.
_OLE, _OLE_MACROS = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "_VBA_PROJECT".encode("utf-16-le")
_OLE_LOCKED = "EncryptedPackage".encode("utf-16-le")


@contextmanager
def opened_zip(path: Path, name: str) -> Iterator[zipfile.ZipFile]:
    """A zip that has been looked at.

    Raises BadInput ``outside.archive_unreadable``, ``archive_bomb``, ``archive_traversal``, ``archive_locked``.
    """
    try:
        book = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError) as problem:
        raise BadInput(
            "outside.archive_unreadable", f"压缩文件打不开，可能没有传完（{problem}）", Address(file=name)
        ) from None
    with book:
        check_members(
            ((one.filename, one.file_size, one.flag_bits & 1) for one in book.infolist()), path, name
        )
        names = [one for one in book.namelist() if not one.endswith("/")]
        if len(set(names)) != len(names):  # programs disagree about which of the two is meant
            raise BadInput("outside.archive_unreadable", "压缩文件里有两个同名的文件", Address(file=name))
        yield book


def check_members(members: Iterator[tuple[str, int, int]], path: Path, name: str) -> None:
    """Names that stay inside, sizes that can be meant; ``members`` give (name, bytes unpacked, encrypted)."""
    packed, total = max(path.stat().st_size, 1), 0
    for number, (member, size, locked) in enumerate(members, start=1):
        total += size
        if not stays_inside(member):
            raise BadInput(
                "outside.archive_traversal", f"压缩文件里的「{member}」想写到目录之外", Address(file=name)
            )
        if locked:
            raise BadInput("outside.archive_locked", f"压缩文件里的「{member}」设有密码", Address(file=name))
        if number > _MOST_MEMBERS or total > MOST_BYTES or (total > _LARGE and total > packed * _RATIO):
            raise BadInput(
                "outside.archive_bomb",
                f"展开后至少有 {total >> 20} MB，是压缩文件的 {total // packed} 倍，不像是真的数据",
                Address(file=name),
            )


def stays_inside(member: str) -> bool:
    plain = member.replace("\\", "/")
    path = PurePosixPath(plain)
    return (
        not path.is_absolute()
        and ".." not in path.parts
        and not re.match(r"[A-Za-z]:", plain)
        and "\0" not in plain
    )


def refuse_macros(book: zipfile.ZipFile, name: str) -> None:
    """Raises BadInput ``outside.excel_macros``."""
    if any(_MACROS.search(member) for member in book.namelist()):
        raise _macros(name)


def refuse_ole(path: Path, name: str) -> None:
    """An old workbook with macros, or any workbook with a password, by what stands in its OLE directory.

    Raises BadInput ``outside.excel_macros`` and ``outside.excel_locked``.
    """
    with path.open("rb") as opened:
        if opened.read(8) != _OLE:
            return
        rest = opened.read()
    if _OLE_LOCKED in rest:
        raise BadInput("outside.excel_locked", "工作簿设有密码，打不开", Address(file=name))
    if _OLE_MACROS in rest:
        raise _macros(name)


def _macros(name: str) -> BadInput:
    return BadInput("outside.excel_macros", "工作簿里有宏；请另存为不含宏的工作簿再交", Address(file=name))


def refuse_entities(head: bytes, name: str) -> None:
    """No XML of ours declares anything. Raises BadInput ``outside.xml_entities``."""
    plain = head.replace(b"\0", b"")  # UTF-16 does not hide it
    if _DECLARES.search(plain):
        raise BadInput(
            "outside.xml_entities", "XML 里有 DOCTYPE 或实体声明，为安全起见不读", Address(file=name)
        )
