"""A city of three departments with one shared dataset, for the tests of sharing, the laws and oversight."""

from __future__ import annotations

import datetime as dt
import random
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pyarrow as pa
import pymysql
from psycopg.conninfo import conninfo_to_dict

from jutong.database import Connection, Database, open_database
from jutong.keys import SoftwareKeys
from jutong.ledger import Ledger, Stream
from jutong.people import Department, Party, add_departments, add_user, party_of
from jutong.settings import Settings
from jutong.share import Grant, Wish, add_application, add_delivery, ask, move_request
from jutong.store import DatasetSpec, Store
from jutong.terms import DatasetName, Item

DATASET = "standard.market_entity"
ITEMS = (
    Item("uscc", "统一社会信用代码", element="uscc", key=True),
    Item("name", "名称", element="legal_name"),
    Item("capital", "注册资本", "decimal(18,2)", element="amount"),
    Item("founded", "成立日期", "date", element="date"),
    Item("phone", "联系电话", element="mobile", grade=3),
    Item("division", "行政区划", element="division_code"),
    Item("staff", "从业人数", "integer"),
    Item("checked_at", "核验时间", "timestamp"),
    Item("active", "是否存续", "boolean"),
    Item("secret", "内部评级", grade=2, share_type=3),
    Item("_batch", "批次"),
    Item("_row", "行号", "integer"),
)
#: What the grants of these tests name; ``secret`` is withheld.
GRANTED = ("uscc", "name", "capital", "founded", "phone", "division", "staff", "checked_at", "active")
CODE = "102/000001"
HASH = "not a hash: nobody signs in here"


@dataclass
class City:
    """The open rooms and the cast."""

    database: Database
    store: Store
    keys: SoftwareKeys
    ledger: Ledger
    stream: Stream
    receiver_url: str
    entry_id: int = 0
    asker: Party = field(default=None)  # type: ignore[assignment]
    asker_head: Party = field(default=None)  # type: ignore[assignment]
    officer: Party = field(default=None)  # type: ignore[assignment]
    head: Party = field(default=None)  # type: ignore[assignment]
    steward: Party = field(default=None)  # type: ignore[assignment]
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    commits: int = 0

    @property
    def receiver(self) -> dict[str, Any]:
        if self.receiver_url.startswith("mysql:"):
            url = urlsplit(self.receiver_url)
            return {
                "kind": "mysql",
                "host": url.hostname,
                "port": url.port,
                "dbname": url.path[1:],
                "user": url.username,
            }
        parts = conninfo_to_dict(self.receiver_url)
        return {name: parts[name] for name in ("host", "port", "dbname", "user") if parts.get(name)}

    @property
    def receiver_password(self) -> str:
        if self.receiver_url.startswith("mysql:"):
            return ""
        return str(conninfo_to_dict(self.receiver_url)["password"])

    def merge(self, rows: Iterable[Mapping[str, Any]], gone: Iterable[str] = ()) -> int:
        """Upsert and delete in the lake as refine would; returns the snapshot."""
        self.commits += 1
        upserts = {str(row["uscc"]): {**row, "_batch": f"b{self.commits}", "_row": place}
                   for place, row in enumerate(rows, 1)}  # fmt: skip
        gone = [key for key in gone if key not in upserts]
        table = pa.Table.from_pylist(list(upserts.values()), schema=SCHEMA)
        keys = pa.table({"uscc": pa.array(gone, pa.string())})

        def body(writer: Any) -> None:
            writer.register("given", table)
            writer.register("gone", keys)
            writer.merge(DATASET, "SELECT * FROM given", delete_keys_sql="SELECT uscc FROM gone")

        commit = f"test-{secrets.token_hex(6)}-{self.commits}"
        _, snapshot = self.store.write(commit, DATASET, author="test", body=body)
        self.rows.update(upserts)
        for key in gone:
            self.rows.pop(key, None)
        return snapshot

    def there(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask the consumer's database."""
        if self.receiver_url.startswith("mysql:"):
            to = self.receiver
            where = {"host": to["host"], "port": to["port"], "user": to["user"], "database": to["dbname"]}
            with (
                pymysql.connect(**where, charset="utf8mb4", autocommit=True) as reached,
                reached.cursor() as asked,
            ):
                asked.execute(sql, values or None)
                return list(asked.fetchall())
        with psycopg.connect(self.receiver_url) as connection:
            cursor = connection.execute(sql, values or None)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []


_TYPES = {"text": pa.string(), "integer": pa.int64(), "date": pa.date32(), "timestamp": pa.timestamp("us"),
          "boolean": pa.bool_(), "decimal(18,2)": pa.decimal128(18, 2)}  # fmt: skip
SCHEMA = pa.schema([(item.name, _TYPES[item.type]) for item in ITEMS])


def company(number: int, chance: random.Random) -> dict[str, Any]:
    """One row with every type, awkward texts and missing values."""
    return {
        "uscc": f"91430502MA{number:08d}",
        "name": chance.choice(
            ["邵阳市宝庆食品有限公司", "a\"b,c'd", "", None, "第一行\n第二行", "\\N", "𠮷野家"]
        ),
        "capital": chance.choice([None, dt_decimal("0.00"), dt_decimal("1234567.89"), dt_decimal("-0.10")]),
        "founded": chance.choice([None, dt.date(1949, 10, 1), dt.date(2023, 5, 9)]),
        "phone": chance.choice([None, "13907390001", "15873912345"]),
        "division": chance.choice(["430502", "430503", "430511", None]),
        "staff": chance.choice([None, 0, 7, 2**40]),
        "checked_at": chance.choice(
            [None, dt.datetime(2024, 2, 29, 23, 59, 59, 123450), dt.datetime(2020, 1, 1)]
        ),
        "active": chance.choice([True, False, None]),
        "secret": "A",
    }


def dt_decimal(text: str) -> Any:
    from decimal import Decimal

    return Decimal(text)


def open_city(settings: Settings, receiver_url: str) -> City:
    """The rooms of a data folder, opened as any process would."""
    database = open_database(settings)
    keys = SoftwareKeys.open(settings.keys_folder)
    ledger = Ledger.open(settings.ledger_folder, keys, origin=settings.ledger_origin)
    return City(database, Store.open(database, settings), keys, ledger, ledger.stream("share"), receiver_url)


def close_city(city: City) -> None:
    city.stream.close()
    city.store.close()
    city.database.close()


def found(city: City) -> City:
    """Departments, people, the dataset, its published entry, one application; commits."""
    with city.database.connection() as connection:
        add_departments(connection, [
            Department("D01", "邵阳市行政审批服务局", "行政审批局", "department", steward=True),
            Department("D23", "邵阳市市场监督管理局", "市场监管局", "department"),
            Department("D25", "邵阳市医疗保障局", "医保局", "department"),
        ])  # fmt: skip
        cast = {
            "asker": ("D25", "consumer_officer"), "asker_head": ("D25", "consumer_head"),
            "officer": ("D23", "provider_officer"), "head": ("D23", "provider_head"),
            "steward": ("D01", "steward"),
        }  # fmt: skip
        for name, (department, role) in cast.items():
            add_user(connection, name.replace("_", "-"), name, department, [role], password_hash=HASH)
            setattr(city, name, party_of(connection, name.replace("_", "-")))
        add_application(connection, "医保结算平台", "D25", id="A01")
    city.store.declare([DatasetSpec(DatasetName.parse(DATASET), "市场主体", ITEMS, ("uscc",))])
    with city.database.connection() as connection:
        city.entry_id = add_entry(connection, ITEMS)
    return city


def add_entry(
    connection: Connection,
    items: Iterable[Item],
    *,
    code: str = CODE,
    share_type: int = 2,
    dataset: str = DATASET,
) -> int:
    """A published entry with its items, as the catalogue leaves it."""
    row = connection.execute(
        "INSERT INTO entry (code, name, summary, department_code, class_code, share_type, share_condition,"
        " share_methods, use_condition, grade, formats, update_cycle, state, committed, resource_kind, dataset,"
        " secrecy_assessed, privacy_assessed, published_at, version)"
        " VALUES (%s, %s, '登记信息', 'D23', '102', %s, '履职需要', '{api,table,file}', '限履职使用', 2, '{3}', 2,"
        " 'published', true, 'table', %s, true, true, '2024-01-01', 1) RETURNING id",
        (code, f"市场主体登记信息 {code}", share_type, dataset),
    ).fetchone()
    assert row is not None
    for place, item in enumerate(item for item in items if not item.name.startswith("_")):
        connection.execute(
            "INSERT INTO item (entry_id, no, name, label, data_type, element, is_key, share_type, grade)"
            " VALUES (%s, %s, %s, %s, 'C', %s, %s, %s, %s)",
            (row["id"], place, item.name, item.label, item.element, item.key, item.share_type, item.grade),
        )
    return int(row["id"])


def wish(city: City, **other: Any) -> Wish:
    given: dict[str, Any] = {
        "entry_id": city.entry_id, "application_id": "A01", "basis": "《医疗保障基金使用监督管理条例》第九条",
        "scene": "参保单位核验", "scope": "市医保局基金监管科", "purpose": "数据校核", "method": "table",
        "items": GRANTED, "until": dt.date(2099, 12, 31),
    }  # fmt: skip
    return Wish(**{**given, **other})


def agree(city: City, **other: Any) -> Grant:
    """Ask, and let both heads agree."""
    with city.database.connection() as connection:
        request = ask(connection, city.asker, wish(city, **other))
        move_request(connection, request.id, "consent", city.asker_head)
        moved = move_request(connection, request.id, "approve", city.head)
    assert moved.grant is not None
    return moved.grant


def set_up_delivery(city: City, name: str, table: str, **other: Any) -> Grant:
    grant = agree(city, **other)
    with city.database.connection() as connection:
        add_delivery(
            connection, city.keys, name=name, grant_id=grant.id, receiver=city.receiver,
            password=city.receiver_password, table_name=table,
        )  # fmt: skip
    return grant


def receiver_database(admin_url: str, folder: Path | None = None) -> str:
    """A consumer's own database beside the city's; its address."""
    name = f"r{secrets.token_hex(6)}"
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
    return admin_url.replace("/postgres?", f"/{name}?")
