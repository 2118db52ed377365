"""What holds for every page and every form, whatever the topic."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest

from jutong.portal.pages import ACTS, PAGES
from jutong.portal.rendering import FOLDER
from jutong.portal.routes import ANYONE, Act, Page
from jutong.portal.visits import Rooms

from .conftest import Browser
from .test_every_page import address, sample

pytestmark = pytest.mark.usefixtures("registers")

SHOWN = [
    page
    for page in PAGES
    if not page.path.endswith(
        ("/receipt", "/file", "/export", "/proof", ".xlsx", ".yaml", "/openapi", "/checkpoint")
    )
]


class Outline(HTMLParser):
    """What of a page could run or be blocked, and what its forms look like."""

    def __init__(self) -> None:
        super().__init__()
        self.inline: list[str] = []
        self.foreign: list[str] = []
        self.unlabelled: list[str] = []
        self.posts = 0
        self.tokens = 0
        self.headings = 0
        self._labels: set[str] = set()
        self._inputs: list[str] = []
        self._script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.inline += [f"{tag} {name}" for name in given if name == "style" or name.startswith("on")]
        if tag == "style" or (tag == "script" and "src" not in given):
            self.inline.append(tag)
        for name in ("src", "href", "action", "formaction"):
            if re.match(r"(?i)(https?:|//|javascript:|data:)", given.get(name, "")):
                self.foreign.append(f"{tag} {given[name]}")
        if tag == "form" and given.get("method", "get") == "post":
            self.posts += 1
        if tag == "input" and given.get("name") == "_csrf":
            self.tokens += 1
        if tag == "label" and "for" in given:
            self._labels.add(given["for"])
        if tag == "h1":
            self.headings += 1

    @classmethod
    def of(cls, text: str) -> Outline:
        outline = cls()
        outline.feed(text)
        return outline


@pytest.mark.parametrize("page", SHOWN, ids=lambda page: page.path)
def test_a_page_runs_nothing_inline_and_loads_nothing_from_elsewhere(
    page: Page, rooms: Rooms, visitor: Browser, signed_in: Callable[[str], Browser]
) -> None:
    visitors = (
        [visitor]
        if page.may == ANYONE
        else [signed_in(login) for login in ("steward", "consumer", "auditor")]
    )
    for one in visitors:
        answer = one.get(address(rooms, page))
        outline = Outline.of(answer.text)
        assert outline.inline == []
        assert outline.foreign == []
        assert outline.tokens == outline.posts
        assert len(answer.content) < 100_000
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("page", SHOWN, ids=lambda page: page.path)
def test_a_page_has_one_heading_and_names_its_language(
    page: Page, rooms: Rooms, visitor: Browser, signed_in: Callable[[str], Browser]
) -> None:
    one = visitor if page.may == ANYONE else signed_in("steward")
    text = one.get(address(rooms, page)).text
    assert Outline.of(text).headings == 1
    assert '<html lang="zh-CN"' in text


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.path)
def test_a_form_without_its_token_does_nothing(
    act: Act, rooms: Rooms, signed_in: Callable[[str], Browser]
) -> None:
    path = sample(rooms, act.path)
    answer = signed_in("steward").client.post(path, data={"_csrf": "0" * 64}, follow_redirects=False)
    assert answer.status_code == 403
    assert "portal.csrf" in answer.text


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.path)
def test_a_form_from_another_site_does_nothing(
    act: Act, rooms: Rooms, signed_in: Callable[[str], Browser]
) -> None:
    browser = signed_in("steward")
    answer = browser.client.post(
        sample(rooms, act.path),
        data={"_csrf": browser.csrf()},
        headers={"Origin": "https://evil.example"},
        follow_redirects=False,
    )
    assert answer.status_code == 403
    assert "portal.foreign_form" in answer.text


@pytest.mark.parametrize("act", [act for act in ACTS if act.may != ANYONE], ids=lambda act: act.path)
def test_a_form_needs_somebody(act: Act, rooms: Rooms, visitor: Browser) -> None:
    visitor.get("/sign-in")
    answer = visitor.post(sample(rooms, act.path))
    assert answer.status_code == 401
    if act.in_api:
        told = visitor.client.post("/api/v1" + sample(rooms, act.path), json={})
        assert told.status_code == 401
        assert told.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "act", [act for act in ACTS if act.in_api and act.may != ANYONE], ids=lambda act: act.path
)
def test_a_cookie_alone_does_not_act_through_the_api(
    act: Act, rooms: Rooms, signed_in: Callable[[str], Browser]
) -> None:
    answer = signed_in("steward").client.post("/api/v1" + sample(rooms, act.path), json={})
    assert answer.status_code == 403
    assert answer.json()["code"] == "portal.csrf"


@pytest.mark.parametrize("page", [page for page in SHOWN if page.in_api], ids=lambda page: page.path)
def test_a_program_reads_what_a_page_shows(
    page: Page, rooms: Rooms, signed_in: Callable[[str], Browser]
) -> None:
    browser, path = signed_in("steward"), address(rooms, page)
    join = "&" if "?" in path else "?"
    shown = browser.get(f"{path}{join}format=json")
    told = browser.get(f"/api/v1{'/desk' if path == '/' else path}")
    assert told.status_code == shown.status_code
    if shown.status_code != 200:
        return
    assert told.headers["content-type"] == "application/json"
    assert without_moments(told.json()) == without_moments(shown.json())


def without_moments(value: object) -> object:
    """Two looks are never at the same instant, others write to the same disk, each form has a key of its own."""
    if isinstance(value, dict):
        return {
            name: without_moments(one)
            for name, one in value.items()
            if name not in ("as_of", "events", "room", "row_key")
        }
    return [without_moments(one) for one in value] if isinstance(value, list) else value


def test_a_refusal_is_a_problem_document(visitor: Browser) -> None:
    answer = visitor.get("/api/v1/grants")
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "urn:jutong:problem:portal.signed_out",
        "title": "请先登录",
        "status": 401,
        "detail": "请先登录",
        "code": "portal.signed_out",
    }


def test_everything_wrong_with_a_form_is_told_at_once(signed_in: Callable[[str], Browser]) -> None:
    browser = signed_in("consumer")
    answer = browser.client.post(
        "/api/v1/requests", json={"entry": "x"}, headers={"Jutong-CSRF": browser.csrf()}
    )
    assert answer.status_code == 422
    told = answer.json()
    assert told["code"] == "portal.bad_form"
    assert {"entry", "application", "basis", "scene", "scope", "items", "until"} <= set(told["fields"])
    assert "另有" in told["detail"]


def test_an_address_nobody_answers(visitor: Browser, signed_in: Callable[[str], Browser]) -> None:
    assert visitor.get("/nowhere").status_code == 404
    assert "portal.no_page" in signed_in("steward").get("/nowhere").text
    assert visitor.get("/api/v1/nowhere").json()["code"] == "portal.no_page"
    assert visitor.client.put("/grants").json()["code"] == "portal.no_method"


def test_a_question_that_makes_no_sense_is_answered_with_a_sentence(
    signed_in: Callable[[str], Browser],
) -> None:
    answer = signed_in("steward").get("/grants?page=many")
    assert answer.status_code == 422
    assert "portal.bad_form" in answer.text


def test_a_body_that_is_not_what_it_says(signed_in: Callable[[str], Browser]) -> None:
    client = signed_in("steward").client
    for body in (b"{", b"[1]", b"\xff"):
        answer = client.post("/api/v1/look", content=body, headers={"Content-Type": "application/json"})
        assert answer.json()["code"] == "portal.bad_json"
    answer = client.post(
        "/look", content=b"x", headers={"Content-Length": str(10**9), "Content-Type": "text/plain"}
    )
    assert answer.status_code == 413


def test_a_failure_of_ours_tells_a_number_and_nothing_else(
    rooms: Rooms, signed_in: Callable[[str], Browser], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fall(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(type(rooms.store), "usage", fall)
    answer = signed_in("steward").get("/storage")
    assert answer.status_code == 500
    assert "<h1>平台自己出了错</h1>" in answer.text
    assert "secret detail" not in answer.text
    monkeypatch.setattr(type(rooms.ledger), "checkpoint", fall)
    without_frame = signed_in("steward").get("/storage")
    assert without_frame.status_code == 500
    assert without_frame.json()["code"] == "portal.broken"
    assert "secret detail" not in without_frame.text


def test_what_an_act_said_is_shown_once(signed_in: Callable[[str], Browser]) -> None:
    browser = signed_in("steward")
    answer = browser.post("/notices/read")
    assert answer.status_code == 303
    assert "条消息已标为已读" in browser.get("/notices").text
    assert "条消息已标为已读" not in browser.get("/notices").text


def test_the_api_describes_itself(visitor: Browser) -> None:
    described = visitor.get("/api/openapi.json").json()
    assert described["openapi"].startswith("3.1")
    paths = described["paths"]
    assert "post" in paths["/api/v1/cases/{case_id}/moves"]
    for page in PAGES:
        if page.in_api:
            path = re.sub(r":\w+}", "}", "/api/v1" + (page.path if page.path != "/" else "/desk"))
            assert paths[path]["get"]["summary"], path
    names = [one["operationId"] for path in paths.values() for one in path.values()]
    assert len(names) == len(set(names))


def test_a_static_file_is_named_by_its_content_and_kept_for_ever(visitor: Browser) -> None:
    page = visitor.get("/sign-in").text
    links = re.findall(r'(?:href|src)="(/static/[^"#]+)', page)
    assert links
    for link in links:
        answer = visitor.get(link)
        assert answer.status_code == 200, link
        assert "immutable" in answer.headers["cache-control"]
    stale = visitor.get("/static/0000000000/css/base.css")
    assert "immutable" not in stale.headers["cache-control"]
    assert visitor.get("/static/x/../../settings.py").status_code == 404


def test_our_own_scripts_and_styles_stay_small() -> None:
    def lines(pattern: str) -> int:
        files = [file for file in FOLDER.glob(pattern) if "vendor" not in file.parts]
        return sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files)

    assert 0 < lines("static/**/*.js") <= 1500
    assert 0 < lines("static/**/*.css") <= 2000


def test_what_we_carry_of_others_carries_its_licence() -> None:
    vendored = {file.name for file in (FOLDER / "static" / "vendor").iterdir()}
    for name in ("htmx", "echarts"):
        assert any(file.startswith(name) and file.endswith(".js") for file in vendored)
        assert any(file.startswith(name) and "LICENSE" in file for file in vendored)
