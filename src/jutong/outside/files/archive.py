"""The one data file in a zip, gz or tar.gz, unpacked under watch: sizes in a header may lie, bytes do not."""

from __future__ import annotations

import gzip
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import IO, cast

from jutong.outside.packed import MOST_BYTES, check_members, opened_zip, stays_inside
from jutong.terms import Address, BadInput

_CHUNK = 1 << 20
_LARGE, _RATIO = 64 << 20, 250
#: What lies beside a DBF of the same name: a shape file's parts, an index, the name of the encoding.
_COMPANIONS = (
    ".cpg",
    ".prj",
    ".qpj",
    ".shp",
    ".shx",
    ".sbn",
    ".sbx",
    ".qix",
    ".shp.xml",
    ".cdx",
    ".mdx",
    ".ndx",
    ".idx",
)
_NOISE = ("__MACOSX/", ".DS_Store", "Thumbs.db", "desktop.ini")


def unpack(path: Path, name: str, kind: str, folder: Path, wanted: str | None = None) -> str:
    """Write the member to ``folder/member`` and return its name.

    Raises BadInput ``outside.archive_unreadable``, ``archive_bomb``, ``archive_traversal``, ``archive_locked``,
    ``archive_link``, ``archive_many``, ``archive_empty``, ``member_missing``.
    """
    try:
        if kind == "zip":
            return _unzip(path, name, folder, wanted)
        if _is_tar(path):
            return _untar(path, name, folder, wanted)
        with gzip.open(path) as packed:
            _copy(cast("IO[bytes]", packed), folder, path, name)
    except (
        zipfile.BadZipFile,
        tarfile.TarError,
        OSError,
        EOFError,
        zlib.error,
        lzma.LZMAError,
        NotImplementedError,
    ) as problem:
        raise BadInput(
            "outside.archive_unreadable", f"压缩文件打不开，可能没有传完（{problem}）", Address(file=name)
        ) from None
    return Path(name).name.removesuffix(".gz") or "member"


def _unzip(path: Path, name: str, folder: Path, wanted: str | None) -> str:
    with opened_zip(path, name) as book:
        shown = {_named(one): one for one in book.infolist() if not one.is_dir()}
        chosen = _chosen(list(shown), name, wanted)
        with book.open(shown[chosen]) as packed:
            _copy(packed, folder, path, name)
        beside = _beside(chosen, shown)
        if beside:
            with book.open(shown[beside]) as packed:
                _copy(packed, folder, path, name, "member.cpg")
    return chosen


def _named(member: zipfile.ZipInfo) -> str:
    """Names that are not marked as UTF-8 were written by a Chinese Windows."""
    if member.flag_bits & 0x800:
        return member.filename
    try:
        return member.filename.encode("cp437").decode("gb18030")
    except (UnicodeEncodeError, UnicodeDecodeError):
        return member.filename


def _is_tar(path: Path) -> bool:
    try:
        with gzip.open(path) as packed:
            block = packed.read(512)
    except (OSError, EOFError, zlib.error):
        return False
    return block[257:262] == b"ustar"


def _untar(path: Path, name: str, folder: Path, wanted: str | None) -> str:
    with tarfile.open(path, "r:gz") as book:
        members = []
        for number, one in enumerate(book, start=1):
            if not stays_inside(one.name) or not (one.isfile() or one.isdir()):
                kind = "archive_traversal" if not stays_inside(one.name) else "archive_link"
                raise BadInput(
                    f"outside.{kind}", f"压缩文件里的「{one.name}」是链接或想写到目录之外", Address(file=name)
                )
            check_members(iter([(one.name, one.size, 0)]), path, name)
            if number > 20_000:
                raise BadInput("outside.archive_bomb", "压缩文件里的文件多得不像话", Address(file=name))
            if one.isfile():
                members.append(one)
        shown = {one.name: one for one in members}
        chosen = _chosen(list(shown), name, wanted)
        for wanted_name, target in ((chosen, "member"), (_beside(chosen, shown), "member.cpg")):
            packed = book.extractfile(shown[wanted_name]) if wanted_name else None
            if packed is not None:
                with packed:
                    _copy(packed, folder, path, name, target)
    return chosen


def _beside(chosen: str, members: Iterable[str]) -> str | None:
    """The ``.cpg`` that says in which encoding a packed DBF is."""
    wanted = PurePosixPath(chosen).with_suffix(".cpg")
    if not chosen.lower().endswith(".dbf"):
        return None
    return next((one for one in members if str(PurePosixPath(one)).lower() == str(wanted).lower()), None)


def _without_companions(members: Sequence[str]) -> list[str]:
    """A DBF comes with files of its own name that are no tables: a shape file's others, the name of its encoding."""
    stems = [one[:-4].lower() for one in members if one.lower().endswith(".dbf")]
    companions = {stem + ending for stem in stems for ending in _COMPANIONS}
    return [one for one in members if one.lower() not in companions]


def _chosen(members: Sequence[str], name: str, wanted: str | None) -> str:
    data = [one for one in members if not any(word in one for word in _NOISE) and not one.endswith("/")]
    if wanted is not None:
        if wanted not in data:
            there = "、".join(data[:5])
            raise BadInput(
                "outside.member_missing", f"压缩文件里没有「{wanted}」，有的是 {there}", Address(file=name)
            )
        return wanted
    tables = [
        one
        for one in _without_companions(data)
        if PurePosixPath(one).suffix.lower() not in (".md", ".pdf", ".doc", ".docx", ".ok")
    ]
    if not tables:
        raise BadInput("outside.archive_empty", "压缩文件里没有数据文件", Address(file=name))
    if len(tables) > 1:
        there = "、".join(tables[:5])
        raise BadInput(
            "outside.archive_many",
            f"压缩文件里有 {len(tables)} 个文件（{there}），请写明读哪一个",
            Address(file=name),
        )
    return tables[0]


def _copy(packed: IO[bytes], folder: Path, path: Path, name: str, target: str = "member") -> None:
    size, given = max(path.stat().st_size, 1), 0
    with (folder / target).open("wb") as written:
        while chunk := packed.read(_CHUNK):
            given += len(chunk)
            if given > MOST_BYTES or (given > _LARGE and given > size * _RATIO):
                raise BadInput(
                    "outside.archive_bomb",
                    f"展开到 {given >> 20} MB 还没有完，是压缩文件的 {given // size} 倍，不像是真的数据",
                    Address(file=name),
                )
            written.write(chunk)
