"""Keeping a city safe: backup, restore, upgrade."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from jutong.cli.shared import as_json, console, platform_of, say, settings_of


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@as_json
@click.pass_context
def backup(context: click.Context, folder: Path, machine: bool) -> None:
    """把整座城市备份到 FOLDER，写完后逐文件核对。"""
    from jutong.flows import backup as back_up

    with platform_of(context) as platform:
        done = back_up(platform, folder)
    say(
        done,
        machine,
        lambda: console.print(
            f"已备份并核对：{done.files} 个文件，{done.bytes / 1e6:.1f} MB，其中新写 {done.copied / 1e6:.1f} MB"
        ),
    )


@click.command()
@click.argument("folder", type=click.Path(exists=True, path_type=Path))
@click.option("--drill", "only_try", is_flag=True, help="只演练：在旁边恢复一遍、核对、删掉，记下用时")
@click.option("--questions", default=50, show_default=True, help="演练时随机核对多少次历史查询")
@click.pass_context
def restore(context: click.Context, folder: Path, only_try: bool, questions: int) -> None:
    """用 FOLDER 中的备份在 -C DIR（须为空）重建城市，并验证存证。"""
    if only_try:
        from jutong.flows import drill

        with platform_of(context) as platform:
            seconds = drill(platform, folder, questions)
        console.print(f"演练通过：从 {folder} 恢复用时 {seconds:.1f} 秒，随机 {questions} 次历史查询一致")
        return
    from jutong.flows import restore as bring_back
    from jutong.terms import Broken

    bring_back(folder, settings_of(context))
    with platform_of(context) as platform:
        report = platform.ledger.verify()
        if not report.ok:
            raise Broken("flows.ledger_differs", f"恢复后的存证未通过验证：{report.problems[0]}")
    console.print(f"已恢复到 {settings_of(context).home}，存证 {report.size} 条验证通过")


@click.command()
@click.pass_context
def upgrade(context: click.Context) -> None:
    """把旧版本的数据目录升级到本版本。"""
    with platform_of(context):
        console.print("数据目录已是本版本")


@click.command()
@click.argument("task", required=False)
@click.option("--pause", is_flag=True, help="让 TASK 停下，不再自动做")
@click.option("--resume", is_flag=True, help="让 TASK 恢复自动")
@as_json
@click.pass_context
def housekeeping(context: click.Context, task: str | None, pause: bool, resume: bool, machine: bool) -> None:
    """湖的日常：整理小文件、历史到期、清理、存证归档；给出 TASK 就立刻做这一件。"""
    from jutong import flows
    from jutong.terms import BadInput

    if task not in (None, *flows.HOUSE_LABELS):
        raise BadInput("flows.no_task", f"没有日常 {task!r}：{'、'.join(flows.HOUSE_LABELS)}")
    with platform_of(context) as platform:
        if task and (pause or resume):
            with platform.database.connection() as connection:
                flows.pause_house(connection, task, pause, "命令行")
        elif task or not (pause or resume):
            flows.keep_house(platform, flows.quietly, only=task)
        with platform.database.connection() as connection:
            told = flows.house_tasks(connection)
    lines = [_line(one, flows.HOUSE_LABELS[one.task]) for one in told]
    say(told, machine, lambda: console.print("\n".join(lines)))


@click.command()
@click.option("--deep", is_flag=True, help="逐文件核对哈希，连悄悄变坏的也找出来")
@as_json
@click.pass_context
def repair(context: click.Context, deep: bool, machine: bool) -> None:
    """缺了、断了、坏了的数据湖文件，从备份里补回来；备份里没有的标准数据集，从原始行重建。"""
    from jutong import flows
    from jutong.terms import Broken

    with platform_of(context) as platform:
        done = flows.mend(platform, deep=deep)
        rebuilt = flows.rebuild(platform, done.lost)

    def lines() -> None:
        console.print(f"补回 {len(done.files)} 个文件")
        for name in rebuilt.datasets:
            console.print(f"{name} 已从原始行重建")
        for name in done.past:
            console.print(f"历史版本 {name} 缺文件，备份里也没有；当前版本完好")

    say(
        {"files": done.files, "rebuilt": rebuilt.datasets, "left": rebuilt.left, "past": done.past},
        machine,
        lines,
    )
    if rebuilt.left:
        raise Broken("flows.not_in_backup", "备份里没有，也重建不了：" + "；".join(rebuilt.left.values()))


@click.command()
@click.argument("target")
@click.pass_context
def move(context: click.Context, target: str) -> None:
    """把数据湖搬到 TARGET（s3://桶/前缀 或目录），城市照常运行；桶的地址与钥匙先写进 jutong.toml。"""
    import os
    from dataclasses import replace

    from jutong.terms import BadInput

    if "JUTONG_LAKE_PATH" in os.environ:
        raise BadInput(
            "cli.path_in_environment",
            "数据湖的位置由环境变量 JUTONG_LAKE_PATH 指定，请先改为写在 jutong.toml",
        )
    if "://" not in target:
        target = str(Path(target).expanduser().resolve())
    with platform_of(context) as platform:
        copied = platform.store.move(replace(platform.settings, lake_path=target))
    console.print(f"数据湖已在 {target}：新搬 {copied} 个文件，逐个核对过；原处的文件未删")


def _line(task: Any, label: str) -> str:
    when = f"{task.finished_at:%Y-%m-%d %H:%M}" if task.finished_at else "还没有做过"
    return f"{label}（{task.task}）{'，已暂停' if task.paused else ''}：{when} {task.note}"
