"""A real gate on loopback before a real city: Granian, replicas, PostgreSQL, ledger; and a plain HTTP caller."""

from __future__ import annotations

import atexit
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jutong.settings import Settings

ROOT = Path(__file__).parents[1]
_SERVE = """
import sys
from jutong.gate import serve
from jutong.settings import read_settings
if __name__ == "__main__":
    serve(read_settings(sys.argv[1]))
"""


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def told(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def rows(self) -> list[dict[str, Any]]:
        assert self.status == 200, self.body
        return self.told["rows"]

    @property
    def code(self) -> str:
        """The problem's code; a problem is always a whole RFC 9457 document."""
        told = self.told
        assert self.headers["content-type"].startswith("application/problem+json")
        assert told["status"] == self.status
        assert told["title"]
        assert told["type"] == f"urn:jutong:problem:{told['code']}"
        return str(told["code"])

    @property
    def receipt(self) -> str:
        return self.headers["jutong-receipt"]


class Gate:
    """One gate process; stop it yourself."""

    def __init__(self, settings: Settings, **more: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        environ = {
            "JUTONG_DATABASE_URL": settings.database_url,
            "JUTONG_GATE_PORT": str(self.port),
            "JUTONG_LAKE_MEMORY": "512MB",
            **more,
        }
        script = settings.home / "serve_gate.py"
        script.write_text(_SERVE, encoding="utf-8")
        self.log = settings.home / f"gate-{self.port}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(script), str(settings.home)],
                env={**os.environ, **environ}, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        # A test that fails half-way leaves no gate behind; its worker and keeper follow it.
        atexit.register(self.process.kill)
        self.until(lambda: self.ask("/health").status == 200)

    def ask(
        self,
        path: str,
        token: str | None = None,
        *,
        method: str = "GET",
        body: object = None,
        headers: Mapping[str, str] | None = None,
        **query: object,
    ) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            given = dict(headers or {})
            if token is not None:
                given["Authorization"] = f"Bearer {token}"
            target = f"{path}?{urlencode(query)}" if query else path
            sent = json.dumps(body).encode() if isinstance(body, dict | list) else body
            connection.request(method, target, body=sent, headers=given)  # type: ignore[arg-type]
            answer = connection.getresponse()
            return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def call(self, service: str, token: str | None, **given: Any) -> Reply:
        return self.ask(f"/v1/{service}", token, **given)

    def until(self, holds: Callable[[], bool], seconds: float = 60) -> None:
        """Wait until something holds; a gate that died says why."""
        deadline = time.monotonic() + seconds
        while True:
            assert self.process.poll() is None, self.log.read_text(encoding="utf-8")
            try:
                if holds():
                    return
            except OSError:
                pass
            assert time.monotonic() < deadline, self.log.read_text(encoding="utf-8")
            time.sleep(0.02)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        atexit.unregister(self.process.kill)
