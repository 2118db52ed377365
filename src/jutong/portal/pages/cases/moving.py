"""Moves that carry more than the case along go through the room whose rows they change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jutong.casework import CaseFile
from jutong.portal.visits import Visit

Mover = Callable[[Visit, CaseFile, str, str, Mapping[str, Any]], CaseFile]

#: By the kind's room where it has one, else by the kind itself.
MOVERS: dict[str, Mover] = {}
