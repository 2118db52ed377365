"""Text tables that were joined, exported, saved or fetched wrongly, and GB18030 at its edges."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator

from tests.outside.hostile.case import Case

AB = ["代码", "名称"]
ROWS: list[list[str | None]] = [["01", "邵阳"], ["02", "隆回"]]
_PAGE = "<!DOCTYPE html>\n<html><head><title>登录</title></head><body>请先登录</body></html>\n"


def cases() -> Iterator[Case]:
    yield from ends()
    yield from joined()
    yield from edges()
    yield from strangers()


def ends() -> Iterator[Case]:
    for codec in ("utf-8", "gb18030"):
        text = "代码,名称\r\n01,邵阳\r\n02,隆回\r\n".encode(codec)
        yield Case(f"dos-end-{codec}", "老.csv", text + b"\x1a", AB, ROWS)
        yield Case(f"dos-end-on-the-row-{codec}", "老.csv", text[:-2] + b"\x1a", AB, ROWS)
        yield Case(
            f"one-column-dos-end-{codec}",
            "老.txt",
            "名称\n邵阳\n".encode(codec) + b"\x1a",
            ["名称"],
            [["邵阳"]],
        )
        yield Case(
            f"form-feed-{codec}",
            "打印.csv",
            "代码,名称\n01,邵\x0c阳\n".encode(codec),
            AB,
            [["01", "邵\x0c阳"]],
        )
        yield Case(
            f"next-line-is-no-line-end-{codec}", "a.csv", "代码,名称\n01,邵\x85阳\u2028省\n".encode(codec), AB,
            [["01", "邵\x85阳\u2028省"]],
        )  # fmt: skip
    yield Case("carriage-return-twice", "a.csv", "代码,名称\r\r\n01,邵阳\r\r\n02,隆回\r\r\n".encode(), AB, ROWS,
               clerk_rows=(3, 5))  # fmt: skip
    yield Case("no-end-at-all", "a.csv", "代码,名称\n01,邵阳\n02,隆回".encode("gb18030"), AB, ROWS)


def joined() -> Iterator[Case]:
    one = "代码,名称\n01,邵阳\n"
    for codec in ("utf-8", "gb18030"):
        yield Case(
            f"two-files-in-one-{codec}", "a.csv", (one + "代码,名称\n02,隆回\n").encode(codec), AB,
            [["01", "邵阳"], ["代码", "名称"], ["02", "隆回"]], noticed=(("header_within", 3),),
        )  # fmt: skip
    yield Case(
        "two-files-with-marks", "a.csv", one.encode("utf-8-sig") + "代码,名称\n02,隆回\n".encode("utf-8-sig"), AB,
        [["01", "邵阳"], ["\ufeff代码", "名称"], ["02", "隆回"]], noticed=(("header_within", 3),),
    )  # fmt: skip
    yield Case("two-marks", "a.csv", b"\xef\xbb\xbf" + one.encode("utf-8-sig"), AB, [["01", "邵阳"]])
    yield Case("mark-in-the-middle-of-gb", "a.csv", one.encode("gb18030") + b"02,\x84\x31\x95\x33\n", AB,
               [["01", "邵阳"], ["02", "\ufeff"]])  # fmt: skip
    yield Case(
        "utf16-then-utf8", "a.csv", one.encode("utf-16") + "02,隆回\n".encode(), refused=("csv_ragged", 3)
    )


def edges() -> Iterator[Case]:
    """Every trailing byte that is a letter, a digit or a mark; rare characters; values cut off in a character."""
    trails = [
        bytes((lead, trail))
        for lead in (0x81, 0xB0, 0xF7, 0xFE)
        for trail in (*range(0x40, 0x7F), 0x80, 0xFE)
    ]
    from jutong.outside.csv.gb18030 import corrected

    rows: list[list[str | None]] = [
        [f"{place:03}", corrected(one.decode("gb18030"))] for place, one in enumerate(trails)
    ]
    for delimiter in (",", "\t", ";", "|", "^", "~"):
        lines = [f"{place:03}".encode() + delimiter.encode() + one for place, one in enumerate(trails)]
        head = f"代码{delimiter}名称".encode("gb18030")
        yield Case(
            f"trailing-bytes-{ord(delimiter)}", "a.csv", b"\n".join([head, *lines]) + b"\n", AB, rows,
            declared={"encoding": "gb18030", "delimiter": delimiter, "header_row": 1, "footer_rows": 0},
        )  # fmt: skip
    for codec in ("utf-8", "gb18030", "utf-16"):
        first = "代码,名称\n\ufeff01,邵阳\n02,隆回\n".encode(codec)
        yield Case(
            f"first-value-with-a-mark-{codec}", "a.csv", first, AB, [["\ufeff01", "邵阳"], ["02", "隆回"]]
        )
    looks = b"\xef\xbb\xbf\xa1"  # two characters of GB18030, whose first three bytes are UTF-8's mark
    yield Case("first-value-looks-like-a-mark", "a.csv", "名称,数\n".encode("gb18030") + looks + b",1\n", ["名称", "数"],
               [[looks.decode("gb18030"), "1"]], declared={"encoding": "gb18030", "header_row": 1})  # fmt: skip
    rare = "代码,名称,数\n01,𠮷𬭛㐂𰻞,12\n02,龴龵\ue7c7ḿ,34\n03,\U0010ffff\ue000,\n"
    from jutong.outside.csv.gb18030 import encoded

    yield Case("rare-names", "a.csv", encoded(rare), [*AB, "数"],
               [["01", "𠮷𬭛㐂𰻞", "12"], ["02", "龴龵\ue7c7ḿ", "34"], ["03", "\U0010ffff\ue000", None]])  # fmt: skip
    for place, cut in enumerate((b"\xc9", b"\x95\x32", b"\x95\x32\x82", b"\x80", b"\xff")):
        for where, content in (("value", b"01," + cut + b",x\n"), ("end", b"01,x," + cut)):
            yield Case(
                f"cut-in-the-{where}-{place}", "a.csv", "代码,名称,数\n".encode("gb18030") + b"00,a,b\n" + content,
                refused=("csv_encoding", 3), declared={"encoding": "gb18030"},
            )  # fmt: skip
    aside = "代码,名称\n01,邵阳\n02\n03,隆回,多\n04,洞口\n".encode("gb18030")
    yield Case("gb-rows-aside", "a.csv", aside, AB, [["01", "邵阳"], ["04", "洞口"]], declared={"wrong_rows": "set_aside"},
               noticed=(("csv_ragged", 3), ("csv_ragged", 4)))  # fmt: skip
    late = "代码,名称\n" + "".join(
        f"{number:07},邵阳市第{number}号贸易有限公司\n" for number in range(220_000)
    )
    yield Case("gb-wrong-in-the-last-row", "a.csv", late.encode("gb18030") + b"x,\xc9,\n",
               refused=("csv_encoding", 220_002), declared={"encoding": "gb18030"})  # fmt: skip
    missing = '代码,名称\n01,\n02,""\n,邵阳\n'.encode("gb18030")
    yield Case("gb-missing-and-empty", "a.csv", missing, AB, [["01", None], ["02", ""], [None, "邵阳"]])
    quoted = '代码,名称\n01,"邵\n阳"\n"02","隆""回"\n'.encode("gb18030")
    yield Case("gb-quoted-line-ends", "a.csv", quoted, AB, [["01", "邵\n阳"], ["02", '隆"回']])
    lost = "代码,名称\n01,\ufffd\ufffd\n".encode("gb18030")
    yield Case("gb-lost", "a.csv", lost, AB, [["01", "\ufffd\ufffd"]], noticed=(("replacement_char", None),),
               declared={"encoding": "gb18030"})  # fmt: skip


def strangers() -> Iterator[Case]:
    """What is no table at all, under a table's name."""
    for name in ("表.csv", "表.txt", "表.xls", "表"):
        yield Case(f"login-page-{name}", name, _PAGE.encode(), refused=("format_unknown", None))
    archive = "MIME-Version: 1.0\r\nContent-Type: multipart/related\r\n\r\n<html></html>"
    yield Case("web-archive", "表.xls", archive.encode(), refused=("format_unknown", None))
    yield Case("sqlite", "表.csv", b"SQLite format 3\0" + b"\x10\0" * 200, refused=("format_unknown", None))
    access = b"\0\1\0\0Standard ACE DB\0" + b"\0" * 400
    yield Case("access", "表.csv", access, refused=("format_unknown", None))
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as made:
        member = tarfile.TarInfo("表.csv")
        member.size = 4
        made.addfile(member, io.BytesIO(b"a,b\n"))
    yield Case("tar-unpacked", "表.csv", out.getvalue(), refused=("format_unknown", None))
    yield Case("program", "表.csv", b"\x7fELF" + b"\2\1\1" + b"\0" * 60, refused=("format_unknown", None))
