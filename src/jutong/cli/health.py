"""The doctor: looks at a city from outside and says in plain sentences what is wrong."""

from __future__ import annotations

import shutil
import socket
from dataclasses import dataclass
from pathlib import Path

import psutil

from jutong.database import open_database
from jutong.settings import Settings, check_doors
from jutong.store import Store
from jutong.terms import JutongError

_ALARM, _READ_ONLY = 0.80, 0.95


@dataclass(frozen=True)
class Finding:
    code: str
    well: bool
    sentence: str


def examine(settings: Settings) -> list[Finding]:
    """All that can be looked at without changing anything; a broken part never hides the next one."""
    findings = [_folder(settings.home), _disk(settings.home), _doors(settings)]
    findings += [
        _port(settings.home, "portal", "门户", settings.portal_host, settings.portal_port),
        _port(settings.home, "gate", "网关", settings.gate_host, settings.gate_port),
    ]
    if not findings[0].well:
        return findings
    try:
        database = open_database(settings)
    except JutongError as problem:
        return [*findings, Finding(problem.code, False, str(problem))]
    with database:
        findings.append(Finding("database.reachable", True, "控制库连得上，结构是本版本的"))
        try:
            store = Store.open(database, settings)
        except JutongError as problem:
            return [*findings, Finding(problem.code, False, str(problem))]
        try:
            worries = store.doctor()
            findings += [Finding("store.unsound", False, worry) for worry in worries]
            if not worries:
                findings.append(Finding("store.sound", True, "数据湖完好：扩展在，没有内联行，文件都在"))
        finally:
            store.close()
    return findings


def _folder(home: Path) -> Finding:
    if (home / "keys").exists():
        return Finding("cli.city", True, f"数据目录 {home} 里有一座城市")
    return Finding("cli.no_city", False, f"{home} 里还没有城市：先运行 jutong init 或 jutong demo")


def _doors(settings: Settings) -> Finding:
    try:
        check_doors(settings)
    except JutongError as problem:
        return Finding(problem.code, False, str(problem))
    return Finding("settings.doors", True, "两扇门只在本机，或有证书、有代理")


def _disk(home: Path) -> Finding:
    existing = next(path for path in (home, *home.parents) if path.exists())
    usage = shutil.disk_usage(existing)
    share = 1 - usage.free / usage.total
    said = f"磁盘已用 {share:.0%}，剩 {usage.free / 2**30:.1f} GiB"
    if share >= _READ_ONLY:
        return Finding("cli.disk_full", False, f"{said}：超过 95%，平台只读，请清理或扩容")
    if share >= _ALARM:
        return Finding("cli.disk_low", False, f"{said}：超过 80%，请安排扩容")
    return Finding("cli.disk", True, said)


def _port(home: Path, code: str, label: str, host: str, port: int) -> Finding:
    if _runs(home, code):
        return Finding(f"{code}.runs", True, f"{label}正在 {host}:{port} 运行")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as problem:
            return Finding(
                f"{code}.port_taken",
                False,
                f"{label}端口 {host}:{port} 用不了（{problem.strerror}）：有别的程序占着，或改设置 {code}_port",
            )
    return Finding(f"{code}.port", True, f"{label}端口 {host}:{port} 空着")


def _runs(home: Path, name: str) -> bool:
    """Whether this city's own process is up; its port is then rightly taken."""
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if words[-1:] == [name] and "jutong.cli" in words and str(home) in words:
            return True
    return False
