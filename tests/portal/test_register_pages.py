"""The registers' pages: what is shown to whom, on what ground, and what a judgement does."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from jutong.casework import find_case
from jutong.fuse import find_register, listed_on
from jutong.portal.visits import Rooms

from .conftest import Browser
from .seed_registers import HOLDER, PERSON, TODAY, doubtful

pytestmark = pytest.mark.usefixtures("registers")


def value(browser: Browser, path: str) -> Any:
    answer = browser.get(f"/api/v1{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def entity(rooms: Rooms, register: str, where: str) -> str:
    with rooms.store.reading() as view:
        (row,) = view.rows(f"SELECT entity FROM {view.table(f'base.{register}')} WHERE {where}")
    return str(row["entity"])


def address(rooms: Rooms, register: str, where: str) -> str:
    folder = {"licence": "licences", "credit": "credit", "person": "persons"}[register]
    return f"/{folder}/{entity(rooms, register, where)}"


def test_a_licence_is_valid_as_of_the_day_one_asks_about(
    signed_in: Callable[[str], Browser], rooms: Rooms
) -> None:
    steward = signed_in("steward")
    one = address(rooms, "licence", "number = 'JY0'")
    last = TODAY + dt.timedelta(days=10)
    states = {
        day: value(steward, f"{one}?day={day}")["on"]["state"]
        for day in (TODAY - dt.timedelta(days=1000), TODAY, last, last + dt.timedelta(days=1))
    }
    assert list(states.values()) == ["未生效", "有效", "有效", "已到期"]
    whole = value(steward, "/licences")["whole"]
    assert [whole[name] for name in ("total", "valid", "over", "cancelled", "soon")] == [6, 4, 1, 1, 1]
    soon = value(steward, "/licences/expiring?within=30")
    assert (soon["total"], [row["number"] for row in soon["rows"]]) == (1, ["JY0"])
    assert value(steward, "/licences/expiring?within=500")["total"] == 2


def test_a_licences_versions_are_one_licence_and_the_latest_is_shown(
    signed_in: Callable[[str], Browser], rooms: Rooms
) -> None:
    page = value(signed_in("steward"), address(rooms, "licence", "number = 'JY4'"))
    assert [(one["version"], one["current"]) for one in page["versions"]] == [("002", True), ("001", False)]
    assert page["licence_no"].endswith(".002.X")
    assert page["row"]["valid_to"] == f"{TODAY + dt.timedelta(days=800)}"


def test_a_licence_of_a_person_tells_no_name_and_leads_to_the_person(
    signed_in: Callable[[str], Browser], rooms: Rooms
) -> None:
    steward = signed_in("steward")
    page = steward.get(address(rooms, "licence", "number = 'CJ9'")).text
    assert "夏小满" not in page
    assert PERSON not in page
    assert address(rooms, "person", "true") in page
    assert "夏小满" not in steward.get("/licences?kind=残疾人证").text


def test_a_person_is_shown_on_a_stated_ground_masked_and_written_down(
    signed_in: Callable[[str], Browser], rooms: Rooms
) -> None:
    consumer = signed_in("consumer")
    path = address(rooms, "person", "true")
    before = consumer.get(path).text
    assert "先说明依据" in before
    assert "夏" not in before
    assert consumer.post("/persons", subject=PERSON, ground="看").status_code == 422
    found = consumer.post(
        "/persons", subject=PERSON, ground="就业补贴复核，受理号 2026-0317", follow_redirects=True
    )
    assert "夏**" in found.text
    shown = consumer.get(path).text
    assert PERSON not in shown
    assert "夏小满" not in shown
    assert "澄砚路" not in shown
    assert "受理号 2026-0317" in shown
    assert ">女<" in shown  # grade 2 is shown to whoever has a ground
    assert "先说明依据" in signed_in("provider").get(path).text  # a ground is its speaker's own
    with rooms.database.connection() as connection:
        row = connection.execute(
            "SELECT login, detail FROM security_event WHERE event = 'portal:record:read' AND detail ? 'ground' ORDER BY id DESC LIMIT 1"
        ).fetchone()
    assert row is not None
    assert (row["login"], row["detail"]["ground"]) == ("consumer", "就业补贴复核，受理号 2026-0317")


def test_half_a_name_finds_nobody(signed_in: Callable[[str], Browser]) -> None:
    found = signed_in("consumer").post(
        "/persons", subject="夏小", ground="就业补贴复核", follow_redirects=True
    )
    assert "没有这个人" in found.text


def test_a_repaired_penalty_counts_no_more_and_a_late_one_is_told(
    signed_in: Callable[[str], Browser], rooms: Rooms
) -> None:
    steward = signed_in("steward")
    fact = value(steward, address(rooms, "credit", "record_no = '邵罚1'"))
    assert fact["row"]["state"] == "已修复"
    assert fact["repaired_on"] == f"{TODAY - dt.timedelta(days=20)}"
    assert fact["published"]["late"]
    assert not value(steward, address(rooms, "credit", "record_no = '邵罚2'"))["published"]["late"]
    page = value(steward, "/credit")
    assert (page["timed"], page["late"], page["rate"]) == (2, 1, 50.0)
    assert [(row["name"], row["facts"]) for row in page["lists"]] == [
        ("守信激励名单", 0), ("经营异常名录", 1), ("严重违法失信名单", 0),
    ]  # fmt: skip
    with rooms.database.connection() as connection:
        credit = find_register(connection, "credit")
    assert listed_on(rooms.store, credit, TODAY - dt.timedelta(days=91))["经营异常名录"] == (0, 0)


def test_a_companys_page_has_its_licences_and_its_credit(
    signed_in: Callable[[str], Browser], rooms: Rooms
) -> None:
    one = entity(rooms, "legal_entity", f"uscc = '{HOLDER}'")
    page = value(signed_in("steward"), f"/companies/{one}")
    assert (page["live_licences"], page["ending_soon"], len(page["licences"])) == (3, 1, 5)
    assert {row["name"] for row in page["credit"]} >= {"行政处罚", "经营异常名录"}
    assert page["live_credit"] == 1
    beside = {(person["role"], person["name"], person["told"]) for person in page["persons"]}
    assert {("股东", "夏**", "出资比例（%） 60"), ("股东", "欧***", "出资比例（%） 40")} <= beside
    assert "夏小满" not in signed_in("steward").get(f"/companies/{one}").text


def test_one_search_goes_through_all_registers_and_names_no_person(
    signed_in: Callable[[str], Browser],
) -> None:
    steward = signed_in("steward")
    found = value(steward, f"/registers/find?q={HOLDER}")
    assert {group["label"] for group in found["groups"]} == {
        "法人基础信息",
        "电子证照基础信息",
        "公共信用信息",
    }
    page = steward.get("/registers/find?q=夏小满").text
    assert "说明依据后查看" in page
    assert "夏小满" not in page.replace('value="夏小满"', "")


def test_a_judgement_at_the_desk_closes_the_case_and_a_stranger_may_not(
    signed_in: Callable[[str], Browser], rooms: Rooms
) -> None:
    case = doubtful(rooms)
    path = f"/registers/review/{case}"
    assert signed_in("provider").post(path, verdict="join", note="电话核实过").status_code == 403
    steward = signed_in("steward")
    assert "宏大" in steward.get("/registers/review").text
    case_page = steward.get(f"/cases/{case}").text
    assert "两边的记录" in case_page
    assert case_page.count("宏大") >= 2  # in the title and beside the other record
    assert "相同" in case_page
    assert "不同" in case_page
    assert steward.post(path, verdict="join", note="").status_code == 422
    assert steward.post(path, verdict="join", note="电话核实过").status_code == 303
    with rooms.database.connection() as connection:
        assert find_case(connection, case).state == "same"
    assert case in {one["case_id"] for one in value(steward, "/registers/review")["done"]}


def test_a_registers_quality_says_how_full_and_from_whom(signed_in: Callable[[str], Browser]) -> None:
    page = value(signed_in("steward"), "/registers/licence")
    full = {one["item"]: one["filled"] for one in page["quality"]["items"]}
    assert (full["licence_no"], full["valid_to"], full["holder_id"]) == (6, 5, 1)
    assert {one["dataset"]: one["rows"] for one in page["quality"]["sources"]} == {
        "standard.licence_food": 6, "standard.licence_disabled": 1,
    }  # fmt: skip
