"""资源目录: 7488 entries, of which 673 are supplied (committed, with a dataset) and 37 withheld.

The supplied ones describe the source tables, item by item; the others follow from the topics of each body and
the kinds of records they give rise to.  Pure, and the same on every run.
"""

from __future__ import annotations

import datetime as dt
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from jutong.catalogue import NewEntry, NewItem
from jutong.city.catalogue.topics import Facet, FacetItem, Topic, city_topics, county_topics, facets, withheld
from jutong.city.departments import department
from jutong.city.plan import TablePlan, plan
from jutong.city.shaping import Column, shape
from jutong.elements import ELEMENTS

ENTRIES = 7488
WITHHELD = 37
#: Entries of each county unit beside those it supplies.
_PER_COUNTY = 255
_FIRST_DAY, _DAYS = dt.date(2022, 9, 1), 1200

_DATA_TYPES = {"date": "D", "datetime": "T", "amount": "Y", "amount_wan": "Y", "integer": "I"}
_LENGTHS = {"uscc": 18, "org_code": 9, "person_id": 18, "mobile": 11, "division_code": 12, "person_name": 50,
            "legal_name": 200, "code": 100, "business_reg_no": 15, "text": 500}  # fmt: skip
#: How an item is masked unless the reader's grant says otherwise.
_MASKS = {"mobile": "middle"}
_THEMES = (
    ("食品 药品 农产品 兽药 农药", "食品药品安全", "204"), ("低保 特困 残疾 社保 养老 救助 优抚 就业 补贴 移民 劳动 用工", "社会保障", "203"),
    ("医 卫生 疫 健康 护士 药师", "健康保障", "202"), ("安全生产 隐患 危险 消防 自建房", "安全生产", "205"),
    ("水 林 环境 生态 河道 空气 污染 垃圾", "生态环保", "211"), ("公路 建设 规划 房 城镇 燃气 管网 宅基地 路灯", "城乡建设", "209"),
    ("网格 纠纷 信访 来信 村干部 社区 工单", "社区治理", "210"), ("价格 物价", "价格监管", "206"), ("信用", "信用体系", "208"),
    ("能源 用电 充电 加油", "能源安全", "207"), ("应急 防汛 火 灾", "应急维稳", "212"),
)  # fmt: skip
_CONDITIONS = (
    "限用于行政许可、行政确认等依申请办理事项的核验", "限用于行政检查和执法办案，按案件逐次查询", "限用于政策兑现、待遇审核和发放前比对",
    "限用于本部门法定职责范围内的业务协同，不得批量留存", "经数据主体授权后用于服务事项办理",
)  # fmt: skip
_USES = (
    "仅限申请时写明的业务使用，不得转给第三方，用后按要求销毁", "按最小必要原则调用，留存使用记录不少于三年", "不得用于与申请用途无关的目的，发现错误应提出校核",
)  # fmt: skip
#: What an entry is good for, by the kind of its topic.
_PURPOSES = {
    "L": ("供许可审批和事中事后监管使用", "供窗口受理时调取，减少材料", "供信用核查和联合惩戒使用"),
    "C": ("供窗口受理时核验，免交原件", "供跨部门核验证照真伪和状态"),
    "P": ("供政策兑现时核验", "供待遇发放前比对校核", "供部门间业务协同"),
    "S": ("供事中事后监管和风险分级使用", "供联合执法和整改督办使用"),
    "F": ("供项目调度和资金监管使用", "供绩效评价和审计监督使用"),
    "A": ("供办件协同和效能监督使用", "供跨部门业务协同"),
    "R": ("供许可审批和日常监管使用", "供跨部门比对校核", "供政策精准推送使用"),
    "M": ("供监测预警和会商研判使用", "供统计分析和决策参考"),
    "T": ("供统计分析和决策参考", "供一屏统览和形势研判使用"),
    "X": ("供设施管理和应急调度使用", "供规划建设和运行维护参考"),
}


@dataclass(frozen=True)
class _Draft:
    unit: str
    name: str
    topic: Topic
    facet: Facet


def _luck(text: str) -> int:
    return zlib.crc32(text.encode())


@cache
def entries() -> tuple[NewEntry, ...]:
    """All of them, the supplied first; each brings its code."""
    supplied = [_supplied(table) for table in plan().tables]
    drafts = _drafts({entry.name for entry in supplied}, ENTRIES - len(supplied))
    described = [_described(draft) for draft in drafts]
    return tuple(_numbered([*supplied, *described]))


def entry_of_table(table: str) -> NewEntry:
    """The entry that a source table supplies."""
    return next(entry for entry in entries() if entry.dataset == f"standard.{table}")


def _drafts(taken: set[str], wanted: int) -> list[_Draft]:
    """So many further entries, no two of one name: county units get their share, the departments' topics the rest, facet by facet."""
    chosen: list[_Draft] = []
    per_unit: dict[str, int] = {}
    for draft in _candidates(county_topics()):
        if per_unit.get(draft.unit, 0) < _PER_COUNTY and draft.name not in taken:
            per_unit[draft.unit] = per_unit.get(draft.unit, 0) + 1
            taken.add(draft.name)
            chosen.append(draft)
    for draft in _candidates(city_topics()):
        if len(chosen) == wanted:
            break
        if draft.name not in taken:
            taken.add(draft.name)
            chosen.append(draft)
    return sorted(chosen, key=lambda draft: (draft.unit, draft.topic.place, draft.name))


def _candidates(topics: tuple[Topic, ...]) -> Iterator[_Draft]:
    most = max(len(each) for each in facets().values())
    for place in range(most):
        for topic in topics:
            kinds = facets()[topic.kind]
            if place < len(kinds):
                name = _entry_name(topic, kinds[place])
                yield _Draft(topic.unit, name, topic, kinds[place])


#: Topics that already say what is done with them.
_DONE = (
    "登记",
    "备案",
    "认定",
    "审批",
    "核准",
    "审查",
    "设立",
    "设置",
    "考核",
    "注册",
    "许可",
    "申请",
    "审核",
    "选址",
)


def _entry_name(topic: Topic, facet: Facet) -> str:
    pattern = facet.name
    if topic.kind == "L" and topic.name.endswith(_DONE):
        pattern = pattern.replace("~许可", "~").replace("~申请受理", "~受理")
    if topic.kind == "F" and topic.name.endswith(("资金", "项目", "工程")):
        pattern = pattern.replace("~项目信息", "~安排信息").replace("~资金拨付", "~拨付")
    if topic.kind == "P" and "补助" in topic.name:
        pattern = pattern.replace("~补助发放", "~发放")
    if topic.kind in "MT" and topic.name.endswith("统计"):
        pattern = pattern.replace("统计", "")
    if topic.kind == "S" and topic.name.endswith("公告"):
        pattern = pattern.replace("~结果", "~")
    name = pattern.replace("~", topic.name)
    return f"{department(topic.unit).short_name}{name}" if topic.unit.startswith("C") else name


def _described(draft: _Draft) -> NewEntry:
    facet, topic = draft.facet, draft.topic
    luck = _luck(f"{draft.unit} {draft.name}")
    items = tuple(
        _facet_item(place, item)
        for place, item in enumerate(facet.items)
        if not item.optional or _luck(f"{draft.name} {item.label}") % 4
    )
    if topic.kind != "T":
        items = (
            *items,
            _facet_item(len(facet.items), FacetItem("数据更新时间", "datetime", key=False, optional=False)),
        )
    keeper = department(draft.unit)
    theme, theme_class = _theme(draft.name, topic)
    reason = _withheld().get((draft.unit, draft.name))
    grade = max(item.grade for item in items)
    share_type = 3 if reason else 2 if grade >= 3 or luck % 9 == 0 else 1
    openly = share_type == 1 and grade == 1 and luck % 6 == 0
    return NewEntry(
        name=draft.name,
        summary=_summary(keeper.name, draft, items),
        department_code=draft.unit,
        class_code=_class(topic, facet, theme_class, luck),
        theme=theme,
        share_type=share_type,
        share_condition=reason or (_CONDITIONS[luck % len(_CONDITIONS)] if share_type == 2 else ""),
        share_methods=_methods(facet.formats, luck),
        use_condition=_USES[luck % len(_USES)],
        grade=grade,
        formats=facet.formats,
        sub_formats=tuple(
            {2: "xlsx", 3: "PostgreSQL", 1: "pdf"}[kind] for kind in facet.formats if kind in (1, 2, 3)
        ),
        update_cycle=facet.cycles[luck % len(facet.cycles)],
        open=openly,
        open_condition="实名注册后免费下载" if openly else "",
        source_system=f"{keeper.short_name}业务系统",
        secrecy_assessed=True,
        privacy_assessed=True,
        published_at=_FIRST_DAY + dt.timedelta(days=luck % _DAYS),
        items=items,
    )


def _summary(keeper: str, draft: _Draft, items: tuple[NewItem, ...]) -> str:
    about = draft.facet.about.replace("~许可", "~" if draft.topic.name.endswith(_DONE) else "~许可").replace(
        "~", draft.topic.name
    )
    labels = "、".join(item.label for item in items[1:5])
    luck = _luck(draft.name + keeper)
    return f"{keeper}掌握的{about}，含{labels}等 {len(items)} 项，{_purpose(draft.topic.kind, luck)}。"


def _purpose(kind: str, luck: int) -> str:
    return _PURPOSES[kind][luck % len(_PURPOSES[kind])]


def _facet_item(place: int, item: FacetItem) -> NewItem:
    element = ELEMENTS[item.element]
    grade = min(element.grade, 3)
    return NewItem(
        label=item.label, data_type=_DATA_TYPES.get(item.element, "C"), name=f"{item.element}_{place}",
        length=_LENGTHS.get(item.element), element=item.element, is_key=item.key,
        share_type=2 if grade >= 3 else 1, grade=grade, mask=_MASKS.get(item.element),
    )  # fmt: skip


def _theme(name: str, topic: Topic) -> tuple[str, str]:
    """A department's own theme; a county unit's by what the entry is about."""
    if topic.unit.startswith("D"):
        return topic.theme, topic.theme_class
    for words, theme, code in _THEMES:
        if any(word in name for word in words.split()):
            return theme, code
    return topic.theme, topic.theme_class


def _class(topic: Topic, facet: Facet, theme_class: str, luck: int) -> str:
    """基础 where the record is one of the five bases, else 主题 or 部门 (项 07: 省及其下各级)."""
    if topic.kind == "C":
        return "105"
    if topic.kind == "X" and topic.unit == "D11":
        return "103"
    if "信用" in topic.name or "失信" in topic.name:
        return "104"
    if topic.kind == "R" and facet.name == "~基本信息" and topic.unit in ("D23", "D40"):
        return "102"
    if topic.kind == "P" and topic.unit == "D06":
        return "101"
    return theme_class if luck % 5 < 2 else "307"


def _methods(formats: tuple[int, ...], luck: int) -> tuple[str, ...]:
    found = ["api"] if 7 in formats or luck % 3 == 0 else []
    found += ["table"] if 3 in formats else []
    found += ["file"] if 2 in formats or 1 in formats else []
    return tuple(found or ["table"])


@cache
def _withheld() -> dict[tuple[str, str], str]:
    """(unit, entry) → reason: of a withheld topic its first facet."""
    topics = {(topic.unit, topic.name): topic for topic in city_topics()}
    found = {}
    for row in withheld():
        topic = topics[row.unit, row.topic]
        found[row.unit, _entry_name(topic, facets()[topic.kind][0])] = row.reason
    return found


def _supplied(table: TablePlan) -> NewEntry:
    """The entry of a source table: its items are the table's columns."""
    template = table.template
    form = shape(template, table.source.kind)
    items = tuple(_column_item(column) for column in form.columns)
    keeper = department(table.unit)
    topic = Topic(table.unit, template.label, "R", "公共服务", "201", 0)
    own = next((one for one in city_topics() if one.unit == table.unit), topic)
    theme, theme_class = _theme(template.label, own if table.unit.startswith("D") else topic)
    luck = _luck(table.name)
    grade = max(item.grade for item in items)
    share_type = 2 if grade >= 3 else 1
    labels = "、".join(item.label for item in items[1:5])
    about = "P" if template.subject.startswith(("person", "anyone")) else "R"
    return NewEntry(
        name=table.label,
        summary=(
            f"{keeper.name}业务系统产生的{template.label}，{'每日增量更新' if template.watermark else '按期全量更新'}，"
            f"含{labels}等 {len(items)} 项，{_purpose(about, luck)}。"
        ),
        department_code=table.unit,
        class_code=_class_of_table(table, theme_class),
        theme=theme,
        share_type=share_type,
        share_condition=_CONDITIONS[luck % len(_CONDITIONS)] if share_type == 2 else "",
        share_methods=("api", "table", "file"),
        use_condition=_USES[luck % len(_USES)],
        grade=grade,
        formats=(3, 7) if table.source.kind == "postgres" else (2, 7),
        sub_formats=({"postgres": "PostgreSQL", "csv": "csv", "excel": "xlsx"}[table.source.kind],),
        update_cycle=2 if template.watermark else 4,
        source_system=table.source.label,
        secrecy_assessed=True,
        privacy_assessed=True,
        committed=True,
        dataset=f"standard.{table.name}",
        resource_kind="table",
        published_at=_FIRST_DAY + dt.timedelta(days=luck % _DAYS),
        items=items,
    )


def _class_of_table(table: TablePlan, theme_class: str) -> str:
    """The figures of 证照 and 信用 are counted by class 105 and 104."""
    base = {"licence": "105", "credit": "104", "legal": "102"}.get(str(table.template.group))
    if table.template.name in ("population", "household_move"):
        base = "101"
    return base or (theme_class if _luck(table.name) % 5 < 2 else "307")


def _column_item(column: Column) -> NewItem:
    grade = min(ELEMENTS[column.element].grade, 3)
    return NewItem(
        label=column.field.label, data_type=_DATA_TYPES.get(column.element, "C"), name=column.name,
        length=_LENGTHS.get(column.element), element=column.element, is_key=column.field.key,
        share_type=2 if grade >= 3 else 1, grade=grade, mask=_MASKS.get(column.element),
    )  # fmt: skip


def _numbered(rows: list[NewEntry]) -> Iterator[NewEntry]:
    """``分类码/顺序码``, the order counted within each class (domain handbook §2.1)."""
    last: dict[str, int] = {}
    for row in rows:
        last[row.class_code] = last.get(row.class_code, 0) + 1
        yield replace(row, code=f"{row.class_code}/{last[row.class_code]:06d}")
