"""The fields of the catalogue, stated once: 发改高技〔2017〕1272号 (sixteen elements) and 政务数据共享条例第13条.

Check, form, Excel template, export and the reference page are all derived from ``FIELDS`` and ``ITEM_FIELDS``;
the DDL is compared with them by a test.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

SHARE_TYPES = {1: "无条件共享", 2: "有条件共享", 3: "不予共享"}
FORMATS = {
    1: "电子文件", 2: "电子表格", 3: "数据库", 4: "图形图像", 5: "流媒体", 6: "自描述格式", 7: "服务接口",
}  # fmt: skip
UPDATE_CYCLES = {
    1: "实时", 2: "每日", 3: "每周", 4: "每月", 5: "每季度", 6: "每年", 7: "不定时", 8: "每半年", 9: "其他",
}  # fmt: skip
SHARE_METHODS = {"api": "平台·服务接口", "table": "平台·库表交换", "file": "平台·文件下载",
                 "mail": "邮件", "media": "介质"}  # fmt: skip
GRADES = {1: "1 级", 2: "2 级", 3: "3 级", 4: "4 级"}
DATA_TYPES = {
    "C": "字符型", "N": "数值型", "Y": "货币型", "D": "日期型", "T": "日期时间型", "L": "逻辑型", "M": "备注型",
    "G": "通用型", "B": "双精度型", "I": "整型", "F": "浮点型",
}  # fmt: skip
YES_NO = {True: "是", False: "否"}
STATES = {
    "draft": "草稿", "dept_review": "待部门负责人批准", "publish_review": "待主管部门审核发布",
    "published": "已发布", "rejected": "退回修改", "withdrawn": "已撤销",
}  # fmt: skip
RESOURCE_KINDS = {"table": "库表", "api": "接口", "file": "文件"}

FieldKind = Literal[
    "text", "long_text", "choice", "choices", "texts", "flag", "date", "integer", "department", "class"
]
#: M must be given; C must be given under a condition; O may be; P the platform gives it.
Obligation = Literal["M", "C", "O", "P"]
OBLIGATIONS = {"M": "必填", "C": "条件必填", "O": "选填", "P": "平台生成"}

Choices = Mapping[Any, str]


@dataclass(frozen=True)
class Field:
    """One field: its column, its Chinese name, where it is demanded, and how it is filled in."""

    name: str
    label: str
    #: element number of 1272号, or the article that demands it
    number: str
    kind: FieldKind
    obligation: Obligation
    help: str
    example: str
    choices: Choices = field(default_factory=dict)
    longest: int | None = None

    @property
    def required(self) -> bool:
        return self.obligation == "M"


FIELDS: tuple[Field, ...] = (
    Field("class_code", "信息资源分类", "1", "class", "M",
          "类、项、目、细目的分类码：1 基础，2 主题，3 部门", "102"),
    Field("name", "信息资源名称", "2", "text", "M", "缩略描述内容的标题，本部门内不重复", "企业登记基本信息", longest=128),
    Field("code", "信息资源代码", "3", "text", "P", "分类码/顺序码，发布后不变", "102/000017"),
    Field("department_code", "信息资源提供方", "4", "department", "M", "提供部门", "邵阳市市场监督管理局"),
    Field("department_uscc", "信息资源提供方代码", "5", "text", "P", "提供方的统一社会信用代码", "11430500006123458E"),
    Field("summary", "信息资源摘要", "6", "long_text", "M", "内容、范围和用处，让别的部门看得懂",
          "在本市登记的企业、个体工商户和农民专业合作社，一户一行。", longest=1000),
    Field("formats", "信息资源格式", "7", "choices", "M", "数据格式，可多选", "数据库", FORMATS),
    Field("sub_formats", "格式细类", "7", "texts", "O", "如 OFD、xlsx、PostgreSQL", "PostgreSQL"),
    Field("share_type", "共享类型", "9", "choice", "M", "共享属性，第14条", "有条件共享", SHARE_TYPES),
    Field("share_condition", "共享条件", "10", "long_text", "C",
          "有条件共享写条件；不予共享写理由，并引法律、行政法规或国务院决定（第15条）",
          "限行政许可、行政检查、政策兑现使用", longest=500),
    Field("share_methods", "共享方式", "11", "choices", "M", "怎么给，可多选", "平台·服务接口", SHARE_METHODS),
    Field("open", "是否向社会开放", "12", "flag", "M", "是或否", "否", YES_NO),
    Field("open_condition", "开放条件", "13", "text", "C", "向社会开放时写明条件", "实名注册后下载"),
    Field("update_cycle", "更新周期", "14", "choice", "M", "数据更新频率", "每日", UPDATE_CYCLES),
    Field("published_at", "发布日期", "15", "date", "P", "CCYY-MM-DD，发布时记下", "2026-03-02"),
    Field("related_codes", "关联资源代码", "16", "texts", "O", "相关目录的代码，多个用分号隔开", "102/000018"),
    Field("use_condition", "使用条件", "第13条", "text", "M", "怎么用才算合规", "仅限本次申请的用途，不得转给第三方"),
    Field("grade", "数据分级", "第13条", "choice", "M", "GB/T 43697，一般数据分 1–4 级，取信息项中最高", "2 级", GRADES),
    Field("secrecy_assessed", "保密风险评估", "第13条", "flag", "C", "提交前须已评估", "是", YES_NO),
    Field("privacy_assessed", "个人信息保护影响评估", "第13条", "flag", "C", "提交前须已评估", "是", YES_NO),
    Field("secret", "涉密属性", "第3条", "choice", "M", "国家秘密和工作秘密不进本平台", "非涉密", {False: "非涉密", True: "涉密"}),
    Field("theme", "所属主题", "扩展", "text", "O", "用于浏览和分面", "市场监管"),
    Field("source_system", "来源系统", "扩展", "text", "O", "数据产生的业务系统", "市场监管登记业务系统"),
    Field("committed", "承诺供给", "扩展", "flag", "O", "部门承诺供给，进供给清单", "是", YES_NO),
)  # fmt: skip

#: Element 8, one row per 信息项.
ITEM_FIELDS: tuple[Field, ...] = (
    Field("label", "信息项名称", "8", "text", "M", "人读的名称", "统一社会信用代码"),
    Field("name", "字段名", "8", "text", "O", "数据集里的列名；空着由平台编为 item_000", "uscc", longest=62),
    Field("data_type", "数据类型", "8", "choice", "M", "1272号的类型字母", "字符型", DATA_TYPES),
    Field("length", "数据长度", "8", "integer", "O", "最多多少个字符或多少位", "18"),
    Field("element", "数据元", "扩展", "text", "O", "清洗、检查、脱敏依据的数据元", "uscc"),
    Field("is_key", "是否主键", "扩展", "flag", "O", "一行由哪几项确定", "是", YES_NO),
    Field("share_type", "共享类型", "9", "choice", "M", "信息项自己的共享类型，交付时取最严的", "无条件共享", SHARE_TYPES),
    Field("grade", "数据分级", "第13条", "choice", "M", "信息项的级别", "1 级", GRADES),
    Field("mask", "脱敏方式", "扩展", "text", "O", "给出时用的脱敏规则；空着原样给", "name"),
)  # fmt: skip

#: 第15条: what is withheld must cite a law, an administrative regulation or a decision of the State Council.
_CITES_LAW = re.compile(r"《[^》]+》|国务院.*决定")


@dataclass(frozen=True)
class Problem:
    """One thing wrong with an entry; ``item`` is the position of the 信息项 it is about."""

    field: str
    label: str
    sentence: str
    item: int | None = None


def check(values: Mapping[str, Any]) -> list[Problem]:
    """Everything the guide and the law find wrong with an entry's values (``items``: its rows), all at once."""
    return [
        *_check_fields(FIELDS, values, None),
        *_check_meaning(values),
        *_check_items(values.get("items") or ()),
    ]


def _check_fields(
    fields: tuple[Field, ...], values: Mapping[str, Any], item: int | None
) -> Iterator[Problem]:
    for one in fields:
        value = values.get(one.name)
        empty = value is None or value in ("", (), []) or not str(value).strip()
        if empty:
            if one.required:
                yield Problem(one.name, one.label, f"请填写「{one.label}」（{_demanded(one)}）", item)
            continue
        chosen = list(value or ()) if one.kind == "choices" else [value]
        unknown = [part for part in chosen if one.choices and part not in one.choices]
        if unknown:
            yield Problem(
                one.name,
                one.label,
                f"「{one.label}」没有「{unknown[0]}」，只有：{'、'.join(one.choices.values())}",
                item,
            )
        if one.longest and len(str(value)) > one.longest:
            yield Problem(
                one.name, one.label, f"「{one.label}」有 {len(str(value))} 个字，最多 {one.longest} 个", item
            )


def _check_meaning(values: Mapping[str, Any]) -> Iterator[Problem]:
    said = str(values.get("share_condition") or "").strip()
    if values.get("secret"):
        yield _problem("secret", "国家秘密、工作秘密不是政务数据，不能进本平台（第3条）")
    if values.get("share_type") == 2 and not said:
        yield _problem("share_condition", "有条件共享要写明共享条件（第14条）")
    if values.get("share_type") == 3 and not _CITES_LAW.search(said):
        yield _problem(
            "share_condition",
            "不予共享要写明理由，并引用法律、行政法规或国务院决定的名称（第15条），如《个人信息保护法》第28条",
        )
    if values.get("open") and not str(values.get("open_condition") or "").strip():
        yield _problem("open_condition", "向社会开放要写明开放条件")
    items = values.get("items") or ()
    highest = max((_of(item, "grade") or 1 for item in items), default=1)
    if isinstance(values.get("grade"), int) and values["grade"] < highest:
        yield _problem("grade", f"目录的分级不能低于信息项的最高级，应为 {highest} 级")


def _check_items(items: Any) -> Iterator[Problem]:
    if not items:
        yield Problem("items", "信息项", "至少要有一个信息项（1272号 8，第13条）")
    if len(items) > 1000:
        yield Problem("items", "信息项", f"信息项有 {len(items)} 个，编号 000–999 最多 1000 个")
    names: set[str] = set()
    for position, item in enumerate(items):
        values = item if isinstance(item, Mapping) else vars_of(item)
        yield from _check_fields(ITEM_FIELDS, values, position)
        name = values.get("name") or ""
        if name and name in names:
            yield Problem("name", "字段名", f"字段名「{name}」重复", position)
        names.add(name)


def vars_of(thing: Any) -> dict[str, Any]:
    """A frozen dataclass's own fields, one level deep."""
    return {name: getattr(thing, name) for name in thing.__dataclass_fields__}


def field_named(name: str) -> Field:
    return _BY_NAME[name]


_BY_NAME = {one.name: one for one in FIELDS}


def form_fields() -> tuple[Field, ...]:
    """What a person fills in: everything but what the platform gives."""
    return tuple(one for one in FIELDS if one.obligation != "P")


def say(one: Field, value: Any) -> str:
    """A value as people read it: choices by their names, lists with ；"""
    if value is None:
        return ""
    if one.kind in ("choices", "texts"):
        return "；".join(one.choices.get(part, str(part)) for part in value)
    return one.choices.get(value, str(value)) if one.choices else str(value)


def guide_page() -> str:
    """The reference page of all fields, in Markdown."""
    lines = [
        "# 目录字段",
        "",
        "依据：发改高技〔2017〕1272号《政务信息资源目录编制指南（试行）》、《政务数据共享条例》第13条。",
        "",
    ]
    for title, fields in (("目录", FIELDS), ("信息项", ITEM_FIELDS)):
        lines += [
            f"## {title}",
            "",
            "| 名称 | 列 | 编号 | 义务 | 取值 | 说明 | 例 |",
            "|---|---|---|---|---|---|---|",
        ]
        for one in fields:
            taken = "、".join(one.choices.values()) or (f"至多 {one.longest} 字" if one.longest else "")
            lines.append(
                f"| {one.label} | `{one.name}` | {one.number} | {OBLIGATIONS[one.obligation]} | {taken} | {one.help} | {one.example} |"
            )
        lines.append("")
    return "\n".join(lines)


def _problem(name: str, sentence: str) -> Problem:
    return Problem(name, _BY_NAME[name].label, sentence)


def _demanded(one: Field) -> str:
    return f"1272号 {one.number}" if one.number.isdigit() else one.number


def _of(item: Any, name: str) -> Any:
    return item.get(name) if isinstance(item, Mapping) else getattr(item, name, None)
