"""Peers over asyncpg, run by their own Python: ``asgi_peer.py asgi|fastapi PORT``; the database by PG… variables.

``asgi`` is an ASGI function with nothing around it: no token, no mask, no evidence, one SELECT by primary key.
"""

import sys
from typing import Any
from urllib.parse import parse_qs

SQL = (
    "SELECT uscc, name, capital::text, founded::text, phone, division, staff, checked_at::text, active"
    " FROM company WHERE uscc = $1"
)
#: Enough for two cores; more connections were slower.
CONNECTIONS = 16
POOL: Any = None


async def begin() -> None:
    """One pool before the first request: made at the first one, each of 64 at once made a pool of its own."""
    global POOL  # noqa: PLW0603
    import asyncpg  # type: ignore[import-not-found]

    POOL = await asyncpg.create_pool(min_size=CONNECTIONS, max_size=CONNECTIONS)


async def raw(scope: Any, receive: Any, send: Any) -> None:
    import orjson

    if scope["type"] == "lifespan":
        await receive()
        await begin()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    key = parse_qs(scope["query_string"].decode())["uscc"][0]
    rows = await POOL.fetch(SQL, key)
    body = orjson.dumps({"rows": [dict(row) for row in rows]})
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]}
    )
    await send({"type": "http.response.body", "body": body})


def fastapi() -> Any:
    from contextlib import asynccontextmanager

    from fastapi import FastAPI

    @asynccontextmanager
    async def life(_: FastAPI) -> Any:
        await begin()
        yield

    app = FastAPI(lifespan=life)

    @app.get("/")
    async def company(uscc: str) -> dict[str, Any]:
        return {"rows": [dict(row) for row in await POOL.fetch(SQL, uscc)]}

    return app


def make(kind: str) -> Any:
    return raw if kind == "asgi" else fastapi()


if __name__ == "__main__":
    from functools import partial

    from granian.constants import Interfaces, Loops
    from granian.server import Server

    Server(
        "peer", address="127.0.0.1", port=int(sys.argv[2]), interface=Interfaces.ASGI, workers=1, loop=Loops.uvloop,
        websockets=False, log_enabled=False,
    ).serve(target_loader=partial(make, sys.argv[1]), wrap_loader=False)  # fmt: skip
