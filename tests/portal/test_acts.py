"""Acts on things of others: a stranger is refused, whatever he writes into the form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jutong.portal.pages import ACTS
from jutong.portal.routes import Act
from jutong.portal.visits import Rooms

from .conftest import Browser
from .test_every_page import sample

pytestmark = pytest.mark.usefixtures("registers")

#: What a person does to himself, open to all.
OWN = {"/sign-in", "/session", "/sign-out", "/look", "/me/password", "/me/factor", "/notices/read"}
#: Anybody with a desk may raise these for his own department.
#: and everybody may check the ledger.
ANY_DESK = {
    "/ledger/check",
    "/metering/recount",
    "/lists/demand",
    "/objections",
    "/cloud",
    "/requests",
    "/applications",
    "/front-machines",
    "/persons",
    "/persons/{entity}",
    "/services/{name}/console",
}

FORMS: dict[str, dict[str, Any]] = {
    "/sources/{name}/test": {},
    "/sources/{name}/tokens": {"label": "外人的程序"},
    "/sources/{name}/tokens/{number}/rotate": {},
    "/sources/{name}/tokens/{number}/revoke": {},
    "/standards/{table}/send-back": {},
    "/standards/{table}/edit": {"rule_code": "own.x", "rule_items": "name", "rule_says": "name = ''"},
    "/standards/{table}/edit/file": {"text": "keys: [name]"},
    "/standards/{table}/drafts/{draft_id:int}": {"do": "adopt"},
    "/standards/{table}/again": {},
    "/standards/{table}/history": {"version": "1"},
    "/rule-sets": {"text": "{{name: own, label: 自己的, rules: []}}"},
    "/rule-sets/{name}/look": {"keep": []},
    "/rule-sets/{name}": {"text": "{{name: credit_penalty, label: 空的, rules: []}}"},
    "/rule-sets/{name}/use": {"table": "penalty", "items": "cf_wsh=doc_no"},
    "/lists/demand": {"name": "户籍核验", "basis": "《就业促进法》第17条"},
    "/objections": {"entry": "{entry}", "wrong": "登记状态不是存续，已于去年注销"},
    "/cases/{case_id:int}/moves": {"move": "approve", "note": "同意，按申请范围提供"},
    "/cases/{case_id:int}/extension": {"days": "3", "reason": "年末系统停机，无法按期提供数据"},
    "/requests": {
        "entry": "{entry}", "application": "A03", "basis": "《就业促进法》第17条", "scene": "核对单位登记状态",
        "scope": "经办人员", "purpose": "行政依据", "method": "api", "items": ["uscc"], "until": "2027-12-31",
        "promise": "1",
    },
    "/grants/{grant_id}": {"move": "suspend", "reason": "超出申请的使用范围，暂停待整改"},
    "/services": {"name": "stolen_query", "entry": "{entry}", "keys": "uscc"},
    "/services/{name}": {"move": "stop"},
    "/extracts": {"grant": "G000001", "form": "csv"},
    "/extracts/trace": {"password": ""},
    "/extracts/{extract_id}": {"move": "withdraw"},
    "/services/new": {"entry": "{entry}", "keys": "uscc", "name": "stolen_draft"},
    "/services/select": {
        "entry": "{entry}", "keys": "uscc", "name": "stolen_query", "sql": "SELECT uscc FROM market_entity",
    },
    "/services/{name}/moves": {"move": "stop"},
    "/services/{name}/end": {"last_day": "2099-12-31"},
    "/deliveries/{name}": {"state": "paused"},
    "/deliveries/new": {"grant": "G000001", "dbname": "x", "host": "far", "table": "t", "name": "stolen"},
    "/deliveries/{name}/check": {},
    "/deliveries/{name}/reconcile": {"do": "mend"},
    "/deliveries/{name}/schedule": {"every": "1"},
    "/ledger/receipt": {"receipt": "jt1~AAAA"},
    "/ledger/check": {},
    "/metering/recount": {},
    "/seen": {"subject": "91430502MA00000001", "ground": "想知道而已"},
    "/applications": {"name": "外人的应用"},
    "/applications/{application_id}/token": {},
    "/applications/{application_id}/token/revoke": {},
    "/applications/{application_id}/keys": {"key_id": "A03-k1", "algorithm": "hmac-sha256"},
    "/applications/{application_id}/keys/drop": {"key_id": "A03-k1"},
    "/applications/{application_id}/scope": {"networks": "10.0.0.0/8"},
    "/services/{name}/console": {"token": "jtk_" + "x" * 43 + "_00000000"},
    "/applications/{application_id}": {"state": "suspended"},
    "/campaign/tasks/{task_id:int}": {"state": "done", "progress": "100", "note": "已经办完了，请验收"},
    "/projects/{code}/{no:int}": {"state": "done"},
    "/cloud": {"cores": "8", "purpose": "试一试"},
    "/cloud/{allocation_id:int}": {"move": "allocate"},
    "/housekeeping/{task}": {"do": "pause"},
    "/backups": {"folder": "/tmp/backups-of-a-stranger"},
    "/retention/rules": {"about": "raw", "archive_days": "1", "basis": "想清就清"},
    "/retention/rules/{rule_id:int}": {},
    "/retention/holds": {"what": "全部", "case": "想冻就冻"},
    "/retention/holds/{hold_id:int}": {"reason": "想解就解"},
    "/retention/parts/{part_id:int}": {"reason": "想毁就毁"},
    "/purges": {"what": "91430502MA4L000115", "basis": "想清就清", "reason": "没有"},
    "/purges/{purge_id:int}/confirm": {},
    "/purges/{purge_id:int}/refuse": {"why": "不想清"},
    "/plans": {"name": "intruding", "source": "scjg_files", "label": "外人的计划"},
    "/plans/{name}/edit": {"label": "外人改的"},
    "/plans/{name}": {"do": "run"},
    "/arrivals": {"table": "sole_trader"},
    "/arrivals/{arrival_id}/read": {"encoding": "big5"},
    "/arrivals/{arrival_id}/take": {},
    "/arrivals/{arrival_id}/withdraw": {},
    "/forms": {"entry": "{entry}"},
    "/forms/{table}/rows": {"c0": "1"},
    "/forms/{table}/rows/{row:int}/drop": {},
    "/forms/{table}/send": {},
    "/forms/{table}/upload": {},
    "/front-machines": {"purpose": "放业务库", "contact": "外人 5081234", "zone": "政务外网"},
    "/persons": {"subject": "430502198804170021", "ground": "就业补贴复核"},
    "/persons/{entity}": {"ground": "就业补贴复核"},
    "/registers/review/{case_id:int}": {"verdict": "join", "note": "看着像"},
    "/people/{code}": {"login": "intruder", "name": "外人"},
    "/people/accounts/{user_id:int}": {"move": "disable"},
}  # fmt: skip


def test_every_act_is_tried() -> None:
    assert {act.path for act in ACTS} == OWN | set(FORMS)


def filled(rooms: Rooms, path: str) -> dict[str, Any]:
    entry = sample(rooms, "/catalogue/{entry_id}").rpartition("/")[2]
    return {
        name: value.format(entry=entry) if isinstance(value, str) else value
        for name, value in FORMS[path].items()
    }


def counted(rooms: Rooms) -> dict[str, Any]:
    """What an act could have changed."""
    tables = (
        "case_file", "case_move", "request", "share_grant", "service", "application",
        "cloud_allocation", "app_user", "user_role", "task_report", "demand", "arrival", "form",
        "form_row", "front_machine", "delivery", "retention_rule", "legal_hold", "purge",
        "backup_plan", "standard_draft", "standard_version", "source_token", "rule_set", "gather_plan",
    )  # fmt: skip
    with rooms.database.connection() as connection:
        sums = {
            table: connection.execute(f"SELECT count(*) AS n FROM {table}").fetchone()["n"]  # type: ignore[index]
            for table in tables
        }
        states = connection.execute(
            "SELECT (SELECT string_agg(state, ',' ORDER BY id) FROM share_grant) AS grants,"
            " (SELECT string_agg(state, ',' ORDER BY name) FROM service) AS services,"
            " (SELECT string_agg(coalesce(token_hash::text, '') || state, ',' ORDER BY id) FROM application) AS apps,"
            " (SELECT string_agg(state, ',' ORDER BY id) FROM task) AS tasks,"
            " (SELECT string_agg(state, ',' ORDER BY id) FROM app_user) AS users,"
            " (SELECT string_agg(state, ',' ORDER BY project_code, no) FROM milestone) AS milestones,"
            " (SELECT string_agg(state, ',' ORDER BY id) FROM cloud_allocation) AS cloud,"
            " (SELECT string_agg(paused::text, ',' ORDER BY task) FROM housekeeping) AS house,"
            " (SELECT count(*) FROM gather_run) AS runs"
        ).fetchone()
    return {**sums, **(states or {})}


@pytest.mark.parametrize(
    "act", [act for act in ACTS if act.path not in OWN | ANY_DESK], ids=lambda act: act.path
)
def test_a_stranger_changes_nothing(act: Act, rooms: Rooms, signed_in: Callable[[str], Browser]) -> None:
    before = counted(rooms)
    browser = signed_in("stranger")
    answer = browser.post(sample(rooms, act.path), **filled(rooms, act.path))
    assert answer.status_code in (403, 404, 422), (
        f"{act.path}: {answer.status_code} {answer.headers.get('location')}"
    )
    if act.path != "/ledger/receipt":
        assert answer.status_code in (403, 404), answer.text[-2000:]
    assert counted(rooms) == before


def test_nobody_asks_in_the_name_of_another_department(
    rooms: Rooms, signed_in: Callable[[str], Browser]
) -> None:
    """The application belongs to 市人社局; an officer elsewhere cannot use its name."""
    before = counted(rooms)
    answer = signed_in("provider").post("/requests", **filled(rooms, "/requests"))
    assert answer.status_code in (403, 404, 422)
    assert counted(rooms) == before


@pytest.mark.parametrize("login", ["auditor", "security", "system"])
def test_administrators_do_not_touch_the_business(
    login: str, rooms: Rooms, signed_in: Callable[[str], Browser]
) -> None:
    before = counted(rooms)
    for path in ("/grants/{grant_id}", "/services", "/cases/{case_id:int}/moves", "/requests"):
        answer = signed_in(login).post(sample(rooms, path), **filled(rooms, path))
        assert answer.status_code in (403, 404, 409), (path, answer.status_code)
    assert counted(rooms) == before


def test_the_security_administrator_makes_no_accounts_and_the_system_administrator_no_roles(
    rooms: Rooms, signed_in: Callable[[str], Browser]
) -> None:
    assert signed_in("security").post("/people/D03", login="newcomer", name="新人").status_code == 403
    user = sample(rooms, "/people/accounts/{user_id:int}")
    assert signed_in("system").post(user, move="grant", role="steward").status_code == 403
    assert signed_in("auditor").post(user, move="disable").status_code == 403
