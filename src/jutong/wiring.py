"""Where the rooms are opened and handed to one another; nothing else is decided here."""

from __future__ import annotations

from jutong.database import open_database
from jutong.flows import Platform, prepare
from jutong.keys import SoftwareKeys
from jutong.ledger import Ledger
from jutong.settings import Settings
from jutong.store import Store
from jutong.terms import NotFound


def open_platform(settings: Settings, *, make: bool = False) -> Platform:
    """Open the city in ``settings.home``; ``make`` allows an empty folder to become one.

    Raises NotFound ``cli.no_city`` for a folder that holds none, so that a typing mistake makes nothing.
    """
    if not make:
        must_be_city(settings)
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = open_database(settings)
    try:
        prepare(database)
        keys = SoftwareKeys.open(settings.keys_folder)
        ledger = Ledger.open(
            settings.ledger_folder, keys, origin=settings.ledger_origin, sm2=settings.ledger_sm2
        )
        store = Store.open(database, settings)
    except BaseException:
        database.close()
        raise
    return Platform(settings, database, keys, store, ledger)


def must_be_city(settings: Settings) -> None:
    """Raises NotFound ``cli.no_city``."""
    if not settings.keys_folder.exists():
        raise NotFound("cli.no_city", f"{settings.home} 里还没有城市：先运行 jutong init 或 jutong demo")
