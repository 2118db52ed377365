"""Licences, credit and persons of the small city, and one pair only a person can judge."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pyarrow as pa
from psycopg.types.json import Jsonb

from jutong.casework import open_case
from jutong.city import registers
from jutong.fuse import Register, declare_register, fuse, with_sources
from jutong.portal.visits import Rooms
from jutong.store import DatasetSpec
from jutong.terms import DatasetName, Item

from .seed import uscc

TODAY = dt.datetime.now(ZoneInfo("Asia/Shanghai")).date()
PERSON = "430502198804170021"
HOLDER = uscc(0)
_LICENCE = ("licence_no", "permit_no", "entity_name", "uscc", "issued_on", "valid_to", "state", "updated_at")
_DATES = {"issued_on", "valid_to", "xk_jdrq", "xk_yxqzi", "cf_jdrq", "cf_gsjzq", "repaired_on", "updated_at"}


def seed_registers(rooms: Rooms) -> None:
    """Fused as the sample city declares them, from a handful of rows."""
    _write(rooms, "population", ("pno", "person_name", "person_id", "gender", "nation", "birth_on", "division_code", "address", "state", "updated_at"),
           [("P1", "夏小满", PERSON, "女", "汉族", "1988-04-17", "430502", "双清区澄砚路 1 号", "正常", "2026-01-05")])  # fmt: skip
    food = [
        (0, 1, 10, "2"),
        (1, 1, 400, "2"),
        (2, 1, -30, "2"),
        (3, 1, 400, "3"),
        (4, 1, 200, "2"),
        (4, 2, 800, "2"),
    ]
    _write(rooms, "licence_food", _LICENCE, [
        (f"1.2.156.3005.2.A.B.{n}.00{version}.X", f"JY{n}", "邵阳双清澄砚机械制造有限公司", HOLDER, f"{TODAY - dt.timedelta(days=900)}",
         f"{TODAY + dt.timedelta(days=days)}", state, f"202{version}-01-05")
        for n, version, days, state in food
    ])  # fmt: skip
    _write(rooms, "licence_disabled", ("licence_no", "card_no", "person_name", "person_id", "issued_on", "state"),
           [("1.2.156.3005.2.A.B.9.001.X", "CJ9", "夏小满", PERSON, "2020-05-01", "2")])  # fmt: skip
    _write(rooms, "credit_penalty_x", ("cf_wsh", "cf_xdr_mc", "cf_xdr_shxym", "cf_wfxw", "cf_jdrq", "cf_gsjzq", "updated_at", "cf_nr_fk", "cf_cfjg"), [
        ("邵罚1", "邵阳双清澄砚机械制造有限公司", HOLDER, "超标排放污染物", f"{TODAY - dt.timedelta(days=300)}", f"{TODAY + dt.timedelta(days=300)}",
         f"{TODAY - dt.timedelta(days=200)}", "2.5", "邵阳市生态环境局"),
        ("邵罚2", "查无此户", None, "占用城市道路", f"{TODAY - dt.timedelta(days=60)}", None, f"{TODAY - dt.timedelta(days=58)}", "0.1", "邵阳市城管局"),
    ])  # fmt: skip
    _write(rooms, "credit_abnormal", ("list_no", "entity_name", "uscc", "reason", "listed_on", "removed_on", "updated_at", "organ"), [
        ("YC1", "邵阳双清澄砚机械制造有限公司", HOLDER, "未按期公示年度报告", f"{TODAY - dt.timedelta(days=90)}", None, f"{TODAY}", "邵阳市市场监管局"),
    ])  # fmt: skip
    _write(rooms, "credit_repair", ("repair_no", "entity_name", "uscc", "subject", "repaired_on", "updated_at"), [
        ("XF1", "邵阳双清澄砚机械制造有限公司", HOLDER, "行政处罚公示信息", f"{TODAY - dt.timedelta(days=20)}", f"{TODAY}"),
    ])  # fmt: skip
    _write(rooms, "market_shareholder", ("record_no", "uscc", "holder", "share"), [
        ("CZ1", HOLDER, "夏小满", "60"), ("CZ2", HOLDER, "欧阳立春", "40"), ("CZ3", uscc(1), "周谷雨", "100"),
    ])  # fmt: skip
    with rooms.database.connection() as connection:
        declared = [_fed(one) for one in registers() if one.name != "legal_entity"]
        for one in declared:
            declare_register(connection, one)
    for one in declared:
        fuse(one, database=rooms.database, store=rooms.store, settings=rooms.settings)
    doubtful(rooms)


def doubtful(rooms: Rooms) -> int:
    """A pair on the steward's desk; its case."""
    left = {
        "name": "邵阳市宏达商贸有限公司",
        "uscc": uscc(77),
        "phone": "13807390001",
        "address": "双清区宝庆路18号",
    }
    right = {"name": "邵阳市宏大商贸有限公司", "phone": "13807390001"}
    with rooms.database.connection() as connection:
        case = open_case(
            connection, "merge_review", title="宏达与宏大是否同一主体", department_code="D01", opened_by=None,
            subject={"register": "legal_entity"}, data={"register": "法人基础信息", "weight": 4.2},
        )  # fmt: skip
        connection.execute(
            "INSERT INTO fuse_pair (register, dataset_l, key_l, dataset_r, key_r, weight, rows, case_id)"
            " VALUES ('legal_entity', 'standard.market_entity', %s, 'standard.penalty', 'R1', 4.2, %s, %s)",
            [f"L{case}", Jsonb({"left": left, "right": right}), case],
        )
    return case


def _fed(register: Register) -> Register:
    """With the sources the small city has."""
    have = {"population", "licence_food", "licence_disabled", "credit_abnormal", "credit_repair"}
    return with_sources(
        register,
        *(one for one in register.sources if one.dataset.removeprefix("standard.") in have or one.dataset == "standard.credit_penalty_*"),
    )  # fmt: skip


def _write(rooms: Rooms, table: str, names: tuple[str, ...], rows: list[tuple[str | None, ...]]) -> None:
    name = DatasetName.parse(f"standard.{table}")
    items = tuple(
        Item(one, one, "timestamp" if one == "updated_at" else "date" if one in _DATES else "text")
        for one in names
    )
    rooms.store.declare([DatasetSpec(name, table, items, names[:1], "D02")])
    given = pa.table({one: [row[place] for row in rows] for place, one in enumerate(names)})
    typed = ", ".join(
        f"CAST({item.name} AS {item.type}) AS {item.name}" if item.type != "text" else item.name
        for item in items
    )
    with rooms.store.writing(f"seed:{table}", name, author="seed") as writer:
        writer.register("given", given)
        writer.append(name, f"SELECT {typed} FROM given")
