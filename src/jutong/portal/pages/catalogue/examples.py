"""How a value looks when it is given: an element's own example, masked as a delivery would mask it.

Never a value of anybody: a catalogue is open to every department, its rows are not.
"""

from __future__ import annotations

import functools

import duckdb

from jutong.elements import element_of, masked_sql, try_out
from jutong.share import EntryItem, mask_for
from jutong.terms import ShareType

#: Elements whose example says nothing about this item: any text is a text.
_VAGUE = frozenset({"text", "code", "integer"})
#: Of items without an element that tells.
PLAIN = {"C": "（文字）", "N": "123", "Y": "500.00", "D": "2026-06-15", "T": "2026-06-15 10:20:00", "L": "是",
         "M": "（文字）", "G": "（文件）", "B": "1.5", "I": "123", "F": "1.5"}  # fmt: skip


def look_of(item: EntryItem, data_type: str) -> str:
    """What a consumer would see of this item; withheld items show nothing."""
    if item.share_type == ShareType.WITHHELD:
        return ""
    return _look(item.element or "", mask_for(item) or "", data_type)


@functools.cache
def _look(element_name: str, mask: str, data_type: str) -> str:
    if not element_name or element_name in _VAGUE:
        return "******" if mask else PLAIN.get(data_type, "（文字）")
    element = element_of(element_name)
    example = next(given for given, cleaned in element.passes if cleaned)
    value = try_out(element, example).value
    if not mask:
        return str(value)
    with duckdb.connect(":memory:", config={"enable_external_access": "false", "threads": "1"}) as engine:
        query = f"SELECT {masked_sql(element, mask, 'v')} FROM (SELECT ? AS v)"
        row = engine.execute(query, [value]).fetchone()
    return str(row[0]) if row and row[0] is not None else ""
