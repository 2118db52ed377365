"""Entries, items, versions and demands as values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True)
class NewItem:
    """One 信息项 as somebody writes it; an empty ``name`` becomes ``item_000``."""

    label: str
    data_type: str = "C"
    name: str = ""
    length: int | None = None
    element: str | None = None
    is_key: bool = False
    share_type: int = 1
    grade: int = 1
    mask: str | None = None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__ if row.get(name) is not None})


@dataclass(frozen=True)
class NewEntry:
    """An entry as somebody writes it: the fields of the guide, without what the platform gives."""

    name: str
    summary: str
    department_code: str
    class_code: str
    share_type: int
    share_methods: tuple[str, ...]
    use_condition: str
    grade: int
    formats: tuple[int, ...]
    update_cycle: int
    items: tuple[NewItem, ...]
    share_condition: str = ""
    sub_formats: tuple[str, ...] = ()
    open: bool = False
    open_condition: str = ""
    related_codes: tuple[str, ...] = ()
    theme: str = ""
    source_system: str = ""
    secrecy_assessed: bool = False
    privacy_assessed: bool = False
    #: 涉密: refused wherever it is given (第3条)
    secret: bool = False
    committed: bool = False
    #: zone.table of the lake; needs resource_kind
    dataset: str | None = None
    resource_kind: str | None = None
    #: an import of a catalogue that was published elsewhere brings its date, and its code where it has one
    published_at: dt.date | None = None
    code: str | None = None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """From a mapping with lists and nested item mappings, such as JSON; unknown names are left alone."""
        values = {name: row[name] for name in cls.__dataclass_fields__ if row.get(name) is not None}
        for name in ("share_methods", "formats", "sub_formats", "related_codes"):
            if name in values:
                values[name] = tuple(values[name])
        values["items"] = tuple(
            item if isinstance(item, NewItem) else NewItem.from_row(item) for item in row.get("items") or ()
        )
        date = values.get("published_at")
        if isinstance(date, str):
            values["published_at"] = dt.date.fromisoformat(date)
        return cls(**values)


@dataclass(frozen=True)
class Entry:
    """One entry as it stands in the catalogue, with its department's names."""

    id: int
    code: str
    name: str
    summary: str
    department_code: str
    department_name: str
    department_short: str
    department_uscc: str | None
    class_code: str
    class_name: str
    theme: str
    share_type: int
    share_condition: str
    share_methods: tuple[str, ...]
    use_condition: str
    grade: int
    formats: tuple[int, ...]
    sub_formats: tuple[str, ...]
    update_cycle: int
    open: bool
    open_condition: str
    related_codes: tuple[str, ...]
    source_system: str
    state: str
    case_id: int | None
    committed: bool
    resource_kind: str | None
    dataset: str | None
    secrecy_assessed: bool
    privacy_assessed: bool
    approved_by: int | None
    approved_at: dt.datetime | None
    published_at: dt.date | None
    version: int
    uses: int
    item_count: int

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        values = {name: row[name] for name in cls.__dataclass_fields__}
        for name in ("share_methods", "formats", "sub_formats", "related_codes"):
            values[name] = tuple(values[name])
        return cls(**values)


@dataclass(frozen=True)
class CatalogueItem:
    """One 信息项 of an entry."""

    entry_id: int
    no: int
    name: str
    label: str
    data_type: str
    length: int | None
    element: str | None
    is_key: bool
    share_type: int
    grade: int
    mask: str | None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class EntryVersion:
    version: int
    published_at: dt.datetime
    note: str
    #: {entry, items} of a version that was replaced; None: the present one
    content: Mapping[str, Any] | None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class NewDemand:
    """需求 as a department writes it."""

    department_code: str
    name: str
    basis: str
    items: tuple[str, ...] = ()
    provider_code: str | None = None
    expected_on: dt.date | None = None
    #: confirming 待确认, coordinating 协调中, met 已满足 (then ``entry_id``), unable 无法满足
    status: str = "confirming"
    entry_id: int | None = None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        values = {name: row[name] for name in cls.__dataclass_fields__ if row.get(name) is not None}
        return cls(**{**values, "items": tuple(row.get("items") or ())})


@dataclass(frozen=True)
class Demand:
    id: int
    department_code: str
    department_short: str
    name: str
    items: tuple[str, ...]
    basis: str
    provider_code: str | None
    provider_short: str | None
    expected_on: dt.date | None
    status: str
    entry_id: int | None
    entry_code: str | None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        values = {name: row[name] for name in cls.__dataclass_fields__}
        return cls(**{**values, "items": tuple(row["items"])})


@dataclass(frozen=True)
class Counts:
    """The four lists of the survey, each a count of rows as they are now; ``entries`` are the published ones."""

    entries: int
    supply: int
    demand: int
    negative: int
    #: published and hung on a live resource; and those whose department has committed to supply
    attached: int
    committed: int
    #: not published: drafts and what is under review
    drafts: int
    demand_met: int

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class DepartmentCounts:
    code: str
    name: str
    short_name: str
    kind: str
    entries: int
    supply: int
    demand: int
    negative: int
    drafts: int

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})
