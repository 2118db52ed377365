"""A real portal and a real gate over one small city, and Chromium in front of them."""

from __future__ import annotations

import atexit
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright
from tests.gate_city import Gate
from tests.portal.seed import PASSWORD, seed

from jutong.database import Database
from jutong.keys import SoftwareKeys
from jutong.ledger import Ledger
from jutong.portal.visits import Rooms
from jutong.settings import Settings, write_settings
from jutong.store import Store

_SERVE = """
import sys
from jutong.portal import serve
from jutong.settings import read_settings
if __name__ == "__main__":
    serve(read_settings(sys.argv[1]))
"""
#: No traffic of Chromium's own, and no sandbox where tests run as root.
_QUIET = ("--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync",
          "--no-first-run", "--disable-default-apps", "--metrics-recording-only")  # fmt: skip


@dataclass
class Town:
    """The rooms, for what no person does by hand, and the two doors."""

    rooms: Rooms
    gate: Gate
    address: str


class Portal:
    """One portal process; stop it yourself."""

    def __init__(self, settings: Settings) -> None:
        self.address = f"http://127.0.0.1:{settings.portal_port}"
        script = settings.home / "serve_portal.py"
        script.write_text(_SERVE, encoding="utf-8")
        self.log = settings.home / "portal.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(script), str(settings.home)],
                env={**os.environ, "JUTONG_DATABASE_URL": settings.database_url},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        atexit.register(self.process.kill)
        deadline = time.monotonic() + 90
        while not self._answers(settings.portal_port):
            assert self.process.poll() is None, self.log.read_text(encoding="utf-8")
            assert time.monotonic() < deadline, self.log.read_text(encoding="utf-8")
            time.sleep(0.05)

    @staticmethod
    def _answers(port: int) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/favicon.ico")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        atexit.unregister(self.process.kill)


@pytest.fixture(scope="module")
def town(database: Database, settings: Settings) -> Iterator[Town]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = replace(
        settings, scale=0.002, second_factor=False, demo_accounts=True, portal_port=port, lake_memory="512MB"
    )
    write_settings(settings)
    keys = SoftwareKeys.open(settings.keys_folder)
    ledger = Ledger.open(settings.ledger_folder, keys, origin=settings.ledger_origin)
    with Store.open(database, settings) as store:
        rooms = Rooms(database, store, ledger, keys, settings)
        seed(rooms)
        portal, gate = Portal(settings), Gate(settings)
        try:
            yield Town(rooms, gate, portal.address)
        finally:
            gate.stop()
            portal.stop()


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    program = (
        os.environ.get("JUTONG_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    )
    if program is None or not Path(program).exists():
        pytest.skip("没有 Chromium：请先 apt install chromium，或用 JUTONG_CHROMIUM 指明它在哪里")
    browser = playwright.chromium.launch(executable_path=program, args=list(_QUIET))
    yield browser
    browser.close()


@dataclass
class Desk:
    """A person before a browser of his own."""

    page: Page
    context: BrowserContext
    address: str
    #: What the console complained about; a page of ours complains about nothing.
    complaints: list[str]

    def go(self, path: str) -> Page:
        self.page.goto(self.address + path)
        return self.page

    def sign_in(self, login: str) -> Desk:
        self.go("/sign-in")
        self.page.get_by_label("账号", exact=True).fill(login)
        self.page.get_by_label("口令", exact=True).fill(PASSWORD)
        self.page.get_by_role("button", name="登录").click()
        self.page.wait_for_url(f"{self.address}/")
        return self


@pytest.fixture(scope="module")
def desks(town: Town, chromium: Browser) -> Iterator[Callable[..., Desk]]:
    opened: list[Desk] = []

    def desk(login: str = "", *, scripts: bool = True, width: int = 1440) -> Desk:
        context = chromium.new_context(
            locale="zh-CN", viewport={"width": width, "height": 900}, java_script_enabled=scripts
        )
        complaints: list[str] = []
        page = context.new_page()
        page.on(
            "console",
            lambda told: complaints.append(told.text) if told.type in ("error", "warning") else None,
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        one = Desk(page, context, town.address, complaints)
        opened.append(one)
        return one.sign_in(login) if login else one

    yield desk
    for one in opened:
        one.context.close()
