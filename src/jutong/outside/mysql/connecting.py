"""Reaching a server of the MySQL family, with a session in which a value's text is its one exact text."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import pymysql
from pymysql.connections import Connection

from jutong.terms import Address, BadInput, Unavailable

_KNOWN = {"host", "port", "user", "database", "unix_socket", "ssl_ca", "connect_timeout", "read_timeout"}
#: Seconds the server waits for us while the lake commits what was read before.
_PATIENCE = 3600
_SESSION = (
    # Zoneless is zoneless; a TIMESTAMP, which is an instant, is told in China's time, which had summer time once:
    # a fixed offset has no hour that happens twice.
    "time_zone = '+08:00'",
    "sql_mode = 'NO_BACKSLASH_ESCAPES,ALLOW_INVALID_DATES'",
    "TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    f"net_write_timeout = {_PATIENCE}",
)


def connect_mysql(config: Mapping[str, Any], secret: str | None = None, **more: Any) -> Connection[Any]:
    """A connection to a source or a receiver: ``host port user database unix_socket ssl_ca``, or a ``url``
    ``mysql://user@host:port/database``; the secret is the password.

    ``more`` goes to PyMySQL (``autocommit``, ``cursorclass``).  The server may not ask for local files.
    Raises BadInput ``outside.mysql_config``, Unavailable ``outside.mysql_unreachable``.
    """
    given = parts_of(config)
    options: dict[str, Any] = {
        "host": given.get("host", "127.0.0.1"),
        "port": int(given.get("port", 3306)),
        "user": given.get("user"),
        "database": given.get("database"),
        "unix_socket": given.get("unix_socket"),
        "connect_timeout": int(given.get("connect_timeout", 10)),
        "read_timeout": int(given.get("read_timeout", 300)),
        "write_timeout": 300,
        "charset": "utf8mb4",
        "local_infile": False,
    }
    if given.get("ssl_ca"):
        options["ssl"] = {"ca": given["ssl_ca"]}
    try:
        connection = pymysql.connect(password=secret or "", **options, **more)
        with connection.cursor() as cursor:
            for setting in _SESSION:
                cursor.execute(f"SET SESSION {setting}")
    except (pymysql.Error, OSError) as problem:
        raise Unavailable(
            "outside.mysql_unreachable",
            f"数据源连接不上：{words_of(problem, secret)}",
            Address(file=place_of(given)),
        ) from None
    return connection


def parts_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """Config with its ``url`` taken apart. Raises BadInput ``outside.mysql_config``."""
    given = {name: value for name, value in config.items() if name != "url" and value is not None}
    if config.get("url"):
        url = urlsplit(str(config["url"]))
        if url.scheme not in ("mysql", "mariadb"):
            raise BadInput("outside.mysql_config", "连接地址须以 mysql:// 或 mariadb:// 开头")
        if url.password:
            raise BadInput("outside.mysql_config", "口令不能写在连接地址里，请另存为密文")
        told = {
            "host": url.hostname,
            "user": url.username and unquote(url.username),
            "database": unquote(url.path.lstrip("/")),
        }
        with contextlib.suppress(ValueError):
            told["port"] = str(url.port) if url.port else None
        given = {**{name: value for name, value in told.items() if value}, **given}
    unknown = sorted(set(given) - _KNOWN)
    if unknown:
        raise BadInput("outside.mysql_config", f"数据源的连接参数有误：不认得 {'、'.join(unknown)}")
    for name in ("port", "connect_timeout", "read_timeout"):
        if name in given and not str(given[name]).isdigit():
            raise BadInput("outside.mysql_config", f"数据源的连接参数有误：{name} 须是整数")
    return given


def place_of(given: Mapping[str, Any]) -> str:
    return f"{given.get('unix_socket') or given.get('host', '127.0.0.1')}/{given.get('database') or ''}"


def mysql_name(*names: str) -> str:
    """A quoted identifier, or several joined by dots. Raises ValueError for what no server can hold."""
    for name in names:
        if not name or "\0" in name:
            raise ValueError(f"not an identifier: {name!r}")
    return ".".join("`" + name.replace("`", "``") + "`" for name in names)


def mysql_text(value: str) -> str:
    """A text literal that means the same whatever the server's sql_mode says of backslashes."""
    return f"_utf8mb4 0x{value.encode().hex()}" if value else "_utf8mb4 ''"


def words_of(problem: Exception, secret: str | None) -> str:
    told = problem.args[1] if len(problem.args) > 1 else problem
    words = " ".join(str(told).split())
    return words.replace(secret, "…") if secret else words
