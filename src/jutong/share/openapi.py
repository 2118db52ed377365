"""接口说明: a service, or all an application may call, as an OpenAPI 3.1 document made from catalogue and elements.

Pure: what is described comes in as ``Described``; the gate makes it from its picture of rights, the portal from rows.
Examples are the elements' own, never a value of anybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jutong.database import Connection, named_sql
from jutong.elements import element_of
from jutong.share.bounds import Bound, bound, bound_of, mask_for, not_live
from jutong.share.grants import Grant, grants_of
from jutong.share.outgoing import OutItem
from jutong.share.selections import Selection, combined
from jutong.share.services import KINDS, Service, columns_of, servable, services
from jutong.terms import Item, Refused

_SQL = named_sql(__file__)
Json = dict[str, Any]
VERSION = "3.1.0"


@dataclass(frozen=True)
class Described:
    """One service as one caller, or anybody, may see it."""

    name: str
    label: str
    kind: str
    keys: tuple[str, ...]
    #: The dataset's business key.
    dataset_keys: tuple[str, ...]
    #: What leaves, with its mask.
    items: tuple[OutItem, ...]
    #: Every column of the dataset: the types of keys that do not leave.
    columns: tuple[Item, ...]
    max_rows: int
    least: int
    #: query: how many days back it may be asked as of.
    past_days: int | None = None


def describe(connection: Connection, service: Service) -> Described:
    """The service as the catalogue offers it; a grant narrows it."""
    typed = columns_of(connection, service.dataset, service.selection)
    items, keys = servable(connection, service.entry_id, service.dataset, service.selection)
    leaving = tuple(
        OutItem(_named(typed[item.name], item.label, item.element), mask_for(item))
        for item in items
        if item.name in service.items
    )
    return _described(service, tuple(keys), leaving, tuple(typed.values()))


def describe_granted(connection: Connection, application_id: str, now: datetime) -> list[Described]:
    """Every active service an application may call now, narrowed to its oldest live grant there."""
    found = []
    held = [grant for grant in grants_of(connection, application_id) if grant.method == "api"]
    for service in services(connection):
        for grant in held:
            if service.state != "active" or grant.entry_id != service.entry_id:
                continue
            if service.selection:
                decided = _bound_at(connection, service, service.selection, grant, now)
            else:
                decided = bound_of(connection, grant.id, now)
            if isinstance(decided, Refused) or decided.outgoing.dataset != service.dataset:
                continue
            found.append(under(service, decided))
            break
    return found


def _bound_at(
    connection: Connection, service: Service, selection: Selection, grant: Grant, now: datetime
) -> Bound | Refused:
    """What a grant lets out of a SELECT, together with the application's grants of the other entries it reads."""
    rows = connection.execute(
        _SQL.api_grants_of_application, {"application": grant.application_id}
    ).fetchall()
    anchor = next(row for row in rows if row["id"] == grant.id)
    refused = not_live(anchor, now)
    whole = refused or combined(
        selection, anchor, lambda entry: [row for row in rows if row["entry_id"] == entry], now
    )
    if isinstance(whole, Refused):
        return whole
    items, keys = servable(connection, service.entry_id, service.dataset, selection)
    return bound(whole, items, selection.items, keys, now)


def under(service: Service, decided: Bound) -> Described:
    """The service as a grant narrows it."""
    outgoing = decided.outgoing
    leaving = tuple(out for out in outgoing.items if out.item.name in service.items)
    return _described(service, outgoing.keys, leaving, outgoing.all_items)


def openapi(described: Iterable[Described], *, title: str, server: str = "/") -> Json:
    """The document; ``server`` is where the gate is, relative to where the document was fetched if need be."""
    found = list(described)
    return {
        "openapi": VERSION,
        "info": {
            "title": title,
            "version": "1",
            "description": "凭应用令牌或请求签名（RFC 9421）调用；每次应答先存证后发出，应答头 Jutong-Receipt 是回执。",
        },
        "servers": [{"url": server}],
        "security": [{"token": []}, {"signature": [], "signatureInput": []}],
        "tags": [{"name": label} for label in dict.fromkeys(KINDS[one.kind] for one in found)],
        "paths": {f"/v1/{one.name}": _path(one) for one in found},
        "components": {
            "securitySchemes": _SCHEMES,
            "schemas": {"Problem": _PROBLEM, **{f"{one.name}.row": _row(one.items) for one in found}},
            "headers": _HEADERS,
            "responses": {
                "Problem": {
                    "description": "拒绝：RFC 9457 问题文档，code 说明原因，例如 share.not_granted",
                    "content": {"application/problem+json": {"schema": _ref("schemas", "Problem")}},
                }
            },
        },
    }


def _path(one: Described) -> Json:
    said = {
        "tags": [KINDS[one.kind]],
        "summary": one.label,
        "description": _SAID[one.kind].format(
            keys="、".join(one.keys), rows=min(one.max_rows, 1000), least=one.least
        ),
        "responses": {
            "200": {
                "description": "应答",
                "headers": {name: _ref("headers", name) for name in _HEADERS},
                "content": {"application/json": {"schema": _answer(one)}},
            },
            "304": {"description": "与 If-None-Match 给出的一样"},
            "default": _ref("responses", "Problem"),
        },
    }
    return {
        "get": {**said, "operationId": f"get_{one.name}", "parameters": _parameters(one)},
        "post": {
            **said,
            "operationId": f"post_{one.name}",
            "requestBody": {"required": True, "content": {"application/json": {"schema": _question(one)}}},
        },
    }


_SAID = {
    "query": "按 {keys} 查询，须全部给出；都不给则逐页读取。一次至多 {rows} 行；POST 的 batch 一次至多 1000 个。",
    "verify": "按 {keys} 核验：给出要核对的值，逐项应答 match、mismatch 或 not_found，不返回任何数据。",
    "list": "列出授权范围内的全部记录，每页至多 {rows} 行；可按 {keys} 筛选。留下第一页的 since，以后凭它只取变更。",
    "statistics": "依次按 {keys} 分组计数；少于 {least} 的计数不告知，能由此推出它的也不告知。",
    "proxy": "按 {keys} 向提供方的实时接口查询，须全部给出；数据不落平台。一次至多 {rows} 行。",
}


def _where(one: Described) -> Json:
    """The items a call may name, with their types."""
    typed = {column.name: column for column in one.columns}
    typed |= {out.item.name: out.item for out in one.items}
    names = [*one.keys, *(out.item.name for out in one.items)] if one.kind == "verify" else one.keys
    return {name: _value(OutItem(typed[name])) for name in dict.fromkeys(names) if name in typed}


def _parameters(one: Described) -> list[Json]:
    found = [
        {
            "name": name,
            "in": "query",
            "required": one.kind in ("verify", "proxy") and name in one.keys,
            "schema": schema,
            "description": schema["title"],
        }
        for name, schema in _where(one).items()
    ]
    for name, schema in _options(one).items():
        listed = schema["type"] == "array"
        more = {"style": "form", "explode": False} if listed else {}
        found.append({"name": name, "in": "query", "required": False, "schema": schema, **more})
    return found


def _question(one: Described) -> Json:
    where: Json = {"type": "object", "properties": _where(one), "additionalProperties": False}
    if one.kind in ("verify", "proxy"):
        where["required"] = list(one.keys)
    single: Json = {
        "type": "object",
        "properties": {"where": where, **_options(one)},
        "additionalProperties": False,
    }
    if one.kind != "query":
        return single
    many: Json = {
        "type": "object",
        "properties": {
            "batch": {"type": "array", "items": where, "minItems": 1, "maxItems": 1000},
            "items": _options(one)["items"],
        },
        "required": ["batch"],
        "additionalProperties": False,
    }
    return {"oneOf": [single, many]}


def _options(one: Described) -> Json:
    names = [out.item.name for out in one.items]
    items: Json = {"type": "array", "items": {"type": "string", "enum": names}, "title": "只要这些信息项"}
    limit: Json = {"type": "integer", "minimum": 1, "title": "至多几行"}
    past: Json = {}
    if one.past_days is not None:
        said = f"按那一天结束时的记录应答，至多 {one.past_days} 天以前；须给出全部查询项"
        past = {"as_of": {"type": "string", "format": "date", "title": said}}
    return {
        "query": {
            "items": items,
            "limit": limit,
            "cursor": {"type": "string", "title": "上一页应答的 next"},
            **past,
        },
        "verify": {},
        "proxy": {"items": items, "limit": limit},
        "list": {
            "items": items,
            "limit": limit,
            "after": {"type": "string", "title": "上一页应答的 next"},
            "since": {"type": "string", "title": "上一次应答的 since：只取其后的变更"},
        },
        "statistics": {
            "by": {
                "type": "array",
                "items": {"type": "string", "enum": list(one.keys)},
                "title": "分组项，从第一个起",
            }
        },
    }[one.kind]


def _answer(one: Described) -> Json:
    rows = {"type": "array", "items": _ref("schemas", f"{one.name}.row")}
    token = {"type": ["string", "null"]}
    if one.kind == "verify":
        verdict = {"enum": ["match", "mismatch", "not_found"]}
        return _object({"result": {"type": "object", "additionalProperties": verdict}})
    if one.kind == "proxy":
        return _object({"rows": rows, "next": {"type": "null"}, "more": {"type": "boolean"}})
    if one.kind == "statistics":
        group = {**_row(one.items)}
        group["properties"] = {**group["properties"], "count": {"type": "integer", "minimum": one.least}}
        number = {"type": ["integer", "null"]}
        return _object(
            {
                "by": {"type": "array", "items": {"type": "string"}},
                "groups": {"type": "array", "items": group},
                "total": number,
                "suppressed": {**number, "title": "不告知的各组合计"},
                "least": {"const": one.least},
            }
        )
    if one.kind == "list":
        typed = {column.name: column for column in one.columns}
        key = _row([OutItem(typed[name]) for name in one.dataset_keys])
        page = _object({"rows": rows, "next": token, "since": {"type": "string"}})
        changed = _object(
            {
                "rows": rows,
                "deleted": {"type": "array", "items": key},
                "since": {"type": "string"},
                "more": {"type": "boolean"},
            }
        )
        return {"oneOf": [page, changed]}
    return {
        "oneOf": [
            _object({"rows": rows, "next": token}),
            _object({"answers": {"type": "array", "items": _object({"rows": rows})}}),
        ]
    }


def _object(properties: Json) -> Json:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _row(items: Sequence[OutItem]) -> Json:
    properties = {}
    for out in items:
        schema = _value(out)
        properties[out.item.name] = {**schema, "type": [schema["type"], "null"]}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _value(out: OutItem) -> Json:
    """One value's schema: its type, the standard its element follows, an example, how it is masked."""
    item = out.item
    element = element_of(item.element, item.type)
    found: Json = {"type": "string", "title": item.label or item.name, "description": element.about}
    if out.mask:
        return {**found, "description": f"{element.about}；脱敏 {out.mask}", "x-mask": out.mask}
    kind = item.type.split("(")[0]
    if kind in ("integer", "boolean"):
        found["type"] = kind
    elif kind == "date":
        found["format"] = "date"
    elif kind == "decimal":
        found["pattern"] = r"^-?\d+(\.\d+)?$"
    elif kind == "timestamp":
        found["description"] += "；不带时区，形如 2026-06-15T10:20:00.000000"
    if item.element:
        found["x-element"] = item.element
        example = next((cleaned for _, cleaned in element.passes if cleaned), None)
        if example is not None and found["type"] == "string":
            found["examples"] = [example]
    return found


def _ref(kind: str, name: str) -> Json:
    return {"$ref": f"#/components/{kind}/{name}"}


def _named(column: Item, label: str, element: str | None) -> Item:
    return Item(column.name, label or column.label, column.type, element or column.element)


def _described(
    service: Service, dataset_keys: tuple[str, ...], leaving: tuple[OutItem, ...], columns: tuple[Item, ...]
) -> Described:
    return Described(
        service.name,
        service.label,
        service.kind,
        service.keys,
        dataset_keys,
        leaving,
        columns,
        service.max_rows,
        service.least,
        service.past_days,
    )


_SCHEMES: Mapping[str, Json] = {
    "token": {"type": "http", "scheme": "bearer", "description": "应用令牌，生成时只显示一次"},
    "signature": {
        "type": "apiKey",
        "in": "header",
        "name": "Signature",
        "description": "RFC 9421，Ed25519 或 HMAC-SHA256；三级以上信息项必须签名",
    },
    "signatureInput": {"type": "apiKey", "in": "header", "name": "Signature-Input"},
}
_PROBLEM: Json = {
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string", "title": "一句话的原因"},
        "status": {"type": "integer"},
        "code": {"type": "string", "title": "原因代码"},
        "request_id": {"type": "string"},
    },
    "required": ["type", "title", "status", "code"],
}
_HEADERS: Mapping[str, Json] = {
    "Jutong-Receipt": {"description": "存证回执", "schema": {"type": "string"}},
    "Jutong-As-Of": {"description": "数据时间", "schema": {"type": "string", "format": "date-time"}},
    "Jutong-Request-Id": {"description": "本次调用的编号", "schema": {"type": "string"}},
    "ETag": {"description": "应答的指纹", "schema": {"type": "string"}},
}
