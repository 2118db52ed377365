"""Who comes without a right to come: hostile requests over a bare socket, and witnesses, who need none.

Each hostile one gets its code, none its way, and the gate goes on.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
from click.testing import CliRunner

from jutong.cli import _jutong
from jutong.gate import worker
from jutong.gate.asking import BodyTooSlow
from jutong.terms import JutongError
from jutong_verify import WitnessKey

KEY = b"91430502MA00000003"
GOOD = b'{"where": {"uscc": "%b"}}' % KEY


def sent(gate, data: bytes, *, whole: bool = True) -> list[tuple[int, str]]:
    """(status, code) of every answer to these bytes, until the gate closes or has nothing more to say."""
    said = b""
    with socket.create_connection(("127.0.0.1", gate.port), 20) as connection:
        connection.sendall(data)
        if not whole:
            connection.shutdown(socket.SHUT_WR)
        try:
            while got := connection.recv(65_536):
                said += got
        except ConnectionResetError:
            pass
    assert b"Traceback" not in said
    assert b"File " not in said
    answers = re.split(rb"(?=HTTP/1\.1 \d{3} )", said)[1:]
    codes = [re.search(rb'"code":"([a-z_.]+)"', one) for one in answers]
    return [
        (int(one[9:12]), code[1].decode() if code else "") for one, code in zip(answers, codes, strict=True)
    ]


def post(token: str, body: bytes, *headers: bytes, length: int | None = None) -> bytes:
    given = [b"Host: x", b"Connection: close", b"Authorization: Bearer " + token.encode(), *headers]
    if length != -1:
        given.append(b"Content-Length: %d" % (len(body) if length is None else length))
    return b"\r\n".join([b"POST /v1/company HTTP/1.1", *given, b"", body])


def get(token: str, target: bytes, *headers: bytes, last: bool = True) -> bytes:
    given = [b"GET " + target + b" HTTP/1.1", b"Host: x", b"Authorization: Bearer " + token.encode()]
    return b"\r\n".join([*given, *([b"Connection: close"] if last else []), *headers, b"", b""])


SMUGGLED = b"0\r\n\r\nGET /v1/company?limit=1 HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    ("headers", "body", "length", "expected"),
    [
        ((b"Transfer-Encoding: chunked",), SMUGGLED, 4, (411, "gate.length_required")),
        ((b"Transfer-Encoding: chunked",), b"2\r\n{}\r\n0\r\n\r\n", -1, (411, "gate.length_required")),
        ((b"Transfer-Encoding: chunked",), b"ZZ\r\n", -1, (411, "gate.length_required")),
        ((b"Transfer-Encoding: xchunked", b"Transfer-Encoding: chunked"), SMUGGLED, -1, (411, "gate.length_required")),
        ((b"Content-Length: 4",), b"{}   ", 5, (400, "")),
        ((), b"{}", 100, (400, "gate.body_cut")),
        ((), b"", 100, (400, "gate.body_cut")),
        ((), b" " * 70_000, None, (413, "gate.body_too_large")),
        ((), b"{}", 10_000_000_000, (413, "gate.body_too_large")),
        ((b"Authorization: Bearer somebody",), GOOD, None, (400, "gate.bad_query")),
        ((b" folded",), GOOD, None, (400, "")),
        ((b"Host : y",), GOOD, None, (400, "")),
    ],
    ids=range(12),
)  # fmt: skip
def test_a_body_that_two_readers_would_read_differently(gate, granted, headers, body, length, expected):
    """One answer at most, never rows: what follows the body in the stream is no second call."""
    whole = length != 100
    assert sent(gate, post(granted[1], body, *headers, length=length), whole=whole) == [expected]
    assert sent(gate, post(granted[1], GOOD)) == [(200, "")]


@pytest.mark.parametrize(
    "body",
    [
        b'{"where": {"uscc": "a", "uscc": "%b"}}' % KEY,
        b'{"where": {"uscc": "a"}, "where": {"uscc": "%b"}}' % KEY,
        b'{"batch": [{"uscc": "%b"}, {"uscc": "a", "usc\\u0063": "%b"}]}' % (KEY, KEY),
        b'{"where": ' + b"[" * 30_000,
        b'{"where": {"uscc": ' + b'{"a":' * 5_000 + b"1" + b"}" * 5_002,
        b'{"where": ' + b"[" * 1_005 + b"]" * 1_005 + b"}",
        b'{"where": {"uscc": NaN}}',
        b'{"where": {"uscc": 1e400}}',
        b'{"where": {"uscc": 1' + b"0" * 5_000 + b"}}",
        b'{"where": {"uscc": "\\ud800"}}',
        b'{"limit": 9223372036854775808}',
        b'{"limit": "1\xd9\xa3"}',
        b'{"cursor": "a.\xd9\xa3"}',
        b"\xef\xbb\xbf{}",
        '{"where": {}}'.encode("utf-16"),
        b"[]",
        b'"x"',
    ],
    ids=range(17),
)
def test_json_that_is_a_trap(gate, granted, body):
    ((status, code),) = sent(gate, post(granted[1], body))
    assert (status, code) in {(400, "gate.bad_query"), (400, "gate.bad_cursor")}


@pytest.mark.parametrize(
    ("target", "headers", "statuses"),
    [
        (b"/v1/company?uscc=a&usc%63=b", (), {400}),
        (b"/v1/company?uscc=%ff", (), {400}),
        (b"/v1/company?uscc=%ed%a0%80", (), {400}),
        (b"/v1/company?limit=1%D9%A3", (), {400}),
        (b"/v1/company?uscc=" + b"a" * 70_000, (), {414}),
        (b"/v1/comp%ff", (), {404}),
        (b"/v1/comp%ed%a0%80", (), {404}),
        (b"/v1/%22%5c%0a%00", (), {404}),
        (b"/ledger/../plan", (), {404}),
        (b"/v1/company", (b"X: " + b"a" * (1 << 20),), {400, 431}),
        (b"/v1/company", tuple(b"X%d: a" % n for n in range(300)), {400, 431}),
        (b"/v1/company?uscc=" + KEY, (b"Signature-Input: \xff", b"Signature: \xff"), {401}),
        (b"/v1/company?uscc=" + KEY, (b"Jutong-Request-Id: \xff\xfe'\"", b"If-None-Match: \xff"), {200}),
    ],
    ids=lambda given: repr(given)[:30],
)
def test_lines_that_are_a_trap(gate, granted, target, headers, statuses):
    ((status, _),) = sent(gate, get(granted[1], target, *headers))
    assert status in statuses


def test_what_hides_behind_a_get_is_no_call(gate, granted):
    hidden = get(granted[1], b"/v1/nothing", last=False)
    first = get(granted[1], b"/v1/company?uscc=" + KEY, b"Content-Length: %d" % len(hidden), last=False)
    third = get(granted[1], b"/v1/company?uscc=" + KEY)
    assert sent(gate, first + hidden + third) == [(200, ""), (200, "")]


def test_a_refused_body_is_recorded_with_who_sent_it(city, gate, granted):
    grant, token = granted
    reply = gate.call("company", token, method="POST", body=b" " * 70_000)
    assert (reply.status, reply.code) == (413, "gate.body_too_large")
    city.ledger.sequence()
    number = reply.headers["jutong-request-id"]
    (one,) = [one for _, one in city.ledger.entries() if one.request_id == number]
    assert (one.application, one.code, one.outcome) == (grant.application_id, reply.code, "refused")


def test_a_body_that_never_comes_is_waited_for_so_long_and_no_longer(monkeypatch):
    class Headers:
        def get_all(self, _):
            return ["10"]

        def __contains__(self, _):
            return False

    async def never():
        yield b"{"
        await asyncio.Event().wait()

    monkeypatch.setattr(worker, "BODY_SECONDS", 0.01)
    with ThreadPoolExecutor(1) as apart, pytest.raises(BodyTooSlow) as found:  # a loop may run in this thread
        apart.submit(asyncio.run, worker._body(Headers(), never())).result(60)
    assert found.value.code == "gate.body_too_slow"


def test_many_broken_calls_leave_the_gate_as_it_was(gate, granted):
    for _ in range(30):
        with socket.create_connection(("127.0.0.1", gate.port), 20) as connection:
            connection.sendall(post(granted[1], b"{", length=50))
    answer = gate.call("company", granted[1], uscc=KEY.decode())
    assert [row["uscc"] for row in answer.rows] == [KEY.decode()]
    assert json.loads(answer.body)["next"] is None


def test_a_proof_between_sizes_that_never_were_checkpoints(city, gate, granted):
    for _ in range(3):
        gate.call("company", granted[1], limit=1)
    city.ledger.sequence()
    size = city.ledger.checkpoint().size
    for old in range(1, size):
        assert gate.ask(f"/ledger/consistency?old={old}&new={size - 1}").status == 200
    assert gate.ask("/ledger/consistency?old=%D9%A1&new=2").status == 400


def test_a_witness_signs_what_the_gate_shows_and_goes_on_from_it(gate, granted, tmp_path):
    _, token = granted
    folder, url = tmp_path / "witness", f"http://127.0.0.1:{gate.port}"

    def look() -> dict:
        said = CliRunner().invoke(_jutong, ["witness", str(folder), "--ledger", url, "--json"])
        assert said.exit_code == 0, said.output
        return json.loads(said.stdout)

    first = look()
    for _ in range(5):
        gate.call("company", token, limit=1)
    gate.until(lambda: look()["size"] > first["size"])
    again = look()
    assert WitnessKey.parse(again["vkey"]).check(again["note"]) > 0
    assert again["vkey"] == first["vkey"]


@pytest.mark.parametrize("query", ["", "old=0&new=1", "old=5&new=1", "old=1&new=99999999", "old=x&new=1"])
def test_a_proof_that_is_none_is_not_made_up(gate, query):
    assert gate.ask(f"/ledger/consistency?{query}").status == 400


def test_a_ledger_that_is_nowhere_gets_a_sentence(tmp_path):
    said = CliRunner().invoke(
        _jutong, ["witness", str(tmp_path / "w"), "--ledger", str(tmp_path / "nowhere")]
    )
    assert isinstance(said.exception, JutongError)
    assert said.exception.code == "ledger.no_folder"
