"""Zones, dataset names and items: what every room means by a table of data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import IntEnum, StrEnum
from typing import Any, Self

_NAME = re.compile(r"[a-z][a-z0-9_]{0,61}")
_TYPE = re.compile(r"text|integer|date|timestamp|boolean|decimal\((\d{1,2}),(\d{1,2})\)")


class Zone(StrEnum):
    """The four zones of the lake (原始 · 标准 · 基础 · 主题)."""

    RAW = "raw"
    STANDARD = "standard"
    BASE = "base"
    TOPIC = "topic"


class ShareType(IntEnum):
    """共享类型, 发改高技〔2017〕1272号 element 9; a larger number is stricter."""

    UNCONDITIONAL = 1
    CONDITIONAL = 2
    WITHHELD = 3


@dataclass(frozen=True, order=True)
class DatasetName:
    """``zone.table``; the table part is a lower-case ASCII identifier of at most 62 characters."""

    zone: Zone
    table: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.table):
            raise ValueError(f"not a table name: {self.table!r}")

    @classmethod
    def parse(cls, text: str) -> Self:
        zone, _, table = text.partition(".")
        return cls(Zone(zone), table)

    def __str__(self) -> str:
        return f"{self.zone}.{self.table}"


@dataclass(frozen=True)
class Item:
    """信息项: one column with its meaning.

    ``type`` is one of text, integer (64 bit), decimal(p,s), date, timestamp (zoneless), boolean.
    ``grade`` 1–4 (数据分级) and ``share_type`` follow the catalogue; ``element`` names a data element.
    """

    name: str
    label: str
    type: str = "text"
    element: str | None = None
    key: bool = False
    required: bool = False
    grade: int = 1
    share_type: int = ShareType.UNCONDITIONAL

    def __post_init__(self) -> None:
        if not _TYPE.fullmatch(self.type):
            raise ValueError(f"not an item type: {self.type!r}")

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__ if name in row})

    def to_row(self) -> dict[str, Any]:
        return asdict(self)
