"""Retention at the command line: rules, holds, and the way back from the archive."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from jutong.cli.shared import as_json, console, platform_of, say

_BY = "命令行"


@click.group()
def retention() -> None:
    """留存：规则、冻结、归档里有什么、取回。"""


@retention.command("show")
@as_json
@click.pass_context
def show(context: click.Context, machine: bool) -> None:
    """规则、冻结、归档，以及到期可销毁的批次。"""
    from jutong import flows

    with platform_of(context) as platform, platform.database.connection() as connection:
        told: dict[str, Any] = {
            "rules": flows.rules(connection), "holds": flows.holds(connection), "archived": flows.archived(connection),
            "ripe": flows.ripe(connection), "certificates": flows.certificates(connection),
        }  # fmt: skip

    def lines() -> None:
        for rule in told["rules"]:
            about = rule.zone or rule.dataset or f"目录「{rule.entry_name}」"
            ends = f"{rule.destroy_days} 天后可销毁" if rule.destroy_days else "永久保存"
            console.print(f"规则 {rule.id}：{about} {rule.archive_days} 天后归档，{ends}（{rule.basis}）")
        for hold in told["holds"]:
            about = hold.zone or hold.dataset or (hold.entry_name and f"目录「{hold.entry_name}」") or "全部"
            state = f"{hold.released_at:%Y-%m-%d} 已解除" if hold.released_at else "冻结中"
            console.print(f"冻结 {hold.id}：{about}，{state}（{hold.reason}）")
        for one in told["archived"]:
            console.print(f"归档 {one.dataset}：{one.batches} 批，{one.rows} 行，{one.bytes / 1e6:.1f} MB")
        console.print(f"到期可销毁 {len(told['ripe'])} 批，已销毁 {len(told['certificates'])} 批")

    say(told, machine, lines)


@retention.command("rule")
@click.argument("scope")
@click.option("--archive-days", type=int, required=True, help="收到几天后归档")
@click.option("--keep-batches", type=int, default=1, show_default=True, help="湖里至少留最近几批")
@click.option("--destroy-days", type=int, help="收到几天后可销毁；不给就永久保存")
@click.option("--basis", required=True, help="法规条款或文号")
@click.pass_context
def set_rule(
    context: click.Context,
    scope: str,
    archive_days: int,
    keep_batches: int,
    destroy_days: int | None,
    basis: str,
) -> None:
    """给 SCOPE（raw、raw.表名或目录代码）定一条留存规则，替下原来的。"""
    from jutong import flows

    with platform_of(context) as platform, platform.database.connection() as connection:
        made = flows.set_rule(
            connection, flows.scope_of(connection, scope), archive_days, basis, _BY,
            keep_batches=keep_batches, destroy_days=destroy_days,
        )  # fmt: skip
    console.print(f"规则 {made} 已生效")


@retention.command("hold")
@click.argument("scope")
@click.option("--reason", required=True, help="案号或文号")
@click.pass_context
def hold(context: click.Context, scope: str, reason: str) -> None:
    """冻结 SCOPE（全部、区名、数据集名或目录代码）：不归档、不销毁、不清历史。"""
    from jutong import flows

    with platform_of(context) as platform, platform.database.connection() as connection:
        made = flows.place_hold(connection, flows.scope_of(connection, scope), reason, _BY)
    console.print(f"冻结 {made} 已生效")


@retention.command("release")
@click.argument("number", type=int)
@click.option("--reason", required=True, help="为何解除")
@click.pass_context
def release(context: click.Context, number: int, reason: str) -> None:
    """解除冻结 NUMBER。"""
    from jutong import flows

    with platform_of(context) as platform, platform.database.connection() as connection:
        flows.release_hold(connection, number, reason, _BY)
    console.print(f"冻结 {number} 已解除")


@retention.command("recall")
@click.argument("batch")
@click.pass_context
def recall(context: click.Context, batch: str) -> None:
    """把归档的 BATCH 取回湖里，至少留 30 天。"""
    from jutong import flows

    with platform_of(context) as platform:
        part = flows.recall_batch(platform, batch, _BY)
    console.print(f"已取回 {part.rows} 行")


@click.command("backup-plan")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--every-hours", type=int, default=24, show_default=True, help="每隔几小时")
@click.option("--hour", type=int, default=2, show_default=True, help="一天一次或更稀时，几点起")
@click.option("--keep", type=int, default=7, show_default=True, help="留几份")
@click.option(
    "--drill-days", type=int, default=30, show_default=True, help="几天演练一次恢复；0 为不自动演练"
)
@click.pass_context
def backup_plan(
    context: click.Context, folder: Path, every_hours: int, hour: int, keep: int, drill_days: int
) -> None:
    """定备份计划：到点自己往 FOLDER 写一份，核对，旧的只留几份。"""
    from jutong import flows

    with platform_of(context) as platform, platform.database.connection() as connection:
        flows.plan_backups(
            connection, platform.settings, str(folder.expanduser().absolute()), _BY, every_hours=every_hours,
            hour=hour, keep=keep, drill_days=drill_days,
        )  # fmt: skip
    console.print("备份计划已定下；现在就做一份：jutong housekeeping backup")
