"""What the code says, the docs say: reference pages, the schema file, the glossary, the version."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import jutong
from jutong.database.schema import SCHEMA_FILE, described

ROOT = Path(__file__).parents[2]


def test_the_reference_pages_are_what_the_code_says():
    ended = subprocess.run(
        [sys.executable, "tools/reference.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stdout == ""
    assert ended.returncode == 0


def test_an_error_code_begins_with_a_room():
    rooms = {folder.name for folder in (ROOT / "src/jutong").iterdir()} | {"settings", "cli"}
    codes = re.findall(
        r"^\| `([a-z]+)\.", (ROOT / "docs/reference/errors.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert set(codes) <= rooms


def test_the_schema_file_is_what_the_migrations_make(database):
    assert SCHEMA_FILE.read_text(encoding="utf-8") == described(database.url)


def test_the_version_is_the_newest_of_the_changelog():
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert newest is not None
    assert newest[1] == jutong.__version__
    assert f'version = "{jutong.__version__}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_the_locks_carry_hashes_and_no_index():
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert "://" not in text
        assert "--index" not in text
        assert text.count("--hash=sha256:") > text.count("==")
