"""Which dlt sources may be run: what the system administrator wrote down, nothing else.

A dlt source is a program, so naming one is naming code.  Whoever registers a source chooses among the lines of
``allowed.toml`` in the folder that ``JUTONG_DLT_SOURCES`` (of the process's own environment) names:

    ["registry:companies"]          # companies.py's or a package's attribute: a @dlt.source or @dlt.resource
    arguments = ["county"]          # what may be set with the source; everything else keeps its default
    secret = "api_key"              # the argument that takes the source's secret
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jutong.terms import Address, BadInput

#: The variables by which the system administrator allows sources, and names the Python that has dlt.
FOLDER, PYTHON = "JUTONG_DLT_SOURCES", "JUTONG_DLT_PYTHON"
_NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)
_PLAIN = (str, int, float, bool, type(None))


@dataclass(frozen=True)
class Allowed:
    """One source that may be run, with the arguments it is given."""

    folder: Path
    module: str
    attribute: str
    arguments: Mapping[str, Any]
    #: The argument that takes the secret; empty where the source needs none.
    secret: str = ""


def allowed_source(config: Mapping[str, Any]) -> Allowed:
    """Raises BadInput ``outside.dlt_not_allowed`` and ``outside.dlt_config``."""
    name, where = str(config.get("source", "")), Address(file=str(config.get("source", "")))
    unknown = sorted(set(config) - {"source", "arguments", "patience"})
    if unknown or not _NAME.fullmatch(name):
        told = f"不认得 {'、'.join(unknown)}" if unknown else "source 须写成「模块:名称」"
        raise BadInput("outside.dlt_config", f"数据源的参数有误：{told}", where)
    folder = _folder(where)
    listed = _listed(folder, where).get(name)
    if not isinstance(listed, dict):
        raise BadInput("outside.dlt_not_allowed", f"系统管理员没有放行 dlt 数据源「{name}」", where)
    arguments = config.get("arguments") or {}
    if not isinstance(arguments, Mapping):
        raise BadInput("outside.dlt_config", "arguments 须是参数名到值的对照", where)
    may = {str(one) for one in listed.get("arguments", ())}
    for argument, value in arguments.items():
        if argument not in may:
            raise BadInput("outside.dlt_not_allowed", f"系统管理员没有放行参数「{argument}」", where)
        values = value if isinstance(value, list) else [value]
        if not all(isinstance(one, _PLAIN) for one in values):
            raise BadInput("outside.dlt_config", f"参数「{argument}」须是文本、数或它们的列表", where)
    module, attribute = name.split(":")
    _only_the_administrators(folder.joinpath(*module.split(".")), folder, where)
    return Allowed(folder, module, attribute, dict(arguments), str(listed.get("secret", "")))


def _folder(where: Address) -> Path:
    named = os.environ.get(FOLDER, "")
    if not named:
        raise BadInput("outside.dlt_not_allowed", "系统管理员还没有放行任何 dlt 数据源", where)
    folder = Path(named).resolve()
    _guarded(folder, where)
    return folder


def _listed(folder: Path, where: Address) -> Mapping[str, Any]:
    path = folder / "allowed.toml"
    try:
        _guarded(path, where)
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        raise BadInput("outside.dlt_not_allowed", "放行清单 allowed.toml 不存在或读不懂", where) from None


def _only_the_administrators(module: Path, folder: Path, where: Address) -> None:
    """The module is a file in the folder, and nobody else may change it."""
    file = next(
        (path for path in (module.with_suffix(".py"), module / "__init__.py") if path.is_file()), None
    )
    if file is None or not file.resolve().is_relative_to(folder):
        raise BadInput("outside.dlt_not_allowed", "放行目录里没有这个模块", where)
    for path in (file.resolve(), *file.resolve().parents):
        _guarded(path, where)
        if path == folder:
            return


def _guarded(path: Path, where: Address) -> None:
    try:
        mode = path.stat().st_mode
    except OSError:
        raise BadInput("outside.dlt_not_allowed", "放行目录或其中的文件读不到", where) from None
    if mode & stat.S_IWOTH:
        raise BadInput(
            "outside.dlt_not_allowed", f"放行目录里的「{path.name}」谁都能改，请系统管理员收回权限", where
        )
