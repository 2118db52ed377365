"""Column lineage 字段血缘: source column → raw → standard item → register item → service field.

Read from the declarations themselves, so it cannot lag behind what runs.  The same links are told as OpenLineage
events (https://openlineage.io/spec/2-0-2/OpenLineage.json, facet ColumnLineageDatasetFacet 1-2-0) to whoever keeps
a catalogue of their own.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jutong.database import Connection, named_sql
from jutong.elements import element_of
from jutong.terms import NotFound

_sql = named_sql(__file__)
_SPEC = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
_FACET = (
    "https://openlineage.io/spec/facets/1-2-0/ColumnLineageDatasetFacet.json#/$defs/ColumnLineageDatasetFacet"
)
_NAMESPACE = "jutong"
_NAMESPACE_URL = "urn:jutong:refine"


@dataclass(frozen=True)
class Link:
    from_dataset: str
    from_item: str
    to_dataset: str
    to_item: str
    #: What is done on the way, in words.
    how: str


def lineage(connection: Connection, table: str) -> list[Link]:
    """Every link of a source table's columns, stage by stage; raises NotFound ``refine.no_table``."""
    row = connection.execute(_sql.lineage_of_table, {"table": table}).fetchone()
    if row is None:
        raise NotFound("refine.no_table", f"没有归集表 {table}")
    links: list[Link] = []
    raw, standard = f"raw.{table}", f"standard.{table}"
    for item in row["items"]:
        element = element_of(item.get("element"), item.get("type", "text"))
        links.append(Link(row["source_name"], item.get("source") or item["name"], raw, item["name"], "原样"))
        links.append(Link(raw, item["name"], standard, item["name"], f"按数据元「{element.label}」清洗"))
    fed = {standard}
    for feeding in connection.execute(_sql.registers_fed, {"dataset": standard}):
        register = f"base.{feeding['register']}"
        fed.add(register)
        links += [
            Link(standard, source, register, item, f"合并入{feeding['label']}，可信度 {feeding['trust']}")
            for item, source in feeding["mapping"].items()
        ]
    for service in connection.execute(_sql.services_on, {"datasets": sorted(fed)}):
        links += [
            Link(service["dataset"], item, f"service.{service['name']}", item, "接口服务")
            for item in service["items"]
        ]
    return links


def openlineage(links: Sequence[Link], *, table: str, at: str, batch: str) -> dict[str, Any]:
    """A COMPLETE event of refining a batch: its run, its job, and which column came from which.

    ``at`` is an ISO instant.  The run's id is made from the batch's, so telling it twice is telling it once.
    """
    raw, standard = f"raw.{table}", f"standard.{table}"
    fields = {
        link.to_item: {
            "inputFields": [
                {
                    "namespace": _NAMESPACE, "name": link.from_dataset, "field": link.from_item,
                    "transformations": [{"type": "DIRECT", "subtype": "TRANSFORMATION", "description": link.how, "masking": False}],
                }
            ]
        }
        for link in links
        if link.to_dataset == standard
    }  # fmt: skip
    facet = {"_producer": _NAMESPACE_URL, "_schemaURL": _FACET, "fields": fields}
    return {
        "eventType": "COMPLETE",
        "eventTime": at,
        "producer": _NAMESPACE_URL,
        "schemaURL": _SPEC,
        "run": {"runId": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{_NAMESPACE_URL}/{batch}"))},
        "job": {"namespace": _NAMESPACE, "name": f"refine.{table}"},
        "inputs": [{"namespace": _NAMESPACE, "name": raw}],
        "outputs": [{"namespace": _NAMESPACE, "name": standard, "facets": {"columnLineage": facet}}],
    }
