"""All elements by name, read from the files under ``kinds/``."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

from jutong.elements import kinds
from jutong.elements.element import Element
from jutong.elements.masking import PROFILES
from jutong.terms import BadInput


def _every_element() -> Mapping[str, Element]:
    names = sorted(module.name for module in pkgutil.iter_modules(kinds.__path__))
    elements = [import_module(f"{kinds.__name__}.{name}").ELEMENT for name in names]
    return MappingProxyType({element.name: element for element in elements})


ELEMENTS = _every_element()

#: What an item is held to when no element is named: by the item's type.
_BY_TYPE = {
    "text": "text",
    "integer": "integer",
    "date": "date",
    "timestamp": "datetime",
    "decimal": "amount",
    "boolean": "yes_no",
}


def element_of(name: str | None, item_type: str = "text") -> Element:
    """The element named, or the one its type stands for; raises BadInput ``elements.unknown``."""
    wanted = name or _BY_TYPE.get(item_type.split("(", maxsplit=1)[0], "text")
    if wanted not in ELEMENTS:
        raise BadInput("elements.unknown", f"没有名为 {wanted} 的数据元，可选：{'、'.join(ELEMENTS)}")
    return ELEMENTS[wanted]


def masked_sql(element: Element | str | None, profile: str, expression: str) -> str:
    """SQL for the masked text of a value; raises BadInput ``elements.unknown_mask``.

    ``expression`` is of the element's type (a column, not a computation); the answer is text, NULL for NULL.
    """
    known = element if isinstance(element, Element) else element_of(element)
    if profile not in known.masks:
        raise BadInput("elements.unknown_mask", f"没有名为 {profile} 的脱敏方式，可选：{'、'.join(PROFILES)}")
    return known.masks[profile](expression)


def valid_sql(element: Element | str, text: str) -> str:
    """SQL: whether a cleaned text is there and passes every check, flags included (matching keys want this)."""
    known = element if isinstance(element, Element) else element_of(element)
    value = known.cast(text)
    failing = " OR ".join(f"coalesce({check.fails(text, f'({value})')}, false)" for check in known.checks)
    return f"({text} IS NOT NULL AND NOT ({failing or 'false'}))"
