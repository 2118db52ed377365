"""The plan of the sample city: 673 source tables, where each lies, and how many records it holds at a scale.

At scale 1.0 the first full round is exactly 200 000 000 records, among them 942 000 legal persons, 760 000
licences and 2 150 000 credit records (domain handbook §0).  Everything here is pure; the same scale gives the
same plan for ever.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from jutong.city.departments import department, departments
from jutong.city.divisions import every_unit
from jutong.city.subjects import BLOCK
from jutong.city.templates import Template, templates
from jutong.terms import BadInput

RECORDS = 200_000_000
LEGAL_PERSONS = 942_000
LICENCES = 760_000
CREDIT_RECORDS = 2_150_000
TABLES = 673
DEFAULT_SCALE = 0.002
SMALLEST_SCALE = 0.0005
#: However small the city, a table holds this many rows.
_FEWEST = 12
#: Excel's sheets and the hand that fills them end here, at any scale.
_LARGEST_SHEET = 20_000
#: Duplicated rows, in thousandths of a table.
_DOUBLED = 3

#: Where the departments' systems keep their tables unless a template says otherwise.
_DATABASES = frozenset(
    [
        "D01",
        "D02",
        "D07",
        "D10",
        "D11",
        "D12",
        "D13",
        "D15",
        "D16",
        "D19",
        "D20",
        "D21",
        "D23",
        "D24",
        "D26",
        "D28",
        "D30",
        "D33",
        "D35",
        "D38",
        "C01",
        "C02",
        "C05",
        "C06",
        "C11",
    ]
)
#: Where a template's note says its tables lie.
_KINDS = {"pg": "postgres", "csv": "csv", "excel": "excel"}
#: Two exporting systems of their own habit.
_DELIMITERS = {"D31": "\t", "C08": "|"}
_ENCODINGS = ("gb18030", "utf-8-sig", "utf-8")


@dataclass(frozen=True)
class SourcePlan:
    """One system of one department: a database, a folder of CSV files or a folder of workbooks."""

    name: str
    unit: str
    kind: str
    label: str
    #: CSV only: how its files are written.
    encoding: str = "utf-8"
    delimiter: str = ","


@dataclass(frozen=True)
class TablePlan:
    """One source table; ``rows`` are those written in round 0, doubled ones included."""

    number: int
    name: str
    label: str
    template: Template
    unit: str
    source: SourcePlan
    rows: int

    @property
    def doubled(self) -> int:
        """Rows that repeat another; none where every row is to reach the standard zone."""
        return 0 if self.template.whole else self.rows * _DOUBLED // 1000

    @property
    def distinct(self) -> int:
        return self.rows - self.doubled

    @property
    def arriving(self) -> int:
        """Rows that come anew in each later round."""
        return max(1, self.rows * 4 // 1000)

    @property
    def mode(self) -> str:
        """A file is a delivery of its own, taken whole; only databases are asked for what changed."""
        return "incremental" if self.template.watermark and self.source.kind == "postgres" else "full"

    @property
    def delivered(self) -> bool:
        """Whether later rounds change it."""
        return self.template.note("deliver") is not None


@dataclass(frozen=True)
class CityPlan:
    scale: float
    tables: tuple[TablePlan, ...]
    #: Persons and companies there are to choose from (numbers 0 … n−1).
    people: int
    companies: int

    @property
    def sources(self) -> tuple[SourcePlan, ...]:
        return tuple(dict.fromkeys(table.source for table in self.tables))

    @property
    def records(self) -> int:
        return sum(table.rows for table in self.tables)

    def of(self, source: str) -> tuple[TablePlan, ...]:
        return tuple(table for table in self.tables if table.source.name == source)

    def table(self, name: str) -> TablePlan:
        return next(table for table in self.tables if table.name == name)


@cache
def plan(scale: float = DEFAULT_SCALE) -> CityPlan:
    """The city at a scale. Raises BadInput ``city.scale`` below 0.0005 or above 1."""
    if not SMALLEST_SCALE <= scale <= 1:
        raise BadInput("city.scale", f"样例城市的规模须在 {SMALLEST_SCALE} 与 1 之间，而不是 {scale}")
    drafts = tuple(_drafts())
    rows = _rows(drafts, scale)
    tables = tuple(
        TablePlan(number, name, label, template, unit, source, rows[number])
        for number, (template, unit, name, label, source) in enumerate(drafts)
    )
    population = next(table.rows for table in tables if table.template.name == "population")
    people = -(-population // (5 * BLOCK)) * 5 * BLOCK
    return CityPlan(scale, tables, people, round(LEGAL_PERSONS * scale))


_Draft = tuple[Template, str, str, str, SourcePlan]


def _drafts() -> Iterable[_Draft]:
    for template in templates():
        for unit in template.units:
            name, label = template.name, template.label
            if template.county or template.common:
                # The keeper's name tells the many tables of one template apart.
                name, label = f"{name}_{unit.lower()}", f"{department(unit).short_name}{label}"
            yield template, unit, name, label, source_of(template, unit)


@cache
def source_of(template: Template, unit: str) -> SourcePlan:
    usual = "postgres" if unit in _DATABASES else "excel" if unit in _OFFICE else "csv"
    kind = next((kind for word, kind in _KINDS.items() if word in template.notes), usual)
    if kind == "csv" and unit in _OFFICE:
        kind = "excel"
    keeper = department(unit).short_name
    if kind == "postgres":
        return SourcePlan(f"{unit.lower()}_db", unit, kind, f"{keeper}业务数据库")
    if kind == "csv":
        encoding = _ENCODINGS[zlib.crc32(unit.encode()) % 3]
        return SourcePlan(
            f"{unit.lower()}_files", unit, kind, f"{keeper}数据文件", encoding, _DELIMITERS.get(unit, ",")
        )
    return SourcePlan(f"{unit.lower()}_books", unit, kind, f"{keeper}填报工作簿")


#: Bodies that keep all they have in workbooks.
_OFFICE = frozenset(["D34", "D36", "D39", "D42"])


def _rows(drafts: tuple[_Draft, ...], scale: float) -> list[int]:
    """Rows of each table: groups and fixed tables first, the rest shares what is left, to the record."""
    weights = [_weight(draft) for draft in drafts]
    total = round(RECORDS * scale)
    rows = [0] * len(drafts)
    free: list[int] = []
    groups: dict[str, list[int]] = {}
    for number, (template, *_rest, source) in enumerate(drafts):
        if template.group in ("licence", "credit"):
            groups.setdefault(str(template.group), []).append(number)
        elif template.name == "market_entity":
            rows[number] = round(LEGAL_PERSONS * scale)
        elif template.group == "legal" or template.note("fixed"):
            rows[number] = max(_FEWEST, round(weights[number] * scale))
        elif source.kind == "excel":
            rows[number] = max(_FEWEST, min(_LARGEST_SHEET, round(weights[number] * scale)))
        else:
            free.append(number)
    for group, amount in (("licence", LICENCES), ("credit", CREDIT_RECORDS)):
        _share(rows, groups[group], weights, round(amount * scale))
    _share(rows, free, weights, total - sum(rows))
    return rows


def _weight(draft: _Draft) -> float:
    """Records at scale 1.0 before anything is made to fit."""
    template, unit, *_ = draft
    if not template.county:
        return template.thousands * 1000
    units = every_unit()
    people = {county.code: county.people for county in units}
    return template.thousands * 1000 * people[unit] / sum(people.values())


def _share(rows: list[int], numbers: list[int], weights: list[float], amount: int) -> None:
    """Split ``amount`` by weight, none below the fewest, summing exactly; the largest takes what is left over."""
    open_numbers = sorted(numbers, key=lambda number: (weights[number], number))
    left, weight = amount, sum(weights[number] for number in open_numbers)
    for number in open_numbers[:-1]:
        rows[number] = max(_FEWEST, round(left * weights[number] / weight))
        left -= rows[number]
        weight -= weights[number]
    rows[open_numbers[-1]] = left
    if left < _FEWEST:
        raise BadInput("city.scale", "样例城市的规模太小，容不下全部 673 张表")


def units_with_sources(city: CityPlan) -> tuple[str, ...]:
    """Departments and county units in the order their sources are made, one after another."""
    have = {source.unit for source in city.sources}
    return tuple(row.code for row in departments() if row.code in have)
