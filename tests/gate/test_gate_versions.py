"""Services come and go with notice: a version answers beside the other, says when it ends, and then it is gone."""

from __future__ import annotations

import datetime as dt
from email.utils import parsedate_to_datetime

import pytest
from tests.gate.conftest import wait_for

from jutong.share import (
    Offer,
    draft_service,
    move_service,
    publish_service,
    retire_ended,
    retire_service,
    service_history,
    service_versions,
)
from jutong.terms import BadInput, Conflict, Denied

NOW = dt.datetime.now(dt.UTC)


def users(connection):
    return {
        row["login"]: row["id"] for row in connection.execute("SELECT id, login FROM app_user").fetchall()
    }


def test_a_draft_answers_nobody_and_is_published_by_another_than_who_submitted_it(city, gate, granted):
    _, token = granted
    with city.database.connection() as connection:
        who = users(connection)
        draft_service(
            connection, Offer(name="drafted", entry_id=city.entry_id, keys=["uscc"]), by_user=who["officer"]
        )
        move_service(connection, "drafted", "submit", by_user=who["officer"])
    assert gate.call("drafted", token, limit=1).code == "gate.no_service"
    with city.database.connection() as connection, pytest.raises(Denied):
        move_service(connection, "drafted", "publish", by_user=who["officer"])
    with city.database.connection() as connection:
        move_service(connection, "drafted", "return", note="返回项太多", by_user=who["head"])
        draft_service(
            connection,
            Offer(name="drafted", entry_id=city.entry_id, keys=["uscc"], items=["name"]),
            by_user=who["officer"],
        )
        move_service(connection, "drafted", "submit", by_user=who["officer"])
        move_service(connection, "drafted", "publish", by_user=who["head"])
    wait_for(gate, token, "drafted")
    assert list(gate.call("drafted", token, uscc=min(city.rows)).rows[0]) == ["uscc", "name"]
    with city.database.connection() as connection:
        told = [(one.from_state, one.to_state) for one in service_history(connection, "drafted")]
        with pytest.raises(Conflict):
            move_service(connection, "drafted", "submit")
        with pytest.raises(Conflict):  # what is published never changes
            draft_service(connection, Offer(name="drafted", entry_id=city.entry_id, keys=["uscc"]))
    assert told == [
        ("draft", "draft"), ("draft", "review"), ("review", "draft"), ("draft", "draft"), ("draft", "review"),
        ("review", "active"),
    ]  # fmt: skip


def test_a_version_that_ends_says_so_and_then_is_gone_while_its_successor_answers(city, gate, granted):
    _, token = granted
    with city.database.connection() as connection:
        publish_service(connection, Offer(name="ending", entry_id=city.entry_id, keys=["uscc"]))
        made = draft_service(
            connection, Offer(name="", entry_id=0, keys=["uscc"], items=["uscc", "name"]), version_of="ending"
        )
        assert (made.name, made.version, made.entry_id) == ("ending_v2", 2, city.entry_id)
        move_service(connection, made.name, "submit")
        move_service(connection, made.name, "publish")
        assert [one.version for one in service_versions(connection, "ending")] == [1, 2]
    wait_for(gate, token, "ending")
    wait_for(gate, token, "ending_v2")
    assert "sunset" not in gate.call("ending", token, limit=1).headers
    last_day = NOW.date() + dt.timedelta(days=40)
    with city.database.connection() as connection:
        with pytest.raises(BadInput):  # somebody uses it: too soon
            retire_service(connection, "ending", NOW.date() + dt.timedelta(days=3))
        with pytest.raises(BadInput):  # no service of this entry
            retire_service(connection, "ending", last_day, successor="ending")
        retire_service(connection, "ending", last_day, successor="ending_v2", now=NOW)
        told = connection.execute(
            "SELECT subject, body FROM notice WHERE to_department = 'D25' AND subject LIKE '%%ending%%'"
        ).fetchall()
    assert len(told) == 1
    assert "ending_v2" in told[0]["body"]
    gate.until(lambda: "sunset" in gate.call("ending", token, limit=1).headers)
    headers = gate.call("ending", token, uscc=min(city.rows)).headers
    assert headers["deprecation"] == f"@{int(NOW.timestamp())}"
    end = parsedate_to_datetime(headers["sunset"]).astimezone(dt.timezone(dt.timedelta(hours=8)))
    assert (end.date(), end.hour) == (last_day + dt.timedelta(days=1), 0)
    assert headers["link"] == '</v1/ending_v2>; rel="successor-version"'
    with city.database.connection() as connection:  # the day comes
        connection.execute(
            "UPDATE service SET deprecated_at = now() - interval '60 days', sunset_at = now() WHERE name = 'ending'"
        )
    gate.until(lambda: gate.call("ending", token, limit=1).status == 410)
    gone = gate.call("ending", token, uscc=min(city.rows))
    assert gone.code == "share.service_retired"
    assert "ending_v2" in gone.told["title"]
    assert gate.call("ending_v2", token, limit=1).status == 200
    with city.database.connection() as connection:
        assert retire_ended(connection) == ["ending"]
        assert retire_ended(connection) == []
