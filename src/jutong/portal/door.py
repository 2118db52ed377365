"""The door: how one request becomes a visit, and a visit an answer.

1. Who asks: a browser by its cookie, a program by its bearer token.
2. An act that came with a cookie must carry that cookie's CSRF token, and come from our own pages.
3. May this party use the route at all?  ``people.decide`` says so, with a reason.
4. What is asked or given is read into a frozen dataclass.
5. The page is built, or the act done, in one transaction; what fails leaves nothing behind.
6. The answer: HTML or JSON of the same value; after an act a redirect, so that reloading repeats nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import orjson
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response, StreamingResponse

from jutong.database import Connection
from jutong.people import Session, session_of
from jutong.portal import asking, cookies
from jutong.portal.cookies import Look
from jutong.portal.frame import Frame, make_frame
from jutong.portal.problems import problem_json, problem_of
from jutong.portal.rendering import Renderer
from jutong.portal.routes import ANYONE, FIRST_STEP, SIGNED_IN, Act, Done, Download, Page, Upload
from jutong.portal.visits import Rooms, Visit
from jutong.terms import BadInput, Conflict, Denied, JutongError, NotFound, Refused, Unauthenticated

_JSON = orjson.OPT_NON_STR_KEYS


class FirstThings(Denied):
    """Signed in, but a new password or a second factor is owed before anything else."""


@dataclass(frozen=True)
class Body:
    """What a POST carried, whatever its encoding."""

    fields: Mapping[str, Any]
    uploads: Mapping[str, Upload]


class Door:
    def __init__(self, rooms: Rooms, renderer: Renderer, pages: Mapping[str, Page]) -> None:
        self._rooms = rooms
        self._renderer = renderer
        self._pages = pages

    # -- pages ---------------------------------------------------------------------------------------------

    def see(self, page: Page, request: Request, *, api: bool = False) -> Response:
        """A page as HTML, or as JSON for programs and ``?format=json``."""
        as_json = api or request.query_params.get("format") == "json"
        with self._rooms.database.connection() as connection:
            visit = self._visit(request, connection)
            try:
                self._admit(visit, page.may)
                value = page.build(visit, asking.read(page.asks, _multi(request)))
                answer = self._answer(page, visit, value, request, as_json=as_json)
            except Exception as error:  # noqa: BLE001  every failure becomes an answer with our headers
                connection.rollback()
                return self._refusal(error, visit, request, as_json=as_json)
        return _with_token(answer, visit, request)

    def do(self, act: Act, request: Request, body: Body) -> Response:
        """An act a form asked for; then a redirect, or the form again with what was wrong."""
        with self._rooms.database.connection() as connection:
            visit = replace(self._visit(request, connection), uploads=body.uploads)
            try:
                _same_origin(request)
                if not cookies.csrf_holds(visit.token, str(body.fields.get("_csrf", ""))):
                    raise Denied("portal.csrf", "这个表单已经过期，请回到上一页刷新后再提交")
                self._admit(visit, act.may)
                done = _done(connection, act.do(visit, asking.read(act.form, body.fields)))
                if done.shows:
                    page = self._pages[act.shown_on]
                    frame = self._frame(visit, request, page.stop, page.tab)
                    return self._renderer.page(done.shows, visit, frame, done.value)
            except Exception as error:  # noqa: BLE001
                connection.rollback()
                return self._form_again(act, error, visit, request, body)
        return _redirect(done, request)

    def do_api(self, act: Act, request: Request, body: Body) -> Response:
        """The same act for a program: JSON in, JSON out."""
        with self._rooms.database.connection() as connection:
            visit = replace(self._visit(request, connection), uploads=body.uploads)
            try:
                if visit.party and visit.token:
                    _same_origin(request)
                    if not cookies.csrf_holds(visit.token, request.headers.get("jutong-csrf", "")):
                        raise Denied("portal.csrf", "带会话的请求须在 Jutong-CSRF 头里给出页面上的防伪标记")
                self._admit(visit, act.may)
                done = _done(connection, act.do(visit, asking.read(act.form, body.fields)))
            except Exception as error:  # noqa: BLE001
                connection.rollback()
                return problem_json(problem_of(error))
        content = {"location": done.location, "said": done.said, "value": done.value}
        return Response(_dump(content), media_type="application/json")

    # -- steps ---------------------------------------------------------------------------------------------

    def _visit(self, request: Request, connection: Connection) -> Visit:
        """Step 1. The look at the session is committed at once: a page that fails was a visit all the same."""
        now = dt.datetime.now(dt.UTC)
        bearer = _bearer(request)
        cookie = "" if bearer else request.cookies.get(cookies.SESSION, "")
        session = self._session(connection, bearer or cookie, now)
        look = Look.from_cookie(request.cookies.get(cookies.LOOK, ""))
        if session:
            look = cookies.look_of(connection, session.party.user_id) or look
        connection.commit()
        return Visit(
            rooms=self._rooms,
            connection=connection,
            session=session,
            token="" if bearer else cookie or cookies.new_token(),
            look=look,
            now=now,
            say=self._renderer.speaker(look.language),
            address=request.client.host if request.client else "",
            agent=request.headers.get("user-agent", ""),
            path=dict(request.path_params),
            said=cookies.said(request),
        )

    def _session(self, connection: Connection, token: str, now: dt.datetime) -> Session | None:
        if not token:
            return None
        try:
            return session_of(connection, token, idle=self._rooms.settings.session_idle, now=now)
        except Unauthenticated:
            return None

    @staticmethod
    def _admit(visit: Visit, may: str) -> None:
        """Step 3."""
        if may == ANYONE:
            return
        if visit.session is None:
            raise Unauthenticated("portal.signed_out", "请先登录")
        if visit.session.stage != "open" and may != FIRST_STEP:
            raise FirstThings("portal.first_things", "请先换掉初始口令，管理员还须绑定动态口令")
        if may not in (SIGNED_IN, FIRST_STEP):
            visit.must(may)

    def _answer(self, page: Page, visit: Visit, value: Any, request: Request, *, as_json: bool) -> Response:
        """Step 6."""
        if isinstance(value, Download):
            return _file(value)
        if as_json:
            return Response(_dump(value), media_type="application/json")
        frame = self._frame(visit, request, page.stop, page.tab)
        answer = self._renderer.page(page.template, visit, frame, value)
        if visit.said:
            cookies.set_cookie(answer, request, cookies.SAID, "", 0)
        return answer

    def _frame(self, visit: Visit, request: Request, stop: str = "", tab: str = "") -> Frame:
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return make_frame(visit, stop=stop, tab=tab, here=here, sought=request.query_params.get("q", ""))

    def _refusal(self, error: Exception, visit: Visit, request: Request, *, as_json: bool) -> Response:
        problem = problem_of(error)
        if as_json:
            return problem_json(problem)
        if isinstance(error, FirstThings):
            return RedirectResponse("/me/first", 303)
        if isinstance(error, Unauthenticated) and request.method == "GET":
            return RedirectResponse(f"/sign-in?next={quote(request.url.path)}", 303)
        try:
            frame = self._frame(visit, request)
            answer: Response = self._renderer.page("ui/problem.html", visit, frame, problem, problem.status)
        except Exception as another:  # noqa: BLE001  what breaks a page may break the frame around its problem
            visit.connection.rollback()
            problem_of(another)
            return problem_json(problem)
        return _with_token(answer, visit, request)

    def _form_again(self, act: Act, error: Exception, visit: Visit, request: Request, body: Body) -> Response:
        """The page the form stands on, with what was wrong and everything that had been written."""
        page = self._pages.get(act.shown_on)
        out = visit.session is None and page is not None and page.may != ANYONE
        if page is None or out or not isinstance(error, BadInput | Conflict | Unauthenticated):
            return self._refusal(error, visit, request, as_json=False)
        again = replace(visit, trouble=error, given=_shown_again(body.fields))
        try:
            value = page.build(again, page.asks())
            frame = self._frame(again, request, page.stop, page.tab)
            return self._renderer.page(page.template, again, frame, value, error.status)
        except JutongError:
            again.connection.rollback()
            return self._refusal(error, visit, request, as_json=False)

    def missing(self, request: Request) -> Response:
        """An address nobody answers."""
        as_json = request.url.path.startswith("/api/") or request.query_params.get("format") == "json"
        with self._rooms.database.connection() as connection:
            visit = self._visit(request, connection)
            error = NotFound("portal.no_page", f"没有「{request.url.path}」这一页")
            return self._refusal(error, visit, request, as_json=as_json)


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _same_origin(request: Request) -> None:
    """Step 2: a browser says where a form came from; a program says nothing."""
    origin = request.headers.get("origin", "")
    if origin and urlsplit(origin).netloc != request.headers.get("host", ""):
        raise Denied("portal.foreign_form", "表单不是从本平台的页面提交的")


def _multi(request: Request) -> dict[str, list[str]]:
    return {name: request.query_params.getlist(name) for name in request.query_params}


def _shown_again(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What the form held, without secrets."""
    hidden = {"_csrf", "password", "code", "new_password", "again"}
    return {name: value for name, value in fields.items() if name not in hidden}


def _done(connection: Connection, done: Done | Refused) -> Done:
    """A refusal that must be remembered (a wrong password) is a value: it commits, then becomes an error."""
    if isinstance(done, Refused):
        connection.commit()
        raise Unauthenticated(done.code, done.reason)
    return done


def _redirect(done: Done, request: Request) -> Response:
    answer = RedirectResponse(local_path(done.location), 303)
    if done.token is not None:
        cookies.set_cookie(answer, request, cookies.SESSION, done.token or cookies.new_token())
    if done.look is not None:
        cookies.set_cookie(answer, request, cookies.LOOK, done.look, 365 * 86_400)
    if done.said:
        cookies.set_cookie(answer, request, cookies.SAID, done.said, 60)
    return answer


def _with_token(answer: Response, visit: Visit, request: Request) -> Response:
    """Every browser has a token before its first form."""
    if visit.token and request.cookies.get(cookies.SESSION) != visit.token:
        cookies.set_cookie(answer, request, cookies.SESSION, visit.token)
    return answer


def local_path(location: str) -> str:
    """A path of our own; anything that could lead a person elsewhere becomes the desk."""
    parts = urlsplit(location)
    plain = location.startswith("/") and not location.startswith("//") and "\\" not in location
    return location if plain and not parts.scheme and not parts.netloc else "/"


def _file(download: Download) -> Response:
    kept = "inline" if download.inline else "attachment"
    headers = {"Content-Disposition": f"{kept}; filename*=UTF-8''{quote(download.name)}"}
    if isinstance(download.content, bytes):
        return Response(download.content, media_type=download.media_type, headers=headers)
    if isinstance(download.content, Path):
        return FileResponse(download.content, media_type=download.media_type, headers=headers)
    headers |= {"Content-Length": str(download.length), "Jutong-Receipt": download.receipt}
    return StreamingResponse(download.content, media_type=download.media_type, headers=headers)


def _dump(value: Any) -> bytes:
    return orjson.dumps(value, default=_plain, option=_JSON)


def _plain(value: Any) -> Any:
    """Decimals keep every digit as text; a set has no order of its own."""
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, bytes):
        return value.hex()
    return str(value)
