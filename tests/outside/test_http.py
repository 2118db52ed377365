"""HTTP JSON interfaces: every record once, every digit as sent, nobody is led where he may not go."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

import jutong.outside.http.calling as calling
from jutong.outside import Since, open_source
from jutong.outside.http.addresses import may_be_called
from jutong.terms import BadInput, JutongError, Unavailable

Answer = tuple[int, dict[str, str], bytes | str | dict[str, Any]]
RECORDS = [{"id": number, "name": f"第{number}家", "money": number / 8} for number in range(25)]


class Interface:
    """What it answers is a function of path, query and headers; it keeps what it was asked."""

    def __init__(self) -> None:
        self.answer: Callable[[str, dict[str, str], Any], Answer] = lambda *_: (200, {}, {"data": []})
        self.asked: list[tuple[str, dict[str, str]]] = []
        interface = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                interface.asked.append((parts.path, query))
                length = int(self.headers.get("Content-Length") or 0)
                query |= {
                    name: values[0] for name, values in parse_qs(self.rfile.read(length).decode()).items()
                }
                status, headers, body = interface.answer(parts.path, query, self.headers)
                content = json.dumps(body).encode() if isinstance(body, dict) else body
                content = content.encode() if isinstance(content, str) else content
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_POST = do_GET

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/api"
        threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()


@pytest.fixture
def interface(monkeypatch: pytest.MonkeyPatch) -> Iterator[Interface]:
    monkeypatch.setenv("JUTONG_HTTP_ALLOWED", "127.0.0.1")
    monkeypatch.setattr(calling, "PAUSE", 0.001)
    monkeypatch.setattr(calling, "LONGEST", 0.001)
    made = Interface()
    yield made
    made.server.shutdown()
    made.server.server_close()


def rows_of(
    interface: Interface, since: Since | None = None, secret: str | None = None, **how: Any
) -> list[Any]:
    locator = {"path": "companies", "records": "data", **how.pop("locator", {})}
    config = {"url": interface.url, "rate": 1000, **how}
    with open_source("http", config, secret) as source:
        return [row for batch in source.read(locator, since=since).batches for row in batch.to_pylist()]


def by_page(_: str, query: dict[str, str], __: Any) -> Answer:
    start = (int(query["page"]) - 1) * int(query["size"])
    return 200, {}, {"data": RECORDS[start : start + int(query["size"])]}


def by_offset(_: str, query: dict[str, str], __: Any) -> Answer:
    start = int(query["offset"])
    return 200, {}, {"data": RECORDS[start : start + int(query["limit"])]}


def by_cursor(_: str, query: dict[str, str], __: Any) -> Answer:
    start = int(query.get("cursor", 0))
    following = str(start + 10) if start + 10 < len(RECORDS) else None
    return 200, {}, {"data": RECORDS[start : start + 10], "meta": {"next": following}}


def by_link(_: str, query: dict[str, str], __: Any) -> Answer:
    start = int(query.get("at", 0))
    more = {"Link": f'</api/companies?at={start + 10}>; rel="next"'} if start + 10 < len(RECORDS) else {}
    return 200, more, {"data": RECORDS[start : start + 10]}


@pytest.mark.parametrize(
    ("answer", "paging"),
    [
        (by_page, {"by": "page", "size_parameter": "size", "size": 10}),
        (by_offset, {"by": "offset", "size_parameter": "limit", "size": 10}),
        (by_cursor, {"by": "cursor", "at": "meta.next"}),
        (by_link, {"by": "link"}),
    ],
)
def test_every_record_comes_once_however_it_is_paged(interface: Interface, answer: Any, paging: Any) -> None:
    interface.answer = answer
    rows = rows_of(interface, locator={"paging": paging})
    assert [row["id"] for row in rows] == [str(number) for number in range(25)]
    assert rows[3] == {"id": "3", "name": "第3家", "money": "0.375"}


def test_numbers_are_the_digits_that_were_sent_and_nested_values_stay_json(interface: Interface) -> None:
    body = '{"data": [{"n": 12345678901234567890.10, "z": 1.0, "o": {"a": [1.50, "1.50", null, true]}, "e": "", "m": null, "b": false}]}'
    interface.answer = lambda *_: (200, {}, body)
    assert rows_of(interface) == [
        {"n": "12345678901234567890.10", "z": "1.0", "o": '{"a": [1.50, "1.50", null, true]}', "e": "", "m": None, "b": "false"}
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("auth", "right"),
    [
        ({"type": "header", "name": "X-Key"}, lambda query, headers: headers["X-Key"] == "s3cret"),
        ({"type": "query", "name": "key"}, lambda query, headers: query["key"] == "s3cret"),
        ({"type": "bearer"}, lambda query, headers: headers["Authorization"] == "Bearer s3cret"),
        ({"type": "basic", "user": "u"},
         lambda query, headers: headers["Authorization"] == f"Basic {base64.b64encode(b'u:s3cret').decode()}"),
        ({"type": "oauth", "client_id": "c"}, lambda query, headers: headers["Authorization"] == "Bearer t0ken"),
    ],
)  # fmt: skip
def test_it_signs_in_as_the_interface_wants(interface: Interface, auth: dict[str, str], right: Any) -> None:
    def answer(path: str, query: dict[str, str], headers: Any) -> Answer:
        if path == "/token":
            known = query.get("client_id") == "c" and query.get("client_secret") == "s3cret"
            return (200, {}, {"access_token": "t0ken"}) if known else (401, {}, "")
        return (200, {}, {"data": RECORDS[:1]}) if right(query, headers) else (401, {}, "")

    interface.answer = answer
    auth = {**auth, "url": interface.url.replace("/api", "/token")} if auth["type"] == "oauth" else auth
    assert len(rows_of(interface, secret="s3cret", auth=auth)) == 1


def test_a_busy_server_is_asked_again_and_a_refusing_one_is_not(interface: Interface) -> None:
    statuses = [429, 503, 200]
    interface.answer = lambda *_: (statuses.pop(0), {"Retry-After": "1"}, {"data": RECORDS[:2]})
    assert len(rows_of(interface)) == 2
    interface.asked.clear()
    interface.answer = lambda *_: (403, {}, "s3cret")
    with pytest.raises(BadInput) as refused:
        rows_of(interface, secret="s3cret")
    assert refused.value.code == "outside.http_refused"
    assert len(interface.asked) == 1
    interface.answer = lambda *_: (500, {}, "")
    with pytest.raises(Unavailable) as down:
        rows_of(interface)
    assert down.value.code == "outside.http_unreachable"


def test_a_watermark_is_asked_for_and_moves_on(interface: Interface) -> None:
    interface.answer = lambda _, query, __: (200, {}, {"data": RECORDS[int(query.get("after", 0)) :]})
    with open_source("http", {"url": interface.url, "rate": 1000}) as source:
        locator = {"path": "companies", "records": "data", "since": "after"}
        reading = source.read(locator, since=Since("id", "20"))
        assert sum(batch.num_rows for batch in reading.batches) == 5
        assert reading.watermark == "24"


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "127.9.9.9", "::1", "0.0.0.0", "169.254.169.254", "fe80::1", "::ffff:127.0.0.1", "100.100.100.200",
     "64:ff9b::7f00:1", "224.0.0.1", "fd00:ec2::254"],
)  # fmt: skip
def test_the_machine_itself_and_its_link_may_not_be_called(address: str) -> None:
    assert not may_be_called(address)


def test_departments_own_networks_may_be_called() -> None:
    assert all(map(may_be_called, ("10.1.2.3", "192.168.0.9", "172.16.5.4", "59.51.66.1", "2001:db8::1")))


def test_a_forbidden_address_is_refused_whatever_name_it_hides_behind(
    interface: Interface, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JUTONG_HTTP_ALLOWED")
    port = interface.server.server_port
    for url in (interface.url, f"http://localhost:{port}/", f"http://2130706433:{port}/", "http://169.254.169.254/latest",
                f"http://[::ffff:127.0.0.1]:{port}/", f"http://0x7f.1:{port}/"):  # fmt: skip
        with pytest.raises(JutongError) as refused:
            open_source("http", {"url": url})
        assert refused.value.code == "outside.http_forbidden_address", url
    for url in ("file:///etc/passwd", "ftp://h/", "http://u:p@h/", "http://", "http://h:99999/"):
        with pytest.raises(BadInput) as wrong:
            open_source("http", {"url": url})
        assert wrong.value.code == "outside.http_url", url
    assert interface.asked == []


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (lambda *_: (302, {"Location": "http://169.254.169.254/"}, ""), "outside.http_refused"),
        (
            lambda *_: (200, {"Link": '<http://169.254.169.254/>; rel="next"'}, {"data": RECORDS[:1]}),
            "outside.http_url",
        ),
        (
            lambda *_: (200, {"Link": '</api/companies>; rel="next"'}, {"data": RECORDS[:1]}),
            "outside.http_circle",
        ),
        (lambda *_: (200, {}, "<html>"), "outside.http_not_json"),
        (lambda *_: (200, {}, {"rows": []}), "outside.http_shape"),
        (lambda *_: (200, {}, {"data": [1]}), "outside.http_shape"),
        (lambda *_: (200, {}, b'{"data": [{"a": "' + b"x" * 70_000 + b'"}]}'), "outside.http_too_large"),
    ],
)
def test_a_bad_answer_is_refused_with_its_own_code(
    interface: Interface, monkeypatch: pytest.MonkeyPatch, answer: Any, code: str
) -> None:
    monkeypatch.setattr(calling, "LARGEST", 66_000)
    interface.answer = answer
    with pytest.raises(BadInput) as refused:
        rows_of(interface, locator={"paging": {"by": "link"}})
    assert refused.value.code == code


def test_a_dripping_server_is_left(interface: Interface, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calling, "SLOWEST", -1.0)
    interface.answer = lambda *_: (200, {}, {"data": []})
    with pytest.raises(BadInput) as refused:
        rows_of(interface)
    assert refused.value.code == "outside.http_too_slow"
