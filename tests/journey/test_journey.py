"""The whole journey of the sample city, held against what it must show."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections import Counter
from contextlib import closing

import openpyxl
import psycopg
import pyzipper
from psycopg import sql
from tests.journey.sample import ROOT, answer, demo_words, run

from jutong import fuse, share
from jutong.city import FILES, applications, evaluate_dirt, taken_files, truth_folder, wrongly_cleaned

GOLDEN = {
    "entries": 7488,
    "supply": 673,
    "demand": 1773,
    "negative": 37,
    "departments": 45,
    "counties": 13,
    "applications": 20,
    "consumer_departments": 20,
    "cloud_cores_added": 6144,
    "cloud_storage_added_tb": 800,
}


def test_the_figures_are_those_of_the_plan(sample):
    assert {name: sample.figures[name] for name in GOLDEN} == GOLDEN
    assert sample.figures["scale"] == 0.0005
    assert min(value for name, value in sample.figures.items() if name != "tasks_overdue") > 0


def test_every_application_calls_five_hundred_times_over_three_services(platform):
    made, used = Counter(), {}
    for _, fact in platform.ledger.entries():
        if (fact.event, fact.outcome) == ("share:service:answer", "answered"):
            made[fact.application] += 1
            used.setdefault(fact.application, set()).add(fact.resource)
    few = {
        one.id: (made[one.id], len(used.get(one.id, ())))
        for one in applications()
        if made[one.id] < 500 or len(used.get(one.id, ())) < 3
    }
    assert few == {}


def test_every_application_receives_one_full_and_two_incremental_deliveries(platform):
    received: dict[str, Counter[str]] = {one.id: Counter() for one in applications()}
    with platform.database.connection() as connection:
        for delivery in share.deliveries(connection):
            grant = share.find_grant(connection, delivery.grant_id)
            for ran in share.runs(connection, delivery.name):
                assert ran["state"] == "done", ran
                received[grant.application_id][ran["kind"]] += 1
    few = {
        name: dict(kinds) for name, kinds in received.items() if kinds["full"] < 1 or kinds["incremental"] < 2
    }
    assert few == {}


def test_records_exchanged_are_the_receivers_rows_and_the_calls_rows(sample, platform, outside):
    counted = share.recount(platform.ledger.entries())
    assert sample.figures["records_exchanged"] == sum(one.records for one in counted.values())
    assert sample.figures["exchanges"] == sum(one.times for one in counted.values())
    assert share.meter_differences(platform.database, platform.ledger) == []
    called = sum(fact.rows for _, fact in platform.ledger.entries() if fact.event == "share:service:answer")
    fetched = _fetched(platform)
    assert len(fetched) == len(FILES) > 0
    assert sample.figures["records_exchanged"] == called + sum(
        [*_received(platform, outside).values(), *fetched.values()]
    )


def _fetched(platform) -> dict[str, int]:
    """Rows in the files that lie with the consumers, read by other programs' readers; marked for who took them."""
    rows = {}
    for name, form in FILES.items():
        folder = taken_files(platform.settings.home) / name
        [file] = [one for one in folder.iterdir() if one.suffix != ".txt"]
        if form == "csv":
            with file.open(encoding="utf-8-sig", newline="") as opened:
                rows[name] = sum(1 for _ in csv.reader(opened)) - 2
            continue
        with pyzipper.AESZipFile(file) as archive:
            content = archive.read(archive.namelist()[0], pwd=(folder / "口令.txt").read_bytes())
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True)
        rows[name] = sum(1 for _ in book["数据"].iter_rows()) - 1
    return rows


def _received(platform, outside) -> dict[str, int]:
    """Rows ever committed, as the receivers' own control tables say."""
    rows = {}
    with platform.database.connection() as connection:
        deliveries = share.deliveries(connection)
    for delivery in deliveries:
        with psycopg.connect(outside.url(delivery.receiver["dbname"])) as receiver:
            found = receiver.execute(
                sql.SQL("SELECT upserted_total FROM {} WHERE delivery = %s").format(
                    sql.Identifier(share.CONTROL_TABLE)
                ),
                [delivery.name],
            ).fetchone()
            assert found is not None
            rows[delivery.name] = found[0]
    return rows


def test_every_delivered_table_equals_what_its_grant_lets_out(platform, outside):
    with platform.database.connection() as connection:
        names = [delivery.name for delivery in share.deliveries(connection)]
    assert len(names) >= 20
    different = []
    with closing(platform.ledger.stream("journey")) as stream:
        for name in names:
            found = share.reconcile(
                platform.database, platform.store, stream, platform.keys, name, mend=False
            )
            if found.result != "equal":
                different.append((name, found))
    assert different == []


def test_the_register_finds_who_is_who(sample, platform):
    found = fuse.evaluate(
        "legal_entity", truth_folder(sample.home), database=platform.database, store=platform.store
    )
    assert found.records > 0
    assert found.pair_f1 >= 0.99, found


def test_seeded_errors_are_found_for_the_right_reason(sample, platform):
    score = evaluate_dirt(sample.home, platform.database, platform.store)
    assert score.expected > 0
    assert score.unconserved == ()
    assert min(score.recall, score.precision) >= 0.99, score


def test_what_can_be_repaired_was_repaired(sample, platform):
    assert wrongly_cleaned(sample.home, platform.store) == []


def test_the_ledger_verifies_with_and_without_us(sample):
    said = answer(sample.home, "ledger", "verify")
    assert (said["ok"], said["problems"]) == (True, [])
    assert said["size"] > 10_000
    alone = subprocess.run(
        [sys.executable, "-I", ROOT / "src/jutong_verify.py", sample.home / "ledger"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert alone.returncode == 0, alone.stdout


def test_the_doctor_finds_nothing_wrong_but_the_machine_s_ports_and_disk(sample):
    findings = json.loads(run(sample.home, "doctor", "--json", code=None).stdout)
    of_the_machine = ("portal.port_taken", "gate.port_taken", "cli.disk_low", "cli.disk_full")
    assert [one for one in findings if not one["well"] and one["code"] not in of_the_machine] == []
    assert {"cli.city", "database.reachable", "store.sound"} <= {one["code"] for one in findings}


def test_the_same_demo_again_changes_no_figure_and_doubles_nothing(sample, platform):
    def counts() -> dict[str, int]:
        with platform.database.connection() as connection:
            return {
                name: connection.execute(f"SELECT count(*)::int AS n FROM {name}").fetchone()["n"]
                for name in (
                    "batch", "refinement", "entry", "app_user", "application", "request", "share_grant", "service",
                    "delivery", "delivery_run", "model", "case_file",
                )
            }  # fmt: skip

    before, snapshot = counts(), platform.store.snapshot()
    run(sample.home, *demo_words(sample.home))
    assert answer(sample.home, "figures") == sample.figures
    assert counts() == before
    assert platform.store.snapshot() == snapshot


def test_a_day_like_any_other_waits_on_the_desks(platform):
    with platform.database.connection() as connection:
        waiting = {
            row["kind"]: row["n"]
            for row in connection.execute(
                "SELECT kind, count(*) AS n FROM case_file WHERE closed_at IS NULL GROUP BY kind"
            )
        }
    assert waiting["catalogue_entry"] == 4
    assert waiting["share_request"] >= 8
    assert waiting["data_quality"] >= 5
    assert waiting["objection"] >= 1
