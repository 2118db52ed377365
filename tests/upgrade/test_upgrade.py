"""A data folder of every landed version opens with today's code and says the same as on its last day.

The archives are made by ``tools/freeze_version.py``, once per release.
"""

from __future__ import annotations

import json
import os
import sys
import tarfile
from pathlib import Path

import jutong
from jutong.database.schema import SCHEMA_FILE, described
from jutong.flows import restore
from jutong.ledger import check_heads
from jutong.settings import read_settings
from jutong.wiring import open_platform

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def archives() -> list[Path]:
    return sorted(HERE.glob("*.tar.gz"))


def test_every_landed_version_is_kept_with_what_it_said():
    for archive in archives():
        assert archive.with_name(f"{archive.name.removesuffix('.tar.gz')}.json").exists()
        assert archive.stat().st_size < 1_000_000
    if os.environ.get("JUTONG_REQUIRE_FROZEN") == "1":
        assert (HERE / f"{jutong.__version__}.tar.gz").exists(), "run tools/freeze_version.py before landing"


def test_every_landed_versions_city_opens_with_today_s_code_and_says_the_same(tmp_path):
    for archive in archives():
        _upgraded(archive, tmp_path / archive.name)


def test_what_is_frozen_now_would_open(tmp_path):
    """The tool itself, so that it works on the day it is needed."""
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        import freeze_version
    finally:
        sys.path.remove(str(ROOT / "tools"))
    assert freeze_version.freeze(tmp_path) == 0
    assert freeze_version.freeze(tmp_path) == 1
    _upgraded(tmp_path / f"{jutong.__version__}.tar.gz", tmp_path / "again")


def _upgraded(archive: Path, scratch: Path) -> None:
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        from freeze_version import what_stands
    finally:
        sys.path.remove(str(ROOT / "tools"))
    with tarfile.open(archive) as packed:
        packed.extractall(scratch, filter="data")
    said = json.loads(
        archive.with_name(f"{archive.name.removesuffix('.tar.gz')}.json").read_text(encoding="utf-8")
    )
    settings = read_settings(scratch / "city", {})
    restore(scratch / "backup", settings)
    with open_platform(read_settings(scratch / "city", {})) as platform:
        told = what_stands(platform)
        for part, values in said.items():
            found = told[part]
            # Later versions may say more, never something else.
            assert (
                {name: found.get(name) for name in values} if isinstance(values, dict) else found
            ) == values, f"{archive.name}: {part}"
        assert described(platform.database.url) == SCHEMA_FILE.read_text(encoding="utf-8")
        report = platform.ledger.verify()
        with platform.database.connection() as connection:
            report.add(check_heads(connection, platform.ledger))
        assert report.problems == []
        assert platform.store.doctor() == []
