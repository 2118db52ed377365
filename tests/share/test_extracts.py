"""Files: taken once, sealed, traced to their recipient from a part of their rows, and said so when they broke off."""

from __future__ import annotations

import csv
import datetime as dt
import io
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import openpyxl
import pyarrow.parquet as pq
import pytest
import pyzipper
from openpyxl.styles import Font
from tests.share_city import agree, company

from jutong.people import add_user, party_of
from jutong.share import (
    find_extract,
    fold,
    make_extract,
    meter_by,
    meter_differences,
    renew_link,
    sweep_extracts,
    take_extract,
    trace,
    who_saw,
    withdraw_extract,
)
from jutong.terms import BadInput, Conflict, Denied, NotFound

ITEMS = ("uscc", "name", "division", "capital", "staff")
NOW = dt.datetime.now(dt.UTC)
ROWS = [company(number, random.Random(number)) for number in range(400)]


@pytest.fixture(scope="module")
def grant(city, settings):
    city.merge(ROWS)
    city.folder = settings.extracts_folder
    with city.database.connection() as connection:
        add_user(connection, "other-asker", "另一人", "D25", ["consumer_officer"], password_hash="not a hash")
        city.other = party_of(connection, "other-asker")
    return agree(city, method="file", items=ITEMS).id


def make(city, grant, form="csv", party=None, **more):
    return make_extract(
        city.database, city.store, city.keys, city.folder, party or city.asker, grant, form, **more
    )


def take(city, made, party=None, **more):
    return take_extract(city.database, city.stream, city.folder, party or city.asker, made.link, **more)


def fetched(city, made, file: Path) -> Path:
    file.write_bytes(b"".join(take(city, made).blocks))
    return file


def suspects(city, file, **more):
    with city.database.connection() as connection:
        return trace(connection, city.keys, file, **more)


def named(city, file, **more):
    return [one.extract.recipient for one in suspects(city, file, **more).suspects if one.certain]


# -- taking


def test_a_link_works_once_and_then_says_what_became_of_it(city, grant):
    made = make(city, grant)
    assert len(b"".join(take(city, made).blocks)) == made.extract.bytes
    with pytest.raises(Denied, match="已全部取走") as refused:
        take(city, made)
    assert refused.value.code == "share.extract_link_used"
    with city.database.connection() as connection:
        assert find_extract(connection, made.extract.id).state == "taken"
        with pytest.raises(Conflict):
            renew_link(connection, city.asker, made.extract.id)


def test_a_link_expires_with_its_file(city, grant):
    made = make(city, grant, hours=1)
    late = NOW + dt.timedelta(hours=2)
    with pytest.raises(Denied) as refused:
        take(city, made, now=late)
    assert refused.value.code == "share.extract_link_late"
    assert made.extract.id in sweep_extracts(city.database, city.folder, now=late)
    assert not (city.folder / made.extract.id).exists()


def test_only_the_consumer_s_officer_follows_a_link(city, grant):
    made = make(city, grant)
    for party in (city.officer, city.head, city.asker_head, city.steward):
        with pytest.raises(Denied):
            take(city, made, party)
        with pytest.raises(Denied):
            make(city, grant, party=party)
    with pytest.raises(NotFound):
        take_extract(city.database, city.stream, city.folder, city.asker, "guessed")
    assert b"".join(take(city, made).blocks)


def test_what_a_file_may_not_be_is_said(city, grant):
    for wrong in ({"form": "docx"}, {"hours": 0}, {"hours": 10_000}):
        with pytest.raises(BadInput):
            make(city, grant, **wrong)
    with pytest.raises(BadInput):
        make(city, agree(city, items=ITEMS).id)  # a grant by table


def test_a_download_that_broke_off_says_so_and_counts_once(city, grant):
    made = make(city, grant)
    blocks = take(city, made).blocks
    next(blocks)
    blocks.close()
    with city.database.connection() as connection:
        broken = find_extract(connection, made.extract.id)
        assert (broken.state, broken.sent) == ("cut", 0)
    with pytest.raises(Denied, match="断在 0 /"):
        take(city, made)
    with city.database.connection() as connection:
        link = renew_link(connection, city.asker, made.extract.id)
    again = take_extract(city.database, city.stream, city.folder, city.asker, link)
    assert len(b"".join(again.blocks)) == made.extract.bytes
    city.ledger.sequence()
    fold(city.database, city.ledger)
    with city.database.connection() as connection:
        mine = meter_by(connection, ["resource", "method"], where={"resource": made.extract.id})
    assert [(one["method"], one["times"], one["records"]) for one in mine] == [("file", 1, len(ROWS))]
    assert meter_differences(city.database, city.ledger) == []


def test_who_saw_finds_a_file_only_once_it_has_left(city, grant):
    made = make(city, grant)

    def sightings():
        city.ledger.sequence()
        fold(city.database, city.ledger)
        with city.database.connection() as connection:
            return [
                one for one in who_saw(connection, city.keys, ROWS[7]["uscc"])
                if one.resource == made.extract.id
            ]  # fmt: skip

    assert sightings() == []
    with pytest.raises(Denied):
        take(city, made, city.officer)
    assert sightings() == []
    assert b"".join(take(city, made).blocks)
    assert [one.event for one in sightings()] == ["share:extract:download"]
    with city.database.connection() as connection:
        assert not [
            one for one in who_saw(connection, city.keys, "91430502MA99999999") if one.resource == made.extract.id
        ]  # fmt: skip


def test_a_file_taken_back_cannot_be_fetched(city, grant):
    made = make(city, grant)
    assert withdraw_extract(city.database, city.folder, made.extract.id, "申请有误")
    with pytest.raises(Denied):
        take(city, made)
    assert not withdraw_extract(city.database, city.folder, made.extract.id, "再次")


_TAKER = """
import os, signal, sys
from pathlib import Path
from jutong.database import open_database
from jutong.keys import SoftwareKeys
from jutong.ledger import Ledger
from jutong.people import party_of
from jutong.settings import read_settings
from jutong.share import take_extract

settings = read_settings(Path(sys.argv[1]), {}, database_url=sys.argv[2])
database = open_database(settings)
keys = SoftwareKeys.open(settings.keys_folder)
stream = Ledger.open(settings.ledger_folder, keys, origin=settings.ledger_origin).stream("taker")
with database.connection() as connection:
    party = party_of(connection, "asker")
blocks = take_extract(database, stream, settings.extracts_folder, party, sys.argv[3]).blocks
next(blocks)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
def test_whoever_is_killed_in_mid_download_leaves_the_evidence_and_a_link_that_says_so(city, grant, settings):
    made = make(city, grant)
    child = subprocess.run(
        [sys.executable, "-c", _TAKER, settings.home, settings.database_url, made.link],
        env=os.environ, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert child.returncode == -signal.SIGKILL, child.stderr
    with pytest.raises(Denied, match="尚未见完成"):
        take(city, made)
    city.ledger.sequence()
    facts = [one for _, one in city.ledger.entries() if one.resource == made.extract.id]
    assert [one.event for one in facts if one.outcome == "answered"] == ["share:extract:download"]
    sweep_extracts(city.database, city.folder, now=NOW + dt.timedelta(hours=12))
    with city.database.connection() as connection:
        assert find_extract(connection, made.extract.id).state == "cut"
        link = renew_link(connection, city.asker, made.extract.id)
    again = take_extract(city.database, city.stream, city.folder, city.asker, link)
    assert len(b"".join(again.blocks)) == made.extract.bytes


# -- what it looks like


def test_every_form_says_visibly_whose_it_is(city, grant, tmp_path):
    for form in ("csv", "excel", "parquet"):
        made = make(city, grant, form)
        file = fetched(city, made, tmp_path / form)
        traced = suspects(city, file)
        assert traced.words == made.extract.words
        assert all(one in traced.words for one in (made.extract.id, grant, "asker", "数据校核", "第25条"))


def test_csv_tells_a_missing_value_from_an_empty_one(city, grant):
    lines = b"".join(take(city, make(city, grant)).blocks).decode("utf-8-sig").split("\r\n")
    by_code = {line.split(",")[0].strip('"'): line for line in lines[2:] if line.startswith(("9", '"9'))}
    kinds = {row["name"]: by_code[row["uscc"]].split(",")[1] for row in ROWS if row["name"] in (None, "")}
    assert kinds == {None: "", "": '""'}


def test_a_sealed_file_opens_with_its_password_alone(city, grant, tmp_path):
    made = make(city, grant, sealed=True)
    assert made.password
    file = fetched(city, made, tmp_path / "sealed.zip")
    assert b"91430502MA" not in file.read_bytes()
    with pyzipper.AESZipFile(file) as archive:
        inside = archive.namelist()[0]
        assert archive.getinfo(inside).wz_aes_strength == 3  # 256 bits
        with pytest.raises(RuntimeError):
            archive.read(inside, pwd=b"wrong")
        content = archive.read(inside, pwd=made.password.encode())
    assert content.count(b"91430502MA") == len(ROWS)
    assert named(city, file, password=made.password) == ["asker"]
    with pytest.raises(BadInput, match="口令"):
        suspects(city, file)
    with city.database.connection() as connection:
        row = connection.execute("SELECT * FROM extract WHERE id = %s", [made.extract.id]).fetchone()
    assert made.password not in str(row)
    assert made.link not in str(row)


# -- tracing


@pytest.fixture(scope="module")
def crowd(city, grant):
    """Other recipients' files of the very same rows, so that there is somebody to take for the wrong one."""
    for form in ("csv", "excel", "parquet") * 3:
        make(city, grant, form, city.other)


@pytest.fixture(scope="module")
def leaked(city, grant, crowd, tmp_path_factory):
    folder = tmp_path_factory.mktemp("leaked")
    return {
        form: fetched(city, make(city, grant, form), folder / f"a.{form.replace('excel', 'xlsx')}")
        for form in ("csv", "excel", "parquet")
    }


@pytest.mark.parametrize("form", ["csv", "excel", "parquet"])
def test_a_whole_file_names_its_recipient_and_nobody_else(city, leaked, form):
    assert named(city, leaked[form]) == ["asker"]


def test_thirty_rows_copied_out_of_a_file_name_its_recipient(city, leaked, tmp_path):
    lines = leaked["csv"].read_bytes().decode("utf-8-sig").split("\r\n")
    chosen = sorted(random.Random(3).sample(range(2, len(lines) - 1), 40))
    part = tmp_path / "part.csv"
    part.write_text("\r\n".join(lines[place] for place in chosen if "\n" not in lines[place]), newline="")
    assert named(city, part) == ["asker"]


def test_rows_in_their_order_name_the_recipient_whatever_program_rewrote_them(city, leaked, tmp_path):
    book = openpyxl.load_workbook(leaked["excel"], read_only=True)
    rows = [[str(row[0])] for row in book["数据"].iter_rows(min_row=50, max_row=90, values_only=True)]
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    part = tmp_path / "codes.csv"
    part.write_text(text.getvalue())
    assert named(city, part) == ["asker"]


def test_a_csv_sorted_by_a_clerk_still_names_its_recipient(city, leaked, tmp_path):
    lines = leaked["csv"].read_bytes().decode("utf-8-sig").split("\r\n")
    rows = sorted((line for line in lines[2:] if line.count(",") == 4), key=lambda line: line.strip('"'))
    part = tmp_path / "sorted.csv"
    part.write_text("\n".join([lines[1], *rows]))
    traced = suspects(city, part)
    assert [one.extract.recipient for one in traced.suspects if one.certain] == ["asker"]
    assert traced.suspects[0].fit.agreed == traced.suspects[0].fit.forms


def test_a_sheet_sorted_in_excel_still_names_its_recipient(city, leaked, tmp_path):
    book = openpyxl.load_workbook(leaked["excel"])
    sheet = book["数据"]
    rows = sorted(
        ([(cell.value, cell.font.color.rgb if cell.font.color else None) for cell in row] for row in sheet.iter_rows(min_row=2)),
        key=lambda row: row[0][0],
    )  # fmt: skip
    to = openpyxl.Workbook()
    for row in rows:
        to.active.append([value for value, _ in row])
        for cell, (_, colour) in zip(to.active[to.active.max_row], row, strict=True):
            if isinstance(colour, str):
                cell.font = Font(color=colour)
    to.save(tmp_path / "sorted.xlsx")
    assert named(city, tmp_path / "sorted.xlsx") == ["asker"]


def test_rows_of_two_recipients_name_both(city, grant, tmp_path):
    short = agree(city, method="file", items=("uscc", "division")).id
    mine, others = tmp_path / "mine.csv", tmp_path / "others.csv"
    fetched(city, make(city, short), mine)
    made = make(city, short, "csv", city.other)
    others.write_bytes(b"".join(take(city, made, city.other).blocks))
    first, second = (file.read_bytes().decode("utf-8-sig").split("\r\n")[1:-1] for file in (mine, others))
    codes = {line.split(",")[0].strip('"') for line in first[:201]}
    rest = [line for line in second[1:] if line.split(",")[0].strip('"') not in codes]
    part = tmp_path / "both.csv"
    part.write_text("\n".join([*first[:201], *rest]))
    assert set(named(city, part)) == {"asker", "另一人"}


def test_the_same_rows_from_elsewhere_name_nobody(city, leaked, tmp_path):
    for seed in range(6):
        rows = [[row["uscc"], row["name"] or ""] for row in ROWS]
        random.Random(seed).shuffle(rows)
        text = io.StringIO()
        csv.writer(text, quoting=csv.QUOTE_ALL if seed % 2 else csv.QUOTE_MINIMAL).writerows(rows)
        (tmp_path / "own.csv").write_text(text.getvalue())
        assert named(city, tmp_path / "own.csv") == []


def test_words_anybody_may_write_prove_nothing(city, leaked, tmp_path):
    forged = tmp_path / "forged.csv"
    words = leaked["csv"].read_bytes().decode("utf-8-sig").split("\r\n")[0]
    forged.write_text(f"{words}\n统一社会信用代码\n" + "\n".join(sorted(row["uscc"] for row in ROWS)))
    traced = suspects(city, forged)
    assert "asker" in traced.words
    assert not any(one.certain for one in traced.suspects)


@pytest.mark.parametrize(
    "content", [b"", b"PAR1 torn", b"PK\x03\x04 torn", b"\xff\xfe\x00", b'"never closed']
)
def test_what_cannot_be_read_is_told_in_words(city, grant, tmp_path, content):
    file = tmp_path / "found"
    file.write_bytes(content)
    try:
        assert suspects(city, file).suspects == ()
    except BadInput as problem:
        assert problem.code == "share.extract_unreadable"


def test_types_stay_types_in_parquet(city, grant, leaked):
    schema = pq.read_schema(leaked["parquet"])
    assert [str(schema.field(name).type) for name in ("uscc", "capital", "staff")] == [
        "string", "decimal128(18, 2)", "int64",
    ]  # fmt: skip
