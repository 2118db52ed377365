"""OpenAPI 3.1: what the gate says it answers is what it answers, to this application and no more."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from fastapi.openapi.models import OpenAPI
from tests.gate.conftest import wait_for
from tests.share_city import agree

from jutong.share import Offer, describe, find_service, openapi, publish_service, set_access
from jutong.share.access import Access

KINDS = {"company": "query", "checked": "verify", "rolled": "list", "tallied": "statistics"}


@pytest.fixture(scope="module")
def kinds(city):
    with city.database.connection() as connection:
        for name, kind in KINDS.items():
            publish_service(
                connection,
                Offer(
                    name=name,
                    entry_id=city.entry_id,
                    kind=kind,
                    least=5,
                    keys=["division"] if kind in ("list", "statistics") else ["uscc"],
                ),
            )


@pytest.fixture
def document(kinds, city, gate, application):
    name, token = application
    agree(city, application_id=name, method="api", items=["uscc", "name", "phone", "division", "staff", "founded"])  # fmt: skip
    wait_for(gate, token, "rolled")
    for service in ("tallied", "checked", "company"):
        # Asked once a turn: between two questions the replica may have come.
        gate.until(lambda service=service: b"gate.replica_behind" not in gate.call(service, token).body)
    return gate.call("openapi.json", token).told


def resolved(document, part):
    while "$ref" in part:
        found = document
        for step in part["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        part = found
    return part


def problems(document, schema, value, place="$"):
    """A validator of the few keywords these documents use."""
    schema = resolved(document, schema)
    if "oneOf" in schema:
        fits = [one for one in schema["oneOf"] if not list(problems(document, one, value))]
        if len(fits) != 1:
            yield f"{place}: fits {len(fits)} of oneOf"
        return
    if ("const" in schema and value != schema["const"]) or ("enum" in schema and value not in schema["enum"]):
        yield f"{place}: {value!r}"
    kinds = {
        "string": str,
        "integer": int,
        "boolean": bool,
        "object": dict,
        "array": list,
        "null": type(None),
    }
    wanted = schema.get("type", [])
    wanted = [wanted] if isinstance(wanted, str) else wanted
    if wanted and type(value) not in [kinds[one] for one in wanted]:
        yield f"{place}: {value!r} is no {wanted}"
        return
    if schema.get("format") == "date" and value is not None:
        dt.date.fromisoformat(value)
    if isinstance(value, list):
        for number, one in enumerate(value):
            yield from problems(document, schema["items"], one, f"{place}[{number}]")
    if isinstance(value, dict):
        known = schema.get("properties", {})
        yield from (f"{place}: no {name}" for name in schema.get("required", []) if name not in value)
        for name, one in value.items():
            more = known.get(name, schema.get("additionalProperties", True))
            if more is False:
                yield f"{place}: unknown {name}"
            elif isinstance(more, dict):
                yield from problems(document, more, one, f"{place}.{name}")


def references(part):
    if isinstance(part, dict):
        if "$ref" in part:
            yield part
        for one in part.values():
            yield from references(one)
    elif isinstance(part, list):
        for one in part:
            yield from references(one)


def check_document(document):
    read = OpenAPI.model_validate(document)
    assert read.openapi == "3.1.0"
    assert all(resolved(document, one) for one in references(document))
    named = [method["operationId"] for path in document["paths"].values() for method in path.values()]
    assert len(set(named)) == len(named)
    for path in document["paths"].values():
        for parameter in path["get"]["parameters"]:
            assert {"name", "in", "required", "schema"} <= parameter.keys()


def test_an_application_is_told_what_it_may_call_and_no_more(city, gate, document, application):
    check_document(document)
    assert {path.removeprefix("/v1/") for path in document["paths"]} >= set(KINDS)
    row = document["components"]["schemas"]["company.row"]["properties"]
    assert set(row) == {"uscc", "name", "phone", "division", "staff", "founded"}
    assert (row["staff"]["type"], row["founded"]["format"]) == (["integer", "null"], "date")
    assert row["phone"]["x-mask"] == "middle"
    assert "secret" not in json.dumps(document)
    with city.database.connection() as connection:
        set_access(connection, application[0], Access(services=("company",)))
    gate.until(lambda: set(gate.call("openapi.json", application[1]).told["paths"]) == {"/v1/company"})


@pytest.mark.parametrize(
    ("service", "asked"),
    [
        ("company", {}),
        ("checked", {"uscc": "KEY", "name": "x"}),
        ("rolled", {"limit": 3}),
        ("rolled", {"since": "SINCE"}),
        ("tallied", {}),
        ("company", {"batch": [{"uscc": "1"}, {"uscc": "KEY"}]}),
    ],
)
def test_every_answer_is_as_described(city, gate, document, application, service, asked):
    token = application[1]
    asked = {
        name: min(city.rows)
        if value == "KEY"
        else gate.call("rolled", token).told["since"]
        if value == "SINCE"
        else value
        for name, value in asked.items()
    }
    method = {"method": "POST", "body": asked} if "batch" in asked else asked
    reply = gate.call(service, token, **method)
    assert reply.status == 200, reply.body
    operation = document["paths"][f"/v1/{service}"]["get"]
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    assert list(problems(document, schema, reply.told)) == []
    assert {name.lower() for name in operation["responses"]["200"]["headers"]} <= reply.headers.keys()
    if "batch" in asked:
        body = document["paths"][f"/v1/{service}"]["post"]["requestBody"]["content"]["application/json"][
            "schema"
        ]
        assert list(problems(document, body, asked)) == []


def test_a_refusal_is_as_described(gate, document, application):
    reply = gate.call("company", application[1], nonsense="1")
    assert list(problems(document, document["components"]["schemas"]["Problem"], reply.told)) == []
    assert gate.call("openapi.json", "jtk_nobody").code == "gate.bad_token"


def test_a_service_is_described_as_the_catalogue_offers_it(city, kinds):
    with city.database.connection() as connection:
        for name in KINDS:
            found = openapi([describe(connection, find_service(connection, name))], title=name)
            check_document(found)
            assert "secret" not in json.dumps(found)
