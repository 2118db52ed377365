"""Declarations brought into a city through the rooms' own doors, all of them or none."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import psycopg

from jutong import catalogue, develop, fuse, gather, people, refine, share
from jutong.database import Connection, Database
from jutong.flows.declarations.exporting import entry_code, standing
from jutong.flows.declarations.forms import (
    KINDS,
    ApplicationForm,
    DeliveryForm,
    DepartmentForm,
    EntryForm,
    Form,
    ModelForm,
    PlanForm,
    RegisterForm,
    RuleSetForm,
    ServiceForm,
    SourceForm,
    TableForm,
)
from jutong.flows.declarations.reading import Declared
from jutong.terms import BadInput, Item, JutongError


@dataclass(frozen=True)
class Change:
    """What one declaration came to: ``added``, ``changed`` or ``same``; ``kept``: it asks for more than may be changed
    from here, such as a published entry, which goes through its two reviews; ``waiting``: a service whose dataset has
    not been gathered yet, or a delivery whose grant has not been given, to be applied again after that."""

    kind: str
    name: str
    outcome: str


class _Undone(Exception):
    """Carries nothing: rolls a rehearsal back."""


def apply(database: Database, declared: Sequence[Declared], *, rehearse: bool = False) -> list[Change]:
    """Bring the city to what is declared, in one transaction; ``rehearse`` says what would change and changes nothing.

    What is not named stays.  A published entry is not changed from here: that goes through its two reviews.
    Raises what the rooms raise, with the declaration's file and line as address.
    """
    changes: list[Change] = []
    order = list(KINDS)
    try:
        with database.connection() as connection:
            changes.extend(
                _apply_one(connection, one) for one in sorted(declared, key=lambda one: order.index(one.kind))
            )
            if rehearse:
                raise _Undone
    except _Undone:
        pass
    return changes


def _apply_one(connection: Connection, one: Declared) -> Change:
    before = standing(connection, one.kind, one.form.id)
    try:
        with connection.transaction():
            _APPLY[one.kind](connection, one.form)
    except JutongError as problem:
        if problem.code in ("share.dataset_unknown", "share.no_table_grant"):
            return Change(one.kind, one.form.id, "waiting")
        raise type(problem)(problem.code, problem.sentence, problem.address or one.address) from problem
    except (psycopg.IntegrityError, psycopg.DataError) as problem:
        raise _refused(one, problem) from problem
    after = standing(connection, one.kind, one.form.id)
    return Change(one.kind, one.form.id, _outcome(one.form, before, after))


def _outcome(wanted: Form, before: Form | None, after: Form | None) -> str:
    if before is None:
        return "added"
    said = _in_full(wanted, before)
    if any(getattr(after, name) != getattr(said, name) for name in wanted.model_fields_set):
        return "kept"
    return "same" if before == after else "changed"


def _in_full(form: Form, before: Form) -> Form:
    """A register as it is kept, and a source with what its declaration leaves as it was."""
    if isinstance(form, RegisterForm):
        return RegisterForm.model_validate(fuse.register_to(fuse.register_from(form.model_dump())))
    if isinstance(form, SourceForm) and isinstance(before, SourceForm):
        stood = {table.name: table for table in before.tables}
        return form.model_copy(
            update={"tables": tuple(_as_it_stood(one, stood.get(one.name)) for one in form.tables)}
        )
    return form


def _as_it_stood(table: TableForm, stood: TableForm | None) -> TableForm:
    unsaid = {name for name in ("rule_sets", "hold_above") if getattr(table, name) is None}
    return (
        table if stood is None else table.model_copy(update={name: getattr(stood, name) for name in unsaid})
    )


def _refused(one: Declared, problem: psycopg.Error) -> BadInput:
    """What the control database itself would not take."""
    named = f"{one.kind} {one.form.id}"
    if isinstance(problem, psycopg.errors.ForeignKeyViolation):
        told = f"{named} 指向不存在的东西：{problem.diag.message_detail}"
        return BadInput("flows.names_nothing", told, one.address)
    rule = problem.diag.constraint_name or problem.diag.message_primary
    return BadInput("flows.not_allowed", f"{named} 有一处取值不合规定（{rule}）", one.address)


def _department(connection: Connection, form: DepartmentForm) -> None:
    people.add_department(
        connection,
        people.Department(
            form.code, form.name, form.short_name, form.type, form.uscc, form.division_code, form.parent,
            form.steward, form.sort,
        ),
    )  # fmt: skip


def _application(connection: Connection, form: ApplicationForm) -> None:
    share.add_application(
        connection, form.name, form.department, purpose=form.purpose, id=form.code, exist_ok=True
    )


def _entry(connection: Connection, form: EntryForm) -> None:
    row = form.model_dump(exclude={"published", "department"})
    new = catalogue.NewEntry.from_row({**row, "department_code": form.department})
    imported = catalogue.import_entries(connection, [new], people.SYSTEM, published=form.published)
    entry = catalogue.find_entry(connection, entry_code(connection, f"{form.department}/{form.name}"))
    if not imported.codes and entry.version == 0:
        catalogue.change_entry(connection, entry.id, new, people.SYSTEM)
    if form.dataset and form.dataset != entry.dataset:
        catalogue.attach(connection, entry.id, form.dataset, kind=form.resource_kind or "table")
    if form.committed != entry.committed:
        catalogue.commit_supply(connection, entry.id, committed=form.committed)


def _rule_set(connection: Connection, form: RuleSetForm) -> None:
    rules = [refine.RowRule.from_row(rule.model_dump()) for rule in form.rules]
    refine.save_rule_set(connection, form.name, form.label, rules, about=form.about)


def _source(connection: Connection, form: SourceForm) -> None:
    source = gather.Source(
        form.name, form.department, form.type, form.label, form.config, form.secret, form.state
    )
    known = {one.name: one for one in gather.list_sources(connection, [form.name])}
    if form.secret is None and form.name in known:
        # A sealed password was given by hand and is in no declaration.
        source = replace(source, secret_ref=known[form.name].secret_ref)
    gather.declare_sources(connection, [source], [_table(connection, form.name, one) for one in form.tables])
    gather.declare_plans(connection, [_plan(form.name, one) for one in form.plans])
    sets = {one.name: one.rule_sets for one in form.tables if one.rule_sets is not None}
    refine.declare_rule_sets(connection, sets)
    limits = {one.name: one.hold_above for one in form.tables if one.hold_above is not None}
    refine.declare_thresholds(connection, limits)
    refine.declare_rules(
        connection,
        {one.name: [refine.RowRule.from_row(rule.model_dump()) for rule in one.rules] for one in form.tables},
    )


def _plan(source: str, form: PlanForm) -> gather.GatherPlan:
    every = None if form.every is None else dt.timedelta(minutes=form.every)
    return gather.GatherPlan(source_name=source, every=every, **form.model_dump(exclude={"every"}))


def _table(connection: Connection, source: str, form: TableForm) -> gather.SourceTable:
    entry = catalogue.find_entry(connection, form.entry).id if form.entry else None
    return gather.SourceTable(
        form.name, source, form.label, form.locator, form.mode, form.watermark, form.keys,
        tuple(_plain(item.model_dump()) for item in form.items), entry, form.state,
    )  # fmt: skip


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """An item as a table keeps it: what is not said stays unsaid."""
    return {name: value for name, value in row.items() if value is not None}


def _register(connection: Connection, form: RegisterForm) -> None:
    fuse.declare_register(connection, fuse.register_from(form.model_dump()))


def _model(connection: Connection, form: ModelForm) -> None:
    develop.save_model(
        connection,
        develop.Model(
            form.name, form.label, form.sql, form.keys, tuple(Item(**item.model_dump()) for item in form.items),
            tuple(develop.Input(**one.model_dump()) for one in form.inputs), form.question, form.theme,
            form.department, form.state,
        ),
    )  # fmt: skip


def _service(connection: Connection, form: ServiceForm) -> None:
    entry = catalogue.find_entry(connection, form.entry).id
    selection = None
    if form.sql is not None:
        also = [catalogue.find_entry(connection, code).id for code in form.also]
        selection = share.select_over(connection, entry, form.sql, also=also, keys=form.unique)
    same = ("name", "label", "keys", "items", "max_rows", "least", "past_days")
    given = {name: getattr(form, name) for name in same}
    share.publish_service(
        connection, share.Offer(**given, kind=form.type, entry_id=entry, selection=selection)
    )


def _delivery(connection: Connection, form: DeliveryForm) -> None:
    entry = catalogue.find_entry(connection, form.entry).id
    every = dt.timedelta(hours=form.reconcile_every) if form.reconcile_every else None
    known = {one.name for one in share.deliveries(connection)}
    if form.name not in known:
        grant = share.table_grant(connection, form.application, entry).id
    else:  # which grant it goes on under is the business of whoever renews it
        grant = share.find_delivery(connection, form.name).grant_id
    share.declare_delivery(
        connection,
        name=form.name,
        grant_id=grant,
        receiver=form.receiver,
        table_name=form.table,
        secret=form.secret,
    )
    share.set_reconcile_every(connection, form.name, every)
    share.set_delivery_state(connection, form.name, form.state)


_APPLY: dict[str, Callable[[Connection, Any], None]] = {
    "department": _department, "application": _application, "entry": _entry, "rule_set": _rule_set,
    "source": _source, "register": _register, "model": _model, "service": _service,
    "delivery": _delivery,
}  # fmt: skip
