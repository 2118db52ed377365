"""The elements and their try-out: the very SQL that refines a batch, on one value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from jutong.elements import ELEMENTS, PROFILES, Element, element_of, masked_sql, try_out
from jutong.portal.routes import SIGNED_IN, Act, NoQuestion, Page
from jutong.portal.visits import Visit
from jutong.terms import NotFound


@dataclass(frozen=True)
class ElementRow:
    name: str
    label: str
    type: str
    grade: int
    about: str
    checks: int


@dataclass(frozen=True)
class Elements:
    """Every kind of value the platform knows."""

    rows: tuple[ElementRow, ...]


@dataclass(frozen=True)
class TryQuestion:
    value: Annotated[str, Field(title="值", max_length=500)] = ""


@dataclass(frozen=True)
class CheckRow:
    code: str
    severity: str
    dimension: str
    sentence: str


@dataclass(frozen=True)
class Masked:
    profile: str
    value: str


@dataclass(frozen=True)
class Tried:
    given: str
    cleaned: str | None
    value: str
    problems: tuple[str, ...]
    masks: tuple[Masked, ...]


@dataclass(frozen=True)
class ElementPage:
    """One element: its law, its checks, its examples, and what it makes of a value."""

    name: str
    label: str
    type: str
    grade: int
    about: str
    checks: tuple[CheckRow, ...]
    passes: tuple[tuple[str, str], ...]
    fails: tuple[tuple[str, str], ...]
    tried: Tried | None


_PROFILES = {"full": "全部遮住", "middle": "遮中间", "head": "遮开头", "tail": "遮末尾", "ends": "遮两头"}


def listed(_visit: Visit, _: NoQuestion) -> Elements:
    """Every element."""
    return Elements(
        tuple(
            ElementRow(one.name, one.label, one.type, one.grade, one.about, len(one.checks))
            for one in ELEMENTS.values()
        )
    )


def build(visit: Visit, asked: TryQuestion) -> ElementPage:
    """One element, tried out on a value where one is given."""
    name = visit.path["name"]
    if name not in ELEMENTS:
        raise NotFound("elements.unknown", f"没有名为 {name} 的数据元")
    element = element_of(name)
    codes = {check.code: check.sentence.replace("{label}", element.label) for check in element.checks}
    return ElementPage(
        name=element.name,
        label=element.label,
        type=element.type,
        grade=element.grade,
        about=element.about,
        checks=tuple(
            CheckRow(check.code, check.severity, check.dimension, codes[check.code])
            for check in element.checks
        ),
        passes=tuple((given, cleaned or "") for given, cleaned in element.passes),
        fails=tuple((given, codes.get(code, code)) for given, code in element.fails),
        tried=_try(visit, element, asked.value) if asked.value else None,
    )


def _try(visit: Visit, element: Element, given: str) -> Tried:
    result = try_out(element, given)
    masks: tuple[Masked, ...] = ()
    if result.value is not None:
        shown = ", ".join(f"{masked_sql(element, profile, 'v')} AS {profile}" for profile in PROFILES)
        with visit.rooms.store.reading() as view:
            row = view.rows(f"SELECT {shown} FROM (SELECT ? AS v)", [result.value])[0]
        masks = tuple(Masked(_PROFILES[profile], str(row[profile])) for profile in PROFILES)
    return Tried(
        given=given,
        cleaned=result.cleaned,
        value="" if result.value is None else str(result.value),
        problems=tuple(check.sentence.replace("{label}", element.label) for check in result.problems),
        masks=masks,
    )


PAGES = (
    Page("elements", "/elements", listed, may=SIGNED_IN, stop="refine", tab="elements"),
    Page(
        "elements.element",
        "/elements/{name}",
        build,
        may=SIGNED_IN,
        stop="refine",
        tab="elements",
        asks=TryQuestion,
    ),
)
ACTS: tuple[Act, ...] = ()
