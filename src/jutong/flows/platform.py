"""The rooms' open doors, held together for those who compose them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from jutong.database import Database
from jutong.keys import KeyProvider
from jutong.ledger import Ledger
from jutong.settings import Settings
from jutong.store import Store


@dataclass(frozen=True)
class Platform:
    """An open city; close it, or use it as a context manager."""

    settings: Settings
    database: Database
    keys: KeyProvider
    store: Store
    ledger: Ledger

    def close(self) -> None:
        self.store.close()
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
