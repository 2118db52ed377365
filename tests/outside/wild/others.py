"""DBF, JSON, XML, fixed text and packed files by chance, each whole or with one harm."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import random
import struct
import tarfile
import zipfile
from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from tests.outside.hostile.case import Case, Rows
from tests.outside.wild.truth import table


def cases(chance: random.Random, count: int) -> Iterator[Case]:
    makers = (dbf, json_lines, json_whole, xml, fixed, packed)
    for number in range(count):
        yield makers[number % len(makers)](chance, f"other-{number}")


_DRIVERS = {"gb18030": (0, 0x4D, 0x7A), "big5": (0x4F, 0x78), "cp1252": (0x03,)}


def dbf(chance: random.Random, name: str) -> Case:
    """Language drivers, deleted rows, FoxPro's types, a header whose count lies."""
    encoding = chance.choice(("gb18030", "gb18030", "big5", "cp1252"))
    words = {"gb18030": ("市场局", "𠮷野", "镕"), "big5": ("市場局", "臺北"), "cp1252": ("café", "naïve")}[
        encoding
    ]
    heads = ["CODE", "NAME", "AMOUNT", "DAY", "FLAG", "COUNT"]
    kinds = (("C", 18), ("C", 20), ("N", 12), ("D", 8), ("L", 1), ("I", 4))
    records, truth, places = b"", [], []
    count = chance.choice((1, 4, 60))
    deleted = 0
    for number in range(1, count + 1):
        gone = chance.random() < 0.1 and number > 1
        code, word = f"{chance.randrange(10**12):018}", chance.choice((*words, ""))
        amount, day = (
            f"{chance.randrange(-(10**6), 10**6) / 100:.2f}",
            f"20{chance.randrange(10, 25)}0{chance.randrange(1, 10)}15",
        )
        flag, whole = chance.choice("TFYN?"), chance.randrange(-(10**6), 10**6)
        blank = chance.random() < 0.1
        cells = [code.encode(), word.encode(encoding), (b"" if blank else amount.encode().rjust(12)),
                 b"" if blank else day.encode(), flag.encode()]  # fmt: skip
        records += (b"*" if gone else b" ") + b"".join(
            cell.ljust(size) for cell, (_, size) in zip(cells, kinds[:5], strict=True)
        ) + struct.pack("<i", whole)  # fmt: skip
        if gone:
            deleted += 1
            continue
        truth.append([
            code, word or None, None if blank else amount, None if blank else f"{day[:4]}-{day[4:6]}-{day[6:]}",
            {"T": "TRUE", "Y": "TRUE", "F": "FALSE", "N": "FALSE"}.get(flag), str(whole),
        ])  # fmt: skip
        places.append(number)
    width = 1 + sum(size for _, size in kinds)
    told = count + (5 if (lies := chance.random() < 0.15) else 0)
    head = bytearray(struct.pack("<B3BIHH20x", 0x30, 124, 2, 29, told, 33 + 32 * len(kinds), width))
    head[29] = chance.choice(_DRIVERS[encoding])
    fields = b"".join(
        label.encode().ljust(11, b"\0")
        + kind.encode()
        + bytes(4)
        + bytes([size, 2 if kind == "N" else 0])
        + bytes(14)
        for label, (kind, size) in zip(heads, kinds, strict=True)
    )
    content = bytes(head) + fields + b"\r" + records + b"\x1a"
    if lies:
        return Case(name + "-dbf-lies", "表.dbf", content, refused=("dbf_broken", count + 1))
    return Case(name + "-dbf", chance.choice(("表.DBF", "表.dbf")), content, heads, truth, clerk_rows=tuple(places),
                noticed=(("dbf_deleted", None),) if deleted else ())  # fmt: skip


def _objects(chance: random.Random) -> tuple[list[str], Rows, list[str]]:
    """Rows as JSON texts, whose numbers are written as they are; nested values stay JSON."""
    columns, rows = table(chance, rows=chance.choice((1, 3, 40)))
    columns += ["数", "嵌套"]
    texts = []
    for row in rows:
        number = chance.choice(
            ("430522198501010012", "1.10", "-0.0", "1E+400", "12345678901234567890.5", "0")
        )
        nested = chance.choice(('{"户":1.50,"名":["甲",null]}', "[]", '{"深":{"更深":[[1]]}}', None))
        row += [number, nested]
        pairs = [
            f"{json.dumps(column, ensure_ascii=chance.random() < 0.5)}:{_json(value, chance)}"
            for column, value in zip(columns[:-2], row[:-2], strict=True)
        ]
        texts.append("{" + ",".join([*pairs, f'"数":{number}', f'"嵌套": {nested or "null"}']) + "}")
    return columns, rows, texts


def _json(value: str | None, chance: random.Random) -> str:
    return json.dumps(value, ensure_ascii=chance.random() < 0.5)


def json_lines(chance: random.Random, name: str) -> Case:
    columns, rows, texts = _objects(chance)
    harm = chance.random()
    at = chance.randrange(len(texts))
    if harm < 0.12 and at:
        texts[at] = texts[at][:-1]
        return Case(
            name + "-ndjson-cut", "a.ndjson", "\n".join(texts).encode(), refused=("json_broken", at + 1)
        )
    if harm < 0.24:
        texts[at] = texts[at][:-1] + ',"代码":"二"}'
        return Case(
            name + "-ndjson-twice",
            "a.jsonl",
            "\n".join(texts).encode(),
            refused=("json_duplicate_key", at + 1),
        )
    if harm < 0.36:
        texts[at] = texts[at][:-1] + ',"尾":"甲\\u0000乙"}'
        return Case(name + "-ndjson-nul", "a.jsonl", "\n".join(texts).encode(), refused=("json_nul", at + 1))
    end = chance.choice(("\n", "\r\n"))
    mark = chance.choice(("", "\ufeff"))
    return Case(name + "-ndjson", chance.choice(("a.ndjson", "a.json", "a.jsonl")), (mark + end.join(texts) + end).encode(),
                columns, rows) if len(texts) > 1 else Case(name + "-ndjson", "a.ndjson", texts[0].encode(), columns, rows)  # fmt: skip


def json_whole(chance: random.Random, name: str) -> Case:
    columns, rows, texts = _objects(chance)
    indent = chance.choice(("", "\n  ", " "))
    listed = "[" + indent + ("," + indent).join(texts) + indent + "]"
    wrap = chance.choice(("{}", '{{"code":200,"data":{}}}', '{{"total":3,"rows":{},"msg":"ok"}}', "\n{}\n"))
    text = wrap.format(listed)
    if chance.random() < 0.15:
        return Case(name + "-json-cut", "a.json", text[:-2].encode(), refused=("json_broken", None))
    encoding = chance.choice(("utf-8", "utf-8-sig", "utf-16"))
    return Case(name + "-json", "a.json", text.encode(encoding), columns, rows)


def xml(chance: random.Random, name: str) -> Case:
    columns, rows = table(chance, rows=chance.choice((2, 5, 60)))
    columns[:] = [f"项{place}" if not label.isidentifier() else label for place, label in enumerate(columns)]
    as_attributes = chance.random() < 0.3
    lines = []
    for row in rows:
        for place, value in enumerate(row):
            if value is not None and (value.strip() != value or "\x00" in value):
                row[place] = value.strip()
        held = [(label, value) for label, value in zip(columns, row, strict=True) if value is not None]
        if as_attributes:
            lines.append("<行 " + " ".join(f"{label}={quoteattr(value)}" for label, value in held) + "/>")
        else:
            inner = "".join(
                f"<{label}>"
                + (f"<![CDATA[{value}]]>" if chance.random() < 0.2 else escape(value))
                + f"</{label}>"
                for label, value in held
            )
            lines.append(f"<行>{inner}</行>")
    order: dict[str, None] = {}
    for row in rows:
        order.update(
            dict.fromkeys(label for label, value in zip(columns, row, strict=True) if value is not None)
        )
    seen = list(order)
    truth: Rows = [[row[columns.index(label)] for label in seen] for row in rows]
    encoding = chance.choice(("UTF-8", "GBK", "GB18030", "utf-16"))
    declared = f'<?xml version="1.0" encoding="{encoding}" standalone="yes"?>\n'
    harm = chance.random()
    at = chance.randrange(len(lines))
    codec = "gb18030" if encoding.startswith("GB") else encoding
    if harm < 0.15:
        lines[at] = lines[at].replace("<行", "<行><缺", 1)
        text = declared + "<根>\n" + "\n".join(lines) + "\n</根>"
        return Case(name + "-xml-crossed", "a.xml", text.encode(codec), refused=("xml_broken", None))
    if harm < 0.3:
        text = (
            declared
            + '<!DOCTYPE 根 [<!ENTITY a SYSTEM "file:///etc/hostname">]><根>\n'
            + "\n".join(lines)
            + "</根>"
        )
        return Case(name + "-xml-entity", "a.xml", text.encode(codec), refused=("xml_entities", None))
    text = declared + "<根><总数>3</总数>\n<表>" + "\n".join(lines) + "\n</表></根>"
    return Case(name + "-xml", "a.xml", text.encode(codec), seen, truth)


def fixed(chance: random.Random, name: str) -> Case:
    widths = [20, 34, chance.choice((10, 16))]
    _, rows = table(chance, rows=chance.choice((1, 30)))
    truth: Rows = [[row[0], row[1], chance.choice(("12.50", "镕基", None, "0012"))] for row in rows]
    columns = ["代码", "名称", "数额"]
    lines = [
        "".join(_filled(value or "", width) for value, width in zip(row, widths, strict=True))
        for row in [columns, *truth]
    ]
    at = chance.randrange(1, len(lines))
    encoding = chance.choice(("utf-8", "gb18030"))
    if chance.random() < 0.2:
        lines[at] += "多出来"
        return Case(name + "-fixed-long", "a.txt", "\n".join(lines).encode(encoding), refused=("fixed_width", at + 1),
                    declared={"widths": widths})  # fmt: skip
    return Case(name + "-fixed", "a.txt", ("\r\n".join(lines) + "\r\n").encode(encoding), columns, truth,
                declared={"widths": widths})  # fmt: skip


def _filled(value: str, width: int) -> str:
    return value + " " * (width - sum(2 if ord(char) > 0x2E7F else 1 for char in value))


def packed(chance: random.Random, name: str) -> Case:
    columns, rows = table(chance, rows=chance.choice((1, 20)), hard=False)
    text = "\n".join(",".join(value or "" for value in row) for row in [columns, *rows]).encode("gb18030")
    inner = chance.choice(("数据/表.csv", "表.csv", "./表.csv"))
    kind = chance.randrange(9)
    if kind == 0:
        return Case(name + "-zip", "a.zip", zipped((inner, text), ("说明.pdf", b"%PDF")), columns, rows)
    if kind == 1:
        return Case(name + "-tar", "a.tgz", tarred((inner, text)), columns, rows)
    if kind == 2:
        return Case(name + "-gz", "a.csv.gz", gzip.compress(text), columns, rows)
    if kind == 3:
        return Case(name + "-gbk-name", "a.zip", gbk_named("企业数据.csv", text), columns, rows)
    if kind == 4:
        way = chance.choice(("../../a.csv", "/tmp/a.csv", "C:\\a.csv", "a/../../b.csv"))
        made = chance.choice((zipped, tarred))
        if made is tarred and way.startswith("C:"):
            way = "../a.csv"
        return Case(name + "-way-out", "a.zip", made((way, text)), refused=("archive_traversal", None))
    if kind == 5:
        return Case(
            name + "-two", "a.zip", zipped(("a.csv", text), ("b.csv", text)), refused=("archive_many", None)
        )
    if kind == 6:
        whole = zipped((inner, text))
        return Case(
            name + "-zip-cut", "a.zip", whole[: len(whole) * 2 // 3], refused=("archive_unreadable", None)
        )
    if kind == 7:
        method = chance.choice((zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, zipfile.ZIP_STORED))
        return Case(name + "-method", "a.zip", zipped((inner, text), method=method), columns, rows)
    return Case(name + "-foreign", "a.csv.bz2", bz2.compress(text), refused=("format_unknown", None))


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as made:
        for label, content in members:
            made.writestr(label, content)
    return out.getvalue()


def gbk_named(label: str, content: bytes) -> bytes:
    """A name in GBK without the mark for UTF-8, as Windows' own packer writes it."""
    plain = "x" * len(label.encode("gb18030"))
    return zipped((plain, content)).replace(plain.encode(), label.encode("gb18030"))


def tarred(*members: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", format=tarfile.PAX_FORMAT) as made:
        for label, content in members:
            one = tarfile.TarInfo(label)
            one.size = len(content)
            made.addfile(one, io.BytesIO(content))
    return out.getvalue()
