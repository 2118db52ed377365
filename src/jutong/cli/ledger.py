"""The ledger on the command line: verify, prove, export."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import click

from jutong.cli.shared import as_json, console, platform_of, say, settings_of


@click.group()
def ledger() -> None:
    """存证。"""


@ledger.command("verify")
@click.option("--offline", is_flag=True, help="只看存证目录，不碰控制库与密钥")
@as_json
@click.pass_context
def verify(context: click.Context, offline: bool, machine: bool) -> None:
    """逐字节验证存证；不一致时说出文件与位置。"""
    if offline:
        from jutong_verify import verify_folder

        report = verify_folder(settings_of(context).ledger_folder)
    else:
        from jutong.ledger import check_heads

        with platform_of(context) as platform:
            report = platform.ledger.verify()
            with platform.database.connection() as connection:
                report.add(check_heads(connection, platform.ledger))

    def show() -> None:
        if report.ok:
            console.print(f"[green]✓[/] {report.size} 条存证全部一致")
        for problem in report.problems:
            console.print(f"[red]✗[/] {problem}")

    say(
        {"ok": report.ok, "size": report.size, "problems": [str(one) for one in report.problems]},
        machine,
        show,
    )
    sys.exit(not report.ok)


@ledger.command("prove")
@click.argument("receipt")
@as_json
@click.pass_context
def prove(context: click.Context, receipt: str, machine: bool) -> None:
    """证明一张回执（Jutong-Receipt 的内容）所指的交换记录在存证之中。"""
    from jutong_verify import Receipt

    with platform_of(context) as platform:
        platform.ledger.sequence()
        proof = platform.ledger.prove(Receipt.parse(receipt))
    say(proof, machine, lambda: console.print(proof))


@ledger.command("export")
@click.argument("folder", type=click.Path(path_type=Path))
@click.pass_context
def export(context: click.Context, folder: Path) -> None:
    """把存证目录复制出来，交给审计方离线验证。"""
    with platform_of(context) as platform:
        platform.ledger.sequence()
        shutil.copytree(
            platform.ledger.folder, folder, ignore=shutil.ignore_patterns("streams", "tmp", "lock")
        )
    console.print(f"已导出到 {folder}；验证：python jutong_verify.py {folder}")
