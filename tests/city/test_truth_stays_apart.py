"""The pipeline never reads the truth: whoever names it is evaluation, the city itself, or a command."""

from __future__ import annotations

import re
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "jutong"
MAY = ("city/", "cli/", "settings.py", "fuse/evaluating.py", "fuse/__init__.py")


def test_nothing_in_the_pipeline_opens_the_truth():
    reading = re.compile(r"truth_folder|city\.truth|[\"'/]truth[\"'/]|entities\.parquet|errors\.parquet")
    found = [
        str(file.relative_to(SOURCE))
        for file in sorted(SOURCE.rglob("*.py"))
        if reading.search(file.read_text(encoding="utf-8"))
    ]
    assert [name for name in found if not name.startswith(MAY)] == []


def test_the_evaluation_of_fusing_is_called_by_commands_only():
    calling = re.compile(r"fuse\.evaluate\(|import .*\bevaluate\b")
    found = [
        str(file.relative_to(SOURCE))
        for file in sorted(SOURCE.rglob("*.py"))
        if calling.search(file.read_text(encoding="utf-8"))
    ]
    assert [name for name in found if not name.startswith(("cli/", "city/", "fuse/__init__.py"))] == []
