"""性别代码, GB/T 2261.1-2003: words to the code."""

from __future__ import annotations

from jutong.elements.code_table import code_table

ELEMENT = code_table(
    "gender",
    "性别",
    "GB/T 2261.1-2003 人的性别代码：0 未知 1 男 2 女 9 未说明",
    {"1": "男", "2": "女", "0": "未知的性别", "9": "未说明的性别"},
    aliases={
        "男性": "1",
        "女性": "2",
        "M": "1",
        "F": "2",
        "MALE": "1",
        "FEMALE": "2",
        "未知": "0",
        "未说明": "9",
    },
    fails=("3", "先生"),
    called=("性别", "gender", "sex", "xb"),
)
