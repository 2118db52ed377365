"""DBF, JSON, XML, Parquet and packed files with what no standard foresaw."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import zipfile
from collections.abc import Iterator

import pyarrow as pa
from pyarrow import parquet
from tests.outside.hostile.case import Case
from tests.outside.hostile.others import dbf_file

FIELDS = [("CODE", "C", 6), ("NAME", "C", 20)]
COLUMNS = ["CODE", "NAME"]


def cases() -> Iterator[Case]:
    yield from dbf()
    yield from packed_dbf()
    yield from jsons()
    yield from xmls()
    yield from parquets()
    yield from packed()


def table(*names: str, codec: str, language: int = 0) -> bytes:
    records = [[f"{place:04}".encode(), name.encode(codec)] for place, name in enumerate(names)]
    return dbf_file(FIELDS, records, language=language)


def dbf() -> Iterator[Case]:
    chinese, rows = ("邵阳市", "隆回县"), [["0000", "邵阳市"], ["0001", "隆回县"]]
    yield Case("dbf-utf8-unsaid", "a.dbf", table(*chinese, codec="utf-8"), COLUMNS, rows)
    yield Case(
        "dbf-utf8-of-any-machine", "a.dbf", table(*chinese, codec="utf-8", language=0x57), COLUMNS, rows
    )
    yield Case(
        "dbf-gbk-of-any-machine", "a.dbf", table(*chinese, codec="gb18030", language=0x57), COLUMNS, rows
    )
    yield Case("dbf-liantong", "a.dbf", table("联通", codec="gb18030"), COLUMNS, [["0000", "联通"]])
    for language, codec, word in (
        (0x13, "cp932", "東京"), (0x7B, "cp932", "カナ"), (0x4E, "cp949", "서울"), (0xC9, "cp1251", "Москва"), (0x02, "cp850", "café"),
    ):  # fmt: skip
        yield Case(
            f"dbf-driver-{language:02x}",
            "a.dbf",
            table(word, codec=codec, language=language),
            COLUMNS,
            [["0000", word]],
        )
    for language, codec in ((0x02, "gb18030"), (0x58, "gb18030"), (0x65, "gb18030"), (0x03, "utf-8")):
        yield Case(f"dbf-driver-{language:02x}-on-{codec}", "a.dbf", table("x", *chinese, codec=codec, language=language),
                   refused=("encoding_doubtful", 2))  # fmt: skip
    yield Case("dbf-driver-told-otherwise", "a.dbf", table(*chinese, codec="gb18030", language=0x02), COLUMNS, rows,
               declared={"encoding": "gbk"})  # fmt: skip
    cut = dbf_file([("NAME", "C", 5), ("N", "C", 4)], [["邵阳市".encode("gb18030")[:5], b"1"]], language=0x02)
    yield Case("dbf-driver-on-a-cut-value", "a.dbf", cut, refused=("encoding_doubtful", 1))
    two = dbf_file(FIELDS, [[b"1", "邵阳市".encode()], [b"2", "隆回县".encode("gb18030")]])
    yield Case("dbf-two-tongues", "a.dbf", two, refused=("encoding_mixed", 2))
    yield Case("dbf-declared-nonsense", "a.dbf", table(*chinese, codec="utf-8"), refused=("dbf_encoding", None),
               declared={"encoding": "base64"})  # fmt: skip
    yield Case("dbf-whole-number-of-eight", "a.dbf", dbf_file([("CODE", "C", 4), ("N", "I", 8)], [[b"1", b"12345678"]]),
               refused=("dbf_broken", None))  # fmt: skip
    far = dbf_file([("CODE", "C", 4), ("T", "T", 8)], [[b"1", b"\xff\xff\xff\x7f\0\0\0\0"]])
    yield Case("dbf-time-beyond-time", "a.dbf", far, refused=("dbf_broken", 1))
    varying = dbf_file([("CODE", "C", 4), ("V", "V", 8)], [[b"1", b"ab\0\0\0\0\0\2"]])
    yield Case("dbf-varying-text", "a.dbf", varying, refused=("dbf_memo", None))
    nameless = dbf_file([("CODE", "C", 4), (" ", "C", 8)], [[b"1", b"x"]])
    yield Case("dbf-nameless", "a.dbf", nameless, refused=("header_blank", None))
    locked = bytearray(table(*chinese, codec="gb18030"))
    locked[15] = 1
    yield Case("dbf-locked", "a.dbf", bytes(locked), refused=("dbf_broken", None))


def zipped(*members: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members:
            made.writestr(name, content)
    return out.getvalue()


def packed_dbf() -> Iterator[Case]:
    rows = [["0000", "东京"], ["0001", "名"]]
    content = table("东京", "名", codec="utf-8", language=0x4D)  # its driver byte lies, as shape files' do
    for name, said in (("utf8", b"UTF-8"), ("mark", b"\xef\xbb\xbfutf8\r\n"), ("page", b"65001")):
        shape = zipped(
            ("图层/a.DBF", content), ("图层/a.cpg", said), ("图层/a.shp", b"\0"), ("图层/a.prj", b"GEOGCS")
        )
        yield Case(f"dbf-cpg-{name}", "a.zip", shape, COLUMNS, rows)
    pages = table("东京", "名", codec="gb18030", language=0x03)
    for name, said in (("gbk", b"GBK"), ("ansi", b"ANSI 936"), ("cp", b"CP936"), ("number", b"936")):
        yield Case(f"dbf-cpg-{name}", "a.zip", zipped(("a.dbf", pages), ("a.cpg", said)), COLUMNS, rows)
    latin = zipped(("a.dbf", table("邵阳市", codec="gb18030")), ("a.cpg", b"ISO-8859-1"))
    yield Case("dbf-cpg-latin-on-gbk", "a.zip", latin, refused=("encoding_doubtful", 1))
    yield Case("dbf-cpg-told-otherwise", "a.zip", zipped(("a.dbf", pages), ("a.cpg", b"UTF-8")), COLUMNS, rows,
               declared={"encoding": "gbk"})  # fmt: skip
    yield Case(
        "dbf-cpg-nonsense",
        "a.zip",
        zipped(("a.dbf", pages), ("a.cpg", b"base64")),
        refused=("dbf_encoding", None),
    )
    other = zipped(("a.dbf", pages), ("b.cpg", b"UTF-8"))
    yield Case("dbf-cpg-of-another", "a.zip", other, refused=("archive_many", None))


def jsons() -> Iterator[Case]:
    half = b'{"a": "x\\ud800y", "b": "1"}\n{"a": "z", "b": "2"}\n'
    yield Case("json-half-a-character", "a.ndjson", half, refused=("json_broken", 1))
    pair = b'{"a": "\\ud83d\\ude00", "b": "1"}\n{"a": "z", "b": "2"}\n'
    yield Case("json-whole-character", "a.ndjson", pair, ["a", "b"], [["😀", "1"], ["z", "2"]])
    yield Case("json-half-a-name", "a.json", b'[{"a\\udc00": 1}]', refused=("json_broken", None))
    for depth in (400, 900, 5000):
        deep = b'{"a": 1, "b": ' + b"[" * depth + b"]" * depth + b"}\n"
        yield Case(f"json-deep-{depth}", "a.ndjson", deep * 2, refused=("json_broken", 1))
    inner = "[" * 100 + "]" * 100
    yield Case("json-not-so-deep", "a.ndjson", f'{{"a": {inner}}}\n'.encode() * 2, ["a"], [[inner]] * 2)
    digits = b"9" * 6000
    yield Case(
        "json-long-number",
        "a.ndjson",
        b'{"a": ' + digits + b'}\n{"a": 1}\n',
        ["a"],
        [[digits.decode()], ["1"]],
    )
    nested = b'{"a": {"b": "\\u0000"}}\n{"a": 2}\n'
    yield Case("json-nul-within", "a.ndjson", nested, ["a"], [['{"b":"\\u0000"}'], ["2"]])
    yield Case(
        "json-nul-in-a-name", "a.ndjson", b'{"a\\u0000": 1}\n{"a\\u0000": 2}\n', refused=("json_nul", 1)
    )


def xmls() -> Iterator[Case]:
    body = "<r><e><a>1</a></e><e><a>2</a></e></r>"
    for name in ("base64", "rot13", "hex", "unicode_escape", "undefined", "idna", "utf-7"):
        content = f'<?xml version="1.0" encoding="{name}"?>{body}'.encode()
        yield Case(f"xml-encoding-{name}", "a.xml", content, refused=("xml_encoding", None))
    huge = b"<r><e><a>1</a></e><e><a>" + b"x" * (6 << 20) + b"</a></e></r>"
    yield Case("xml-huge-value", "a.xml", huge, refused=("xml_value_too_long", None))
    held = b'<r><e a="' + b"x" * (6 << 20) + b'"/><e a="2"/></r>'
    yield Case("xml-huge-attribute", "a.xml", held, refused=("xml_value_too_long", None))
    style = b'<?xml version="1.0"?><?xml-stylesheet href="file:///etc/passwd"?>' + body.encode()
    yield Case("xml-stylesheet", "a.xml", style, ["a"], [["1"], ["2"]])


def written(table_: pa.Table) -> bytes:
    out = io.BytesIO()
    parquet.write_table(table_, out)
    return out.getvalue()


def parquets() -> Iterator[Case]:
    bad = pa.StringArray.from_buffers(1, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xc9\xdb"))
    yield Case(
        "parquet-not-utf8", "a.parquet", written(pa.table({"a": bad})), refused=("parquet_unreadable", None)
    )
    yield Case("parquet-nul", "a.parquet", written(pa.table({"a": ["x\0y"]})), refused=("parquet_nul", None))
    yield Case(
        "parquet-nameless",
        "a.parquet",
        written(pa.table({"a": ["1"], " ": ["2"]})),
        refused=("header_blank", None),
    )
    moments = pa.array([dt.datetime(2024, 2, 29, 8)], pa.timestamp("us", "Asia/Shanghai"))
    yield Case(
        "parquet-zoned",
        "a.parquet",
        written(pa.table({"a": moments})),
        ["a"],
        [["2024-02-29T16:00:00+08:00"]],
    )
    far = pa.array([2**62], pa.int64()).cast(pa.timestamp("us", "UTC"))
    yield Case(
        "parquet-time-beyond-time",
        "a.parquet",
        written(pa.table({"a": far})),
        refused=("parquet_unreadable", None),
    )
    fine = pa.array([[1_700_000_000_000_000_001]], pa.list_(pa.timestamp("ns")))
    yield Case(
        "parquet-nested-nanoseconds",
        "a.parquet",
        written(pa.table({"a": fine})),
        refused=("parquet_unreadable", None),
    )
    raw = pa.array([[b"\xff\0"]], pa.list_(pa.binary()))
    yield Case(
        "parquet-nested-binary", "a.parquet", written(pa.table({"a": raw})), refused=("parquet_binary", None)
    )
    unsigned = pa.array([2**64 - 1], pa.uint64())
    yield Case(
        "parquet-unsigned", "a.parquet", written(pa.table({"a": unsigned})), ["a"], [["18446744073709551615"]]
    )


def packed() -> Iterator[Case]:
    text = "代码,名称\n01,邵阳\n".encode("gb18030")
    columns, rows = ["代码", "名称"], [["01", "邵阳"]]
    yield Case(
        "gz-of-two-parts", "a.csv.gz", gzip.compress(text[:9]) + gzip.compress(text[9:]), columns, rows
    )
    yield Case(
        "gz-of-gz", "a.csv.gz.gz", gzip.compress(gzip.compress(text)), refused=("archive_nested", None)
    )
    yield Case(
        "zip-of-two-alike",
        "a.zip",
        zipped(("a.csv", text), ("a.csv", b"x,y\n1,2\n")),
        refused=("archive_unreadable", None),
    )
    yield Case(
        "zip-with-a-lead", "a.zip", b"#!/bin/sh\nexit\n" + zipped(("a.csv", text)), refused=("csv_nul", None)
    )
    yield Case("gz-cut", "a.csv.gz", gzip.compress(text * 1000)[:-9], refused=("archive_unreadable", None))
