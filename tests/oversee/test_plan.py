"""Reports, tasks, the cloud book and projects: rows on the frame of the plan, sums and percentages computed."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.oversee import plan_of_shaoyang as plan

from jutong import oversee
from jutong.oversee import Duty, Report, Task, roadmap
from jutong.people import Department, Party, add_departments
from jutong.terms import BadInput, Conflict, Denied

TODAY = dt.date(2023, 10, 15)


def party(department, *roles):
    return Party(0, "t", "t", department, frozenset(roles))


STEWARD = party("D01", "steward")


@pytest.fixture
def conn(database):
    with database.connect() as connection:
        add_departments(connection, [
            Department("D01", "邵阳市行政审批服务局", "行政审批局", "department", steward=True),
            Department("D23", "邵阳市市场监督管理局", "市场监管局", "department"),
            Department("D25", "邵阳市医疗保障局", "医保局", "department"),
        ])  # fmt: skip
        load(connection)
        yield connection
        connection.rollback()


def load(connection):
    return [
        oversee.load_duties(connection, plan.DUTIES),
        oversee.load_indicators(connection, plan.INDICATORS),
        oversee.load_reports(connection, plan.REPORTS),
        oversee.load_campaigns(connection, plan.CAMPAIGNS),
        oversee.load_tasks(connection, plan.TASKS),
        oversee.load_cloud_changes(connection, plan.CHANGES),
        oversee.load_projects(connection, plan.PROJECTS),
        oversee.load_milestones(connection, plan.MILESTONES),
    ]


def test_loading_again_changes_nothing(conn):
    assert load(conn) == [0] * 8


def test_a_percentage_is_computed_from_value_and_target(conn):
    found = {one.code: one for one in oversee.indicators(conn)}
    assert found["cloud_push"].latest.percent == Decimal("30.35")
    assert found["cloud_deep"].latest.percent is None
    assert found["cloud_total"].latest.lower_bound is True
    assert found["cloud_push"].latest.source == plan.SOURCE


def test_a_correction_is_a_later_report_and_history_stays(conn):
    told = Report("2023Q1", dt.date(2023, 1, 1), dt.date(2023, 3, 31), Decimal(1760), False, Decimal(5776), "2023",
                  "更正函", dt.date(2023, 6, 1), "")  # fmt: skip
    oversee.add_report(conn, "cloud_push", told)
    latest, history = oversee.indicator(conn, "cloud_push")
    assert latest.latest.value == 1760
    assert [report.value for report in history] == [1760, 1753]
    with pytest.raises(Conflict):
        oversee.add_report(conn, "cloud_push", told)


def test_a_task_is_overdue_by_the_calendar_and_moves_by_its_owner(conn):
    campaign = oversee.campaigns(conn, TODAY)[0]
    assert [(task.code, task.overdue) for task in campaign.tasks] == [
        ("01", False),
        ("02", True),
        ("03", False),
    ]
    assert (campaign.overdue, campaign.done) == (1, 1)
    late = campaign.tasks[1]
    with pytest.raises(Denied):
        oversee.report_task(conn, party("D25", "provider_officer"), late.id, state="doing", progress=60)
    owner = party("D23", "provider_officer")
    with pytest.raises(BadInput):
        oversee.report_task(conn, owner, late.id, state="done", progress=60)
    oversee.report_task(conn, owner, late.id, state="doing", progress=60, note="已汇聚六成")
    done = oversee.report_task(conn, owner, late.id, state="done", progress=100, today=TODAY)
    assert (done.overdue, done.done_on) == (False, TODAY)
    with pytest.raises(Conflict):
        oversee.report_task(conn, owner, late.id, state="doing", progress=10)
    assert [row["progress"] for row in oversee.task_reports(conn, late.id)] == [60, 100]


def test_the_roadmap_has_a_lane_for_each_duty_and_bars_inside_the_picture(conn):
    picture = roadmap(
        oversee.duties(conn), oversee.tasks(conn), dt.date(2023, 5, 1), dt.date(2023, 12, 31), TODAY
    )
    assert [lane.duty.name for lane in picture.lanes][:3] == ["一数兴产", "一端畅享", "一网通办"]
    assert len(picture.lanes) == 14
    third = picture.lanes[2]
    assert (len(third.bars), third.rows) == (2, 2)  # they overlap in June
    assert picture.today == pytest.approx(167 / 245)
    assert len(picture.months) == 8
    cut = picture.lanes[11].bars[0]
    assert cut.left + cut.width == pytest.approx(1.0)


days = st.dates(dt.date(2023, 1, 1), dt.date(2024, 12, 31))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(days, days), max_size=12))
def test_bars_of_a_lane_never_cover_one_another(spans):
    frame = [Duty("T1", "task", 1, "一数兴产", "", "")]
    found = [
        Task(place, "c", str(place), "任务", "T1", "一数兴产", "D01", "局", (), min(pair), max(pair), "todo", 0, None,
             "", False)
        for place, pair in enumerate(spans)
    ]  # fmt: skip
    picture = roadmap(frame, found, dt.date(2023, 5, 1), dt.date(2023, 12, 31), TODAY)
    bars = picture.lanes[0].bars
    for place, one in enumerate(bars):
        assert one.left >= 0
        assert one.left + one.width <= 1.0000001
        for other in bars[:place]:
            if other.row == one.row:
                assert one.left >= other.left + other.width - 1e-9


def test_cloud_totals_are_sums_of_rows_and_no_more_is_given_than_is_there(conn):
    book = oversee.cloud_book(conn)
    assert (book.cores.added, book.storage_tb.added) == (6144, 800)
    assert (book.cores.stock, book.changes[-1].cores_then) == (10240, 10240)
    mine = party("D23", "provider_officer")
    small = oversee.apply_for_cloud(
        conn, mine, code="a1", cores=10000, storage_tb=Decimal(100), purpose="监管平台"
    )
    large = oversee.apply_for_cloud(conn, mine, code="a2", cores=500, storage_tb=Decimal(1), purpose="备份")
    with pytest.raises(Denied):
        oversee.allocate(conn, mine, small)
    oversee.allocate(conn, STEWARD, small)
    with pytest.raises(Conflict) as told:
        oversee.allocate(conn, STEWARD, large)
    assert told.value.code == "oversee.cloud_short"
    oversee.reclaim(conn, STEWARD, small)
    oversee.allocate(conn, STEWARD, large)
    assert oversee.cloud_book(conn).cores.free == 9740


def test_a_project_is_followed_by_its_milestones(conn):
    project = oversee.projects(conn, dt.date(2024, 1, 1))[0]
    assert (project.done, project.next.name, project.next.overdue) == (1, "土建开工", True)
    oversee.move_milestone(conn, STEWARD, "dc", 2, state="done", done_on=dt.date(2024, 1, 5), source="简报")
    assert oversee.projects(conn)[0].next.name == "机架投用"
    with pytest.raises(Denied):
        oversee.move_milestone(conn, party("D23", "provider_head"), "dc", 3, state="done")


def test_the_screens_own_reads_answer(conn):
    assert oversee.supply_by_department(conn)[0]["code"] == "D01"
    assert oversee.exchange_by_day(conn) == []
