"""The ledger on the command line: verify, prove, export."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from jutong.cli.shared import as_json, console, platform_of, say, settings_of
from jutong.terms import BadInput, NotFound


@click.group()
def ledger() -> None:
    """存证。"""


@ledger.command("verify")
@click.option(
    "--offline",
    "offline",
    is_flag=False,
    flag_value="",
    default=None,
    metavar="[DIR]",
    help="只看存证目录（缺省为本城市的），不碰控制库与密钥",
)
@click.option("--vkey", help="您持有的核验公钥；缺省用目录自带的，只能发现损坏，不能发现伪造")
@click.option("--sm2-vkey", help="您持有的 SM2 核验公钥：检查点还须有其签名（配合 --offline）")
@click.option("--since", type=click.Path(path_type=Path, exists=True), help="您保存的旧检查点文件")
@as_json
@click.pass_context
def verify(
    context: click.Context,
    offline: str | None,
    vkey: str | None,
    sm2_vkey: str | None,
    since: Path | None,
    machine: bool,
) -> None:
    """逐字节验证存证；不一致时说出文件与位置。"""
    held = since.read_text(encoding="utf-8") if since else None
    if offline is not None:
        from jutong_verify import Damaged, verify_folder

        folder = Path(offline) if offline else settings_of(context).ledger_folder
        if not folder.is_dir():
            raise NotFound("ledger.no_folder", f"没有存证目录 {folder}")
        try:
            report = verify_folder(folder, vkey, held, sm2_vkey)
        except Damaged as problem:
            raise BadInput("ledger.bad_vkey", f"给出的核验公钥无法读懂：{problem.sentence}") from problem
    else:
        from jutong.ledger import check_heads

        with platform_of(context) as platform:
            report = platform.ledger.verify(held)
            with platform.database.connection() as connection:
                report.add(check_heads(connection, platform.ledger))

    def show() -> None:
        if report.ok:
            console.print(f"[green]✓[/] {report.size} 条存证全部一致，根 {report.root}")
        for problem in report.problems:
            console.print(f"[red]✗[/] {problem}")

    said = {"ok": report.ok, "size": report.size, "root": report.root}
    say({**said, "problems": [str(one) for one in report.problems]}, machine, show)
    sys.exit(not report.ok)


@ledger.command("prove")
@click.argument("receipt")
@as_json
@click.pass_context
def prove(context: click.Context, receipt: str, machine: bool) -> None:
    """证明一张回执（Jutong-Receipt 的内容）所指的交换记录在存证之中；输出 C2SP tlog-proof 文书。"""
    from jutong_verify import Damaged, Receipt

    with platform_of(context) as platform:
        platform.ledger.sequence()
        try:
            given = Receipt.parse(receipt)
            proof = platform.ledger.prove(given)
            size = proof.check(given.leaf, platform.ledger.vkey).size
        except Damaged as problem:
            raise BadInput("ledger.bad_receipt", f"这张回执不成立：{problem.sentence}") from problem
        found = next(exchange for _, exchange in platform.ledger.entries(proof.index))
    said = {
        "index": proof.index,
        "size": size,
        "leaf": given.leaf.hex(),
        "proof": str(proof),
        "exchange": found,
    }
    say(said, machine, lambda: click.echo(str(proof), nl=False))


@ledger.command("export")
@click.argument("folder", type=click.Path(path_type=Path))
@as_json
@click.pass_context
def export(context: click.Context, folder: Path, machine: bool) -> None:
    """把存证目录复制出来，交给审计方离线验证。"""
    with platform_of(context) as platform:
        platform.ledger.sequence()
        checkpoint = platform.ledger.export(folder)
        vkey, sm2 = str(platform.ledger.vkey), platform.ledger.sm2_vkey
    said = {"folder": str(folder), "size": checkpoint.size, "vkey": vkey}
    command = f"python jutong_verify.py {folder} --vkey '{vkey}'"
    if sm2 is not None:
        said["sm2_vkey"] = str(sm2)
        command += f" --sm2-vkey '{sm2}'"
    say(
        said,
        machine,
        lambda: console.print(f"已导出 {checkpoint.size} 条到 {folder}；验证：{command}", soft_wrap=True),
    )
