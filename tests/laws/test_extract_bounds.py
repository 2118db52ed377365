"""Laws 3 and 5 for files: exactly what the strictest of all bounds lets out, and no byte of it before its evidence."""

from __future__ import annotations

import csv
import datetime as dt
import io
import os
from decimal import Decimal

import openpyxl
import psycopg
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb
from tests.laws.test_gate_bounds import DAY, NAMES, NOW, ROWS, TEXTS, TYPED, Case, entry_items, grants
from tests.share_city import agree, close_city, found, open_city

from jutong.share import EXTRACT_FORMS, fits, make_extract, take_extract
from jutong.terms import Denied, Unavailable


@pytest.fixture(scope="module")
def city(settings, cluster):
    opened = found(open_city(settings, ""))
    opened.merge(ROWS)
    opened.folder = settings.extracts_folder
    opened.grant = agree(opened, method="file", items=("uscc", "name"))
    yield opened
    close_city(opened)


def reference(case, grant):
    """The rows of the file as a set of tuples, or None: the law in ten lines."""
    may = {n: case.mask(grant, n) for n in grant["items"] if case.offered[n].share_type < 3}
    live = (
        grant["state"] == "active"
        and grant["valid_from"] <= NOW < grant["until"]
        and (grant["application_state"], grant["entry_state"]) == ("active", "published")
        and grant["share_type"] < 3
    )
    if not live or not may:
        return None
    rows = [n for n, row in enumerate(ROWS) if fits(row, grant["row_filter"], TYPED)]
    return [tuple(ROWS[n][name] if mask is None else TEXTS[name, mask][n] for name, mask in may.items()) for n in rows]  # fmt: skip


def put(city, case, grant):
    """The control database as the catalogue and the parties have it at this moment."""
    with city.database.connection() as connection, connection.cursor() as cursor:
        cursor.execute(
            "UPDATE share_grant SET items = %(items)s, row_filter = %(rows)s, masks = %(masks)s, state = %(state)s,"
            " valid_from = %(valid_from)s, until = %(until)s, method = 'file'",
            {**grant, "rows": Jsonb(grant["row_filter"]), "masks": Jsonb(grant["masks"])},
        )
        cursor.execute("UPDATE application SET state = %s", [grant["application_state"]])
        cursor.execute(
            "UPDATE entry SET state = %(entry_state)s, share_type = least(%(share_type)s, 3)", grant
        )
        cursor.executemany(
            "UPDATE item SET share_type = %s, grade = %s, mask = %s WHERE name = %s",
            [(one.share_type, one.grade, one.mask, name) for name, one in case.offered.items()],
        )


def read(form, content):
    """What a consumer's own programs read: rows of values."""
    if form == "parquet":
        return [tuple(row.values()) for row in pq.read_table(io.BytesIO(content)).to_pylist()]
    if form == "csv":
        lines = list(csv.reader(io.StringIO(content.decode("utf-8-sig").partition("\r\n")[2], newline="")))
        return [tuple(line) for line in lines[1:]]
    book = openpyxl.load_workbook(io.BytesIO(content), read_only=True)
    assert book.sheetnames == ["说明", "数据"]
    return [tuple(row) for row in list(book["数据"].iter_rows(values_only=True))[1:]]


def told(form, row):
    """A row as this form can say it: this reader of CSV sees no difference between missing and empty."""
    if form == "parquet":
        return row
    words = []
    for value in row:
        if value is None:
            words.append("" if form == "csv" else None)
        elif isinstance(value, bool):
            words.append({True: "true", False: "false"}[value] if form == "csv" else value)
        elif isinstance(value, dt.datetime):
            text = str(value).rstrip("0") if value.microsecond else str(value)
            words.append(text if form == "csv" else str(value))
        elif form == "csv" or isinstance(value, dt.date):
            words.append(str(value))
        else:
            words.append(Decimal(str(value)) if isinstance(value, int | Decimal) else value)
    return tuple(words)


def seen(form, row):
    if form != "excel":
        return row
    return tuple(
        Decimal(str(v)) if isinstance(v, int | float) and not isinstance(v, bool) else v for v in row
    )


def holds(city, offered, grant, form):
    case = Case(offered, [grant], list(NAMES), {})
    put(city, case, grant)
    expected = reference(case, grant)
    rooms = (city.database, city.store, city.keys, city.folder)
    try:
        made = make_extract(*rooms, city.asker, city.grant.id, form, now=NOW)
    except Denied:
        assert expected is None
        return
    assert expected is not None
    leaving = take_extract(city.database, city.stream, city.folder, city.asker, made.link, now=NOW)
    rows = [seen(form, row) for row in read(form, b"".join(leaving.blocks))]
    assert sorted(rows, key=repr) == sorted((told(form, row) for row in expected), key=repr)
    assert made.extract.rows == len(expected)
    assert not (city.folder / made.extract.id).exists()


questions = {"offered": entry_items, "grant": grants, "form": st.sampled_from(sorted(EXTRACT_FORMS))}
quietly = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


@settings(max_examples=25, suppress_health_check=quietly)
@given(**questions)
def test_a_file_holds_what_the_strictest_bound_lets_out(city, offered, grant, form):
    holds(city, offered, grant, form)


@pytest.mark.slow
@settings(max_examples=int(os.environ.get("JUTONG_EXTRACTS", "250")), suppress_health_check=quietly)
@given(**questions)
def test_a_file_holds_what_the_strictest_bound_lets_out_for_many_grants(city, offered, grant, form):
    holds(city, offered, grant, form)


@pytest.mark.parametrize("form", sorted(EXTRACT_FORMS))
@pytest.mark.parametrize("items", [["capital"], ["capital", "staff"]])
def test_rows_of_nothing_but_missing_values_are_rows(city, open_grant, form, items):
    with city.database.connection() as connection:
        connection.execute("UPDATE share_grant SET items = %s", [items])
    city.merge([{**ROWS[0], "capital": None, "staff": None}, *ROWS[1:]])
    made = make(city, open_grant, form)
    leaving = take_extract(city.database, city.stream, city.folder, city.asker, made.link)
    assert len(read(form, b"".join(leaving.blocks))) == len(ROWS)
    city.merge(ROWS)


@pytest.fixture
def open_grant(city):
    """A grant of everything, as nothing has yet become stricter; committed for one test."""
    plain = {
        "items": ["uscc", "name", "division", "capital"], "row_filter": [], "masks": {}, "state": "active",
        "valid_from": NOW - DAY, "until": NOW + 400 * DAY, "application_state": "active", "entry_state": "published",
        "share_type": 2,
    }  # fmt: skip
    with city.database.connection() as connection:
        connection.execute("UPDATE item SET share_type = 2, grade = 1, mask = NULL")
    put(city, Case({}, [plain], [], {}), plain)
    return city.grant.id


def make(city, grant, form="csv", **more):
    return make_extract(city.database, city.store, city.keys, city.folder, city.asker, grant, form, **more)


class Silent:
    """A ledger that cannot write."""

    def record(self, exchange):
        raise Unavailable("ledger.stream_ended", "存证流已停")


def test_no_byte_leaves_where_the_ledger_cannot_write_and_the_link_is_still_good(city, open_grant):
    made = make(city, open_grant)
    with pytest.raises(Unavailable):
        take_extract(city.database, Silent(), city.folder, city.asker, made.link)
    leaving = take_extract(city.database, city.stream, city.folder, city.asker, made.link)
    assert len(b"".join(leaving.blocks)) == made.extract.bytes


def test_the_evidence_is_durable_before_the_first_byte(city, open_grant):
    made = make(city, open_grant)
    take_extract(city.database, city.stream, city.folder, city.asker, made.link)  # not one block is asked for
    city.ledger.sequence()
    facts = [one for _, one in city.ledger.entries() if one.resource == made.extract.id]
    assert [(one.event, one.rows, one.content) for one in facts] == [
        ("share:extract:download", len(ROWS), made.extract.content)
    ]
    assert facts[0].subjects == made.extract.subjects != ""
    with city.database.connection() as connection:
        kept = connection.execute(
            "SELECT count(*) AS n FROM exchange_subjects WHERE request_id = %s", [made.extract.request_id]
        ).fetchone()
    assert kept["n"] > 0


def test_a_file_does_not_leave_where_its_grant_has_become_stricter_since(city, open_grant):
    made = make(city, open_grant)
    with city.database.connection() as connection:
        connection.execute("UPDATE item SET mask = 'full' WHERE name = 'name'")
    with pytest.raises(Denied) as refused:
        take_extract(city.database, city.stream, city.folder, city.asker, made.link)
    assert refused.value.code == "share.extract_stale"
    assert not (city.folder / made.extract.id).exists()


def test_of_two_that_follow_one_link_at_once_one_gets_the_file(city, open_grant):
    from concurrent.futures import ThreadPoolExecutor

    made = make(city, open_grant)

    def follow(_):
        try:
            return take_extract(city.database, city.stream, city.folder, city.asker, made.link)
        except (Denied, psycopg.Error) as problem:
            return problem

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(follow, range(8)))
    assert sum(not isinstance(one, Exception) for one in answers) == 1
    assert {one.code for one in answers if isinstance(one, Exception)} == {"share.extract_link_used"}
