"""Chinese first, English by a switch.

The key of a sentence is the Chinese sentence itself, so templates stay readable and a forgotten translation
shows Chinese, never a code.  ``ui/english.toml`` and ``pages/<topic>/english.toml`` hold the English; a test
asks that every sentence of a topic's templates stands there.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

from markupsafe import Markup

LANGUAGES = ("zh", "en")
HTML_LANGUAGE = {"zh": "zh-CN", "en": "en"}

Say = Callable[..., Markup]


def read_english(folder: Path) -> dict[str, str]:
    """Every ``english.toml`` below a folder in one mapping.

    Raises ValueError where two files translate one sentence differently: a term has one English.
    """
    english: dict[str, str] = {}
    for file in sorted(folder.rglob("english.toml")):
        for chinese, translation in tomllib.loads(file.read_text(encoding="utf-8")).items():
            if english.setdefault(chinese, translation) != translation:
                raise ValueError(f"{file}: 「{chinese}」 is already 「{english[chinese]}」")
    return english


def speaker(language: str, english: Mapping[str, str]) -> Say:
    """``_("{n} 件待您办理", n=3)``: the sentence may hold markup, its values are escaped."""

    def say(sentence: str, /, **values: object) -> Markup:
        text = english.get(sentence, sentence) if language == "en" else sentence
        # A value from a row is no sentence of ours: it is escaped unless it is known.
        known = sentence in english or bool(values)
        markup = Markup(text) if known else Markup.escape(text)  # noqa: S704 - our own sentences
        return markup.format(**values) if values else markup

    return say
