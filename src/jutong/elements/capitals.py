"""大写金额 as cheques and contracts write it: 壹万贰仟叁佰元整 → 12300元, in SQL (《正确填写票据和结算凭证的基本规定》).

Only the formal digits are read: 一百元 in everyday digits is a note, not an amount.
"""

from __future__ import annotations

from jutong.elements.cleaning import let
from jutong.terms import literal

_FROM = "壹贰貳弍叁參弎肆伍陆陸柒漆捌玖圆圓萬億正"
_TO = "12223334566778" + "9" + "元元万亿整"
#: What an amount in capitals has at least one of.
NUMERALS = f"{_FROM[:16]}拾零"
_SECTION = "(?:[1-9]仟)?(?:[1-9]佰)?(?:[1-9]?拾)?[1-9]?"
_FORM = (
    f"(?:人民币)?(负?)(?:({_SECTION})亿)?(?:({_SECTION})万)?({_SECTION})元?(?:([1-9])角)?(?:([1-9])分)?整?"
)
_PARTS = ("minus", "yi", "wan", "ge", "jiao", "fen")


def written_out(text: str) -> str:
    """SQL: the amount in digits with 元 behind where ``text`` is one in capitals, else the text as it is."""

    def read(bare: str) -> str:
        named = ", ".join(literal(part) for part in _PARTS)
        found = f"regexp_extract({bare}, {literal(f'^{_FORM}$')}, [{named}])"
        return f"CASE WHEN regexp_full_match({bare}, {literal(_FORM)}) THEN {let(found, _amount, name='p')} ELSE {text} END"

    bare = f"regexp_replace(translate({text}, {literal(_FROM)}, {literal(_TO)}), '零角|零', '', 'g')"
    return (
        f"CASE WHEN regexp_matches({text}, '[{NUMERALS}]') THEN {let(bare, read, name='c')} ELSE {text} END"
    )


def _amount(parts: str) -> str:
    whole = " + ".join(
        f"({_section(f'{parts}.{name}')}) * {factor}"
        for name, factor in (("yi", 100_000_000), ("wan", 10_000), ("ge", 1))
    )
    cents = f"CASE WHEN {parts}.jiao || {parts}.fen = '' THEN '' ELSE '.' || coalesce(nullif({parts}.jiao, ''), '0') || {parts}.fen END"
    return f"CASE {parts}.minus WHEN '负' THEN '-' ELSE '' END || CAST({whole} AS VARCHAR) || {cents} || '元'"


def _section(text: str) -> str:
    """Up to 玖仟玖佰玖拾玖 as a number; 拾 alone is ten."""

    def digit(pattern: str) -> str:
        return f"coalesce(TRY_CAST(regexp_extract({text}, '{pattern}', 1) AS BIGINT), 0)"

    ten = f"CASE WHEN contains({text}, '拾') THEN greatest({digit('([1-9])拾')}, 1) ELSE 0 END"
    return f"{digit('([1-9])仟')} * 1000 + {digit('([1-9])佰')} * 100 + {ten} * 10 + {digit('([1-9])$')}"
