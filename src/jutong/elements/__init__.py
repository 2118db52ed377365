"""数据元: kinds of values, each saying how it is cleaned, read, questioned, masked and graded.

``ELEMENTS`` holds them by name; a new file under ``kinds/`` is a new element.
"""

from jutong.elements.address_parts import address_parts_sql
from jutong.elements.divisions import Division, current_division_sql, divisions
from jutong.elements.element import (
    FLAG,
    REJECT,
    Check,
    Dimension,
    Element,
    Likeness,
    Severity,
    Sql,
    cast_to,
    verdict_sql,
)
from jutong.elements.masking import PROFILES
from jutong.elements.registry import ELEMENTS, element_of, masked_sql, valid_sql
from jutong.elements.suggesting import Suggestion, suggest
from jutong.elements.trial import TriedOut, try_many, try_out

__all__ = [
    "ELEMENTS",
    "FLAG",
    "PROFILES",
    "REJECT",
    "Check",
    "Dimension",
    "Division",
    "Element",
    "Likeness",
    "Severity",
    "Sql",
    "Suggestion",
    "TriedOut",
    "address_parts_sql",
    "cast_to",
    "current_division_sql",
    "divisions",
    "element_of",
    "masked_sql",
    "suggest",
    "try_many",
    "try_out",
    "valid_sql",
    "verdict_sql",
]
