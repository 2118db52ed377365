"""A clerk downloads a template, fills it in with five mistakes, reads the five sentences, mends them, is done."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import openpyxl
from playwright.sync_api import expect
from tests.portal.seed import uscc

from .conftest import Desk, Town

GOOD = [
    [uscc(700), "邵阳双清白露茶业有限公司", "周明远", "50.00", "2020-03-01", "430502"],
    [uscc(701), "邵阳大祥青峦物流有限公司", "陈望舒", "80.00", "2021-04-02", "430503"],
    [uscc(702), "邵阳北塔玉笥商贸有限公司", "何青山", "30.00", "2019-05-03", "430511"],
]
#: (row, column, what is wrong with it)
MISTAKES = ((0, 0, "91430502MA4070"), (0, 4, "2020-02-30"), (1, 1, ""), (1, 3, "八十万"), (2, 5, "999999"))


def fill(template: Path, rows: list[list[str]]) -> None:
    book = openpyxl.load_workbook(template)
    sheet = book.worksheets[0]
    sheet.delete_rows(2, sheet.max_row)
    for row in rows:
        sheet.append(row)
    book.save(template)


def test_a_clerk_fills_in_the_template_reads_five_sentences_and_mends_them(
    town: Town, desks: Callable[..., Desk], tmp_path: Path
) -> None:
    clerk = desks("provider")
    page = clerk.page
    clerk.go("/forms")
    page.get_by_role("link", name="市场主体补报").click()
    with page.expect_download() as downloading:
        page.get_by_role("link", name="下载 Excel 模板").click()
    template = tmp_path / "模板.xlsx"
    downloading.value.save_as(template)

    wrong = [list(row) for row in GOOD]
    for row, column, value in MISTAKES:
        wrong[row][column] = value
    fill(template, wrong)
    page.get_by_label("填好的工作簿").set_input_files(template)
    page.get_by_role("button", name="上传并核对").click()
    page.wait_for_url("**/batches/*")
    rows = page.locator("#rows tbody tr")
    expect(rows).to_have_count(3)
    sentences = [
        said for row in rows.locator("td.say").all() for said in row.inner_text().splitlines() if said.strip()
    ]
    assert len(sentences) == 5, sentences
    for word in ("统一社会信用代码", "企业名称", "注册资本", "成立日期", "行政区划"):
        assert any(word in said for said in sentences), (word, sentences)
    assert [int(row.locator("td.num").first.inner_text()) for row in rows.all()] == [2, 3, 4]
    with page.expect_download() as downloading:
        page.get_by_role("link", name="批次日志").click()
    log = tmp_path / "日志.xlsx"
    downloading.value.save_as(log)
    assert openpyxl.load_workbook(log).sheetnames[0] == "批次日志"

    clerk.go("/forms/form_market")
    fill(template, GOOD)
    page.get_by_label("填好的工作簿").set_input_files(template)
    page.get_by_role("button", name="上传并核对").click()
    page.wait_for_url("**/batches/*")
    expect(page.get_by_text("这一批没有问题行")).to_be_visible()
    with town.rooms.store.reading() as view:
        found = view.rows(f"SELECT uscc FROM {view.table('standard.form_market')} ORDER BY uscc")
    assert {row["uscc"] for row in found} >= {row[0] for row in GOOD}
    assert clerk.complaints == []


def test_a_file_is_looked_at_read_otherwise_and_taken(
    town: Town, desks: Callable[..., Desk], tmp_path: Path
) -> None:
    clerk = desks("provider")
    page = clerk.page
    file = tmp_path / "名单.csv"
    file.write_bytes("名单,,\n代码,名称,区\n0201,甲,东\n0202,乙,西\n合计,2,\n".encode("gb18030"))
    clerk.go("/arrivals?table=sole_trader")
    page.get_by_label("文件", exact=True).set_input_files(file)
    page.get_by_role("button", name="上传并看一看").click()
    page.wait_for_url("**/arrivals/*")
    expect(page.get_by_text("GB18030", exact=True).first).to_be_visible()
    expect(page.get_by_text("最后 1 行是合计或说明，不作数据")).to_be_visible()
    page.get_by_label("表尾不作数据的行数").fill("0")
    page.get_by_role("button", name="按这样再看").click()
    expect(page.get_by_role("cell", name="合计")).to_be_visible()
    page.get_by_label("表尾不作数据的行数").fill("1")
    page.get_by_role("button", name="按这样再看").click()
    page.get_by_role("button", name="就这样收下").click()
    page.wait_for_url(re.compile(r"/batches/|/arrivals/"))
    with town.rooms.store.reading() as view:
        rows = view.rows(f"SELECT * FROM {view.table('raw.sole_trader')}")
    assert [row["代码"] for row in rows] == ["0201", "0202"]
    assert clerk.complaints == []
