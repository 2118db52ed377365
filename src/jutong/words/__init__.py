"""文字: how Chinese text is folded, cut, spelled and sorted, for searching and for comparing names."""

from jutong.words.cutting import bigrams, terms, words
from jutong.words.folding import folded
from jutong.words.spelling import initials, pinyin, sort_key

__all__ = ["bigrams", "folded", "initials", "pinyin", "sort_key", "terms", "words"]
