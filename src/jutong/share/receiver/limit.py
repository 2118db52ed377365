"""A receiver that accepts and never answers is given up, whatever its driver thinks of it."""

from __future__ import annotations

from collections.abc import Callable

from jutong import outside
from jutong.share.receiver.contract import Receiver
from jutong.terms import Unavailable


def opened_within(seconds: float, opening: Callable[[], Receiver]) -> Receiver:
    """What ``opening`` opens, or raises, in ``seconds`` at most.  Raises Unavailable ``share.receiver_silent``."""
    try:
        return outside.opened_within(seconds, opening)
    except outside.NotLetIn:
        raise Unavailable("share.receiver_silent", f"接收库接了连接，但 {seconds:g} 秒内没有应答") from None
