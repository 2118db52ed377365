"""What a city is, in the words of its declarations; what equals a default is left unsaid."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TextIO

import yaml

from jutong import catalogue, develop, fuse, gather, people, refine, share
from jutong.database import Connection, named_sql
from jutong.flows.declarations.forms import (
    KINDS,
    ApplicationForm,
    DeliveryForm,
    DepartmentForm,
    EntryForm,
    EntryItemForm,
    Form,
    ModelForm,
    PlanForm,
    RegisterForm,
    RuleSetForm,
    ServiceForm,
    SourceForm,
)
from jutong.terms import Item, NotFound

_SQL = named_sql(__file__)

Document = dict[str, Any]


def export(connection: Connection, kinds: Sequence[str] = ()) -> Iterator[Document]:
    """Every declaration of these kinds (none named: all), in the order they would be applied."""
    for kind in KINDS:
        if not kinds or kind in kinds:
            yield from (_document(kind, form) for form in _FORMS[kind](connection, None))


def standing(connection: Connection, kind: str, name: str) -> Form | None:
    """One declaration as the city stands; None when there is no such thing yet."""
    try:
        return next(iter(_FORMS[kind](connection, name)), None)
    except NotFound:
        return None


def write(documents: Iterable[Document], to: TextIO) -> int:
    """As a stream of YAML documents; returns how many."""
    count = 0
    for document in documents:
        to.write("---\n")
        yaml.dump(
            document,
            to,
            Dumper=_Dumper,
            allow_unicode=True,
            sort_keys=False,
            width=110,
            default_flow_style=None,
        )
        count += 1
    return count


class _Dumper(yaml.SafeDumper):
    """Long texts, such as SQL, as blocks."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def _document(kind: str, form: Form) -> Document:
    return {"kind": kind, **_plain(form.model_dump(mode="python", exclude_defaults=True))}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value.isoformat() if isinstance(value, dt.date) else value


def _departments(connection: Connection, name: str | None) -> Iterator[Form]:
    found = people.departments(connection) if name is None else [people.department(connection, name)]
    # A parent is there before its children.
    for one in sorted(found, key=lambda one: (one.parent_code is not None, one.sort, one.code)):
        yield DepartmentForm(
            code=one.code, name=one.name, short_name=one.short_name, type=one.kind, uscc=one.uscc,  # type: ignore[arg-type]
            division_code=one.division_code, parent=one.parent_code, steward=one.steward, sort=one.sort,
        )  # fmt: skip


def _applications(connection: Connection, name: str | None) -> Iterator[Form]:
    for one in share.applications(connection):
        if name in (None, one.id):
            yield ApplicationForm(
                code=one.id, name=one.name, department=one.department_code, purpose=one.purpose
            )


def _entries(connection: Connection, name: str | None) -> Iterator[Form]:
    if name is None:
        for entry, items in catalogue.all_entries(connection, people.SYSTEM):
            yield _entry(entry, items)
        return
    entry = catalogue.find_entry(connection, entry_code(connection, name))
    yield _entry(entry, catalogue.entry_items(connection, entry.id))


def entry_code(connection: Connection, named: str) -> str:
    """The code of an entry named by it, or by ``department/name``; raises NotFound ``catalogue.no_entry``."""
    department, _, name = named.partition("/")
    row = connection.execute(_SQL.code_of_entry, {"department": department, "name": name}).fetchone()
    return str(row["code"]) if row else named


def _entry(entry: catalogue.Entry, items: Sequence[catalogue.CatalogueItem]) -> EntryForm:
    same = set(EntryForm.model_fields) & set(catalogue.Entry.__dataclass_fields__)
    live = (entry.dataset or "").startswith("live.")
    return EntryForm(
        **{name: getattr(entry, name) for name in same - ({"dataset", "resource_kind"} if live else set())},
        department=entry.department_code,
        published=entry.version > 0,
        items=tuple(
            EntryItemForm(**{name: getattr(item, name) for name in EntryItemForm.model_fields})
            for item in items
        ),
    )


def _rule_sets(connection: Connection, name: str | None) -> Iterator[Form]:
    for one in refine.rule_sets(connection):
        if name in (None, one["name"]):
            yield RuleSetForm.model_validate({key: one[key] for key in RuleSetForm.model_fields})


def _sources(connection: Connection, name: str | None) -> Iterator[Form]:
    for one in gather.list_sources(connection, None if name is None else [name]):
        tables = gather.find_tables(connection, one.name)
        rules: dict[str, list[dict[str, Any]]] = {}
        names = {"tables": [table.name for table in tables]}
        for row in connection.execute(_SQL.rules_of, names):
            rules.setdefault(row.pop("source_table"), []).append(row)
        held = {row["source_table"]: row for row in connection.execute(_SQL.held_to, names)}
        sealed = (one.secret_ref or "").startswith("sealed:")
        yield SourceForm.model_validate(
            {
                "name": one.name, "department": one.department_code, "type": one.kind, "label": one.label,
                "config": dict(one.config), "secret": None if sealed else one.secret_ref, "state": one.state,
                "tables": [
                    {
                        "name": table.name, "label": table.label, "locator": dict(table.locator), "mode": table.mode,
                        "watermark": table.watermark_item, "keys": table.keys, "items": table.items,
                        "rules": rules.get(table.name, ()), "state": table.state,
                        "rule_sets": held[table.name]["rule_sets"], "hold_above": held[table.name]["hold_above"],
                        "entry": _code_of(connection, table.entry_id),
                    }
                    for table in tables
                ],
                "plans": [_plan(plan) for plan in gather.list_plans(connection, source=one.name)],
            }
        )  # fmt: skip


def _plan(plan: gather.GatherPlan) -> dict[str, Any]:
    every = None if plan.every is None else int(plan.every.total_seconds()) // 60
    same = set(PlanForm.model_fields) - {"every"}
    return {**{name: getattr(plan, name) for name in same}, "every": every}


def _code_of(connection: Connection, entry_id: int | None) -> str | None:
    row = connection.execute(_SQL.code_of_entry_id, {"id": entry_id}).fetchone()
    return str(row["code"]) if row else None


def _registers(connection: Connection, name: str | None) -> Iterator[Form]:
    for one in fuse.list_registers(connection):
        if name in (None, one.name):
            yield RegisterForm.model_validate(fuse.register_to(one))


def _models(connection: Connection, name: str | None) -> Iterator[Form]:
    for one in develop.models(connection, active_only=False):
        if name in (None, one.name):
            yield ModelForm.model_validate(
                {
                    "name": one.name, "label": one.label, "sql": one.sql, "keys": one.keys, "theme": one.theme,
                    "items": _items(one.items), "inputs": [vars(given) for given in one.inputs],
                    "question": one.question, "department": one.department_code, "state": one.state,
                }
            )  # fmt: skip


def _services(connection: Connection, name: str | None) -> Iterator[Form]:
    for one in share.services(connection):
        # What is not published yet is nobody's declaration; a live interface, with its secret, stays with its city.
        if name in (None, one.name) and one.state == "active" and one.kind != "proxy":
            yield ServiceForm(
                name=one.name, label=one.label, entry=_code_of(connection, one.entry_id) or "", keys=one.keys,
                items=one.items, max_rows=one.max_rows, type=one.kind, least=one.least,
                past_days=one.past_days,
                **_selection(connection, one),
            )  # fmt: skip


def _selection(connection: Connection, service: share.Service) -> dict[str, Any]:
    if service.selection is None:
        return {}
    others = [entry for entry in service.selection.entries if entry != service.entry_id]
    return {
        "sql": service.selection.written,
        "also": tuple(_code_of(connection, entry) or "" for entry in others),
        "unique": service.selection.keys,
    }


def _deliveries(connection: Connection, name: str | None) -> Iterator[Form]:
    for one in share.deliveries(connection):
        if name not in (None, one.name):
            continue
        grant = share.find_grant(connection, one.grant_id)
        every = one.reconcile_every
        yield DeliveryForm(
            name=one.name, application=grant.application_id, entry=_code_of(connection, grant.entry_id) or "",
            table=one.table_name, receiver=dict(one.receiver), secret=share.secret_name(connection, one.name),
            reconcile_every=int(every.total_seconds()) // 3600 if every else 0, state=one.state,  # type: ignore[arg-type]
        )  # fmt: skip


def _items(items: Iterable[Item]) -> list[dict[str, Any]]:
    return [item.to_row() for item in items]


_FORMS: dict[str, Callable[[Connection, str | None], Iterator[Form]]] = {
    "department": _departments, "application": _applications, "entry": _entries, "rule_set": _rule_sets,
    "source": _sources, "register": _registers, "model": _models, "service": _services,
    "delivery": _deliveries,
}  # fmt: skip
