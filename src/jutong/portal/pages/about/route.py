"""Explanations a visitor may need before or without an account."""

from __future__ import annotations

from dataclasses import dataclass

from jutong.portal.frame import scale_label
from jutong.portal.routes import ANYONE, Act, NoQuestion, Page
from jutong.portal.visits import Visit


@dataclass(frozen=True)
class Scale:
    """What is whole and what is a sample here."""

    scale: float
    label: str


@dataclass(frozen=True)
class Explained:
    """A page of words."""

    city: str


def scale(visit: Visit, _: NoQuestion) -> Scale:
    """The sample's scale."""
    value = visit.rooms.settings.scale
    return Scale(value, scale_label(value))


def words(visit: Visit, _: NoQuestion) -> Explained:
    """A page of words."""
    return Explained(visit.rooms.settings.city)


PAGES = (
    Page("about.scale", "/scale", scale, may=ANYONE),
    Page("about.accessibility", "/accessibility", words, may=ANYONE, in_api=False),
    Page("about.api", "/api", words, may=ANYONE, in_api=False),
)
ACTS: tuple[Act, ...] = ()
