"""民族代码, GB/T 3304-1991: the 56, 其他 and 入籍; the name with or without 族."""

from __future__ import annotations

from jutong.elements.code_table import code_table

_NAMES = ["汉族", "蒙古族", "回族", "藏族", "维吾尔族", "苗族", "彝族", "壮族", "布依族", "朝鲜族", "满族", "侗族", "瑶族", "白族", "土家族", "哈尼族", "哈萨克族", "傣族", "黎族", "傈僳族", "佤族", "畲族", "高山族", "拉祜族", "水族", "东乡族", "纳西族", "景颇族", "柯尔克孜族", "土族", "达斡尔族", "仫佬族", "羌族", "布朗族", "撒拉族", "毛南族", "仡佬族", "锡伯族", "阿昌族", "普米族", "塔吉克族", "怒族", "乌孜别克族", "俄罗斯族", "鄂温克族", "德昂族", "保安族", "裕固族", "京族", "塔塔尔族", "独龙族", "鄂伦春族", "赫哲族", "门巴族", "珞巴族", "基诺族"]
_CODES = {f"{number:02d}": name for number, name in enumerate(_NAMES, start=1)}
_CODES |= {"97": "其他", "98": "外国血统中国籍人士"}

ELEMENT = code_table(
    "ethnicity",
    "民族",
    "GB/T 3304-1991 中国各民族名称的罗马字母拼写法和代码",
    _CODES,
    aliases={name.removesuffix("族"): code for code, name in _CODES.items() if name.endswith("族")}
    | {str(number): f"{number:02d}" for number in range(1, 10)},
    fails=("99", "瑶侗族"),
    called=("民族", "nation", "mz"),
)
