"""A portal over a real control database, and the cast that visits it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest
from fastapi import FastAPI

from jutong.database import Database
from jutong.keys import SoftwareKeys
from jutong.ledger import Ledger
from jutong.portal import make_portal
from jutong.portal.visits import Rooms
from jutong.settings import Settings
from jutong.store import Store

from .seed import PASSWORD, seed
from .seed_registers import seed_registers

with warnings.catch_warnings():
    # The client still speaks through httpx, whose successor is not in our lock file.
    warnings.simplefilter("ignore")
    from fastapi.testclient import TestClient


@dataclass
class Browser:
    """A visitor with cookies, who can fill in forms as a person does."""

    client: TestClient

    def get(self, path: str, **kw):  # type: ignore[no-untyped-def]
        return self.client.get(path, **kw)

    def csrf(self) -> str:
        from jutong.portal.cookies import SESSION, csrf_of

        return csrf_of(self.client.cookies.get(SESSION) or "")

    def post(self, path: str, follow_redirects: bool = False, **fields):  # type: ignore[no-untyped-def]
        return self.client.post(
            path, data={"_csrf": self.csrf(), **fields}, follow_redirects=follow_redirects
        )

    def sign_in(self, login: str, password: str = PASSWORD):  # type: ignore[no-untyped-def]
        self.get("/sign-in")
        return self.post("/sign-in", login=login, password=password)


@pytest.fixture(scope="module")
def rooms(database: Database, settings: Settings) -> Iterator[Rooms]:
    """The rooms of a small sample city."""
    settings = replace(settings, scale=0.002, second_factor=False, demo_accounts=True)
    keys = SoftwareKeys.open(settings.keys_folder)
    ledger = Ledger.open(settings.ledger_folder, keys, origin=settings.ledger_origin)
    with Store.open(database, settings) as store:
        rooms = Rooms(database, store, ledger, keys, settings)
        seed(rooms)
        yield rooms


@pytest.fixture(scope="module")
def registers(rooms: Rooms) -> None:
    """Beside the register of companies those of licences, credit and persons."""
    seed_registers(rooms)


@pytest.fixture(scope="module")
def portal(rooms: Rooms) -> FastAPI:
    return make_portal(
        database=rooms.database,
        store=rooms.store,
        ledger=rooms.ledger,
        keys=rooms.keys,
        settings=rooms.settings,
    )


@pytest.fixture
def visitor(portal: FastAPI) -> Iterator[Browser]:
    """Somebody who has not signed in."""
    with TestClient(portal, base_url="http://testserver") as client:
        yield Browser(client)


@pytest.fixture(scope="module")
def signed_in(portal: FastAPI) -> Callable[[str], Browser]:
    """A browser of a member of the cast; one session each for the whole module."""
    open_: dict[str, Browser] = {}

    def browser(login: str) -> Browser:
        if login not in open_:
            one = Browser(TestClient(portal))
            assert one.sign_in(login).status_code == 303
            open_[login] = one
        return open_[login]

    return browser
