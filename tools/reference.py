"""Writes docs/reference from the code, so that the pages cannot drift: error codes and settings.

``python tools/reference.py`` writes; ``--check`` only compares (tests/house does).
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
CODE = re.compile(r"[a-z]+\.[a-z][a-z0-9_]+")
RAISERS = {
    "BadInput", "NotFound", "Unauthenticated", "Denied", "Conflict", "Unavailable", "Broken", "Refused", "JutongError",
}  # fmt: skip


def error_codes() -> dict[str, tuple[str, str]]:
    """Code → (kind, sentence as far as it is constant)."""
    found: dict[str, tuple[str, str]] = {}
    nodes = [
        node
        for file in sorted((ROOT / "src" / "jutong").rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call | ast.ClassDef)
    ]
    raisers = RAISERS | {
        node.name
        for node in nodes
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base) in RAISERS for base in node.bases)
    }
    for node in nodes:
        if isinstance(node, ast.Call) and len(node.args) >= 2:
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            code = node.args[0]
            if name in raisers and isinstance(code, ast.Constant) and CODE.fullmatch(str(code.value)):
                found.setdefault(str(code.value), (name, _sentence(node.args[1])))
    return found


def _sentence(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
    return "…"


def errors_page() -> str:
    rows = [
        f"| `{code}` | {kind} | {said.replace('|', '/')} |"
        for code, (kind, said) in sorted(error_codes().items())
    ]
    head = [
        "# Error codes 错误代码",
        "",
        "Written by `tools/reference.py`. The first word is the room that speaks.",
        "",
    ]
    return "\n".join([*head, "| code | kind | sentence |", "|---|---|---|", *rows, ""])


def settings_page() -> str:
    body = ast.parse((ROOT / "src/jutong/settings.py").read_text(encoding="utf-8")).body
    lines = (ROOT / "src/jutong/settings.py").read_text(encoding="utf-8").splitlines()
    fields = next(node for node in body if isinstance(node, ast.ClassDef) and node.name == "Settings").body
    rows = []
    for field in fields:
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and field.value is not None
        ):
            said, line = [], field.lineno - 2
            while lines[line].strip().startswith("#:"):
                said.insert(0, lines[line].strip()[2:].strip())
                line -= 1
            name = field.target.id
            rows.append(
                f"| `{name}` | `JUTONG_{name.upper()}` | `{ast.unparse(field.value)}` | {' '.join(said)} |"
            )
    head = [
        "# Settings 设置",
        "",
        "Written by `tools/reference.py`. `DIR/jutong.toml` or the environment; see `settings.py`.",
        "",
    ]
    return "\n".join([*head, "| key | variable | default | meaning |", "|---|---|---|---|", *rows, ""])


PAGES = {"docs/reference/errors.md": errors_page, "docs/reference/settings.md": settings_page}


def main() -> int:
    stale = [name for name, page in PAGES.items() if _read(ROOT / name) != page()]
    if "--check" in sys.argv:
        for name in stale:
            print(f"{name} is stale: run python tools/reference.py")
        return bool(stale)
    for name in stale:
        (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / name).write_text(PAGES[name](), encoding="utf-8")
    return 0


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.exists() else ""


if __name__ == "__main__":
    sys.exit(main())
