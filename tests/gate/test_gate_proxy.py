"""A provider's live interface behind the gate: asked for the caller, narrowed, masked, evidenced, never copied."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType, SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.share_city import agree, wish

from jutong.city.living import SERVICE, declare_live
from jutong.city.systems.live import filings, live_interface
from jutong.gate.breaker import FAILURES, Breaker
from jutong.share import (
    LiveInterface,
    Offer,
    ask,
    attach_interface,
    declare_interface,
    fold,
    issue_grant,
    publish_service,
    suspend_grant,
    who_saw,
)
from jutong.terms import BadInput, Item

ITEMS = (
    Item("uscc", "统一社会信用代码", "text", element="uscc", key=True),
    Item("name", "名称", "text", element="legal_name"),
    Item("phone", "电话", "text", element="mobile"),
    Item("balance", "结余", "decimal(18,2)", element="amount"),
    Item("since", "参保日期", "date", element="date"),
    Item("division", "区划", "text"),
)
NUMBERS = itertools.count(1)
GOOD, OTHER = "91350200776049653A", "91430502MA4L000115"


class Provider(BaseHTTPRequestHandler):
    """What the provider answers is set by the test; every question is remembered."""

    asked: list
    answers: dict
    status = 200
    #: Answers wait for it.
    go: threading.Event
    headers_more: Mapping[str, str] = MappingProxyType({})
    raw: bytes | None = None

    def do_GET(self):
        parts = urlsplit(self.path)
        given = {name: values[0] for name, values in parse_qs(parts.query).items()}
        type(self).asked.append((parts.path, given, self.headers.get("Authorization")))
        self.go.wait(60)
        found = self.answers.get(given.get("tyshxydm"))
        body = self.raw if self.raw is not None else json.dumps({"data": {"list": found}}).encode()
        self.send_response(404 if found is None and self.status == 200 and self.raw is None else self.status)
        for name, value in {"Content-Length": str(len(body)), **self.headers_more}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def record(uscc=GOOD, **other):
    return {"code": uscc, "mc": "邵阳市宝庆食品有限公司", "tel": {"mobile": "13907390001"}, "bal": 1234.50,
            "rq": "2019/5/9", "qh": "430502", "password": "never told", **other}  # fmt: skip


@pytest.fixture
def provider():
    """A fresh provider, and its address."""
    Live = type("Live", (Provider,), {"asked": [], "answers": {GOOD: [record()]}, "go": threading.Event()})
    Live.go.set()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Live)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    Live.port, Live.number = server.server_address[1], next(NUMBERS)
    yield Live
    Live.go.set()
    server.shutdown()
    server.server_close()


def interface(port, number, **config):
    return LiveInterface(
        f"live.insured_{number}", "参保单位实时查询", "D23", ("uscc",), ITEMS,
        {
            "url": f"http://127.0.0.1:{port}/api/insured", "auth": {"type": "bearer"}, "records": "data.list",
            "parameters": {"uscc": "tyshxydm"}, "constants": {"v": "2"}, "timeout": 2,
            "mapping": {"uscc": "code", "name": "mc", "phone": "tel.mobile", "balance": "bal", "since": "rq",
                        "division": "qh"},
            **config,
        },
    )  # fmt: skip


@pytest.fixture
def live(city, gate, application, provider):
    """(service, token, grant) of one proxy service, all items granted unless asked otherwise."""

    def made(row_filter=(), **config):
        number = provider.number
        name = f"live_{number}"
        with city.database.connection() as connection:
            found = declare_interface(
                connection,
                interface(provider.port, number, **config),
                keys=city.keys,
                secret="the provider's key",
            )
            row = connection.execute(
                "INSERT INTO entry (code, name, summary, department_code, class_code, share_type, share_condition,"
                " share_methods, use_condition, grade, formats, update_cycle, state, committed, secrecy_assessed,"
                " privacy_assessed, published_at, version) VALUES (%s, %s, '实时', 'D23', '102', 2, '履职',"
                " '{api}', '限履职', 2, '{3}', 2, 'published', true, true, true, '2024-01-01', 1) RETURNING id",
                (f"102/{100000 + number}", f"参保单位{number}"),
            ).fetchone()
            for place, item in enumerate(ITEMS):
                connection.execute(
                    "INSERT INTO item (entry_id, no, name, label, data_type, element, is_key, share_type, grade)"
                    " VALUES (%s, %s, %s, %s, 'C', %s, %s, 2, %s)",
                    (
                        row["id"],
                        place,
                        item.name,
                        item.label,
                        item.element,
                        item.key,
                        3 if item.name == "phone" else 1,
                    ),
                )
            attach_interface(connection, row["id"], found.name)
            publish_service(connection, Offer(name=name, entry_id=row["id"], keys=["uscc"], kind="proxy"))
        grant = agree(
            city, application_id=application[0], method="api", entry_id=row["id"],
            items=[item.name for item in ITEMS], row_filter=row_filter,
        )  # fmt: skip
        token = application[1]
        # Known as soon as a wrong question is refused for being wrong; the provider is not asked for it.
        gate.until(lambda: gate.call(name, token, uscc="1").code == "gate.bad_query")
        return name, token, grant

    return made


def test_the_providers_record_comes_typed_narrowed_and_masked_and_nothing_of_it_stays(
    city, gate, live, provider
):
    name, token, _ = live()
    reply = gate.call(name, token, uscc=f" {GOOD.lower()} ")
    assert reply.rows == [
        {"uscc": GOOD, "name": "邵阳市宝庆食品有限公司", "phone": "139****0001", "balance": "1234.50",
         "since": "2019-05-09", "division": "430502"}
    ]  # fmt: skip
    assert provider.asked == [("/api/insured", {"tyshxydm": GOOD, "v": "2"}, "Bearer the provider's key")]
    assert reply.receipt
    assert b"never told" not in reply.body
    city.ledger.sequence()
    fold(city.database, city.ledger)
    with city.database.connection() as connection:
        seen = who_saw(connection, city.keys, GOOD)
    assert [one.resource for one in seen] == [name]


def test_a_grants_rows_hold_for_what_a_provider_says_too(gate, live, provider):
    name, token, _ = live(row_filter=[{"item": "division", "op": "eq", "value": "430511"}])
    assert gate.call(name, token, uscc=GOOD).code == "share.row_not_granted"
    provider.answers = {GOOD: [record(qh="430511"), record(qh="430502")]}
    assert [row["division"] for row in gate.call(name, token, uscc=GOOD).rows] == ["430511"]


def test_no_record_there_is_no_row_here(gate, live):
    name, token, _ = live()
    assert gate.call(name, token, uscc=OTHER).rows == []


@pytest.mark.parametrize(
    "asked", [{}, {"uscc": "1"}, {"name": "x"}, {"uscc": GOOD, "name": "x"}, {"uscc": ""}]
)
def test_what_is_not_the_question_never_reaches_the_provider(gate, live, provider, asked):
    name, token, _ = live()
    assert gate.call(name, token, **asked).code == "gate.bad_query"
    assert provider.asked == []


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"raw": b"<html>maintenance</html>"}, "gate.provider_answer"),
        ({"raw": b'{"data": {"list": [1]}}'}, "gate.provider_answer"),
        ({"raw": b"[" * 100_000}, "gate.provider_answer"),
        ({"raw": b" " * ((1 << 20) + 1)}, "gate.provider_answer"),
        ({"answers": {GOOD: [record(rq="some day")]}}, "gate.provider_answer"),
        ({"answers": {GOOD: [record(mc={"a": 1})]}}, "gate.provider_answer"),
        ({"answers": {GOOD: [record(OTHER)]}}, "gate.provider_answer"),  # somebody else's record
        ({"answers": {GOOD: [record()] * 1_001}}, "gate.provider_answer"),
        ({"status": 403}, "gate.provider_refused"),
        ({"status": 302, "headers_more": {"Location": "http://10.0.0.1/"}}, "gate.provider_answer"),
        ({"status": 500}, "gate.provider_away"),
    ],
)
def test_a_provider_that_answers_nonsense_is_named_and_nothing_leaves(gate, live, provider, answer, code):
    name, token, _ = live()
    for what, value in answer.items():
        setattr(provider, what, value)
    reply = gate.call(name, token, uscc=GOOD)
    assert reply.code == code
    assert reply.status in (502, 503)
    assert reply.receipt


def test_a_slow_provider_makes_only_its_own_callers_wait(city, gate, live, granted, provider):
    name, token, _ = live(timeout=30, concurrency=1)
    provider.go.clear()
    replies: list = []
    first = threading.Thread(target=lambda: replies.append(gate.call(name, token, uscc=GOOD)))
    first.start()
    gate.until(lambda: bool(provider.asked))
    for _ in range(2):  # who finds no place knows at once
        assert gate.call(name, token, uscc=GOOD).code == "gate.provider_busy"
    for key in sorted(city.rows)[:20]:
        assert gate.call("company", granted[1], uscc=key).status == 200
    assert replies == []
    provider.go.set()
    first.join()
    assert len(replies[0].rows) == 1


def test_nobody_waits_longer_than_the_interface_may_take(gate, live, provider):
    name, token, _ = live(timeout=0.3)
    provider.go.clear()
    reply = gate.call(name, token, uscc=GOOD)
    # Whichever clock strikes first, the socket's or the worker's.
    assert reply.code in ("gate.provider_slow", "gate.provider_away")
    assert reply.receipt


def test_a_provider_that_is_away_is_left_alone_and_others_are_not(city, gate, live, granted, provider):
    name, token, _ = live()
    provider.status = 503
    codes = [gate.call(name, token, uscc=GOOD).code for _ in range(FAILURES + 3)]
    assert codes == ["gate.provider_away"] * FAILURES + ["gate.provider_resting"] * 3
    assert len(provider.asked) == FAILURES
    assert f'interface="live.insured_{provider.number}",state="open"' in gate.ask("/metrics").body.decode()
    assert gate.call("company", granted[1], uscc=min(city.rows)).status == 200


def test_an_answer_is_used_again_only_as_long_as_the_provider_allows(gate, live, provider):
    name, token, _ = live(max_age=600)
    for _ in range(3):
        assert len(gate.call(name, token, uscc=GOOD).rows) == 1
    assert len(provider.asked) == 1
    provider.headers_more = {"Cache-Control": "no-store"}
    provider.answers = {OTHER: [record(OTHER)]}
    for _ in range(3):
        assert len(gate.call(name, token, uscc=OTHER).rows) == 1
    assert len(provider.asked) == 4


def test_a_right_taken_back_while_the_provider_thinks_is_taken_back(city, gate, live, provider):
    name, token, grant = live(timeout=30)
    assert gate.call(name, token, uscc=GOOD).status == 200
    provider.go.clear()
    codes: list[str] = []
    waiting = threading.Thread(target=lambda: codes.append(gate.call(name, token, uscc=GOOD).code))
    waiting.start()
    gate.until(lambda: len(provider.asked) == 2)
    with city.database.connection() as connection:
        suspend_grant(connection, grant.id, "试验")
    gate.until(lambda: gate.call(name, token, uscc="1").code == "share.grant_suspended")
    assert codes == []
    provider.go.set()
    waiting.join()
    assert codes == ["share.grant_suspended"]


def test_nobody_makes_the_gate_call_itself(city, gate, live, provider):
    name, token, _ = live(url=f"http://localhost:{provider.port}/api/insured")
    assert gate.call(name, token, uscc=GOOD).code == "gate.provider_answer"
    assert provider.asked == []


@pytest.mark.parametrize(
    "config",
    [
        {"url": "file:///etc/passwd"},
        {"url": "http://user:secret@provider/"},
        {"timeout": 3600},
        {"concurrency": 1000},
        {"mapping": {"nothing": "x"}},
        {"parameters": {"name": "x"}},
        {"auth": {"type": "kerberos"}},
        {"strange": 1},
    ],
)
def test_an_interface_that_could_not_work_is_refused_when_it_is_declared(city, config):
    with city.database.connection() as connection, pytest.raises(BadInput):
        declare_interface(connection, interface(1, 1, **config))


@given(st.lists(st.tuples(st.sampled_from(["well", "badly", "wait"]), st.floats(0, 30)), max_size=60))
def test_a_breaker_asks_once_while_half_open_and_never_while_open(happenings):
    now = [0.0]
    breaker, in_a_row = Breaker(lambda: now[0]), 0
    for what, seconds in happenings:
        if what == "wait":
            now[0] += seconds
            continue
        state = breaker.state
        assert breaker.may() == (state != "open")
        if state == "open":
            assert breaker.seconds > 0
            continue
        if state == "half_open":
            assert not breaker.may()  # one probe, no more
        if what == "well":
            breaker.went_well()
            in_a_row = 0
            assert breaker.state == "closed"
        else:
            breaker.failed()
            in_a_row += 1
            assert (breaker.state == "open") == (in_a_row >= FAILURES)


def test_the_sample_citys_live_interface_answers_what_it_holds(city, gate, application, tmp_path):
    uscc = next(code for code in (GOOD, OTHER) if len(filings(code)) > 0)
    with city.database.connection() as connection:
        row = connection.execute(
            "INSERT INTO entry (code, name, summary, department_code, class_code, share_type, share_condition,"
            " share_methods, use_condition, grade, formats, update_cycle, state, secrecy_assessed, privacy_assessed,"
            " published_at, version) VALUES ('201/000773', '企业投资项目备案信息', '备案', 'D01', '201', 1, '', '{api}',"
            " '限履职', 1, '{3}', 2, 'published', true, true, '2024-01-01', 1) RETURNING id"
        ).fetchone()
        items = {"code_0": "code", "uscc_2": "uscc", "text_4": "text", "date_5": "date", "date_7": "date",
                 "legal_name_8": "legal_name", "code_9": "code"}  # fmt: skip
        for place, (name, element) in enumerate(items.items()):
            connection.execute(
                "INSERT INTO item (entry_id, no, name, label, data_type, element, is_key, share_type, grade)"
                " VALUES (%s, %s, %s, %s, 'C', %s, false, 1, 1)", (row["id"], place, name, name, element),
            )  # fmt: skip
    platform = SimpleNamespace(
        settings=SimpleNamespace(home=tmp_path), database=city.database, keys=city.keys
    )
    assert declare_live(platform) is None  # the foreign systems are not running
    with live_interface(tmp_path):
        assert declare_live(platform) == declare_live(platform) == row["id"]
        with city.database.connection() as connection:
            given = wish(
                city, application_id=application[0], method="api", entry_id=row["id"], items=list(items)
            )
            issue_grant(connection, ask(connection, city.asker, given).id)
        gate.until(lambda: gate.call(SERVICE, application[1], uscc_2=uscc).status == 200)
        told = gate.call(SERVICE, application[1], uscc_2=uscc).rows
    wanted = filings(uscc)
    assert [(one["code_0"], one["text_4"]) for one in told] == [
        (one["filingNo"], one["content"]) for one in wanted
    ]
    assert [one["date_5"] for one in told] == [
        dt.datetime.strptime(one["filedOn"], "%Y/%m/%d").date().isoformat() for one in wanted
    ]
