"""Characters that a clerk may write for one another, as maps for SQL's ``translate``.

``FOLDS``: one width and the simple form.  ``near()``: every character stands for all of its sound, and of its shape.
"""

from __future__ import annotations

from functools import cache

from jutong.words import folded, pinyin

#: Characters taken for one another because they look alike (形近字), each group by its first.
_SHAPES = (
    "己已巳", "未末", "土士", "日曰", "人入八", "戊戌戍", "晴睛", "住往佳", "宏宠", "兰蓝", "毫豪", "辛幸", "科料", "茂荗",
    "侯候", "今令", "干千于", "天夭", "田由甲申", "王玉主", "大太犬", "木本术", "水永", "贝见", "风凤", "折拆析", "徒徙", "拔拨",
    "刀力刁", "免兔", "乌鸟", "师帅", "历厉", "竟竞", "怡恰", "准淮", "栗粟", "崇祟", "孟盂", "汆氽", "冶治", "冷泠", "晨晟",
    "圆园", "博搏", "鑫蠤", "隆窿", "祥详", "源原", "辉晖", "钧钓", "铭名", "茗铬", "昌冒", "昊吴", "旺汪", "彬杉", "滨缤", "诚城",
)  # fmt: skip
_COMMON = range(0x4E00, 0x9FA6)


@cache
def folds() -> tuple[str, str]:
    """(from, to) of single characters that ``words.folded`` makes another single character; upper case stays."""
    old, new = [], []
    for code in (*range(0xFF01, 0xFF5F), 0x3000, *_COMMON):
        char = chr(code)
        plain = folded(char) if code >= 0x4E00 else folded(char).upper() or " "
        if len(plain) == 1 and plain != char:
            old.append(char)
            new.append(plain)
    return "".join(old), "".join(new)


@cache
def near() -> dict[int, str]:
    """Code point → the first character of its sound (toneless) or, before that, of its look-alikes."""
    first: dict[str, str] = {}
    found: dict[int, str] = {}
    for char in _common():
        sound = pinyin(char)
        if sound and sound != char:
            found[ord(char)] = first.setdefault(sound, char)
    for group in _SHAPES:
        head = found.get(ord(group[0]), group[0])
        merged = {found.get(ord(char), char) for char in group}
        found = {code: head if to in merged else to for code, to in found.items()}
        found |= {ord(char): head for char in group}
    return found


def _common() -> list[str]:
    """The characters of GB 2312, level by level: those that names are written with."""
    return [
        bytes((high, low)).decode("gb2312")
        for high in range(0xB0, 0xF8)
        for low in range(0xA1, 0xFF)
        if not (high == 0xD7 and low > 0xF9)
    ]


def sounding(text: str) -> str:
    """The text with every character replaced by the one that stands for its sound and shape."""
    return text.translate(near())
