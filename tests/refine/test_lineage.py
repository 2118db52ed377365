"""Where a column came from and where it goes, read from the declarations; and told as OpenLineage."""

from __future__ import annotations

import uuid

import pytest
from psycopg.types.json import Jsonb
from tests.refine.town import Town

from jutong.refine import lineage, openlineage
from jutong.terms import NotFound

ITEMS = (
    {"name": "uscc", "label": "统一社会信用代码", "element": "uscc", "source": "社会信用代码"},
    {"name": "name", "label": "名称", "element": "legal_name", "source": "企业名称"},
)


def test_a_column_is_followed_from_the_source_to_the_register(town: Town) -> None:
    table = town.table(ITEMS, keys=("uscc",))
    with town.database.connection() as connection:
        connection.execute(
            "INSERT INTO register (name, label, prefix, items) VALUES ('body', '法人', 'LE', '[]') ON CONFLICT DO NOTHING"
        )
        connection.execute(
            "INSERT INTO register_source (register, dataset, label, mapping, trust) VALUES ('body', %s, '源', %s, 3)",
            (f"standard.{table}", Jsonb({"legal_name": "name"})),
        )
        links = lineage(connection, table)
    name = [
        (link.from_dataset, link.from_item, link.to_dataset, link.to_item)
        for link in links
        if "name" in (link.from_item, link.to_item)
    ]
    assert name == [
        ("s_d23", "企业名称", f"raw.{table}", "name"),
        (f"raw.{table}", "name", f"standard.{table}", "name"),
        (f"standard.{table}", "name", "base.body", "legal_name"),
    ]
    event = openlineage(links, table=table, at="2025-06-01T09:00:00Z", batch="b1")
    assert uuid.UUID(event["run"]["runId"])
    assert event == openlineage(links, table=table, at="2025-06-01T09:00:00Z", batch="b1")
    fields = event["outputs"][0]["facets"]["columnLineage"]["fields"]
    assert fields["uscc"]["inputFields"][0]["name"] == f"raw.{table}"
    with town.database.connection() as connection, pytest.raises(NotFound):
        lineage(connection, "nowhere")
