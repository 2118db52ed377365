"""Two rows that may be one entity, side by side: what agrees, what differs, what only one of them knows."""

from __future__ import annotations

from dataclasses import dataclass

from jutong.fuse import Doubt, Register
from jutong.portal.pages.registers.why import masked


@dataclass(frozen=True)
class Compared:
    label: str
    left: str
    right: str
    same: bool
    hidden: bool


@dataclass(frozen=True)
class Pair:
    """Two rows that may be one entity, side by side."""

    register: str
    left: str
    right: str
    source_left: str
    source_right: str
    weight: float
    case_id: int | None
    verdict: str
    items: tuple[Compared, ...]


def pair_of(register: Register, one: Doubt) -> Pair:
    """Personal values (grade 3) stay masked; whether they are equal is told."""
    left, right = one.rows["left"], one.rows["right"]
    compared = []
    for item in register.items:
        values = [str(row[item.name]) for row in (left, right) if row.get(item.name)]
        if not values:
            continue
        hidden = item.grade >= 3
        shown = masked(item, values) if hidden else {}
        compared.append(
            Compared(
                label=item.label,
                left=shown.get(left.get(item.name, ""), left.get(item.name, "")),
                right=shown.get(right.get(item.name, ""), right.get(item.name, "")),
                same=left.get(item.name) == right.get(item.name),
                hidden=hidden,
            )
        )
    name = register.item_of("legal_name") or register.item_of("person_name") or ""
    label = next((item.label for item in register.items if item.name == name), "")
    head = next((it for it in compared if it.label == label), None)
    return Pair(
        register.label, head.left if head else one.key_l, head.right if head else one.key_r,
        _source(register, one.dataset_l), _source(register, one.dataset_r), round(one.weight, 1), one.case_id,
        one.verdict, tuple(compared),
    )  # fmt: skip


def _source(register: Register, dataset: str) -> str:
    source = register.source_of(dataset)
    return source.label if source else dataset
