"""乱码: text that was decoded wrongly before it reached us."""

from __future__ import annotations


def garbled(text: str, _value: str = "") -> str:
    """True where characters were lost: U+FFFD, its GBK reading 锟斤拷, private-use code points, runs of '?'."""
    return f"regexp_matches({text}, '\\x{{FFFD}}|锟斤拷|烫烫烫|[\\x{{E000}}-\\x{{F8FF}}]|\\?\\?\\?|？？？')"
