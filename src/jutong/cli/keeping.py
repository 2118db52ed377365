"""Keeping a city safe: backup, restore, upgrade."""

from __future__ import annotations

from pathlib import Path

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
    say(done, machine, lambda: console.print(f"已备份并核对：{done.files} 个文件，{done.bytes / 1e6:.1f} MB"))


@click.command()
@click.argument("folder", type=click.Path(exists=True, path_type=Path))
@click.pass_context
def restore(context: click.Context, folder: Path) -> None:
    """用 FOLDER 中的备份在 -C DIR（须为空）重建城市，并验证存证。"""
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
