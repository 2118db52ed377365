"""A service made by a SELECT: refused when it is saved, a replica like any other, and never more than is granted."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import io
import json
import random
import sqlite3
from types import SimpleNamespace
from urllib.parse import urlencode

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.select_city import JOINED, LICENCE, licence, put, with_licences
from tests.select_refused import REFUSED
from tests.share_city import GRANTED, agree, close_city, company, found, open_city

from jutong.elements import masked_sql
from jutong.flows import declarations
from jutong.gate import replicate, replicating
from jutong.gate.answering import Call, Means, compose
from jutong.gate.replicas import Replica, newest
from jutong.gate.replicating import _one
from jutong.gate.rights import Caller, Rights
from jutong.ledger import Exchange
from jutong.share import (
    SELECT_BOUNDS,
    EntryItem,
    Offer,
    add_application,
    counted_beside,
    describe,
    describe_granted,
    draft_service,
    find_service,
    fold,
    hash_subject,
    meter_differences,
    offered_by,
    openapi,
    publish_service,
    rotate_token,
    seal_grant,
    select_over,
    suspend_grant,
    who_saw,
)
from jutong.share.bounds import entry_items
from jutong.share.seen import period_of
from jutong.terms import BadInput, Conflict, JutongError

NOW = dt.datetime.now(dt.UTC)


@pytest.fixture(scope="module")
def city(settings):
    opened = found(open_city(settings, "postgresql://nobody@/none"))
    opened.licences = with_licences(opened)
    with opened.database.connection() as connection:
        opened.selection = select_over(
            connection, opened.entry_id, JOINED, also=[opened.licences], keys=["no"]
        )
        offer = Offer("both", opened.entry_id, ["uscc"], selection=opened.selection)
        publish_service(connection, offer)
        publish_service(connection, dataclasses.replace(offer, name="roll", kind="list", keys=["kind"]))
    yield opened
    close_city(opened)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("gate")


@pytest.mark.parametrize(("sql", "code"), REFUSED)
def test_a_select_that_may_not_be_is_refused_with_a_sentence_when_it_is_saved(city, sql, code):
    with city.database.connection() as connection, pytest.raises(JutongError) as refused:
        select_over(connection, city.entry_id, sql, also=[city.licences])
    assert refused.value.code == code, refused.value.sentence
    assert refused.value.sentence


@pytest.mark.parametrize(
    "become",
    [
        "share_type = 3",
        "element = NULL, share_type = 3",
        "element = 'text', share_type = 3",
        "element = NULL",
    ],
)
def test_whom_a_row_is_about_is_asked_for_though_the_entry_does_not_offer_or_say_it(city, become):
    with city.database.connection() as connection, connection.transaction(force_rollback=True):
        connection.execute(
            f"UPDATE item SET {become} WHERE entry_id = %s AND name = 'uscc'", (city.entry_id,)
        )
        with pytest.raises(BadInput) as rows:
            select_over(connection, city.entry_id, "SELECT name, division FROM market_entity")
        with pytest.raises(BadInput) as groups:
            select_over(
                connection, city.entry_id, "SELECT division, sum(capital) AS n FROM market_entity GROUP BY 1"
            )
    assert (rows.value.code, groups.value.code) == ("share.select_subject", "share.select_group")


def test_a_left_join_tells_of_what_it_brings_and_not_the_other_way(city):
    def made(sql):
        with city.database.connection() as connection:
            return select_over(connection, city.entry_id, sql, also=[city.licences])

    joined = "FROM market_entity m LEFT JOIN licence l ON l.uscc = m.uscc"
    rows = made(f"SELECT m.uscc, m.name, l.no, l.kind {joined}")
    assert {(one.alias, one.item, one.column) for one in rows.told} >= {
        ("m", "uscc", "uscc"),
        ("l", "uscc", "uscc"),
    }
    groups = made(
        f"SELECT m.division, count(l.no) AS n {joined} GROUP BY 1 HAVING count(DISTINCT l.uscc) >= 10"
    )
    assert groups.keys == ("division",)
    turned = made(
        "SELECT l.uscc, l.no, m.division FROM licence l LEFT JOIN market_entity m ON l.uscc = m.uscc"
    )
    assert ("m", "uscc", "uscc") in {(one.alias, one.item, one.column) for one in turned.told}
    one_each = made(
        f"SELECT m.uscc, count(*) FILTER (WHERE l.kind = 'food') AS n, max(l.no) AS no {joined} GROUP BY 1"
    )
    assert [one.copied for one in one_each.columns] == [True, False, False]


@pytest.mark.parametrize("keys", [["u"], ["division", "u"], ["v"], ["n"], ["uscc"]])
def test_statistics_do_not_count_by_a_name_in_disguise(city, keys):
    sql = "SELECT m.uscc, lower(m.uscc) AS u, upper(m.name) AS v, m.division, lower(l.no) AS n"
    with city.database.connection() as connection, connection.transaction(force_rollback=True):
        made = select_over(
            connection, city.entry_id, f"{sql} FROM market_entity m JOIN licence l ON l.uscc = m.uscc",
            also=[city.licences],
        )  # fmt: skip
        counted = Offer("counted", city.entry_id, ["division"], kind="statistics", selection=made)
        publish_service(connection, counted)
        with pytest.raises(BadInput) as refused:
            publish_service(connection, dataclasses.replace(counted, keys=keys))
    assert refused.value.code == "share.service_dimension"


def test_nothing_leaves_once_an_item_names_somebody_that_did_not_when_it_was_checked(city):
    def offered():
        entries = {one: entry_items(connection, one) for one in city.selection.entries}
        return {one.share_type for one in offered_by(city.selection, entries)}

    with city.database.connection() as connection, connection.transaction(force_rollback=True):
        assert offered() == {2}
        connection.execute(
            "UPDATE item SET element = 'person_id' WHERE entry_id = %s AND name = 'issued'", (city.licences,)
        )
        assert offered() == {3}


def test_what_is_saved_says_where_every_column_comes_from(city):
    made = city.selection
    assert [(one.item.name, one.item.type, one.copied) for one in made.columns] == [
        ("uscc", "text", True), ("name", "text", True), ("phone", "text", True), ("division", "text", True),
        ("no", "text", True), ("kind", "text", True), ("tag", "text", False),
    ]  # fmt: skip
    here, there = city.entry_id, city.licences
    assert set(made.columns[-1].sources) == {(there, "kind"), (here, "division")}
    assert set(made.conditions) == {(here, "uscc"), (there, "uscc")}
    assert type(made).from_row(json.loads(json.dumps(made.to_row()))) == made
    with city.database.connection() as connection:
        own = select_over(connection, here, "SELECT * FROM market_entity WHERE active")
        many = select_over(
            connection, here,
            "SELECT division, count(*) AS n, CAST(avg(staff) AS DECIMAL(18,2)) AS staff, sum(capital) AS capital"
            " FROM market_entity GROUP BY 1 HAVING count(DISTINCT uscc) >= 10",
        )  # fmt: skip
        with pytest.raises(BadInput, match="主键"):
            select_over(connection, here, "SELECT uscc FROM market_entity", keys=["no"])
        with pytest.raises(Conflict):  # rows that nothing tells apart cannot be listed
            listed = dataclasses.replace(city.selection, keys=())
            draft_service(connection, Offer("nokey", here, ["uscc"], kind="list", selection=listed))
    assert own.keys == ("uscc",)
    assert "secret" not in [item.name for item in own.items]
    assert (many.keys, [item.type for item in many.items]) == (
        ("division",),
        ["text", "integer", "decimal(18,2)", "decimal(38,2)"],
    )


def done(city, folder):
    return sorted(replicate(city.database, city.store, folder), key=lambda one: one.service)


def there(folder, service="both"):
    with sqlite3.connect(newest(folder)[service]) as connection:
        rows = connection.execute("SELECT no, uscc, name, kind FROM data ORDER BY no").fetchall()
    connection.close()
    return rows


def here(city):
    with city.store.reading() as lake:
        return [
            tuple(row.values())
            for row in lake.rows(
                "SELECT l.no, l.uscc, m.name, l.kind FROM lake.standard.licence l"
                " JOIN lake.standard.market_entity m ON l.uscc = m.uscc ORDER BY no"
            )
        ]


def test_its_replica_follows_each_of_its_datasets(city, folder):
    both, roll = done(city, folder)
    assert (both.service, both.rebuilt, both.problem, roll.problem) == ("both", True, "", "")
    assert there(folder) == here(city)
    assert replicate(city.database, city.store, folder) == []
    key = there(folder)[0][1]
    city.merge([{**city.rows[key], "name": "改过的名称"}])
    changed = done(city, folder)
    assert {one.rebuilt for one in changed} == {False}
    assert 0 < changed[0].upserted < 10
    assert there(folder) == here(city)
    put(city, [{**licence(900, random.Random(1)), "uscc": key}], gone=("L0000", "L0001"))
    changed = done(city, folder)
    assert changed[1].upserted == 1
    assert there(folder) == here(city) == there(folder, "roll")
    city.merge([company(777, random.Random(3))])  # nothing of it is in the result
    assert [(one.upserted, one.deleted) for one in replicate(city.database, city.store, folder)] in (
        [],
        [(0, 0)] * 2,
    )


def test_a_result_whose_key_is_none_leaves_the_replica_as_it_was(city, folder):
    with city.database.connection() as connection:
        made = select_over(connection, city.entry_id, JOINED, also=[city.licences], keys=["uscc"])
        publish_service(connection, Offer("twice", city.entry_id, ["uscc"], selection=made))
    replicate(city.database, city.store, folder)
    (twice,) = [one for one in replicate(city.database, city.store, folder) if one.service == "twice"]
    assert "uscc 有重复" in twice.problem
    assert "twice" not in newest(folder)
    with city.database.connection() as connection:
        connection.execute("UPDATE service SET state = 'stopped' WHERE name = 'twice'")


def test_a_purge_takes_the_replica_of_a_query_that_no_longer_succeeds(city, folder, monkeypatch):
    replicate(city.database, city.store, folder)
    assert {"both", "roll"} <= set(newest(folder))
    with monkeypatch.context() as failing:
        failing.setattr(replicating, "SELECT_BOUNDS", dataclasses.replace(SELECT_BOUNDS, rows=1))
        city.merge([{**row, "name": "又改"} for row in city.rows.values()])
        assert {one.problem.partition("：")[0] for one in done(city, folder)} == {"结果超过 1 行"}
        assert {"both", "roll"} <= set(newest(folder))  # as it was
        with city.database.connection() as connection:
            connection.execute(
                "INSERT INTO purge (sought, digest, period, basis, reason, applied_by, snapshot)"
                " VALUES ('', %s, 'p', 'b', 'r', 'asker', %s)",
                ("0" * 64, city.store.snapshot()),
            )
        assert all(one.problem for one in done(city, folder))
        assert not list(folder.glob("both.*")) + list(folder.glob("roll.*"))
    assert {one.rebuilt for one in done(city, folder)} == {True}
    assert there(folder) == here(city)


def ask(rights, replica, service, token, at=None, **query):
    call = Call(
        "GET",
        service,
        urlencode(query),
        b"",
        f"Bearer {token}",
        "127.0.0.1",
        at or dt.datetime.now(dt.UTC),
        "r0000000",
    )
    means = Means(
        lambda _: replica, lambda subject, _: f"{subject[-6:]:0>16}", lambda *_: True, lambda *_: None
    )
    draft = compose(call, rights, means)
    return draft.status, json.loads(draft.body), Exchange.from_entry(draft.exchange.entry_bytes("s", 0))


def test_it_is_answered_under_live_grants_of_every_entry_with_its_evidence(city, folder):
    with city.database.connection() as connection:
        add_application(connection, "联合核验", "D25", id="SEL")
        token = rotate_token(connection, "SEL")

    def rights():
        with city.database.connection() as connection:
            return Rights.read(connection)

    agree(city, application_id="SEL", method="api", items=GRANTED)
    replicate(city.database, city.store, folder)
    replica = Replica.open(newest(folder)["both"])
    assert ask(rights(), replica, "both", token)[1]["code"] == "share.not_granted"
    second = agree(
        city, application_id="SEL", method="api", entry_id=city.licences, items=("no", "uscc", "kind")
    )
    replicate(city.database, city.store, folder)
    replica = Replica.open(newest(folder)["both"])
    status, told, evidence = ask(rights(), replica, "both", token, limit=5)
    assert (status, len(told["rows"])) == (200, 5)
    assert list(told["rows"][0]) == ["uscc", "name", "phone", "division", "no", "kind", "tag"]
    for row in told["rows"]:
        assert row["phone"] is None or row["phone"] != city.rows[row["uscc"]]["phone"]
    assert (evidence.outcome, evidence.rows, evidence.items) == ("answered", 5, tuple(told["rows"][0]))
    assert set(evidence.subjects.split()) == {f"{row['uscc'][-6:]:0>16}" for row in told["rows"]}
    assert evidence.detail["also"] == [{"grant": second.id, "entry": "102/000002", "dataset": LICENCE}]
    with city.database.connection() as connection:
        service = find_service(connection, "both")
        (granted,) = [
            one for one in describe_granted(connection, "SEL", dt.datetime.now(dt.UTC)) if one.name == "both"
        ]
        document = openapi([describe(connection, service)], title="x")
        assert [out.item.name for out in granted.items] == list(told["rows"][0])
        assert document["components"]["schemas"]["both.row"]["properties"]["phone"]["x-mask"] == "middle"
        suspend_grant(connection, second.id, "整改")
    assert ask(rights(), replica, "both", token)[1]["code"] == "share.not_granted"
    replica.close()
    subject = told["rows"][0]["uscc"]
    kept = hash_subject(city.keys, subject, period_of(evidence.at)).hex()
    city.stream.record(dataclasses.replace(evidence, subjects=kept))
    city.ledger.sequence()
    fold(city.database, city.ledger)
    with city.database.connection() as connection:
        (seen,) = who_saw(connection, city.keys, subject)
        assert seen.grants == (evidence.grant, second.id)
        assert seen.entries == (evidence.entry, "102/000002")
        seal_grant(connection, second.id, NOW + dt.timedelta(days=1))
        assert who_saw(connection, city.keys, subject) == []
        seal_grant(connection, second.id, None)
    assert meter_differences(city.database, city.ledger) == []


def test_services_whose_groups_can_be_subtracted_from_one_another_are_named(city):
    many = "HAVING count(DISTINCT uscc) >= 10"
    with city.database.connection() as connection:
        for name, by in (("by_division", "division"), ("by_staff", "staff")):
            made = select_over(
                connection,
                city.entry_id,
                f"SELECT {by}, count(*) AS n FROM market_entity GROUP BY {by} {many}",
                also=[],
            )
            publish_service(connection, Offer(name, city.entry_id, [by], selection=made))
        publish_service(connection, Offer("tally", city.entry_id, ["division"], kind="statistics"))
        beside = {
            name: counted_beside(connection, find_service(connection, name))
            for name in ("by_division", "tally", "both")
        }
        connection.rollback()
    assert beside == {"by_division": ("by_staff", "tally"), "tally": ("by_division", "by_staff"), "both": ()}


# Law 5, for any catalogue and any grants of the two entries.

COLUMNS = {
    "uscc": [("c", "uscc")], "name": [("c", "name")], "phone": [("c", "phone")], "division": [("c", "division")],
    "no": [("l", "no")], "kind": [("l", "kind")], "tag": [("l", "kind"), ("c", "division")],
}  # fmt: skip
ITEMS = {
    "c": ("uscc", "name", "phone", "division", "capital"),
    "l": ("no", "uscc", "kind", "phone"),
}
TOLD = {("c", "uscc"): "uscc", ("l", "uscc"): "uscc", **{source[0]: name for name, source in COLUMNS.items() if name != "tag"}}  # fmt: skip
FILTERS = {
    "c": [{"item": "division", "op": "eq", "value": "430502"}, {"item": "name", "op": "prefix", "value": "邵"},
          {"item": "capital", "op": "eq", "value": "0"}],
    "l": [{"item": "kind", "op": "in", "value": ["food"]}, {"item": "phone", "op": "eq", "value": "1"}],
}  # fmt: skip
ELEMENTS = {"uscc": "uscc", "name": "legal_name", "phone": "mobile", "division": "division_code"}


def catalogue(side):
    return st.fixed_dictionaries(
        {
            name: st.builds(
                EntryItem,
                name=st.just(name), label=st.just(name), element=st.just(ELEMENTS.get(name)), is_key=st.just(False),
                share_type=st.sampled_from([1, 2, 2, 2, 2, 2, 2, 3]), grade=st.sampled_from([1, 1, 1, 2, 3]),
                mask=st.sampled_from([None, None, None, "none", "full"]),
            )
            for name in ITEMS[side]
        }
    )  # fmt: skip


def grant(side):
    return st.fixed_dictionaries(
        {
            "items": st.lists(st.sampled_from(ITEMS[side]), min_size=2, unique=True).map(
                lambda names: list(dict.fromkeys([*names, "uscc"])) if len(names) % 4 else names
            ),
            "masks": st.dictionaries(
                st.sampled_from(ITEMS[side]), st.sampled_from(["full", "middle"]), max_size=1
            ),
            "row_filter": st.lists(st.sampled_from(FILTERS[side]), max_size=1),
            "state": st.sampled_from(["active"] * 8 + ["suspended"]),
            "until": st.sampled_from([NOW + dt.timedelta(days=1)] * 8 + [NOW]),
            "entry_state": st.sampled_from(["published"] * 8 + ["withdrawn"]),
        }
    )


def mask_of(item):
    return (
        (None if item.mask == "none" else item.mask)
        if item.mask
        else {3: "middle", 4: "full"}.get(item.grade)
    )


def reference(rows, offered, grants, signed):
    """Column → mask and the rows that may leave, or None: the law spelt out."""
    for one in grants.values():
        if one["state"] != "active" or one["until"] <= NOW or one["entry_state"] != "published":
            return None

    def plain(side, name):
        item, granted = offered[side][name], grants[side]
        return (
            item.share_type < 3
            and not mask_of(item)
            and name in granted["items"]
            and not granted["masks"].get(name)
        )

    if not (plain("c", "uscc") and plain("l", "uscc")):
        return None
    if any((side, cond["item"]) not in TOLD for side, one in grants.items() for cond in one["row_filter"]):
        return None
    masks = {}
    for column, sources in COLUMNS.items():
        items = [offered[side][name] for side, name in sources]
        grade = max(item.grade for item in (*items, offered["c"]["uscc"], offered["l"]["uscc"]))
        if column == "tag":
            mask = None if all(plain(*source) for source in sources) else "out"
        else:
            side, name = sources[0]
            wanted = {mask_of(items[0]), grants[side]["masks"].get(name)} - {None}
            granted = name in grants[side]["items"] and items[0].share_type < 3
            mask = "out" if not granted else "full" if len(wanted) > 1 else next(iter(wanted), None)
        if mask != "out" and (signed or mask or grade < 3):
            masks[column] = mask

    def fits(row):
        for side, one in grants.items():
            for cond in one["row_filter"]:
                value = row[TOLD[side, cond["item"]]]
                ok = {
                    "eq": lambda v, w: v == w,
                    "in": lambda v, w: v in w,
                    "prefix": lambda v, w: v.startswith(w),
                }
                if value is None or not ok[cond["op"]](value, cond["value"]):
                    return False
        return True

    return (masks, [row for row in rows if fits(row)]) if masks else None


@pytest.fixture(scope="module")
def result(city):
    return city.store.people_sql(city.selection.sql, city.selection.seen()).sort_by("no")


def worded(city, masks, rows):
    """The rows as they would leave: masked by the one definition of masks."""
    with city.store.reading() as lake:
        lake.register(
            "_rows", pa.Table.from_pylist(rows, schema=pa.schema([(c, pa.string()) for c in COLUMNS]))
        )
        made = ", ".join(
            f"{masked_sql(ELEMENTS.get(c, 'text'), mask, c) if mask else c} AS {c}"
            for c, mask in masks.items()
        )
        return lake.rows(f"SELECT {made} FROM _rows")


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck),
          phases=[Phase.explicit, Phase.generate])  # fmt: skip
@given(
    offered=st.fixed_dictionaries({"c": catalogue("c"), "l": catalogue("l")}),
    grants=st.fixed_dictionaries({"c": grant("c"), "l": grant("l")}),
    signed=st.booleans(),
)
def test_no_column_and_no_row_leaves_beyond_the_strictest_of_what_it_is_made_of(
    city, result, tmp_path_factory, offered, grants, signed
):
    made = result.to_pylist()
    entries = {"c": city.entry_id, "l": city.licences}
    with city.database.connection() as connection:
        picture = Rights.read(connection)
    service = dataclasses.replace(
        picture.services["both"],
        entry_items=offered_by(
            city.selection, {entries[side]: list(offered[side].values()) for side in offered}
        ),
        max_rows=1000,
    )
    rows = {
        ("A01", entries[side]): [
            {
                **one, "id": f"G{side}", "entry_id": entries[side], "application_id": "A01", "department_code": "D25",
                "provider_code": "D23", "entry_code": side, "purpose": "x", "method": "api", "reason": None,
                "dataset": {"c": "standard.market_entity", "l": "standard.licence"}[side], "share_type": 2,
                "valid_from": NOW - dt.timedelta(days=1), "application_state": "active",
            }
        ]
        for side, one in grants.items()
    }  # fmt: skip
    caller = Caller("A01", "D25", "active", signed=signed)
    rights = Rights({hashlib.sha256(b"t").hexdigest(): caller}, {"both": service}, rows)
    folder = tmp_path_factory.mktemp("law")
    shape = rights.shapes(NOW)["both"]
    still = SimpleNamespace(people_sql=lambda *_: result, reading=city.store.reading, snapshot=lambda: 1)
    _one("both", shape, still, folder, 0)
    replica = Replica.open(newest(folder)["both"])
    try:
        status, told, _ = ask(rights, replica, "both", "t", at=NOW)
    finally:
        replica.close()
    expected = reference(made, offered, grants, signed)
    if expected is None:
        assert status == 403, told
        return
    assert status == 200, told
    masks, allowed = expected
    found = sorted(map(json.dumps, ({name: row[name] for name in masks} for row in told["rows"])))
    assert found == sorted(map(json.dumps, worded(city, masks, allowed)))
    assert {frozenset(row) for row in told["rows"]} <= {frozenset(masks)}


SHARED = """\
kind: service
name: entity_query
label: 存续企业查询
entry: 102/000001
keys: [uscc]
sql: |
  SELECT uscc, name, capital
  FROM market_entity
  WHERE active
---
kind: delivery
name: a01_entities
application: A01
entry: 102/000001
table: entities
receiver: {kind: sqlalchemy, driver: dm+dmPython, host: db.local, dbname: APP, user: jutong}
secret: env:A01_PASSWORD
reconcile_every: 6
"""


def test_a_query_and_a_delivery_are_declared_and_exported_as_they_were_said(city, tmp_path):
    def applied(text):
        file = tmp_path / "shared.yaml"
        file.write_text(text, encoding="utf-8")
        return {one.name: one.outcome for one in declarations.apply(city.database, declarations.read([file]))}

    assert applied(SHARED) == {"entity_query": "added", "a01_entities": "waiting"}
    agree(city)  # to give tables
    assert applied(SHARED) == {"entity_query": "same", "a01_entities": "added"}
    said = io.StringIO()
    with city.database.connection() as connection:
        declarations.write(declarations.export(connection, ["service", "delivery"]), said)
    assert "driver: dm+dmPython" in said.getvalue()
    assert {name for name, came in applied(said.getvalue()).items() if came != "same"} == set()
    with pytest.raises(BadInput, match="一层 SELECT"):
        applied(SHARED.replace("WHERE active", "WHERE name = (SELECT max(name) FROM market_entity)"))
