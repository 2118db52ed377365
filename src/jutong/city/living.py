"""代理 in the sample city: one department offers its live interface, one application of another is granted it."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from jutong import share
from jutong.city.rows import Application
from jutong.city.systems.live import KEY, live_address, live_interface
from jutong.database import named_sql
from jutong.flows import Platform
from jutong.terms import Item

_SQL = named_sql(__file__, "sharing.sql")

SERVICE, INTERFACE, CALLER = "investment_filings", "live.investment_filings", "D13"
_ENTRY, PROVIDER = "企业投资项目备案信息", "D01"
#: Item of the entry → where it lies in a record of the interface.
_MAPPING = {"code_0": "filingNo", "uscc_2": "creditCode", "text_4": "content", "date_5": "filedOn",
            "date_7": "validUntil", "legal_name_8": "authority", "code_9": "state"}  # fmt: skip
_TYPES = {"date_5": "date", "date_7": "date"}
_ALLOWED = "JUTONG_HTTP_ALLOWED"
#: One call in so many of the caller's goes to the live interface.
_EVERY = 25


@contextmanager
def living(home: Path) -> Iterator[None]:
    """The interface listens, and the gates started meanwhile may call it, though it is on this machine."""
    before = os.environ.get(_ALLOWED)
    with live_interface(home) as address:
        os.environ[_ALLOWED] = ",".join(filter(None, (before, str(urlsplit(address).hostname))))
        try:
            yield
        finally:
            if before is None:
                os.environ.pop(_ALLOWED, None)
            else:
                os.environ[_ALLOWED] = before


def declare_live(platform: Platform) -> int | None:
    """Declare the interface where it listens now, hang its entry on it, publish the service; the entry's id.

    None where the foreign systems are not running.
    """
    address = live_address(platform.settings.home)
    if address is None:
        return None
    with platform.database.connection() as connection:
        entry = connection.execute(_SQL.entry_named, {"name": _ENTRY, "department": PROVIDER}).fetchone()
        if entry is None:
            return None
        offered = connection.execute(_SQL.items_of_entry, {"entry": entry["id"]}).fetchall()
        items = tuple(
            Item(row["name"], row["label"], _TYPES.get(row["name"], "text"), row["element"])
            for row in offered
            if row["name"] in _MAPPING
        )
        made = share.LiveInterface(
            INTERFACE, "投资项目在线审批监管平台备案查询", PROVIDER, ("uscc_2",), items,
            {
                "url": address, "auth": {"type": "header", "name": "X-API-Key"}, "records": "data.records",
                "parameters": {"uscc_2": "creditCode"}, "mapping": _MAPPING, "timeout": 15, "max_age": 30, "concurrency": 8,
            },
        )  # fmt: skip
        share.declare_interface(connection, made, keys=platform.keys, secret=KEY)
        if entry["dataset"] != INTERFACE:
            share.attach_interface(connection, entry["id"], INTERFACE)
        if SERVICE not in {service.name for service in share.services(connection)}:
            share.publish_service(
                connection,
                share.Offer(
                    name=SERVICE,
                    entry_id=entry["id"],
                    keys=("uscc_2",),
                    kind="proxy",
                    label="企业投资项目备案实时查询",
                ),
            )
        return int(entry["id"])


def live_wish(application: Application, entry_id: int, until: dt.date) -> share.Wish:
    return share.Wish(
        entry_id, application.id, application.basis, application.scene, application.scope,
        application.purpose_kind, "api", tuple(_MAPPING), until, (),
    )  # fmt: skip


def with_live_calls(paths: Sequence[str], companies: Sequence[str]) -> list[str]:
    """Some of the paths, never the first, replaced by questions to the live interface."""
    asked = list(paths)
    for number, place in enumerate(range(_EVERY, len(asked), _EVERY)):
        if companies:
            question = urlencode({"uscc_2": companies[number % len(companies)]})
            asked[place] = f"/v1/{SERVICE}?{question}"
    return asked
