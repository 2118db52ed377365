"""A permission is a value with a reason, never a bare bool."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Allowed:
    #: On what ground: a role, a duty, a grant id.
    ground: str


@dataclass(frozen=True)
class Refused:
    code: str
    reason: str


Decision = Allowed | Refused
