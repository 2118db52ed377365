"""``jutong demo``: the whole journey of the sample city, step by step, each of which may be run again.

Kill it anywhere: the next run finds what is done by looking (marks in the departments' systems, batches, commits in
the lake, grants, checkpoints in the receivers, the ledger) and goes on from there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.table import Table

from jutong import develop, fuse, gather, oversee, share
from jutong.city.applications import applications
from jutong.city.founding import PASSWORD, declare, found
from jutong.city.living import living
from jutong.city.plan import plan
from jutong.city.registers import models, registers
from jutong.city.rows import User
from jutong.city.sharing import ask_and_grant, call_all, declare_deliveries, publish_services, take_files
from jutong.city.systems import advance, write_sources
from jutong.city.users import users
from jutong.city.waiting import leave_waiting
from jutong.database import EmbeddedPostgres
from jutong.flows import Platform, Progress, count, deliver_all, fuse_all, refine_waiting, run_models

#: A labelled bar for as long as its block runs.
Bar = Callable[[str], AbstractContextManager[Progress]]

#: Rounds after the first: each brings changes, then an incremental delivery.
ROUNDS = 2


@dataclass(frozen=True)
class Closing:
    """What the demo came to."""

    scale: float
    seconds: float
    figures: list[oversee.Figure]
    users: list[User]
    portal: str

    def show(self, console: Console) -> None:
        table = Table(
            "指标",
            "值",
            "单位",
            title=f"样例城市 · 规模 {self.scale:g}（全量 2 亿条的 1/{1 / self.scale:.0f}）",
        )
        table.columns[1].justify = "right"
        for one in self.figures:
            value = f"{one.value:,}" if isinstance(one.value, int) else str(one.value)
            table.add_row(one.label, value, one.unit)
        console.print(table)
        console.print(f"全程 {self.seconds:.0f} 秒")

    def welcome(self, console: Console) -> None:
        table = Table("账户", "姓名", "用途", title=f"门户 {self.portal}　口令一律为 {PASSWORD}")
        for user in self.users:
            table.add_row(user.login, user.name, user.about)
        console.print(table)
        console.print("Ctrl-C 结束；再次运行同一命令即继续。")


@contextmanager
def outside_world(home: Path) -> Iterator[EmbeddedPostgres]:
    """The departments' and the consumers' own databases and live interface, there for as long as the block."""
    outside = EmbeddedPostgres(home / "outside" / "postgres")
    outside.start()
    try:
        with living(home):
            yield outside
    finally:
        outside.stop()


def run_demo(platform: Platform, outside: EmbeddedPostgres, console: Console) -> Closing:
    """From an empty folder to a city that shares its data."""
    began = time.monotonic()
    scale = platform.settings.scale
    city = plan(scale)
    with _bars(console) as bar:
        _first_round(platform, outside, bar)
        changing = [table.name for table in city.tables if table.delivered]
        for number in range(1, ROUNDS + 1):
            _later_round(platform, outside, number, changing, bar)
        leave_waiting(platform)
        with bar("计量与存证") as tell:
            tell(0, 1, "")
            count(platform)
    figures = oversee.figures(platform.database, platform.store, scale=scale)
    portal = f"http://{platform.settings.portal_host}:{platform.settings.portal_port}"
    shown = [user for user in users() if user.demo]
    return Closing(scale, time.monotonic() - began, figures, shown, portal)


def _first_round(platform: Platform, outside: EmbeddedPostgres, bar: Bar) -> None:
    home, scale = platform.settings.home, platform.settings.scale
    with bar("部门系统") as tell:
        write_sources(home, outside.url(), scale, progress=tell)
    with bar("机构·目录·清单") as tell:
        found(platform)
        declare(platform, home, outside.url(), scale)
        with platform.database.connection() as connection:
            for register in registers():
                fuse.declare_register(connection, register)
        tell(1, 1, "")
    with bar("归集") as tell:
        _gather(platform, "demo-0", None, tell)
    with bar("清洗转换") as tell:
        refine_waiting(platform, tell=tell)
    with bar("处理：基础库") as tell:
        fuse_all(platform, tell=tell)
    with bar("应用开发：模型") as tell:
        with platform.database.connection() as connection:
            for model in models():
                develop.save_model(connection, model)
        run_models(platform, tell=tell)
    with bar("申请与授权") as tell:
        ask_and_grant(platform, applications(), users(), tell)
    publish_services(platform, applications())
    with bar("接口调用") as tell:
        call_all(platform, applications(), tell)
    with bar("库表交换：全量") as tell:
        declare_deliveries(platform, applications(), outside)
        _deliver(platform, 0, tell)
    with bar("文件下载") as tell:
        take_files(platform, users())


def _later_round(
    platform: Platform, outside: EmbeddedPostgres, number: int, changing: list[str], bar: Bar
) -> None:
    with bar(f"第 {number} 轮变化") as tell:
        advance(platform.settings.home, outside.url(), platform.settings.scale, number, progress=tell)
    with bar(f"第 {number} 轮归集清洗") as tell:
        _gather(platform, f"demo-{number}", changing, tell)
        refine_waiting(platform, tell=tell)
    with bar(f"第 {number} 轮处理") as tell:
        fuse_all(platform, tell=tell)
        run_models(platform)
    with bar(f"库表交换：增量 {number}") as tell:
        _deliver(platform, number, tell)


def _gather(platform: Platform, run: str, names: list[str] | None, tell: Progress) -> None:
    """Take the tables of a round; a run id that is there already answers with its batches."""
    with platform.database.connection() as connection:
        tables = gather.find_tables(connection, names=names)
    taken = 0

    def told(table: str, _rows: int) -> None:
        nonlocal taken
        taken += 1
        tell(taken, len(tables), table)

    gather.take_many(
        tables, database=platform.database, store=platform.store, home=platform.settings.home, run_id=run,
        keys=platform.keys, tell=told,
    )  # fmt: skip
    tell(len(tables), len(tables), "")


def _deliver(platform: Platform, number: int, tell: Progress) -> None:
    """Every delivery has run at least ``number`` + 1 times after this."""
    with platform.database.connection() as connection:
        behind = [
            delivery.name
            for delivery in share.deliveries(connection)
            if sum(run["state"] == "done" for run in share.runs(connection, delivery.name)) <= number
        ]
    if behind:
        deliver_all(platform, behind, tell=tell)


@contextmanager
def _bars(console: Console) -> Iterator[Bar]:
    columns = (
        TextColumn("{task.description}"), BarColumn(bar_width=28), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[what]}"),
    )  # fmt: skip
    with Bars(*columns, console=console) as bars:

        @contextmanager
        def bar(label: str) -> Iterator[Progress]:
            task: TaskID = bars.add_task(label, total=None, what="")

            def tell(done: int, of: int, what: str) -> None:
                bars.update(task, completed=done, total=of, what=what)

            yield tell
            ended = bars.tasks[task]
            bars.update(task, total=ended.total or 1, completed=ended.total or 1, what="")
            bars.stop_task(task)

        yield bar
