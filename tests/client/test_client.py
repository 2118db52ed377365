"""The client: answers it can prove, refusals by their code, and nothing it cannot prove."""

from __future__ import annotations

import asyncio
import http.server
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from tests.gate.conftest import wait_for
from tests.gate_city import Gate
from tests.share_city import agree, close_city, company, found, open_city

from jutong.client import Cities, City, EvidenceMissing, Refused, Unreachable, verify_kept
from jutong.share import Offer, publish_service, rotate_token

KEY = "91430502MA00000003"


@pytest.fixture(scope="module")
def city(settings):
    opened = found(open_city(settings, "postgresql://nobody@/none"))
    chance = __import__("random").Random(5)
    opened.merge([company(number, chance) for number in range(30)])
    with opened.database.connection() as connection:
        publish_service(
            connection, Offer(name="company", entry_id=opened.entry_id, keys=["uscc"], max_rows=8)
        )
        opened.token = rotate_token(connection, "A01")
    agree(opened, method="api")
    yield opened
    close_city(opened)


@pytest.fixture(scope="module")
def gate(city, settings):
    running = Gate(settings)
    wait_for(running, city.token)
    yield running
    running.stop()


@pytest.fixture
def caller(city, gate, tmp_path):
    with City(f"http://127.0.0.1:{gate.port}", city.token, keep=tmp_path / "receipts.jsonl") as opened:
        yield opened


def test_a_call_gives_rows_and_keeps_a_receipt_that_proves_them(caller, city, tmp_path):
    answer = caller.call("company", uscc=KEY, items=["uscc", "staff"])
    assert answer.rows == [{"uscc": KEY, "staff": city.rows[KEY]["staff"]}]
    assert answer.next is None
    assert answer.as_of
    told = answer.kept.told
    assert (told["consumer"], told["provider"], told["rows"]) == ("D25", "D23", 1)
    assert caller.receipts == [answer.kept]
    assert verify_kept(tmp_path / "receipts.jsonl", str(city.ledger.vkey)) == 1


def test_all_pages_together_are_all_rows(caller, city):
    assert [row["uscc"] for row in caller.rows("company", items=["uscc"])] == sorted(city.rows)
    assert len(caller.receipts) == 4


def test_a_refusal_carries_the_gates_code(caller):
    with pytest.raises(Refused) as refused:
        caller.call("company", uscc=KEY, items=["secret"])
    assert (refused.value.code, refused.value.status, refused.value.temporary) == (
        "share.item_not_granted",
        403,
        False,
    )
    assert refused.value.receipt
    assert caller.receipts == []


def test_the_token_shows_nowhere(caller, city):
    assert city.token not in repr(caller)


def test_a_gate_that_is_away_is_unreachable(city):
    with pytest.raises(Unreachable), City("http://127.0.0.1:9", city.token) as caller:
        caller.call("company", uscc=KEY)


@pytest.mark.parametrize("url", ["", "gate.example", "ftp://gate.example", "http://"])
def test_what_is_no_address_is_refused_at_once(url):
    with pytest.raises(ValueError, match="not a gate's address"):
        City(url, "jtk_x")


class Between(http.server.BaseHTTPRequestHandler):
    """A man in the middle who changes what passes."""

    gate: Gate
    token: str
    change = staticmethod(lambda body, headers: (body, headers))

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        given = {name: self.headers[name] for name in ("Jutong-Request-Id", "Jutong-Evidence")}
        reply = self.gate.ask(self.path, self.token, method="POST", body=json.loads(body), headers=given)
        changed, headers = self.change(reply.body, dict(reply.headers))
        self.send_response(reply.status)
        for name, value in headers.items():
            if name not in ("content-length", "date", "server"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(changed)))
        self.end_headers()
        self.wfile.write(changed)

    def log_message(self, *_):
        pass


@pytest.fixture
def between(city, gate):
    handler = type("Here", (Between,), {"gate": gate, "token": city.token})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield handler, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def without(name):
    return lambda body, headers: (body, {key: value for key, value in headers.items() if key != name})


EARLIER: dict[str, str] = {}


def with_an_earlier_receipt(body, headers):
    """Someone else's evidence in place of this answer's own."""
    if not EARLIER:
        EARLIER.update({name: headers[name] for name in ("jutong-receipt", "jutong-exchange")})
        return body, headers
    return body, {**headers, **EARLIER}


@pytest.mark.parametrize(
    "change",
    [
        lambda body, headers: (body.replace(b'"rows":[{', b'"rows":[{"name":"x",'), headers),
        lambda body, headers: (b'{"rows":[],"next":null}', headers),
        without("jutong-receipt"),
        without("jutong-exchange"),
        with_an_earlier_receipt,
    ],
    ids=["a field added", "rows dropped", "no receipt", "no exchange", "another call's receipt"],
)
def test_an_answer_that_was_changed_on_the_way_is_not_returned(between, city, change):
    handler, url = between
    handler.change = staticmethod(change)
    with City(url, city.token, vkey=str(city.ledger.vkey)) as caller:
        if change is with_an_earlier_receipt:
            caller.call("company", uscc=KEY)
        with pytest.raises(EvidenceMissing):
            caller.call("company", uscc=KEY)


def test_what_is_no_gate_is_unreachable(between, city):
    handler, url = between
    handler.change = staticmethod(
        lambda _body, headers: (b"<html>", {**headers, "content-type": "text/html"})
    )
    with pytest.raises(Unreachable), City(url, city.token, vkey=str(city.ledger.vkey)) as caller:
        caller.call("company", uscc=KEY)


def test_a_damaged_kept_receipt_names_its_line(caller, city, tmp_path):
    caller.call("company", uscc=KEY)
    caller.call("company", uscc=KEY)
    file = tmp_path / "receipts.jsonl"
    lines = file.read_text().splitlines()
    file.write_text(lines[0] + "\n" + lines[1].replace('"receipt": "jt1', '"receipt": "jt2') + "\n")
    with pytest.raises(EvidenceMissing, match="第 2 行"):
        verify_kept(file, str(city.ledger.vkey))


def test_a_receipt_of_another_ledger_is_no_evidence(caller, city):
    kept = caller.call("company", uscc=KEY).kept
    other = replace(city.ledger.vkey, name="jutong.example/other")
    with pytest.raises(EvidenceMissing):
        kept.check(other)


def test_a_patient_caller_waits_out_a_temporary_refusal(city, gate, caller):
    with City(f"http://127.0.0.1:{gate.port}", city.token, patience=20) as patient:
        problem = Refused(503, "gate.ledger_stopped", "x", "r", None)
        calls = []
        once = patient._once

        def failing_first(*given):
            calls.append(given[2])
            if len(calls) == 1:
                raise problem
            return once(*given)

        patient._once = failing_first
        assert patient.call("company", uscc=KEY).rows
        assert len(set(calls)) == 1


def test_threads_and_async_code_share_a_few_ways_in_and_never_one_at_once(city, gate):
    keys = sorted(city.rows)
    opened = []

    def open_one():
        opened.append(City(f"http://127.0.0.1:{gate.port}", city.token))
        return opened[-1]

    def asked(key):
        return lambda one: one.call("company", uscc=key, items=["uscc"]).rows

    async def all_of_them():
        return await asyncio.gather(*(cities.soon(asked(key)) for key in keys))

    wanted = [[{"uscc": key}] for key in keys]
    with Cities(open_one, most=3) as cities:
        with ThreadPoolExecutor(8) as pool:
            # In a thread of its own: other tests leave a running loop behind in this one.
            assert pool.submit(asyncio.run, all_of_them()).result() == wanted
            assert list(pool.map(lambda key: cities.do(asked(key)), keys)) == wanted
            with pytest.raises(Refused):
                pool.submit(asyncio.run, cities.soon(lambda one: one.call("nowhere"))).result()
        assert cities.do(asked(keys[0])) == wanted[0]  # the one that was refused is free again
    assert 1 <= len(opened) <= 3
    receipts = [kept.receipt for one in opened for kept in one.receipts]
    assert len(set(receipts)) == 2 * len(keys) + 1
