"""Ways in from the command line: look at a file, take what waits, run a department's agent."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from jutong.cli.shared import as_json, console, platform_of, say


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--set", "declared", multiple=True, metavar="名=值", help="登记一项读法，如 encoding=gb18030，可重复"
)
@click.option("--rows", default=5, show_default=True, help="显示几行")
@as_json
def look(file: Path, declared: tuple[str, ...], rows: int, machine: bool) -> None:
    """看一个文件会怎样被读：编码、表头、合计行、行数、留意到的，不收任何东西。"""
    from jutong.outside import read_file

    reading = read_file(file, file.name, dict(_declared(one) for one in declared))
    first: list[list[Any]] = []
    count = 0
    for batch in reading.batches:
        if len(first) < rows:
            first += [list(row.values()) for row in batch.slice(0, rows - len(first)).to_pylist()]
        count += batch.num_rows
    told = {
        "manner": dict(reading.manner), "grounds": list(reading.grounds), "row_offset": reading.row_offset,
        "columns": [column.name for column in reading.columns], "rows": count, "set_aside": reading.set_aside,
        "first": first, "noticed": reading.noticed,
        "notices": [{"code": one.code, "sentence": one.sentence, "where": str(one.address)} for one in reading.notices],
    }  # fmt: skip

    names = "、".join(column.name for column in reading.columns)

    def show() -> None:
        for ground in reading.grounds:
            console.print(f"· {ground}", markup=False)
        console.print(f"{count:,} 行，{len(reading.columns)} 列：{names}", markup=False)
        for row in first:
            console.print("  " + " | ".join("—" if cell is None else str(cell) for cell in row), markup=False)
        for one in reading.notices[:20]:
            console.print(f"! {one.sentence}（{one.address}）", markup=False)

    say(told, machine, show)


def _declared(pair: str) -> tuple[str, Any]:
    name, _, value = pair.partition("=")
    if name in ("header_row", "header_rows", "footer_rows"):
        return name, int(value)
    if name in ("columns", "widths"):
        parts = value.split(",")
        return name, [int(part) for part in parts] if name == "widths" else parts
    return name, value == "true" if name == "header" else value


@click.command("token")
@click.argument("name")
@click.option("--label", default="", help="给哪个程序用")
@click.option("--revoke", metavar="尾号", help="吊销以这四位结尾的令牌")
@as_json
@click.pass_context
def source_token(context: click.Context, name: str, label: str, revoke: str | None, machine: bool) -> None:
    """给一个数据源发推送令牌（只显示这一次），或吊销一个。"""
    from jutong.gather import list_tokens, new_token, revoke_token
    from jutong.terms import NotFound

    with platform_of(context) as platform, platform.database.connection() as connection:
        if revoke is None:
            token = new_token(connection, name, label=label)
            say({"source": name, "token": token}, machine, lambda: console.print(token, markup=False))
            return
        ending = [one.number for one in list_tokens(connection, name) if one.tail == revoke]
        if len(ending) != 1:
            raise NotFound("gather.no_token", "没有这个令牌，可能已经吊销")
        revoke_token(connection, name, ending[0])
        say({"source": name, "revoked": revoke}, machine, lambda: console.print("已吊销"))


@click.command()
@click.argument("plan", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--once", is_flag=True, help="只做一轮")
@click.option("--every", default=60.0, show_default=True, help="两轮之间隔多少秒")
@as_json
def agent(plan: Path, once: bool, every: float, machine: bool) -> None:
    """代理端：在部门的网络里读它的系统，只向外推送；配置见 PLAN（TOML）。"""
    from jutong.gather import read_plan, run_forever, run_once

    told = read_plan(plan)
    if once:
        done = run_once(told)
        say(done, machine, lambda: console.print(f"读了 {len(done.spooled)} 份，推送 {len(done.pushed)} 份"))
        sys.exit(bool(done.refused))
    for done in run_forever(told, every):
        if done.pushed or done.refused:
            console.print(f"推送 {len(done.pushed)} 份；退回 {'、'.join(done.refused) or '无'}", markup=False)


@click.command()
@as_json
@click.pass_context
def arrivals(context: click.Context, machine: bool) -> None:
    """收下所有已经到齐的文件：推送、填报、前置机目录。"""
    from jutong.flows import take_what_arrived

    with platform_of(context) as platform:
        taken = take_what_arrived(platform)

    def show() -> None:
        for one in taken:
            console.print(
                f"{one.file_name} → {one.batch_id or (one.problem or {}).get('sentence')}", markup=False
            )

    say(taken, machine, show)
    sys.exit(any(one.state == "refused" for one in taken))
