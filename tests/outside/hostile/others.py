"""DBF, JSON, XML, Parquet, OpenDocument, packed files: whole, broken, and meant to harm."""

from __future__ import annotations

import gzip
import io
import json
import struct
import tarfile
import zipfile
from collections.abc import Iterator
from decimal import Decimal

import pyarrow as pa
from pyarrow import parquet
from tests.outside.hostile.case import Case, Rows

PLAIN: Rows = [["0012", "邵阳市宝庆酒业"], ["430522198501010012", "𠮷野家"]]
COLUMNS = ["代码", "名称"]


def cases() -> Iterator[Case]:
    yield from dbf()
    yield from jsons()
    yield from xmls()
    yield from parquets()
    yield from documents()
    yield from packed()


def dbf_file(
    fields: list[tuple[str, str, int]], records: list[list[bytes]], *, flags: str = "", language: int = 0
) -> bytes:
    width = 1 + sum(size for _, _, size in fields)
    head = struct.pack("<B3BIHH20x", 3, 124, 2, 29, len(records), 33 + 32 * len(fields), width)
    head = head[:29] + bytes([language]) + head[30:]
    out = [head]
    for name, kind, size in fields:
        out.append(
            name.encode("gb18030").ljust(11, b"\0")[:11]
            + kind.encode()
            + b"\0" * 4
            + bytes([size])
            + b"\0" * 15
        )
    out.append(b"\r")
    for place, record in enumerate(records):
        flag = flags[place : place + 1] or " "
        cells = (value.ljust(size)[:size] for value, (_, _, size) in zip(record, fields, strict=True))
        out.append(flag.encode() + b"".join(cells))
    return b"".join(out) + b"\x1a"


def dbf() -> Iterator[Case]:
    fields = [("代码", "C", 20), ("名称", "C", 40), ("金额", "N", 10), ("日期", "D", 8), ("在用", "L", 1)]
    texts = [
        ["0012", "邵阳市宝庆酒业", "12.50", "20240229", "T"],
        ["430522198501010012", "𠮷野家", "-3", "", "F"],
    ]
    truth: Rows = [["0012", "邵阳市宝庆酒业", "12.50", "2024-02-29", "TRUE"],
                   ["430522198501010012", "𠮷野家", "-3", None, "FALSE"]]  # fmt: skip
    columns = [name for name, _, _ in fields]
    for codec, language in (("gb18030", 0), ("gb18030", 0x7A), ("gb18030", 0x4D)):
        content = dbf_file(fields, [[cell.encode(codec) for cell in row] for row in texts], language=language)
        yield Case(f"dbf-{language}", "表.dbf", content, columns, truth)
        yield Case(f"dbf-by-content-{language}", "表.dat", content, columns, truth)
    plain = [[cell.encode("gb18030") for cell in row] for row in texts]
    yield Case("dbf-deleted", "表.DBF", dbf_file(fields, plain, flags="* "), columns, truth[1:],
               noticed=(("dbf_deleted", None),), clerk_rows=(2,))  # fmt: skip
    whole = dbf_file(fields, plain)
    yield Case("dbf-cut", "表.dbf", whole[:-40], refused=("dbf_broken", 2))
    yield Case("dbf-cut-in-the-head", "表.dbf", whole[:20], refused=("dbf_broken", None))
    yield Case(
        "dbf-wrong-width", "表.dbf", whole[:10] + b"\x99\x00" + whole[12:], refused=("dbf_broken", None)
    )
    memo = dbf_file([("代码", "C", 20), ("备注", "M", 10)], [[b"1", b"2"]])
    yield Case("dbf-memo", "表.dbf", memo, refused=("dbf_memo", None))
    yield Case(
        "dbf-not-gb", "表.dbf", dbf_file(fields[:2], [[b"1", b"caf\xff\xff"]]), refused=("dbf_encoding", 1)
    )
    yield Case("dbf-empty", "表.dbf", dbf_file(fields, []), refused=("header_only", None))


def jsons() -> Iterator[Case]:
    objects = [dict(zip(COLUMNS, row, strict=True)) for row in PLAIN]
    for ending in ("json", "txt"):
        name = f"表.{'json' if ending == 'json' else 'js'}"
        yield Case(f"json-array-{ending}", name, json.dumps(objects).encode(), COLUMNS, PLAIN)
        wrapped = json.dumps({"code": 0, "data": objects}, ensure_ascii=False).encode()
        yield Case(f"json-wrapped-{ending}", name, wrapped, COLUMNS, PLAIN)
        lines = "\n".join(json.dumps(one, ensure_ascii=False) for one in objects).encode()
        yield Case(f"ndjson-{ending}", name, lines, COLUMNS, PLAIN)
        yield Case(f"ndjson-mark-{ending}", name, b"\xef\xbb\xbf" + lines + b"\r\n\r\n", COLUMNS, PLAIN)
    numbers = (
        b'{"a": 430522198501010012, "b": 1.10, "c": 1e400, "d": null, "e": "", "f": true, "g": {"x": [1.50]}}'
    )
    yield Case("json-numbers-keep-their-text", "a.ndjson", numbers + b"\n" + b'{"a": 1, "h": "z"}', list("abcdefgh"),
               [["430522198501010012", "1.10", "1e400", None, "", "true", '{"x":[1.50]}', None],
                ["1", None, None, None, None, None, None, "z"]])  # fmt: skip
    for name, content, code, row in (
        ("cut", b'{"a": 1}\n{"a": 2', "json_broken", 2), ("array-cut", b'[{"a": 1},\n{"a": 2', "json_broken", 2),
        ("twice", b'{"a": 1}\n{"a": 1, "a": 2}', "json_duplicate_key", 2), ("nan", b'{"a": 1}\n{"a": NaN}', "json_broken", 2),
        ("scalar", b'{"a": 1}\n3\n', "json_not_rows", 2), ("gbk", '{"a": "邵阳"}\n'.encode("gb18030"), "json_encoding", 1),
        ("no-rows", b'{"a": [1, 2]}', "json_not_rows", None), ("deep", b"[" * 100_000, "json_broken", 1),
        ("two-lists", b'{\n"a": [{"x": 1}],\n"b": [{"y": 1}]}', "json_not_rows", None),
        ("empty-array", b"[]", "header_only", None),
    ):  # fmt: skip
        refused = (code, row)
        yield Case(f"json-{name}", "a.json", content, [*"a"] if name == "no-rows" else None,
                   [["[1,2]"]] if name == "no-rows" else None, refused=None if name == "no-rows" else refused)  # fmt: skip
    aside = b'{"a": 1}\n{"a": \n{"a": 3}\n'
    yield Case("ndjson-aside", "a.ndjson", aside, ["a"], [["1"], ["3"]], declared={"wrong_rows": "set_aside"},
               noticed=(("json_broken", 2),), clerk_rows=(1, 3))  # fmt: skip
    yield Case("ndjson-long-line", "a.ndjson", b'{"a": 1}\n{"a": "' + b"x" * (5 << 20) + b'"}\n',
               refused=("json_line_too_long", 2))  # fmt: skip


def xmls() -> Iterator[Case]:
    def rows(encoding: str, indent: str = "\n") -> bytes:
        body = indent.join(f"<row><代码>{code}</代码><名称>{name}</名称></row>" for code, name in PLAIN)
        return (
            f'<?xml version="1.0" encoding="{encoding}"?>{indent}<data>{indent}{body}{indent}</data>'.encode(
                "gb18030" if encoding.upper().startswith("GB") else encoding
            )
        )

    for encoding in ("UTF-8", "GB2312", "GBK", "GB18030", "UTF-16"):
        yield Case(f"xml-{encoding}", "表.xml", rows(encoding), COLUMNS, PLAIN)
    yield Case("xml-one-line", "表.xml", rows("UTF-8", ""), COLUMNS, PLAIN)
    attributes = '<r><list n="2"><e 代码="0012" 名称="甲&amp;乙"/><e 代码="2" 名称=""/></list></r>'
    yield Case("xml-attributes", "表.xml", attributes.encode(), COLUMNS, [["0012", "甲&乙"], ["2", ""]])
    spaces = (
        '<x:r xmlns:x="urn:x"><x:e><x:a>1</x:a><x:b><![CDATA[<2>]]></x:b></x:e><x:e><x:a>3</x:a></x:e></x:r>'
    )
    yield Case("xml-namespaces", "表.xml", spaces.encode(), ["a", "b"], [["1", "<2>"], ["3", None]])
    nested = "<r><e><a>1</a><d><b>x</b></d></e><e><a>2</a><d><b>y</b></d></e></r>"
    yield Case("xml-nested", "表.xml", nested.encode(), ["a", "d/b"], [["1", "x"], ["2", "y"]])
    laughs = (
        '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><r><e><a>&b;</a></e></r>'
    )
    outside = '<?xml version="1.0"?><!DOCTYPE r SYSTEM "file:///etc/passwd"><r><e><a>1</a></e></r>'
    late = "<r>" + "<e><a>1</a></e>\n" * 100_000 + "<!DOCTYPE x></r>"
    for name, text, code, row in (
        ("laughs", laughs, "xml_entities", None), ("outside", outside, "xml_entities", None),
        ("cut", "<r>\n<e><a>1</a></e>\n<e><a>2", "xml_broken", 3), ("crossed", "<r>\n<e><a>1</e></a></r>", "xml_broken", 2),
        ("repeated", "<r><e><a>1</a></e>\n<e><a>1</a><a>2</a></e></r>", "xml_repeated", 2),
        ("no-rows", "<r>text</r>", "xml_not_rows", None), ("unknown-entity", "<r><e><a>&x;</a></e></r>", "xml_broken", 1),
        ("late", late, "xml_broken", None),
    ):  # fmt: skip
        yield Case(f"xml-{name}", "表.xml", text.encode(), refused=(code, row))
    yield Case("xml-entities-in-utf16", "表.xml", laughs.encode("utf-16"), refused=("xml_entities", None))
    lies = '<?xml version="1.0" encoding="UTF-8"?><r><e><a>邵阳</a></e></r>'.encode("gb18030")
    yield Case("xml-lies", "表.xml", lies, refused=("xml_encoding", None))


def parquets() -> Iterator[Case]:
    def made(table: pa.Table) -> bytes:
        out = io.BytesIO()
        parquet.write_table(table, out)
        return out.getvalue()

    table = pa.table({"代码": [row[0] for row in PLAIN], "名称": [row[1] for row in PLAIN]})
    yield Case("parquet", "表.parquet", made(table), COLUMNS, PLAIN)
    yield Case("parquet-by-content", "表.dat", made(table), COLUMNS, PLAIN)
    typed = pa.table({
        "n": pa.array([430522198501010012, None]), "d": pa.array([Decimal("12.50"), None]),
        "l": pa.array([["甲", "乙"], None]), "b": pa.array([True, None]),
    })  # fmt: skip
    yield Case("parquet-typed", "表.parquet", made(typed), list("ndlb"),
               [["430522198501010012", "12.50", '["甲","乙"]', "True"], [None] * 4])  # fmt: skip
    yield Case(
        "parquet-binary", "表.parquet", made(pa.table({"x": [b"\0\1"]})), refused=("parquet_binary", None)
    )
    yield Case("parquet-cut", "表.parquet", made(table)[:-20], refused=("parquet_unreadable", None))
    yield Case("parquet-empty", "表.parquet", made(table.slice(0, 0)), refused=("header_only", None))


def documents() -> Iterator[Case]:
    """OpenDocument as WPS and LibreOffice write it, by hand."""
    name = "urn:oasis:names:tc:opendocument:xmlns:"
    cells = "".join(
        "<table:table-row>" + "".join(
            f'<table:table-cell office:value-type="string"><text:p>{cell}</text:p></table:table-cell>' for cell in row
        ) + "</table:table-row>" for row in [COLUMNS, *PLAIN]
    )  # fmt: skip
    content = (
        f'<?xml version="1.0"?><office:document-content xmlns:office="{name}office:1.0" xmlns:table="{name}table:1.0" '
        f'xmlns:text="{name}text:1.0"><office:body><office:spreadsheet><table:table table:name="表">{cells}'
        "</table:table></office:spreadsheet></office:body></office:document-content>"
    )
    manifest = (
        f'<?xml version="1.0"?><manifest:manifest xmlns:manifest="{name}manifest:1.0"><manifest:file-entry '
        'manifest:full-path="content.xml" manifest:media-type="text/xml"/></manifest:manifest>'
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        made.writestr("META-INF/manifest.xml", manifest)
        made.writestr("content.xml", content)
    yield Case("ods", "表.ods", out.getvalue(), COLUMNS, PLAIN)
    yield Case("ods-by-content", "表.xlsx", out.getvalue(), COLUMNS, PLAIN)


def packed() -> Iterator[Case]:
    text = ("代码,名称\n" + "\n".join(f"{code},{name}" for code, name in PLAIN)).encode("gb18030")

    def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", method) as made:
            for name, content in members:
                made.writestr(name, content)
        return out.getvalue()

    def tarred(*members: tuple[str, bytes], link: bool = False) -> bytes:
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w:gz") as made:
            for name, content in members:
                one = tarfile.TarInfo(name)
                one.size = len(content)
                if link:
                    one.type, one.linkname, one.size = tarfile.SYMTYPE, "/etc/passwd", 0
                made.addfile(one, io.BytesIO(content))
        return out.getvalue()

    yield Case("zip", "表.zip", zipped(("数据/表.csv", text), ("__MACOSX/._表.csv", b"x")), COLUMNS, PLAIN)
    yield Case("tar-gz", "表.tar.gz", tarred(("表.csv", text)), COLUMNS, PLAIN)
    yield Case("gz", "表.csv.gz", gzip.compress(text), COLUMNS, PLAIN)
    yield Case("zip-told", "表.zip", zipped(("a.csv", text), ("b.csv", b"x,y\n1,2\n")), ["x", "y"], [["1", "2"]],
               declared={"member": "b.csv"})  # fmt: skip
    many = zipped(("a.csv", text), ("b.csv", text))
    bomb = b"a,b\n" + b"1,2\n" * (20 << 20)
    whole = zipped(("a.csv", text))
    for name, file, content, code in (
        ("zip-many", "表.zip", many, "archive_many"), ("zip-empty", "表.zip", zipped(), "archive_empty"),
        ("zip-traversal", "表.zip", zipped(("../../a.csv", text)), "archive_traversal"),
        ("zip-absolute", "表.zip", zipped(("/etc/a.csv", text)), "archive_traversal"),
        ("zip-backslash", "表.zip", zipped(("..\\..\\a.csv", text)), "archive_traversal"),
        ("zip-bomb", "表.zip", zipped(("a.csv", bomb)), "archive_bomb"),
        ("gz-bomb", "表.csv.gz", gzip.compress(bomb), "archive_bomb"),
        ("tar-bomb", "表.tar.gz", tarred(("a.csv", bomb)), "archive_bomb"),
        ("zip-nested", "表.zip", zipped(("a.zip", whole)), "archive_nested"),
        ("zip-cut", "表.zip", whole[:-30], "archive_unreadable"), ("gz-cut", "表.gz", gzip.compress(text)[:-12], "archive_unreadable"),
        ("tar-link", "表.tar.gz", tarred(("a.csv", b""), link=True), "archive_link"),
        ("tar-traversal", "表.tar.gz", tarred(("../a.csv", text)), "archive_traversal"),
        ("zip-locked", "表.zip", whole[:6] + b"\x01" + whole[7:].replace(b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01"), "archive_locked"),
        ("zip-lies", "表.zip", _crc_broken(whole), "archive_unreadable"),
    ):  # fmt: skip
        yield Case(name, file, content, refused=(code, None))


def _crc_broken(content: bytes) -> bytes:
    """The packed bytes no longer give what the directory says."""
    place = content.index(b"a.csv") + len("a.csv") + 4
    return content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]
