"""Who comes in, how the session is kept, and where the door leads."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jutong.portal import make_portal
from jutong.portal.visits import Rooms

from .conftest import Browser, TestClient


def test_the_door_shows_what_the_platform_holds_and_the_sample_accounts(visitor: Browser) -> None:
    page = visitor.get("/sign-in").text
    assert "一个城市的数据，聚到一处，依法流通，每一步都有凭据。" in page
    assert "steward" in page


def test_accounts_are_listed_only_where_the_city_is_a_sample(rooms: Rooms, visitor: Browser) -> None:
    value = visitor.get("/sign-in?format=json").json()
    assert value["demo"]
    real = replace(rooms.settings, demo_accounts=False)
    portal = make_portal(
        database=rooms.database, store=rooms.store, ledger=rooms.ledger, keys=rooms.keys, settings=real
    )
    assert TestClient(portal).get("/sign-in?format=json").json()["demo"] == []


def test_a_session_is_a_cookie_no_script_can_read(visitor: Browser) -> None:
    answer = visitor.sign_in("steward")
    assert answer.status_code == 303
    cookie = next(one for one in answer.headers.get_list("set-cookie") if one.startswith("jutong_session="))
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert visitor.get("/me").status_code == 200


def test_signing_in_changes_the_token(visitor: Browser) -> None:
    visitor.get("/sign-in")
    before = visitor.client.cookies.get("jutong_session")
    visitor.sign_in("steward")
    assert visitor.client.cookies.get("jutong_session") not in (None, before)


def test_a_wrong_password_says_so_on_the_form_and_keeps_the_account_name(visitor: Browser) -> None:
    answer = visitor.sign_in("leader", "wrong-password-1A")
    assert answer.status_code == 401
    assert 'value="leader"' in answer.text
    assert "wrong-password-1A" not in answer.text


def test_signing_out_ends_the_session_on_the_server(visitor: Browser) -> None:
    visitor.sign_in("steward")
    token = visitor.client.cookies.get("jutong_session")
    assert visitor.post("/sign-out").headers["location"] == "/sign-in"
    visitor.client.cookies.set("jutong_session", token)
    assert visitor.get("/me", follow_redirects=False).status_code == 303


def test_the_door_remembers_where_one_wanted_to_go(visitor: Browser) -> None:
    answer = visitor.get("/grants", follow_redirects=False)
    assert answer.headers["location"] == "/sign-in?next=/grants"
    visitor.get("/sign-in")
    answer = visitor.post("/sign-in", login="steward", password="Correct-horse-9", next="/grants")
    assert answer.headers["location"] == "/grants"


@pytest.mark.parametrize(
    "elsewhere", ["//evil.example", "https://evil.example/", "/\\evil.example", "\t//evil.example", ""]
)
def test_the_door_leads_nowhere_else(visitor: Browser, elsewhere: str) -> None:
    visitor.get("/sign-in")
    answer = visitor.post("/sign-in", login="steward", password="Correct-horse-9", next=elsewhere)
    assert answer.headers["location"] == "/"


def test_a_look_is_kept_for_the_person(visitor: Browser) -> None:
    visitor.sign_in("leader")
    visitor.post("/look", language="en", theme="dark", type="large", back="/")
    page = visitor.get("/me").text
    assert '<html lang="en" data-theme="dark" data-type="large"' in page
    visitor.post("/sign-out")
    visitor.client.cookies.clear()
    visitor.sign_in("leader")
    assert 'lang="en"' in visitor.get("/me").text
    visitor.post("/look", language="zh", theme="light", type="normal", back="/")


def test_a_visitor_without_an_account_has_a_look_too(visitor: Browser) -> None:
    visitor.get("/sign-in")
    visitor.post("/look", language="en", theme="contrast", type="normal", back="/sign-in")
    assert '<html lang="en" data-theme="contrast"' in visitor.get("/sign-in").text


def test_a_program_signs_in_for_a_token(visitor: Browser) -> None:
    answer = visitor.client.post(
        "/api/v1/session", json={"login": "steward", "password": "Correct-horse-9"}
    ).json()
    visitor.client.cookies.clear()
    value = visitor.get("/api/v1/me", headers={"Authorization": f"Bearer {answer['value']['token']}"})
    assert value.json()["login"] == "steward"
