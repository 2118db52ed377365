"""Lineage 血缘: where a dataset comes from and what depends on it, read from the declarations themselves."""

from __future__ import annotations

from dataclasses import dataclass

from jutong.database import Connection, named_sql

_sql = named_sql(__file__)


@dataclass(frozen=True)
class Edge:
    """``upstream`` feeds ``downstream``: ``by`` gather, refine, fuse or model; ``distance`` from the dataset asked.

    A source system stands as ``source:<name>``.
    """

    upstream: str
    downstream: str
    by: str
    label: str
    distance: int


@dataclass(frozen=True)
class Lineage:
    dataset: str
    above: tuple[Edge, ...]
    below: tuple[Edge, ...]


def lineage(connection: Connection, dataset: str) -> Lineage:
    """Everything above and below a dataset, nearest first; a name nobody declared has none."""
    above, below = (
        tuple(Edge(**row) for row in connection.execute(query, {"dataset": dataset}))
        for query in (_sql.upstream, _sql.downstream)
    )
    return Lineage(dataset, above, below)
