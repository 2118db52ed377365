"""Pages as browsers see them: axe finds nothing, nothing is wider than the window, the console is silent."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from axe_playwright_python.sync_playwright import Axe
from tests.portal.seed_registers import seed_registers

from .conftest import Desk, Town

PAGES = (
    "/", "/cases", "/catalogue", "/catalogue?q=qydj", "/catalogue/1", "/lists/demand", "/lists/supply",
    "/sources", "/batches", "/arrivals", "/forms", "/forms/form_market", "/front-machines", "/issues",
    "/standards", "/standards/market_entity", "/rule-sets", "/rule-sets/credit_penalty", "/elements/uscc",
    "/companies", "/registers", "/merging", "/storage", "/storage/standard.market_entity", "/lake-use",
    "/housekeeping", "/backups", "/retention", "/purges", "/requests", "/grants",
    "/services/ent_basic_query", "/issues?day=2026-01-01", "/scores", "/scores?department=D02",
    "/standards/market_entity/edit?suggest=true", "/standards/market_entity/drafts/1",
    "/standards/market_entity/history", "/deliveries", "/ledger", "/ledger/3", "/metering", "/seen",
    "/applications", "/models", "/indicators", "/figures/entries", "/campaign", "/projects", "/cloud",
    "/people", "/notices", "/me", "/security", "/search?q=企业", "/accessibility", "/scale", "/api",
    "/persons", "/licences", "/licences/expiring", "/credit", "/registers/find", "/registers/find?q=澄砚",
    "/registers/review", "/registers/licence", "/plans", "/plans/market_daily", "/plans/runs/1",
    "/sources/scjg_hand", "/sources/scjg_far", "/services/ent_basic_query/console", "/extracts",
    "/extracts/E000001", "/extracts/trace", "/services/new", "/services/new?of=ent_basic_query",
    "/services/select?entry=1", "/deliveries/new", "/services", "/nowhere",
)  # fmt: skip
THEMES = ("light", "dark", "contrast")
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}


@pytest.fixture(scope="module", autouse=True)
def registers(town: Town) -> None:
    """Every register has something to show."""
    seed_registers(town.rooms)


#: Two frames after the window changed, when the charts have followed it.
_TOO_WIDE = """new Promise(told => requestAnimationFrame(() => requestAnimationFrame(() => told(
    document.documentElement.scrollWidth - document.documentElement.clientWidth))))"""


def found_by_axe(desk: Desk, paths: Sequence[str], widths: Sequence[int] = ()) -> dict[str, list[object]]:
    """What is wrong with each page: axe's findings, and the widths of the window it does not fit into."""
    found: dict[str, list[object]] = {}
    for path in paths:
        page = desk.go(path)
        violations = Axe().run(page, options=RULES).response["violations"]
        wrong = [(one["id"], [node["html"][:160] for node in one["nodes"]][:3]) for one in violations]
        for width in widths:
            page.set_viewport_size({"width": width, "height": 900})
            over = page.evaluate(_TOO_WIDE)
            wrong += [(width, over)] if over > 0 else []
        if wrong:
            found[path] = wrong
    return found


def themed(desk: Desk, theme: str) -> Desk:
    desk.page.locator(".menu summary").first.click()
    desk.page.locator(f"input[name=theme][value={theme}]").check()
    desk.page.locator(".menu form button").click()
    return desk


@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing_and_no_page_is_wider_than_the_window(
    desks: Callable[..., Desk], theme: str
) -> None:
    """Each page once, the themes in turn: they change colours alone, and all pages share those."""
    desk = themed(desks("steward", width=1920), theme)
    assert found_by_axe(desk, PAGES[THEMES.index(theme) :: len(THEMES)], (1440, 768, 390, 1920)) == {}
    # The one refusal of the list says 404 in the console; everything else is silent.
    assert [told for told in desk.complaints if "404" not in told] == []


@pytest.mark.slow
@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing_on_any_page_in_any_theme(desks: Callable[..., Desk], theme: str) -> None:
    assert found_by_axe(themed(desks("steward"), theme), (*PAGES, "/screen")) == {}


def test_axe_finds_nothing_at_the_door_and_on_forms(desks: Callable[..., Desk]) -> None:
    door, consumer, officer = desks(), desks("consumer"), desks("provider")
    assert found_by_axe(door, ["/sign-in"]) == {}
    asked = (
        "/requests/new?entry=1", "/lists/demand/new", "/objections/new?entry=1", "/cases/1", "/extracts",
        "/applications/A03", "/applications/A03/developer",
    )  # fmt: skip
    assert found_by_axe(consumer, asked) == {}
    assert found_by_axe(officer, ["/plans/new", "/plans/market_daily/edit"]) == {}
    assert found_by_axe(desks("leader"), ["/screen"]) == {}


def test_the_screen_fits_any_wall(desks: Callable[..., Desk]) -> None:
    for width, height in ((1920, 1080), (3840, 1080), (1366, 768)):
        desk = desks("leader")
        desk.page.set_viewport_size({"width": width, "height": height})
        page = desk.go("/screen")
        page.wait_for_timeout(200)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("document.documentElement.scrollHeight") <= height
        assert page.locator(".seven a").count() == 7
        for link in page.locator(".seven a").all():
            assert str(link.get_attribute("href")).startswith("/figures/")
        assert desk.complaints == []


def test_the_keyboard_reaches_the_content_and_the_search(desks: Callable[..., Desk]) -> None:
    desk = desks("steward")
    page = desk.go("/catalogue")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "跳到正文"
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.name") == "q"


def test_a_chart_is_a_table_first(desks: Callable[..., Desk]) -> None:
    plain = desks("steward", scripts=False).go("/services/ent_basic_query")
    assert plain.locator("jt-chart table").is_visible()
    drawn = desks("steward").go("/services/ent_basic_query")
    drawn.wait_for_selector("jt-chart svg, jt-chart canvas")
