"""处理: base registers from the command line."""

from __future__ import annotations

from pathlib import Path

import click

from jutong.cli.journey import bar
from jutong.cli.shared import as_json, console, platform_of, say
from jutong.terms import BadInput


@click.group()
def fuse() -> None:
    """处理：基础库。"""


@fuse.command("run")
@click.argument("names", nargs=-1)
@as_json
@click.pass_context
def fuse_run(context: click.Context, names: tuple[str, ...], machine: bool) -> None:
    """融合这些基础库（缺省为全部）。"""
    from jutong.flows import fuse_all

    with platform_of(context) as platform, bar("处理", machine) as tell:
        done = fuse_all(platform, names or None, tell=tell)  # type: ignore[arg-type]

    def show() -> None:
        for one in done:
            console.print(
                f"{one.register}：{one.records:,} 条记录，{one.entities:,} 个主体，{one.seconds} 秒"
            )
            for why in one.held:
                console.print(f"  [yellow]待确认，基础库未改动：{why}[/]")

    say(done, machine, show)


@fuse.command("evaluate")
@click.argument("register")
@click.option(
    "--truth",
    type=click.Path(exists=True, path_type=Path),
    required=True,
    help="真值目录；配合 --csv 时为真值文件",
)
@click.option(
    "--csv", "files", type=click.Path(exists=True, dir_okay=False, path_type=Path), multiple=True,
    help="不用城市，直接比对这些 CSV；REGISTER 为声明文件",
)  # fmt: skip
@as_json
@click.pass_context
def fuse_evaluate(
    context: click.Context, register: str, truth: Path, files: tuple[Path, ...], machine: bool
) -> None:
    """用真值评价基础库 REGISTER：成对与成簇的准确率、召回率，多并与少并的例子。"""
    from jutong.fuse import evaluate, evaluate_csv, read_register

    if files:
        result = evaluate_csv(read_register(_text(Path(register))), files, truth)
    else:
        with platform_of(context) as platform:
            result = evaluate(register, truth, database=platform.database, store=platform.store)

    def show() -> None:
        console.print(f"记录对：准确 {result.pair_precision} 召回 {result.pair_recall} F1 {result.pair_f1}")
        console.print(
            f"主体：准确 {result.cluster_precision} 召回 {result.cluster_recall} F1 {result.cluster_f1}"
        )
        console.print(
            f"多并 {result.over_merged:,}，少并 {result.under_merged:,}，误并两个有效代码 {result.codes_joined:,}"
        )
        if result.links:
            console.print(f"关联：{result.links:,}，准确 {result.link_precision} 召回 {result.link_recall}")
        for example in (*result.over_merged_examples, *result.under_merged_examples):
            console.print(f"  {example}")

    say(result, machine, show)


@fuse.command("declare")
@click.argument(
    "files", type=click.Path(exists=True, dir_okay=False, path_type=Path), nargs=-1, required=True
)
@click.pass_context
def fuse_declare(context: click.Context, files: tuple[Path, ...]) -> None:
    """登记 YAML 声明的基础库；同名的声明被替换。"""
    from jutong.fuse import declare_register, read_register

    declared = [read_register(_text(file)) for file in files]
    with platform_of(context) as platform, platform.database.connection() as connection:
        for one in declared:
            declare_register(connection, one)
            console.print(f"已登记 {one.label}（{one.name}）：{len(one.items)} 项，{len(one.sources)} 个来源")


@fuse.command("show")
@click.argument("register")
@click.pass_context
def fuse_show(context: click.Context, register: str) -> None:
    """打印基础库 REGISTER 的声明（YAML）。"""
    from jutong.fuse import find_register, register_yaml

    with platform_of(context) as platform, platform.database.connection() as connection:
        click.echo(register_yaml(find_register(connection, register)), nl=False)


@fuse.command("explain")
@click.argument("register")
@click.argument("entity")
@as_json
@click.pass_context
def fuse_explain(context: click.Context, register: str, entity: str, machine: bool) -> None:
    """说明基础库 REGISTER 中 ENTITY 为何如此：哪些记录、凭什么相连、各项取了谁的值。"""
    from jutong.fuse import explain, find_register

    with platform_of(context) as platform:
        with platform.database.connection() as connection:
            declared = find_register(connection, register)
        told = explain(platform.store, declared, entity)

    def show() -> None:
        for member in told.members:
            weight = f"（{member.weight} 比特）" if member.weight is not None else ""
            console.print(f"{member.source} {member.source_key}：{member.sentence}{weight}")
        for item in told.items:
            console.print(f"{item.label} = {item.values[0].value}：{item.because}")
            for value in item.values[1:]:
                console.print(f"    {value.source} {value.value}：{value.sentence}")
        for event in told.history:
            console.print(f"沿革：{event.sentence}")

    say(told, machine, show)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise BadInput("fuse.bad_register", f"{file} 不是 UTF-8 文本") from None
