"""Deliveries on the command line: run them, compare what arrived, mend it."""

from __future__ import annotations

import click

from jutong.cli.journey import bar
from jutong.cli.shared import as_json, console, platform_of, say
from jutong.terms import Broken

_WORDS = {"equal": "一致", "mended": "已补正", "different": "不一致"}


@click.group()
def deliver() -> None:
    """库表交换。"""


@deliver.command("run")
@click.argument("names", nargs=-1)
@as_json
@click.pass_context
def run(context: click.Context, names: tuple[str, ...], machine: bool) -> None:
    """运行这些交换（缺省为全部），每次送达后随即对账。"""
    from jutong.flows import deliver_all

    with platform_of(context) as platform, bar("库表交换", machine) as tell:
        done = deliver_all(platform, names or None, tell=tell)  # type: ignore[arg-type]
    say(
        done,
        machine,
        lambda: console.print(f"{len(done)} 次交换，写入 {sum(one.upserted for one in done):,} 行"),
    )


@deliver.command("reconcile")
@click.argument("name")
@click.option("--check-only", is_flag=True, help="只比较，不补正")
@as_json
@click.pass_context
def reconcile(context: click.Context, name: str, check_only: bool, machine: bool) -> None:
    """与接收库逐段对账，不一致处补正；补正后仍不一致，或只比较而不一致时，退出码不为 0。"""
    from jutong.share import reconcile as compare

    with platform_of(context) as platform:
        stream = platform.ledger.stream("reconcile")
        try:
            found = compare(
                platform.database, platform.store, stream, platform.keys, name, mend=not check_only
            )
        finally:
            stream.close()
    sentence = (
        f"{name}：{_WORDS[found.result]}，湖中 {found.here.rows:,} 行，接收库 {found.there.rows:,} 行"
        + (f"，{found.ranges} 段中 {found.apart} 段曾不一致" if found.ranges else "")
    )
    say(found, machine, lambda: console.print(sentence))
    if found.result == "different":
        raise Broken("share.not_reconciled", f"交换 {name} 与湖中内容不一致")
