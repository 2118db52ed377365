"""地址: from the province down to the door; GB/T 23705. ``address_parts`` takes it apart."""

from __future__ import annotations

from jutong.elements.cleaning import half_width, nothing_to_null, trimmed
from jutong.elements.element import FLAG, Check, Dimension, Element
from jutong.elements.garbled import garbled
from jutong.elements.masking import text_masks


def _clean(expression: str) -> str:
    tight = f"regexp_replace({trimmed(half_width(expression))}, ' ?([\\p{{Han}}]) ?', '\\1', 'g')"
    return nothing_to_null(tight)


ELEMENT = Element(
    name="address",
    label="地址",
    type="text",
    grade=3,
    about="GB/T 23705-2009 数字城市地理信息公共平台地名/地址编码规则：省、市、县、乡、村、门牌",
    clean=_clean,
    cast=lambda text: text,
    checks=(
        Check(
            "address.garbled",
            FLAG,
            Dimension.ACCURACY,
            garbled,
            "「{label}」含有乱码，请按正确的编码重新提供",
        ),
        Check(
            "address.form",
            FLAG,
            Dimension.CONFORMITY,
            lambda text, _: (
                f"length({text}) NOT BETWEEN 4 AND 200 OR NOT regexp_matches({text}, "
                "'[省市区县旗乡镇村组街路道巷弄里号栋幢楼室社区屯寨岭园场]')"
            ),
            "「{label}」应写到村组或街路门牌，不少于4个字",
        ),
    ),
    masks=text_masks(head=6, tail=0),
    passes=(
        ("湖南省邵阳市大祥区宝庆中路12号", "湖南省邵阳市大祥区宝庆中路12号"),
        (" 邵阳市 大祥区 宝庆中路１２号 ", "邵阳市大祥区宝庆中路12号"),
        ("不详", None),
    ),
    fails=(("本地", "address.form"), ("邵阳���路1号", "address.garbled")),
    likeness="address",
    called=("地址", "住址", "住所", "经营场所", "dz", "address"),
)
