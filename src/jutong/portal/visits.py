"""A visit: one request by one person, with everything a page may need in plain sight."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jutong.database import Connection, Database
from jutong.keys import KeyProvider
from jutong.ledger import Ledger
from jutong.people import Party, Session, decide
from jutong.portal import saying
from jutong.portal.cookies import Look, csrf_of
from jutong.settings import Settings
from jutong.store import Store
from jutong.terms import Allowed, Denied, JutongError, Unauthenticated

if TYPE_CHECKING:
    from jutong.portal.language import Say
    from jutong.portal.routes import Upload


@dataclass(frozen=True)
class Rooms:
    """The rooms the portal stands on, as ``make_portal`` was given them."""

    database: Database
    store: Store
    ledger: Ledger
    keys: KeyProvider
    settings: Settings


@dataclass(frozen=True)
class Visit:
    rooms: Rooms
    #: One transaction for the whole visit: what a page shows is one state of the control database.
    connection: Connection
    session: Session | None
    #: The browser's token; "" where a program brought its own bearer token.
    token: str
    look: Look
    now: dt.datetime
    say: Say
    address: str = ""
    agent: str = ""
    path: Mapping[str, Any] = field(default_factory=dict)
    uploads: Mapping[str, Upload] = field(default_factory=dict)
    #: What was wrong with the form that brought the visitor back to this page, and what it held.
    trouble: JutongError | None = None
    given: Mapping[str, Any] = field(default_factory=dict)
    #: What the last act reported.
    said: str = ""

    @property
    def party(self) -> Party | None:
        return self.session.party if self.session else None

    @property
    def who(self) -> Party:
        """The signed-in party; raises Unauthenticated."""
        if self.party is None:
            raise Unauthenticated("portal.signed_out", "请先登录")
        return self.party

    @property
    def today(self) -> dt.date:
        return saying.local(self.now).date()

    @property
    def chinese(self) -> bool:
        return self.look.language == "zh"

    def tell(self, sentence: str, /, **values: object) -> str:
        """A sentence of ours in the visitor's language, as plain text."""
        return self.say.plain(sentence, **values)

    @property
    def csrf(self) -> str:
        return csrf_of(self.token) if self.token else ""

    def must(self, action: str, thing: Any = None) -> Allowed:
        """The ground on which this party may do this; raises Denied with the reason it may not."""
        decision = decide(self.who, action, thing)
        if isinstance(decision, Allowed):
            return decision
        raise Denied(decision.code, decision.reason)

    def can(self, action: str, thing: Any = None) -> bool:
        return self.party is not None and isinstance(decide(self.party, action, thing), Allowed)
