"""A person's own page: look, password, second factor, own security log."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from jutong.people import (
    EVENT_LABELS,
    ROLES,
    SecurityEvent,
    begin_enrolment,
    change_password,
    close_session,
    department,
    finish_enrolment,
    security_events,
)
from jutong.portal.cookies import keep_look
from jutong.portal.routes import ANYONE, FIRST_STEP, SIGNED_IN, Act, Done, NoQuestion, Page
from jutong.portal.visits import Visit
from jutong.terms import BadInput, Refused


@dataclass(frozen=True)
class OwnEvent:
    label: str
    event: SecurityEvent


@dataclass(frozen=True)
class Me:
    """Who the platform thinks I am, and what it kept of my doings."""

    login: str
    name: str
    department: str
    roles: tuple[str, ...]
    administrator: bool
    events: tuple[OwnEvent, ...]


@dataclass(frozen=True)
class First:
    """What is owed before anything else: a password of one's own, a second factor, or nothing more."""

    stage: str
    #: The secret to type and the address to scan; shown once, while enrolling.
    secret: str = ""
    address: str = ""


@dataclass(frozen=True)
class LookForm:
    language: Annotated[Literal["zh", "en"] | None, Field(title="语言")] = None
    theme: Annotated[Literal["light", "dark", "contrast"] | None, Field(title="配色")] = None
    type: Annotated[Literal["normal", "large"] | None, Field(title="字号")] = None
    back: str = "/"


@dataclass(frozen=True)
class PasswordForm:
    password: Annotated[str, Field(title="原口令", max_length=1024)]
    new_password: Annotated[str, Field(title="新口令", max_length=1024)]
    again: Annotated[str, Field(title="再输一次", max_length=1024)]


@dataclass(frozen=True)
class CodeForm:
    code: Annotated[str, Field(title="动态口令", max_length=20)]


def build(visit: Visit, _: NoQuestion) -> Me:
    """My account."""
    me = visit.who
    return Me(
        login=me.login,
        name=me.name,
        department=department(visit.connection, me.department_code).name,
        roles=tuple(label for role, (label, _) in ROLES.items() if role in me.roles),
        administrator=me.administrator,
        events=tuple(
            OwnEvent(EVENT_LABELS.get(event.event, event.event), event)
            for event in security_events(visit.connection, me, limit=200)
            if event.user_id == me.user_id
        )[:20],
    )


def first(visit: Visit, _: NoQuestion) -> First:
    """What is owed before anything else."""
    assert visit.session is not None
    stage = visit.session.stage
    if stage != "enrol" or visit.trouble is not None:
        return First(stage)
    enrolment = begin_enrolment(visit.connection, visit.who, visit.rooms.keys)
    return First(stage, enrolment.secret, enrolment.address)


def see(visit: Visit, form: LookForm) -> Done:
    """Choose language, theme and type size; kept for the account."""
    given = {name: value for name, value in dataclasses.asdict(form).items() if name != "back" and value}
    look = dataclasses.replace(visit.look, **given)
    if visit.party:
        keep_look(visit.connection, visit.party.user_id, look)
    return Done(form.back, value=look, look=look.to_cookie())


def new_password(visit: Visit, form: PasswordForm) -> Done | Refused:
    """Change my password; every session of mine ends, and I sign in anew."""
    if form.new_password != form.again:
        raise BadInput("portal.passwords_differ", "两次输入的新口令不一样")
    decision = change_password(
        visit.connection, visit.who, form.password, form.new_password, now=visit.now, address=visit.address
    )
    if isinstance(decision, Refused):
        return decision
    return Done("/sign-in", "口令已更换，请用新口令登录", token="")


def bind(visit: Visit, form: CodeForm) -> Done | Refused:
    """Take the first code of a new second factor."""
    decision = finish_enrolment(
        visit.connection, visit.who, form.code, visit.rooms.keys, now=visit.now, address=visit.address
    )
    if isinstance(decision, Refused):
        return decision
    close_session(visit.connection, visit.token, address=visit.address, now=visit.now)
    return Done("/sign-in", "动态口令已绑定，请再登录一次", token="")


PAGES = (
    Page("me", "/me", build, may=SIGNED_IN),
    Page("me.first", "/me/first", first, may=FIRST_STEP, in_api=False),
)
ACTS = (
    Act("look", "/look", see, LookForm, may=ANYONE),
    Act(
        "me.password",
        "/me/password",
        new_password,
        PasswordForm,
        may=FIRST_STEP,
        shown_on="/me/first",
        in_api=False,
    ),
    Act("me.factor", "/me/factor", bind, CodeForm, may=FIRST_STEP, shown_on="/me/first", in_api=False),
)
