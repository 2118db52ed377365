"""The exchange page says nothing an outsider could not compute from what it hands over."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

import pytest

import jutong_verify
from jutong.portal.visits import Rooms

from .conftest import Browser


def pack(browser: Browser, index: int) -> dict[str, bytes]:
    answer = browser.get(f"/ledger/{index}/proof")
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        return {name.rpartition("/")[2]: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize("index", [0, 3, 36])
def test_a_proof_pack_verifies_with_the_one_file_verifier(
    index: int, signed_in: Callable[[str], Browser]
) -> None:
    found = pack(signed_in("auditor"), index)
    key = jutong_verify.VerifierKey.parse(found["vkey"].decode().strip())
    proof = jutong_verify.Proof.parse(found["entry.tlog-proof"].decode())
    leaf = jutong_verify.leaf_hash(jutong_verify.sha256, found["entry.json"])
    assert proof.check(leaf, key).size == 37
    changed = jutong_verify.leaf_hash(jutong_verify.sha256, found["entry.json"].replace(b"D03", b"D04"))
    with pytest.raises(jutong_verify.Damaged):
        proof.check(changed, key)


def test_the_pack_carries_the_verifier_itself(signed_in: Callable[[str], Browser]) -> None:
    from pathlib import Path

    assert pack(signed_in("auditor"), 3)["jutong_verify.py"] == Path(jutong_verify.__file__).read_bytes()


def test_the_page_shows_four_steps_that_hold(signed_in: Callable[[str], Browser]) -> None:
    page = signed_in("auditor").get("/ledger/3").text
    assert page.count("一致") >= 3
    assert "不符" not in page


def test_an_exchange_is_seen_by_its_two_sides_and_the_watchers_only(
    signed_in: Callable[[str], Browser],
) -> None:
    for login, status in (
        ("consumer", 200), ("provider", 200), ("auditor", 200), ("steward", 200), ("stranger", 404), ("system", 403),
    ):  # fmt: skip
        answer = signed_in(login).get("/ledger/3")
        assert answer.status_code in ((status,) if status == 200 else (403, 404)), login


def test_a_receipt_is_looked_up_and_a_forged_one_is_told_so(
    rooms: Rooms, signed_in: Callable[[str], Browser]
) -> None:
    browser = signed_in("auditor")
    from dataclasses import replace

    exchange = replace(next(iter(rooms.ledger.entries()))[1], request_id="looked-up")
    token = rooms.ledger.stream("portal-test").record(exchange).token()
    rooms.ledger.sequence()
    found = browser.post("/ledger/receipt", receipt=f"Jutong-Receipt: {token}\n")
    assert found.status_code == 303
    assert "与您的回执一致" in browser.get(found.headers["location"]).text
    forged = browser.post(
        "/ledger/receipt", receipt=token[:-9] + ("A" if token[-9] != "A" else "B") + token[-8:]
    )
    assert forged.status_code == 422
    assert "不是本平台的回执" in forged.text


def test_a_receipt_may_come_as_a_file(rooms: Rooms, signed_in: Callable[[str], Browser]) -> None:
    browser = signed_in("auditor")
    exchange = next(iter(rooms.ledger.entries()))[1]
    token = rooms.ledger.stream("portal-test").record(exchange).token()
    rooms.ledger.sequence()
    answer = browser.client.post(
        "/ledger/receipt",
        data={"_csrf": browser.csrf(), "receipt": ""},
        files={"file": ("receipt.txt", token.encode())},
        follow_redirects=False,
    )
    assert answer.status_code == 303


def test_the_whole_ledger_is_checked_by_a_button(signed_in: Callable[[str], Browser]) -> None:
    browser = signed_in("auditor")
    assert browser.post("/ledger/check").status_code == 303
    assert "账本逐字节核对完毕" in browser.get("/ledger").text


def test_the_checkpoint_is_a_signed_note(rooms: Rooms, signed_in: Callable[[str], Browser]) -> None:
    note = signed_in("auditor").get("/ledger/checkpoint").text
    key = (
        jutong_verify.VerifierKey.parse(rooms.ledger.vkey)
        if isinstance(rooms.ledger.vkey, str)
        else rooms.ledger.vkey
    )
    assert jutong_verify.Checkpoint.open(note, key).size >= 37
