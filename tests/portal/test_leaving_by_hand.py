"""What leaves and is looked after by hand: a file by one link and back to its recipient, a delivery compared and mended."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable

import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.json import Jsonb
from tests.share_city import receiver_database

from jutong.database import EmbeddedPostgres
from jutong.flows import prepare
from jutong.people import party_of
from jutong.portal.pages.deliveries import making
from jutong.portal.pages.deliveries.route import RESULTS
from jutong.portal.visits import Rooms
from jutong.share import add_delivery, ask, make_waiting, move_request, try_receiver
from jutong.share.extracts import making as extract_making

from .conftest import Browser
from .seed import wish


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


def test_a_file_of_many_rows_waits_for_the_worker(
    rooms: Rooms, signed_in: Callable[[str], Browser], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extract_making, "AT_ONCE_ROWS", 0)
    consumer = signed_in("consumer")
    grant = re.search(r'<option value="(G\d+)"', consumer.get("/extracts").text)
    assert grant
    shown = consumer.post("/extracts", grant=grant[1], form="csv", hours="24").text
    assert "在排队生成" in shown
    link = re.search(r'id="link">(/extracts/link/[^<]+)<', shown)
    page = re.search(r'href="(/extracts/E\d+)"', shown)
    assert link
    assert page
    assert "排队中" in consumer.get(page[1]).text
    early = consumer.get(link[1])
    assert (early.status_code, "还在生成" in early.text) == (403, True)
    make_waiting(rooms.database, rooms.store, rooms.keys, rooms.settings.extracts_folder)
    assert consumer.get(link[1]).status_code == 200


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


@pytest.fixture(scope="module")
def delivery(rooms: Rooms) -> str:
    """A delivery of which nothing has arrived yet, and a comparison that ended in every way one can."""
    prepare(rooms.database)
    with rooms.database.connection() as connection:
        consumer, heads = party_of(connection, "consumer"), ("consumer-head", "provider-head")
        items = ("uscc", "name", "state")
        request = ask(connection, consumer, wish(rooms, method="table", items=items))
        move_request(connection, request.id, "consent", party_of(connection, heads[0]))
        grant = move_request(connection, request.id, "approve", party_of(connection, heads[1])).grant
        assert grant
        add_delivery(
            connection, rooms.keys, name="a03_entities", grant_id=grant.id, receiver={"dbname": "app_a03", "host": "far"},
            password=None, table_name="entities",
        )  # fmt: skip
        for state in RESULTS:
            connection.execute(
                "INSERT INTO reconciliation (delivery_name, result, problem) VALUES ('a03_entities', %s, '原因')",
                [state],
            )
        connection.execute(
            "INSERT INTO reconciliation_key SELECT max(id), 1, 'missing', ARRAY['91430502MA4MG06T7C'] FROM reconciliation"
        )
    return "/deliveries/a03_entities"


def test_a_delivery_s_page_tells_every_end_of_a_comparison_and_which_rows_differ(
    delivery: str, signed_in: Callable[[str], Browser]
) -> None:
    page = signed_in("steward").get(delivery).text
    assert [word for _, word in RESULTS.values() if word not in page] == []
    assert "91430502MA4MG06T7C" in page
    assert "对方缺" in page
    assert "比较并补正" not in signed_in("auditor").get(delivery).text


def test_who_may_run_a_delivery_has_it_compared_and_says_how_often(
    delivery: str, rooms: Rooms, signed_in: Callable[[str], Browser]
) -> None:
    consumer = signed_in("consumer")
    assert consumer.post(f"{delivery}/reconcile", do="mend").status_code == 303
    assert consumer.post(f"{delivery}/schedule", every="6").status_code == 303
    assert consumer.post(f"{delivery}/schedule", every="5").status_code == 422
    assert signed_in("auditor").post(f"{delivery}/reconcile", do="mend").status_code == 403
    with rooms.database.connection() as connection:
        asked = connection.execute("SELECT arguments FROM job_run WHERE stage = 'reconcile'").fetchone()
        every = connection.execute("SELECT reconcile_every FROM delivery").fetchone()
    assert asked
    assert asked["arguments"] == {"delivery": "a03_entities", "mend": True}
    assert every
    assert every["reconcile_every"] == dt.timedelta(hours=6)


def test_a_delivery_is_tried_and_made_by_whom_it_serves(
    rooms: Rooms,
    signed_in: Callable[[str], Browser],
    cluster: EmbeddedPostgres,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held: list[int] = []

    def looking_on(*given: object) -> object:
        with rooms.database.connection() as connection:
            row = connection.execute(
                "SELECT count(*) AS n FROM pg_stat_activity"
                " WHERE datname = current_database() AND state LIKE 'idle in transaction%'"
            ).fetchone()
            held.append(row["n"] if row else -1)
        return try_receiver(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(making, "try_receiver", looking_on)
    consumer = signed_in("consumer")
    parts = conninfo_to_dict(receiver_database(cluster.url()))
    with rooms.database.connection() as connection:
        request = ask(
            connection, party_of(connection, "consumer"), wish(rooms, method="table", items=("uscc", "name"))
        )
        move_request(connection, request.id, "consent", party_of(connection, "consumer-head"))
        grant = move_request(connection, request.id, "approve", party_of(connection, "provider-head")).grant
    assert grant
    assert f"/deliveries/new?grant={grant.id}" in consumer.get(f"/grants/{grant.id}").text
    assert grant.id in consumer.get("/deliveries/new").text
    form = {
        "grant": grant.id, "name": "made_by_hand", "table": "made", "kind": "postgres", "host": "127.0.0.1",
        "port": "9", "dbname": str(parts["dbname"]), "user": str(parts["user"]), "password": "s3cret-word",
    }  # fmt: skip
    tried = consumer.post("/deliveries/new", **form, do="try")
    assert (tried.status_code, held) == (200, [0])  # no transaction waits for somebody else's server
    assert "连接不上" in tried.text or "连不上" in tried.text
    assert "s3cret-word" not in tried.text
    for wrong, code in (
        ({"host": str(parts["host"])}, "share.delivery_receiver"),  # a socket of this machine
        ({"host": f"x.invalid,{parts['host']}"}, "share.delivery_receiver"),
        ({"host": "@name"}, "share.delivery_receiver"),
        ({"host": ""}, "share.delivery_receiver"),
        ({"kind": "sqlalchemy", "driver": "sqlite"}, "share.delivery_kind"),
        ({"table": "Made; DROP"}, "share.delivery_table"),
    ):
        answer = consumer.post("/deliveries/new", **{**form, **wrong}, do="keep")
        assert (answer.status_code, code in answer.text) == (422, True), answer.text[-500:]
    kept = consumer.post("/deliveries/new", **form, do="keep")
    assert kept.headers["location"] == "/deliveries/made_by_hand", kept.text[-2000:]
    assert consumer.post("/deliveries/new", **form, do="keep").status_code == 409
    with rooms.database.connection() as connection:
        row = connection.execute(
            "SELECT secret, receiver FROM delivery WHERE name = 'made_by_hand'"
        ).fetchone()
        assert row
        assert "s3cret" not in f"{row}"
        connection.execute(
            "UPDATE delivery SET receiver = %s, secret = %s WHERE name = 'made_by_hand'",
            (
                Jsonb({name: parts[name] for name in ("host", "dbname", "user")}),
                rooms.keys.seal(str(parts["password"]).encode(), context="delivery:made_by_hand"),
            ),
        )
    checked = consumer.post("/deliveries/made_by_hand/check", follow_redirects=True)
    assert "将在首次交换时建立" in checked.text
    assert signed_in("auditor").post("/deliveries/made_by_hand/check").status_code == 403
    assert signed_in("stranger").post("/deliveries/new", **{**form, "name": "x"}, do="keep").status_code in (
        403,
        404,
    )
