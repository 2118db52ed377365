"""Every event that any room records in the security log has a label, in both languages."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from jutong.people.security_log import Event
from jutong.portal.language import read_english
from jutong.portal.pages.security.route import LABELS

SOURCE = Path(__file__).parents[2] / "src" / "jutong"
_EVENT = re.compile(r"[a-z]+:[a-z_]+:[a-z_]+")


def recorded() -> Iterator[str]:
    """Words of the events' grammar in the modules that write to the security log."""
    for file in SOURCE.rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        writes = any(
            isinstance(node, ast.ImportFrom)
            and (node.module or "").startswith("jutong.people")
            and any(name.name == "log" for name in node.names)
            for node in ast.walk(tree)
        )
        if writes:
            yield from (
                node.value
                for node in ast.walk(tree)
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and _EVENT.fullmatch(node.value)
            )  # fmt: skip


def test_every_recorded_event_has_a_label() -> None:
    # What begins with share: is written to the ledger, not here.
    found = {one for one in (*recorded(), *map(str, Event)) if not one.startswith("share:")}
    assert len(found) > 20
    assert found - set(LABELS) == set()


def test_every_label_is_said_in_english() -> None:
    assert set(LABELS.values()) - set(read_english(SOURCE / "portal")) == set()
