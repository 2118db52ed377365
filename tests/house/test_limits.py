"""Smoke alarms: lengths, doors, and names that hide what a thing does."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"
FILES = sorted(file for file in SOURCE.rglob("*.py") if "vendor" not in file.parts)
EXEMPT = tomllib.loads((Path(__file__).with_name("limits.toml")).read_text(encoding="utf-8"))
ROOMS = sorted(folder for folder in (SOURCE / "jutong").iterdir() if (folder / "__init__.py").exists())


def relative(file: Path) -> str:
    return str(file.relative_to(ROOT))


def test_no_file_is_longer_than_600_lines():
    long = {relative(f): n for f in FILES if (n := len(f.read_text(encoding="utf-8").splitlines())) > 600}
    assert {name: n for name, n in long.items() if name not in EXEMPT["files"]} == {}


def test_no_function_is_longer_than_60_lines():
    long = {}
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                name = f"{relative(file)}:{node.name}"
                if lines > 60 and name not in EXEMPT["functions"]:
                    long[name] = lines
    assert long == {}


def test_no_file_or_class_hides_behind_a_vague_name():
    vague = {"utils", "helpers", "helper", "common", "core", "base", "misc", "manager", "managers"}
    files = [relative(file) for file in FILES if file.stem in vague or file.parent.name in vague]
    classes = [
        f"{relative(file)}:{node.name}"
        for file in FILES
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
        and node.name.endswith(("Manager", "Handler", "Processor", "Helper"))
    ]
    assert files + classes == []


@pytest.mark.parametrize("room", ROOMS, ids=lambda folder: folder.name)
def test_each_room_has_one_door_that_says_what_it_is(room):
    door = ast.parse((room / "__init__.py").read_text(encoding="utf-8"))
    names = [
        target.id
        for node in door.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    ]
    assert ast.get_docstring(door)
    assert "__all__" in names


def test_rooms_use_each_other_only_through_their_doors():
    inside = []
    rooms = {room.name for room in ROOMS}
    for file in FILES:
        home = file.relative_to(SOURCE).parts
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("jutong."):
                parts = node.module.split(".")
                if parts[1] in rooms and len(parts) > 2 and (len(home) < 3 or parts[1] != home[1]):
                    inside.append(f"{relative(file)} imports {node.module}")
    # A connector is a room of its own inside ``outside``, chosen by name at run time (design §4).
    assert [line for line in inside if "imports jutong.outside." not in line] == []


def test_the_offline_verifier_imports_nothing_of_ours():
    tree = ast.parse((SOURCE / "jutong_verify.py").read_text(encoding="utf-8"))
    imported = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    imported += [
        alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    ]
    assert [name for name in imported if name.split(".")[0] == "jutong"] == []
