"""整改 in Chromium: an officer sees the wrong rows, takes them home, mends them, and the case closes by itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

from .conftest import Desk, Town


def rate(desk: Desk) -> float:
    """无问题率 of the newest batch on the table's page."""
    cell = desk.go("/standards/penalty").locator("section").last.locator("tbody tr").first.locator("td").last
    return float(cell.inner_text().rstrip("%"))


@pytest.mark.slow
def test_wrong_rows_are_seen_taken_home_mended_and_closed(
    town: Town, desks: Callable[..., Desk], tmp_path: Path
) -> None:
    rooms = town.rooms
    with rooms.database.connection() as connection:
        row = connection.execute("SELECT id FROM batch WHERE source_table = 'penalty'").fetchone()
        assert row
    steward = desks("steward")
    steward.go("/standards/penalty").get_by_role("button", name="发回整改").click()
    steward.page.wait_for_url("**/cases/*")
    case = int(steward.page.url.rpartition("/")[2])
    officer = desks("provider")
    before = rate(officer)

    page = officer.go("/cases")
    page.locator(f"a[href='/cases/{case}']").first.click()
    page.wait_for_url(f"**/cases/{case}")
    assert "整改中" in page.inner_text("main")

    page = officer.go(f"/batches/{row['id']}")
    assert "五万" in page.inner_text("main")
    with page.expect_download() as downloaded:
        page.locator("a[href$='issues.xlsx']").first.click()
    downloaded.value.save_as(tmp_path / "issues.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "issues.xlsx")["问题数据"]
    marked = [cell for line in sheet.iter_rows(min_row=2) for cell in line if cell.comment]
    assert "五万" in [cell.value for cell in marked]

    file = rooms.settings.home / "outside" / "scjg" / "penalty.csv"
    lines = file.read_text(encoding="utf-8").replace("五万", "5").splitlines()
    mended = tmp_path / "penalty.csv"
    mended.write_text("\n".join(re.sub("O", "0", line) for line in lines) + "\n", encoding="utf-8")
    page = officer.go("/arrivals?table=penalty")
    page.locator("input[type=file]").set_input_files(mended)
    page.locator("main form:has(input[type=file]) button").click()
    page.wait_for_url("**/arrivals/*")
    page.locator("main form[action$='/take'] button").click()
    page.wait_for_url("**/batches/*")

    assert "已改好" in officer.go(f"/cases/{case}").inner_text("main")
    assert rate(officer) > before
    assert officer.complaints == []
