"""As of a past day: what the record said then, to whoever may see it now, with evidence that says which day."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import duckdb
import psycopg
import pytest
from tests.gate.conftest import COMPANIES, wait_for
from tests.share_city import agree, company

from jutong.gate import past as gate_past
from jutong.gate import past_answers
from jutong.gate.asking import Asked
from jutong.gate.calls import Call, Pending
from jutong.gate.past import SOCKET, Answering, Past, Picture, answer_past, stopped_after
from jutong.share import Offer, publish_service, terminate_grant
from jutong.terms import BadInput

KEY, MOVED, GONE = "91430502MA77770001", "91430502MA77770002", "91430502MA77770003"
_TIME = psycopg.sql.SQL(
    "UPDATE lake.ducklake_snapshot SET snapshot_time = %(at)s WHERE snapshot_id {} %(id)s"
)


_CITY = ZoneInfo("Asia/Shanghai")
#: Read once: what is asked about stays the same when midnight comes between two tests.
_TODAY = dt.datetime.now(_CITY).date()


def ago(days):
    return _TODAY - dt.timedelta(days=days)


def noon(days):
    return dt.datetime.combine(ago(days), dt.time(12), _CITY)


def row(key, **said):
    return {**company(1, random.Random(1)), "uscc": key, "division": "430502", **said}


@pytest.fixture(scope="module")
def past(city, gate):
    """Three records that said other things nine and four days ago; a service that answers as of up to 30 days back."""
    lake = city.store._lake

    def then(snapshot, days):
        lake.ask(_TIME.format(psycopg.sql.SQL("=")), id=snapshot, at=noon(days))

    lake.ask(_TIME.format(psycopg.sql.SQL("<=")), id=city.store.snapshot(), at=noon(20))
    first = [row(KEY, name="旧名"), row(MOVED, division="430511"), row(GONE, name="已注销")]
    then(city.merge(first), 9)
    then(city.merge([row(KEY, name="中名", phone="13907390001")]), 4)
    city.merge([row(KEY, name="新名"), row(MOVED, division="430502")], gone=[GONE])
    with city.database.connection() as connection:
        publish_service(
            connection, Offer(name="then", entry_id=city.entry_id, keys=["uscc"], max_rows=25, past_days=30)
        )
        publish_service(connection, Offer(name="many", entry_id=city.entry_id, keys=["division"]))


@pytest.fixture
def caller(past, city, gate, application):
    def make(**terms):
        grant = agree(city, application_id=application[0], method="api", **terms)
        wait_for(gate, application[1], "then")
        gate.until(lambda: gate.call("then", application[1], uscc=KEY).rows)
        return grant, application[1]

    return make


def test_each_day_answers_as_it_ended_and_the_evidence_says_which_day(caller, city, gate):
    _, token = caller()

    def name(days, **other):
        return gate.call("then", token, uscc=KEY, items="name", as_of=ago(days), **other)

    assert [name(days).rows for days in (9, 5, 4, 1)] == [
        [{"name": one}] for one in ("旧名", "旧名", "中名", "中名")
    ]
    assert gate.call("then", token, uscc=KEY, items="name").rows == [{"name": "新名"}]
    assert name(12).rows == []
    assert gate.call("then", token, uscc=GONE, items="name", as_of=ago(4)).rows == [{"name": "已注销"}]
    answer = name(5)
    ended = dt.datetime.combine(ago(4), dt.time(), _CITY)
    assert dt.datetime.fromisoformat(answer.headers["jutong-as-of"]) == ended
    assert answer.receipt
    city.ledger.sequence()
    last = [one for _, one in city.ledger.entries() if one.resource == "then"][-1]
    assert last.outcome == "answered"
    assert last.detail["as_of"] == answer.headers["jutong-as-of"]
    assert last.subjects


def test_an_answer_of_the_past_is_the_answer_of_that_day_value_for_value(caller, city, gate):
    """Every type, masks, missing values: as a replica of that day would have told them."""
    _, token = caller()
    for number in range(0, COMPANIES, 12):
        key = f"91430502MA{number:08d}"
        today = gate.call("then", token, uscc=key).rows
        assert gate.call("then", token, uscc=key, as_of=ago(15)).rows == today
        assert gate.ask("/v1/then", token, method="POST", body={
            "where": {"uscc": key}, "as_of": str(ago(15)), "items": ["capital", "active"]}).rows == [
            {name: today[0][name] for name in ("capital", "active")}]  # fmt: skip


def test_the_grant_of_today_bounds_the_row_as_it_was(caller, city, gate):
    """A row that was outside the granted rows then is not told, though it is inside now; an item not granted never is."""
    _, token = caller(items=("uscc", "name", "division"),
                      row_filter=[{"item": "division", "op": "eq", "value": "430502"}])  # fmt: skip
    assert len(gate.call("then", token, uscc=MOVED).rows) == 1
    assert gate.call("then", token, uscc=MOVED, as_of=ago(4)).code == "share.row_not_granted"
    assert gate.call("then", token, uscc="91430502MA00000000X", as_of=ago(4)).code == "share.row_not_granted"
    assert gate.call("then", token, uscc=KEY, items="capital", as_of=ago(4)).code == "share.item_not_granted"
    assert set(gate.call("then", token, uscc=KEY, as_of=ago(4)).rows[0]) == {"uscc", "name", "division"}


@pytest.mark.parametrize(("query", "code"), [
    ({"as_of": "2026-13-01"}, "gate.bad_query"),
    ({"as_of": "yesterday"}, "gate.bad_query"),
    ({"as_of": "tomorrow"}, "gate.bad_query"),
    ({"as_of": "31"}, "gate.past_too_old"),
    ({"as_of": "25"}, "gate.past_forgotten"),
    ({"as_of": "4", "uscc": ""}, "gate.bad_query"),
    ({"as_of": "4", "uscc": None}, "gate.bad_query"),
])  # fmt: skip
def test_what_cannot_be_told_is_refused_by_name(caller, gate, query, code):
    _, token = caller()
    given = {"uscc": KEY, **query}
    if given["as_of"].isdecimal():
        given["as_of"] = str(ago(int(given["as_of"])))
    elif given["as_of"] == "tomorrow":
        given["as_of"] = str(ago(-1))
    assert (
        gate.call("then", token, **{name: one for name, one in given.items() if one is not None}).code == code
    )


def test_a_service_that_does_not_offer_it_says_so(past, granted, gate):
    reply = gate.call("company", granted[1], uscc=KEY, as_of=ago(4))
    assert (reply.status, reply.code) == (404, "gate.past_not_offered")


def test_where_a_question_finds_many_records_the_past_is_not_offered(caller, gate):
    """A limit before the row filter would tell of records outside the grant."""
    _, token = caller(row_filter=[{"item": "division", "op": "eq", "value": "430502"}])
    reply = gate.call("many", token, division="430502", as_of=ago(4))
    assert (reply.status, reply.code) == (404, "gate.past_not_offered")


def test_of_a_record_outside_the_granted_rows_it_is_not_told_that_it_held_something_else():
    differs = Past("gate.past_differs", "那时不同", of_row=True)
    some, every = SimpleNamespace(where=("division = ?",)), SimpleNamespace(where=())

    def told(problem, *grounds):
        return past_answers._refused(SimpleNamespace(grounds=grounds), problem).code

    assert gate_past.raised(gate_past._said(differs)).of_row
    assert told(differs, some, some) == "share.row_not_granted"
    assert told(differs, some, every) == "gate.past_differs"
    assert told(Past("gate.past_differs", "没有主键"), some) == "gate.past_differs"


def test_a_refused_question_records_the_day_it_asked_about(caller, city, gate):
    _, token = caller()
    assert gate.call("then", token, uscc=KEY, as_of=ago(32)).code == "gate.past_too_old"
    city.ledger.sequence()
    last = [one for _, one in city.ledger.entries() if one.resource == "then"][-1]
    assert (last.outcome, last.code, last.detail["as_of"]) == ("refused", "gate.past_too_old", str(ago(32)))


def _pending(application):
    call = Call("GET", "then", "", b"", None, "127.0.0.1", noon(0), "request-1")
    who = SimpleNamespace(application=application, department="D25")
    return Pending(call, who, None, Asked({}, as_of=str(ago(4))), ())


def test_an_application_has_one_question_under_way_and_leaves_the_others_theirs(tmp_path):
    async def ask():
        answers = past_answers.PastAnswers(tmp_path, lambda: None, str)
        go = asyncio.Event()

        async def told(_pending):
            await go.wait()
            return {}

        answers._told = told
        first = asyncio.create_task(answers.answer(_pending("A")))
        await asyncio.sleep(0)
        second = await answers.answer(_pending("A"))
        other = asyncio.create_task(answers.answer(_pending("B")))
        await asyncio.sleep(0)
        assert not other.done()
        go.set()
        codes = [second.exchange.code, (await first).exchange.code, (await other).exchange.code]
        # Without rights nobody is answered, but both have been at the lake.
        assert codes == ["gate.past_busy", "gate.grants_stale", "gate.grants_stale"]
        assert (await answers.answer(_pending("A"))).exchange.code == "gate.grants_stale"

    with ThreadPoolExecutor(1) as apart:  # a loop may run in this thread
        apart.submit(asyncio.run, ask()).result(60)


@pytest.fixture
def answering(tmp_path, city):
    """The keeper's end, at a socket of its own; it is not started."""
    made = Answering(tmp_path, city.database, city.store)
    yield made
    made._listening.close()


def test_at_the_lake_too_an_application_has_one_place(answering, monkeypatch):
    begun, go = threading.Event(), threading.Event()

    def told(_rights, _store, asked):
        if asked["application"] == "A":
            begun.set()
            assert go.wait(60)
        return {"rows": []}

    monkeypatch.setattr(gate_past, "told", told)
    first = threading.Thread(target=answering._answer, args=({"application": "A"},))
    first.start()
    try:
        assert begun.wait(60)
        assert answering._answer({"application": "A"})["code"] == "gate.past_busy"
        assert answering._answer({"application": "B"}) == {"rows": []}
    finally:
        go.set()
        first.join()
    assert answering._answer({"application": "A"}) == {"rows": []}


def test_a_machine_without_a_file_or_thread_to_spare_ends_nothing(answering, monkeypatch, caplog):
    monkeypatch.setattr(gate_past, "_PAUSE", 0)
    ours, theirs = socket.socketpair()
    real = answering._listening

    def accept():
        raise OSError(24, "Too many open files")

    answering._listening = SimpleNamespace(accept=accept)
    answering.take()
    answering._listening = SimpleNamespace(accept=lambda: (theirs, ""))
    with monkeypatch.context() as patch, ours:

        def start(_thread):
            raise RuntimeError("can't start new thread")

        patch.setattr(threading.Thread, "start", start)
        answering.take()
        assert theirs.fileno() == -1
    answering._listening = real
    assert caplog.text.count("没有接上") == 2


def test_a_statement_that_takes_too_long_is_interrupted():
    with duckdb.connect() as cursor:
        lake = SimpleNamespace(interrupt=cursor.interrupt)
        with pytest.raises(duckdb.InterruptException), stopped_after(lake, 0.01):
            cursor.execute("SELECT count(*) FROM range(100000000000) a (i) WHERE hash(i) = 7").fetchall()
        with stopped_after(lake, 600):
            assert cursor.execute("SELECT 1").fetchall() == [(1,)]


def test_rights_are_read_again_only_when_they_have_changed(past, city):
    picture = Picture(city.database)
    first = picture.now()
    assert picture.now() is first
    with city.database.connection() as connection:
        publish_service(connection, Offer(name="newer", entry_id=city.entry_id, keys=["uscc"], past_days=30))
    assert "newer" in picture.now().services


def test_without_a_grant_the_lake_is_not_asked(past, application, city, gate):
    gate.until(lambda: gate.call("then", application[1], uscc=KEY, as_of=ago(4)).code == "share.not_granted")
    assert gate.call("then", "wrong", uscc=KEY, as_of=ago(4)).code == "gate.bad_token"


def test_a_grant_that_ended_answers_the_past_no_more(caller, city, gate):
    grant, token = caller()
    assert gate.call("then", token, uscc=KEY, as_of=ago(4)).status == 200
    with city.database.connection() as connection:
        terminate_grant(connection, grant.id, "业务已办结")
    gate.until(lambda: gate.call("then", token, uscc=KEY, as_of=ago(4)).status == 403)


def test_a_day_whose_snapshot_has_expired_is_refused_and_not_answered_with_an_older_one(caller, city, gate):
    _, token = caller()
    with city.database.connection() as connection:
        at = noon(7)
        newest = city.store._lake.ask(
            psycopg.sql.SQL(
                "SELECT max(snapshot_id) AS id FROM lake.ducklake_snapshot WHERE snapshot_time <= %(at)s"
            ),
            at=at,
        )[0]["id"]
        connection.execute("INSERT INTO lake_commit VALUES ('forgotten', %s, %s)", (newest + 1, at))
    assert gate.call("then", token, uscc=KEY, as_of=ago(8)).status == 200
    assert gate.call("then", token, uscc=KEY, as_of=ago(6)).code == "gate.past_forgotten"
    with city.database.connection() as connection:
        connection.execute("DELETE FROM lake_commit WHERE commit_id = 'forgotten'")


def test_a_socket_nobody_answers_at_is_said_and_the_present_goes_on(caller, city, gate, settings):
    _, token = caller()
    socket = settings.gate_folder / SOCKET
    assert socket.stat().st_mode & 0o777 == 0o600
    socket.rename(socket.with_name("away.sock"))
    try:
        reply = gate.call("then", token, uscc=KEY, as_of=ago(4))
        assert (reply.status, reply.code) == (503, "gate.past_away")
        assert gate.call("then", token, uscc=KEY).status == 200
    finally:
        socket.with_name("away.sock").rename(socket)
    assert gate.call("then", token, uscc=KEY, as_of=ago(4)).status == 200


def test_who_may_call_is_told_that_the_past_may_be_asked_for(caller, gate):
    _, token = caller()
    asked = {
        one["name"] for one in gate.call("openapi.json", token).told["paths"]["/v1/then"]["get"]["parameters"]
    }
    assert "as_of" in asked


def test_a_service_of_another_kind_cannot_offer_it(past, city):
    with city.database.connection() as connection, pytest.raises(BadInput, match="过去某日") as refused:
        publish_service(
            connection,
            Offer(name="counts", entry_id=city.entry_id, keys=["division"], kind="statistics", past_days=3),
        )
    assert refused.value.code == "share.service_past"


def test_where_no_socket_can_be_made_the_keeper_goes_on(tmp_path, city, caplog):
    answer_past(tmp_path / "nowhere", city.database, city.store)
    assert "过去某日的查询不开" in caplog.text
