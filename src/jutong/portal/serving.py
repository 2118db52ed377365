"""The portal as a process: Granian around the ASGI application, off loopback only behind a certificate or a proxy.

Granian starts its workers by spawning, so the settings travel to them in the environment and each worker opens
its own rooms.
"""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

from granian import Granian
from granian.constants import Interfaces
from granian.http import HTTP1Settings
from granian.utils.proxies import wrap_asgi_with_proxy_headers
from starlette.types import ASGIApp

from jutong.database import open_database
from jutong.keys import SoftwareKeys
from jutong.ledger import Ledger
from jutong.portal.app import make_portal
from jutong.settings import Settings, check_doors
from jutong.store import Store

_VARIABLE = "JUTONG_PORTAL_SETTINGS"
#: Pages are drawn in threads; more of them than this only wait for the two cores.
THREADS = 8


def serve(settings: Settings) -> None:
    """Answer people until the process is told to end."""
    check_doors(settings)
    os.environ[_VARIABLE] = json.dumps({**dataclasses.asdict(settings), "home": str(settings.home)})
    server = Granian(
        "jutong.portal.serving:application",
        factory=True,
        address=settings.portal_host,
        port=settings.portal_port,
        interface=Interfaces.ASGI,
        workers=1,
        backpressure=256,
        http1_settings=HTTP1Settings(max_buffer_size=64 * 1024),
        log_access=False,
        websockets=False,
        ssl_cert=Path(settings.tls_certificate) if settings.tls_certificate else None,
        ssl_key=Path(settings.tls_key) if settings.tls_key else None,
    )
    server.serve()


def application() -> ASGIApp:
    """What a worker runs: this city's rooms and the portal over them; of declared proxies it believes the headers."""
    given = json.loads(os.environ[_VARIABLE])
    settings = Settings(**{**given, "home": Path(given["home"])})
    database = open_database(settings)
    keys = SoftwareKeys.open(settings.keys_folder)
    store = Store.open(database, settings)
    ledger = Ledger.open(settings.ledger_folder, keys, origin=settings.ledger_origin, sm2=settings.ledger_sm2)
    portal = make_portal(database=database, store=store, ledger=ledger, keys=keys, settings=settings)
    return wrap_asgi_with_proxy_headers(portal, list(settings.proxies)) if settings.proxies else portal
