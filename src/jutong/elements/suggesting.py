"""Suggesting the element of an unbound column, from what it is called and what it holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jutong.elements.element import Element
from jutong.elements.registry import ELEMENTS
from jutong.elements.trial import try_many

#: Elements that take anything, or anything of a type, say nothing by taking a value.
_LENIENT = {"text": 0.1, "code": 0.2, "address": 0.4, "passport_no": 0.4, "integer": 0.5, "count": 0.45, "amount": 0.5,
            "amount_wan": 0.35, "percent": 0.35, "year": 0.6, "longitude": 0.4, "latitude": 0.4, "time": 0.8,
            "postcode": 0.6, "legal_name": 0.6, "person_name": 0.7, "phone": 0.8}  # fmt: skip
_FEWEST = 0.8


@dataclass(frozen=True)
class Suggestion:
    element: str
    #: 0–1: how much of name and values speaks for it.
    confidence: float
    #: Share of the values there that pass every check of it.
    passing: float
    #: Whether the column is called as such columns are.
    named: bool


def suggest(name: str, label: str, values: Sequence[str | None], most: int = 3) -> list[Suggestion]:
    """Elements a column may be bound to, the likeliest first; empty where nothing fits eight in ten values."""
    there = [value for value in values if value is not None and value.strip()][:500]
    found = []
    for element in ELEMENTS.values():
        named = _named(element, name, label)
        passing = _passing(element, there)
        if passing < _FEWEST and not (named and not there):
            continue
        telling = _LENIENT.get(element.name, 1.0)
        confidence = 0.55 * passing * telling + (0.45 if named else 0.0)
        found.append(Suggestion(element.name, round(confidence, 2), round(passing, 3), named))
    found.sort(key=lambda one: (-one.confidence, one.element))
    return found[:most]


def _named(element: Element, name: str, label: str) -> bool:
    words = {element.name, element.label, *element.called}
    return any(word == name.lower() or word in label for word in words if len(word) > 1)


def _passing(element: Element, values: Sequence[str]) -> float:
    if not values:
        return 0.0
    tried = try_many(element, values)
    return sum(one.cleaned is not None and not one.problems for one in tried) / len(values)
