"""Every page, every act, every visitor: who may, who may not, and that nothing breaks."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from jutong.portal.pages import PAGES
from jutong.portal.routes import ANYONE, Page
from jutong.portal.visits import Rooms
from jutong.terms import NotFound

from .conftest import Browser
from .seed import CAST

ENTITIES = {
    "/companies/": "legal_entity", "/persons/": "person", "/licences/": "licence", "/credit/": "credit",
}  # fmt: skip


def entity(rooms: Rooms, register: str) -> str:
    """One of a register's, or an id nobody bears where the register is not there."""
    try:
        with rooms.store.reading() as view:
            table = view.table(f"base.{register}")
            return str(view.rows(f"SELECT entity FROM {table} ORDER BY sources DESC LIMIT 1")[0]["entity"])
    except NotFound:
        return "XX0000000000000000"


def sample(rooms: Rooms, path: str) -> str:
    """A path with its parameters filled in by things of the small city."""
    with rooms.database.connection() as connection:

        def one(query: str) -> object:
            row = connection.execute(query).fetchone()  # type: ignore[arg-type]
            assert row is not None, query
            return next(iter(row.values()))

        values = {
            "/cases/": {
                "case_id": "SELECT id FROM case_file WHERE kind = 'share_request' ORDER BY id LIMIT 1"
            },
            "/catalogue/": {"entry_id": "SELECT id FROM entry WHERE name = '企业登记基本信息'"},
            "/batches/": {"batch_id": "SELECT id FROM batch WHERE source_table = 'market_entity'"},
            "/sources/{name}/tokens/": {
                "name": "SELECT 'scjg_hand'",
                "number": "SELECT left(token_hash, 16) FROM source_token WHERE source_name = 'scjg_hand'",
            },
            "/sources/": {"name": "SELECT 'scjg_files'"},
            "/plans/runs/": {"run": "SELECT 1"},
            "/plans/": {"name": "SELECT 'market_daily'"},
            "/arrivals/": {"arrival_id": "SELECT id FROM arrival WHERE state = 'looking'"},
            "/forms/": {"table": "SELECT source_table FROM form", "row": "SELECT id FROM form_row"},
            "/services/": {"name": "SELECT 'ent_basic_query'"},
            "/grants/": {"grant_id": "SELECT id FROM share_grant LIMIT 1"},
            "/applications/": {"application_id": "SELECT 'A03'"},
            "/people/accounts": {"user_id": "SELECT id FROM app_user WHERE login = 'consumer'"},
            "/people/": {"code": "SELECT 'D03'"},
            "/campaign/": {"task_id": "SELECT id FROM task LIMIT 1"},
            "/ledger/": {"index": "SELECT 3"},
            "/standards/": {"table": "SELECT 'market_entity'", "draft_id": "SELECT id FROM standard_draft"},
            "/rule-sets/": {"name": "SELECT 'credit_penalty'"},
            "/elements/": {"name": "SELECT 'uscc'"},
            "/housekeeping/": {"task": "SELECT 'clean'"},
            "/retention/": {"rule_id": "SELECT 1", "hold_id": "SELECT 1", "part_id": "SELECT 1"},
            "/purges/": {"purge_id": "SELECT 1"},
            "/storage/": {"name": "SELECT 'standard.market_entity'"},
            "/lists/": {"name": "SELECT 'supply'"},
            "/figures/": {"name": "SELECT 'entries'"},
            "/indicators/": {"code": "SELECT 'cloud_sme'"},
            "/projects/": {"code": "SELECT 'IDC'", "no": "SELECT 4"},
            "/cloud/": {"allocation_id": "SELECT id FROM cloud_allocation WHERE state = 'applied'"},
            "/deliveries/": {"name": "SELECT 'none'"},
            "/extracts/": {"extract_id": "SELECT min(id) FROM extract", "token": "SELECT 'none'"},
            "/registers/review/": {
                "case_id": "SELECT coalesce(max(id), 0) FROM case_file WHERE kind = 'merge_review'"
            },
            "/registers/": {"name": "SELECT 'legal_entity'"},
            "/models/": {"name": "SELECT 'entities_by_county'"},
        }
        if path.endswith("/{entity}"):
            folder = path.removesuffix("{entity}")
            return folder + entity(rooms, ENTITIES[folder])
        given = next((found for prefix, found in values.items() if path.startswith(prefix)), {})
        return re.sub(r"{(\w+)(:\w+)?}", lambda found: str(one(given[found[1]])), path)


pytestmark = pytest.mark.usefixtures("registers")
QUERIES = {"/requests/new": "?entry={entry}", "/objections/new": "?entry={entry}"}


def address(rooms: Rooms, page: Page) -> str:
    path = sample(rooms, page.path)
    if page.path in QUERIES:
        entry = sample(rooms, "/catalogue/{entry_id}").rpartition("/")[2]
        path += QUERIES[page.path].format(entry=entry)
    return path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
def test_a_page_is_shown_or_refused_with_a_reason_and_never_breaks(
    page: Page, rooms: Rooms, visitor: Browser, signed_in: Callable[[str], Browser]
) -> None:
    path = address(rooms, page)
    anonymous = visitor.get(path, follow_redirects=False)
    if page.may == ANYONE:
        assert anonymous.status_code == 200, anonymous.text
    else:
        assert anonymous.status_code == 303
        assert anonymous.headers["location"].startswith("/sign-in")
    shown = 0
    for login in CAST:
        answer = signed_in(login).get(path, follow_redirects=False)
        assert answer.status_code in (200, 303, 403, 404), (
            f"{login} {path}: {answer.status_code} {answer.text[-3000:]}"
        )
        shown += answer.status_code in (200, 303)
    assert shown or page.path in ("/deliveries/{name}", "/extracts/link/{token}"), f"nobody may see {path}"
