"""Mask profiles 脱敏: full 全部, middle 中间, head 首, tail 尾, ends 首尾; each names what is hidden.

A masked value is always text.  Short values are hidden whole rather than shown whole.
"""

from __future__ import annotations

from types import MappingProxyType

from jutong.elements.element import Sql

HIDDEN = "******"
PROFILES = ("full", "middle", "head", "tail", "ends")


def _full(value: str) -> str:
    # A fixed width: the length of a name or an amount also tells something.
    return f"CASE WHEN {value} IS NOT NULL THEN '{HIDDEN}' END"


def _keep(head: int, tail: int) -> Sql:
    def mask(value: str) -> str:
        text = f"CAST({value} AS VARCHAR)"
        hidden = f"repeat('*', greatest(length({text}) - {head + tail}, 0))"
        shown_head = f"left({text}, {head})" if head else "''"
        shown_tail = f"right({text}, {tail})" if tail else "''"
        return (
            f"CASE WHEN {value} IS NULL THEN NULL WHEN length({text}) <= {head + tail} "
            f"THEN repeat('*', length({text})) ELSE {shown_head} || {hidden} || {shown_tail} END"
        )

    return mask


def _ends(head: int, tail: int) -> Sql:
    def mask(value: str) -> str:
        text = f"CAST({value} AS VARCHAR)"
        return (
            f"CASE WHEN {value} IS NULL THEN NULL WHEN length({text}) <= {head + tail} "
            f"THEN repeat('*', length({text})) ELSE repeat('*', {head}) || "
            f"substr({text}, {head + 1}, length({text}) - {head + tail}) || repeat('*', {tail}) END"
        )

    return mask


def hidden_masks() -> MappingProxyType[str, Sql]:
    """For values of which any part tells too much (amounts, codes): every profile hides all."""
    return MappingProxyType(dict.fromkeys(PROFILES, _full))


def text_masks(head: int, tail: int) -> MappingProxyType[str, Sql]:
    """Profiles of a text of which ``head`` and ``tail`` characters may stay when its middle is hidden."""
    return MappingProxyType(
        {
            "full": _full,
            "middle": _keep(head, tail),
            "head": _keep(0, tail),
            "tail": _keep(head, 0),
            "ends": _ends(max(head, 1), max(tail, 1)),
        }
    )


def date_masks() -> MappingProxyType[str, Sql]:
    """Dates keep their form: middle shows the year, head the day of the year, tail year and month."""

    def shaped(form: str) -> Sql:
        return lambda value: f"strftime({value}, '{form}')"

    return MappingProxyType(
        {
            "full": _full,
            "middle": shaped("%Y-**-**"),
            "head": shaped("****-%m-%d"),
            "tail": shaped("%Y-%m-**"),
            "ends": shaped("****-%m-**"),
        }
    )
