"""婚姻状况代码, GB/T 2261.2-2003."""

from __future__ import annotations

from jutong.elements.code_table import code_table

ELEMENT = code_table(
    "marriage",
    "婚姻状况",
    "GB/T 2261.2-2003 婚姻状况代码",
    {
        "10": "未婚", "20": "已婚", "21": "初婚", "22": "再婚", "23": "复婚", "30": "丧偶", "40": "离婚",
        "90": "未说明的婚姻状况",
    },
    aliases={"离异": "40", "有配偶": "20", "未说明": "90"},
    grade=3,
    fails=("50", "单身"),
    called=("婚姻", "婚姻状况", "hyzk"),
)  # fmt: skip
