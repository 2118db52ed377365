"""The portal put together: pages, acts, the management API, static files, and what every answer carries."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Annotated, Any, get_type_hints

import orjson
from fastapi import Depends, FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.responses import Response

import jutong
from jutong.database import Database
from jutong.keys import KeyProvider
from jutong.ledger import Ledger
from jutong.portal import asking
from jutong.portal.door import Body, Door
from jutong.portal.headers import SecurityHeaders
from jutong.portal.pages import ACTS, PAGES
from jutong.portal.problems import Problem, problem_json
from jutong.portal.pushing import add_push
from jutong.portal.rendering import Renderer
from jutong.portal.routes import ANYONE, Act, Download, Page, Upload
from jutong.portal.visits import Rooms
from jutong.settings import Settings
from jutong.store import Store

#: No form of ours is larger; deliveries go through gather, not through a browser.
LARGEST_BODY = 32 * 1024 * 1024

API = "/api/v1"


def make_portal(
    *, database: Database, store: Store, ledger: Ledger, keys: KeyProvider, settings: Settings
) -> FastAPI:
    """The people's door as one ASGI application; it holds no state of its own."""
    renderer = Renderer()
    rooms = Rooms(database, store, ledger, keys, settings)
    door = Door(rooms, renderer, {page.path: page for page in PAGES})
    app = FastAPI(
        title="聚通 管理接口",
        version=jutong.__version__,
        description="页面能看的都能读，页面能做的都能做。凭 POST /api/v1/session 得到的令牌调用。",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    for page in PAGES:
        _add_page(app, door, page)
    for act in ACTS:
        _add_act(app, door, act)
    add_push(app, rooms)
    _add_static(app, renderer)
    _add_missing(app, door)
    app.add_middleware(SecurityHeaders)
    return app


async def read_body(request: Request) -> Body | Response:
    """Forms and JSON alike; a body that is too large or not what it says is answered at once."""
    length = request.headers.get("content-length", "")
    if not length.isdigit() and request.headers.get("transfer-encoding"):
        return _refuse(411, "portal.no_length", "请求没有说明长度")
    if length.isdigit() and int(length) > LARGEST_BODY:
        return _refuse(413, "portal.too_large", f"一次最多 {LARGEST_BODY // 1024 // 1024} MB")
    if "json" in request.headers.get("content-type", ""):
        try:
            fields = orjson.loads(await request.body() or b"{}")
        except orjson.JSONDecodeError:
            return _refuse(400, "portal.bad_json", "请求内容不是有效的 JSON")
        if not isinstance(fields, dict):
            return _refuse(400, "portal.bad_json", "请求内容应是一个 JSON 对象")
        return Body(fields, {})
    values: dict[str, list[str]] = {}
    uploads: dict[str, Upload] = {}
    async with request.form(max_files=4, max_fields=2000) as form:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                uploads[name] = Upload(value.filename or "", await value.read())
            else:
                values.setdefault(name, []).append(value)
    return Body({name: held[0] if len(held) == 1 else held for name, held in values.items()}, uploads)


Given = Annotated[Body | Response, Depends(read_body)]


def _add_page(app: FastAPI, door: Door, page: Page) -> None:
    def see(request: Request) -> Response:
        return door.see(page, request)

    def see_api(request: Request) -> Response:
        return door.see(page, request, api=True)

    app.add_api_route(page.path, see, methods=["GET"], include_in_schema=False, name=page.name)
    if not page.in_api:
        return
    shown = get_type_hints(page.build).get("return")
    is_file = inspect.isclass(shown) and issubclass(shown, Download)
    app.add_api_route(
        API + (page.path if page.path != "/" else "/desk"),
        see_api,
        methods=["GET"],
        name=f"api.{page.name}",
        operation_id=f"get_{page.name.replace('.', '_')}",
        response_model=None if is_file else shown,
        summary=page.says or _first_line(page.build),
        tags=[page.name.partition(".")[0]],
        openapi_extra={"parameters": _path_parameters(page.path) + asking.parameters(page.asks)},
        responses=_problems(page.may),
    )


def _add_act(app: FastAPI, door: Door, act: Act) -> None:
    def do(request: Request, body: Given) -> Response:
        return body if isinstance(body, Response) else door.do(act, request, body)

    def do_api(request: Request, body: Given) -> Response:
        return body if isinstance(body, Response) else door.do_api(act, request, body)

    app.add_api_route(act.path, do, methods=["POST"], include_in_schema=False, name=f"act.{act.name}")
    if not act.in_api:
        return
    app.add_api_route(
        API + act.path,
        do_api,
        methods=["POST"],
        name=f"api.act.{act.name}",
        operation_id=f"post_{act.name.replace('.', '_')}",
        summary=act.says or _first_line(act.do),
        tags=[act.name.partition(".")[0]],
        openapi_extra={
            "parameters": _path_parameters(act.path),
            "requestBody": {"content": {"application/json": {"schema": _inline(asking.schema(act.form))}}},
        },
        responses=_problems(act.may),
    )


def _add_static(app: FastAPI, renderer: Renderer) -> None:
    def asset(request: Request, fingerprint: str, name: str) -> Response:
        packed = "gzip" in request.headers.get("accept-encoding", "")
        return renderer.assets.answer(fingerprint, name, accepts_gzip=packed)

    def favicon() -> Response:
        return renderer.assets.answer("", "mark.svg", accepts_gzip=False)

    app.add_api_route("/static/{fingerprint}/{name:path}", asset, methods=["GET"], include_in_schema=False)
    app.add_api_route("/favicon.ico", favicon, methods=["GET"], include_in_schema=False)


def _add_missing(app: FastAPI, door: Door) -> None:
    """404 and 405 of the framework become pages like any other."""

    async def missing(request: Request, error: Exception) -> Response:
        status = getattr(error, "status_code", 404)
        if status == 405:
            return _refuse(405, "portal.no_method", "这个地址不接受这种请求")
        return await run_in_threadpool(door.missing, request)

    app.add_exception_handler(404, missing)
    app.add_exception_handler(405, missing)


def _refuse(status: int, code: str, sentence: str) -> Response:
    return problem_json(Problem(status, sentence, sentence, code))


def _first_line(function: Callable[..., Any]) -> str:
    return (inspect.getdoc(function) or "").partition("\n")[0]


def _path_parameters(path: str) -> list[dict[str, Any]]:
    kinds = {"int": "integer", "": "string", "path": "string"}
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": kinds.get(kind, "string")}}
        for name, kind in re.findall(r"{(\w+):?(\w*)}", path)
    ]


def _inline(schema: dict[str, Any]) -> dict[str, Any]:
    """Our forms are flat; nothing of theirs needs a component."""
    return {name: part for name, part in schema.items() if name != "$defs"}


def _problems(may: str) -> dict[int | str, dict[str, Any]]:
    kinds = {422: "给的内容不能接收", 404: "没有"}
    if may != ANYONE:
        kinds |= {401: "没有登录", 403: "不在权限之内"}
    body = {"application/problem+json": {"schema": {"type": "object"}}}
    return {status: {"description": text, "content": body} for status, text in kinds.items()}
