"""20 applications of 20 departments: what they are for, which datasets they call, which they receive as tables."""

from __future__ import annotations

from functools import cache
from typing import Any

from jutong.city.rows import Application, Call, Delivered
from jutong.city.templates import Template, templates

#: department, name, purpose, basis, scene, scope, purpose type, calls (table:key …), deliveries (table …)
_ROWS: tuple[tuple[str, ...], ...] = (
    ("D01", "“一网通办”政务服务平台", "受理事项时调取证照和登记信息，免交材料", "《优化营商环境条例》第三十五条", "窗口和网上受理时核验申请人身份与资格", "全市政务服务事项受理",
     "业务协同", "market_entity:uscc licence_business:uscc real_estate:person_id marriage:person_id", "licence_house"),
    ("D02", "信用邵阳", "归集公示信用信息，开展信用修复与联合奖惩", "《湖南省社会信用条例》", "信用核查、信用报告与红黑名单比对", "全市信用主体",
     "行政依据", "market_entity:uscc credit_abnormal:uscc tax_credit:uscc", "market_entity"),
    ("D03", "义务教育入学“一件事”", "核验户籍、房产、居住证，实现阳光招生", "《中华人民共和国义务教育法》第十二条", "新生入学资格线上审核", "当年义务教育阶段新生及监护人",
     "行政依据", "real_estate:person_id residence_permit:person_id insured_person:person_id", "real_estate"),
    ("D06", "警务大数据实战应用", "核查人员和车辆关联信息，服务侦查和治安管理", "《中华人民共和国人民警察法》", "案件办理中的人员核查", "公安机关办案单位",
     "行政依据", "insured_person:person_id real_estate:person_id market_entity:uscc", "marriage"),
    ("D07", "社会救助家庭经济状况核对", "核对救助申请家庭的收入与财产", "《社会救助暂行办法》第五十八条", "低保、特困、临时救助审核确认", "申请和已获得社会救助的家庭",
     "数据校核", "real_estate:person_id vehicle:person_id fund_account:person_id insured_person:person_id", "insured_person"),
    ("D09", "惠民惠农补贴“一卡通”监管", "发放前核对对象状态，防止重复和冒领", "《湖南省惠民惠农财政补贴资金“一卡通”管理办法》", "补贴发放名单比对", "全市补贴发放对象",
     "数据校核", "population:person_id poverty_monitor:person_id licence_disabled:person_id", "poverty_monitor"),
    ("D10", "社保待遇资格静默认证", "比对死亡、迁移、就医信息，免去上门认证", "《中华人民共和国社会保险法》第七十四条", "养老待遇领取资格认证", "社保待遇领取人员",
     "数据校核", "population:person_id medical_insured:person_id marriage:person_id", "veteran"),
    ("D11", "不动产登记“一窗办”", "登记时核验婚姻、户籍、营业执照", "《不动产登记暂行条例》第二十四条", "不动产登记受理审核", "不动产登记申请人",
     "行政依据", "marriage:person_id population:person_id licence_business:uscc", "building_permit"),
    ("D13", "工程建设项目审批管理", "共享用地、规划、环评、企业资质信息", "《国务院办公厅关于全面开展工程建设项目审批制度改革的实施意见》", "工程项目并联审批", "全市新建工程建设项目",
     "业务协同", "market_entity:uscc project_approval:uscc pollution_permit:uscc", "licence_business"),
    ("D14", "智慧交通综合监管", "核验运输企业和从业人员资质，研判客流", "《中华人民共和国道路运输条例》", "运政许可与执法检查", "道路运输企业、车辆和从业人员",
     "业务协同", "vehicle:person_id driver:person_id market_entity:uscc", "fund_account"),
    ("D16", "智慧农业服务平台", "核验经营主体和补贴对象，精准投放政策", "《中华人民共和国乡村振兴促进法》", "农业补贴和新型主体认定", "新型农业经营主体和种粮农户",
     "业务协同", "market_entity:uscc population:person_id poverty_monitor:person_id", "gov_item"),
    ("D18", "智慧文旅", "核验经营主体，研判客流与住宿", "《中华人民共和国旅游法》", "文旅市场监管与假日调度", "文旅经营主体",
     "工作参考", "market_entity:uscc licence_food:uscc weather_warning:division_code", "licence_business"),
    ("D19", "全民健康信息平台", "以户籍和参保信息校核居民健康档案", "《中华人民共和国基本医疗卫生与健康促进法》", "电子健康档案建档与家医签约", "常住居民",
     "数据校核", "population:person_id medical_insured:person_id marriage:person_id", "licence_disabled"),
    ("D21", "安全生产风险监测预警", "汇集企业登记、许可和气象信息，动态研判风险", "《中华人民共和国安全生产法》第七十九条", "重点行业企业风险研判", "安全生产重点监管企业",
     "业务协同", "market_entity:uscc weather_warning:division_code geology_hazard:division_code", "tax_payer"),
    ("D23", "“互联网+监管”", "汇集许可、处罚、社保参保信息，实施信用分级监管", "《国务院关于加强和规范事中事后监管的指导意见》", "双随机抽查与风险分级", "全市市场主体",
     "行政依据", "social_employer:uscc tax_credit:uscc fire_check:uscc", "tax_payer"),
    ("D25", "医保智慧服务", "核对参保人员状态和困难身份，落实待遇", "《医疗保障基金使用监督管理条例》", "参保登记、资助参保与医疗救助", "参保人员",
     "数据校核", "population:person_id poverty_monitor:person_id veteran:person_id", "poverty_monitor"),
    ("D27", "智慧城管", "核验商户和施工单位信息，联动处置城市事件", "《城市市容和环境卫生管理条例》", "城市管理案件处置", "建成区城市管理对象",
     "业务协同", "market_entity:uscc building_permit:uscc project_approval:uscc", "market_entity"),
    ("D30", "税费精准服务", "比对登记、社保、不动产信息，推送优惠政策", "《中华人民共和国税收征收管理法》第六条", "税源管理和优惠政策推送", "全市纳税人和缴费人",
     "数据校核", "market_entity:uscc social_employer:uscc real_estate:person_id", "market_entity"),
    ("D36", "邵阳信易贷", "经授权查询企业经营和信用信息，缓解融资难", "《国务院办公厅关于印发加强信用信息共享应用促进中小微企业融资实施方案的通知》", "银行授信审查", "授权查询的中小微企业",
     "工作参考", "market_entity:uscc tax_credit:uscc credit_abnormal:uscc", "tax_payer"),
    ("D38", "公积金“跨省通办”服务", "核验婚姻、房产、社保信息，秒批提取", "《住房公积金管理条例》", "公积金提取和贷款审核", "缴存职工",
     "行政依据", "marriage:person_id real_estate:person_id insured_person:person_id", "real_estate"),
)  # fmt: skip

#: A consumer whose rows are only those of its county asks for no more than it needs.
_FILTERS: dict[tuple[str, str], tuple[dict[str, Any], ...]] = {
    ("D27", "market_entity"): (
        {"item": "division_code", "op": "in", "value": ["430502", "430503", "430511"]},
    ),
}


@cache
def applications() -> tuple[Application, ...]:
    """A01 … A20, in the order of their departments."""
    forms = {template.name: template for template in templates()}
    return tuple(_application(number, row, forms) for number, row in enumerate(_ROWS, start=1))


def _application(number: int, row: tuple[str, ...], forms: dict[str, Template]) -> Application:
    unit, name, purpose, basis, scene, scope, kind, calls, deliveries = row
    return Application(
        id=f"A{number:02d}", name=name, department_code=unit, purpose=purpose, basis=basis, scene=scene, scope=scope,
        purpose_kind=kind,
        calls=tuple(_call(word, forms) for word in calls.split()),
        deliveries=tuple(_delivered(unit, word, forms[word]) for word in deliveries.split()),
    )  # fmt: skip


def _call(word: str, forms: dict[str, Template]) -> Call:
    table, _, key = word.partition(":")
    items = tuple(field.name for field in forms[table].fields if field.kind != "updated")
    return Call(f"standard.{table}", (key,), items)


def _delivered(unit: str, table: str, form: Template) -> Delivered:
    items = tuple(field.name for field in form.fields if field.kind != "updated")
    return Delivered(f"standard.{table}", items, _FILTERS.get((unit, table), ()))
