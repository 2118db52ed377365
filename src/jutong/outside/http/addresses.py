"""Where a source may send us: nobody makes us call ourselves or the machine we run on (SSRF).

Loopback, link-local (the clouds' metadata addresses), unspecified and multicast addresses are refused, whatever name
they hide behind, unless the system administrator allows that host (``JUTONG_HTTP_ALLOWED``, hosts separated by commas,
of the process's own environment).  The connection then goes to the address that was checked, not to the name, which
could answer otherwise the second time.
"""

from __future__ import annotations

import http.client
import ipaddress
import os
import socket
import ssl
from collections.abc import Callable
from urllib.parse import SplitResult, urlsplit

import psutil

from jutong.terms import Address, BadInput, Unavailable

#: The settings variable by which the system administrator allows hosts.
ALLOWED = "JUTONG_HTTP_ALLOWED"
#: Where clouds tell a machine its own secrets, outside the link-local range: Aliyun, AWS, Oracle, Azure.
_METADATA = ("100.100.100.200", "fd00:ec2::254", "192.0.0.192", "168.63.129.16")


def checked_url(url: str) -> SplitResult:
    """Raises BadInput ``outside.http_url``."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = 0
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise BadInput("outside.http_url", "接口地址须是完整的 http:// 或 https:// 地址")
    if parts.username or parts.password:
        raise BadInput("outside.http_url", "口令不能写在接口地址里，请另存为密文")
    return parts


def resolved(parts: SplitResult) -> str:
    """An address of the host that may be called.

    Raises BadInput ``outside.http_forbidden_address``, Unavailable ``outside.http_unreachable``.
    """
    host, where = str(parts.hostname), Address(file=parts.hostname)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Unavailable("outside.http_unreachable", f"找不到主机 {host}", where) from None
    addresses = [str(one[4][0]).split("%", maxsplit=1)[0] for one in found]
    allowed = {name.strip() for name in os.environ.get(ALLOWED, "").split(",") if name.strip()}
    if host not in allowed and not (all(map(may_be_called, addresses)) and _elsewhere(addresses)):
        raise BadInput(
            "outside.http_forbidden_address",
            "接口地址指向本机或链路本地地址，不允许访问；确有需要请由系统管理员放行",
            where,
        )
    return addresses[0]


def may_be_called(address: str) -> bool:
    """Departments lie in private networks, so those may be called; the machine itself and its link may not."""
    one = _unwrapped(address)
    if isinstance(one, ipaddress.IPv4Address) and (int(one) >> 24 == 0 or int(one) == 0xFFFFFFFF):
        return False  # "this host" (RFC 1122) and everybody
    metadata = str(one) in _METADATA
    return not (one.is_loopback or one.is_link_local or one.is_unspecified or one.is_multicast or metadata)


def _unwrapped(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The IPv4 address that an IPv6 one leads to, else the address itself."""
    one = ipaddress.ip_address(address)
    if isinstance(one, ipaddress.IPv6Address):
        inner = one.ipv4_mapped or one.sixtofour or (one.teredo or (None, None))[1]
        if inner is not None:
            return inner
        embedding = ("64:ff9b::/96", "64:ff9b:1::/48", "::/96")
        if any(one in ipaddress.ip_network(net) for net in embedding) and int(one) > 1:
            return ipaddress.IPv4Address(int(one) & 0xFFFFFFFF)
    return one


def _elsewhere(addresses: list[str]) -> bool:
    """None of them is an address of this machine, by whatever network it has it."""
    ours = {
        _unwrapped(one.address.split("%", maxsplit=1)[0])
        for card in psutil.net_if_addrs().values()
        for one in card
        if one.family in (socket.AF_INET, socket.AF_INET6)
    }
    return ours.isdisjoint(map(_unwrapped, addresses))


def connection_to(
    parts: SplitResult, address: str, timeout: float, watch: Callable[[socket.socket], None] | None = None
) -> http.client.HTTPConnection:
    """A connection to the checked address that still speaks to the host by its name; ``watch`` sees its line."""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    made: http.client.HTTPConnection
    if parts.scheme == "https":
        made = http.client.HTTPSConnection(
            str(parts.hostname), port, timeout=timeout, context=ssl.create_default_context()
        )
    else:
        made = http.client.HTTPConnection(str(parts.hostname), port, timeout=timeout)

    def reach(_: object, limit: float | None = None, source: object = None) -> socket.socket:  # noqa: ARG001
        line = socket.create_connection((address, port), timeout)
        if watch is not None:
            watch(line)
        return line

    made._create_connection = reach  # type: ignore[attr-defined]
    return made
