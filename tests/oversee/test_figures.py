"""Every figure is a query: it is asked, it equals an independent count, and it can be questioned (law 8)."""

from __future__ import annotations

import datetime as dt

import psycopg
import pytest
from tests.oversee import plan_of_shaoyang as plan
from tests.share_city import add_entry, close_city, company, found, open_city, receiver_database

from jutong import oversee
from jutong.oversee import FIGURES, as_json, batches, figure, figures
from jutong.store import DatasetSpec
from jutong.terms import DatasetName, Item, NotFound

#: Design §9, in its order.
KEPT = [
    "scale",
    "departments",
    "counties",
    "entries",
    "supply",
    "demand",
    "negative",
    "records_gathered",
    "records_standard",
    "issues",
    "legal_entities",
    "licences",
    "credit_records",
    "applications",
    "consumer_departments",
    "exchanges",
    "records_exchanged",
    "cloud_cores_added",
    "cloud_storage_added_tb",
    "tasks",
    "tasks_overdue",
]


@pytest.fixture(scope="module")
def city(settings, cluster):
    opened = found(open_city(settings, receiver_database(cluster.url())))
    fill(opened)
    yield opened
    close_city(opened)


def fill(city):
    import random

    city.merge([company(number, random.Random(2)) for number in range(40)])
    items = (Item("no", "证照编号", key=True), Item("kind", "证照类型"))
    names = ("standard.licence", "standard.credit", "standard.issue", "base.legal_entity")
    city.store.declare([DatasetSpec(DatasetName.parse(name), name, items, ("no",)) for name in names])
    for name, rows in zip(names, (7, 5, 3, 2), strict=True):
        select = f"SELECT 'n' || i AS no, 'k' AS kind FROM range({rows}) AS r(i)"
        city.store.write(f"fill-{name}", name, author="t", body=lambda w, n=name, s=select: w.merge(n, s))
    with city.database.connection() as connection:
        connection.execute("INSERT INTO entry_number (prefix, last) VALUES ('x', 1) ON CONFLICT DO NOTHING")
        for code, dataset in (("105/000001", "standard.licence"), ("104/000001", "standard.credit")):
            entry = add_entry(connection, items, code=code, dataset=dataset, share_type=1)
            connection.execute("UPDATE entry SET class_code = %s WHERE id = %s", (code[:3], entry))
        withheld = add_entry(connection, items, code="307/000001", share_type=3)
        connection.execute(
            "UPDATE entry SET dataset = NULL, resource_kind = NULL, committed = false WHERE id = %s",
            (withheld,),
        )
        connection.execute(
            "INSERT INTO source (name, department_code, kind, label) VALUES ('s', 'D23', 'csv', '源')"
        )
        connection.execute(
            "INSERT INTO source_table (name, source_name, label, locator) VALUES ('licence', 's', '证照', '{}')"
        )
        for number, state in enumerate(("refined", "received", "failed"), 1):
            connection.execute(
                "INSERT INTO batch (id, source_table, run_id, mode, given, bytes, content_hash, started_at, received_at, snapshot,"
                " state, problem) VALUES (%s, 'licence', %s, 'full', 100, 1, 'x', now(), now(), 1, %s, %s)",
                (f"b{number}", f"r{number}", state, '{"code": "gone"}' if state == "failed" else None),
            )
        connection.execute(
            "INSERT INTO refinement (batch_id, dataset, accepted, rejected, duplicates, flagged, issues, commit_id,"
            " snapshot, finished_at) VALUES ('b1', 'standard.licence', 90, 8, 2, 4, 12, 'c', 1, now())"
        )
        connection.execute(
            "INSERT INTO demand (department_code, name, basis) VALUES ('D25', '证照核验', '职责')"
        )
        connection.execute(
            "INSERT INTO meter_daily VALUES ('2026-06-01', 'D23', 'e', 'r', 'D25', 'A01', 'api', 4, 15)"
        )
        oversee.load_duties(connection, plan.DUTIES)
        oversee.load_campaigns(connection, plan.CAMPAIGNS)
        oversee.load_tasks(connection, plan.TASKS)
        oversee.load_cloud_changes(connection, plan.CHANGES)


def test_the_kept_keys_are_those_of_the_design_in_order(city):
    assert list(as_json(figures(city.database, city.store))) == KEPT


def test_each_figure_equals_what_was_put_in(city):
    values = as_json(figures(city.database, city.store, scale=0.002, everything=True))
    assert {name: values[name] for name in KEPT} == {
        "scale": 0.002, "departments": 3, "counties": 0, "entries": 4, "supply": 3, "demand": 1, "negative": 1,
        "records_gathered": 200, "records_standard": 40 + 7 + 5, "issues": 3, "legal_entities": 2, "licences": 7,
        "credit_records": 5, "applications": 1, "consumer_departments": 1, "exchanges": 4, "records_exchanged": 15,
        "cloud_cores_added": 6144, "cloud_storage_added_tb": 800, "tasks": 3, "tasks_overdue": 2,
    }  # fmt: skip
    assert values["attached_percent"] == 75
    assert values["quality_percent"] == 91.84
    assert values["cloud_cores_free"] == 10240


def test_each_figure_can_be_questioned(city):
    before = dt.datetime.now(dt.UTC)
    for one in figures(city.database, city.store, everything=True):
        assert one.label
        assert one.label_en
        assert len(one.definition) >= 4
        assert one.owner == "邵阳市行政审批服务局"
        assert one.link.startswith("/")
        assert one.query.startswith(("SELECT", "-- ", "settings."))
        assert before <= one.as_of <= dt.datetime.now(dt.UTC)
    assert figure(city.database, city.store, "licences").value == 7
    with pytest.raises(NotFound):
        figure(city.database, city.store, "nonsense")
    assert len({meaning.name for meaning in FIGURES}) == len(FIGURES)


def test_a_figure_follows_the_rows_at_once(city):
    before = as_json(figures(city.database, city.store))["issues"]
    city.store.write(
        "more-issues", "standard.issue", author="t",
        body=lambda w: w.merge("standard.issue", "SELECT 'more' AS no, 'k' AS kind"),
    )  # fmt: skip
    assert as_json(figures(city.database, city.store))["issues"] == before + 1


def test_batches_say_given_accepted_rejected_and_duplicates(city):
    with city.database.connection() as connection:
        told = batches(connection)
    assert told[0] == {
        "name": "b1",
        "given": 100,
        "accepted": 90,
        "rejected": 8,
        "duplicates": 2,
        "state": "refined",
    }
    waiting = {"accepted": None, "rejected": None, "duplicates": None, "state": "received"}
    assert told[1] == {"name": "b2", "given": 100, **waiting}


def test_no_number_of_the_figures_stands_in_the_code():
    """A figure without a query of its own name would be a number typed by hand."""
    from jutong.oversee import figures as door
    from jutong.oversee.figures import _QUERIES

    for meaning in FIGURES:
        assert isinstance(getattr(_QUERIES, meaning.name), psycopg.sql.SQL)
    assert callable(door)
