"""Peers in folders of their own, so that none of them touches what the product runs with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

#: Kept between runs; may be deleted at any time.
FOLDER = Path(os.environ.get("JUTONG_BENCH_PEERS", Path.home() / ".cache/jutong-bench"))


def python_with(name: str, *packages: str) -> Path | None:
    """The Python of a peer's own environment, made at first use; None where it cannot be installed."""
    folder = FOLDER / name
    python = folder / "bin/python"
    done = folder / "installed"
    wanted = "\n".join(packages)
    if done.exists() and done.read_text(encoding="utf-8") == wanted:
        return python
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=False)
    if made.returncode or _quiet([python, "-m", "pip", "install", "-q", *packages]):
        return None
    done.write_text(wanted, encoding="utf-8")
    return python


def node_with(name: str, *packages: str) -> Path | None:
    """A folder with these npm packages under ``node_modules``; None where they cannot be installed."""
    folder = FOLDER / name
    done = folder / "installed"
    wanted = "\n".join(packages)
    if done.exists() and done.read_text(encoding="utf-8") == wanted:
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    if _quiet(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", folder, *packages]):
        return None
    done.write_text(wanted, encoding="utf-8")
    return folder


def _quiet(command: list[str | Path]) -> int:
    try:
        said = subprocess.run(command, check=False, capture_output=True, text=True)
    except FileNotFoundError:
        return 1
    if said.returncode:
        print(said.stderr[-500:], file=sys.stderr)
    return said.returncode
