"""A call of a service in three languages, as it may be copied; tokens and values are left to whoever copies."""

from __future__ import annotations

from dataclasses import dataclass

from jutong.share import Service


@dataclass(frozen=True)
class Example:
    language: str
    text: str


def question(service: Service) -> str:
    """What a first call would ask, a parameter a line."""
    if service.kind == "list":
        return "limit=20"
    if service.kind == "statistics":
        return f"by={service.keys[0]}"
    lines = [f"{key}=" for key in service.keys]
    if service.kind == "verify":
        lines += [f"{name}=" for name in service.items if name not in service.keys][:2]
    return "\n".join(lines)


def examples(service: Service, gate: str) -> tuple[Example, ...]:
    asked = [line.partition("=") for line in question(service).split("\n")]
    query = "&".join(f"{name}={value or '…'}" for name, _, value in asked)
    address = f"{gate}/v1/{service.name}?{query}"
    return (
        Example("curl", f"curl -H \"Authorization: Bearer $JUTONG_TOKEN\" \\\n  '{address}'"),
        Example("Python", _python(service, gate, [(name, value or "…") for name, _, value in asked])),
        Example("Java", _java(address)),
    )


def _python(service: Service, gate: str, asked: list[tuple[str, str]]) -> str:
    given = ", ".join(f'{name}="{value}"' for name, value in asked)
    name = service.name
    body = {
        "query": f'    for row in city.rows("{name}", {given}):\n        print(row)',
        "verify": f'    print(city.verify("{name}", {given}))',
        "list": (
            f'    page = city.page("{name}", limit=20)\n    since = page.since\n    while page.next:\n'
            f'        page = city.page("{name}", limit=20, after=page.next)\n'
            f'    for changed in city.changes("{name}", since):\n'
            "        print(changed.deleted, changed.rows)"
        ),
        "statistics": (
            f'    told = city.count("{name}", by=["{service.keys[0]}"])\n'
            "    print(told.total, told.groups, told.suppressed)"
        ),
    }["query" if service.kind == "proxy" else service.kind]
    return (
        "import os\nfrom jutong.client import City\n\n"
        f'with City("{gate}", token=os.environ["JUTONG_TOKEN"]) as city:\n{body}'
    )


def _java(address: str) -> str:
    return (
        "var client = java.net.http.HttpClient.newHttpClient();\n"
        f'var uri = java.net.URI.create("{address}");\n'
        "var request = java.net.http.HttpRequest.newBuilder(uri)\n"
        '    .header("Authorization", "Bearer " + System.getenv("JUTONG_TOKEN"))\n'
        "    .build();\n"
        "var answer = client.send(request, java.net.http.HttpResponse.BodyHandlers.ofString());\n"
        'System.out.println(answer.statusCode() + " " + answer.headers().firstValue("Jutong-Receipt"));\n'
        "System.out.println(answer.body());"
    )
