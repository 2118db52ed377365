"""Taking a file: the link is spent, the ledger says so durably, and only then the first byte leaves (law 3).  UC-SHARE-04.

Whoever is killed in between leaves a spent link that says its download began and was not seen to end, and the
evidence that it may have left.  A file that broke off may be asked for again; it is the same file and counts once.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from jutong.database import Database, named_sql
from jutong.ledger import Exchange, Stream
from jutong.people import Party, decide
from jutong.share.bounds import bound_of
from jutong.share.extracts.extracts import Extract, extract_of_link, file_of, find_extract, link_hash
from jutong.share.requests import mark_provided
from jutong.terms import Denied, NotFound, Refused

_SQL = named_sql(__file__)
_BLOCK = 256 * 1024


@dataclass(frozen=True)
class Leaving:
    """A file on its way; ``receipt`` is the ledger's for its exchange, ``blocks`` its bytes, once."""

    extract: Extract
    receipt: str
    blocks: Iterator[bytes]


def take_extract(
    database: Database, stream: Stream, folder: Path, party: Party, token: str, *, now: datetime | None = None
) -> Leaving:
    """Follow a link, as the officer of the department it is for.

    Raises NotFound ``share.extract_link``; Denied ``share.extract_link_used``, ``share.extract_link_late``,
    ``share.extract_stale`` where the grant has become stricter than the file, or the grant's and the party's own
    reasons (all but the first recorded); Unavailable ``ledger.stream_ended``, after which the link is still good.
    """
    at = now or datetime.now(UTC)
    with database.connection() as connection:
        extract = extract_of_link(connection, token)  # 1  which file
        decision = decide(party, "extract:make", extract)  # 2  who asks
        refused = decision if isinstance(decision, Refused) else _gone(extract, at)  # 3  is the link good
        if refused is None:
            bound = bound_of(connection, extract.grant_id, at)  # 4  on what ground, now
            if isinstance(bound, Refused):
                refused = bound
            elif bound.outgoing.signature != extract.shape:
                refused = Refused(
                    "share.extract_stale", "文件生成后授权或目录有变化，这个文件不能再取，请重新生成"
                )
    if refused:
        stream.record(_fact(extract, party, "share:extract:refuse", outcome="refused", code=refused.code))
        if refused.code == "share.extract_stale":
            _withdraw(database, folder, extract, refused.reason)
        raise Denied(refused.code, refused.reason)
    place = file_of(folder, extract)
    if not place.is_file():
        raise NotFound("share.extract_link", "文件已不在，请重新生成")
    with database.connection() as connection:  # 5  the link is spent: of two at once, one goes on
        spent = {"id": extract.id, "link": link_hash(token), "now": at}
        if connection.execute(_SQL.leave, spent).fetchone() is None:
            raise Denied("share.extract_link_used", "这个下载链接刚刚被用过")
    try:
        receipt = stream.record(_fact(extract, party, "share:extract:download"))  # 6  the evidence
    except Exception:
        with database.connection() as connection:
            connection.execute(_SQL.stay, {"id": extract.id})
        raise
    return Leaving(extract, receipt.token(), _blocks(database, folder, extract))  # 7  the bytes


def _gone(extract: Extract, at: datetime) -> Refused | None:
    """Why the link gives nothing; it says what became of it."""
    if extract.state in ("leaving", "taken", "cut"):
        when = f"{extract.left_at:%Y-%m-%d %H:%M}Z" if extract.left_at else "先前"
        end = {
            "leaving": "那次下载尚未见完成",
            "taken": "已全部取走",
            "cut": f"那次下载断在 {extract.sent or 0} / {extract.bytes} 字节，可换发新的链接",
        }[extract.state]
        return Refused("share.extract_link_used", f"下载链接只能用一次，已于 {when} 用过：{end}")
    if extract.state in ("queued", "making"):
        return Refused("share.extract_not_ready", "文件还在生成，好了以后用同一个链接来取")
    if extract.state == "failed":
        return Refused("share.extract_link_late", f"文件没有生成：{extract.problem or '请重新生成'}")
    if extract.state != "ready" or extract.link_until is None or extract.link_until <= at:
        return Refused("share.extract_link_late", "下载链接已过期或文件已撤下，请重新生成")
    return None


def _blocks(database: Database, folder: Path, extract: Extract) -> Iterator[bytes]:
    sent = 0
    try:
        with file_of(folder, extract).open("rb") as file:
            while block := file.read(_BLOCK):
                yield block
                sent += len(block)
    finally:
        _ended(database, folder, extract, sent)


def _ended(database: Database, folder: Path, extract: Extract, sent: int) -> None:
    """What arrived whole is kept here no longer; what broke off waits for another link."""
    whole = sent == extract.bytes
    with database.connection() as connection:
        connection.execute(_SQL.ended, {"id": extract.id, "state": "taken" if whole else "cut", "sent": sent})
        if whole:
            mark_provided(connection, extract.grant_id, "首个文件已取走")
    if whole:
        shutil.rmtree(folder / extract.id, ignore_errors=True)


def withdraw_extract(database: Database, folder: Path, extract_id: str, reason: str) -> bool:
    """Take a file back that has not left; whether there was one."""
    with database.connection() as connection:
        extract = find_extract(connection, extract_id)
    return _withdraw(database, folder, extract, reason)


def _withdraw(database: Database, folder: Path, extract: Extract, reason: str) -> bool:
    with database.connection() as connection:
        done = connection.execute(_SQL.withdraw, {"id": extract.id, "problem": reason}).fetchone()
    if done:
        shutil.rmtree(folder / extract.id, ignore_errors=True)
    return done is not None


def _fact(
    extract: Extract, party: Party, event: str, *, outcome: str = "answered", code: str = ""
) -> Exchange:
    left = outcome == "answered"
    return Exchange(
        event=event,
        at=datetime.now(UTC),
        consumer=extract.department_code,
        application=extract.application_id,
        provider=extract.provider_code,
        entry=extract.entry_code,
        dataset=extract.dataset,
        resource=extract.id,
        grant=extract.grant_id,
        purpose=extract.purpose,
        items=tuple(name for name, _, _ in extract.columns),
        rows=(extract.rows or 0) if left else 0,
        outcome=outcome,
        code=code,
        request_id=extract.request_id if left else "",
        content=(extract.content or "") if left else "",
        subjects=(extract.subjects or "") if left else "",
        detail={
            "by": party.login,
            "form": extract.form,
            "sealed": extract.sealed,
            "snapshot": extract.snapshot,
            "bytes": extract.bytes,
            "sha256": extract.sha256,
            "link": extract.links,
        },
    )
