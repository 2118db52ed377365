"""The developer's pages before a real gate: a token made, tried, replaced and revoked; keys; the two documents."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.gate.test_gate_describes import check_document
from tests.gate_city import Gate
from tests.portal.conftest import Browser, TestClient
from tests.portal.seed import seed

from jutong.client import City, Signer
from jutong.keys import SoftwareKeys
from jutong.ledger import Ledger
from jutong.portal import make_portal
from jutong.portal.visits import Rooms
from jutong.settings import write_settings
from jutong.store import Store

PAGE = "/applications/A03"


@pytest.fixture(scope="module")
def town(database, settings):
    """(rooms, gate, a browser of the consumer's officer, one of a stranger)"""
    settings = replace(settings, second_factor=False, demo_accounts=True, lake_memory="512MB")
    write_settings(settings)
    keys = SoftwareKeys.open(settings.keys_folder)
    ledger = Ledger.open(settings.ledger_folder, keys, origin=settings.ledger_origin)
    with Store.open(database, settings) as store:
        seed(Rooms(database, store, ledger, keys, settings))
        gate = Gate(settings)
        portal = make_portal(
            database=database, store=store, ledger=ledger, keys=keys, settings=replace(settings, gate_port=gate.port)
        )  # fmt: skip
        browsers = [Browser(TestClient(portal)) for _ in range(2)]
        for browser, login in zip(browsers, ("consumer", "provider"), strict=True):
            assert browser.sign_in(login).status_code == 303
        yield ledger, gate, *browsers
        gate.stop()


def tried(officer, service, token, question):
    answer = officer.post(f"/services/{service}/console", token=token, question=question)
    assert answer.status_code == 200, answer.text
    assert token not in answer.text
    return answer.text


def made(officer, **given):
    answer = officer.post(f"{PAGE}/token", **given)
    found = re.search(r'id="token">(jtk_[^<]+)<', answer.text)
    assert found, answer.text
    return found[1]


def test_a_token_is_made_tried_replaced_and_revoked(town):
    _, gate, officer, _ = town
    document = json.loads(officer.get(f"{PAGE}/openapi").content)
    check_document(document)
    service = next(iter(document["paths"])).removeprefix("/v1/")
    check_document(json.loads(officer.get(f"/services/{service}/openapi").content))
    first = made(officer)
    gate.until(lambda: gate.call(service, first, limit=1).status == 200)
    assert "Jutong-Receipt" not in tried(officer, service, first, "limit=1")
    assert "HTTP 200" in tried(officer, service, first, "limit=1")
    assert "jt1~" in tried(officer, service, first, "limit=1")
    assert "gate.bad_query" in tried(officer, service, first, "nonsense=1")
    second = made(officer, overlap="24", expires="2099-12-31")
    gate.until(lambda: gate.call(service, second, limit=1).status == 200)
    assert gate.call(service, first, limit=1).status == 200
    page = officer.get(f"{PAGE}/developer").text
    assert second[:10] in page
    assert "旧令牌可用至" in page
    assert officer.post(f"{PAGE}/token/revoke").status_code == 303
    for token in (first, second):
        gate.until(lambda token=token: gate.call(service, token, limit=1).status == 401, 5)
    assert "gate.bad_token" in tried(officer, service, second, "limit=1")


def test_a_key_registered_here_signs_there(town):
    ledger, gate, officer, _ = town
    service = next(iter(json.loads(officer.get(f"{PAGE}/openapi").content)["paths"])).removeprefix("/v1/")
    private = Ed25519PrivateKey.generate()
    public = base64.b64encode(private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()
    assert officer.post(f"{PAGE}/keys", key_id="A03-a", public_key=public).status_code == 303
    answer = officer.post(f"{PAGE}/keys", key_id="A03-b", algorithm="hmac-sha256")
    secret = base64.b64decode(re.search(r'id="secret">([^<]+)<', answer.text)[1])
    address = f"http://127.0.0.1:{gate.port}"
    for signer in (Signer.ed25519("A03-a", private.private_bytes_raw()), Signer.shared("A03-b", secret)):
        with City(address, signer=signer, vkey=str(ledger.vkey), patience=5) as city:
            gate.until(lambda city=city: called(city, service))
    assert officer.post(f"{PAGE}/keys/drop", key_id="A03-a").status_code == 303
    page = officer.get(f"{PAGE}/developer").text
    assert "停用 A03-b" in page
    assert "停用 A03-a" not in page


def called(city, service):
    try:
        return bool(city.call(service, limit=1).kept.receipt)
    except Exception as problem:
        if getattr(problem, "code", "") != "gate.unknown_key":
            raise
        return False


@pytest.mark.parametrize(
    ("path", "given", "code"),
    [
        ("keys", {"key_id": "A03-x", "public_key": "short"}, "portal.public_key"),
        ("keys", {"key_id": "A03-x", "public_key": "AAAA"}, "share.signing_key"),
        ("keys", {"key_id": "no spaces", "algorithm": "hmac-sha256"}, "share.signing_key"),
        ("keys/drop", {"key_id": "somebody-elses"}, "share.key_unknown"),
        ("scope", {"networks": "here"}, "share.access"),
    ],
)
def test_what_is_wrong_is_said(town, path, given, code):
    assert code in town[2].post(f"{PAGE}/{path}", **given).text


def test_the_scope_holds_at_the_gate(town):
    _, gate, officer, _ = town
    service = next(iter(json.loads(officer.get(f"{PAGE}/openapi").content)["paths"])).removeprefix("/v1/")
    token = made(officer)
    gate.until(lambda: gate.call(service, token, limit=1).status == 200)
    assert officer.post(f"{PAGE}/scope", services="elsewhere").status_code == 303
    gate.until(lambda: gate.call(service, token, limit=1).status == 403, 5)
    assert gate.call(service, token, limit=1).code == "gate.out_of_scope"
    assert officer.post(f"{PAGE}/scope", networks="10.1.0.0/16").status_code == 303
    gate.until(lambda: gate.call(service, token, limit=1).code == "gate.network_not_allowed", 5)
    assert officer.post(f"{PAGE}/scope").status_code == 303
    gate.until(lambda: gate.call(service, token, limit=1).status == 200, 5)


def test_a_stranger_changes_nothing(town):
    _, _, _, stranger = town
    for path in ("token", "token/revoke", "keys", "keys/drop", "scope"):
        answer = stranger.post(f"{PAGE}/{path}", key_id="A03-y", algorithm="hmac-sha256")
        assert answer.status_code in (403, 404)
    assert stranger.get(f"{PAGE}/developer").status_code in (403, 404)
    assert stranger.get(f"{PAGE}/openapi").status_code in (403, 404)
