"""谁看过 over every path of the sample city, held against what can be worked out without it, subject by subject."""

from __future__ import annotations

import csv
import io
import random
import time
from collections import Counter, defaultdict
from types import SimpleNamespace
from urllib.parse import parse_qsl, urlsplit

import openpyxl
import psycopg
import pytest
import pyzipper
from psycopg import sql

from jutong import share
from jutong.city import FILES, applications, taken_files
from jutong.city.living import SERVICE
from jutong.city.sharing import CALLS, _paths
from jutong.city.systems.live import filings, live_interface
from jutong.terms import quote

pytestmark = pytest.mark.slow
SUBJECTS = {"person_id", "uscc"}
LOOKED_UP = 1000


class Lake:
    """Granted rows as they stood, by plain SQL over the lake: item values, and whose records they are."""

    def __init__(self, platform):
        self._platform = platform
        self._kept = {}

    def rows(self, bound, snapshot):
        """key → (what leaves of it, its subjects) at one snapshot."""
        out = bound.outgoing
        at = (bound.grant_id, snapshot)
        if at not in self._kept:
            condition, values = share.filter_sql(out.row_filter, {item.name: item for item in out.all_items})
            columns = [*map(quote, out.keys), *map(share.leaving_sql, out.items), *map(quote, out.subjects)]
            with self._platform.store.reading(snapshot) as lake:
                found = lake.arrow(
                    f"SELECT {', '.join(f'{one} AS c{n}' for n, one in enumerate(columns))}"
                    f" FROM {lake.table(out.dataset)} WHERE {condition}",
                    values,
                )
            rows = zip(*(column.to_pylist() for column in found.columns), strict=True)
            keys, left = len(out.keys), len(out.keys) + len(out.items)
            self._kept[at] = {
                row[:keys]: (row[keys:left], {one for one in row[left:] if one is not None}) for row in rows
            }
        return self._kept[at]


@pytest.fixture(scope="module")
def truth(platform, outside):
    """subject → how often each (event, resource, application) held a record of theirs."""
    share.fold(platform.database, platform.ledger)
    told = defaultdict(Counter)
    lake = Lake(platform)
    with platform.database.connection() as connection:
        _delivered(connection, lake, outside, told)
        _fetched(connection, platform, lake, told)
        _called(connection, platform, told)
    return told


def _delivered(connection, lake, outside, told):
    for delivery in share.deliveries(connection):
        bound = share.bound_of(connection, delivery.grant_id)
        now = {}
        for run in reversed(share.runs(connection, delivery.name)):
            before = lake.rows(bound, run["from_snapshot"]) if run["kind"] == "incremental" else {}
            now = lake.rows(bound, run["to_snapshot"])
            sent = [key for key, (values, _) in now.items() if key not in before or before[key][0] != values]
            assert len(sent) == run["upserted"], (delivery.name, run)
            for subject in {one for key in sent for one in now[key][1]}:
                told[subject]["share:delivery:chunk", delivery.name, bound.application_id] += 1
        with psycopg.connect(outside.url(delivery.receiver["dbname"])) as receiver:
            keys = sql.SQL(", ").join(map(sql.Identifier, bound.outgoing.keys))
            table = sql.Identifier(delivery.table_name)
            there = receiver.execute(sql.SQL("SELECT {} FROM {}").format(keys, table)).fetchall()
        assert set(there) == set(now), delivery.name


def _fetched(connection, platform, lake, told):
    for extract in share.extracts(connection):
        bound = share.bound_of(connection, extract.grant_id)
        rows = lake.rows(bound, extract.snapshot)
        headings = {name: heading for name, heading, _ in extract.columns}
        for row in _file_rows(
            taken_files(platform.settings.home) / extract.application_id, extract.application_id
        ):
            key = tuple(row[headings[name]] for name in bound.outgoing.keys)
            for subject in rows[key][1]:
                told[subject]["share:extract:download", extract.id, extract.application_id] = 1


def _file_rows(folder, application):
    [file] = [one for one in folder.iterdir() if one.suffix != ".txt"]
    if FILES[application] == "csv":
        with file.open(encoding="utf-8-sig", newline="") as opened:
            opened.readline()
            return list(csv.DictReader(opened))
    with pyzipper.AESZipFile(file) as archive:
        content = archive.read(archive.namelist()[0], pwd=(folder / "口令.txt").read_bytes())
    sheet = openpyxl.load_workbook(io.BytesIO(content), read_only=True)["数据"]
    heading, *rows = sheet.iter_rows(values_only=True)
    return [dict(zip(heading, row, strict=True)) for row in rows]


def _called(connection, platform, told):
    """The calls are a pure function of the lake as it stood when they began."""
    began = connection.execute(
        "SELECT min(at) AS at FROM exchange WHERE event = 'share:service:answer'"
    ).fetchone()["at"]
    then = SimpleNamespace(
        store=SimpleNamespace(reading=lambda: platform.store.reading(began)), settings=platform.settings
    )
    indexed = {}
    with live_interface(platform.settings.home):
        paths = {application.id: _paths(then, application, CALLS) for application in applications()}
    for application, asked_for in paths.items():
        # The first is asked until the gate knows the token, and answered once more.
        for path in (asked_for[0], *asked_for):
            parts = urlsplit(path)
            service = parts.path.removeprefix("/v1/")
            asked = dict(parse_qsl(parts.query))
            asked.pop("items", None)
            names, values = tuple(asked), tuple(asked.values())
            if service == SERVICE:
                there = {one["creditCode"] for one in filings(values[0])}
            else:
                if (service, names) not in indexed:
                    indexed[service, names] = _subjects_by(platform, began, service, names)
                there = indexed[service, names].get(values, ())
            for subject in there:
                told[subject]["share:service:answer", service, application] += 1


def _subjects_by(platform, at, table, names):
    spec = platform.store.spec(f"standard.{table}")
    subjects = [item.name for item in spec.items if item.element in SUBJECTS]
    found = defaultdict(set)
    with platform.store.reading(at) as lake:
        columns = ", ".join(quote(name) for name in (*names, *subjects))
        for row in lake.rows(f"SELECT {columns} FROM {lake.table(spec.name)}"):
            found[tuple(str(row[name]) for name in names)] |= {row[name] for name in subjects if row[name]}
    return found


def test_a_thousand_subjects_learn_of_every_exchange_that_held_them_and_of_no_other(platform, truth):
    chance = random.Random(20230509)
    seen, everybody = sorted(truth), _everybody(platform)
    unseen = sorted(everybody - set(seen)) or [f"43050219990101{number:04d}" for number in range(400)]
    looked_up = [*chance.sample(seen, 700), *chance.sample(unseen, min(200, len(unseen)))]
    looked_up += [f"91430500MA{number:08d}" for number in range(LOOKED_UP - len(looked_up))]
    found = missed = wrong = 0
    longest = 0.0
    with platform.database.connection() as connection:
        for subject in looked_up:
            began = time.perf_counter()
            sightings = share.who_saw(connection, platform.keys, subject)
            longest = max(longest, time.perf_counter() - began)
            said = Counter((one.event, one.resource, one.application) for one in sightings)
            expected = truth.get(subject, Counter())
            found += (said & expected).total()
            missed += (expected - said).total()
            wrong += (said - expected).total()
    print(
        f"{len(looked_up)} subjects, {found} exchanges found, {missed} missed, {wrong} wrong, longest {longest:.3f} s"
    )
    assert found > 1000
    assert (missed, wrong) == (0, 0)


def _everybody(platform):
    """Every subject in every standard dataset, shared or not."""
    found = set()
    for spec in platform.store.datasets("standard"):
        names = [item.name for item in spec.items if item.element in SUBJECTS]
        with platform.store.reading() as lake:
            for name in names:
                column = quote(name)
                rows = lake.arrow(f"SELECT DISTINCT {column} AS v FROM {lake.table(spec.name)} WHERE {column} IS NOT NULL")  # fmt: skip
                found |= set(rows.column(0).to_pylist())
    return found
