"""Quality from the command line: where columns come from, what they may be, and sending wrong rows back."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
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


@quality.command("standard")
@click.argument("name")
@click.pass_context
def quality_standard(context: click.Context, name: str) -> None:
    """把来源表 NAME 的标准写成 YAML；改好后用 preview 看，用 propose 提交。"""
    from jutong.refine import standard_of, write_standard

    with platform_of(context) as platform, platform.database.connection() as connection:
        click.echo(write_standard(name, standard_of(connection, name)[1]), nl=False)


@quality.command("preview")
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@as_json
@click.pass_context
def quality_preview(context: click.Context, name: str, file: Path, machine: bool) -> None:
    """按 FILE 里的标准看最新一批样本的前后，什么也不改。"""
    from jutong.refine import placed, preview, read_standard

    standard, lines = read_standard(file.read_text(encoding="utf-8-sig"), name)
    with (
        platform_of(context) as platform,
        platform.database.connection() as connection,
        placed(lines, str(file)),
    ):
        looked = preview(connection, platform.store, name, standard)

    def show() -> None:
        console.print(
            f"样本 {looked.rows} 行：拒收 {looked.rejected[0]} → {looked.rejected[1]}，标记 {looked.flagged[0]} → {looked.flagged[1]}，"
            f"{looked.changes} 个值不同{'；这样的批次会整批留置' if looked.holds else ''}"
        )
        for rule in looked.rules:
            console.print(f"{rule.rule}  {rule.before} → {rule.after}  {rule.sentence}", markup=False)

    say(looked, machine, show)


@quality.command("propose")
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--by", required=True, metavar="LOGIN", help="以谁的名义")
@click.option("--note", default="", help="为什么改")
@click.option("--adopt", "at_once", is_flag=True, help="当即采用（须是数据管理员）")
@as_json
@click.pass_context
def quality_propose(
    context: click.Context, name: str, file: Path, by: str, note: str, at_once: bool, machine: bool
) -> None:
    """把 FILE 里的标准存成修改稿，或当即采用。"""
    from jutong.people import party_of
    from jutong.refine import adopt, draft, placed, read_standard

    standard, lines = read_standard(file.read_text(encoding="utf-8-sig"), name)
    with (
        platform_of(context) as platform,
        platform.database.connection() as connection,
        placed(lines, str(file)),
    ):
        who = party_of(connection, by)
        made = draft(connection, platform.store, name, standard, by=who, note=note)
        version = adopt(connection, platform.store, made, by=who) if at_once else None
    told = f"第 {version} 版已生效；quality again 重新清洗" if version else f"修改稿 {made} 已存"
    say({"draft": made, "version": version}, machine, lambda: console.print(told))


@quality.command("restore")
@click.argument("name")
@click.argument("version", type=click.IntRange(min=1))
@click.option("--by", required=True, metavar="LOGIN", help="以谁的名义")
@as_json
@click.pass_context
def quality_restore(context: click.Context, name: str, version: int, by: str, machine: bool) -> None:
    """把来源表 NAME 的第 VERSION 版标准存成修改稿；看过再采用。"""
    from jutong.people import party_of
    from jutong.refine import draft, earlier

    with platform_of(context) as platform, platform.database.connection() as connection:
        who = party_of(connection, by)
        standard = earlier(connection, name, version)
        made = draft(connection, platform.store, name, standard, by=who, note=f"恢复第 {version} 版")
    say({"draft": made}, machine, lambda: console.print(f"修改稿 {made} 已存"))


@quality.command("again")
@click.argument("names", nargs=-1)
@click.option("--release", is_flag=True, help="会被留置的也放行")
@as_json
@click.pass_context
def quality_again(context: click.Context, names: tuple[str, ...], release: bool, machine: bool) -> None:
    """标准改过之后，从原始区重新清洗涉及的数据（缺省为所有该重洗的表）。"""
    from jutong.cli.journey import bar
    from jutong.flows import refine_stale

    with platform_of(context) as platform, bar("重新清洗", machine) as tell:
        done = refine_stale(platform, names or None, release=release, tell=tell)  # type: ignore[arg-type]

    def show() -> None:
        for one in done:
            words = (
                f"新增 {one.inserted:,}，改动 {one.updated:,}，删去 {one.deleted:,}；新问题 {one.found:,}，撤回 {one.withdrawn:,}"
                if one.state == "done"
                else one.note
            )
            console.print(
                f"{one.source_table} 第 {one.version} 版：重判 {one.judged:,} 行，{words}", markup=False
            )
        if not done:
            console.print("没有要重新清洗的表")

    say(done, machine, show)


@quality.command("rule-set")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--by", required=True, metavar="LOGIN", help="以谁的名义")
@as_json
@click.pass_context
def quality_rule_set(context: click.Context, file: Path, by: str, machine: bool) -> None:
    """保存一个规则组；用它的表都有新的一版标准。"""
    from jutong.people import party_of
    from jutong.refine import read_rule_set, save_rule_set

    name, label, about, rules = read_rule_set(file.read_text(encoding="utf-8-sig"))
    with platform_of(context) as platform, platform.database.connection() as connection:
        tables = save_rule_set(connection, name, label, rules, about=about, by=party_of(connection, by))
    say(
        {"rule_set": name, "tables": tables},
        machine,
        lambda: console.print(f"规则组 {name} 已存，{len(tables)} 张表在用"),
    )
