"""A table drawn by chance: what a file must come out as, whatever was done to it on the way."""

from __future__ import annotations

import random

from tests.outside.hostile.case import Rows

HEADERS = (
    "统一社会信用代码", "企业名称", "注册资本（万元）", "成立日期", "联系电话", "行政区划代码", "备注", "身份证件号码",
    "经营范围", "Status", "户数/户", "法定代表人", "是否在业", "GDP(亿元)", "地址",
)  # fmt: skip
#: What a loader that guesses changes; every one of them stays as it is.
VALUES = (
    "0012", "00000000000000000000", "430522198501010012", "43052219850101001X", "9143050000000000XX", "+8613800138000",
    "1e5", "1E-3", "-0", "0.10", "１２３", "1,234.50", "(12.00)", "12.5%", "￥3.00", "2024-02-29", "2024/2/29", "29.02.24",
    "20240230", "2024年2月", "12:30", "TRUE", "否", "NULL", "NA", "N/A", "nan", "inf", "None", "#N/A", "-", "--", "/",
    "=1+1", "@sum", "0x1F", "1_000", "𠮷野家", "㐂 𬭛 𫖮", "邵阳市「老字号」", "café", "ＡＢＣ", "甲\u3000乙", "👍", "a'b",
    "C:\\数据\\新", "第\u2028二段", "\u200b零宽", "前\u00a0后", "100%_", "<b>&amp;</b>", "{}", "[1,2]", "a=b&c=d", "~", "^", "\\N",
)  # fmt: skip
_NAMES = ("双清", "大祥", "北塔", "隆回", "洞口", "绥宁", "新宁", "城步", "武冈", "邵东")
_TRADES = ("茶业", "物流", "商贸", "酒业", "建材", "网络科技", "农业开发", "竹木制品")


def table(chance: random.Random, *, rows: int | None = None, hard: bool = True) -> tuple[list[str], Rows]:
    """Columns and rows: a code, a name, and some more; a few values of ``VALUES`` strewn in."""
    columns = ["代码", "名称", *chance.sample(HEADERS, chance.randrange(1, 7))]
    count = rows if rows is not None else chance.choice((1, 2, 3, 7, 20, 70, 150))
    found: Rows = []
    for number in range(count):
        row: list[str | None] = [
            f"{chance.randrange(10**7):08}{number:05}",
            f"邵阳市{chance.choice(_NAMES)}{chance.choice(_TRADES)}有限公司",
        ]
        row += [_cell(chance) if hard else f"{chance.randrange(10**6)}" for _ in columns[2:]]
        found.append(row)
    return columns, found


def _cell(chance: random.Random) -> str | None:
    kind = chance.random()
    if kind < 0.15:
        return None
    if kind < 0.5:
        return chance.choice(VALUES)
    if kind < 0.75:
        return f"{chance.randrange(10**9) / 100:.2f}"
    return f"20{chance.randrange(10, 25)}-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}"
