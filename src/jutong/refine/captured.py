"""Deletes that change capture brought: which keys of the standard dataset are gone (UC-GATHER-05).

``raw.<table>_change`` holds every change of a batch in its order, with ``_op`` i, u, d or t.
"""

from __future__ import annotations

from jutong.refine.judging import given_sql
from jutong.refine.plan import Plan
from jutong.store import table_sql
from jutong.terms import DatasetName, Zone, literal, quote


def captured_sql(plan: Plan, stage: str, batch_id: str) -> str:
    """Keys, cleaned as refining cleans them, whose last change in a batch is a delete and that no row of it bears."""
    changes = table_sql(DatasetName(Zone.RAW, f"{plan.source_table}_change"))
    batch = f"_batch = {literal(batch_id)}"
    raw_keys = ", ".join(map(quote, plan.keys))
    last = f"SELECT max(_row) FROM {changes} WHERE {batch} AND _op <> 't' GROUP BY {raw_keys}"
    planned = [plan.items[place - 1] for place in plan.key_places]
    given = ", ".join(f"{given_sql(one)} AS g{place}" for place, one in enumerate(planned))
    cleaned = ", ".join(f"{one.element.clean(f'g{place}')} AS t{place}" for place, one in enumerate(planned))
    values = ", ".join(
        f"{f't{place}' if one.kept_as_text else one.cast(f't{place}')} AS {quote(one.item.name)}"
        for place, one in enumerate(planned)
    )
    there = " AND ".join(f"{quote(one.item.name)} IS NOT NULL" for one in planned)
    same = " AND ".join(f"g.{quote(key)} = gone.{quote(key)}" for key in plan.keys)
    return (
        f"SELECT DISTINCT * FROM (SELECT {values} FROM (SELECT {cleaned} FROM (SELECT {given} FROM {changes}"
        f" WHERE {batch} AND _op = 'd' AND _row IN ({last})))) AS gone"
        f" WHERE {there} AND NOT EXISTS (SELECT 1 FROM {stage} AS g WHERE NOT _rejected AND {same})"
    )
