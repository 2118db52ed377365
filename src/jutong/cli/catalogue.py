"""The catalogue on the command line."""

from __future__ import annotations

from pathlib import Path

import click

from jutong.cli.shared import as_json, console, platform_of, say


@click.group()
def catalogue() -> None:
    """目录。"""


@catalogue.command("search")
@click.argument("text")
@as_json
@click.pass_context
def search(context: click.Context, text: str, machine: bool) -> None:
    """检索已发布的目录。"""
    from jutong.catalogue import search as look_for
    from jutong.people import SYSTEM

    with platform_of(context) as platform, platform.database.connection() as connection:
        found = look_for(connection, text, SYSTEM)

    def show() -> None:
        for hit in found.hits:
            console.print(f"{hit.code}  {hit.name}  [dim]{hit.department_short}[/]")
        console.print(f"共 {found.total} 条")

    say(found, machine, show)


@catalogue.command("export")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--department", default=None, help="部门代码")
@click.pass_context
def export(context: click.Context, file: Path, department: str | None) -> None:
    """导出目录：按扩展名写 xlsx、csv 或 json。"""
    from jutong.catalogue import export_entries
    from jutong.people import SYSTEM

    with (
        platform_of(context) as platform,
        platform.database.connection() as connection,
        file.open("wb") as out,
    ):
        written = export_entries(connection, SYSTEM, out, file.suffix.lstrip("."), department=department)
    console.print(f"已写入 {file}：{written} 条")


@catalogue.command("import")
@click.argument("file", type=click.Path(exists=True, path_type=Path))
@click.pass_context
def import_(context: click.Context, file: Path) -> None:
    """从模板工作簿导入目录草稿。"""
    from jutong.catalogue import import_entries, read_workbook
    from jutong.people import departments

    with platform_of(context) as platform, platform.database.connection() as connection:
        names = {name: one.code for one in departments(connection) for name in (one.name, one.short_name)}
        read = read_workbook(file.read_bytes(), names, file.name)
        for problem in read.problems:
            console.print(f"[red]✗[/] {problem}")
        if read.problems:
            raise click.exceptions.Exit(1)
        done = import_entries(connection, read.entries, published=False)
    console.print(f"新增 {done.entries} 条，已有 {done.kept} 条")
