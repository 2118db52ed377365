"""归集计划 from the command line: list them, run, pause, read again, and see what a run said."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from jutong.cli.shared import as_json, console, platform_of, say

if TYPE_CHECKING:
    from jutong.flows import Platform
    from jutong.gather import GatherPlan, PlanRun

_WHY = {
    "": "到点", "paused": "已暂停", "running": "正在取", "hours": "等时段", "after": "等别的计划", "busy": "数据源正忙",
    "later": "未到点", "by_hand": "人工开始",
}  # fmt: skip


@click.group(invoke_without_command=True)
@as_json
@click.pass_context
def plan(context: click.Context, machine: bool) -> None:
    """归集计划：不带子命令就列出全部，写明下次什么时候取。"""
    if context.invoked_subcommand is not None:
        return
    import datetime as dt

    from jutong import gather

    now = dt.datetime.now(dt.UTC)
    with platform_of(context) as platform, platform.database.connection() as connection:
        plans = {one.name: one for one in gather.list_plans(connection)}
        states, newest = gather.standings(connection), gather.newest_runs(connection)
        busy = {run.source_name for run in gather.open_runs(connection) if run.retry_at is None}
    told = [
        {
            "plan": one,
            "verdict": gather.verdict(one, plans, states, busy, now),
            "newest": newest.get(one.name),
        }
        for one in plans.values()
    ]

    def show() -> None:
        for one in plans.values():
            found = gather.verdict(one, plans, states, busy, now)
            when = f"{found.next_at.astimezone():%m-%d %H:%M}" if found.next_at else "—"
            last = newest.get(one.name)
            ended = f"，上次 {_STATES[last.state]} {last.given:,} 行" if last else ""
            console.print(
                f"{one.name}  {one.label}（{one.source_name}）：{_WHY[found.why]}，下次 {when}{ended}",
                markup=False,
            )

    say(told, machine, show)


_STATES = {
    "waiting": "等着", "running": "在取", "done": "取完", "partly": "部分取到", "failed": "没取到", "killed": "中止",
}  # fmt: skip


@plan.command("run")
@click.argument("name")
@as_json
@click.pass_context
def plan_run(context: click.Context, name: str, machine: bool) -> None:
    """现在就按计划 NAME 取一次，不等时段。"""
    with platform_of(context) as platform:
        _carry_out(context, platform, name, None, machine)


@plan.command("backfill")
@click.argument("name")
@click.option("--from", "since", default="", help="从这个增量值起再取一遍；缺省从头")
@as_json
@click.pass_context
def plan_backfill(context: click.Context, name: str, since: str, machine: bool) -> None:
    """补采：再取一遍，已经收到的行不会重复。"""
    with platform_of(context) as platform:
        _carry_out(context, platform, name, since, machine)


def _carry_out(
    context: click.Context, platform: Platform, name: str, backfill: str | None, machine: bool
) -> None:
    from jutong.flows import run_plan
    from jutong.gather import ask_by_hand

    with platform.database.connection() as connection:
        number = ask_by_hand(connection, name, "命令行", backfill=backfill)
    run: PlanRun = run_plan(platform, number)
    say(run, machine, lambda: console.print(f"{_STATES[run.state]}：{run.note}", markup=False))
    if run.state != "done":
        context.exit(1)


@plan.command("pause")
@click.argument("name")
@click.option("--resume", is_flag=True, help="恢复")
@click.pass_context
def plan_pause(context: click.Context, name: str, resume: bool) -> None:
    """让计划 NAME 停下，不再自动开始；正在取的会取完。"""
    from jutong import gather

    with platform_of(context) as platform, platform.database.connection() as connection:
        gather.pause_plan(connection, name, not resume, "命令行")
        found: GatherPlan = gather.find_plan(connection, name)
    console.print(f"{found.label}：{'已暂停' if found.paused else '已恢复'}", markup=False)


@plan.command("log")
@click.argument("name")
@as_json
@click.pass_context
def plan_log(context: click.Context, name: str, machine: bool) -> None:
    """计划 NAME 最近一次的日志。"""
    from jutong import gather

    with platform_of(context) as platform, platform.database.connection() as connection:
        runs = gather.plan_runs(connection, gather.find_plan(connection, name).name, 1)
        lines = [line for run in runs for line in reversed(gather.logged(connection, run.id))]
    if not runs:
        console.print("还没有取过")
        sys.exit(1)

    def show() -> None:
        for line in lines:
            console.print(
                f"{line['at'].astimezone():%m-%d %H:%M:%S} {line['table'] or ''} {line['sentence']}",
                markup=False,
            )

    say({"run": runs[0], "log": lines}, machine, show)
