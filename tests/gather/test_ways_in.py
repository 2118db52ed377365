"""Ways in: whatever the way, a whole file becomes exactly one batch, and nothing else becomes any."""

from __future__ import annotations

import hashlib
import io
import os
import random
import time
from pathlib import Path

import openpyxl
import pytest
from tests.gather.foreign_city import City

from jutong.gather import (
    Arrival,
    append,
    batch,
    begin_arrival,
    complete,
    confirm,
    drafts,
    find_arrival,
    find_form,
    finish_sending,
    list_tokens,
    look,
    make_form,
    new_token,
    overrule,
    questions,
    received,
    revoke_token,
    rotate_token,
    send,
    sheet_row,
    source_of_token,
    take_arrivals,
    take_dropped,
    template,
    write_row,
)
from jutong.terms import BadInput, Conflict, NotFound

TEXT = "代码,名称\n001,甲\n002,乙\n".encode("gb18030")
ITEMS = ({"name": "code", "label": "代码"}, {"name": "name", "label": "名称"})


def declared(city: City, **table: object) -> str:
    city.declare(
        "file", {}, {"name": "ent", "locator": {"file": "ent"}, "items": ITEMS, "mode": "incremental",
                     "watermark_item": "_sent", "keys": ("code",), **table},
    )  # fmt: skip
    return city.name("ent")


def arrive(
    city: City,
    table: str,
    content: bytes,
    *,
    key: str | None = None,
    name: str = "企业.csv",
    **options: object,
) -> Arrival:
    with city.database.connection() as connection:
        arrival = begin_arrival(
            connection, city.home, table=table, way="push", file_name=name, key=key, **options
        )  # type: ignore[arg-type]
        if arrival.state == "arriving":
            append(
                city.home, arrival, received(city.home, arrival), [content[received(city.home, arrival) :]]
            )
            arrival = complete(connection, city.home, arrival)
    return arrival


def taken(city: City, arrival: Arrival) -> Arrival:
    (one,) = take_arrivals(city.database, city.store, city.home, ids=[arrival.id])
    return one


def test_a_whole_file_becomes_one_batch_and_the_same_key_the_same_one(city: City) -> None:
    table = declared(city)
    first = taken(city, arrive(city, table, TEXT, key="k-1"))
    assert first.state == "taken"
    assert city.rows("ent", "code, name") == [("001", "甲"), ("002", "乙")]
    again = arrive(city, table, TEXT, key="k-1")
    assert (again.id, again.state, again.batch_id) == (first.id, "taken", first.batch_id)
    assert take_arrivals(city.database, city.store, city.home, ids=[again.id]) == []
    assert city.rows("ent", "count(*)", "1") == [(2,)]
    kept = city.home / "files" / hashlib.sha256(TEXT).hexdigest()[:2] / hashlib.sha256(TEXT).hexdigest()
    assert kept.read_bytes() == TEXT


def test_a_file_that_went_with_a_purge_is_refused_when_it_is_pushed_again_and_lies_nowhere(
    city: City,
) -> None:
    table = declared(city)
    text = TEXT + "003,清除了的\n".encode("gb18030")  # what is purged here stays so for every later test
    digest = hashlib.sha256(text).hexdigest()
    first = taken(city, arrive(city, table, text, key="k-1"))
    (city.home / "files" / digest[:2] / digest).unlink()
    with city.database.connection() as connection:
        connection.execute(
            "WITH p AS (INSERT INTO purge (sought, digest, period, basis, reason, applied_by) VALUES"
            " ('x', repeat('0', 64), '2026', '法', '案', 'a') RETURNING id)"
            " INSERT INTO purge_file SELECT id, 'delivered', %s FROM p",
            (digest,),
        )
    again = taken(city, arrive(city, table, text, key="k-2"))
    assert (again.state, (again.problem or {})["code"]) == ("refused", "gather.purged_file")
    assert again.id != first.id
    assert [one for one in city.home.rglob("*") if one.is_file() and one.read_bytes() == text] == []
    assert taken(city, arrive(city, table, text + b"004,\n", key="k-3")).state == "taken"


def test_a_cut_file_is_gone_on_with_where_it_was_cut(city: City) -> None:
    table = declared(city)
    with city.database.connection() as connection:
        arrival = begin_arrival(connection, city.home, table=table, way="push", file_name="a.csv", key="cut")
    assert append(city.home, arrival, 0, [TEXT[:5], TEXT[5:9]]) == 9
    with pytest.raises(Conflict) as raised:
        append(city.home, arrival, 12, [TEXT[12:]])
    assert raised.value.code == "gather.wrong_offset"
    assert received(city.home, arrival) == 9
    append(city.home, arrival, 9, [TEXT[9:]])
    with city.database.connection() as connection:
        with pytest.raises(BadInput) as differs:
            complete(connection, city.home, arrival, sha256="0" * 64)
        assert differs.value.code == "gather.digest_differs"
        append(city.home, arrival, 0, [TEXT])
        whole = complete(connection, city.home, arrival, sha256=hashlib.sha256(TEXT).hexdigest())
        assert complete(connection, city.home, whole).state == "whole"
    assert taken(city, whole).state == "taken"


def test_too_large_is_refused_and_a_bad_file_says_where(city: City) -> None:
    table = declared(city)
    with city.database.connection() as connection:
        arrival = begin_arrival(connection, city.home, table=table, way="push", file_name="a.csv")
    with pytest.raises(BadInput) as raised:
        append(city.home, arrival, 0, [b"x" * 100], most=99)
    assert raised.value.code == "gather.too_large"
    refused = taken(city, arrive(city, table, '代码,名称\n1,"x\n'.encode()))
    assert refused.state == "refused"
    assert refused.problem
    assert (refused.problem["code"], refused.problem["row"], refused.problem["file"]) == (
        "outside.csv_quote_open", 2, "企业.csv",
    )  # fmt: skip


def test_what_is_found_is_shown_overruled_and_remembered(city: City) -> None:
    table = declared(city)
    odd = "名单,,\n代码,名称,\n001,甲,\n合计,2,\n".encode("gb18030")
    with city.database.connection() as connection:
        arrival = begin_arrival(connection, city.home, table=table, way="upload", file_name="a.csv")
        append(city.home, arrival, 0, [odd])
        arrival = complete(connection, city.home, arrival, confirm=True)
        reading = look(connection, city.home, arrival)
        assert reading.manner["header_row"] == 2
        assert reading.manner["encoding"] == "gb18030"
        assert (
            take_arrivals(city.database, city.store, city.home, ids=[arrival.id]) == []
        )  # nobody has confirmed
        arrival = overrule(connection, arrival, {"footer_rows": 0})
        arrival = confirm(connection, arrival)
    taken(city, arrival)
    assert city.rows("ent", "code") == [("001",), ("合计",)]
    with city.database.connection() as connection:  # the next file of this table is read in the same manner
        following = arrive(city, table, odd.replace("甲".encode("gb18030"), "丁".encode("gb18030")))
        assert look(connection, city.home, following).manner["footer_rows"] == 0
        changed = arrive(city, table, "代码,名称\n003,丙\n".encode())
        look(connection, city.home, changed)
        grounds = find_arrival(connection, changed.id).grounds
    assert "与上一份文件不同：编码由 gb18030 变为 utf-8" in grounds


def test_ragged_rows_of_an_incremental_table_are_set_aside_and_the_rest_is_taken(city: City) -> None:
    table = declared(city)
    one = taken(city, arrive(city, table, "代码,名称\n001,甲\n002\n003,丙\n".encode()))
    assert one.state == "taken"
    with city.database.connection() as connection:
        row = batch(connection, str(one.batch_id))
    assert row["given"] == 2
    assert [(notice["code"], notice["row"]) for notice in row["notices"]] == [("outside.csv_ragged", 3)]


def test_rows_are_counted_as_the_clerk_counts_them_whatever_was_passed_over(city: City) -> None:
    """Blank lines and rows set aside stand in the file, so the clerk counts them; nothing given is left uncounted."""
    chance = random.Random(7)
    table = declared(city)
    for turn in range(6):
        lines, truth, aside = ["名单", "代码,名称"], {}, 0
        for number in range(60):
            lines += [""] * chance.choice((0, 0, 0, 1, 2))
            if chance.random() < 0.2:
                lines.append(f"{number}")
                aside += 1
            else:
                lines.append(f"{turn}-{number},甲")
                truth[f"{turn}-{number}"] = len(lines)
        content = "\n".join([*lines, ""]).encode()
        for name in ("a.csv", "a.xlsx"):
            if name == "a.xlsx":
                book = openpyxl.Workbook()
                for place, line in enumerate(lines, start=1):
                    for column, cell in enumerate(line.split(","), start=1):
                        if cell:
                            book.worksheets[0].cell(place, column, cell)
                out = io.BytesIO()
                book.save(out)
                content = out.getvalue()
            one = taken(city, arrive(city, table, content, name=name, declared={"header_row": 2}))
            assert one.state == "taken", one.problem
            with city.database.connection() as connection:
                row = batch(connection, str(one.batch_id))
            found = [each for each in city.rows("ent", "code, _row, _batch") if each[2] == one.batch_id]
            kept = {code: sheet_row(row, number) for code, number, _ in found if code in truth}
            assert kept == truth
            assert row["given"] + row["set_aside"] == len(truth) + aside
            if name == "a.csv":
                assert row["set_aside"] == aside


def test_a_dropped_dbf_takes_the_name_of_its_encoding_along(city: City, tmp_path: Path) -> None:
    from tests.outside.hostile.others import dbf_file

    folder = tmp_path / "前置机"
    folder.mkdir()
    city.declare(
        "file", {"folder": str(folder), "drop": True},
        {"name": "ent", "locator": {"file": "ent"}, "items": ITEMS, "mode": "incremental", "watermark_item": "_sent",
         "keys": ("code",)},
    )  # fmt: skip
    # The driver byte says GBK, which these bytes could also be read as: only the companion knows.
    content = dbf_file([("CODE", "C", 6), ("NAME", "C", 20)], [[b"001", "东京".encode()]], language=0x4D)
    (folder / "企业.cpg").write_text("UTF-8\n")
    (folder / "企业.dbf").write_bytes(content)
    assert [one.state for one in take_dropped(city.database, city.store, city.home, settled=0)] == ["taken"]
    assert city.rows("ent", "code, name") == [("001", "东京")]
    assert sorted(path.name for path in (folder / "taken").iterdir()) == ["企业.cpg", "企业.dbf"]


def test_a_dropped_file_is_taken_only_when_it_is_whole(city: City, tmp_path: Path) -> None:
    folder = tmp_path / "前置机"
    folder.mkdir()
    city.declare(
        "file", {"folder": str(folder), "drop": True},
        {"name": "ent", "locator": {"file": "ent", "pattern": "企业*"}, "items": ITEMS, "mode": "incremental",
         "watermark_item": "_sent", "keys": ("code",)},
    )  # fmt: skip

    def round_of(settled: float = 0.0) -> list[str]:
        return [one.state for one in take_dropped(city.database, city.store, city.home, settled=settled)]

    (folder / "企业1.csv.part").write_bytes(TEXT)
    (folder / "别的.csv").write_bytes(TEXT)
    (folder / "企业链接.csv").symlink_to("/etc/passwd")
    assert round_of() == []
    with (folder / "企业1.csv").open("wb") as writing:
        writing.write(TEXT[:6])
        writing.flush()
        assert round_of() == []  # somebody still has it open
        writing.write(TEXT[6:])
    assert round_of(settled=60) == []  # it was written just now
    (folder / "企业1.csv.ok").write_text(hashlib.sha256(TEXT).hexdigest())
    assert round_of(settled=60) == ["taken"]
    assert sorted(path.name for path in folder.iterdir()) == [
        "taken",
        "企业1.csv.part",
        "企业链接.csv",
        "别的.csv",
    ]
    (folder / "企业2.csv").write_bytes(TEXT)
    (folder / "企业2.csv.md5").write_text("0" * 32)
    assert round_of() == []
    assert "gather.digest_differs" in (folder / "refused" / "企业2.csv.说明.txt").read_text(encoding="utf-8")
    (folder / "企业3.csv").write_bytes(b"a,b\n1,2\n3\n")
    os.utime(folder / "企业3.csv", (time.time() - 60, time.time() - 60))
    assert round_of(settled=30) == ["refused"]
    assert city.rows("ent", "count(*)", "1") == [(2,)]


def test_a_form_is_filled_in_by_hand_or_in_its_workbook(city: City, tmp_path: Path) -> None:
    items = (
        {"name": "uscc", "label": "统一社会信用代码", "element": "uscc"},
        {"name": "name", "label": "企业名称", "required": True},
        {"name": "kind", "label": "类型", "values": ["国有", "民营"]},
    )
    table = city.name("form")
    with city.database.connection() as connection:
        form = make_form(
            connection, department_code="D23", table=table, label="企业填报", items=items, keys=["uscc"]
        )
        write_row(connection, form, {"uscc": "91430500MA4L00000X", "kind": "外资"})
        asked = questions(form, [row["cells"] for row in drafts(connection, form)])
        assert [(one.row, one.item, one.rejects) for one in asked if one.item != "uscc"] == [
            (1, "name", True), (1, "kind", False),
        ]  # fmt: skip
    arrival = send(city.database, city.home, table)
    assert finish_sending(city.database, city.home) == []
    assert taken(city, arrival).state == "taken"
    with city.database.connection() as connection:
        assert drafts(connection, form) == []
    with pytest.raises(BadInput):
        send(city.database, city.home, table)
    file = tmp_path / "模板.xlsx"
    file.write_bytes(template(form))
    book = openpyxl.load_workbook(file)
    sheet = book.worksheets[0]
    assert [cell.value for cell in sheet[1]] == ["统一社会信用代码", "企业名称", "类型"]
    sheet.append(["911302007968687544", "甲公司", "民营"])
    book.save(file)
    one = taken(city, arrive(city, table, file.read_bytes(), name="模板.xlsx"))
    assert one.state == "taken", one.problem
    assert ("911302007968687544", "甲公司", "民营") in city.rows("form", "uscc, name, kind")
    with city.database.connection() as connection:
        assert find_form(connection, table).state == "open"


def test_a_token_opens_one_source_until_it_is_revoked(city: City) -> None:
    declared(city)
    with city.database.connection() as connection:
        first = new_token(connection, city.source, label="工商业务系统")
        second = new_token(connection, city.source)
        assert [source_of_token(connection, one) for one in (first, second)] == [city.source] * 2
        other, one = sorted(list_tokens(connection, city.source), key=lambda token: token.label)
        assert (one.label, one.tail, other.label) == ("工商业务系统", first[-4:], "")
        assert one.used_at is not None
        kept = connection.execute(
            "SELECT * FROM source_token WHERE source_name = %s", (city.source,)
        ).fetchall()
        assert first not in str(kept)
        revoke_token(connection, city.source, other.number)
        assert source_of_token(connection, second) is None
        for number in (other.number, "0" * 16, "%"):
            with pytest.raises(NotFound):
                revoke_token(connection, city.source, number)


def test_a_rotated_token_gives_its_program_time_to_be_given_the_new_one(city: City) -> None:
    declared(city)
    with city.database.connection() as connection:
        first = new_token(connection, city.source, label="工商业务系统")
        (one,) = list_tokens(connection, city.source)
        second = rotate_token(connection, city.source, one.number)
        assert [source_of_token(connection, each) for each in (first, second)] == [city.source] * 2
        new, old = sorted(list_tokens(connection, city.source), key=lambda token: token.ends_at is not None)
        assert (old.ends_at is not None, new.ends_at, new.label) == (True, None, "工商业务系统")
        third = rotate_token(connection, city.source, new.number, overlap=0)
        assert [source_of_token(connection, each) for each in (second, third)] == [None, city.source]
