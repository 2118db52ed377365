"""One journey in a real Chromium: find, ask, two heads consent, the token works, the ledger shows the call.

It runs in a city brought back from a backup of the sample city, so that the sample stays as it was made.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.journey.sample import Sample, command, run, sample_of

PASSWORD = "Shaoyang-2026"


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return sample_of(tmp_path_factory)


@pytest.fixture(scope="module")
def city(sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """(portal port, gate port) of a served city; ended by its id."""
    folder = tmp_path_factory.mktemp("browser")
    run(sample.home, "backup", str(folder / "backup"))
    home = folder / "city"
    run(home, "restore", str(folder / "backup"))
    ports = (_free_port(), _free_port())
    with (folder / "serve.log").open("wb") as log:
        served = subprocess.Popen(
            command(home, "serve"), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=_ports(*ports)
        )
        try:
            _wait(f"http://127.0.0.1:{ports[0]}/", served, folder / "serve.log")
            _wait(f"http://127.0.0.1:{ports[1]}/health", served, folder / "serve.log")
            yield ports
        finally:
            served.terminate()
            served.wait(60)


def test_a_consumer_finds_asks_is_granted_calls_and_the_ledger_shows_it(
    chromium: Browser, city: tuple[int, int]
) -> None:
    portal, gate = f"http://127.0.0.1:{city[0]}", f"http://127.0.0.1:{city[1]}"

    page = _signed_in(chromium, portal, "consumer")
    page.goto(f"{portal}/catalogue?q=营业执照电子证照")
    page.get_by_role("link", name="营业执照电子证照").first.click()
    page.get_by_role("link", name=re.compile("申请")).first.click()
    for box in page.locator("input[name=items]:not([disabled])").all():
        box.check()
    page.select_option("#application", "A02")
    page.fill("[name=basis]", "《湖南省社会信用条例》第十二条")
    page.fill("[name=scene]", "企业信用报告出具前核验营业执照")
    page.fill("[name=scope]", "全市信用主体")
    page.locator("input[name=purpose]").first.check()
    page.locator("input[name=method][value=api]").check()
    page.fill("[name=until]", "2027-06-30")
    page.locator("main form[action='/requests'] button.btn-main").click()
    expect(page).to_have_url(re.compile(r"/cases/\d+"))
    case = re.search(r"/cases/\d+", page.url)[0]
    page.close()

    _moves(chromium, portal, case, "consumer.head", "同意提出")
    _moves(chromium, portal, case, "provider.head", "同意共享")

    page = _signed_in(chromium, portal, "consumer")
    page.goto(f"{portal}/applications/A02#rotate")
    page.locator("#rotate button.btn-main").click()
    token = page.locator("#token").inner_text().strip()
    page.close()

    receipt = _called(gate, token)
    page = _signed_in(chromium, portal, "auditor")
    deadline = time.monotonic() + 30
    while True:
        page.goto(f"{portal}/ledger?application=A02")
        if page.get_by_text("licence_business").count() or time.monotonic() > deadline:
            break
        time.sleep(1)
    expect(page.locator("main")).to_contain_text("营业执照电子证照")
    assert receipt
    page.close()


def _signed_in(browser: Browser, portal: str, login: str) -> Page:
    page = browser.new_context(locale="zh-CN", viewport={"width": 1440, "height": 900}).new_page()
    page.goto(f"{portal}/")
    page.fill("input[name=login]", login)
    page.fill("input[name=password]", PASSWORD)
    page.press("input[name=password]", "Enter")
    expect(page.locator("h1")).to_contain_text("工作台")
    return page


def _moves(browser: Browser, portal: str, case: str, login: str, move: str) -> None:
    page = _signed_in(browser, portal, login)
    page.goto(f"{portal}{case}")
    button = page.get_by_role("button", name=move, exact=True)
    if not button.is_visible():
        page.locator("details.answer summary", has_text=move).first.click()
    button.click()
    page.wait_for_load_state()
    page.close()


def _called(gate: str, token: str) -> str:
    """Ask for a licence by the key the service names; the grant is known within seconds."""
    deadline = time.monotonic() + 60
    while True:
        request = urllib.request.Request(
            f"{gate}/v1/licence_business", headers={"Authorization": f"Bearer {token}"}
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                assert json.loads(answer.read())
                return str(answer.headers["Jutong-Receipt"])
        except urllib.error.HTTPError as problem:
            body = problem.read().decode()
            assert time.monotonic() < deadline, f"the gate refused: {problem.code} {body}"
        time.sleep(0.5)


def _wait(url: str, served: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and served.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.3)
    pytest.fail(f"{url} never answered:\n{log.read_text(errors='replace')[-2000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _ports(portal: int, gate: int) -> dict[str, str]:
    import os

    return {**os.environ, "JUTONG_PORTAL_PORT": str(portal), "JUTONG_GATE_PORT": str(gate)}
