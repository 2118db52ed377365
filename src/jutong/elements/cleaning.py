"""Steps of cleaning, as SQL: width, unseen characters, blanks, placeholders.

Every step is null-safe.  ``translate`` builds its map for each row (1.4 µs for a hundred characters), so
well-formed values are let through by one regular expression first and only the rest pays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from jutong.terms import literal

#: Regex class bodies: characters that look like a blank, characters nobody sees, control characters.
BLANK = "\\s\\x{85}\\x{A0}\\x{1680}\\x{2000}-\\x{200A}\\x{2028}\\x{2029}\\x{202F}\\x{205F}\\x{3000}"
UNSEEN = "\\x{AD}\\x{200B}-\\x{200F}\\x{202A}-\\x{202E}\\x{2060}\\x{FEFF}"
CONTROL = "\\x00-\\x08\\x0B\\x0C\\x0E-\\x1F\\x7F"

#: Strokes that stand for a hyphen.
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe63"
_FROM = "".join(chr(point) for point in range(0xFF01, 0xFF5F)) + "\uffe5" + _DASHES
_TO = "".join(chr(point - 0xFEE0) for point in range(0xFF01, 0xFF5F)) + "\u00a5" + "-" * len(_DASHES)
_WIDE = "[\\x{FF01}-\\x{FF5E}\\x{FFE5}\\x{2010}-\\x{2015}\\x{2212}\\x{FE63}]"

#: What clerks and exports write where there is nothing.
PLACEHOLDERS = (
    "", "-", "--", "---", "/", "//", "\\", "\\N", ".", "*", "**", "***", "?", "NULL", "(NULL)", "<NULL>", "[NULL]",
    "N/A", "#N/A", "NA", "NONE", "NAN", "UNDEFINED", "NIL",
    "无", "空", "不详", "未知", "暂无", "没有", "未填", "未填写", "待补", "待补充", "待定", "不明", "不清楚",
)  # fmt: skip
#: Of them, those that stand where two or more Chinese characters are looked for: a third of the comparisons.
HAN_PLACEHOLDERS = tuple(
    word for word in PLACEHOLDERS if len(word) > 1 and all("一" <= character <= "龥" for character in word)
)
#: The same where a Chinese word may be an answer: in codes and free text.
BLANK_MARKS = ("", "NULL", "(NULL)", "<NULL>", "[NULL]", "\\N", "#N/A")


def _without(characters: str, first: int = 0x4E00, last: int = 0x9FA5) -> str:
    """A regex class body of the code points from ``first`` to ``last`` but for some."""
    parts, start = [], first
    for point in sorted(map(ord, characters)):
        parts.append(f"\\x{{{start:X}}}-\\x{{{point - 1:X}}}")
        start = point + 1
    return "".join([*parts, f"\\x{{{start:X}}}-\\x{{{last:X}}}"])


#: The common Han characters as a regex class body, but for those that 锟斤拷 and 烫烫烫 are known by; and of them those
#: that no placeholder begins with.
HAN_UNGARBLED = _without("锟烫")
HAN_MEANT = _without("锟烫" + "".join({word[0] for word in HAN_PLACEHOLDERS}))


def matching(text: str, pattern: str, *besides: str) -> str:
    """SQL: the whole text matches, and then what holds besides, which is asked of no other text."""
    then = " AND ".join(besides) or "true"
    return f"CASE WHEN regexp_full_match({text}, {literal(pattern)}) THEN {then} ELSE false END"


def let(expression: str, body: Callable[[str], str], name: str = "t") -> str:
    """Name a computed text so that it may be used often but computed once; 32 ns a row."""
    return f"list_transform([{expression}], lambda {name}: {body(name)})[1]"


def one_of(expression: str, words: Iterable[str]) -> str:
    """Not IN: of a long list the engine makes a join, which all rows go through whatever CASE it stands in."""
    return f"list_contains([{', '.join(literal(word) for word in words)}], {expression})"


def half_width(expression: str) -> str:
    """Full-width letters, digits and punctuation to ASCII, every dash to a hyphen."""
    return (
        f"CASE WHEN strlen({expression}) = length({expression}) OR NOT regexp_matches({expression}, '{_WIDE}') "
        f"THEN {expression} ELSE translate({expression}, {literal(_FROM)}, {literal(_TO)}) END"
    )


def trimmed(expression: str) -> str:
    """Unseen characters gone; runs of blanks and control characters become one blank, none at the ends."""
    seen = f"regexp_replace({expression}, '[{UNSEEN}]+', '', 'g')"
    return f"trim(regexp_replace({seen}, '[{BLANK}{CONTROL}]+', ' ', 'g'))"


def squeezed(expression: str) -> str:
    """Without any blank, unseen or control character or what spreadsheets put about numbers to keep them: ' or ="…"."""
    return f"regexp_replace({expression}, '^=\"|[{BLANK}{UNSEEN}{CONTROL}''\"`‘’“”]+', '', 'g')"


def unpointed(expression: str) -> str:
    """A number of a code without the .0 that an export as decimals gave it."""
    return f"regexp_replace({expression}, '^([0-9]+)\\.0+$', '\\1')"


def nothing_to_null(expression: str, words: tuple[str, ...] = PLACEHOLDERS, name: str = "v") -> str:
    return let(expression, lambda v: f"CASE WHEN {one_of(f'upper({v})', words)} THEN NULL ELSE {v} END", name)


def unless(pattern: str, expression: str, otherwise: str, besides: tuple[str, ...] = ()) -> str:
    """The value itself where the whole of it matches ``pattern`` (and is none of ``besides``), else more work."""
    good = f"regexp_full_match({expression}, {literal(pattern)})"
    if besides:
        good += f" AND NOT {one_of(expression, besides)}"
    return f"CASE WHEN {good} THEN {expression} ELSE {otherwise} END"


def wordy(expression: str, numerals: str) -> str:
    """A CASE arm: Chinese words without a numeral are a remark (以批文为准, 面议), which no reading of numbers mends."""
    said = (
        f"regexp_full_match({expression}, '\\p{{Han}}+') AND NOT regexp_matches({expression}, '[{numerals}]')"
    )
    return f"WHEN {said} THEN {nothing_to_null(expression)}"


def identifier(pattern: str, separators: str = "-") -> Callable[[str], str]:
    """Cleaner of an identifier: width, case, blanks and ``separators`` (a regex class body) gone."""

    def clean(expression: str) -> str:
        bare = f"regexp_replace({squeezed(half_width(expression))}, '[{separators}]+', '', 'g')"
        return unless(pattern, expression, nothing_to_null(unpointed(f"upper({bare})")))

    return clean
