"""Chinese first, English by a switch.

The key of a sentence is the Chinese sentence itself, so templates stay readable and a forgotten translation
shows Chinese, never a code.  ``ui/english.toml`` and ``pages/<topic>/english.toml`` hold the English; a test
asks that every sentence of a topic's templates stands there.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from markupsafe import Markup

LANGUAGES = ("zh", "en")
HTML_LANGUAGE = {"zh": "zh-CN", "en": "en"}


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


class Say:
    """One language: ``_("{n} 件待您办理", n=3)`` in templates, ``visit.tell(…)`` in code."""

    def __init__(self, language: str, english: Mapping[str, str]) -> None:
        self._english = english
        self._translate = language == "en"

    def __call__(self, sentence: str, /, **values: object) -> Markup:
        """A sentence for a page: it may hold markup of ours, its values are escaped."""
        text = self._text(sentence)
        # A value from a row is no sentence of ours: it is escaped unless it is known.
        known = sentence in self._english or bool(values)
        markup = Markup(text) if known else Markup.escape(text)  # noqa: S704 - our own sentences
        return markup.format(**values) if values else markup

    def plain(self, sentence: str, /, **values: object) -> str:
        """The same as plain text, escaped wherever it is shown."""
        return self._text(sentence).format(**values) if values else self._text(sentence)

    def _text(self, sentence: str) -> str:
        return self._english.get(sentence, sentence) if self._translate else sentence
