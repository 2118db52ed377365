"""What gathering can be asked from the command line beside taking: profile a source, prove that all arrived."""

from __future__ import annotations

import click
from rich.table import Table

from jutong.cli.shared import as_json, console, platform_of, say


@click.command("profile")
@click.argument("name")
@click.option("--table", "wanted", multiple=True, help="数据源里的表名，可重复；缺省为已登记的各表")
@click.option("--sample", type=int, default=100_000, show_default=True, help="每张表最多看多少行")
@as_json
@click.pass_context
def source_profile(
    context: click.Context, name: str, wanted: tuple[str, ...], sample: int, machine: bool
) -> None:
    """探查一个数据源：类型、空值、长度、式样、候选主键、候选增量字段、建议的数据元。"""
    from jutong.gather import find_source, find_tables, profile_tables

    with platform_of(context) as platform:
        with platform.database.connection() as connection:
            found, tables = find_source(connection, name), find_tables(connection, name)
        told = profile_tables(
            found, () if wanted else tables, platform.keys, sample, [{"table": table} for table in wanted]
        )

    def show() -> None:
        for one in told:
            shown = Table(
                "列", "类型", "空值", "不同值", "长度", "式样", "建议", title=f"{one.table} · {one.rows} 行"
            )
            for column in one.columns:
                marks = "、".join(
                    m for m, on in (("可作主键", column.key), ("可作增量", column.watermark)) if on
                )
                element = f"{column.element} {column.confidence:.0%}" if column.element else ""
                shown.add_row(
                    column.name, column.type, str(column.nulls), str(column.distinct),
                    f"{column.shortest}–{column.longest}", column.patterns[0][0] if column.patterns else "",
                    " ".join(filter(None, (element, marks))),
                )  # fmt: skip
            console.print(shown)

    say(told, machine, show)


@click.command("release")
@click.argument("name")
@click.pass_context
def source_release(context: click.Context, name: str) -> None:
    """放弃一个数据源的变更捕获：删去源库里的复制槽，让它不必再为我们留日志；下次捕获会先取全量。"""
    from jutong.gather import find_source, release

    with platform_of(context) as platform:
        with platform.database.connection() as connection:
            source = find_source(connection, name)
        released = release(source, platform.database, platform.keys)
    console.print("已放弃" if released else "它没有在捕获变更")


@click.command("verify")
@click.argument("names", nargs=-1, required=True, metavar="TABLE...")
@as_json
@click.pass_context
def gather_verify(context: click.Context, names: tuple[str, ...], machine: bool) -> None:
    """逐行核对归集到的数据与来源现在的内容是否相等；有一张不等就以失败退出。"""
    from jutong.gather import find_tables, verify

    with platform_of(context) as platform:
        with platform.database.connection() as connection:
            tables = find_tables(connection, None, names)
        told = [
            verify(table, database=platform.database, store=platform.store, keys=platform.keys)
            for table in tables
        ]
    answers = [
        {"table": one.table, "batch": one.batch, "same": one.same, "rows_here": one.here.rows,
         "rows_there": one.there.rows, "digest_here": one.here.digest, "digest_there": one.there.digest}
        for one in told
    ]  # fmt: skip

    def show() -> None:
        for one in told:
            mark = "[green]✓ 相等[/]" if one.same else "[red]✗ 不等[/]"
            console.print(
                f"{mark} {one.table}：归集 {one.here.rows} 行，来源 {one.there.rows} 行（批次 {one.batch}）"
            )

    say(answers, machine, show)
    if not all(one.same for one in told):
        context.exit(1)
