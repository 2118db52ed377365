"""Cutting text into words.

Chinese writes no blanks: jieba finds the words, and pairs of neighbouring characters catch what its dictionary
does not know (「维修」 must find 「维修信息」).  The dictionary is read once per process, on first use (1 s);
jieba's own cache file is not used, because it is a marshal in a folder that anybody may write to.
"""

from __future__ import annotations

import re
import warnings
from functools import cache
from typing import Any

from jutong.words.folding import folded

_HAN = "\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003134f〇"
_RUN = re.compile(f"[{_HAN}]+|[^\\W_{_HAN}]+")
_IS_HAN = re.compile(f"[{_HAN}]+")


def words(text: str) -> list[str]:
    """The words of a text in order, long ones with the shorter words inside them; punctuation left out."""
    found: list[str] = []
    for run in _RUN.findall(folded(text)):
        found += _dictionary().cut_for_search(run) if _IS_HAN.fullmatch(run) else [run]
    return found


def bigrams(text: str) -> list[str]:
    """Pairs of neighbouring Chinese characters, a lonely character as itself, other words whole."""
    found: list[str] = []
    for run in _RUN.findall(folded(text)):
        if _IS_HAN.fullmatch(run) and len(run) > 1:
            found += [run[place : place + 2] for place in range(len(run) - 1)]
        else:
            found.append(run)
    return found


def terms(text: str) -> list[str]:
    """What a text is indexed and searched by: its words and bigrams, each once, in order."""
    return list(dict.fromkeys([*words(text), *bigrams(text)]))


@cache
def _dictionary() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import jieba
    # jieba tells every start on stderr through a handler of its own.
    jieba.default_logger.handlers.clear()
    jieba.default_logger.propagate = False
    tokenizer = jieba.Tokenizer()
    tokenizer.FREQ, tokenizer.total = tokenizer.gen_pfdict(tokenizer.get_dict_file())
    tokenizer.initialized = True
    return tokenizer
