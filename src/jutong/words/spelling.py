"""Pinyin: how a text is spelled, its initials, and the order of a Chinese list."""

from __future__ import annotations

import re
import warnings
from functools import cache
from types import ModuleType

from jutong.words.folding import folded

_LETTER = re.compile(r"[^a-z0-9]+")


def pinyin(text: str) -> str:
    """Syllables without tones, divided by blanks; what is not Chinese stays: 邵阳ABC → ``shao yang abc``."""
    syllables = _library().lazy_pinyin(folded(text))
    return " ".join(part for part in (_LETTER.sub("", each.lower()) for each in syllables) if part)


def initials(text: str) -> str:
    """First letters, as clerks type them: 邵阳市 → ``sys``; letters and digits stay whole."""
    style = _library().Style.FIRST_LETTER
    return _LETTER.sub("", "".join(_library().lazy_pinyin(folded(text), style=style)).lower())


def sort_key(text: str) -> str:
    """A key whose binary order is the order of 现代汉语词典: syllable, tone, then the characters themselves."""
    plain = folded(text)
    syllables = _library().lazy_pinyin(plain, style=_library().Style.TONE3, neutral_tone_with_five=True)
    return " ".join(syllables) + "\x1f" + plain


@cache
def _library() -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pypinyin
    return pypinyin
