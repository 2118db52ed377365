"""Quality from the command line: where columns come from, what they may be, and sending wrong rows back."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, Literal

import click

from jutong.cli.shared import as_json, console, plain, platform_of, say


@click.group()
def quality() -> None:
    """数据质量：血缘、数据元推荐、整改。"""


@quality.command("lineage")
@click.argument("name")
@click.option("--openlineage", "events", is_flag=True, help="按 OpenLineage 输出最近批次的事件，一行一个")
@as_json
@click.pass_context
def quality_lineage(context: click.Context, name: str, events: bool, machine: bool) -> None:
    """来源表 NAME 的字段血缘：来源列 → 标准项 → 基础库项 → 服务字段。"""
    from jutong.refine import lineage, openlineage, refinements

    with platform_of(context) as platform, platform.database.connection() as connection:
        links = lineage(connection, name)
        done = refinements(connection, dataset=f"standard.{name}", limit=20) if events else []
    if events:
        for row in reversed(done):
            at = row["finished_at"].isoformat()
            click.echo(
                json.dumps(openlineage(links, table=name, at=at, batch=row["batch_id"]), ensure_ascii=False)
            )
        return

    def show() -> None:
        for link in links:
            console.print(
                f"{link.from_dataset}.{link.from_item} → {link.to_dataset}.{link.to_item}  [dim]{link.how}[/]"
            )

    say([asdict(link) for link in links], machine, show)


@quality.command("suggest")
@click.argument("name")
@as_json
@click.pass_context
def quality_suggest(context: click.Context, name: str, machine: bool) -> None:
    """为来源表 NAME 的每一列推荐数据元，附把握。"""
    from jutong.elements import suggest
    from jutong.refine import plan_of
    from jutong.terms import quote

    with platform_of(context) as platform:
        with platform.database.connection() as connection:
            plan = plan_of(connection, platform.store, name)
        items = [planned for planned in plan.items if planned.given]
        columns = ", ".join(
            f"CAST({quote(one.item.name)} AS VARCHAR) AS {quote(one.item.name)}" for one in items
        )
        with platform.store.reading() as view:
            rows = view.rows(f"SELECT {columns} FROM {view.table(plan.raw)} LIMIT 300")
    told: list[dict[str, Any]] = [
        {
            "item": one.item.name, "label": one.item.label, "bound": one.element.name,
            "suggested": [asdict(each) for each in suggest(one.item.name, one.item.label, [row[one.item.name] for row in rows])],
        }
        for one in items
    ]  # fmt: skip

    def show() -> None:
        for one in told:
            offered = "、".join(f"{each['element']} {each['confidence']:.0%}" for each in one["suggested"])
            console.print(f"{one['item']}  {one['label']}  现为 {one['bound']}  推荐 {offered or '无'}")

    say(told, machine, show)


@quality.command("dispatch")
@click.argument("batch")
@as_json
@click.pass_context
def quality_dispatch(context: click.Context, batch: str, machine: bool) -> None:
    """把批次 BATCH 的拒收行发回提供部门整改；改好重报后自动复检、办结。"""
    from jutong.casework import find_case
    from jutong.refine import dispatch

    with platform_of(context) as platform, platform.database.connection() as connection:
        case = find_case(connection, dispatch(connection, batch))
    say(
        {"case": case.id, "number": case.number},
        machine,
        lambda: console.print(f"已发回：{case.number} {case.title}"),
    )


@quality.command("template")
@click.argument("kind", type=click.Choice(["licence", "penalty"]))
@click.option("--edition", type=click.Choice(["2018", "2016"]), default="2018", show_default=True)
def quality_template(kind: Literal["licence", "penalty"], edition: str) -> None:
    """双公示模板：信息项、数据元、主键和规则（2016 年版的列名对到 2018 年版）。"""
    from jutong.refine import double_publicity

    template = double_publicity(kind, int(edition))
    click.echo(json.dumps(plain(template), ensure_ascii=False, indent=1))
