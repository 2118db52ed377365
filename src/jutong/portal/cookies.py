"""The three cookies of a browser, and what each is worth.

``jutong_session``  a random token; signed in, it is the session of ``people``, before that it only carries forms
``jutong_look``     language, theme and type of a visitor who has not signed in
``jutong_said``     what the last act reported, shown once on the next page (POST, redirect, GET)

All are HttpOnly and SameSite=Lax.  The CSRF token of a form is a hash of the first: another site can make the
browser send the cookie, but cannot read it, so it cannot write the form.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import Response

from jutong.database import Connection, named_sql

SESSION = "jutong_session"
LOOK = "jutong_look"
SAID = "jutong_said"

LANGUAGES = ("zh", "en")
THEMES = ("light", "dark", "contrast")
TYPES = ("normal", "large")

_SQL = named_sql(__file__, "looks.sql")


@dataclass(frozen=True)
class Look:
    """How a person wants to see."""

    language: str = "zh"
    theme: str = "light"
    type: str = "normal"

    @classmethod
    def from_cookie(cls, text: str) -> Look:
        """``zh.dark.large``; anything else is the default look."""
        parts = text.split(".")
        known = (LANGUAGES, THEMES, TYPES)
        if len(parts) == len(known) and all(part in names for part, names in zip(parts, known, strict=True)):
            return cls(*parts)
        return cls()

    def to_cookie(self) -> str:
        return f"{self.language}.{self.theme}.{self.type}"


def look_of(connection: Connection, user_id: int) -> Look | None:
    """The look this person chose, if he ever chose."""
    row = connection.execute(_SQL.look_of, {"user_id": user_id}).fetchone()
    return Look(row["language"], row["theme"], row["type"]) if row else None


def keep_look(connection: Connection, user_id: int, look: Look) -> None:
    values = {"user_id": user_id, "language": look.language, "theme": look.theme, "type": look.type}
    connection.execute(_SQL.keep_look, values)


def new_token() -> str:
    return secrets.token_urlsafe(32)


def csrf_of(token: str) -> str:
    return hashlib.sha256(b"jutong csrf\0" + token.encode()).hexdigest()


def csrf_holds(token: str, given: str) -> bool:
    return bool(token) and hmac.compare_digest(csrf_of(token), given)


def said(request: Request) -> str:
    return unquote(request.cookies.get(SAID, ""))[:500]


def set_cookie(answer: Response, request: Request, name: str, value: str, seconds: int | None = None) -> None:
    """``seconds`` None: until the browser closes; 0 takes the cookie away."""
    answer.set_cookie(
        name,
        quote(value, safe=".-_"),
        max_age=seconds,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
        path="/",
    )
