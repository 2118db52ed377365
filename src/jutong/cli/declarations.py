"""A city declared as files: apply and export."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TextIO

import click

from jutong.cli.shared import as_json, console, platform_of, say

_OUTCOMES = {
    "added": "新增",
    "changed": "改动",
    "same": "未变",
    "kept": "保留原样（须走审核或在门户里改）",
    "waiting": "等数据（归集后再执行一次）",
}
#: Of many changes a person reads the first.
_SHOWN = 40


@click.command()
@click.option(
    "-f",
    "--file",
    "paths",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path),
    help="YAML 文件或目录，可重复",
)
@click.option("--dry-run", "rehearse", is_flag=True, help="只说会改什么，不改")
@as_json
@click.pass_context
def apply(context: click.Context, paths: tuple[Path, ...], rehearse: bool, machine: bool) -> None:
    """按 YAML 声明建立或改动部门、应用、目录、数据源、基础库、模型与服务；可反复执行。"""
    from jutong.flows import declarations

    declared = declarations.read(paths)
    with platform_of(context) as platform:
        changes = declarations.apply(platform.database, declared, rehearse=rehearse)

    def show() -> None:
        moved = [one for one in changes if one.outcome != "same"]
        for one in moved[:_SHOWN]:
            console.print(f"{_OUTCOMES[one.outcome]} {one.kind} {one.name}", markup=False)
        if len(moved) > _SHOWN:
            console.print(f"…… 还有 {len(moved) - _SHOWN} 份，--json 列出全部")
        told = Counter(one.outcome for one in changes)
        counts = "，".join(f"{word} {told[outcome]}" for outcome, word in _OUTCOMES.items())
        console.print(f"{'演练：' if rehearse else ''}共 {len(changes)} 份声明：{counts}")

    say(changes, machine, show)


@click.command()
@click.option("--kind", "kinds", multiple=True, help="只导出这些种类，可重复")
@click.option(
    "-o", "--output", type=click.File("w", encoding="utf-8"), default="-", help="写到文件；缺省写到标准输出"
)
@click.pass_context
def export(context: click.Context, kinds: tuple[str, ...], output: TextIO) -> None:
    """把这座城市写成 YAML 声明，供 apply 在别处重建；口令不在其中。"""
    from jutong.flows import declarations
    from jutong.terms import BadInput

    unknown = set(kinds) - set(declarations.KINDS)
    if unknown:
        raise BadInput(
            "cli.no_kind", f"没有种类 {'、'.join(sorted(unknown))}：{'、'.join(declarations.KINDS)}"
        )
    with platform_of(context) as platform, platform.database.connection() as connection:
        declarations.write(declarations.export(connection, kinds), output)
