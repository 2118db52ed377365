"""A small city through the rooms' own doors, for tests of pages and for looking at them."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

from jutong import gather
from jutong.casework import open_case
from jutong.catalogue import (
    NewDemand,
    NewEntry,
    NewItem,
    add_entry,
    find_entry,
    import_demands,
    import_entries,
    submit,
)
from jutong.city import legal_entity
from jutong.database import Database, open_database
from jutong.develop import Input, Model, run_model, save_model
from jutong.fuse import RegisterSource, declare_register, fuse, with_sources
from jutong.gather import Source, SourceTable, declare_sources, find_tables, take_many
from jutong.keys import SoftwareKeys
from jutong.ledger import Exchange, Ledger, keep_heads
from jutong.oversee import (
    load_campaigns,
    load_cloud_allocations,
    load_cloud_changes,
    load_duties,
    load_indicators,
    load_milestones,
    load_projects,
    load_reports,
    load_tasks,
)
from jutong.people import Department, add_departments, add_user, hash_password, party_of
from jutong.portal.visits import Rooms
from jutong.refine import RowRule, draft, refine, standard_of
from jutong.settings import Settings
from jutong.share import (
    Offer,
    Wish,
    add_application,
    ask,
    fold,
    hash_subject,
    make_extract,
    move_request,
    publish_service,
)
from jutong.store import Store
from jutong.terms import Item

PASSWORD = "Correct-horse-9"

DEPARTMENTS = (
    Department("D01", "邵阳市行政审批服务局", "市行政审批服务局", "department", steward=True, sort=1),
    Department("D02", "邵阳市市场监督管理局", "市市场监管局", "department", sort=2),
    Department("D03", "邵阳市人力资源和社会保障局", "市人社局", "department", sort=3),
    Department("D04", "邵阳市水利局", "市水利局", "department", sort=4),
    Department("D05", "邵阳市审计局", "市审计局", "department", sort=5),
    Department("C01", "双清区", "双清区", "county", division_code="430502", sort=50),
)

#: login → (name, department, roles); the stranger has an account and no business anywhere.
CAST: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "steward": ("顾清源", "D01", ("steward",)),
    "provider": ("林知秋", "D02", ("provider_officer",)),
    "provider-head": ("郑守一", "D02", ("provider_head",)),
    "consumer": ("苏暮云", "D03", ("consumer_officer",)),
    "consumer-head": ("韩启明", "D03", ("consumer_head",)),
    "auditor": ("严可信", "D05", ("auditor",)),
    "security": ("安如山", "D01", ("security_admin",)),
    "system": ("程守正", "D01", ("system_admin",)),
    "leader": ("常思远", "D01", ("leader",)),
    "stranger": ("外人", "D04", ("consumer_head",)),
}


def seed_people(database: Database) -> None:
    """Departments and the cast; running it again changes nothing."""
    kept = hash_password(PASSWORD)
    with database.connection() as connection:
        add_departments(connection, DEPARTMENTS)
        for login, (name, department, roles) in CAST.items():
            add_user(connection, login, name, department, roles, password_hash=kept, must_change=False)


def seed(rooms: Rooms) -> None:
    """Everything a page can show."""
    seed_people(rooms.database)
    seed_data(rooms)
    seed_catalogue(rooms)
    seed_ways(rooms)
    seed_sharing(rooms)
    seed_oversight(rooms)


# -- ways in ---------------------------------------------------------------------------------------------------


def seed_ways(rooms: Rooms) -> None:
    """A file that waits to be looked at, a form with a draft row, a front machine applied for."""
    home = rooms.settings.home
    content = (
        "邵阳市个体工商户名单,,\n代码,名称,区\n0101,澄砚小吃,双清\n0102,岚舟修车,大祥\n合计,2,\n".encode(
            "gb18030"
        )
    )
    items = [{**item.to_row(), "name": item.name} for item in _ENTITY[:6]]
    with rooms.database.connection() as connection:
        form = gather.make_form(
            connection, department_code="D02", table="form_market", label="市场主体补报", items=items, keys=["uscc"],
            explained="各县市区所按月补报尚未进系统的市场主体。",
        )  # fmt: skip
        gather.write_row(
            connection, form, {"uscc": uscc(900), "name": "邵阳北塔鹿涧竹业有限公司", "capital": "一百"}
        )
        declare_sources(
            connection, [Source("scjg_hand", "D02", "file", "市场监管手工文件")],
            [SourceTable("sole_trader", "scjg_hand", "个体工商户名单", {"file": "x"})],
        )  # fmt: skip
        gather.new_token(connection, "scjg_hand", label="个体工商户系统")
        far = {"host": "10.12.3.8", "user": "scjg", "folder": "/out", "host_key": "SHA256:" + "x" * 43}
        declare_sources(
            connection, [Source("scjg_far", "D02", "sftp", "市场监管年报交换目录", far)],
            [SourceTable("annual_report", "scjg_far", "企业年报", {"file": "x", "pattern": "年报*"})],
        )  # fmt: skip
        connection.execute(
            "INSERT INTO remote_look VALUES ('scjg_far', now(), 2, NULL);"
            "INSERT INTO remote_file (source_name, path, size, stamp, problem) VALUES"
            " ('scjg_far', '年报202608.csv', 1048576, '1', NULL),"
            """ ('scjg_far', '年报202607.csv', 2048, '1', '{"code": "gather.digest_differs", "sentence": "文件与它的 MD5 不符，请重传"}')"""
        )
        arrival = gather.begin_arrival(
            connection, home, table="sole_trader", way="upload", file_name="个体户名单.csv"
        )
        gather.append(home, arrival, 0, [content])
        gather.complete(connection, home, arrival, confirm=True)
        provider = party_of(connection, "provider")
        case_id = open_case(
            connection, "front_machine", title="前置机：放市场监管业务库", department_code="D02", opened_by=provider,
            data={"用途": "放市场监管业务库", "部署区域": "政务外网"},
        )  # fmt: skip
        gather.add_front_machine(
            connection, case_id=case_id, department_code="D02", kind="machine", purpose="放市场监管业务库", zone="政务外网",
            protection=3, contact="林知秋 5081234",
        )  # fmt: skip


# -- data ----------------------------------------------------------------------------------------------------

_CODES = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def uscc(number: int, division: str = "430502") -> str:
    """A valid code: GB 32100-2015 over an organisation code of GB 11714."""
    body = f"MA4{number:05d}"
    weights = (3, 7, 9, 10, 5, 8, 4, 2)
    values = [ord(letter) - 55 if letter.isalpha() else int(letter) for letter in body]
    check = 11 - sum(w * v for w, v in zip(weights, values, strict=True)) % 11
    org = body + {10: "X", 11: "0"}.get(check, str(check))
    seventeen = f"91{division}{org}"
    total = sum(_CODES.index(letter) * 3**place for place, letter in enumerate(seventeen))
    return seventeen + _CODES[(31 - total % 31) % 31]


NAMES = ("澄砚机械制造", "墨津食品", "澧禾五金", "檀岭农资", "沅芷建材", "鹿涧竹业", "栖屿医药", "岚舟汽车维修",
         "玉笥商贸", "砚溪餐饮", "青峦物流", "白露茶业")  # fmt: skip
PLACES = (("430502", "双清"), ("430503", "大祥"), ("430511", "北塔"), ("430582", "邵东"))


def _companies(count: int = 120) -> list[list[str]]:
    rows = []
    for number in range(count):
        division, place = PLACES[number % len(PLACES)]
        name = f"邵阳{place}{NAMES[number % len(NAMES)]}有限公司"
        if number >= len(NAMES) * len(PLACES):
            name = name.replace("有限公司", f"{number}号有限公司")
        rows.append(
            [uscc(number, division), name, "周明远", f"{100 + number}.00", f"20{10 + number % 12:02d}-03-{1 + number % 27:02d}",
             division, f"{place}区澄砚路 {number + 1} 号", "存续", f"1390739{number:04d}"]
        )  # fmt: skip
    return rows


_ENTITY = (
    Item("uscc", "统一社会信用代码", element="uscc", key=True, required=True),
    Item("name", "企业名称", element="legal_name", required=True),
    Item("legal_rep", "法定代表人", element="person_name", grade=2, share_type=2),
    Item("capital", "注册资本，元", "decimal(18,2)", element="amount"),
    Item("founded_on", "成立日期", "date", element="date"),
    Item("division_code", "行政区划", element="division_code"),
    Item("address", "住所", element="text", grade=2),
    Item("state", "登记状态", element="text"),
    Item("phone", "联系电话", element="mobile", grade=3, share_type=2),
)
_PENALTY = (
    Item("doc_no", "决定书文号", element="text", key=True, required=True),
    Item("uscc", "相对人代码", element="uscc"),
    Item("name", "相对人名称", element="legal_name"),
    Item("kind", "处罚类别", element="text"),
    Item("fine", "罚款金额，万元", "decimal(18,6)", element="amount"),
    Item("decided_on", "决定日期", "date", element="date"),
)


def _csv(path: Path, items: tuple[Item, ...], rows: list[list[str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [",".join(item.label.replace("，", "") for item in items), *(",".join(row) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def seed_data(rooms: Rooms) -> None:
    """Two tables of one department gathered and refined, dirt and duplicates included; one table that fails."""
    folder = rooms.settings.home / "outside" / "scjg"
    rows = _companies()
    rows += [rows[3], rows[5]]
    rows[7][0] = rows[7][0][:-1] + ("8" if rows[7][0][-1] != "8" else "7")
    rows[11][4] = "2026-06-31"
    rows[13][8] = "12345"
    rows[19][1] = ""
    _csv(folder / "market_entity.csv", _ENTITY, rows)
    penalties = [
        [f"邵市监罚〔2026〕{number}号", uscc(number, PLACES[number % 4][0]), f"邵阳{PLACES[number % 4][1]}{NAMES[number % 12]}有限公司",
         "罚款", f"{0.5 + number % 7}", f"2026-0{1 + number % 6}-1{number % 9}"]
        for number in range(40)
    ]  # fmt: skip
    penalties[5][4] = "五万"
    penalties[9][1] = penalties[9][1].replace("0", "O", 1)
    penalties[12][5] = "2031-02-11"
    _csv(folder / "penalty.csv", _PENALTY, penalties)
    source = Source("scjg_files", "D02", "csv", "市场监管业务文件", {"folder": str(folder)})
    broken = Source("slj_files", "D04", "csv", "水利局取水许可文件", {"folder": str(folder.parent / "slj")})
    tables = (
        SourceTable("market_entity", "scjg_files", "企业登记基本信息", {"file": "market_entity.csv"}, keys=("uscc",), items=_rows(_ENTITY)),
        SourceTable("penalty", "scjg_files", "行政处罚信息", {"file": "penalty.csv"}, keys=("doc_no",), items=_rows(_PENALTY)),
        SourceTable("water_permit", "slj_files", "取水许可信息", {"file": "water_permit.csv"}, keys=("doc_no",), items=_rows(_PENALTY)),
    )  # fmt: skip
    with rooms.database.connection() as connection:
        declare_sources(connection, [source, broken], tables)
        known = [*find_tables(connection, "scjg_files"), *find_tables(connection, "slj_files")]
    take_many(known, database=rooms.database, store=rooms.store, home=rooms.settings.home, run_id="seed")
    _seed_plans(rooms)
    refine(database=rooms.database, store=rooms.store)
    with rooms.database.connection() as connection:
        _, standard = standard_of(connection, "market_entity")
        limit = RowRule(
            "own.capital",
            "sql",
            ("capital",),
            {"sql": "capital > 200"},
            "flag",
            "注册资本超过200万元的请核对",
        )
        draft(
            connection, rooms.store, "market_entity", replace(standard, rules=(limit,)),
            by=party_of(connection, "provider"), note="请核对注册资本的单位",
        )  # fmt: skip
    register = with_sources(
        replace(legal_entity(), designated={}, sources=()),
        RegisterSource(
            "standard.market_entity", "市场主体登记信息", {item.name: item.name for item in _ENTITY}, trust=1
        ),
        RegisterSource(
            "standard.penalty",
            "行政处罚相对人",
            {"name": "name", "uscc": "uscc"},
            trust=2,
            time_item="decided_on",
        ),
    )
    with rooms.database.connection() as connection:
        declare_register(connection, register)
    fuse(register, database=rooms.database, store=rooms.store, settings=rooms.settings)
    with rooms.database.connection() as connection:
        save_model(
            connection,
            Model(
                name="entities_by_county", label="各县区市场主体", question="哪个县区的市场主体最多？", theme="智慧城市",
                sql="SELECT division_code, count(*) AS entities FROM entity WHERE division_code IS NOT NULL GROUP BY division_code",
                keys=("division_code",),
                items=(Item("division_code", "行政区划", key=True, required=True), Item("entities", "主体数", "integer")),
                inputs=(Input("entity", "base.legal_entity", ("entity", "division_code")),),
            ),
        )  # fmt: skip
    run_model(rooms.database, rooms.store, "entities_by_county")


def _rows(items: tuple[Item, ...]) -> tuple[dict[str, object], ...]:
    return tuple({**item.to_row(), "source": item.label.replace("，", "")} for item in items)


# -- catalogue -----------------------------------------------------------------------------------------------

_TYPES = {"text": "C", "date": "D", "decimal(18,2)": "Y", "decimal(18,6)": "Y"}


def _entry(name: str, department: str, summary: str, items: tuple[Item, ...], **more: Any) -> NewEntry:
    values: dict[str, Any] = {
        "class_code": "102", "share_type": 2, "share_methods": ("api", "table", "file"), "use_condition": "仅限申请所列用途",
        "share_condition": "限行政许可、行政检查、政策兑现使用", "grade": max(item.grade for item in items),
        "formats": (3, 7), "update_cycle": 2, "secrecy_assessed": True, "privacy_assessed": True,
    }  # fmt: skip
    values |= more
    new_items = tuple(
        NewItem(item.label, _TYPES.get(item.type, "C"), item.name, element=item.element, is_key=item.key,
                share_type=max(item.share_type, 1), grade=item.grade)
        for item in items
    )  # fmt: skip
    return NewEntry(name=name, department_code=department, summary=summary, items=new_items, **values)


def seed_catalogue(rooms: Rooms) -> None:
    """Published entries, one of them attached and committed, one withheld, one on its way through both gates."""
    about = "在本市登记的企业、个体工商户和农民专业合作社，一户一行；办事需要核对企业名称、状态、住所时用它。"
    simple = (
        Item("code", "编号", key=True),
        Item("name", "名称"),
        Item("issued_on", "发证日期", "date", element="date"),
    )
    entries = [
        _entry("企业登记基本信息", "D02", about, _ENTITY, theme="市场监管", committed=True, dataset="standard.market_entity", resource_kind="table"),
        _entry("行政处罚信息", "D02", "市场监管领域行政处罚决定，一份决定书一行。", _PENALTY, class_code="104", theme="信用体系",
               committed=True, dataset="standard.penalty", resource_kind="table", share_type=1, share_condition=""),
        _entry("食品经营许可信息", "D02", "食品经营许可证的发放、变更与注销。", simple, class_code="105", share_type=1, share_condition=""),
        _entry("社会保险参保单位信息", "D03", "在本市参加社会保险的单位及其参保人数。", simple, class_code="203", theme="社会保障"),
        _entry("取水许可信息", "D04", "取水许可证的持证单位、取水量与有效期。", simple, class_code="211", theme="生态环保", share_type=1, share_condition=""),
        _entry("举报人信息", "D02", "举报人的身份与举报内容。", simple, class_code="204", share_type=3,
               share_condition="《中华人民共和国食品安全法》第115条：对举报人的信息予以保密", share_methods=("file",)),
        *(
            _entry(f"双清区{name}", "C01", f"双清区{name}，按季更新。", simple, class_code="307", update_cycle=5, share_type=1, share_condition="")
            for name in ("农村宅基地审批信息", "公租房保障信息", "学位供给信息", "河湖巡查记录", "养老机构信息")
        ),
    ]  # fmt: skip
    with rooms.database.connection() as connection:
        import_entries(connection, entries, published=True)
        import_demands(connection, [
            NewDemand("D03", "户籍人口核验", "就业补贴发放须核对户籍", ("姓名", "公民身份号码"), "D02"),
            NewDemand("D04", "企业登记基本信息", "取水许可核对持证单位", ("统一社会信用代码", "名称"), "D02"),
            NewDemand("C01", "残疾人两项补贴", "补贴发放比对", (), "D03", status="coordinating"),
        ])  # fmt: skip
        provider = party_of(connection, "provider")
        draft = add_entry(
            connection,
            _entry(
                "殡葬服务机构信息",
                "D02",
                "殡葬服务机构的名称、地址与服务项目。",
                simple,
                share_type=1,
                share_condition="",
            ),
            provider,
        )
        submit(connection, draft.id, provider, secrecy_assessed=True, privacy_assessed=True)


# -- sharing -------------------------------------------------------------------------------------------------


def wish(rooms: Rooms, entry: str = "企业登记基本信息", **more: Any) -> Wish:
    with rooms.database.connection() as connection:
        row = connection.execute("SELECT id FROM entry WHERE name = %s", (entry,)).fetchone()
        assert row is not None
    values: dict[str, Any] = {
        "application_id": "A03", "basis": "《就业促进法》第17条", "scene": "就业补贴发放时核对单位登记状态",
        "scope": "市人社局就业服务平台经办人员", "purpose": "行政依据", "method": "api",
        "items": ("uscc", "name", "state", "division_code", "legal_rep", "phone"), "until": dt.date(2027, 12, 31),
    }  # fmt: skip
    return Wish(entry_id=row["id"], **{**values, **more})


def seed_sharing(rooms: Rooms) -> None:
    """One request granted and used, one on the provider's desk; exchanges in the ledger, folded."""
    with rooms.database.connection() as connection:
        add_application(connection, "就业服务平台", "D03", id="A03", purpose="就业补贴、招聘与培训")
        add_application(connection, "河湖管理平台", "D04", id="A04")
        consumer, consumer_head = party_of(connection, "consumer"), party_of(connection, "consumer-head")
        provider, provider_head = party_of(connection, "provider"), party_of(connection, "provider-head")
    first = wish(rooms)
    with rooms.database.connection() as connection:
        publish_service(
            connection,
            Offer(name="ent_basic_query", entry_id=first.entry_id, keys=["uscc"], label="企业登记查询"),
        )
        request = ask(connection, consumer, first)
        move_request(connection, request.id, "consent", consumer_head)
        move_request(connection, request.id, "propose", provider)
        grant = move_request(connection, request.id, "approve", provider_head).grant
        second = ask(
            connection,
            consumer,
            wish(rooms, "行政处罚信息", items=("doc_no", "uscc", "name", "fine"), method="api"),
        )
        move_request(connection, second.id, "consent", consumer_head)
        by_file = ask(connection, consumer, wish(rooms, method="file"))
        move_request(connection, by_file.id, "consent", consumer_head)
        filed = move_request(connection, by_file.id, "approve", provider_head).grant
    assert grant is not None
    assert filed is not None
    make_extract(
        rooms.database, rooms.store, rooms.keys, rooms.settings.extracts_folder, consumer, filed.id, "csv"
    )
    stream = rooms.ledger.stream("seed")
    now = dt.datetime.now(dt.UTC)
    for number in range(37):
        refused = number % 12 == 7
        stream.record(
            Exchange(
                "share:service:refuse" if refused else "share:service:answer",
                now - dt.timedelta(hours=6 * number), "D03", "A03", "D02", entry_code(rooms, first.entry_id),
                "standard.market_entity", "ent_basic_query", grant.id, "行政依据", first.items,
                0 if refused else 1, "refused" if refused else "answered", "share.items_outside" if refused else "",
                f"seed-{number}", "" if refused else f"{number:064x}",
                "" if refused else hash_subject(rooms.keys, uscc(number % 5, PLACES[number % 5 % 4][0]), f"{now:%Y}").hex(),
            )
        )  # fmt: skip
    stream.close()
    rooms.ledger.sequence()
    fold(rooms.database, rooms.ledger)
    with rooms.database.connection() as connection:
        keep_heads(connection, rooms.ledger)


def entry_code(rooms: Rooms, entry_id: int) -> str:
    with rooms.database.connection() as connection:
        return find_entry(connection, entry_id).code


# -- oversight -----------------------------------------------------------------------------------------------


def seed_oversight(rooms: Rooms) -> None:
    """The frame, a campaign, the cloud book, a project and reported indicators."""
    today = dt.date.today()
    tasks = [
        {"campaign_code": "GJ2026", "code": f"T{number:02d}", "name": name, "duty_code": duty, "owner_code": owner,
         "starts_on": today - dt.timedelta(days=back), "due_on": today + dt.timedelta(days=ahead), "state": state,
         "progress": progress, "done_on": today - dt.timedelta(days=5) if state == "done" else None, "partners": ["D02"]}
        for number, (name, duty, owner, back, ahead, state, progress) in enumerate(
            (
                ("数据资源普查到项到岗", "K3", "D01", 150, -30, "done", 100),
                ("企业登记数据每日归集", "K1", "D02", 120, 40, "doing", 70),
                ("取水许可历史补录", "K4", "D04", 90, -6, "doing", 45),
                ("就业补贴免交营业执照", "K3", "D03", 60, 30, "doing", 60),
                ("县市区按时更新考核", "K8", "D01", 10, 120, "todo", 0),
                ("一屏统览指标可追问", "K6", "D01", 100, 20, "doing", 80),
            ),
            start=1,
        )
    ]  # fmt: skip
    with rooms.database.connection() as connection:
        load_duties(connection, [
            {"code": f"K{number}", "kind": "task", "no": number, "name": name}
            for number, name in enumerate(("一数兴产", "一端畅享", "一网通办", "一网统管", "一网协同", "一屏统览", "一云赋智", "一体联动"), 1)
        ] + [
            {"code": f"B{number}", "kind": "guarantee", "no": number, "name": name}
            for number, name in enumerate(("组织保障", "政策保障", "人才保障", "资金保障", "运营保障", "技术保障"), 1)
        ])  # fmt: skip
        load_campaigns(connection, [{
            "code": "GJ2026", "name": "数据共享攻坚行动", "owner_code": "D01", "basis": "市“数字政府”建设领导小组部署",
            "starts_on": today - dt.timedelta(days=160), "ends_on": today + dt.timedelta(days=150),
        }])  # fmt: skip
        load_tasks(connection, tasks)
        load_cloud_changes(connection, [
            {"code": "QC", "kind": "opening", "happened_on": dt.date(2022, 1, 1), "cores": 2048, "storage_tb": 300, "source": "期初盘点"},
            {"code": "KR1", "kind": "expansion", "happened_on": dt.date(2022, 9, 1), "cores": 4096, "storage_tb": 500, "source": "邵行审函〔2023〕7号"},
            {"code": "KR2", "kind": "expansion", "happened_on": dt.date(2023, 3, 1), "cores": 2048, "storage_tb": 300, "source": "邵行审函〔2023〕7号"},
        ])  # fmt: skip
        load_cloud_allocations(connection, [
            {"code": "FP1", "department_code": "D03", "cores": 512, "storage_tb": 40, "applied_on": dt.date(2023, 4, 1),
             "purpose": "就业服务平台", "state": "allocated", "allocated_on": dt.date(2023, 4, 6)},
            {"code": "FP2", "department_code": "D04", "cores": 128, "storage_tb": 12, "applied_on": dt.date(2026, 9, 1), "purpose": "河湖管理平台"},
        ])  # fmt: skip
        load_projects(connection, [{
            "code": "IDC", "name": "绿色数据中心一期", "owner_code": "D01", "investment": 30000, "duty_code": "K7",
            "summary": "标准机架 1500 架", "operator": "市数字产业公司",
        }])  # fmt: skip
        load_milestones(connection, [
            {"project_code": "IDC", "no": number, "name": name, "due_period": period, "due_on": due, "state": state, "source": "邵行审函〔2023〕7号"}
            for number, (name, period, due, state) in enumerate((
                ("公司注册", "2022", dt.date(2022, 12, 31), "done"), ("项目备案", "2022", dt.date(2022, 12, 31), "done"),
                ("能评", "2023Q1", dt.date(2023, 3, 31), "done"), ("土地摘牌", "2023", dt.date(2023, 12, 31), "doing"),
                ("标准机架 1500", "2024", dt.date(2024, 12, 31), "todo"),
            ), 1)
        ])  # fmt: skip
        load_indicators(connection, [
            {"code": "cloud_sme", "label": "推动中小企业上云", "unit": "家", "definition": "本期新推动上云的中小企业", "owner_code": "D01", "duty_code": "K1"},
            {"code": "gathered_reported", "label": "汇聚政务数据", "unit": "条", "definition": "平台汇聚的政务数据约数", "owner_code": "D01"},
        ])  # fmt: skip
        load_reports(connection, [
            {"indicator_code": "cloud_sme", "period": "2023Q1", "period_start": dt.date(2023, 1, 1), "period_end": dt.date(2023, 3, 31),
             "value": 1753, "target": 5776, "target_period": "2023", "source": "邵行审函〔2023〕7号", "reported_on": dt.date(2023, 5, 9)},
            {"indicator_code": "gathered_reported", "period": "2023-05", "period_start": dt.date(2023, 5, 1), "period_end": dt.date(2023, 5, 9),
             "value": 200000000, "source": "邵行审函〔2023〕7号", "reported_on": dt.date(2023, 5, 9)},
        ])  # fmt: skip


def seed_home(settings: Settings) -> None:
    """A data folder with the small city in it."""
    with open_database(settings) as database:
        keys = SoftwareKeys.open(settings.keys_folder)
        ledger = Ledger.open(settings.ledger_folder, keys, origin=settings.ledger_origin)
        with Store.open(database, settings) as store:
            seed(Rooms(database, store, ledger, keys, settings))


def _seed_plans(rooms: Rooms) -> None:
    """A plan with a run that was taken and one that comes after it, and a plan whose source is away."""
    now = dt.datetime.now(dt.UTC)
    plans = (
        gather.GatherPlan(
            "market_daily", "市场监管每日归集", "scjg_files", cron="0 2 * * *", from_hour=0, to_hour=6
        ),
        gather.GatherPlan(
            "market_again", "处罚信息补充", "scjg_files", tables=("penalty",), after=("market_daily",)
        ),
        gather.GatherPlan("reservoir_hourly", "水库监测", "slj_files", every=dt.timedelta(minutes=90)),
    )
    with rooms.database.connection() as connection:
        gather.declare_plans(connection, plans)
        for plan, outcome, note in (
            (plans[0], "done", "取到 2 张表，480 行；清洗通过 431 行"),
            (plans[2], "refused", "1 张表没有取到：数据库里没有表 reservoir，或者没有读它的权限"),
        ):
            number = gather.ask_by_hand(connection, plan.name, "system", now=now - dt.timedelta(hours=1))
            gather.begin_run(connection, number)
            gather.log(connection, number, "info", "开始取 2 张表")
            gather.log(connection, number, "info", "取到 240 行", "market_entity")
            run = gather.find_run(connection, number)
            gather.end_attempt(connection, plan, run, outcome, note, now)  # type: ignore[arg-type]
        gather.pause_plan(connection, "reservoir_hourly", True, "system")
