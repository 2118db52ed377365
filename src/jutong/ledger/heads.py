"""Heads kept in the control database, so that cutting the files back shows (design §11)."""

from __future__ import annotations

import base64
from typing import Any

import psycopg

from jutong.database import named_sql
from jutong.ledger.ledger import Ledger
from jutong.ledger.stream import Head
from jutong.terms import Broken
from jutong_verify import Problem

_SQL = named_sql(__file__)

Connection = psycopg.Connection[dict[str, Any]]


def keep_heads(connection: Connection, ledger: Ledger) -> None:
    """Remember the newest checkpoint and how far each stream is durable; to be called every 5 s.

    A stream that is gone is forgotten only when its last record is found in the log.
    """
    note, checkpoint, heads = ledger.note(), ledger.checkpoint(), ledger.heads()
    root = base64.b64encode(checkpoint.root).decode()
    row = {"origin": ledger.origin, "size": checkpoint.size, "root": root, "checkpoint": note}
    connection.execute(_SQL.keep_ledger_head, row)
    for head in heads:
        connection.execute(
            _SQL.keep_stream_head,
            {
                "origin": ledger.origin,
                "stream": head.stream,
                "sequence": head.sequence,
                "leaf": head.leaf.hex(),
            },
        )
    present = {head.stream for head in heads}
    for kept in connection.execute(_SQL.stream_heads, {"origin": ledger.origin}).fetchall():
        if kept["stream"] not in present and ledger.index_of(bytes.fromhex(kept["leaf"])) is not None:
            connection.execute(_SQL.forget_stream, {"origin": ledger.origin, "stream": kept["stream"]})


def check_heads(connection: Connection, ledger: Ledger) -> list[Problem]:
    """What the control database remembers and the files no longer hold; files too damaged to compare are told."""
    kept = connection.execute(_SQL.ledger_head, {"origin": ledger.origin}).fetchone()
    streams = connection.execute(_SQL.stream_heads, {"origin": ledger.origin}).fetchall()
    try:
        return [*_check_log(kept, ledger), *_check_streams(streams, ledger)]
    except Broken as problem:
        return [Problem("checkpoint", f"无法与控制库所记比对：{problem.sentence}")]


def _check_log(kept: dict[str, Any] | None, ledger: Ledger) -> list[Problem]:
    size = ledger.checkpoint().size
    if kept is None:
        return []
    if kept["size"] > size:
        return [Problem("checkpoint", f"控制库记得 {kept['size']} 条，账本只有 {size} 条：账本被截短")]
    if base64.b64encode(ledger.root_at(kept["size"])).decode() != kept["root"]:
        return [Problem("checkpoint", f"前 {kept['size']} 条与控制库记得的根不符：历史被改写")]
    return []


def _check_streams(kept: list[dict[str, Any]], ledger: Ledger) -> list[Problem]:
    heads = {head.stream: head for head in ledger.heads()}
    return [
        Problem(f"streams/{row['stream']}", f"第 {row['sequence']} 条已应答，如今既不在流中也不在账上")
        for row in kept
        if _cut(heads.get(row["stream"]), row["sequence"], row["leaf"], ledger)
    ]


def _cut(head: Head | None, sequence: int, leaf: str, ledger: Ledger) -> bool:
    if head is not None and head.sequence > sequence:
        return False  # the chain to the present head runs through it
    if head is not None and head.sequence == sequence:
        return head.leaf.hex() != leaf
    return ledger.index_of(bytes.fromhex(leaf)) is None
