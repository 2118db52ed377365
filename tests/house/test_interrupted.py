"""A run that is interrupted tells of no failure: the time that was given it is over, nothing is known of the code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parents[1]
#: A test that is interrupted in the middle of a query, told as DuckDB tells it, and one that would come after.
TESTS = """
import signal

def test_in_a_query():
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt as heard:
        raise RuntimeError("Query interrupted") from heard

def test_after(): pass
"""


def test_an_interrupt_in_the_middle_of_a_query_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "test_long.py").write_text(TESTS)
    (tmp_path / "conftest.py").write_text((HERE / "conftest.py").read_text())
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", str(tmp_path)],
        check=False, cwd=tmp_path, capture_output=True, text=True, preexec_fn=_hears_interrupts,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert done.returncode == 2, done.stdout + done.stderr
    assert "FAILED" not in done.stdout
    assert "ERROR" not in done.stdout
    assert "KeyboardInterrupt" in done.stdout


def _hears_interrupts() -> None:
    """Whoever starts the tests in the background may have told them not to."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
