"""How the departments' systems are declared to the platform: sources, their tables, and their row rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jutong.city.plan import DEFAULT_SCALE, SourcePlan, TablePlan, plan
from jutong.city.shaping import Column, shape
from jutong.city.systems import WORKBOOK, csv_name, outside_folder, password_file, reached_at, sheet_name
from jutong.elements import ELEMENTS
from jutong.gather import GatherPlan, Source, SourceTable
from jutong.refine import RULE_SETS, double_publicity, fitted


def sources(home: Path, url: str, scale: float = DEFAULT_SCALE) -> tuple[Source, ...]:
    """The 81 systems; databases are read by a login that may do nothing else, its password in a file."""
    return tuple(
        Source(
            name=source.name,
            department_code=source.unit,
            kind=source.kind,
            label=source.label,
            config=_config(home, url, source),
            secret_ref=f"file:{password_file(home, source.name)}" if source.kind == "postgres" else None,
        )
        for source in plan(scale).sources
    )


def source_tables(scale: float = DEFAULT_SCALE) -> tuple[SourceTable, ...]:
    """The 673 tables with their items, in the order of the plan."""
    return tuple(_table(table) for table in plan(scale).tables)


def gather_plans(scale: float = DEFAULT_SCALE) -> tuple[GatherPlan, ...]:
    """One plan for each database: by night, a few minutes apart."""
    databases = [source for source in plan(scale).sources if source.kind == "postgres"]
    return tuple(
        GatherPlan(
            f"{source.name}_nightly", f"{source.label}每夜归集", source.name,
            cron=f"{place * 7 % 60} {1 + place * 7 // 60 % 4} * * *", from_hour=0, to_hour=6,
        )
        for place, source in enumerate(databases)
    )  # fmt: skip


def rule_set_uses(scale: float = DEFAULT_SCALE) -> dict[str, dict[str, dict[str, str]]]:
    """Source table → rule set → role → item: the tables of 双公示 and what they are held to (domain handbook §4.2)."""
    uses = {}
    for table in plan(scale).tables:
        name = f"credit_{table.template.note('rule')}"
        if name in RULE_SETS:
            items = fitted(
                double_publicity(RULE_SETS[name]).rules, [field.name for field in table.template.fields]
            )
            uses[table.name] = {name: items or {}}
    return uses


def _config(home: Path, url: str, source: SourcePlan) -> dict[str, Any]:
    if source.kind == "postgres":
        return dict(reached_at(url, source.name, source.name))
    folder = {"folder": str(outside_folder(home) / source.name)}
    if source.kind == "csv":
        return {**folder, "encoding": source.encoding, "delimiter": source.delimiter}
    return dict(folder)


def _locator(table: TablePlan) -> dict[str, str]:
    if table.source.kind == "postgres":
        return {"schema": "public", "table": table.template.name}
    if table.source.kind == "csv":
        return {"file": csv_name(table)}
    return {"file": WORKBOOK, "sheet": sheet_name(table)}


def _table(table: TablePlan) -> SourceTable:
    form = shape(table.template, table.source.kind)
    return SourceTable(
        name=table.name,
        source_name=table.source.name,
        label=table.label,
        locator=_locator(table),
        mode=table.mode,
        watermark_item=table.template.watermark if table.mode == "incremental" else None,
        keys=table.template.keys,
        items=tuple(_item(column) for column in form.columns),
        department_code=table.unit,
    )


def _item(column: Column) -> dict[str, Any]:
    return {
        "name": column.name, "label": column.field.label, "type": column.made.type, "element": column.element,
        "key": column.field.key, "required": column.field.required, "grade": ELEMENTS[column.element].grade,
        "share_type": 2 if ELEMENTS[column.element].grade >= 3 else 1, "source": column.header,
    }  # fmt: skip
