"""From finding an entry to the call in the ledger, by hand in a browser and with the token at the gate."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from jutong.share import fold

from .conftest import Desk, Town


@pytest.mark.slow
@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_consumer_finds_requests_is_granted_calls_and_sees_the_evidence(
    town: Town, desks: Callable[..., Desk], scripts: bool
) -> None:
    consumer = desks("consumer", scripts=scripts)
    page = consumer.page

    # The department registers an application.
    number = "A21" if scripts else "A22"
    consumer.go("/applications")
    page.get_by_label("名称").fill("技能培训平台")
    page.get_by_label("编号").fill(number)
    page.get_by_label("做什么用").fill("培训补贴发放")
    page.get_by_role("button", name="登记", exact=True).click()
    page.wait_for_url(f"**/applications/{number}")

    # An officer finds the entry by pinyin initials and asks for three items.
    page.get_by_role("searchbox").first.fill("qydj")
    page.get_by_role("searchbox").first.press("Enter")
    page.get_by_role("link", name="企业登记基本信息").first.click()
    page.get_by_role("link", name="申请共享").click()
    for label in ("企业名称", "登记状态"):
        page.get_by_label(f"要{label}").check()
    page.get_by_label("用于哪个应用").select_option(number)
    page.get_by_label("使用依据").fill("《就业促进法》第44条")
    page.get_by_label("使用场景").fill("发放培训补贴前核对培训机构登记状态")
    page.get_by_label("使用范围").fill("技能培训平台经办人员")
    page.get_by_role("button", name="提出申请").click()
    page.wait_for_url("**/cases/*")
    case = page.url.removeprefix(town.address)
    expect(page.get_by_text("申请已提出，先由本部门负责人同意")).to_be_visible()

    # His head consents, the provider's officer proposes, the provider's head agrees.
    for login, button in (
        ("consumer-head", "同意提出"),
        ("provider", "同意，提交负责人"),
        ("provider-head", "同意共享"),
    ):
        desk = desks(login, scripts=scripts)
        desk.page.locator(f'#todo a.title[href="{case}"]').click()
        desk.page.get_by_role("button", name=button).click()
        expect(desk.page.locator(".timeline")).to_contain_text(button)
        assert desk.complaints == []

    # The grant says in one sentence what was agreed.
    consumer.go(case)
    page.get_by_role("link", name=re.compile(r"^G\d{6}$")).click()
    grant = page.url.rpartition("/")[2]
    expect(page.locator("p.statement").first).to_contain_text("不得转给第三方（第25条）")

    # The token is shown once.
    consumer.go(f"/applications/{number}")
    page.get_by_role("link", name="生成新令牌").click()
    page.get_by_role("button", name="生成", exact=True).click()
    found = re.search(r"jtk_[\w-]+", page.content())
    assert found
    token = found[0]
    consumer.go(f"/applications/{number}")
    assert token not in page.content()

    # It works at the gate, within the grant and not beyond it.
    with town.rooms.store.reading() as view:
        uscc = view.rows(f"SELECT uscc FROM {view.table('standard.market_entity')} LIMIT 1")[0]["uscc"]
    town.gate.until(lambda: town.gate.call("ent_basic_query", token, uscc=uscc).status == 200)
    reply = town.gate.call("ent_basic_query", token, uscc=uscc)
    assert set(reply.rows[0]) == {"uscc", "name", "state"}
    assert town.gate.call("ent_basic_query", token, uscc=uscc, items="phone").status == 403

    # The ledger shows the call, and the receipt proves it.
    town.rooms.ledger.sequence()
    fold(town.rooms.database, town.rooms.ledger)
    consumer.go("/ledger")
    page.get_by_label("回执", exact=True).fill(reply.receipt)
    page.get_by_role("button", name="查", exact=True).click()
    expect(page.get_by_text("与您的回执一致")).to_be_visible()
    expect(page.locator("p.statement")).to_contain_text(f"「技能培训平台」依授权 {grant}")
    expect(page.locator("p.statement")).to_contain_text("企业登记基本信息 1 行、3 项")
    assert (
        page.locator(".proof .status").all_inner_texts()[:4] == ["一致"] * 4 or "不符" not in page.content()
    )
    assert consumer.complaints == []
