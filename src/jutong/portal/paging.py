"""Pages of a list: plain links that keep the question and change its ``page``."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode


@dataclass(frozen=True)
class Pager:
    """One page of a list of ``total`` rows; ``query`` is the question without its page."""

    number: int
    size: int
    total: int
    path: str
    query: str = ""

    @classmethod
    def of(cls, path: str, asked: Any, total: int, size: int = 20) -> Pager:
        """The page a question asks for, or the last one there is."""
        last = max(1, -(-total // size))
        return cls(min(max(asked.page, 1), last), size, total, path, query_of(asked, without=("page",)))

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // self.size))

    @property
    def offset(self) -> int:
        return (self.number - 1) * self.size

    @property
    def first(self) -> int:
        return self.offset + 1 if self.total else 0

    @property
    def last(self) -> int:
        return min(self.offset + self.size, self.total)

    @property
    def near(self) -> list[int]:
        """Numbers to show: both ends, the neighbours, 0 for a gap."""
        wanted = sorted(
            {1, self.pages, *range(max(1, self.number - 2), min(self.pages, self.number + 2) + 1)}
        )
        shown: list[int] = []
        for number in wanted:
            if shown and number > shown[-1] + 1:
                shown.append(0)
            shown.append(number)
        return shown

    def href(self, number: int) -> str:
        more = f"{self.query}&" if self.query else ""
        return f"{self.path}?{more}page={number}"


def query_of(asked: Any, without: tuple[str, ...] = (), **changed: object) -> str:
    """A question as a query string: what differs from its defaults, with some answers changed."""
    pairs: list[tuple[str, object]] = []
    for field in dataclasses.fields(asked):
        if field.name in without:
            continue
        value = changed.get(field.name, getattr(asked, field.name))
        default = field.default if field.default is not dataclasses.MISSING else None
        if value in (None, "", ()) or value == default:
            continue
        pairs.extend((field.name, one) for one in (value if isinstance(value, tuple) else (value,)))
    return urlencode(pairs)
