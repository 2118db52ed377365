"""One frozen Settings, read once from ``DIR/jutong.toml`` and the environment.

Every key ``gate_port`` may also be given as ``JUTONG_GATE_PORT``; the environment wins.  A secret may come
from a file instead, named by ``JUTONG_…_FILE``.  An unknown key or an unreadable value stops the program.
"""

from __future__ import annotations

import ipaddress
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from jutong.terms import BadInput


@dataclass(frozen=True)
class Settings:
    #: The data folder DIR; everything the city keeps lies below it.
    home: Path
    #: A PostgreSQL of yours; empty means the embedded one under DIR/postgres.
    database_url: str = ""
    #: Where the lake's Parquet lies; empty means DIR/lake.
    lake_path: str = ""
    #: Where the rows go that retention takes out of the lake, a slower and cheaper disk; empty means DIR/archive.
    archive_path: str = ""
    #: Where an s3:// lake's bucket answers (https://host:port; empty: AWS), and its key. The secret may come from a file.
    lake_s3_endpoint: str = ""
    lake_s3_key: str = ""
    lake_s3_secret: str = ""
    lake_s3_region: str = "us-east-1"
    #: DuckDB's memory limit for one heavy job; half of the job's resident budget (design §11).
    lake_memory: str = "4GB"
    lake_threads: int = 2
    #: Share of the lake's disk that is used: alarm from here, no more writing from there (design §12).
    disk_alarm: float = 0.8
    disk_read_only: float = 0.95
    #: What computes registers: duckdb, or a Spark master (local[2], spark://host:7077) for work that outgrew one machine.
    engine: str = "duckdb"
    #: Written into every checkpoint and shown on the portal.
    city: str = "邵阳市"
    #: The ledger's name towards witnesses and other cities (a schema-less URL, C2SP tlog-checkpoint).
    ledger_origin: str = "jutong.example/shaoyang"
    #: Sign checkpoints by SM2 too (国密); once begun it goes on, for whoever holds the SM2 key asks for it.
    ledger_sm2: bool = False
    #: The sample city's scale; 0 where the data are real. Shown beside every record count.
    scale: float = 0.0
    portal_host: str = "127.0.0.1"
    portal_port: int = 8080
    #: Certificate chain and key (PEM files) of both doors; needed off loopback unless a proxy is declared.
    tls_certificate: str = ""
    tls_key: str = ""
    #: Addresses and networks of the proxies in front of us, with commas; only their headers are believed.
    trusted_proxies: str = ""
    #: Certificate authority (PEM file) whose client certificates the gate asks every caller for (mutual TLS).
    gate_client_ca: str = ""
    gate_host: str = "127.0.0.1"
    gate_port: int = 8090
    gate_workers: int = 1
    #: Seconds the gate may go on answering without contact to the control database (design §11).
    gate_lease: float = 30.0
    #: Seconds after which a portal session without a request ends (等保三级: 15 minutes).
    session_idle: int = 900
    #: Administrators must have a second factor; the sample city switches it off for its demo accounts.
    second_factor: bool = True
    #: Show the sample city's accounts on the sign-in page.
    demo_accounts: bool = False
    #: Seconds before a running job is killed.
    job_timeout: int = 3600

    @property
    def proxies(self) -> tuple[str, ...]:
        return tuple(one.strip() for one in self.trusted_proxies.split(",") if one.strip())

    @property
    def scheme(self) -> str:
        return "https" if self.tls_certificate else "http"

    @property
    def lake_folder(self) -> str:
        return self.lake_path or str(self.home / "lake")

    @property
    def archive_folder(self) -> Path:
        return Path(self.archive_path) if self.archive_path else self.home / "archive"

    @property
    def ledger_folder(self) -> Path:
        return self.home / "ledger"

    @property
    def keys_folder(self) -> Path:
        return self.home / "keys"

    @property
    def files_folder(self) -> Path:
        """Delivered files, byte for byte (law 2)."""
        return self.home / "files"

    @property
    def extracts_folder(self) -> Path:
        """Files made for a consumer, until they have been fetched."""
        return self.home / "extracts"

    @property
    def gate_folder(self) -> Path:
        return self.home / "gate"

    @property
    def truth_folder(self) -> Path:
        """The sample city's truth; the pipeline never reads it."""
        return self.home / "truth"


def read_settings(home: Path | str, environ: Mapping[str, str] | None = None, **given: Any) -> Settings:
    """Settings of the data folder ``home``; ``given`` (command-line options) wins over everything.

    Raises BadInput ``settings.unknown_key`` or ``settings.bad_value`` with the file or variable as address.
    """
    environ = os.environ if environ is None else environ
    home = Path(home).expanduser().resolve()
    values: dict[str, Any] = {}
    file = home / "jutong.toml"
    if file.exists():
        values.update(_from_toml(file))
    values.update(_from_environment(environ))
    values.update({name: value for name, value in given.items() if value is not None})
    return Settings(home=home, **{name: _typed(name, value) for name, value in values.items()})


def check_doors(settings: Settings) -> None:
    """Loopback by default; off loopback only with a certificate or a declared proxy (design §12).

    Raises BadInput ``settings.open_door`` for a door on other addresses with neither, ``settings.bad_value`` for half
    a certificate or a proxy that is no address.
    """
    if bool(settings.tls_certificate) != bool(settings.tls_key):
        raise BadInput("settings.bad_value", "tls_certificate 与 tls_key 要一起给出")
    if settings.gate_client_ca and not settings.tls_certificate:
        raise BadInput("settings.bad_value", "gate_client_ca 要与 tls_certificate、tls_key 一起给出")
    for file in (settings.tls_certificate, settings.tls_key, settings.gate_client_ca):
        if file and not Path(file).is_file():
            raise BadInput("settings.bad_value", f"证书文件 {file} 不存在")
    for proxy in settings.proxies:
        try:
            ipaddress.ip_network(proxy)
        except ValueError as problem:
            raise BadInput(
                "settings.bad_value", f"trusted_proxies 中的 {proxy!r} 不是地址或网段"
            ) from problem
    if settings.tls_certificate or settings.proxies:
        return
    for name, host in (("portal_host", settings.portal_host), ("gate_host", settings.gate_host)):
        if not _is_loopback(host):
            raise BadInput(
                "settings.open_door",
                f"{name} = {host} 对外开放，却没有证书也没有代理："
                "请设置 tls_certificate 与 tls_key，或用 trusted_proxies 指明前面的代理",
            )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def write_settings(settings: Settings) -> None:
    """Keep what differs from the defaults in ``DIR/jutong.toml``; secrets such as the URL stay out."""
    lines = []
    for field in fields(Settings):
        value = getattr(settings, field.name)
        if field.name in ("home", "database_url", "lake_s3_secret") or value == field.default:
            continue
        text = str(value).lower() if isinstance(value, bool) else _toml(value)
        lines.append(f"{field.name} = {text}\n")
    settings.home.mkdir(parents=True, exist_ok=True)
    (settings.home / "jutong.toml").write_text("".join(lines), encoding="utf-8")


def change_setting(home: Path, name: str, value: object) -> None:
    """Write one key of ``DIR/jutong.toml`` and leave every other line, comments included, as it stands."""
    file = home / "jutong.toml"
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    kept = [line for line in lines if line.split("=")[0].strip() != name]
    fresh = file.with_suffix(".new")
    fresh.write_text("\n".join([*kept, f"{name} = {_toml(value)}"]) + "\n", encoding="utf-8")
    if file.exists():
        fresh.chmod(file.stat().st_mode & 0o777)
    fresh.replace(file)


def _toml(value: object) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value)


_TYPES = {field.name: field.type for field in fields(Settings) if field.name != "home"}
_READERS = {"int": int, "float": float, "str": str}


def _typed(name: str, value: Any) -> Any:
    kind = str(_TYPES[name])
    try:
        if kind == "bool":
            if isinstance(value, bool):
                return value
            return {"1": True, "true": True, "0": False, "false": False}[str(value).lower()]
        return _READERS[kind](value)
    except (KeyError, ValueError) as problem:
        raise BadInput("settings.bad_value", f"设置 {name} 的值 {value!r} 不是 {kind}") from problem


def _from_toml(file: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise BadInput("settings.unreadable", f"{file} 不是有效的 TOML：{problem}") from problem
    for name in values:
        if name not in _TYPES:
            raise BadInput("settings.unknown_key", f"{file} 中的设置 {name} 不存在")
    return values


def _from_environment(environ: Mapping[str, str]) -> dict[str, str]:
    values = {}
    for name in _TYPES:
        variable = f"JUTONG_{name.upper()}"
        if variable in environ:
            values[name] = environ[variable]
        elif f"{variable}_FILE" in environ:
            values[name] = Path(environ[f"{variable}_FILE"]).read_text(encoding="utf-8").strip()
    return values
