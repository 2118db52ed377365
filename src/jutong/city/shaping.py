"""How a table's columns are laid out: which are typed, how dates are written, which errors can befall them."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cache, cached_property

from jutong.city.dirt import KINDS, Dirt
from jutong.city.generators import Made, make
from jutong.city.templates import Field, Template

#: Errors per million rows of a table, over all kinds together; doubled rows come on top.
DIRTY = 34_000
_HABITS = 3
#: Draws of an error that applies to few rows, for one of another.
_RARE = 4
#: Rows that may be doubled stand at multiples of this and are never dirty.
CLEAN_EVERY = 257

#: strftime patterns of dates and of times, with how many of a hundred file tables use them.
_DATE_STYLES = ((60, "%Y-%m-%d"), (75, "%Y/%m/%d"), (85, "%Y%m%d"), (93, "%Y年%-m月%-d日"), (100, "%Y.%m.%d"))
_TIME_STYLES = ((60, "%Y-%m-%d %H:%M:%S"), (80, "%Y/%-m/%-d %H:%M:%S"), (100, "%Y-%m-%dT%H:%M:%S"))
_POSTGRES = {"date": "date", "timestamp": "timestamp", "integer": "bigint", "text": "text"}
_NULLABLE = frozenset({"regno", "uscc_tax", "regno_tax", "uscc_social", "org_social", "fine", "revoked"})
#: Error kinds that would make another company of it, kept away from the tables the register is fused from.
_MISLEADING = frozenset({"uscc_as_issued", "company_garbled", "name_garbled", "company_symbols"})


@dataclass(frozen=True)
class Column:
    """One column of a source table with all that is known about it."""

    field: Field
    made: Made
    #: Kept in its own type by a database; a text column otherwise.
    typed: bool
    #: Name in the source: the item's name in a database, often the Chinese label in a file.
    header: str

    @property
    def name(self) -> str:
        return self.field.name

    @property
    def element(self) -> str:
        return self.made.element

    @property
    def nullable(self) -> bool:
        """Whether the clean value itself may be missing."""
        return self.field.kind in _NULLABLE

    @property
    def sql_type(self) -> str:
        """PostgreSQL's type."""
        if not self.typed:
            return "text"
        return _POSTGRES.get(self.made.type, f"numeric{self.made.type.removeprefix('decimal')}")


@dataclass(frozen=True)
class Fault:
    """An error that can befall a column of this table."""

    column: Column
    kind: Dirt


@dataclass(frozen=True)
class Shape:
    """How the tables of one template look in one kind of source: one query makes them all."""

    template: Template
    #: postgres | csv | excel
    kind: str
    columns: tuple[Column, ...]

    @cached_property
    def faults(self) -> tuple[Fault, ...]:
        """In a fixed order; a row's draw falls on one of them or on none."""
        return tuple(
            Fault(column, kind) for column in self.columns for kind in _befalling(self.template, column)
        )

    @property
    def keyless(self) -> tuple[int, ...]:
        """Draws that leave a row without its key."""
        return tuple(
            number for number, fault in enumerate(self.faults, start=1) if fault.kind.befalls == "key"
        )

    @property
    def date_style(self) -> str:
        return _style(_DATE_STYLES, f"{self.template.name} {self.kind}")

    @property
    def time_style(self) -> str:
        return _style(_TIME_STYLES, f"{self.template.name} {self.kind} time")


@cache
def shape(template: Template, kind: str) -> Shape:
    columns = (
        _column(field, make(field, 4 * place), template, kind) for place, field in enumerate(template.fields)
    )
    return Shape(template, kind, tuple(columns))


def _column(field: Field, made: Made, template: Template, kind: str) -> Column:
    luck = zlib.crc32(f"{template.name}.{field.name}".encode()) % 3
    typed = kind == "postgres" and made.type != "text" and (field.kind == "updated" or luck > 0)
    labelled = kind != "postgres" and zlib.crc32(f"{template.name} {kind}".encode()) % 3 > 0
    return Column(field, made, typed, field.label if labelled else field.name)


def _style(styles: tuple[tuple[int, str], ...], name: str) -> str:
    luck = zlib.crc32(name.encode()) % 100
    return next(pattern for bound, pattern in styles if luck < bound)


def _befalling(template: Template, column: Column) -> list[Dirt]:
    legal = template.group == "legal"
    if column.field.key:
        return (
            [] if column.field.spared or template.whole else [kind for kind in KINDS if kind.befalls == "key"]
        )
    found = [kind for kind in KINDS if kind.befalls == f"field:{column.name}"] * _RARE
    if column.field.spared:
        return found
    usual = [kind for kind in KINDS if kind.befalls == column.element and (kind.of_value or not column.typed)]
    found += _habits(usual, f"{template.name}.{column.name}")
    if column.field.required:
        found += [kind for kind in KINDS if kind.befalls == "required"]
    if legal:
        found = [kind for kind in found if kind.name not in _MISLEADING]
    if template.whole:
        found = [kind for kind in found if kind.outcome != "reject"]
    # What may be missing is seldom there to be spoilt.
    return found * _RARE if column.nullable else found


def _habits(kinds: list[Dirt], name: str) -> list[Dirt]:
    """Every office makes its own mistakes again and again: at most three kinds for a column."""
    if len(kinds) <= _HABITS:
        return kinds
    start = zlib.crc32(name.encode()) % len(kinds)
    step = len(kinds) // _HABITS
    chosen = {(start + step * turn) % len(kinds) for turn in range(_HABITS)}
    return [kind for place, kind in enumerate(kinds) if place in chosen]
