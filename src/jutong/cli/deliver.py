"""Deliveries on the command line: declare one, run them, compare what arrived, mend it."""

from __future__ import annotations

from typing import Any, TextIO

import click

from jutong.cli.journey import bar
from jutong.cli.shared import as_json, console, platform_of, say
from jutong.terms import Broken

_APART = {"missing": "对方缺", "different": "对方不同", "extra": "对方多"}
#: Of the keys that differ, as many as a screen holds.
_SHOWN = 20
_WORDS = {"equal": "一致", "mended": "已补正", "different": "不一致"}


@click.group()
def deliver() -> None:
    """库表交换。"""


@deliver.command("add")
@click.argument("name")
@click.option("--grant", "grant_id", required=True, help="共享方式为库表的授权编号")
@click.option(
    "--kind", type=click.Choice(["postgres", "mysql", "sqlalchemy"]), default="postgres", help="接收库的种类"
)
@click.option(
    "--driver",
    default=None,
    help="种类为 sqlalchemy 时的驱动，例如 oracle+oracledb、mssql+pymssql、dm+dmPython",
)
@click.option("--host", default=None, help="接收库主机")
@click.option("--port", type=click.IntRange(1, 65535), default=None, help="端口；缺省按种类")
@click.option("--dbname", required=True, help="接收库名")
@click.option("--schema", default=None, help="模式名；MySQL 系没有")
@click.option("--user", default=None, help="接收库账号：对一个模式（库）有权限即可")
@click.option("--table", required=True, help="接收表名；首次交换时由聚通建立")
@click.option("--password-file", type=click.File(), default=None, help="从文件读口令，封存后保存")
@as_json
@click.pass_context
def add(
    context: click.Context,
    /,
    name: str,
    grant_id: str,
    table: str,
    password_file: TextIO | None,
    machine: bool,
    **receiver: Any,
) -> None:
    """声明一项库表交换；同样的声明说两遍等于一遍。"""
    from jutong.share import add_delivery

    password = password_file.read().strip() if password_file else None
    with platform_of(context) as platform, platform.database.connection() as connection:
        added = add_delivery(
            connection,
            platform.keys,
            name=name,
            grant_id=grant_id,
            receiver={key: value for key, value in receiver.items() if value is not None},
            password=password,
            table_name=table,
        )
    say(added, machine, lambda: console.print(f"{added.name}：已声明，运行 jutong deliver run {added.name}"))


@deliver.command("test")
@click.argument("name")
@as_json
@click.pass_context
def test(context: click.Context, name: str, machine: bool) -> None:
    """试连一项交换的接收库，看接收表还是不是交换所建的样子；不可用时退出码不为 0。"""
    from jutong.share import try_delivery

    with platform_of(context) as platform:
        found = try_delivery(platform.database, platform.keys, name)
    say(found, machine, lambda: console.print(f"{name}：{found.words}", markup=False))
    if not found.ready:
        raise Broken("share.receiver_not_ready", f"交换 {name} 的接收库现在不能用")


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
                platform.database,
                platform.store,
                stream,
                platform.keys,
                name,
                mend=not check_only,
                cause="person",
            )
        finally:
            stream.close()
    sentence = (
        f"{name}：{_WORDS[found.result]}，湖中 {found.here.rows:,} 行，接收库 {found.there.rows:,} 行"
        + (f"，{found.differing:,} 行不同" if found.differing else "")
        + (f"，补正 {found.ranges} 段中的 {found.apart} 段" if found.ranges else "")
    )

    def show() -> None:
        console.print(sentence)
        for one in found.differences[:_SHOWN]:
            console.print(f"  {_APART[one.kind]} {'，'.join(one.key)}", markup=False)
        if found.differing > _SHOWN:
            console.print(f"  …… 共 {found.differing:,} 行")

    say(found, machine, show)
    if found.result == "different":
        raise Broken("share.not_reconciled", f"交换 {name} 与湖中内容不一致")
