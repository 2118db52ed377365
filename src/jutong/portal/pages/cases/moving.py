"""Moves that carry more than the case along go through the room whose rows they change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jutong.casework import CaseFile, move
from jutong.catalogue import move_case
from jutong.portal.visits import Visit
from jutong.share import move_request, request_of_case

Mover = Callable[[Visit, CaseFile, str, str, Mapping[str, Any]], CaseFile]


def plain(visit: Visit, case: CaseFile, name: str, note: str, data: Mapping[str, Any]) -> CaseFile:
    """A case that is its own whole story."""
    return move(visit.connection, case.id, name, visit.who, note, data, now=visit.now)


def _request(visit: Visit, case: CaseFile, name: str, note: str, data: Mapping[str, Any]) -> CaseFile:
    """The move that agrees issues the grant in the same transaction."""
    request = request_of_case(visit.connection, case.id)
    return move_request(visit.connection, request.id, name, visit.who, note, data, now=visit.now).case


def _catalogue(visit: Visit, case: CaseFile, name: str, note: str, data: Mapping[str, Any]) -> CaseFile:
    """The entry, or the demand, follows."""
    return move_case(visit.connection, case.id, name, visit.who, note, data, now=visit.now)


#: By the room a kind of case belongs to.
MOVERS: dict[str, Mover] = {"": plain, "share": _request, "catalogue": _catalogue}
