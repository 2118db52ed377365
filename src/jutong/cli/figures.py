"""The one screen's numbers on the command line."""

from __future__ import annotations

import click
from rich.table import Table

from jutong.cli.shared import as_json, console, platform_of, say


@click.command()
@as_json
@click.option("--batches", is_flag=True, help="列出每个批次的守恒等式")
@click.option("--all", "everything", is_flag=True, help="加上全部报告指标")
@click.pass_context
def figures(context: click.Context, machine: bool, batches: bool, everything: bool) -> None:
    """一屏统览的指标：每个都是查询。"""
    from jutong import oversee

    with platform_of(context) as platform:
        found = oversee.figures(platform.database, platform.store, scale=platform.settings.scale)
        values: dict[str, object] = {**oversee.as_json(found)}
        reported: list[oversee.Indicator] = []
        with platform.database.connection() as connection:
            if batches:
                values["batches"] = oversee.batches(connection)
            if everything:
                reported = oversee.indicators(connection)
                values["indicators"] = reported

    def show() -> None:
        table = Table("指标", "值", "单位", "定义", box=None)
        for one in found:
            table.add_row(one.label, f"{one.value:,}" if isinstance(one.value, int) else str(one.value), one.unit,
                          one.definition)  # fmt: skip
        for report in reported:
            if report.latest:
                least = "≥ " if report.latest.lower_bound else ""
                said = f"{report.definition}（{report.latest.period} 报告）"
                table.add_row(report.label, f"{least}{report.latest.value:,}", report.unit, said)
        console.print(table)

    say(values, machine, show)
