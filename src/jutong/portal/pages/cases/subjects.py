"""What a case is about, in rows a page can show: the law's fields of a request, an entry, a demand, a clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jutong.casework import CaseFile, find_case
from jutong.catalogue import Entry, entry_items, find_entry
from jutong.database import named_sql
from jutong.fuse import doubt_of, find_register
from jutong.portal import saying
from jutong.portal.names import GRANT_STATES, METHODS, SHARE_TYPES
from jutong.portal.pages.catalogue.examples import look_of
from jutong.portal.pages.registers.pairs import Pair, pair_of
from jutong.portal.visits import Visit
from jutong.share import EntryItem, Request, filter_sql, find_application, mask_for, request_of_case
from jutong.terms import NotFound

_SQL = named_sql(__file__)


@dataclass(frozen=True)
class SubjectRow:
    label: str
    value: str
    note: str = ""
    href: str = ""


@dataclass(frozen=True)
class AskedItem:
    label: str
    name: str
    grade: int
    share_type: int
    masked: bool
    #: What the other side will see, by example.
    look: str
    #: Of a changed entry: new, changed, gone, or "".
    change: str = ""


@dataclass(frozen=True)
class Subject:
    heading: str
    rows: tuple[SubjectRow, ...]
    #: One sentence that says what agreeing would mean.
    statement: str = ""
    items_heading: str = ""
    items: tuple[AskedItem, ...] = ()
    #: The grade of all of it: its strictest item's.
    grade: int = 0
    #: Two rows that may be one entity.
    pair: Pair | None = None


def subject_of(visit: Visit, case: CaseFile, names: Mapping[str, str]) -> Subject:
    """The subject of a case, by its kind; kinds without a view of their own show what was written into them."""
    view = _VIEWS.get(case.kind, _plain)
    try:
        return view(visit, case, names)
    except NotFound:
        return _plain(visit, case, names)


def _plain(visit: Visit, case: CaseFile, _: Mapping[str, str]) -> Subject:
    rows = [
        SubjectRow(key, str(value))
        for key, value in case.data.items()
        if isinstance(value, str | int) and value
    ]
    if "entry_id" in case.subject:
        entry = find_entry(visit.connection, int(case.subject["entry_id"]))
        rows.insert(0, SubjectRow("目录", entry.name, entry.code, f"/catalogue/{entry.id}"))
    if "batch" in case.subject:
        rows.insert(
            0, SubjectRow("批次", str(case.subject["batch"]), href=f"/batches/{case.subject['batch']}")
        )
    return Subject("内容", tuple(rows))


def _request(visit: Visit, case: CaseFile, names: Mapping[str, str]) -> Subject:
    """给谁，凭什么，做什么，哪些行，怎么给，到何时: what 第20条 wants said."""
    request = request_of_case(visit.connection, case.id)
    entry = find_entry(visit.connection, request.entry_id)
    application = find_application(visit.connection, request.application_id)
    consumer = names.get(request.department_code, request.department_code)
    rows, counted = _filter_told(visit, request, entry)
    asked = [one for one in entry_items(visit.connection, entry.id) if one.name in request.items]
    items = tuple(_asked(one, entry) for one in asked)
    grade = max((one.grade for one in items), default=1)
    masked = [one.label for one in items if one.masked]
    tell = visit.tell
    until = saying.day(request.until, chinese=visit.chinese)
    statement = tell(
        "若照此同意，{consumer}的「{app}」在 {until} 前可取{rows}的 {n} 项信息{masked}；不得用于其他，不得转给第三方。",
        consumer=consumer, app=application.name, until=until, rows=counted, n=len(items),
        masked=tell("，{items}脱敏给出", items="、".join(masked[:3])) if masked else "",
    )  # fmt: skip
    grant = visit.connection.execute(_SQL.grant_of_request, {"request": request.id}).fetchone()
    granted = (
        (SubjectRow("授权", grant["id"], tell(GRANT_STATES[grant["state"]]), f"/grants/{grant['id']}"),)
        if grant
        else ()
    )
    return Subject(
        "给谁，做什么",
        (
            *granted,
            SubjectRow("给谁", f"{consumer}·{application.name}", tell("应用 {id}", id=application.id), f"/applications/{application.id}"),
            SubjectRow("要什么", entry.name, tell("{name}提供，{sharing}", name=entry.department_short, sharing=tell(SHARE_TYPES[request.share_type])), f"/catalogue/{entry.id}"),
            SubjectRow("凭什么", request.basis, tell("用途类型：{what}", what=tell(request.purpose))),
            SubjectRow("做什么", request.scene),
            SubjectRow("谁会看到", request.scope),
            SubjectRow("哪些行", rows, counted if request.row_filter else ""),
            SubjectRow("怎么给", tell(METHODS[request.method])),
            SubjectRow("到何时", until, tell("到期自动停，须报销毁情况（第27条）")),
        ),
        statement,
        "给什么",
        items,
        grade,
    )  # fmt: skip


def _asked(item: Any, entry: Entry) -> AskedItem:
    strictest = max(item.share_type, entry.share_type)
    shared = EntryItem(item.name, item.label, item.element, item.is_key, strictest, item.grade, item.mask)
    return AskedItem(
        item.label,
        item.name,
        item.grade,
        strictest,
        mask_for(shared) is not None,
        look_of(shared, item.data_type),
    )


_OPS = {"eq": "等于", "in": "是", "prefix": "开头是"}


def _filter_told(visit: Visit, request: Request, entry: Entry) -> tuple[str, str]:
    """The rows in words, and how many there are now where the dataset is there."""
    labels = {one.name: one.label for one in entry_items(visit.connection, entry.id)}
    told = "，且".join(
        f"{labels.get(one['item'], one['item'])}{_OPS[one['op']]}「{_value(one['value'])}」"
        for one in request.row_filter
    )
    if not entry.dataset or entry.dataset.startswith("live."):
        return told or visit.tell("全部"), visit.tell("约定的行")
    try:
        spec = visit.rooms.store.spec(entry.dataset)
        where, values = filter_sql(request.row_filter, {item.name: item for item in spec.items})
        with visit.rooms.store.reading() as view:
            sql = f"SELECT count(*) AS n FROM {view.table(entry.dataset)} WHERE {where}"
            count = int(view.rows(sql, values)[0]["n"])
    except (NotFound, KeyError):
        return told or visit.tell("全部"), visit.tell("约定的行")
    return told or visit.tell("全部"), visit.tell("现有 {n} 行", n=saying.number(count))


def _value(value: Any) -> str:
    return "、".join(map(str, value)) if isinstance(value, list) else str(value)


def _entry(visit: Visit, case: CaseFile, _: Mapping[str, str]) -> Subject:
    """An entry under review; of a change, what it changes."""
    entry = find_entry(visit.connection, int(case.subject["entry_id"]))
    draft = case.data.get("draft")
    new: Mapping[str, Any] = draft if isinstance(draft, Mapping) else {}
    told = _changes(entry, new)
    rows = [
        SubjectRow("目录", entry.name, entry.code, f"/catalogue/{entry.id}"),
        SubjectRow("提供方", entry.department_name),
        SubjectRow("摘要", str(new.get("summary") or entry.summary)),
        SubjectRow("共享类型", visit.tell(SHARE_TYPES[int(new.get("share_type") or entry.share_type)]), str(new.get("share_condition") or entry.share_condition)),
        SubjectRow("使用条件", str(new.get("use_condition") or entry.use_condition)),
    ]  # fmt: skip
    if case.data.get("reason"):
        rows.append(SubjectRow("为什么改", str(case.data["reason"])))
    rows += [
        SubjectRow(
            visit.tell("改了{what}", what=visit.tell(label)), after, visit.tell("原为 {what}", what=before)
        )
        for label, before, after in told
    ]
    items = _entry_items(visit, entry, new)
    version = visit.tell("第 {n} 版", n=entry.version + 1) if entry.version else visit.tell("首版")
    statement = visit.tell(
        "若照此发布，各部门即可看到{entry}{version}，共 {n} 项，并依法申请共享。",
        entry=entry.name, version=version, n=len(items),
    )  # fmt: skip
    return Subject(
        "目录内容", tuple(rows), statement, "信息项", items, max((one.grade for one in items), default=1)
    )


_COMPARED = (("name", "名称"), ("update_cycle", "更新周期"), ("grade", "数据分级"), ("theme", "主题"))


def _changes(entry: Entry, new: Mapping[str, Any]) -> Sequence[tuple[str, str, str]]:
    if not new or entry.version == 0:
        return ()
    return [
        (label, str(getattr(entry, name)), str(new[name]))
        for name, label in _COMPARED
        if new.get(name) not in (None, getattr(entry, name))
    ]


def _entry_items(visit: Visit, entry: Entry, new: Mapping[str, Any]) -> tuple[AskedItem, ...]:
    old = {one.name: one for one in entry_items(visit.connection, entry.id)}
    if not new or entry.version == 0:
        return tuple(_asked(one, entry) for one in old.values())
    shown = []
    for one in new.get("items") or ():
        before = old.pop(one["name"], None)
        shared = EntryItem(
            one["name"], one["label"], one.get("element"), bool(one.get("is_key")),
            max(int(one["share_type"]), int(new["share_type"])), int(one["grade"]), one.get("mask"),
        )  # fmt: skip
        same = before and all(
            getattr(before, name) == one.get(name)
            for name in ("label", "element", "share_type", "grade", "mask")
        )
        shown.append(
            AskedItem(
                shared.label, shared.name, shared.grade, shared.share_type, mask_for(shared) is not None,
                look_of(shared, str(one["data_type"])), "" if same else "变更" if before else "新增",
            )
        )  # fmt: skip
    gone = (
        AskedItem(one.label, one.name, one.grade, one.share_type, masked=False, look="", change="删去")
        for one in old.values()
    )
    return (*shown, *gone)


def _demand(visit: Visit, case: CaseFile, names: Mapping[str, str]) -> Subject:
    row = visit.connection.execute(_SQL.demand, {"id": case.subject["demand_id"]}).fetchone()
    if row is None:
        return _plain(visit, case, names)
    return Subject(
        "需要什么",
        (
            SubjectRow("需要的数据", row["name"]),
            SubjectRow("信息项", "、".join(row["items"]) or "—"),
            SubjectRow("业务依据", row["basis"]),
            SubjectRow("建议提供方", names.get(row["provider_code"] or "", "—")),
            SubjectRow("期望日期", saying.iso_day(row["expected_on"])),
            SubjectRow("目录里找找", row["name"], href=f"/catalogue?q={row['name']}"),
        ),
    )


def _extension(visit: Visit, case: CaseFile, _: Mapping[str, str]) -> Subject:
    about = find_case(visit.connection, int(case.subject["case_id"]))
    days = case.data["days"]
    return Subject(
        "申请延期",
        (
            SubjectRow("哪件事", about.title, about.number, f"/cases/{about.id}"),
            SubjectRow("延几日", visit.tell("{n} 个工作日", n=days)),
            SubjectRow("特殊原因", str(case.data["reason"])),
        ),
        visit.tell("若同意，期限顺延 {n} 个工作日，并告知需求方（第21条）。", n=days),
    )


def _drift(visit: Visit, case: CaseFile, _: Mapping[str, str]) -> Subject:
    """Old and new columns of a source, side by side, where they differ."""
    was, now = dict(case.data["was"]), dict(case.data["now"])
    rows = [
        SubjectRow("数据源", str(case.subject["source"]), href=f"/sources/{case.subject['source']}"),
        SubjectRow("变化", str(case.data["change"])),
    ]
    rows += [
        SubjectRow(name, f"{was.get(name, '—')} → {now.get(name, '—')}")
        for name in {**was, **now}
        if was.get(name) != now.get(name)
    ]
    return Subject(
        "来源的列，原来 → 现在",
        tuple(rows),
        visit.tell("若按新结构归集，下一批起照现在的列收取：改名的列仍对应原信息项，少了的列以后为空。"),
    )


def _merge(visit: Visit, case: CaseFile, _: Mapping[str, str]) -> Subject:
    """Both records side by side; personal values stay masked, as on the review desk."""
    doubt = doubt_of(visit.connection, case.id)
    if doubt is None:
        raise NotFound("portal.no_case", "这对记录已不在待判断之列")
    pair = pair_of(find_register(visit.connection, doubt.register), doubt)
    same = [one.label for one in pair.items if one.same]
    differ = [one.label for one in pair.items if not one.same and one.left and one.right]
    rows = [
        SubjectRow("相同", "、".join(same) or "—"),
        SubjectRow("不同", "、".join(differ) or "—"),
        SubjectRow("归并复核", visit.tell("看全部待判断的"), href="/registers/review"),
    ]
    return Subject(
        "是不是同一主体",
        tuple(rows),
        visit.tell("判断会记住，以后每次融合照办；判为同一主体，下次融合时合并，编号不变。"),
        pair=pair,
    )


_VIEWS: dict[str, Callable[[Visit, CaseFile, Mapping[str, str]], Subject]] = {
    "share_request": _request,
    "catalogue_entry": _entry,
    "catalogue_change": _entry,
    "demand": _demand,
    "extension": _extension,
    "gather_drift": _drift,
    "merge_review": _merge,
}
