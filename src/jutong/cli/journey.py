"""The journey of data from the command line: gather, refine, fuse, deliver, and the sample city's demo."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from jutong.cli.gathering import gather_verify, source_profile, source_release
from jutong.cli.shared import as_json, console, platform_of, say, settings_of
from jutong.cli.ways import source_token

if TYPE_CHECKING:
    from jutong.gather import Batch


@contextmanager
def bar(label: str, machine: bool = False) -> Iterator[object]:
    """A progress bar on standard error, as a ``flows.Progress``."""
    columns = (
        TextColumn("{task.description}"), BarColumn(bar_width=28), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[what]}"),
    )  # fmt: skip
    with Progress(*columns, console=console, disable=machine) as progress:
        task = progress.add_task(label, total=None, what="")
        yield lambda done, of, what: progress.update(task, completed=done, total=of, what=what)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@click.option("--scale", type=float, default=0.002, show_default=True, help="规模；1.0 为 2 亿条")
@click.option("--no-serve", is_flag=True, help="做完就结束，不启动门户")
@click.pass_context
def demo(context: click.Context, folder: Path | None, scale: float, no_serve: bool) -> None:
    """样例城市走完全程，然后打开门户；可随时中断，再次运行即从断点继续。"""
    from jutong.city import outside_world, run_demo
    from jutong.flows import supervise
    from jutong.settings import write_settings
    from jutong.wiring import open_platform

    home = folder or context.find_root().params["home"]
    context.find_root().params["home"] = home
    settings = settings_of(context, scale=scale, demo_accounts=True, second_factor=False)
    write_settings(settings)
    with open_platform(settings, make=True) as platform, outside_world(settings.home) as outside:
        closing = run_demo(platform, outside, console)
        closing.show(console)
        if not no_serve:
            closing.welcome(console)
            supervise(settings, ("portal", "gate", "work"))


@click.group()
def gather() -> None:
    """归集。"""


@gather.command("run")
@click.argument("names", nargs=-1)
@as_json
@click.pass_context
def gather_run(context: click.Context, names: tuple[str, ...], machine: bool) -> None:
    """归集这些数据源（缺省为全部）。"""
    from jutong.flows import gather_sources

    with platform_of(context) as platform, bar("归集", machine) as tell:
        batches = gather_sources(platform, names or None, tell=tell)  # type: ignore[arg-type]
    failed = [batch for batch in batches if batch.state == "failed"]

    def show() -> None:
        console.print(f"{len(batches)} 个批次，收到 {sum(batch.given or 0 for batch in batches):,} 行")
        _tell_failed(failed)

    say(batches, machine, show)
    sys.exit(bool(failed))


def _tell_failed(failed: Sequence[Batch]) -> None:
    for batch in failed:
        problem = batch.problem or {}
        where = " · ".join(
            str(problem[name]) for name in ("file", "sheet", "row", "item") if problem.get(name)
        )
        console.print(
            f"✗ {batch.source_table}：{problem.get('sentence')}{f'（{where}）' if where else ''} [{problem.get('code')}]",
            markup=False,
        )


@click.group()
def refine() -> None:
    """清洗转换。"""


@refine.command("run")
@click.argument("batches", nargs=-1)
@as_json
@click.pass_context
def refine_run(context: click.Context, batches: tuple[str, ...], machine: bool) -> None:
    """清洗这些批次（缺省为全部待清洗的）。"""
    from jutong.flows import refine_waiting

    with platform_of(context) as platform, bar("清洗转换", machine) as tell:
        done = refine_waiting(platform, batches or None, tell=tell)  # type: ignore[arg-type]

    def show() -> None:
        accepted, rejected = sum(one.accepted for one in done), sum(one.rejected for one in done)
        doubled = sum(one.duplicates for one in done)
        console.print(f"{len(done)} 个批次：通过 {accepted:,}，拒收 {rejected:,}，重复 {doubled:,}")

    say(done, machine, show)


@refine.command("explain")
@click.argument("name")
@click.pass_context
def refine_explain(context: click.Context, name: str) -> None:
    """打印来源表 NAME 的清洗计划。"""
    from jutong.refine import explain, plan_of

    with platform_of(context) as platform, platform.database.connection() as connection:
        click.echo(explain(plan_of(connection, platform.store, name)))


@click.command()
@as_json
@click.pass_context
def run(context: click.Context, machine: bool) -> None:
    """做所有到期的事：归集、清洗、融合、模型、交换、计量。"""
    from jutong.flows import run_round

    with platform_of(context) as platform, bar("全程", machine) as tell:
        done = run_round(platform, tell)  # type: ignore[arg-type]
    failed = [batch for batch in done.batches if batch.state == "failed"]

    def show() -> None:
        given = sum(batch.given or 0 for batch in done.batches)
        accepted, rejected = (
            sum(getattr(one, name) for one in done.refined) for name in ("accepted", "rejected")
        )
        console.print(
            f"归集 {len(done.batches)} 个批次，收到 {given:,} 行；清洗通过 {accepted:,}，退回 {rejected:,}；"
        )
        console.print(f"更新基础库 {len(done.fused)} 个；交换 {len(done.delivered)} 次")
        _tell_failed(failed)

    say(done, machine, show)
    sys.exit(bool(failed))


@click.group()
def source() -> None:
    """数据源。"""


source.add_command(source_profile)
source.add_command(source_release)
gather.add_command(gather_verify)

source.add_command(source_token)


@source.command("test")
@click.argument("name")
@as_json
@click.pass_context
def source_test(context: click.Context, name: str, machine: bool) -> None:
    """看一个数据源能不能连、有哪些表、可不可以增量。"""
    from jutong.gather import find_source, find_tables, probe_source

    with platform_of(context) as platform:
        with platform.database.connection() as connection:
            found, tables = find_source(connection, name), find_tables(connection, name)
        probed = probe_source(found, tables, platform.keys)
    say(probed, machine, lambda: console.print(probed))
