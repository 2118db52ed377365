"""指标: every number the city shows is a query, with definition, as-of time, owner and a way to its rows (law 8).

``FIGURES`` says what each number means; ``figures.sql`` holds the query of the same name and nothing else makes
a number.  All are asked in one transaction, over one account of the lake, so they belong to one instant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from psycopg import sql

from jutong.database import Connection, Database, named_sql
from jutong.store import Store
from jutong.terms import NotFound

_QUERIES = named_sql(__file__, "figures.sql")
_SQL = named_sql(__file__)


@dataclass(frozen=True)
class Meaning:
    """What a figure is, before it has a value."""

    name: str
    label: str
    label_en: str
    unit: str
    definition: str
    #: Page with the rows behind the number.
    link: str
    #: Whether it is among the keys ``jutong figures --json`` keeps (design §9).
    kept: bool = True


@dataclass(frozen=True)
class Figure:
    name: str
    label: str
    label_en: str
    value: int | float | None
    unit: str
    definition: str
    as_of: datetime
    owner: str
    query: str
    link: str
    kept: bool


FIGURES = (
    Meaning("departments", "部门", "departments", "个", "已登记的市直部门，不含县市区", "/people"),
    Meaning("counties", "县市区", "county-level units", "个", "已登记的县市区，含经开区", "/people"),
    Meaning("entries", "资源目录", "catalogue entries", "条", "已发布的政务数据目录条目", "/catalogue"),
    Meaning("supply", "供给清单", "supplied entries", "条",
            "已发布、提供部门已承诺供给并已挂接数据资源的目录条目", "/lists/supply"),
    Meaning("demand", "需求清单", "demands", "条", "各部门提出的数据需求，不论是否已满足", "/lists/demand"),
    Meaning("negative", "负面清单", "withheld entries", "条", "已发布的不予共享目录条目", "/lists/negative"),
    Meaning("records_gathered", "汇聚数据", "records gathered", "条",
            "各批次给出的记录数之和，按读取时逐行计数，失败批次不计", "/batches"),
    Meaning("records_standard", "标准数据", "standard records", "条",
            "标准区各数据集现有的记录数之和，不含问题数据", "/storage"),
    Meaning("issues", "问题数据", "issues found", "条", "治理时发现并保留的问题，一行可有多条", "/issues"),
    Meaning("legal_entities", "法人主体", "legal entities", "个", "法人基础库现有主体", "/companies"),
    Meaning("licences", "存量证照", "licences", "张",
            "电子证照类目录（分类码 105）所挂接数据集现有的记录数之和", "/catalogue?class=105"),
    Meaning("credit_records", "信用信息", "credit records", "条",
            "社会信用类目录（分类码 104）所挂接数据集现有的记录数之和", "/catalogue?class=104"),
    Meaning("applications", "应用", "applications", "个", "已登记且未注销的应用", "/applications"),
    Meaning("consumer_departments", "用数部门", "consuming departments", "个",
            "有未注销应用的部门", "/applications"),
    Meaning("exchanges", "共享次数", "exchanges", "次",
            "跨部门共享的次数：成功的接口调用（零行也计）、有数据送达的库表交换、文件下载；拒绝与本部门自用不计",
            "/ledger"),
    Meaning("records_exchanged", "共享条次", "records exchanged", "条次",
            "送达需求方的记录数之和：接口返回的行、接收库已提交的行、下载文件的行；重试只计一次", "/ledger"),
    Meaning("cloud_cores_added", "新增计算资源", "cores added", "C", "政务云历次扩容的计算资源之和", "/cloud"),
    Meaning("cloud_storage_added_tb", "新增存储资源", "storage added", "T", "政务云历次扩容的存储资源之和", "/cloud"),
    Meaning("tasks", "攻坚任务", "campaign tasks", "项", "攻坚行动任务清单中的任务", "/campaign"),
    Meaning("tasks_overdue", "逾期任务", "overdue tasks", "项", "已过完成时限而未完成的任务", "/campaign?overdue=1"),
    Meaning("attached_percent", "挂接率", "entries with live data", "%",
            "已挂接数据资源的已发布目录 ÷ 已发布目录", "/catalogue", kept=False),
    Meaning("demand_met_percent", "需求满足率", "demands met", "%", "已满足的需求 ÷ 全部需求", "/lists/demand", kept=False),
    Meaning("batches", "批次", "batches", "批", "已归集的批次", "/batches", kept=False),
    Meaning("records_rejected", "退回数据", "records rejected", "条",
            "治理时未通过检查、留在问题数据中的记录", "/issues", kept=False),
    Meaning("quality_percent", "质量合格率", "rows passing checks", "%",
            "通过全部拒收类检查的记录 ÷ 受检记录（重复不计）", "/issues", kept=False),
    Meaning("grants_live", "有效授权", "live grants", "项", "未暂停、未终止且在使用时限内的授权", "/grants", kept=False),
    Meaning("services", "接口服务", "services", "个", "正在提供的接口服务", "/services", kept=False),
    Meaning("deliveries", "库表交换", "deliveries", "个", "正在运行的库表交换", "/deliveries", kept=False),
    Meaning("cases_open", "在办工单", "open cases", "件", "尚未办结的工单", "/cases", kept=False),
    Meaning("cases_overdue", "逾期工单", "overdue cases", "件", "已过时限而未办结的工单", "/cases?overdue=1", kept=False),
    Meaning("cloud_cores_free", "可分配计算资源", "cores free", "C",
            "期初加历次扩容减退役，减去已分配的计算资源", "/cloud", kept=False),
    Meaning("cloud_storage_free_tb", "可分配存储资源", "storage free", "T",
            "期初加历次扩容减退役，减去已分配的存储资源", "/cloud", kept=False),
)  # fmt: skip
_SCALE = Meaning(
    "scale", "样例比例", "sample scale", "", "样例城市相对全量（2 亿条）的比例；0 为真实数据", "/storage"
)


def figures(
    database: Database, store: Store, *, scale: float = 0.0, everything: bool = False
) -> list[Figure]:
    """The figures design §9 keeps, in order; with ``everything`` the further ones too.

    ``scale`` is ``settings.scale``: the sample city's, 0 where the data are real.
    About thirty small queries and one look at the lake's catalogue, in one repeatable-read transaction.
    """
    wanted = [meaning for meaning in FIGURES if meaning.kept or everything]
    usage = store.usage()
    with database.connection() as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        owner = _steward(connection)
        _lay_out_usage(connection, usage)
        as_of = datetime.now(UTC)
        found = [_figure(meaning, _ask(connection, meaning.name), as_of, owner) for meaning in wanted]
    return [_figure(_SCALE, scale, as_of, owner, query="settings.scale"), *found]


def figure(database: Database, store: Store, name: str, *, scale: float = 0.0) -> Figure:
    """One figure with its query, for the page that explains it.  Raises NotFound ``oversee.figure_unknown``."""
    for found in figures(database, store, scale=scale, everything=True):
        if found.name == name:
            return found
    raise NotFound("oversee.figure_unknown", f"没有名为 {name} 的指标")


def as_json(found: Iterable[Figure]) -> dict[str, int | float | None]:
    """``{name: value}`` as ``jutong figures --json`` prints it."""
    return {one.name: one.value for one in found}


def batches(connection: Connection) -> list[dict[str, Any]]:
    """Every batch with ``name, given, accepted, rejected, duplicates, state`` (law 1 is a look at this table)."""
    return connection.execute(_SQL.batches).fetchall()


def _figure(
    meaning: Meaning, value: float | None, as_of: datetime, owner: str, query: str | None = None
) -> Figure:
    return Figure(
        name=meaning.name,
        label=meaning.label,
        label_en=meaning.label_en,
        value=value,
        unit=meaning.unit,
        definition=meaning.definition,
        as_of=as_of,
        owner=owner,
        query=query or getattr(_QUERIES, meaning.name).as_string(None),
        link=meaning.link,
        kept=meaning.kept,
    )


def _ask(connection: Connection, name: str) -> int | float | None:
    query: sql.SQL = getattr(_QUERIES, name)
    row = connection.execute(query).fetchone()
    value = row["value"] if row else None
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value


def _steward(connection: Connection) -> str:
    row = connection.execute(_SQL.steward_name).fetchone()
    return row["name"] if row else ""


def _lay_out_usage(connection: Connection, usage: Iterable[Mapping[str, Any]]) -> None:
    connection.execute(_SQL.make_lake_usage)
    with connection.cursor() as cursor, cursor.copy(_SQL.fill_lake_usage) as copy:
        for row in usage:
            copy.write_row((str(row["dataset"]), str(row["zone"]), int(str(row["rows"]))))
