"""推送: one key one batch, cut connections gone on with, everything wrong said with its code."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI

from jutong import gather
from jutong.gather import Source, SourceTable, declare_sources, new_token
from jutong.portal import pushing
from jutong.portal.visits import Rooms

from .conftest import Browser, TestClient

ITEMS = ({"name": "code", "label": "代码"}, {"name": "name", "label": "名称"})
LINES = b'{"code": "001", "name": "\xe7\x94\xb2"}\n{"code": "002", "name": "\xe4\xb9\x99"}\n'
NDJSON = {"Content-Type": "application/x-ndjson"}


class Pusher:
    def __init__(self, client: TestClient, rooms: Rooms) -> None:
        self.tag = secrets.token_hex(4)
        self.source, self.table = f"p_{self.tag}", f"ent_{self.tag}"
        with rooms.database.connection() as connection:
            declare_sources(
                connection, [Source(self.source, "D02", "file", "推送")],
                [SourceTable(self.table, self.source, "企业", {"file": "x"}, "incremental", "_sent", ("code",), ITEMS)],
            )  # fmt: skip
            token = new_token(connection, self.source)
        self.client, self.rooms = client, rooms
        self.headers = {"Authorization": f"Bearer {token}"}
        self.path = f"/api/v1/sources/{self.source}/batches"

    def post(self, content: bytes = LINES, key: str = "k", **headers: str) -> Any:
        told = {
            **self.headers,
            **NDJSON,
            "Idempotency-Key": key,
            **{n.replace("_", "-"): v for n, v in headers.items()},
        }
        return self.client.post(self.path, content=content, headers=told)

    def rows(self) -> list[tuple[Any, ...]]:
        with self.rooms.store.reading() as view:
            found = view.rows(f"SELECT code, name FROM {view.table(f'raw.{self.table}')} ORDER BY code")
        return [tuple(row.values()) for row in found]


@pytest.fixture
def pusher(portal: FastAPI, rooms: Rooms) -> Iterator[Pusher]:
    with TestClient(portal, base_url="http://testserver") as client:
        yield Pusher(client, rooms)


def test_the_same_key_gives_the_same_batch_however_often_it_is_sent(pusher: Pusher) -> None:
    first = pusher.post()
    assert first.status_code == 201, first.text
    assert first.json()["state"] == "taken"
    again = pusher.post()
    assert (again.status_code, again.json()["batch"]) == (201, first.json()["batch"])
    other = pusher.post(LINES + b'{"code": "003"}\n')
    assert (other.status_code, other.json()["code"]) == (409, "gather.key_reused")
    assert pusher.rows() == [("001", "甲"), ("002", "乙")]
    seen = pusher.client.get(first.headers["location"], headers=pusher.headers)
    assert seen.json()["batch"] == first.json()["batch"]


def test_a_file_in_pieces_arrives_whole(pusher: Pusher) -> None:
    begun = pusher.post(LINES[:10], Upload_Complete="?0")
    assert (begun.status_code, begun.headers["upload-offset"], begun.headers["upload-complete"]) == (
        201,
        "10",
        "?0",
    )
    where = begun.headers["location"]
    assert pusher.client.head(where, headers=pusher.headers).headers["upload-offset"] == "10"
    wrong = pusher.client.patch(where, content=b"x", headers={**pusher.headers, "Upload-Offset": "9"})
    assert (wrong.status_code, wrong.json()["code"]) == (409, "gather.wrong_offset")
    digest = base64.b64encode(hashlib.sha256(LINES).digest()).decode()
    ended = pusher.client.patch(
        where, content=LINES[10:],
        headers={**pusher.headers, "Upload-Offset": "10", "Upload-Complete": "?1", "Repr-Digest": f"sha-256=:{digest}:"},
    )  # fmt: skip
    assert (ended.status_code, ended.json()["state"]) == (201, "taken")
    assert len(pusher.rows()) == 2


def test_a_whole_body_sent_again_after_a_cut_skips_what_is_there(pusher: Pusher) -> None:
    assert pusher.post(LINES[:15], Upload_Complete="?0").headers["upload-offset"] == "15"
    assert pusher.post(LINES).json()["state"] == "taken"
    assert pusher.post(b"other" + LINES[:15], key="z", Upload_Complete="?0").status_code == 201
    clash = pusher.post(LINES, key="z")
    assert (clash.status_code, clash.json()["code"]) == (409, "gather.key_reused")


def test_what_cannot_be_taken_is_refused_with_its_code(
    pusher: Pusher, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = pusher.post(b'{"code": "1", "name": "x"}\n{"code": \n', key="bad")
    assert (bad.status_code, bad.json()["state"]) == (201, "taken")  # the wrong line is set aside
    broken = pusher.post('代码,名称\n1,"x\n'.encode(), key="csv", Content_Type="text/csv")
    assert (broken.status_code, broken.json()["code"], broken.json()["problem"]["row"]) == (
        422,
        "outside.csv_quote_open",
        2,
    )
    for headers, content, status, code in (
        ({"Idempotency-Key": ""}, LINES, 422, "gather.no_key"),
        ({"Content-Type": "video/mp4"}, LINES, 415, "gather.media_type"),
        ({"Authorization": ""}, LINES, 401, "portal.no_token"),
        ({"Authorization": "Bearer jts_nobody"}, LINES, 401, "people.session_ended"),
        ({"Repr-Digest": "sha-256=:AAAA:"}, LINES, 422, "gather.bad_digest"),
    ):  # fmt: skip
        told = {**pusher.headers, **NDJSON, "Idempotency-Key": secrets.token_hex(4), **headers}
        answer = pusher.client.post(pusher.path, content=content, headers=told)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    monkeypatch.setattr(pushing, "LARGEST_PUSH", 20)
    large = pusher.post(key="large")
    assert (large.status_code, large.json()["code"]) == (413, "gather.too_large")


def test_a_token_opens_its_own_source_only(pusher: Pusher, portal: FastAPI, rooms: Rooms) -> None:
    other = Pusher(pusher.client, rooms)
    answer = pusher.client.post(
        other.path, content=LINES, headers={**pusher.headers, **NDJSON, "Idempotency-Key": "k"}
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "portal.other_source")
    begun = other.post(LINES[:5], Upload_Complete="?0").headers["location"].rpartition("/")[2]
    stranger = pusher.client.get(f"{pusher.path}/{begun}", headers=pusher.headers)
    assert stranger.status_code == 404
    assert other.client.delete(f"{other.path}/{begun}", headers=other.headers).status_code == 204
    with rooms.database.connection() as connection:
        assert gather.find_arrival(connection, begun).state == "withdrawn"


def test_an_officer_may_push_with_a_session_and_a_stranger_may_not(
    portal: FastAPI, pusher: Pusher, signed_in: Any
) -> None:
    def session(login: str) -> str:
        from .seed import PASSWORD

        answer = Browser(TestClient(portal)).client.post(
            "/api/v1/session", json={"login": login, "password": PASSWORD}
        )
        return str(answer.json()["value"]["token"])

    mine = pusher.post(key="officer", Authorization=f"Bearer {session('provider')}")
    assert mine.status_code == 201, mine.text
    theirs = pusher.post(key="stranger", Authorization=f"Bearer {session('stranger')}")
    assert theirs.status_code == 403
