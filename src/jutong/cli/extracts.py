"""Files on the command line: make one for an officer, list them, and trace one that turned up."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TextIO

import click

from jutong.cli.shared import as_json, console, platform_of, say

_STATES = {
    "queued": "排队中", "making": "生成中", "failed": "未生成", "ready": "待取", "leaving": "正在取", "taken": "已取走", "cut": "断了",
    "expired": "已过期", "withdrawn": "已撤下",
}  # fmt: skip


@click.group()
def extract() -> None:
    """文件下载。"""


@extract.command("make")
@click.argument("grant")
@click.option("--for", "login", required=True, help="取文件的经办人账号；文件按此人加标")
@click.option("--form", type=click.Choice(["csv", "excel", "parquet"]), default="csv", show_default=True)
@click.option("--sealed", is_flag=True, help="加密压缩（AES-256），口令只显示一次")
@click.option("--hours", type=click.IntRange(1, 168), default=24, show_default=True, help="链接有效期")
@as_json
@click.pass_context
def make(
    context: click.Context, grant: str, login: str, form: str, sealed: bool, hours: int, machine: bool
) -> None:
    """按授权 GRANT 生成一个文件；链接与口令只显示一次。"""
    from jutong.people import party_of
    from jutong.share import make_extract

    with platform_of(context) as platform:
        with platform.database.connection() as connection:
            party = party_of(connection, login)
        made = make_extract(
            platform.database, platform.store, platform.keys, platform.settings.extracts_folder, party, grant, form,
            sealed=sealed, hours=hours,
        )  # fmt: skip
    said = {
        "id": made.extract.id,
        "rows": made.extract.rows,
        "bytes": made.extract.bytes,
        "link": f"/extracts/link/{made.link}",
        "password": made.password,
    }

    def show() -> None:
        console.print(f"{made.extract.id}：{made.extract.rows:,} 行，由 {login} 登录门户后打开一次：")
        click.echo(said["link"])
        if made.password:
            click.echo(made.password)

    say(said, machine, show)


@extract.command("list")
@as_json
@click.pass_context
def list_all(context: click.Context, machine: bool) -> None:
    """列出所有文件，新的在前。"""
    from jutong.share import extracts

    with platform_of(context) as platform, platform.database.connection() as connection:
        found = extracts(connection)

    def show() -> None:
        for one in found:
            console.print(
                f"{one.id}  {_STATES[one.state]}  {one.form}  {one.rows or 0:,} 行  {one.entry} → {one.recipient}",
                markup=False,
            )

    say(found, machine, show)


@extract.command("trace")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--password-file", type=click.File(), default=None, help="加密压缩包的口令")
@as_json
@click.pass_context
def trace(context: click.Context, file: Path, password_file: TextIO | None, machine: bool) -> None:
    """认出一个流出的文件（或其中一部分行）是给谁的，并说出有多确定；认不出时退出码不为 0。"""
    from jutong.share import trace as look

    password = password_file.read().strip() if password_file else None
    with platform_of(context) as platform, platform.database.connection() as connection:
        found = look(connection, platform.keys, file, password)

    def show() -> None:
        if found.words:
            console.print(f"文件自己写着（文字不作证据）：{found.words}", markup=False, soft_wrap=True)
        for one in found.suspects:
            console.print(
                f"{'认定' if one.certain else '疑似'} {one.extract.id} 给 {one.extract.recipient}（{one.extract.login}，"
                f"{one.extract.department_code} {one.extract.application}）：先后 {one.fit.ascents}/{one.fit.pairs}，"
                f"写法 {one.fit.agreed}/{one.fit.forms}，碰巧的机会不到 10 的 {one.power} 次方",
                markup=False, soft_wrap=True,
            )  # fmt: skip
        if not found.suspects:
            console.print(f"看了 {found.rows} 行，行标与任何文件都不相符", markup=False)

    said = {
        "kind": found.kind,
        "words": found.words,
        "rows": found.rows,
        "tried": found.tried,
        "suspects": [
            {
                "extract": one.extract.id,
                "recipient": one.extract.recipient,
                "login": one.extract.login,
                "department": one.extract.department_code,
                "application": one.extract.application_id,
                "chance": one.chance,
                "certain": one.certain,
            }
            for one in found.suspects
        ],
    }
    say(said, machine, show)
    sys.exit(not any(one.certain for one in found.suspects))
