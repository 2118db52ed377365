"""需求清单: 1773 demands of departments and county units; what the catalogue holds is matched to its entry."""

from __future__ import annotations

import datetime as dt
import zlib
from functools import cache

from jutong.catalogue import NewEntry
from jutong.city.catalogue.entries import entries
from jutong.city.departments import departments
from jutong.city.rows import Demand

DEMANDS = 1773
#: Business grounds: (item of business, law).
_GROUNDS = (
    ("最低生活保障审核确认", "《社会救助暂行办法》"), ("义务教育入学资格审核", "《中华人民共和国义务教育法》"), ("不动产转移登记", "《不动产登记暂行条例》"),
    ("养老待遇资格认证", "《中华人民共和国社会保险法》"), ("企业信用核查", "《湖南省社会信用条例》"), ("工程建设项目并联审批", "《中华人民共和国建筑法》"),
    ("道路运输许可审查", "《中华人民共和国道路运输条例》"), ("安全生产风险研判", "《中华人民共和国安全生产法》"), ("惠农补贴发放比对", "《中华人民共和国预算法》"),
    ("住房公积金提取审核", "《住房公积金管理条例》"), ("医疗救助对象认定", "《社会救助暂行办法》"), ("双随机抽查对象建库", "《优化营商环境条例》"),
    ("农村危房改造对象认定", "《中华人民共和国乡村振兴促进法》"), ("食品经营许可审查", "《中华人民共和国食品安全法》"), ("林地占用审核", "《中华人民共和国森林法》"),
    ("排污许可核发", "《排污许可管理条例》"), ("退役军人优待证审核", "《中华人民共和国退役军人保障法》"), ("残疾人补贴复核", "《残疾人权益保障条例》"),
    ("法律援助经济状况核查", "《中华人民共和国法律援助法》"), ("税费优惠精准推送", "《中华人民共和国税收征收管理法》"), ("网格化服务管理", "《信访工作条例》"),
    ("灾后救助对象核实", "《自然灾害救助条例》"), ("市场主体年报核查", "《企业信息公示暂行条例》"), ("人才引进资格审核", "《中华人民共和国就业促进法》"),
)  # fmt: skip
#: What departments ask for and the city does not hold: kept above, by enterprises, or by nobody.
_BEYOND = (
    "国家人口基础库死亡标识", "省外婚姻登记信息", "省级学历学位信息", "全国法院失信被执行人信息", "全国不动产登记跨省查询", "银行账户余额与流水", "通信运营商实名信息",
    "商业保险投保信息", "全国社保参保跨省信息", "省级药品追溯信息", "高速公路通行流水", "铁路客运实名信息", "民航旅客信息", "电网企业用电明细", "证券账户信息", "支付机构交易信息",
    "全国机动车登记跨省信息", "海关进出口报关单", "国家电子税务发票全票面信息", "省级环保督察线索", "水利部遥感影像", "气象卫星云图原始数据", "省级招投标评审记录", "住建部建造师注册信息",
    "自来水企业用水明细", "燃气企业用气明细", "快递面单信息", "网络餐饮平台交易信息", "网约车订单信息", "物业企业收费信息",
)  # fmt: skip
_FIRST_DAY = dt.date(2024, 1, 15)


@cache
def demands() -> tuple[Demand, ...]:
    """Unit by unit: each asks for what other departments hold, and now and then for what nobody here does."""
    units = [row.code for row in departments()]
    held = [entry for entry in entries() if entry.share_type != 3]
    supplied = [entry for entry in held if entry.committed and entry.department_code.startswith("D")]
    others = [entry for entry in held if not entry.committed and entry.department_code.startswith("D")]
    return tuple(
        _demand(units[place % len(units)], place // len(units), supplied, others) for place in range(DEMANDS)
    )


def _demand(unit: str, turn: int, supplied: list[NewEntry], others: list[NewEntry]) -> Demand:
    luck = zlib.crc32(f"demand {unit} {turn}".encode())
    matter, law = _GROUNDS[luck % len(_GROUNDS)]
    expected = _FIRST_DAY + dt.timedelta(days=luck % 700)
    basis = f"{law}，{matter}"
    if turn % 6 == 5:
        # Beyond the city: the steward asks the upper level for 回流, or says it cannot be had.
        name = _BEYOND[(turn * 7 + zlib.crc32(unit.encode())) % len(_BEYOND)]
        status = "unable" if luck % 3 == 0 else "coordinating"
        return Demand(
            unit,
            f"{name}（{matter}）",
            ("姓名或名称", "证件号码", "状态"),
            basis,
            None,
            expected,
            status,
            None,
        )
    pool = supplied if turn % 6 < 3 else others
    entry = _choose(pool, unit, turn)
    items = tuple(item.label for item in entry.items[:5])
    status = "met" if turn % 6 < 3 else ("met", "confirming", "coordinating")[luck % 3]
    matched = entry.code if status == "met" else None
    return Demand(
        unit, f"{entry.name}（{matter}）", items, basis, entry.department_code, expected, status, matched
    )


def _choose(pool: list[NewEntry], unit: str, turn: int) -> NewEntry:
    """An entry of somebody else; turns step through the pool, so that a unit asks for each but once."""
    start = zlib.crc32(unit.encode())
    for step in range(len(pool)):
        entry = pool[(start + turn * 37 + step) % len(pool)]
        if entry.department_code != unit:
            return entry
    raise AssertionError(f"nobody but {unit} holds anything")
