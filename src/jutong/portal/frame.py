"""The frame around every page: who I am, where I am on the journey, what waits at each stop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from jutong.casework import count_unread, desk
from jutong.ledger import Damaged
from jutong.people import ROLES, department
from jutong.portal import saying
from jutong.portal.asking import BadForm
from jutong.portal.cookies import Look
from jutong.portal.language import HTML_LANGUAGE
from jutong.portal.navigation import JOURNEY, Stop, Tab
from jutong.portal.routes import SIGNED_IN
from jutong.portal.visits import Visit
from jutong.terms import JutongError


@dataclass(frozen=True)
class TabView:
    name: str
    label: str
    path: str
    waiting: int = 0


@dataclass(frozen=True)
class StopView:
    name: str
    label: str
    path: str
    waiting: int


@dataclass(frozen=True)
class Frame:
    html_language: str
    look: Look
    city: str
    #: "1/500" where the data are a sample, else "".
    scale: str
    party: bool
    department: str
    roles: tuple[str, ...]
    unread: int
    stop: str
    tab: str
    stops: tuple[StopView, ...]
    tabs: tuple[TabView, ...]
    here: str
    sought: str
    csrf: str
    said: str
    as_of: str
    checkpoint: int | None
    trouble: JutongError | None = None
    #: Field name → what is wrong with it, and what the visitor had written.
    wrong: Mapping[str, str] = field(default_factory=dict)
    given: Mapping[str, Any] = field(default_factory=dict)


def scale_label(scale: float) -> str:
    """0.002 → 1/500; whole sizes and real data have no label."""
    if scale <= 0 or scale >= 1:
        return ""
    return str(Fraction(scale).limit_denominator(100_000))


def make_frame(visit: Visit, *, stop: str = "", tab: str = "", here: str = "/", sought: str = "") -> Frame:
    """Everything the layout shows; for a visitor who has not signed in only look, city and scale."""
    settings = visit.rooms.settings
    party = visit.party
    waiting = _waiting(visit) if party else {}
    trouble = visit.trouble
    return Frame(
        html_language=HTML_LANGUAGE[visit.look.language],
        look=visit.look,
        city=settings.city,
        scale=scale_label(settings.scale),
        party=party is not None,
        department=_department(visit),
        roles=_roles(visit),
        unread=count_unread(visit.connection, party) if party else 0,
        stop=stop,
        tab=tab,
        stops=tuple(_stop(visit, one, waiting) for one in JOURNEY) if party else (),
        tabs=tuple(_tabs(visit, stop, waiting)) if party else (),
        here=here,
        sought=sought,
        csrf=visit.csrf,
        said=visit.said,
        as_of=f"{saying.local(visit.now):%Y-%m-%d %H:%M}",
        checkpoint=_checkpoint(visit),
        trouble=trouble,
        wrong=trouble.fields if isinstance(trouble, BadForm) else {},
        given=visit.given,
    )


#: Which stop of the journey a kind of case waits at.
_STOP_OF_KIND = {
    "gather_drift": "gather",
    "front_machine": "gather",
    "data_quality": "refine",
    "objection": "refine",
    "catalogue_entry": "catalogue",
    "catalogue_change": "catalogue",
    "demand": "catalogue",
    "share_request": "share",
    "extension": "share",
    "violation": "oversee",
    "task": "oversee",
}


def _waiting(visit: Visit) -> dict[str, int]:
    """How many cases wait for this party at each stop; the tab of all of them stands under 共享."""
    if not visit.can("case:read"):
        return {}
    rows = desk(visit.connection, visit.who, now=visit.now)
    counts = Counter(_STOP_OF_KIND.get(row.case.kind, "share") for row in rows)
    return {**counts, "share.cases": len(rows)}


def _checkpoint(visit: Visit) -> int | None:
    """How many exchanges are sealed; a ledger that cannot be read is said by the ledger's own page."""
    try:
        return visit.rooms.ledger.checkpoint().size
    except (OSError, JutongError, Damaged):
        return None


def _department(visit: Visit) -> str:
    if visit.party is None:
        return ""
    return department(visit.connection, visit.party.department_code).short_name


def _roles(visit: Visit) -> tuple[str, ...]:
    """The first two roles name a person well enough for the masthead."""
    if visit.party is None:
        return ()
    place = 0 if visit.chinese else 1
    return tuple(labels[place] for role, labels in ROLES.items() if role in visit.party.roles)[:2]


def _may(visit: Visit, tab: Tab) -> bool:
    return tab.may == SIGNED_IN or visit.can(tab.may)


def _stop(visit: Visit, stop: Stop, waiting: Mapping[str, int]) -> StopView:
    """A stop leads to the first tab this party may open; where it may open none, to the reason."""
    first = next((tab for tab in stop.tabs if _may(visit, tab)), stop.tabs[0])
    return StopView(stop.name, stop.label, first.path, waiting.get(stop.name, 0))


def _tabs(visit: Visit, stop: str, waiting: Mapping[str, int]) -> list[TabView]:
    tabs = next((one.tabs for one in JOURNEY if one.name == stop), ())
    return [
        TabView(tab.name, tab.label, tab.path, waiting.get(f"{stop}.{tab.name}", 0))
        for tab in tabs
        if _may(visit, tab)
    ]
