"""Text tables: encodings, dialects, header shapes, ragged rows, broken quotes, damage."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator

from tests.outside.hostile.case import Case, Rows

HEADER = ["代码", "名称", "金额", "日期", "备注"]
#: What a loader that guesses gets wrong: zeros in front, 18 digits, exponents, dates, rare names, NA.
ROWS: Rows = [
    ["0012", "邵阳市宝庆酒业有限公司", "12.50", "2024-02-29", "NA"],
    ["430502198501010012", "𠮷野家 㐂 𬭛", "1e5", "2024/1/5", " 前后空格 "],
    ["9143050000000000XX", "大祥区「老字号」", "-0", "20240230", None],
    ["007", "TRUE", "1,234.5", "02-03-04", "null"],
]
ENCODINGS = {
    "utf8": "utf-8", "utf8bom": "utf-8-sig", "gb": "gb18030", "utf16": "utf-16", "utf16le": "utf-16-le",
    "utf16be": "utf-16-be", "utf32": "utf-32",
}  # fmt: skip
DELIMITERS = {"comma": ",", "tab": "\t", "semi": ";", "bar": "|", "caret": "^", "tilde": "~", "x01": "\x01"}
ENDS = {"lf": "\n", "crlf": "\r\n", "cr": "\r"}


def written(
    rows: Rows, *, delimiter: str = ",", end: str = "\n", all_quoted: bool = False, quote: str = '"'
) -> str:
    out = io.StringIO(newline="")
    quoting = csv.QUOTE_ALL if all_quoted else csv.QUOTE_MINIMAL
    csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=quoting, quotechar=quote).writerows(rows)
    return out.getvalue()


def cases() -> Iterator[Case]:
    yield from dialects()
    yield from quoting()
    yield from shapes()
    yield from ragged()
    yield from damaged()
    yield from encodings()
    yield from headers()


def dialects() -> Iterator[Case]:
    """Every encoding with every delimiter and line end; nothing is declared."""
    for (coding, codec), (word, delimiter), (ends, end) in itertools.product(
        ENCODINGS.items(), DELIMITERS.items(), ENDS.items()
    ):
        text = written([HEADER, *ROWS], delimiter=delimiter, end=end)
        yield Case(f"{coding}-{word}-{ends}", "给.csv", text.encode(codec), HEADER, ROWS)


def quoting() -> Iterator[Case]:
    hard: Rows = [["1", "两\n行", 'say "hi"'], ["2", "逗,号;分|号", ""], ["3", "\t制表", "'单'"]]
    header = ["a", "b", "c"]
    for delimiter, end in itertools.product((",", ";", "\t"), ("\n", "\r\n")):
        text = written([header, *hard], delimiter=delimiter, end=end, all_quoted=True)
        yield Case(f"all-quoted-{ord(delimiter)}-{len(end)}", "a.csv", text.encode(), header, hard)
    inner = 'a,b\n5" 管,2\n3" 管,4\n'
    yield Case("quotes-are-inches", "a.csv", inner.encode(), ["a", "b"], [['5" 管', "2"], ['3" 管', "4"]])
    single = "'代码';'名称'\n'1';'甲;乙'\n'2';'丙'\n"
    yield Case("single-quotes", "a.csv", single.encode(), ["代码", "名称"], [["1", "甲;乙"], ["2", "丙"]])
    for name, text, code, row in (
        ("open-at-the-end", 'a,b\n1,2\n"3,4\n5,6\n', "csv_quote_open", 3),
        ("letter-after-close", 'a,b\n"1"x,2\n"3",4\n', "csv_quote", 2),
        ("letter-before-open", 'a,b\n"1",2\n3,x"4"\n', "csv_quote", 3),
        ("undoubled-inside", 'a,b\n"1",2\n"他说"好"",3\n', "csv_quote", 3),
        ("open-on-the-first-row", '"a,b\n1,2\n', "csv_quote_open", 1),
    ):
        for codec in ("utf-8", "gb18030"):
            yield Case(f"{name}-{codec}", "a.csv", text.encode(codec), refused=(code, row))


def shapes() -> Iterator[Case]:
    """Titles above, headers of one or two rows, totals below, in two encodings."""
    data: Rows = [["91430500MA4L01", "甲公司", "12", "3"], ["91430500MA4L02", "乙公司", "7", "5"],
                  ["91430500MA4L03", "丙公司", "9", "1"]]  # fmt: skip
    one, two = (
        ["代码", "名称", "一季度", "二季度"],
        [["代码", "名称", "户数", ""], ["", "", "一季度", "二季度"]],
    )
    titles: Rows = [
        ["邵阳市市场主体统计表", "", "", ""],
        ["填报单位：市市场监管局", "", "", "单位：户"],
        ["", "", "", ""],
    ]
    totals: Rows = [["合计", "", "28", "9"], ["制表人：张三", "", "", ""]]
    for above, double, below, codec in itertools.product(
        range(4), (False, True), range(3), ("utf-8", "gb18030")
    ):
        header = two if double else [one]
        rows = [*titles[:above], *header, *data, *totals[:below]]
        first = above + len(header) + 1
        yield Case(
            f"shape-{above}-{len(header)}-{below}-{codec}", "表.csv", written(rows).encode(codec), one, data,
            clerk_rows=(first, first + 1, first + 2),
        )  # fmt: skip
    narrow = "邵阳市名单\n代码,名称\n01,甲\n02,乙\n合计,2\n"
    yield Case("ragged-title", "表.csv", narrow.encode("gb18030"), ["代码", "名称"],
               [["01", "甲"], ["02", "乙"], ["合计", "2"]], noticed=(("totals_within", 5),))  # fmt: skip
    yield Case(
        "separator-line",
        "表.csv",
        "sep=;\n代码;名称\n01;甲,乙\n".encode(),
        ["代码", "名称"],
        [["01", "甲,乙"]],
    )
    yield Case("numbering-row", "表.csv", "代码,名称,户数,金额\n甲,乙,1,2\n0101,东,3,4\n".encode(),
               ["代码", "名称", "户数", "金额"], [["0101", "东", "3", "4"]])  # fmt: skip
    yield Case("blank-rows-between", "表.csv", b"a,b\n\n1,x\n\n\n2,y\n\n", ["a", "b"], [["1", "x"], ["2", "y"]],
               clerk_rows=(3, 6))  # fmt: skip
    yield Case("subtotal-within", "表.csv", "区,数\n东,1\n小计,1\n西,2\n北,3\n".encode(), ["区", "数"],
               [["东", "1"], ["小计", "1"], ["西", "2"], ["北", "3"]], noticed=(("totals_within", 3),))  # fmt: skip
    yield Case("totals-kept-when-told", "表.csv", written([one, *data, totals[0]]).encode(), one,
               [*data, ["合计", None, "28", "9"]], declared={"footer_rows": 0})  # fmt: skip
    yield Case(
        "header-told", "表.csv", b"x,y\n1,2\na,b\n3,4\n", ["a", "b"], [["3", "4"]], declared={"header_row": 3}
    )


def ragged() -> Iterator[Case]:
    good: Rows = [[str(place), f"名{place}", "x"] for place in range(6)]
    header = ["a", "b", "c"]
    for place, extra, codec in itertools.product((0, 3, 5), (-1, 1, 4), ("utf-8", "gb18030")):
        rows = [list(row) for row in good]
        rows[place] = rows[place][:extra] if extra < 0 else [*rows[place], *["y"] * extra]
        content = written([header, *rows]).encode(codec)
        name = f"ragged-{place}-{extra}-{codec}"
        yield Case(f"{name}-refuse", "a.csv", content, refused=("csv_ragged", place + 2))
        rest = [row for number, row in enumerate(good) if number != place]
        yield Case(f"{name}-aside", "a.csv", content, header, rest, declared={"wrong_rows": "set_aside"},
                   noticed=(("csv_ragged", place + 2),))  # fmt: skip
    gap = b"a,b\n1,2\n\n3\n4,5\n"
    yield Case("ragged-after-a-blank", "a.csv", gap, ["a", "b"], [["1", "2"], ["4", "5"]],
               declared={"wrong_rows": "set_aside"}, noticed=(("csv_ragged", 4),))  # fmt: skip
    yield Case(
        "all-ragged",
        "a.csv",
        b"a,b,c\n1\n2\n",
        refused=("csv_ragged", 2),
        declared={"wrong_rows": "set_aside"},
    )
    yield Case(
        "beyond-blank-header",
        "a.csv",
        "代码,名称,,\n1,甲,,\n2,乙,,漏\n".encode(),
        refused=("beyond_header", 3),
    )


def damaged() -> Iterator[Case]:
    for codec in ("utf-8", "gb18030", "utf-16-le"):
        text = "代码,名称\n1,邵阳\n2,隆\0回\n"
        yield Case(f"nul-{codec}", "a.csv", text.encode(codec), refused=("csv_nul", 3))
        cut = "代码,名称\n1,邵阳\n2,隆回".encode(codec)[:-1]
        declared = {"encoding": codec}
        yield Case(
            f"cut-in-a-character-{codec}", "a.csv", cut, refused=("csv_encoding", 3), declared=declared
        )
    long = b"a,b\n1,2\n3," + b"x" * (5 << 20) + b"\n"
    yield Case("line-of-five-megabytes", "a.csv", long, refused=("csv_line_too_long", 3))
    for name, content, code in (
        ("empty", b"", "file_empty"), ("only-blank", b"\n\r\n\n", "file_empty"),
        ("only-mark", b"\xef\xbb\xbf", "file_empty"), ("only-header", "代码,名称\n".encode(), "header_only"),
        ("only-header-gb", "代码,名称\r\n\r\n".encode("gb18030"), "header_only"),
    ):  # fmt: skip
        yield Case(name, "a.csv", content, refused=(code, None))
    for name, head in (
        ("pdf", b"%PDF-1.4\n"),
        ("rar", b"Rar!\x1a\x07"),
        ("7z", b"7z\xbc\xaf\x27\x1c"),
        ("png", b"\x89PNG\r\n"),
    ):
        yield Case(f"not-data-{name}", "表.csv", head + b"x" * 100, refused=("format_unknown", None))
    lost = "代码,名称\n1,\ufffd\ufffd酒业\n".encode()
    yield Case("lost-characters", "a.csv", lost, ["代码", "名称"], [["1", "\ufffd\ufffd酒业"]],
               noticed=(("replacement_char", None),))  # fmt: skip


def encodings() -> Iterator[Case]:
    lines = ["代码,名称", *(f"{place},邵阳市大祥区企业{place}号" for place in range(40))]
    for place in (1, 20, 40):
        mixed = b"".join(
            (line + "\n").encode("utf-8" if number == place else "gb18030")
            for number, line in enumerate(lines)
        )
        truth = [line.split(",") for line in lines[1:]]
        yield Case(f"mixed-{place}", "a.csv", mixed, refused=("encoding_mixed", max(place + 1, 2)))
        yield Case(
            f"mixed-told-{place}", "a.csv", mixed, lines[0].split(","), truth, declared={"encoding": "mixed"}
        )
        other = b"".join(
            (line + "\n").encode("gb18030" if number == place else "utf-8")
            for number, line in enumerate(lines)
        )
        yield Case(f"mixed-back-{place}", "a.csv", other, refused=("encoding_mixed", max(place + 1, 2)))
    big5 = "編號,姓名,地址\n1,陳國華,臺北市中正區重慶南路一段\n2,黃麗珍,臺南市東區勝利路\n"
    yield Case("big5", "a.csv", big5.encode("big5"), refused=("encoding_doubtful", 1))
    yield Case("big5-told", "a.csv", big5.encode("big5"), ["編號", "姓名", "地址"],
               [["1", "陳國華", "臺北市中正區重慶南路一段"], ["2", "黃麗珍", "臺南市東區勝利路"]],
               declared={"encoding": "big5"})  # fmt: skip
    yield Case("latin1", "a.csv", "a,b\n1,caf\xe9\n".encode("latin-1"), refused=("csv_encoding", 2))
    yield Case(
        "famous-liantong", "a.csv", "名称,数\n联通,1\n".encode("gb18030"), ["名称", "数"], [["联通", "1"]]
    )
    yield Case("edition-2022", "a.csv", b"\xc3\xfb\n\xa6\xd9\xfe\x59\xa8\xbc\n", ["名"], [["\ufe10\u9fb4\u1e3f"]],
               declared={"encoding": "gb18030", "header_row": 1})  # fmt: skip
    trail = "甲|乙\n倈|亅\n侕|丂\n"  # trail bytes 7C are the delimiter's own
    yield Case("trail-byte-is-the-delimiter", "a.csv", trail.encode("gb18030"), ["甲", "乙"],
               [["倈", "亅"], ["侕", "丂"]], declared={"encoding": "gb18030"})  # fmt: skip
    wrong = "代码,名称\n1,邵阳\n".encode("gb18030")
    yield Case(
        "told-the-wrong-encoding", "a.csv", wrong, refused=("csv_encoding", 1), declared={"encoding": "utf-8"}
    )


def headers() -> Iterator[Case]:
    for codec in ("utf-8", "gb18030"):
        for name, text, code, row in (
            ("duplicate", "代码,名称,代码\n1,甲,2\n", "header_duplicate", 1),
            ("duplicate-case", "Code,name,CODE\n1,甲,2\n", "header_duplicate", 1),
            ("blank-with-values", "代码,,名称\n1,x,甲\n", "header_blank", 1),
            ("none", "1,甲,3.5\n2,乙,4.5\n", "header_missing", 1),
            ("none-dates", "2024-01-01,甲\n2024-01-02,乙\n", "header_missing", 1),
        ):
            yield Case(f"header-{name}-{codec}", "a.csv", text.encode(codec), refused=(code, row))
        yield Case(f"header-blank-without-values-{codec}", "a.csv", "代码,,名称\n1,,甲\n".encode(codec),
                   ["代码", "名称"], [["1", "甲"]])  # fmt: skip
        yield Case(f"header-broken-over-lines-{codec}", "a.csv", '"统一社会\n信用代码",名称\n1,甲\n'.encode(codec),
                   ["统一社会信用代码", "名称"], [["1", "甲"]])  # fmt: skip
        yield Case(f"header-told-absent-{codec}", "a.csv", "1,甲\n2,乙\n".encode(codec), ["a", "b"],
                   [["1", "甲"], ["2", "乙"]], declared={"header": False, "columns": ["a", "b"]})  # fmt: skip
        yield Case(f"years-as-header-{codec}", "a.csv", "地区,2022,2023\n东,15,16\n西,17,18\n".encode(codec),
                   ["地区", "2022", "2023"], [["东", "15", "16"], ["西", "17", "18"]])  # fmt: skip
        fixed = "姓名    年龄地址      \n张三    12  大祥区    \n欧阳娜娜3   双清区\n"
        yield Case(f"fixed-{codec}", "a.txt", fixed.encode(codec), ["姓名", "年龄", "地址"],
                   [["张三", "12", "大祥区"], ["欧阳娜娜", "3", "双清区"]], declared={"widths": [8, 4, 10]})  # fmt: skip
        yield Case(f"fixed-across-{codec}", "a.txt", "姓名 年龄\n张三李四\n".encode(codec),
                   refused=("fixed_width", 2), declared={"widths": [5, 4]})  # fmt: skip
