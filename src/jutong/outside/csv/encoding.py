"""Which encoding a file is in; the whole file decides, and where it speaks with two tongues it is refused.

UTF-8 is proven by every byte.  What is not UTF-8 is GB18030 here, unless it has lines that can only be UTF-8
(*mixed*), or decodes into characters that Chinese text does not consist of (*doubtful*: Big5, Shift JIS, noise).
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from jutong.terms import Address, BadInput

_CHUNK, _PIECE = 4 << 20, 256 << 10
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (b"\x84\x31\x95\x33", "gb18030"),
)
#: Two CJK characters in UTF-8; as GB18030 this would be rare characters in a row, which text does not have.
_SURELY_UTF8 = re.compile(rb"(?:[\xe4-\xe9][\x80-\xbf]{2}){2}")
_LOOK = 1 << 20
_HANZI = re.compile("[\u3400-\u9fff]")
#: Share of level-1 characters (GB 2312, the 3 755 commonest) below which a text is not Chinese as we know it.
COMMON_ENOUGH, _TOO_FEW = 0.6, 8


@dataclass(frozen=True)
class FoundEncoding:
    encoding: str
    ground: str


def find_encoding(path: Path, name: str) -> FoundEncoding:
    """Raises BadInput ``outside.encoding_mixed`` and ``outside.encoding_doubtful`` with the first row that tells."""
    with path.open("rb") as opened:
        head = opened.read(_LOOK)
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return FoundEncoding(encoding, f"{encoding.upper()}（文件开头有字节顺序标记）")
    wide = _utf16_without_mark(head)
    if wide:
        return FoundEncoding(wide, f"{wide.upper()}（没有字节顺序标记，由空字节的位置看出）")
    if _is_all_utf8(path):
        return FoundEncoding("utf-8", "UTF-8（全文逐字节核过）")
    _refuse_mixed(path, name)
    _refuse_doubtful(head, name)
    return FoundEncoding("gb18030", "GB18030（不是 UTF-8，按国标解码）")


def _utf16_without_mark(head: bytes) -> str | None:
    """Delimiters, digits and line ends put a NUL in every second byte, always on the same side."""
    sample = head[: 64 << 10]
    nuls = sample.count(0)
    if nuls < 4 or nuls * 20 < len(sample):
        return None
    odd = sample[1::2].count(0)
    if odd * 10 >= nuls * 9:
        return "utf-16-le"
    return "utf-16-be" if (nuls - odd) * 10 >= nuls * 9 else None


def _is_all_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    try:
        for chunk in _chunks(path):
            check_utf8(decoder, chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def check_utf8(decoder: codecs.IncrementalDecoder, chunk: bytes) -> None:
    """What ``decoder.decode(chunk)`` checks, whole lines ten times as fast. Raises UnicodeDecodeError."""
    begin, end = chunk.find(b"\n") + 1, chunk.rfind(b"\n") + 1
    if begin < end and _is_utf8(memoryview(chunk)[begin:end]):
        decoder.decode(chunk[:begin])
        decoder.decode(chunk[end:])
    else:
        decoder.decode(chunk)


def _is_utf8(data: memoryview) -> bool:
    offsets = pa.py_buffer(np.array([0, len(data)], np.int32).tobytes())
    try:
        pa.StringArray.from_buffers(1, offsets, pa.py_buffer(data)).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _refuse_mixed(path: Path, name: str) -> None:
    """Lines that are not UTF-8 beside lines that can be nothing else."""
    tail = b""
    for chunk in _chunks(path):
        if _may_hold_utf8(chunk) or _may_hold_utf8(tail + chunk[:5]):
            break
        tail = chunk[-5:]
    else:
        return  # the usual file is passed over without being cut into lines
    row, utf8, other = 0, 0, 0
    first: tuple[int, str] | None = None
    rest = b""
    for chunk in _chunks(path):
        block = rest + chunk
        cut = block.rfind(b"\n") + 1
        if not cut:
            rest = block[-(1 << 20) :]
            continue
        lines, rest = block[:cut], block[cut:]
        if not _may_hold_utf8(lines) and (not utf8 or other):
            other += 1
            row += lines.count(b"\n")
            continue
        for line in lines.splitlines():
            row += 1
            if line.isascii():
                continue
            kind = tongue(line)
            utf8, other = utf8 + (kind == "utf-8"), other + (kind != "utf-8")
            if utf8 and other and first is None:
                first = row, kind
    if first:
        raise BadInput(
            "outside.encoding_mixed",
            f"文件里混着两种编码：从这一行起出现 {first[1].upper()}，而前面不是。请统一编码后重交，"
            "或把编码登记为 mixed，逐行各按其编码读",
            Address(file=name, row=first[0]),
        )


def _may_hold_utf8(block: bytes) -> bool:
    """``_SURELY_UTF8.search``, vectorised over pieces that stay in the processor's cache."""
    whole: Any = np.frombuffer(block, np.uint8)
    for start in range(0, len(whole), _PIECE):
        seen = whole[start : start + _PIECE + 5]  # six bytes may stand across two pieces
        lead, follows = (seen - np.uint8(0xE4)) < 6, (seen & 0xC0) == 0x80
        hanzi = lead[:-2] & follows[1:-1] & follows[2:]
        if (hanzi[:-3] & hanzi[3:]).any():
            return True
    return False


def tongue(line: bytes) -> str:
    """``utf-8`` for text that can hardly be anything else, else ``gb18030``."""
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return "gb18030"
    return "utf-8" if _SURELY_UTF8.search(line) or _one_hanzi(line) else "gb18030"


def _one_hanzi(line: bytes) -> bool:
    """A line with a single non-ASCII run of three bytes cannot be pairs."""
    odd = bytes(byte for byte in line if byte > 0x7F)
    return len(odd) % 2 == 1


def _refuse_doubtful(head: bytes, name: str) -> None:
    hanzi = hanzi_of(head.decode("gb18030", errors="ignore"))
    if hanzi.total() < _TOO_FEW:
        return
    common = common_share(hanzi)
    if common < COMMON_ENOUGH:
        raise BadInput(
            "outside.encoding_doubtful",
            f"按 GB18030 解出的汉字里常用字只占 {common:.0%}，编码恐怕不对（可能是 Big5）；请登记编码",
            Address(file=name, row=1),
        )


def hanzi_of(text: str) -> Counter[str]:
    return Counter(_HANZI.findall(text))


def common_share(hanzi: Counter[str]) -> float:
    """How much of some hanzi, at least one, is of the commonest."""
    return sum(count for char, count in hanzi.items() if _is_common(char)) / hanzi.total()


def _is_common(char: str) -> bool:
    try:
        first = char.encode("gb2312")[0]
    except UnicodeEncodeError:
        return False
    return 0xB0 <= first <= 0xD7


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as opened:
        while chunk := opened.read(_CHUNK):
            yield chunk
