"""What a case is about, in rows a page can show: the law's fields of a request, an entry, a batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jutong.casework import CaseFile
from jutong.portal.visits import Visit


@dataclass(frozen=True)
class SubjectRow:
    label: str
    value: str
    note: str = ""
    href: str = ""


@dataclass(frozen=True)
class Subject:
    heading: str
    rows: tuple[SubjectRow, ...]
    #: One sentence that says what agreeing would mean.
    statement: str = ""


def subject_of(visit: Visit, case: CaseFile, names: Mapping[str, str]) -> Subject:
    rows = tuple(SubjectRow(key, str(value)) for key, value in case.data.items() if isinstance(value, str | int))
    return Subject("内容", rows)
