"""One department's own live interface: the approval platform's investment filings, asked company by company.

It holds nothing that is gathered: what it answers follows from the company's code alone, so whoever wants to check
an answer can work it out (``filings``).  It listens on loopback and is there as long as the other foreign systems.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from jutong.city.systems.outlet import outside_folder

#: What the platform is known by at the interface; a foreign system's secret, so no secret of ours.
KEY = "shaoyang-approval-platform"
_PATH = "/approval/filings"
_WHAT = (
    "生产线技术改造",
    "标准厂房建设",
    "冷链仓储物流中心",
    "屋顶分布式光伏发电",
    "农产品精深加工",
    "数字化车间改造",
)
_STATES = ("有效", "有效", "有效", "已竣工", "已撤销")


def filings(uscc: str) -> list[dict[str, str]]:
    """The investment filings of a company, as the interface tells them: none, one or two."""
    chance = hashlib.sha256(uscc.encode()).digest()
    found = []
    for number in range((0, 1, 1, 2)[chance[0] % 4]):
        year, month, day = (
            2021 + chance[1 + number] % 4,
            1 + chance[3 + number] % 12,
            1 + chance[5 + number] % 28,
        )
        found.append(
            {
                "filingNo": f"{year}-4305{chance[7 + number]:02d}-{chance[9 + number]:03d}-{month:02d}{day:02d}",
                "creditCode": uscc,
                "content": f"{_WHAT[chance[11 + number] % len(_WHAT)]}项目备案",
                "filedOn": f"{year}/{month}/{day}",
                "validUntil": f"{year + 2}/{month}/{day}",
                "authority": "邵阳市行政审批服务局",
                "state": _STATES[chance[13 + number] % len(_STATES)],
            }
        )
    return found


@contextmanager
def live_interface(home: Path) -> Iterator[str]:
    """Its address for as long as the block runs; also left in ``DIR/outside/live``."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Interface)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.1,), name="live", daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}{_PATH}"
    place = _place(home)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(address, encoding="utf-8")
    try:
        yield address
    finally:
        place.unlink(missing_ok=True)
        server.shutdown()
        server.server_close()


def live_address(home: Path) -> str | None:
    """Where it listens now, if it does."""
    place = _place(home)
    return place.read_text(encoding="utf-8") if place.is_file() else None


def _place(home: Path) -> Path:
    return outside_folder(home) / "live"


class _Interface(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        code = parse_qs(parts.query).get("creditCode", [""])[0]
        if parts.path != _PATH or self.headers.get("X-API-Key") != KEY:
            self._tell(401 if parts.path == _PATH else 404, {"message": "unknown"})
        else:
            self._tell(200, {"code": 0, "data": {"records": filings(code)}})

    def _tell(self, status: int, told: object) -> None:
        body = json.dumps(told, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "max-age=30")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
        """Foreign systems keep their own logs."""
