"""A second dataset beside the companies of ``share_city``: their licences; for services made by a SELECT."""

from __future__ import annotations

import random
from typing import Any

import pyarrow as pa
from tests.share_city import City, add_entry, company

from jutong.store import DatasetSpec
from jutong.terms import DatasetName, Item

LICENCE = "standard.licence"
LICENCE_ITEMS = (
    Item("no", "证书编号", key=True),
    Item("uscc", "统一社会信用代码", element="uscc"),
    Item("kind", "证书类型"),
    Item("phone", "经办人电话", element="mobile", grade=3),
    Item("issued", "发证日期", "date", element="date"),
)
JOINED = (
    "SELECT c.uscc, c.name, c.phone, c.division, l.no, l.kind, upper(l.kind) || coalesce(c.division, '') AS tag"
    " FROM market_entity AS c JOIN licence AS l ON c.uscc = l.uscc"
)
_SCHEMA = pa.schema(
    [("no", pa.string()), ("uscc", pa.string()), ("kind", pa.string()), ("phone", pa.string()), ("issued", pa.date32())]
)  # fmt: skip


def licence(number: int, chance: random.Random) -> dict[str, Any]:
    return {
        "no": f"L{number:04d}", "uscc": f"91430502MA{chance.randrange(40):08d}",
        "kind": chance.choice(["food", "drug", None]), "phone": chance.choice([None, "13907390001"]), "issued": None,
    }  # fmt: skip


def with_licences(city: City, *, companies: int = 40, licences: int = 50) -> int:
    """Fill the companies, declare and fill the licences; returns the licences' entry."""
    chance = random.Random(5)
    city.merge([company(number, chance) for number in range(companies)])
    city.store.declare([DatasetSpec(DatasetName.parse(LICENCE), "证照", LICENCE_ITEMS, ("no",))])
    put(city, [licence(number, chance) for number in range(licences)])
    with city.database.connection() as connection:
        return add_entry(connection, LICENCE_ITEMS, code="102/000002", dataset=LICENCE)


def put(city: City, rows: list[dict[str, Any]], gone: tuple[str, ...] = ()) -> None:
    city.commits += 1

    def body(writer: Any) -> None:
        writer.register("given", pa.Table.from_pylist(rows, schema=_SCHEMA))
        writer.register("gone", pa.table({"no": pa.array(gone, pa.string())}))
        writer.merge(LICENCE, "SELECT * FROM given", delete_keys_sql="SELECT no FROM gone")

    city.store.write(f"licence-{city.commits}", LICENCE, author="test", body=body)
