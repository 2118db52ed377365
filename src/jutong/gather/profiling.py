"""探查: what a source's table really holds, before anybody declares what it should.

The first ``SAMPLE`` rows are read into memory and questioned column by column; nothing is taken and nothing is kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from jutong.elements import ELEMENTS, valid_sql
from jutong.gather.declaring import Source, SourceTable
from jutong.keys import KeyProvider
from jutong.outside import Divisible, Reading, Widened, open_source
from jutong.outside import Source as OpenedSource
from jutong.terms import Item, quote

SAMPLE = 100_000
#: Distinct values an element is tried on, and the share of them that must be right.
_TRIED, _RIGHT = 2_000, 0.8
_PATTERNS = 5

#: Elements in the order of how much they ask; those with words must also be meant by the column's name.
_SUGGESTED: tuple[tuple[str, str], ...] = (
    ("uscc", ""), ("person_id", ""), ("org_code", ""), ("business_reg_no", ""), ("mobile", ""),
    ("division_code", "区划|division|region|area"), ("date", ""), ("datetime", ""),
    ("yes_no", "^is_|^has_|是否|flag|标志"), ("amount_wan", "万元"),
    ("amount", "金额|资本|资金|费|元|amount|capital|money|price"), ("person_name", "姓名|法人|法定代表人|联系人|person"),
    ("legal_name", "名称|企业|单位|机构|公司|name"), ("integer", "数|count|num|qty"), ("code", "代码|编码|编号|code|no$"),
)  # fmt: skip


@dataclass(frozen=True)
class Column:
    """``distinct`` and the rest are of the sample; ``patterns``: 9 for a digit, A for a letter, 汉 for a character."""

    name: str
    label: str
    type: str
    nulls: int
    empty: int
    distinct: int
    shortest: int | None
    longest: int | None
    least: str | None
    most: str | None
    patterns: tuple[tuple[str, int], ...]
    #: Every sampled value is there and there once.
    key: bool
    #: Rises with every change, by its type and name.
    watermark: bool
    element: str | None
    confidence: float


@dataclass(frozen=True)
class Profile:
    """``rows``: how many were sampled; ``whole``: whether that is the whole table."""

    table: str
    rows: int
    whole: bool
    keys: tuple[str, ...]
    columns: tuple[Column, ...]


def profile_tables(
    source: Source,
    tables: Sequence[SourceTable],
    keys: KeyProvider | None = None,
    sample: int = SAMPLE,
    locators: Sequence[Mapping[str, Any]] = (),
) -> list[Profile]:
    """Profiles of declared tables and of tables that are only named. Raises what the source raises."""
    with open_source(source.kind, source.config, source.secret(keys)) as opened:
        found = {str(each.locator.get("table")): each.keys for each in opened.find()}
        wanted = [(table.name, table.locator) for table in tables]
        wanted += [(str(locator.get("table") or locator.get("file")), locator) for locator in locators]
        return [
            profile(name, *_sampled(opened, locator, sample), found.get(str(locator.get("table")), ()))
            for name, locator in wanted
        ]


def profile(name: str, columns: Sequence[Item], rows: pa.Table, whole: bool, keys: Sequence[str]) -> Profile:
    """The profile of rows in memory."""
    with duckdb.connect(config={"threads": 1, "memory_limit": "1GB"}) as duck:
        duck.register("sampled", rows)
        told = tuple(_column(duck, column, rows.num_rows) for column in columns)
    return Profile(name, rows.num_rows, whole, tuple(keys), told)


def _sampled(
    opened: OpenedSource, locator: Mapping[str, Any], sample: int
) -> tuple[tuple[Item, ...], pa.Table, bool]:
    text: frozenset[str] = frozenset()
    while True:
        try:
            if isinstance(opened, Divisible):
                reading = opened.read(locator, text=text)
            else:
                reading = opened.read(locator, file=opened.file(locator))
            return reading.columns, *_first(reading, sample)
        except Widened as problem:
            text |= {problem.item}


def _first(reading: Reading, sample: int) -> tuple[pa.Table, bool]:
    batches, rows, whole = [], 0, True
    for batch in reading.batches:
        if rows + batch.num_rows > sample:
            batches.append(batch.slice(0, sample - rows))
            whole = False
            break
        batches.append(batch)
        rows += batch.num_rows
    return pa.Table.from_batches(batches, reading.schema), whole


def _column(duck: duckdb.DuckDBPyConnection, item: Item, rows: int) -> Column:
    name = quote(item.name)
    text = f"CAST({name} AS VARCHAR)"
    row = duck.execute(
        f"SELECT count(*) FILTER (WHERE {name} IS NULL), count(*) FILTER (WHERE {text} = ''), count(DISTINCT {name}),"
        f" min(length({text})), max(length({text})), CAST(min({name}) AS VARCHAR), CAST(max({name}) AS VARCHAR)"
        " FROM sampled"
    ).fetchone()
    assert row is not None
    patterns = duck.execute(
        f"SELECT {_pattern(text)} AS p, count(*) FROM sampled WHERE {name} IS NOT NULL"
        f" GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {_PATTERNS}"
    ).fetchall()
    element, confidence = _suggested(duck, item, text)
    nulls, empty, distinct, shortest, longest, least, most = row
    return Column(
        name=item.name,
        label=item.label,
        type=item.type,
        nulls=nulls,
        empty=empty,
        distinct=distinct,
        shortest=shortest,
        longest=longest,
        least=least,
        most=most,
        patterns=tuple((str(pattern), int(times)) for pattern, times in patterns),
        key=bool(rows) and nulls == 0 and distinct == rows,
        watermark=may_be_watermark(item) and nulls < max(1, rows),
        element=element,
        confidence=confidence,
    )


def _pattern(text: str) -> str:
    shown = f"left({text}, 40)"
    for what, mark in (("[0-9]", "9"), ("[A-Za-z]", "A"), (r"\p{Han}", "汉")):
        shown = f"regexp_replace({shown}, '{what}', '{mark}', 'g')"
    return f"regexp_replace({shown}, '汉+', '汉…', 'g')"


def may_be_watermark(item: Item) -> bool:
    """Whether a column's type and name say that it rises with every change."""
    named = re.search(
        r"updat|modif|chang|last|gmt_|更新|修改|变更|_time$|_at$", f"{item.name} {item.label}", re.IGNORECASE
    )
    return item.type in ("timestamp", "date", "text") and bool(named)


def _suggested(duck: duckdb.DuckDBPyConnection, item: Item, text: str) -> tuple[str | None, float]:
    """The element that asks most of what the values give, and the share of them that pass it."""
    values = f"(SELECT DISTINCT {text} AS v FROM sampled WHERE {quote(item.name)} IS NOT NULL AND {text} <> '' LIMIT {_TRIED})"
    for name, words in _SUGGESTED:
        if words and not re.search(words, f"{item.name} {item.label}", re.IGNORECASE):
            continue
        element = ELEMENTS[name]
        row = duck.execute(
            f"SELECT count(*), count(*) FILTER (WHERE {valid_sql(element, 'c')})"
            f" FROM (SELECT {element.clean('v')} AS c FROM {values}) AS cleaned"
        ).fetchone()
        if row and row[0] and row[1] / row[0] >= _RIGHT:
            return name, round(row[1] / row[0], 3)
    return None, 0.0
