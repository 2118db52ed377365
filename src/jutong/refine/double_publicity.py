"""双公示 templates: items, elements, keys and rules of 行政许可 and 行政处罚, and the 2016 names mapped onto 2018's.

Sources: domain handbook §4.1–4.3 (physical names in lower case).  Which items are required is not confirmed from
the official text; a table that is declared from a template may say otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from jutong.refine.rules import RowRule, double_publicity_rules
from jutong.terms import BadInput

Kind = Literal["licence", "penalty"]


@dataclass(frozen=True)
class Template:
    kind: Kind
    label: str
    items: tuple[Mapping[str, Any], ...]
    keys: tuple[str, ...]
    rules: tuple[RowRule, ...]


def _item(
    name: str, label: str, element: str = "text", kind: str = "text", *, must: bool = False
) -> dict[str, Any]:
    return {
        "name": name,
        "label": label,
        "type": kind,
        "element": element,
        "required": must,
        "source": name.upper(),
    }


def _subject(prefix: str) -> tuple[dict[str, Any], ...]:
    """行政相对人, alike in both: name, category, six codes, the natural person's document, the representative's."""
    return (
        _item(f"{prefix}_xdr_mc", "行政相对人名称", "legal_name", must=True),
        _item(f"{prefix}_xdr_lb", "行政相对人类别", "code", must=True),
        _item(f"{prefix}_xdr_shxym", "统一社会信用代码", "uscc"),
        _item(f"{prefix}_xdr_gszc", "工商注册号", "business_reg_no"),
        _item(f"{prefix}_xdr_zzjg", "组织机构代码", "org_code"),
        _item(f"{prefix}_xdr_swdj", "税务登记号", "code"),
        _item(f"{prefix}_xdr_sydw", "事业单位证书号", "code"),
        _item(f"{prefix}_xdr_shzz", "社会组织登记证号", "code"),
        _item(f"{prefix}_xdr_zjlx", "自然人证件类型", "code"),
        _item(f"{prefix}_xdr_zjhm", "自然人证件号码", "code"),
        _item(f"{prefix}_frdb", "法定代表人", "person_name"),
        _item(f"{prefix}_fr_zjlx", "法定代表人证件类型", "code"),
        _item(f"{prefix}_fr_zjhm", "法定代表人证件号码", "code"),
    )


_LICENCE = (
    *_subject("xk"),
    _item("xk_xkws", "行政许可决定文书名称", must=True),
    _item("xk_wsh", "行政许可决定文书号", "document_no", must=True),
    _item("xk_xklb", "许可类别", must=True),
    _item("xk_xkzs", "许可证书名称"),
    _item("xk_xkbh", "许可编号", "code"),
    _item("xk_nr", "许可内容", must=True),
    _item("xk_jdrq", "许可决定日期", "date", "date", must=True),
    _item("xk_yxqz", "有效期自", "date", "date", must=True),
    _item("xk_yxqzi", "有效期至", "date", "date", must=True),
    _item("xk_xkjg", "许可机关", "legal_name", must=True),
    _item("xk_xkjgdm", "许可机关统一社会信用代码", "uscc", must=True),
    _item("xk_zt", "当前状态", "code", must=True),
    _item("xk_lydw", "数据来源单位", "legal_name", must=True),
    _item("xk_lydwdm", "数据来源单位统一社会信用代码", "uscc", must=True),
    _item("bz", "备注"),
)
_PENALTY = (
    *_subject("cf"),
    _item("cf_wsh", "行政处罚决定书文号", "document_no", must=True),
    _item("cf_wfxw", "违法行为类型", must=True),
    _item("cf_sy", "违法事实", must=True),
    _item("cf_yj", "处罚依据", must=True),
    _item("cf_cflb", "处罚类别", must=True),
    _item("cf_nr", "处罚内容", must=True),
    _item("cf_nr_fk", "罚款金额（万元）", "amount_wan", "decimal(18,6)"),
    _item("cf_nr_wfff", "没收违法所得、没收非法财物的金额（万元）", "amount_wan", "decimal(18,6)"),
    _item("cf_nr_zkdx", "暂扣或吊销证照名称及编号"),
    _item("cf_jdrq", "处罚决定日期", "date", "date", must=True),
    _item("cf_yxq", "处罚有效期", "date", "date"),
    _item("cf_gsjzq", "公示截止期", "date", "date"),
    _item("cf_cfjg", "处罚机关", "legal_name", must=True),
    _item("cf_cfjgdm", "处罚机关统一社会信用代码", "uscc", must=True),
    _item("cf_sjly", "数据来源单位", "legal_name", must=True),
    _item("cf_sjlydm", "数据来源单位统一社会信用代码", "uscc", must=True),
    _item("bz", "备注"),
)

#: 2018 name → what the same thing was called in 2016; what is not here is called alike or was not collected.
FORMER: Mapping[str, str] = {
    "xk_xkws": "XK_XMMC", "xk_xklb": "XK_SPLB", "xk_xdr_mc": "XK_XDR", "xk_xdr_zzjg": "XK_XDR_ZDM",
    "xk_xdr_gszc": "XK_XDR_GSDJ", "xk_xdr_zjhm": "XK_XDR_SFZ", "xk_frdb": "XK_FR", "xk_yxqzi": "XK_JZQ", "xk_xkjg": "XK_XZJG",
    "cf_nr": "CF_JG", "cf_cflb": "CF_CFLB1", "cf_wfxw": "CF_CFMC", "cf_cfjg": "CF_XZJG", "cf_gsjzq": "GSQX",
}  # fmt: skip
#: Items the 2016 edition did not collect at all: nothing can be required of them there.
_NEW_IN_2018 = frozenset(
    {
        "xk_xdr_lb", "xk_yxqz", "xk_xkjgdm", "xk_lydw", "xk_lydwdm", "xk_xkzs", "xk_xkbh", "cf_xdr_lb", "cf_cfjgdm",
        "cf_sjly", "cf_sjlydm", "cf_nr_fk", "cf_nr_wfff", "cf_nr_zkdx",
    }
)  # fmt: skip
#: The rule sets a city starts with, and whose template each is.
RULE_SETS: Mapping[str, Kind] = {"credit_licence": "licence", "credit_penalty": "penalty"}
_LABELS: Mapping[Kind, str] = {"licence": "双公示行政许可信息", "penalty": "双公示行政处罚信息"}


def double_publicity(kind: Kind, edition: int = 2018) -> Template:
    """The template of a table; of 2016 the columns are read by their old names into the items of 2018.

    Raises BadInput ``refine.no_template``.
    """
    if kind not in _LABELS or edition not in (2016, 2018):
        raise BadInput("refine.no_template", f"没有 {edition} 年版的双公示模板 {kind}")
    items = _LICENCE if kind == "licence" else _PENALTY
    if edition == 2016:
        items = tuple(
            {
                **item,
                "source": FORMER.get(item["name"], item["source"]),
                "required": item["required"] and item["name"] not in _NEW_IN_2018,
            }
            for item in items
        )
    prefix = "xk" if kind == "licence" else "cf"
    names = [item["name"] for item in items]
    organ = f"{prefix}_{prefix}jg"
    once = RowRule("credit.document_repeated", "unique", (f"{prefix}_wsh", organ))
    keys = (f"{prefix}_wsh", organ, f"{prefix}_xdr_mc")
    return Template(kind, _LABELS[kind], items, keys, (*double_publicity_rules(names), once))
