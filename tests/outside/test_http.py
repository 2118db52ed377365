"""HTTP JSON interfaces: every record once, every digit as sent, nobody is led where he may not go."""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import json
import socket
import threading
import time
import types
from collections.abc import Callable, Iterator
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import pytest

import jutong.outside.http.calling as calling
from jutong.outside import HttpCaller, Since, open_source
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
                cut = "X-Cut" in headers  # it promises more than it sends
                self.send_header("Content-Length", str(len(content) + cut))
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
     "64:ff9b::7f00:1", "224.0.0.1", "fd00:ec2::254", "0.1.2.3", "255.255.255.255", "::127.0.0.1", "2002:7f00:1::",
     "192.0.0.192", "168.63.129.16", "::ffff:169.254.169.254"],
)  # fmt: skip
def test_the_machine_itself_and_its_link_may_not_be_called(address: str) -> None:
    assert not may_be_called(address)


def test_this_machine_may_not_be_called_by_any_of_its_addresses(
    interface: Interface, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JUTONG_HTTP_ALLOWED")
    own = [types.SimpleNamespace(family=socket.AF_INET, address="10.9.8.7")]
    monkeypatch.setattr("jutong.outside.http.addresses.psutil.net_if_addrs", lambda: {"eth0": own})
    for host in ("10.9.8.7", "[::ffff:10.9.8.7]"):
        with pytest.raises(BadInput) as refused:
            open_source("http", {"url": f"http://{host}/"})
        assert refused.value.code == "outside.http_forbidden_address"
    open_source("http", {"url": "http://10.9.8.8/"})


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
        (lambda *_: (200, {}, '{"data": [{"a": 1, "a": 2}]}'), "outside.http_not_json"),
        (lambda *_: (200, {}, '{"data": [{"a": "\\ud800"}]}'), "outside.http_not_json"),
        (lambda *_: (200, {}, '{"data": [{"a": NaN}]}'), "outside.http_not_json"),
        (lambda *_: (200, {}, "[" * 60_000), "outside.http_not_json"),
        (lambda *_: (200, {}, b'{"data": [{"a": "\xc9\xdb"}]}'), "outside.http_not_json"),
        (lambda *_: (200, {}, '{"data": [{"a": "x\\u0000"}]}'), "outside.http_shape"),
        (lambda *_: (200, {}, '{"data": [{"a": ' + "[" * 500 + "]" * 500 + "}]}"), "outside.http_shape"),
        (lambda *_: (302, {"Location": "https://{host}/"}, ""), "outside.http_refused"),
        (
            lambda *_: (200, {"Link": '<https://{host}/>; rel="next"'}, {"data": RECORDS[:1]}),
            "outside.http_url",
        ),
        (lambda *_: (200, {}, b'{"data": [{"a": "' + b"x" * 70_000 + b'"}]}'), "outside.http_too_large"),
    ],
)
def test_a_bad_answer_is_refused_with_its_own_code(
    interface: Interface, monkeypatch: pytest.MonkeyPatch, answer: Any, code: str
) -> None:
    monkeypatch.setattr(calling, "LARGEST", 66_000)
    host = urlsplit(interface.url).netloc

    def answered(*asked: Any) -> Answer:
        status, headers, body = answer(*asked)
        return status, {name: value.replace("{host}", host) for name, value in headers.items()}, body

    interface.answer = answered
    with pytest.raises(BadInput) as refused:
        rows_of(interface, locator={"paging": {"by": "link"}})
    assert refused.value.code == code


def _dripping(first: bytes, drop: bytes) -> tuple[socket.socket, str]:
    """A server that answers with ``first`` and then ``drop`` by ``drop``, for ever."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                line, _ = listening.accept()
                with contextlib.suppress(OSError), line:
                    line.sendall(first)
                    while True:
                        line.sendall(drop)
                        time.sleep(0.005)

    threading.Thread(target=serve, daemon=True).start()
    return listening, f"127.0.0.1:{listening.getsockname()[1]}"


@pytest.mark.parametrize(
    ("scheme", "first", "drop"),
    [
        ("http", b"HTTP/1.1 200 OK\r\nX-Long: ", b"x"),  # a header without end
        ("http", b"", b"HTTP/1.1 100 Continue\r\n\r\n"),  # an answer that never begins
        ("http", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0"),  # a size without end
        ("http", b"HTTP/1.1 200 OK\r\n\r\n", b" "),  # a body without end
        ("https", b"", b"\x16\x03\x01\x00\x01\x02"),  # a handshake without end
    ],
)
def test_a_server_that_drips_anywhere_is_left(
    monkeypatch: pytest.MonkeyPatch, scheme: str, first: bytes, drop: bytes
) -> None:
    monkeypatch.setenv("JUTONG_HTTP_ALLOWED", "127.0.0.1")
    monkeypatch.setattr(calling, "SLOWEST", 0.1)
    monkeypatch.setattr(calling, "PAUSE", 0.001)
    listening, host = _dripping(first, drop)
    with listening, pytest.raises(JutongError) as refused:
        HttpCaller({}, None, rate=1000).get(f"{scheme}://{host}/", {})
    if scheme == "http":
        assert refused.value.code == "outside.http_too_slow"


def test_a_dripping_server_is_left(interface: Interface, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calling, "SLOWEST", -1.0)
    interface.answer = lambda *_: (200, {}, {"data": []})
    with pytest.raises(BadInput) as refused:
        rows_of(interface)
    assert refused.value.code == "outside.http_too_slow"


def test_an_interface_that_never_turns_its_pages_is_held(interface: Interface) -> None:
    interface.answer = lambda *_: (200, {}, {"data": RECORDS})
    for by in ("page", "offset"):
        with pytest.raises(BadInput) as held:
            rows_of(interface, locator={"paging": {"by": by}})
        assert held.value.code == "outside.http_circle"


def test_chinese_in_path_and_answer_arrives(interface: Interface) -> None:
    head = {"Content-Type": "application/json; charset=GBK"}
    interface.answer = lambda *_: (200, head, '{"data": [{"名称": "邵阳"}]}'.encode("gbk"))
    assert rows_of(interface, locator={"path": "企业 名录", "parameters": {"区": "双清"}}) == [
        {"名称": "邵阳"}
    ]
    [(path, query)] = interface.asked
    assert (unquote(path), query) == ("/api/企业 名录", {"区": "双清"})


@pytest.mark.parametrize(
    "asked", ["²", "soon", "9" * 400, "Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 99 Foo 2015"]
)
def test_whatever_a_busy_server_asks_for_it_is_asked_again(interface: Interface, asked: str) -> None:
    statuses = [429, 200]
    interface.answer = lambda *_: (statuses.pop(0), {"Retry-After": asked}, {"data": RECORDS[:2]})
    assert len(rows_of(interface)) == 2


def test_a_busy_server_may_name_the_instant() -> None:
    instant = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    assert 3500 < calling._asked(format_datetime(instant, usegmt=True)) < 3601
    assert calling._asked("7") == 7


def test_an_answer_that_was_cut_is_asked_for_again(interface: Interface) -> None:
    whole = b'{"data": [{"id": 1}]}'
    cut = [True, False]

    def answer(*_: Any) -> Answer:
        return 200, {"X-Cut": "1"} if cut.pop(0) else {}, whole

    interface.answer = answer
    assert rows_of(interface) == [{"id": "1"}]
    assert cut == []


@pytest.mark.parametrize(
    ("token", "lasts", "refused"),
    [("t", '"soon"', False), ("t", "[]", False), ("t", "1e999", False), ("t", "-1", False), ("a\r\nX: y", "9", True),
     ("邵", "9", True), ("x" * 70_000, "9", True)],
)  # fmt: skip
def test_a_token_service_that_answers_strangely_breaks_nothing(
    interface: Interface, token: str, lasts: str, refused: bool
) -> None:
    def answer(path: str, *_: Any) -> Answer:
        if path == "/token":
            return 200, {}, f'{{"access_token": {json.dumps(token)}, "expires_in": {lasts}}}'
        return 200, {}, {"data": RECORDS[:1]}

    interface.answer = answer
    auth = {"type": "oauth", "url": interface.url.replace("/api", "/token")}
    if refused:
        with pytest.raises(BadInput) as told:
            rows_of(interface, secret="s", auth=auth)
        assert told.value.code == "outside.http_refused"
    else:
        assert len(rows_of(interface, secret="s", auth=auth)) == 1


@pytest.mark.parametrize(
    "how",
    [{"rate": "often"}, {"auth": "key"}, {"headers": [1]}, {"headers": {"X": "a\r\nY: b"}}, {"headers": {"X": "邵"}},
     {"headers": {"Authorization": "Bearer x"}}, {"headers": {"cookie": "x"}}, {"timeout": None},
     {"locator": {"paging": {"by": "page", "size": "many"}}}, {"locator": {"parameters": "x"}}],
)  # fmt: skip
def test_parameters_that_cannot_work_are_told(interface: Interface, how: dict[str, Any]) -> None:
    with pytest.raises(BadInput) as told:
        rows_of(interface, **how)
    assert told.value.code == "outside.http_config"


@pytest.mark.parametrize("kind", ["header", "query", "bearer", "basic", "oauth"])
def test_no_problem_tells_the_secret_in_any_dress(interface: Interface, kind: str) -> None:
    """Every way a call can fail, with a marked secret, and nothing of it in what is said."""
    secret = "Zq9/mar ked+s3cret?&="
    dresses = ("mar ked", "mar%20ked", "mar+ked", base64.b64encode(f"u:{secret}".encode()).decode())
    auth = {"type": kind, "user": "u", "url": interface.url.replace("/api", "/token")}
    answers: list[Callable[..., Answer]] = [
        lambda *_: (500, {}, secret), lambda *_: (403, {}, secret), lambda *_: (200, {}, secret),
        lambda *_: (302, {"Location": f"http://169.254.169.254/?k={quote(secret)}"}, ""),
        lambda *_: (302, {"Location": f"/%zz\x01{quote(secret)}"}, ""), lambda *_: (200, {"X-Cut": "1"}, "{"),
        lambda *_: (200, {}, {"data": [secret]}), lambda *_: (200, {}, {"access_token": "t"}),
    ]  # fmt: skip
    for answer in answers:
        interface.answer = answer
        with pytest.raises(JutongError) as told:
            rows_of(interface, secret=secret, auth=auth)
        words = f"{told.value} {told.value.address} {told.value.sentence}"
        assert not any(dress in words for dress in dresses), words
    with pytest.raises(JutongError) as told:
        rows_of(interface, secret="bad\r\nmarked", auth={"type": "header"})
    assert "marked" not in str(told.value)
