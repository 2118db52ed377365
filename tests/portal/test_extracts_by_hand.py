"""A file from the grant to the clerk's disk by forms and one link, and back to its recipient when it turns up."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from jutong.portal.visits import Rooms

from .conftest import Browser


@pytest.fixture(scope="module")
def fetched(rooms: Rooms, signed_in: Callable[[str], Browser]) -> tuple[str, str, bytes]:
    """The file's page, its used link, and what came down it."""
    consumer = signed_in("consumer")
    grant = re.search(r'<option value="(G\d+)"', consumer.get("/extracts").text)
    assert grant
    shown = consumer.post("/extracts", grant=grant[1], form="csv", hours="24")
    assert shown.status_code == 200, shown.text
    link = re.search(r'id="link">(/extracts/link/[^<]+)<', shown.text)
    page = re.search(r'href="(/extracts/E\d+)"', shown.text)
    assert link
    assert page
    assert signed_in("provider").get(link[1]).status_code == 403
    answer = consumer.get(link[1])
    assert answer.status_code == 200
    assert "attachment" in answer.headers["content-disposition"]
    assert answer.headers["jutong-receipt"]
    assert len(answer.content) == int(answer.headers["content-length"])
    return page[1], link[1], answer.content


def test_a_link_is_shown_once_and_works_once(fetched, signed_in: Callable[[str], Browser]) -> None:
    page, link, _ = fetched
    consumer = signed_in("consumer")
    again = consumer.get(link)
    assert (again.status_code, "已全部取走" in again.text) == (403, True)
    assert link not in consumer.get(page).text
    for login in ("consumer", "provider", "steward", "auditor"):
        assert "已取走" in signed_in(login).get(page).text
    assert signed_in("stranger").get(page).status_code in (403, 404)


def test_the_receipt_proves_the_download(fetched, rooms: Rooms) -> None:
    rooms.ledger.sequence()
    name = fetched[0].rpartition("/")[2]
    events = [one.event for _, one in rooms.ledger.entries() if one.resource == name]
    assert events.count("share:extract:download") == 1  # the link was tried again, and by others, in vain


def test_the_auditor_traces_a_part_of_it(fetched, signed_in: Callable[[str], Browser]) -> None:
    auditor = signed_in("auditor")
    part = b"\r\n".join(fetched[2].split(b"\r\n")[5:60])
    answer = auditor.client.post(
        "/extracts/trace", data={"_csrf": auditor.csrf(), "password": ""}, files={"file": ("流出.csv", part)}
    )
    assert answer.status_code == 200, answer.text
    assert "认定" in answer.text
    assert fetched[0] in answer.text
    assert signed_in("consumer").get("/extracts/trace").status_code == 403


def test_a_form_with_mistakes_is_told_in_words(signed_in: Callable[[str], Browser]) -> None:
    consumer = signed_in("consumer")
    assert consumer.post("/extracts", grant="G999999", form="csv").status_code == 404
    assert consumer.post("/extracts", grant="G000001", form="csv").status_code == 422
    assert consumer.post("/extracts", grant="G000001", form="docx").status_code == 422
    assert signed_in("provider").post("/extracts", grant="G000001", form="csv").status_code == 403
