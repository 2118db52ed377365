"""Elements that are code tables: words and codes to the code, anything else questioned."""

from __future__ import annotations

from collections.abc import Mapping

from jutong.elements.cleaning import (
    BLANK_MARKS,
    half_width,
    let,
    nothing_to_null,
    one_of,
    squeezed,
    unless,
    unpointed,
)
from jutong.elements.element import FLAG, Check, Dimension, Element
from jutong.elements.masking import hidden_masks
from jutong.terms import literal


def code_table(
    name: str,
    label: str,
    about: str,
    codes: Mapping[str, str],
    *,
    aliases: Mapping[str, str],
    grade: int = 2,
    fails: tuple[str, ...],
    called: tuple[str, ...] = (),
) -> Element:
    """``codes`` is code → word of the standard; ``aliases`` other words for a code; ``fails`` examples."""
    words = {word: code for code, word in codes.items()} | dict(aliases)
    arms = " ".join(f"WHEN {literal(word)} THEN {literal(code)}" for word, code in words.items())

    def clean(expression: str) -> str:
        bare = nothing_to_null(unpointed(f"upper({squeezed(half_width(expression))})"), BLANK_MARKS)
        named = let(bare, lambda t: f"CASE {t} {arms} ELSE {t} END", name="u")
        return unless("[0-9]{2}", expression, named) if _plain(codes) else named

    first = next(iter(codes.items()))
    return Element(
        name=name,
        label=label,
        type="text",
        grade=grade,
        about=about,
        clean=clean,
        cast=lambda text: text,
        checks=(
            Check(
                f"{name}.unknown",
                FLAG,
                Dimension.CONFORMITY,
                lambda text, _: f"NOT ({one_of(text, codes)})",
                f"「{{label}}」应为{label}代码表中的代码或名称，如 {first[0]} {first[1]}",
            ),
        ),
        masks=hidden_masks(),
        passes=(
            *((code, code) for code in list(codes)[:3]),
            *((f" {word}", code) for word, code in list(words.items())[:8]),
        ),
        fails=tuple((value, f"{name}.unknown") for value in fails),
        called=called,
    )


def _plain(codes: Mapping[str, str]) -> bool:
    return all(code.isdigit() and len(code) <= 2 for code in codes)
