"""Signed requests: the standard's own examples, and what becomes of every part that is not as it should be."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import http.client
import json
import time

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.gate.conftest import wait_for

from jutong.client import City, Signer
from jutong.gate.rights import Caller, SigningKey
from jutong.gate.signatures import Nonces, Parsed, Signed, base_of, check, verify
from jutong.share import Access, add_public_key, drop_key, new_shared_secret, rotate_token, set_access
from jutong.terms import JutongError

HEADERS = {
    "date": "Tue, 20 Apr 2021 02:07:55 GMT",
    "content-type": "application/json",
    "content-length": "18",
}
B26 = '("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"'
B25 = '("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"'
EXAMPLES = {
    "B.2.5": (
        "hmac-sha256",
        base64.b64decode("uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="),
        B25,
        "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=",
    ),
    "B.2.6": (
        "ed25519",
        base64.b64decode("JrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs="),
        B26,
        "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==",
    ),
}  # fmt: skip
NOBODY = Caller("A01", "D25", "active", signed=True)
SECRET = b"s" * 32
NOW = dt.datetime(2026, 5, 9, 4, 0, tzinfo=dt.UTC)


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_of_rfc_9421_verify(example):
    algorithm, material, text, signature = EXAMPLES[example]
    names = tuple(one.strip('"') for one in text[1 : text.index(")")].split(" "))
    signed = Signed("", "", "POST", "example.com", "/foo", "", b"", HEADERS.get)
    parsed = Parsed(names, text, 1618884473, None, "", "", b"")
    check(SigningKey(NOBODY, algorithm, material), base_of(signed, parsed), base64.b64decode(signature))
    with pytest.raises(JutongError):
        check(
            SigningKey(NOBODY, algorithm, material),
            base_of(signed, parsed) + b" ",
            base64.b64decode(signature),
        )


def good(monkeypatch, body=b"{}", path="/v1/company?limit=1", at=NOW) -> tuple[dict, Signed]:
    monkeypatch.setattr(time, "time", at.timestamp)
    given = {
        name.lower(): value
        for name, value in Signer.shared("k1", SECRET).headers("POST", "gate:8090", path, body).items()
    }
    target, _, query = path.partition("?")
    signed = Signed(
        given["signature-input"], given["signature"], "POST", "gate:8090", target, query, body, given.get
    )
    return given, signed


def asked(signed, take=lambda *_: True, now=NOW):
    keys = {"k1": SigningKey(NOBODY, "hmac-sha256", SECRET)}
    return verify(signed, keys.get, now, take)


def test_what_the_client_signs_the_gate_believes(monkeypatch):
    assert asked(good(monkeypatch)[1]).caller is NOBODY
    assert asked(good(monkeypatch, body=b"", path="/v1/company")[1]).caller is NOBODY


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (lambda s: s._replace(method="GET"), "gate.bad_signature"),
        (lambda s: s._replace(path="/v1/other"), "gate.bad_signature"),
        (lambda s: s._replace(query="limit=2"), "gate.bad_signature"),
        (lambda s: s._replace(authority="elsewhere"), "gate.bad_signature"),
        (lambda s: s._replace(body=b"{ }"), "gate.bad_digest"),
        (lambda s: s._replace(input=s.input.replace('"k1"', '"k2"')), "gate.unknown_key"),
        (lambda s: s._replace(input=s.input.replace(' "content-digest"', "")), "gate.signature_incomplete"),
        (lambda s: s._replace(input=s.input.replace('"@query" ', "")), "gate.signature_incomplete"),
        (lambda s: s._replace(input=s.input + ', b=("@method")'), "gate.bad_signature"),
        (lambda s: s._replace(input=s.input.split(";nonce")[0]), "gate.bad_signature"),
        (lambda s: s._replace(signature="jt=:AAAA:"), "gate.bad_signature"),
        (lambda s: s._replace(input="(((("), "gate.bad_signature"),
    ],
)
def test_a_part_changed_on_the_way_is_found(monkeypatch, wrong, code):
    with pytest.raises(JutongError) as found:
        asked(wrong(good(monkeypatch)[1]))
    assert found.value.code == code


@pytest.mark.parametrize("seconds", [-301, 301, 86_400])
def test_a_clock_too_far_off_is_refused(monkeypatch, seconds):
    with pytest.raises(JutongError) as found:
        asked(good(monkeypatch)[1], now=NOW + dt.timedelta(seconds=seconds))
    assert found.value.code == "gate.signature_expired"


def test_a_nonce_is_good_once_for_all_workers_of_a_host(monkeypatch, tmp_path):
    one, other = Nonces(tmp_path / "nonces.db"), Nonces(tmp_path / "nonces.db")
    signed = good(monkeypatch)[1]
    assert asked(signed, one.take)
    with pytest.raises(JutongError) as found:
        asked(signed, other.take)
    assert found.value.code == "gate.replayed"
    one.forget(int(NOW.timestamp()) + 10_000)
    assert other.take("k1", "x" * 16, 0)


def test_a_signed_call_opens_what_a_token_alone_does_not(city, gate, granted):
    grant, token = granted
    private = Ed25519PrivateKey.generate()
    with city.database.connection() as connection:
        connection.execute(
            "UPDATE item SET mask = 'none' WHERE entry_id = %s AND name = 'phone'", (city.entry_id,)
        )
        connection.execute("UPDATE share_grant SET masks = '{}' WHERE id = %s", (grant.id,))
        add_public_key(connection, grant.application_id, f"{grant.application_id}.1", private.public_key().public_bytes_raw())  # fmt: skip
        secret = new_shared_secret(connection, city.keys, grant.application_id, f"{grant.application_id}.2")
    key = next(name for name, row in sorted(city.rows.items()) if row["phone"])
    try:
        gate.until(
            lambda: (
                gate.call("company", token, uscc=key, items="phone").told.get("code")
                == "gate.signature_required"
            )
        )
        for signer in (
            Signer.ed25519(f"{grant.application_id}.1", private.private_bytes_raw()),
            Signer.shared(f"{grant.application_id}.2", secret),
        ):
            with City(f"http://127.0.0.1:{gate.port}", signer=signer, patience=5) as caller:
                assert caller.call("company", uscc=key, items=["phone"]).rows == [
                    {"phone": city.rows[key]["phone"]}
                ]
        with city.database.connection() as connection:
            drop_key(connection, f"{grant.application_id}.2")
        headers = dict(signer.headers("GET", f"127.0.0.1:{gate.port}", f"/v1/company?uscc={key}", b""))
        gate.until(
            lambda: (
                gate.call("company", None, uscc=key, headers=headers).told.get("code") == "gate.unknown_key"
            )
        )
    finally:
        with city.database.connection() as connection:
            connection.execute(
                "UPDATE item SET mask = NULL WHERE entry_id = %s AND name = 'phone'", (city.entry_id,)
            )


def test_the_same_signed_request_sent_twice_answers_once(city, gate, granted):
    grant, _ = granted
    with city.database.connection() as connection:
        secret = new_shared_secret(connection, city.keys, grant.application_id, f"{grant.application_id}.r")
    signer = Signer.shared(f"{grant.application_id}.r", secret)

    def send(headers):
        connection = http.client.HTTPConnection("127.0.0.1", gate.port, timeout=20)
        connection.request("POST", "/v1/company", body=b'{"limit":1}', headers=headers)
        reply = connection.getresponse()
        told = json.loads(reply.read())
        connection.close()
        return reply.status, told.get("code")

    def fresh():
        return dict(signer.headers("POST", f"127.0.0.1:{gate.port}", "/v1/company", b'{"limit":1}'))

    gate.until(lambda: send(fresh())[0] == 200)
    headers = fresh()
    assert [send(headers), send(headers)] == [(200, None), (401, "gate.replayed")]


def test_limits_and_scopes_are_in_force_at_once(city, gate, granted):
    grant, token = granted
    name = grant.application_id

    def put(**given):
        with city.database.connection() as connection:
            set_access(connection, name, Access(**given))

    def code():
        reply = gate.call("company", token, limit=1)
        return None if reply.status == 200 else reply.code

    put(services=("division",))
    gate.until(lambda: code() == "gate.out_of_scope")
    put(networks=("10.0.0.0/8",))
    gate.until(lambda: code() == "gate.network_not_allowed")
    put(rate=2)
    gate.until(lambda: code() == "gate.rate_limited")
    reply = next(r for r in (gate.call("company", token, limit=1) for _ in range(50)) if r.status == 429)
    assert reply.headers["retry-after"] == "1"
    put(daily_quota=1)
    gate.until(lambda: code() == "gate.quota_used")
    put(concurrency=1)
    gate.until(lambda: code() is None)
    assert [code() for _ in range(5)] == [None] * 5  # each gives its place back
    put()
    assert hashlib.sha256(token.encode()).hexdigest()


def test_a_token_changed_with_an_overlap_needs_no_pause(city, gate, granted):
    grant, token = granted
    with city.database.connection() as connection:
        fresh = rotate_token(connection, grant.application_id, overlap=dt.timedelta(hours=1))
    wait_for(gate, fresh)
    assert gate.call("company", token, limit=1).status == 200
    with city.database.connection() as connection:
        rotate_token(connection, grant.application_id, until=dt.datetime.now(dt.UTC))
    gate.until(lambda: gate.call("company", token, limit=1).status == 401)
    gate.until(lambda: gate.call("company", fresh, limit=1).status == 401)
