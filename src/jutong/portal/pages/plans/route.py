"""Plans, their runs, and one run as it goes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from jutong import gather
from jutong.portal.names import department_names
from jutong.portal.routes import Act, Done, NoQuestion, Page
from jutong.portal.visits import Visit
from jutong.terms import Conflict, NotFound

_STATES = {
    "waiting": ("wait", "等着"), "running": ("now", "正在取"), "done": ("ok", "取完"), "partly": ("near", "部分取到"),
    "failed": ("over", "没有取到"), "killed": ("over", "中止"),
}  # fmt: skip
_CAUSES = {"schedule": "到点", "after": "在别的计划之后", "hand": "人工", "backfill": "补采"}
_WHY = {
    "": ("now", "到点，就要开始"), "paused": ("wait", "已暂停"), "running": ("now", "正在取"),
    "hours": ("wait", "等时段"), "after": ("wait", "等别的计划"), "busy": ("wait", "数据源正忙"),
    "later": ("ok", "按时"), "by_hand": ("idle", "人工开始"),
}  # fmt: skip
_RUNS, _LINES = 30, 200
_LEVELS = {"info": "idle", "near": "near", "over": "over"}


@dataclass(frozen=True)
class RunRow:
    id: int
    cause: str
    state: tuple[str, str]
    planned_for: dt.datetime
    started_at: dt.datetime | None
    seconds: float | None
    given: int
    tables: int
    failed: int
    attempt: int
    retry_at: dt.datetime | None
    asked_by: str
    note: str


@dataclass(frozen=True)
class PlanRow:
    name: str
    label: str
    source: str
    department: str
    when: str
    hours: str
    standing: tuple[str, str]
    waits_for: tuple[str, ...]
    next_at: dt.datetime | None
    newest: RunRow | None
    paused: bool
    may_run: bool


@dataclass(frozen=True)
class Plans:
    """Every plan of sources this party may see."""

    rows: tuple[PlanRow, ...]
    running: int
    #: Plans whose newest run ended badly.
    troubled: int
    may_make: bool


@dataclass(frozen=True)
class PlanPage:
    """One plan and its runs."""

    plan: PlanRow
    tables: tuple[str, ...]
    after: tuple[str, ...]
    seconds: int
    retries: int
    changed_by: str
    runs: tuple[RunRow, ...]
    may_edit: bool


@dataclass(frozen=True)
class Choice:
    value: str
    label: str
    chosen: bool


@dataclass(frozen=True)
class Writing:
    """A plan as its form shows it; ``name`` is empty for a new one, whose source is chosen first."""

    name: str
    label: str
    source: str
    source_label: str
    sources: tuple[Choice, ...]
    tables: tuple[Choice, ...]
    after: tuple[Choice, ...]
    cron: str
    minutes: str
    from_hour: int
    to_hour: int
    seconds: int
    retries: int


@dataclass(frozen=True)
class SourceQuestion:
    source: Annotated[str, Field(title="数据源", max_length=62)] = ""


@dataclass(frozen=True)
class ChangeForm:
    label: Annotated[str, Field(title="叫什么", min_length=1, max_length=60)]
    tables: Annotated[tuple[str, ...], Field(title="哪些表", max_length=500)] = ()
    after: Annotated[tuple[str, ...], Field(title="排在之后", max_length=50)] = ()
    cron: Annotated[str, Field(title="按钟点（cron）", max_length=60)] = ""
    minutes: Annotated[str, Field(title="每隔多少分钟", pattern=r"^\d{0,6}$")] = ""
    from_hour: Annotated[int, Field(title="时段从几点", ge=0, le=23)] = 0
    to_hour: Annotated[int, Field(title="时段到几点", ge=0, le=23)] = 0
    seconds: Annotated[int, Field(title="最长，秒", ge=1, le=604_800)] = 14_400
    retries: Annotated[int, Field(title="再试，次", ge=0, le=20)] = 3


@dataclass(frozen=True, kw_only=True)
class NewPlanForm(ChangeForm):
    name: Annotated[str, Field(title="计划名称", pattern=r"^[a-z][a-z0-9_]{0,61}$")]
    source: Annotated[str, Field(title="数据源", max_length=62)]


@dataclass(frozen=True)
class Line:
    at: dt.datetime
    state: str
    table: str
    sentence: str


@dataclass(frozen=True)
class UnderWay:
    label: str
    landed: int
    parts: int
    given: int


@dataclass(frozen=True)
class BatchRow:
    id: str
    table: str
    given: int
    problem: str


@dataclass(frozen=True)
class RunPage:
    """One run as it goes: how far, what it said, what came."""

    plan: str
    label: str
    run: RunRow
    open: bool
    under_way: tuple[UnderWay, ...]
    batches: tuple[BatchRow, ...]
    #: Newest first.
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class PlanForm:
    do: Literal["run", "pause", "resume", "backfill"]
    since: Annotated[str, Field(title="从哪个增量值起", max_length=60)] = ""


def listed(visit: Visit, _: NoQuestion) -> Plans:
    """Plans."""
    plans = [one for one in gather.list_plans(visit.connection) if _sees(visit, one)]
    rows = _rows(visit, plans)
    newest = [row.newest for row in rows if row.newest]
    return Plans(
        rows,
        sum(one.state == _STATES["running"] for one in newest),
        sum(one.state[0] in ("over", "near") for one in newest),
        bool(_sources(visit)),
    )


def build(visit: Visit, _: NoQuestion) -> PlanPage:
    """One plan."""
    plan = _visible(visit)
    [row] = _rows(visit, [plan])
    runs = gather.plan_runs(visit.connection, plan.name, _RUNS)
    return PlanPage(
        row, plan.tables, plan.after, plan.seconds, plan.retries, plan.changed_by or "",
        tuple(_run(one) for one in runs), visit.can("source:edit", {"department_code": plan.department_code}),
    )  # fmt: skip


def watched(visit: Visit, _: NoQuestion) -> RunPage:
    """One run."""
    run = gather.find_run(visit.connection, int(visit.path["run"]))
    if not visit.can("source:read", {"department_code": run.department_code}):
        raise NotFound("gather.no_run", f"没有第 {run.id} 次归集，或不是您部门的")
    plan = gather.find_plan(visit.connection, run.plan)
    is_open = run.finished_at is None
    names = plan.tables or tuple(one.name for one in gather.find_tables(visit.connection, plan.source_name))
    courses = gather.run_courses(visit.connection, names) if is_open else []
    return RunPage(
        plan=plan.name,
        label=plan.label,
        run=_run(run),
        open=is_open,
        under_way=tuple(UnderWay(row["label"], row["landed"], row["parts"], row["given"]) for row in courses),
        batches=tuple(
            BatchRow(one.id, one.source_table, one.given or 0, str((one.problem or {}).get("sentence", "")))
            for one in gather.run_batches(visit.connection, run.run_id)
        ),
        lines=tuple(
            Line(row["at"], _LEVELS[row["level"]], row["table"] or "", row["sentence"])
            for row in gather.logged(visit.connection, run.id, _LINES)
        ),
    )


def do(visit: Visit, form: PlanForm) -> Done:
    """Run a plan now, read again, pause it, or let it go on."""
    plan = _visible(visit)
    visit.must("source:run", {"department_code": plan.department_code})
    here = f"/plans/{plan.name}"
    if form.do in ("pause", "resume"):
        gather.pause_plan(visit.connection, plan.name, form.do == "pause", visit.who.login)
        return Done(here, "已暂停，正在取的会取完" if form.do == "pause" else "已恢复")
    again = form.since.strip() if form.do == "backfill" else None
    run = gather.ask_by_hand(visit.connection, plan.name, visit.who.login, backfill=again, now=visit.now)
    return Done(f"/plans/runs/{run}", "已排上，几秒内开始", value={"run": run})


def blank(visit: Visit, asked: SourceQuestion) -> Writing:
    """A new plan of a source."""
    sources = _sources(visit)
    if not sources:
        raise NotFound("gather.no_source", "没有您能安排归集的数据源")
    source = next((one for one in sources if one.name == asked.source), sources[0])
    return _writing(visit, gather.GatherPlan("", "", source.name), sources)


def changing(visit: Visit, _: NoQuestion) -> Writing:
    """One plan to be changed."""
    plan = _visible(visit)
    visit.must("source:edit", {"department_code": plan.department_code})
    return _writing(visit, plan, ())


def make(visit: Visit, form: NewPlanForm) -> Done:
    """Make a plan; one that is there already is changed on its own page."""
    if form.name in ("new", "runs") or gather.list_plans(visit.connection, [form.name]):
        raise Conflict("gather.plan_there", f"已有归集计划 {form.name}，请换个名称，或到它的页面修改")
    return _saved(visit, form.name, form.source, form, "已建好，到点就取")


def change(visit: Visit, form: ChangeForm) -> Done:
    """Change a plan; its name and its source stay."""
    plan = _visible(visit)
    visit.must("source:edit", {"department_code": plan.department_code})
    return _saved(visit, plan.name, plan.source_name, form, "已改好")


def _saved(visit: Visit, name: str, source_name: str, form: ChangeForm, told: str) -> Done:
    source = gather.find_source(visit.connection, source_name)
    visit.must("source:edit", {"department_code": source.department_code})
    unseen = [one for one in form.after if not _sees(visit, gather.find_plan(visit.connection, one))]
    if unseen:
        raise NotFound("gather.no_plan", f"没有归集计划 {unseen[0]}，或不是您部门的")
    every = dt.timedelta(minutes=int(form.minutes)) if form.minutes else None
    plan = gather.GatherPlan(
        name, form.label.strip(), source_name, tuple(filter(None, form.tables)), form.cron.strip() or None, every,
        tuple(filter(None, form.after)), form.from_hour, form.to_hour, form.seconds, form.retries,
        changed_by=visit.who.login,
    )  # fmt: skip
    gather.declare_plans(visit.connection, [plan])
    return Done(f"/plans/{name}", told, value={"plan": name})


def _sources(visit: Visit) -> list[gather.Source]:
    return [one for one in gather.list_sources(visit.connection) if visit.can("source:edit", one)]


def _writing(visit: Visit, plan: gather.GatherPlan, sources: Sequence[gather.Source]) -> Writing:
    source = gather.find_source(visit.connection, plan.source_name)
    others = [
        one for one in gather.list_plans(visit.connection) if one.name != plan.name and _sees(visit, one)
    ]
    minutes = str(int(plan.every.total_seconds()) // 60) if plan.every else ""
    return Writing(
        plan.name, plan.label, source.name, source.label,
        tuple(Choice(one.name, one.label, one.name == source.name) for one in sources),
        tuple(
            Choice(one.name, one.label, one.name in plan.tables)
            for one in gather.find_tables(visit.connection, source.name)
        ),
        tuple(Choice(one.name, one.label, one.name in plan.after) for one in others),
        plan.cron or "", minutes, plan.from_hour, plan.to_hour, plan.seconds, plan.retries,
    )  # fmt: skip


def _sees(visit: Visit, plan: gather.GatherPlan) -> bool:
    return visit.can("source:read", {"department_code": plan.department_code})


def _visible(visit: Visit) -> gather.GatherPlan:
    plan = gather.find_plan(visit.connection, visit.path["name"])
    if not _sees(visit, plan):
        raise NotFound("gather.no_plan", f"没有归集计划 {plan.name}，或不是您部门的")
    return plan


def _rows(visit: Visit, plans: list[gather.GatherPlan]) -> tuple[PlanRow, ...]:
    every = {one.name: one for one in gather.list_plans(visit.connection)}
    standings, newest = gather.standings(visit.connection), gather.newest_runs(visit.connection)
    busy = {run.source_name for run in gather.open_runs(visit.connection) if run.retry_at is None}
    sources = {one.name: one.label for one in gather.list_sources(visit.connection)}
    departments = department_names(visit.connection)
    rows = []
    for plan in plans:
        told = gather.verdict(plan, every, standings, busy, visit.now)
        last = newest.get(plan.name)
        rows.append(
            PlanRow(
                plan.name, plan.label, sources[plan.source_name], departments.get(plan.department_code, ""),
                _when(visit, plan, every), "" if plan.any_hour else f"{plan.from_hour:02}–{plan.to_hour:02}",
                _WHY[told.why], tuple(every[name].label if name in every else name for name in told.waits_for), told.next_at,
                _run(last) if last else None, plan.paused,
                visit.can("source:run", {"department_code": plan.department_code}),
            )
        )  # fmt: skip
    return tuple(rows)


def _when(visit: Visit, plan: gather.GatherPlan, every: dict[str, gather.GatherPlan]) -> str:
    """A schedule in words; a cron that has none stands for itself."""
    names = "、".join(every[name].label for name in plan.after if name in every)
    after = visit.tell("在「{names}」之后", names=names) if names else ""
    if plan.every is not None:
        minutes = int(plan.every.total_seconds()) // 60
        hours, rest = divmod(minutes, 60)
        told = visit.tell("每 {n} 分钟", n=minutes) if rest else visit.tell("每 {n} 小时", n=hours)
    elif plan.cron is not None:
        minute, hour, *others = plan.cron.split()
        daily = minute.isdigit() and hour.isdigit() and others == ["*", "*", "*"]
        told = visit.tell("每天 {time}", time=f"{int(hour):02}:{int(minute):02}") if daily else plan.cron
    else:
        return after or visit.tell("人工开始")
    return f"{told} {after}".strip()


def _run(run: gather.PlanRun) -> RunRow:
    seconds = None
    if run.started_at and run.finished_at:
        seconds = (run.finished_at - run.started_at).total_seconds()
    return RunRow(
        run.id, _CAUSES[run.cause], _STATES[run.state], run.planned_for, run.started_at, seconds, run.given, run.tables,
        run.failed, run.attempt, run.retry_at if run.attempt or run.turns else None, run.asked_by, run.note,
    )  # fmt: skip


_PLAN = "/plans/{name}"
PAGES = (
    Page("plans", "/plans", listed, may="source:read", stop="gather", tab="plans"),
    Page(
        "plans.new", "/plans/new", blank, may="source:edit", stop="gather", tab="plans", asks=SourceQuestion
    ),
    Page("plans.edit", "/plans/{name}/edit", changing, may="source:edit", stop="gather", tab="plans"),
    Page("plans.plan", _PLAN, build, may="source:read", stop="gather", tab="plans"),
    Page("plans.run", "/plans/runs/{run:int}", watched, may="source:read", stop="gather", tab="plans"),
)
ACTS = (
    Act("plans.make", "/plans", make, NewPlanForm, may="source:edit", shown_on="/plans/new"),
    Act(
        "plans.change",
        "/plans/{name}/edit",
        change,
        ChangeForm,
        may="source:edit",
        shown_on="/plans/{name}/edit",
    ),
    Act("plans.do", _PLAN, do, PlanForm, may="source:run", shown_on=_PLAN),
)
