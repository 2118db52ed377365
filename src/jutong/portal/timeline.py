"""What happened, one line each, for the timelines of cases, entries, grants and tasks."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass


@dataclass(frozen=True)
class EventView:
    at: dt.datetime
    title: str
    text: str
    #: The colour of its dot, or "".
    state: str = ""
