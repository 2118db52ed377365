"""Who stands beside an entity: persons that other standard datasets name with it, as the register declares them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jutong.fuse.register import Register
from jutong.store import Store
from jutong.terms import NotFound, quote


@dataclass(frozen=True)
class Beside:
    """One person beside an entity; ``told`` are labels with their values as text."""

    label: str
    dataset: str
    name: str
    told: tuple[tuple[str, str], ...]


def ties_of(
    store: Store, register: Register, golden: Mapping[str, Any], most: int = 20
) -> tuple[Beside, ...]:
    """By each tie at most so many, in the order of their names; datasets that are not there yet say nothing."""
    found: list[Beside] = []
    for tie in register.ties:
        code = golden.get(tie.to_item)
        try:
            known = {item.name for item in store.spec(tie.dataset).items}
        except NotFound:
            continue
        if not code or not {tie.item, tie.name} <= known:
            continue
        shown = {name: label for name, label in tie.shown.items() if name in known}
        columns = ", ".join(quote(name) for name in (tie.name, *shown))
        with store.reading() as view:
            rows = view.rows(
                f"SELECT DISTINCT {columns} FROM {view.table(tie.dataset)} WHERE {quote(tie.item)} = ? "
                f"AND {quote(tie.name)} IS NOT NULL ORDER BY ALL LIMIT {most}",
                [str(code)],
            )
        found += [
            Beside(
                tie.label,
                tie.dataset,
                str(row[tie.name]),
                tuple((label, str(row[name])) for name, label in shown.items() if row[name] is not None),
            )
            for row in rows
        ]
    return tuple(found)
