"""What the catalogue is about: topics of every department and county unit, facets of every kind of topic."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jutong.city.divisions import every_unit

_FOLDER = Path(__file__).parent / "topics"


@dataclass(frozen=True)
class Topic:
    """A subject that a unit keeps records of; ``place`` is its order within the unit."""

    unit: str
    name: str
    kind: str
    theme: str
    #: Class code of the theme (类 2).
    theme_class: str
    place: int


@dataclass(frozen=True)
class FacetItem:
    label: str
    element: str
    key: bool
    #: May be left out of an entry.
    optional: bool


@dataclass(frozen=True)
class Facet:
    """One kind of record that a topic gives rise to; ``~`` in the texts stands for the topic."""

    kind: str
    name: str
    about: str
    cycles: tuple[int, ...]
    formats: tuple[int, ...]
    items: tuple[FacetItem, ...]


@dataclass(frozen=True)
class Withheld:
    unit: str
    topic: str
    reason: str


def _lines(file: str) -> Iterator[str]:
    for line in (_FOLDER / file).read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            yield line


def _topics_of(file: str) -> Iterator[Topic]:
    unit = theme = theme_class = ""
    place = 0
    for line in _lines(file):
        kind, colon, words = line.partition(":")
        if not colon:
            unit, theme, theme_class = line.split()
            place = 0
            continue
        for word in words.split():
            yield Topic(unit, word, kind, theme, theme_class, place)
            place += 1


@cache
def city_topics() -> tuple[Topic, ...]:
    return tuple(_topics_of("departments.txt"))


@cache
def county_topics() -> tuple[Topic, ...]:
    """Those of every county unit, unit by unit."""
    common = tuple(_topics_of("county.txt"))
    return tuple(
        Topic(unit.code, topic.name, topic.kind, topic.theme, topic.theme_class, topic.place)
        for unit in every_unit()
        for topic in common
    )


@cache
def facets() -> dict[str, tuple[Facet, ...]]:
    """Kind → its facets, the likelier first."""
    found: dict[str, list[Facet]] = {}
    for line in _lines("facets.txt"):
        kind, name, about, cycles, formats, items = (part.strip() for part in line.split("|"))
        facet = Facet(
            kind,
            name,
            about,
            _numbers(cycles),
            _numbers(formats),
            tuple(_item(word) for word in items.split()),
        )
        found.setdefault(kind, []).append(facet)
    return {kind: tuple(each) for kind, each in found.items()}


@cache
def withheld() -> tuple[Withheld, ...]:
    return tuple(Withheld(*(part.strip() for part in line.split("|"))) for line in _lines("withheld.txt"))


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(word) for word in text.split())


def _item(word: str) -> FacetItem:
    label, _, rest = word.partition(":")
    return FacetItem(label, rest.rstrip("!?"), rest.endswith("!"), rest.endswith("?"))
