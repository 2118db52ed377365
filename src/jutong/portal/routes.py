"""Pages and acts as data: what may be seen, what may be done, and by whom.

A page is a function from a visit to one frozen dataclass.  The same value becomes HTML through the page's
template, JSON at ``?format=json`` and under ``/api/v1``: whatever a page can show, a program can read.
An act is what a form does; its form is a frozen dataclass too, so a program can post it as JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jutong.terms import Refused

#: Who may use a route before anything about the thing itself is known.
ANYONE = "anyone"
SIGNED_IN = "signed_in"
#: Also for those who still owe a new password or a second factor.
FIRST_STEP = "first_step"


@dataclass(frozen=True)
class NoQuestion:
    """A page that takes no query."""


@dataclass(frozen=True)
class Page:
    #: ``topic`` or ``topic.part``; the template is ``pages/<topic>/<part or page>.html``.
    name: str
    path: str
    #: (visit, question) → frozen dataclass, or a Download.
    build: Callable[..., Any]
    #: ANYONE, SIGNED_IN, or an action that ``people.decide`` knows.
    may: str = SIGNED_IN
    #: The stop of the journey and the tab below it that are lit.
    stop: str = ""
    tab: str = ""
    #: A frozen dataclass of the query's fields.
    asks: type = NoQuestion
    #: False for pages a program has no use for (the sign-in form).
    in_api: bool = True
    says: str = ""

    @property
    def template(self) -> str:
        topic, _, part = self.name.partition(".")
        return f"pages/{topic}/{part or 'page'}.html"


@dataclass(frozen=True)
class Act:
    name: str
    path: str
    #: (visit, form) → Done, or a Refused that is shown on the form
    do: Callable[..., Done | Refused]
    form: type
    may: str = SIGNED_IN
    #: The page that shows what was wrong with the form; its path takes the same path parameters.
    shown_on: str = ""
    in_api: bool = True
    says: str = ""


@dataclass(frozen=True)
class Done:
    """What an act did: where to go on, what to say there, and a value for programs."""

    location: str
    said: str = ""
    value: Any = None
    #: A new session token (sign-in), or "" to end the session; None leaves it.
    token: str | None = None
    #: A new look, for visitors without a session.
    look: str | None = None
    #: A template that shows the value at once instead of a redirect: for what is shown once and kept nowhere.
    shows: str = ""


@dataclass(frozen=True)
class Download:
    """A file instead of a page."""

    name: str
    media_type: str
    #: Blocks are for what may leave once only: whoever gives them learns how far they came.
    content: bytes | Path | Iterator[bytes]
    #: Shown in the browser rather than kept.
    inline: bool = False
    #: Of blocks: how many bytes in all, and the ledger's receipt.
    length: int | None = None
    receipt: str = ""


@dataclass(frozen=True)
class Upload:
    name: str
    content: bytes = field(repr=False)
