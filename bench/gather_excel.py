"""Seconds to read a workbook of a million rows: every cell to text, dates, rounded codes and merged cells seen.

Read in a child process whose peak memory is its own.  The limit is inflating the same parts and nothing else; the
peer is python-calamine handing over the same cells as Python values.
"""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.measure import Result

_TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="xml" ContentType="application/xml"/>'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/xl/workbook.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>'
)
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_RELATIONS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{}</Relationships>'
)
_HEADER = (
    "统一社会信用代码",
    "名称",
    "注册号",
    "资本",
    "成立日期",
    "状态",
    "电话",
    "地址",
    "行政区划",
    "备注",
)


def run(rows: int) -> Result:
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="jutong-bench-") as folder:
        file = Path(folder) / "企业.xlsx"
        write(file, rows)
        ours = _in_child("jutong", file)
        limit = _in_child("inflate", file)
        peer = _in_child("calamine", file)
    assert ours["rows"] == rows, ours
    return Result(
        name="gather_excel",
        rows=rows,
        value=ours["seconds"],
        unit="s",
        seconds=time.perf_counter() - began,
        limit=("inflating the same parts", limit["seconds"]),
        peers={"calamine": peer["seconds"]},
        extra={"peak_rss_mb": ours["peak_rss_mb"], "calamine_peak_rss_mb": peer["peak_rss_mb"]},
    )


def write(file: Path, rows: int) -> None:
    """A workbook as Excel writes it, shared texts and all, made fast."""
    chance = random.Random(5)
    texts: list[str] = [*_HEADER, "存续", "无"]
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as book:
        book.writestr("[Content_Types].xml", _TYPES)
        book.writestr("_rels/.rels", _RELATIONS.format(
            f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/>'))  # fmt: skip
        book.writestr("xl/workbook.xml", f'<workbook {_MAIN} xmlns:r="{_OFFICE}"><sheets>'
                      '<sheet name="企业" sheetId="1" r:id="rId1"/></sheets></workbook>')  # fmt: skip
        book.writestr("xl/_rels/workbook.xml.rels", _RELATIONS.format(
            f'<Relationship Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
            f'<Relationship Id="rId2" Type="{_OFFICE}/sharedStrings" Target="sharedStrings.xml"/>'))  # fmt: skip
        book.writestr(
            "xl/styles.xml",
            f'<styleSheet {_MAIN}><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>',
        )
        with book.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as sheet:
            sheet.write(f"<worksheet {_MAIN}><sheetData>".encode())
            sheet.write(
                _row(1, [f'<c r="{chr(65 + place)}1" t="s"><v>{place}</v></c>' for place in range(10)])
            )
            for first in range(2, rows + 2, 5_000):
                sheet.write(b"".join(
                    _data_row(number, texts, chance) for number in range(first, min(first + 5_000, rows + 2))
                ))  # fmt: skip
            sheet.write(b"</sheetData></worksheet>")
        with book.open("xl/sharedStrings.xml", "w", force_zip64=True) as shared:
            shared.write(f"<sst {_MAIN}>".encode())
            for first in range(0, len(texts), 50_000):
                shared.write(
                    "".join(f"<si><t>{text}</t></si>" for text in texts[first : first + 50_000]).encode()
                )
            shared.write(b"</sst>")


def _row(number: int, cells: list[str]) -> bytes:
    return f'<row r="{number}">{"".join(cells)}</row>'.encode()


def _data_row(number: int, texts: list[str], chance: random.Random) -> bytes:
    base = len(texts)
    texts += (
        f"9143050{number:010d}X",
        f"邵阳市某某{number}有限公司",
        f"{number:015d}",
        f"138{number:08d}",
        f"大祥区{number}号",
    )
    shared = {"A": base, "B": base + 1, "C": base + 2, "F": 10, "G": base + 3, "H": base + 4, "J": 11}
    cells = [f'<c r="{column}{number}" t="s"><v>{place}</v></c>' for column, place in shared.items()]
    cells[3:3] = [f'<c r="D{number}"><v>{chance.random() * 1e6}</v></c>',
                  f'<c r="E{number}" s="1"><v>{40000 + number % 5000}</v></c>']  # fmt: skip
    cells[8:8] = [f'<c r="I{number}"><v>430502</v></c>']
    return _row(number, cells)


def _in_child(what: str, file: Path) -> dict[str, Any]:
    said = subprocess.run(
        [sys.executable, "-m", "bench.gather_excel", what, str(file)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found: dict[str, Any] = json.loads(said)
    return found


def _jutong(file: Path) -> int:
    from jutong.outside.excel import read_workbook

    return sum(batch.num_rows for batch in read_workbook(file, file.name, {}).batches)


def _inflate(file: Path) -> int:
    with zipfile.ZipFile(file) as book:
        for part in ("xl/sharedStrings.xml", "xl/worksheets/sheet1.xml"):
            with book.open(part) as xml:
                while xml.read(1 << 20):
                    pass
    return 0


def _calamine(file: Path) -> int:
    import python_calamine

    sheet = python_calamine.CalamineWorkbook.from_path(str(file)).get_sheet_by_index(0)
    return sum(1 for _ in sheet.iter_rows()) - 1


_READERS: dict[str, Callable[[Path], int]] = {"jutong": _jutong, "inflate": _inflate, "calamine": _calamine}

if __name__ == "__main__":
    started = time.perf_counter()
    counted = _READERS[sys.argv[1]](Path(sys.argv[2]))
    taken = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps({"rows": counted, "seconds": taken, "peak_rss_mb": peak}))
