"""Text tables as programs of many makes write them, and as transport and clerks damage them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from tests.outside.hostile.case import Case, Rows
from tests.outside.wild.truth import table

_ENCODINGS = ("utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "gb18030-bom")
_DELIMITERS = (",", "\t", ";", "|")
_ENDS = ("\n", "\r\n", "\r")


def in_bytes(text: str, encoding: str) -> bytes:
    return (
        b"\x84\x31\x95\x33" + text.encode("gb18030") if encoding == "gb18030-bom" else text.encode(encoding)
    )


def field(value: str | None, delimiter: str, chance: random.Random, always: bool) -> str:
    """A value by RFC 4180: quoted where it must be, and now and then where it need not."""
    if value is None:
        return ""
    must = value == "" or any(mark in value for mark in (delimiter, '"', "\n", "\r"))
    if must or always or chance.random() < 0.05:
        return '"' + value.replace('"', '""') + '"'
    return value


def lines_of(
    rows: Rows, delimiter: str, chance: random.Random, *, always: bool = False, tail: str = ""
) -> list[str]:
    return [delimiter.join(field(value, delimiter, chance, always) for value in row) + tail for row in rows]


def cases(chance: random.Random, count: int) -> Iterator[Case]:
    for number in range(count):
        yield whole(chance, f"text-{number}")
    for number in range(count // 2):
        yield damaged(chance, f"text-damaged-{number}")


def whole(chance: random.Random, name: str) -> Case:
    columns, rows = table(chance)
    delimiter, end, encoding = chance.choice(_DELIMITERS), chance.choice(_ENDS), chance.choice(_ENCODINGS)
    hard = ('两\n行"引"', f"含{delimiter}分隔", '"', "尾\n", "")
    for row in rows:
        if chance.random() < 0.1:
            row[chance.randrange(2, len(row))] = chance.choice(hard)
    always = chance.random() < 0.25
    tail = delimiter if chance.random() < 0.15 else ""  # programs that end every row with a delimiter
    body = lines_of(rows, delimiter, chance, always=always, tail=tail)
    head = lines_of([list(columns)], delimiter, chance, always=always, tail=tail)
    width, titles = len(columns), chance.choice((0, 0, 0, 1, 2, 3))
    above = title_lines(chance, titles, delimiter, width)
    foot = foot_lines(chance, delimiter, width) if len(rows) > 3 else []
    blank_end = end * chance.choice((0, 1, 1, 2, 5))
    text = end.join([*above, *head, *body, *foot]) + (
        blank_end if foot or rows[-1][-1] is not None or tail else end
    )
    first = len(above) + 2
    places, seen = [], first
    for line in body:
        places.append(seen)
        seen += 1
        del line
    return Case(
        name, chance.choice(("数据.csv", "数据.txt", "导出.CSV", "无名")), in_bytes(text, encoding), columns, rows,
        clerk_rows=tuple(places),
    )  # fmt: skip


def title_lines(chance: random.Random, count: int, delimiter: str, width: int) -> list[str]:
    full = chance.random() < 0.5
    texts = ["邵阳市市场主体登记情况表", "填报单位：市市场监管局", "二〇二四年度"][:count]
    return [text + (delimiter * (width - 1) if full else "") for text in texts]


def foot_lines(chance: random.Random, delimiter: str, width: int) -> list[str]:
    total = delimiter.join(["合计", "", *["3"] * (width - 2)])
    note = "制表人：张三" + delimiter * (width - 1)
    return chance.choice(([], [], [total], [total, note], [note]))


def damaged(chance: random.Random, name: str) -> Case:
    columns, rows = table(chance, rows=chance.choice((4, 30, 200)), hard=False)
    encoding = chance.choice(("utf-8", "gb18030"))
    delimiter = chance.choice((",", "\t", ";"))
    lines = [delimiter.join(value or "" for value in row) for row in [list(columns), *rows]]
    harm = chance.choice(
        (_short, _long, _quote, _open, _nul, _bytes, _cut, _tongues, _twice, _nameless, _no_rows, _huge)
    )
    return harm(chance, name, lines, columns, rows, encoding, delimiter)


Harm = Callable[[random.Random, str, list[str], list[str], Rows, str, str], Case]


def _some(chance: random.Random, lines: list[str]) -> int:
    return chance.randrange(1, len(lines))


def _case(name: str, lines: list[str], encoding: str, code: str, row: int | None) -> Case:
    return Case(name, "坏.csv", ("\n".join(lines) + "\n").encode(encoding), refused=(code, row))


def _short(
    chance: random.Random,
    name: str,
    lines: list[str],
    columns: list[str],
    rows: Rows,
    encoding: str,
    delimiter: str,
) -> Case:
    at = _some(chance, lines)
    lines[at] = lines[at].rpartition(delimiter)[0]
    if chance.random() < 0.5:
        rest = [row for place, row in enumerate(rows) if place != at - 1]
        return Case(name + "-short-aside", "坏.csv", "\n".join(lines).encode(encoding), columns, rest,
                    declared={"wrong_rows": "set_aside"}, noticed=(("csv_ragged", at + 1),))  # fmt: skip
    return _case(name + "-short", lines, encoding, "csv_ragged", at + 1)


def _long(
    chance: random.Random,
    name: str,
    lines: list[str],
    columns: list[str],
    rows: Rows,
    encoding: str,
    delimiter: str,
) -> Case:
    at = _some(chance, lines)
    lines[at] += delimiter + "多"
    return _case(name + "-long", lines, encoding, "csv_ragged", at + 1)


def _quote(
    chance: random.Random,
    name: str,
    lines: list[str],
    columns: list[str],
    rows: Rows,
    encoding: str,
    delimiter: str,
) -> Case:
    at = _some(chance, lines)
    lines[at] = '"引"外' + delimiter + lines[at].partition(delimiter)[2]
    return _case(name + "-quote", lines, encoding, "csv_quote", at + 1)


def _open(
    chance: random.Random,
    name: str,
    lines: list[str],
    columns: list[str],
    rows: Rows,
    encoding: str,
    delimiter: str,
) -> Case:
    at = _some(chance, lines)
    lines[at] = '"没有闭合' + delimiter + lines[at].partition(delimiter)[2]
    return _case(name + "-open", [line.replace('"', "") if n != at else line for n, line in enumerate(lines)], encoding,
                 "csv_quote_open", at + 1)  # fmt: skip


def _nul(
    chance: random.Random,
    name: str,
    lines: list[str],
    columns: list[str],
    rows: Rows,
    encoding: str,
    delimiter: str,
) -> Case:
    at = _some(chance, lines)
    lines[at] = lines[at][:3] + "\0" + lines[at][3:]
    return _case(name + "-nul", lines, encoding, "csv_nul", at + 1)


def _bytes(
    chance: random.Random,
    name: str,
    lines: list[str],
    columns: list[str],
    rows: Rows,
    encoding: str,
    delimiter: str,
) -> Case:
    at = _some(chance, lines)
    data = [line.encode(encoding) for line in lines]
    data[at] += delimiter.encode() * 0 + b"\xff"
    return Case(name + "-bytes", "坏.csv", b"\n".join(data) + b"\n", refused=("csv_encoding", at + 1),
                declared={"encoding": encoding})  # fmt: skip


def _cut(
    chance: random.Random,
    name: str,
    lines: list[str],
    columns: list[str],
    rows: Rows,
    encoding: str,
    delimiter: str,
) -> Case:
    data = ("\n".join(lines) + "邵").encode(encoding)[:-1]
    return Case(
        name + "-cut", "坏.csv", data, refused=("csv_encoding", len(lines)), declared={"encoding": encoding}
    )


def _tongues(
    chance: random.Random,
    name: str,
    lines: list[str],
    columns: list[str],
    rows: Rows,
    encoding: str,
    delimiter: str,
) -> Case:
    at = _some(chance, lines)
    other = "gb18030" if encoding == "utf-8" else "utf-8"
    data = b"".join((line + "\n").encode(other if n == at else encoding) for n, line in enumerate(lines))
    if chance.random() < 0.5:
        return Case(name + "-tongues-told", "混.csv", data, columns, rows, declared={"encoding": "mixed"})
    return Case(name + "-tongues", "混.csv", data, refused=("encoding_mixed", at + 1))


def _twice(
    chance: random.Random,
    name: str,
    lines: list[str],
    columns: list[str],
    rows: Rows,
    encoding: str,
    delimiter: str,
) -> Case:
    heads = lines[0].split(delimiter)
    heads[-1] = heads[0] + chance.choice(("", " "))
    lines[0] = delimiter.join(heads)
    return _case(name + "-twice", lines, encoding, "header_duplicate", 1)


def _nameless(
    chance: random.Random,
    name: str,
    lines: list[str],
    columns: list[str],
    rows: Rows,
    encoding: str,
    delimiter: str,
) -> Case:
    heads = lines[0].split(delimiter)
    heads[1] = chance.choice(("", "  "))
    lines[0] = delimiter.join(heads)
    return _case(name + "-nameless", lines, encoding, "header_blank", 1)


def _no_rows(
    chance: random.Random,
    name: str,
    lines: list[str],
    columns: list[str],
    rows: Rows,
    encoding: str,
    delimiter: str,
) -> Case:
    return _case(name + "-no-rows", lines[:1] + [""] * chance.randrange(3), encoding, "header_only", None)


def _huge(
    chance: random.Random,
    name: str,
    lines: list[str],
    columns: list[str],
    rows: Rows,
    encoding: str,
    delimiter: str,
) -> Case:
    at = _some(chance, lines)
    lines[at] += "长" * (3 << 20)
    return _case(name + "-huge", lines, encoding, "csv_line_too_long", at + 1)
