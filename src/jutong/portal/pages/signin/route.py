"""Signing in and out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from jutong.database import named_sql
from jutong.people import ROLES, close_session, open_session, sign_in
from jutong.portal.routes import ANYONE, SIGNED_IN, Act, Done, Page
from jutong.portal.visits import Visit
from jutong.terms import Refused

_SQL = named_sql(__file__)


@dataclass(frozen=True)
class Next:
    #: Where the visitor wanted to go.
    next: str = "/"


@dataclass(frozen=True)
class DemoAccount:
    login: str
    name: str
    department: str
    roles: tuple[str, ...]


@dataclass(frozen=True)
class SignIn:
    """The door: what the city's platform holds, in four numbers, and the form."""

    next: str
    departments: int
    counties: int
    entries: int
    supply: int
    applications: int
    #: Whether administrators need a code here.
    second_factor: bool
    #: Only in the sample city.
    demo: tuple[DemoAccount, ...]


@dataclass(frozen=True)
class SignInForm:
    login: Annotated[str, Field(title="账号", max_length=200)]
    password: Annotated[str, Field(title="口令", max_length=1024)]
    code: Annotated[str, Field(title="动态口令", max_length=20)] = ""
    next: str = "/"


@dataclass(frozen=True)
class Token:
    """A bearer token for the management API; it ends as a browser's session does."""

    token: str


@dataclass(frozen=True)
class NoForm:
    """A button alone."""


def build(visit: Visit, asked: Next) -> SignIn:
    """The sign-in page."""
    settings = visit.rooms.settings
    counts = visit.connection.execute(_SQL.counts).fetchone() or {}
    demo = _demo_accounts(visit) if settings.demo_accounts else ()
    return SignIn(next=asked.next, second_factor=settings.second_factor, demo=demo, **counts)


def enter(visit: Visit, form: SignInForm) -> Done | Refused:
    """Sign in with a form."""
    signed_in = sign_in(
        visit.connection,
        form.login,
        form.password,
        form.code,
        keys=visit.rooms.keys,
        second_factor=visit.rooms.settings.second_factor,
        now=visit.now,
        address=visit.address,
    )
    if isinstance(signed_in, Refused):
        return signed_in
    token = open_session(
        visit.connection,
        signed_in,
        replaces=visit.token,
        address=visit.address,
        agent=visit.agent,
        now=visit.now,
    )
    where = form.next if signed_in.stage == "open" else "/me/first"
    return Done(where, value=Token(token), token=token)


def leave(visit: Visit, _: NoForm) -> Done:
    """Sign out; the session ends on the server too."""
    close_session(visit.connection, visit.token, address=visit.address, now=visit.now)
    return Done("/sign-in", token="")


def _demo_accounts(visit: Visit) -> tuple[DemoAccount, ...]:
    rows = visit.connection.execute(_SQL.demo_accounts, {"roles": list(ROLES)})
    return tuple(
        DemoAccount(
            row["login"], row["name"], row["department"], tuple(ROLES[role][0] for role in row["roles"])
        )
        for row in rows
    )


PAGES = (Page("signin", "/sign-in", build, may=ANYONE, asks=Next, in_api=False),)
ACTS = (
    Act("signin", "/sign-in", enter, SignInForm, may=ANYONE, shown_on="/sign-in", in_api=False),
    Act("session", "/session", enter, SignInForm, may=ANYONE, says="Sign in; the value is a bearer token"),
    Act("signout", "/sign-out", leave, NoForm, may=SIGNED_IN, in_api=False),
)
