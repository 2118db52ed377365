"""Mistakes and refusals, said twice: a page for people, an RFC 9457 problem document for programs."""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.responses import Response

from jutong.portal.asking import BadForm
from jutong.terms import Broken, JutongError

log = logging.getLogger("jutong.portal")

TITLES = {
    400: "这个请求看不懂",
    401: "请先登录",
    403: "不在您的权限之内",
    404: "这里没有",
    405: "这里不能这样做",
    409: "情况已经变了",
    413: "太大了",
    415: "不收这种内容",
    422: "给的内容不能接收",
    429: "太快了",
    500: "平台自己出了错",
    503: "暂时不能用",
}


@dataclass(frozen=True)
class Problem:
    """What went wrong, for the error page and ``?format=json``."""

    status: int
    title: str
    sentence: str
    code: str
    address: str = ""
    #: Every field that could not be taken, with its sentence.
    fields: tuple[tuple[str, str], ...] = ()
    #: The line in the log, for errors that are ours.
    trace: str = ""


def problem_of(error: Exception) -> Problem:
    """The problem an exception means; what is not ours to explain is logged and named by a number only."""
    if isinstance(error, JutongError) and not isinstance(error, Broken):
        fields = tuple(error.fields.items()) if isinstance(error, BadForm) else ()
        return Problem(
            error.status, TITLES[error.status], error.sentence, error.code, str(error.address or ""), fields
        )
    trace = secrets.token_hex(4)
    log.error("%s: %s", trace, error, exc_info=error)
    code = error.code if isinstance(error, JutongError) else "portal.broken"
    sentence = "平台内部出了错，已记入日志。请把下面的编号告诉系统管理员。"
    return Problem(500, TITLES[500], sentence, code, trace=trace)


def problem_json(problem: Problem) -> Response:
    body: dict[str, Any] = {
        "type": f"urn:jutong:problem:{problem.code}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.sentence,
        "code": problem.code,
    }
    if problem.address:
        body["address"] = problem.address
    if problem.fields:
        body["fields"] = dict(problem.fields)
    if problem.trace:
        body["trace"] = problem.trace
    return Response(orjson.dumps(body), problem.status, media_type="application/problem+json")
