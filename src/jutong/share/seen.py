"""谁看过我: before rows leave, the keyed hashes of those they are about are kept, and their digest is evidenced.

Only hashes are kept: 8 bytes under a key that changes with the year and can be destroyed, so the look-up works
for whoever stands at the counter and for nobody who reads the table (design §11, Who saw).  Bulk hashes are
kept sorted in 256 rows per chunk instead of one row per subject: ten million rows delivered are some fifty
thousand rows here, and a look-up reads one bucket of each chunk.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import numpy as np

from jutong.database import Connection, Database, named_sql
from jutong.keys import KeyProvider
from jutong.ledger import Exchange, Stream
from jutong.share.outgoing import subject_hasher
from jutong.terms import BadInput, NotFound

_SQL = named_sql(__file__)
_KEY = "subjects"
_WIDTH = 8


@dataclass(frozen=True)
class Sighting:
    """One exchange that held a person's or company's record."""

    at: datetime
    consumer: str
    application: str
    provider: str
    entry: str
    resource: str
    purpose: str
    grant_id: str
    event: str
    log_index: int
    #: What else an answer of a query over several entries stood on: (grant, entry's code) each.
    also: tuple[tuple[str, str], ...] = ()

    @property
    def grants(self) -> tuple[str, ...]:
        return (self.grant_id, *(grant for grant, _ in self.also))

    @property
    def entries(self) -> tuple[str, ...]:
        return (self.entry, *(entry for _, entry in self.also))


def period_of(at: datetime) -> str:
    """The key's period: a calendar year."""
    return f"{at:%Y}"


def subject_secret(keys: KeyProvider, period: str) -> bytes:
    """What the year's hashes are made with; derived, so the key itself stays with its provider."""
    return keys.keyed_hash(_KEY, b"exchange_subjects", period)


def hash_subject(keys: KeyProvider, subject: str, period: str) -> bytes:
    """The 8 bytes that stand for one subject in one year: what an answer of the gate carries, too."""
    return subject_hasher(subject_secret(keys, period))(subject)


def digest(hashes: bytes) -> str:
    """SHA-256 of the sorted hashes, hexadecimal: what the exchange says of them; empty for none."""
    return hashlib.sha256(hashes).hexdigest() if hashes else ""


def keep_subjects(database: Database, *, request_id: str, attempt: str, period: str, hashes: bytes) -> str:
    """Make the sorted hashes of a chunk durable, in a transaction of its own; returns their digest.

    Each attempt at a chunk keeps its own, so nothing here is ever written twice.
    """
    with database.connection() as connection:
        return copy_subjects(connection, request_id=request_id, attempt=attempt, period=period, hashes=hashes)


def copy_subjects(
    connection: Connection, *, request_id: str, attempt: str, period: str, hashes: bytes
) -> str:
    """As ``keep_subjects``, within the caller's transaction."""
    if not hashes:
        return ""
    with connection.cursor() as cursor, cursor.copy(_SQL.keep_subjects) as copy:
        for bucket, found in _buckets(hashes):
            copy.write_row((bucket, period, request_id, attempt, found))
    return digest(hashes)


def who_saw(
    connection: Connection, keys: KeyProvider, subject: str, years: list[str] | None = None
) -> list[Sighting]:
    """Every exchange that held this subject's record, newest first, but for what is sealed until a later date.

    ``subject`` as the dataset holds it (a 公民身份号码, a 统一社会信用代码); ``years`` default to those of the
    hashes kept.  Exchanges not yet folded from the ledger do not show yet.
    """
    rows = connection.execute(_SQL.subject_periods).fetchall()
    wanted = years if years is not None else [row["period"] for row in rows]
    found: list[Sighting] = []
    for period in wanted:
        one = hash_subject(keys, subject, period)
        bulk = connection.execute(
            _SQL.bulk_sightings, {"bucket": one[0], "period": period, "hash": one}
        ).fetchall()
        single = connection.execute(_SQL.single_sightings, {"year": period, "hash": one.hex()}).fetchall()
        found += [_sighting(row) for row in bulk if _aligned(bytes(row["hashes"]), one)]
        found += [_sighting(row) for row in single]
    sealed = {row["id"] for row in connection.execute(_SQL.sealed_grants, {"now": datetime.now(UTC)})}
    shown = [one for one in found if sealed.isdisjoint(one.grants)]
    return sorted(shown, key=lambda sighting: sighting.at, reverse=True)


def look_up(
    connection: Connection,
    stream: Stream,
    keys: KeyProvider,
    subject: str,
    *,
    by: str,
    department: str,
    ground: str,
    provider: str | None = None,
) -> list[Sighting]:
    """Answer the question at the counter, having recorded first who asks it, about whom, on what ground.

    ``provider``: only exchanges of this department's data.  What is sealed (criminal investigation) is withheld
    until its date.  Raises BadInput ``share.no_ground``, Unavailable ``ledger.stream_ended``.
    """
    if len(ground.strip()) < 4 or not subject.strip():
        raise BadInput("share.no_ground", "请写明查的是谁、依据什么（至少 4 个字）")
    now = datetime.now(UTC)
    stream.record(
        Exchange(
            event="share:subject:lookup",
            at=now,
            consumer=department,
            purpose=ground.strip(),
            outcome="answered",
            subjects=hash_subject(keys, subject.strip(), period_of(now)).hex(),
            detail={"by": by, "provider": provider or ""},
        )
    )
    found = who_saw(connection, keys, subject.strip())
    return [one for one in found if provider in (None, one.provider)]


def seal_grant(connection: Connection, grant_id: str, until: datetime | None) -> None:
    """Withhold what happened under a grant from look-ups until this instant; None opens it again.

    Raises NotFound ``share.grant_unknown``.
    """
    if connection.execute(_SQL.seal_grant, {"id": grant_id, "until": until}).rowcount != 1:
        raise NotFound("share.grant_unknown", f"没有编号为 {grant_id} 的授权")


def this_period() -> str:
    return period_of(datetime.now(UTC))


def _buckets(hashes: bytes) -> Iterator[tuple[int, bytes]]:
    """Sorted hashes by their first byte; each run of them is one slice."""
    firsts = np.frombuffer(hashes, np.uint8)[::_WIDTH]
    ends = np.searchsorted(firsts, np.arange(257, dtype=np.uint16)) * _WIDTH
    for bucket, (start, end) in enumerate(pairwise(ends.tolist())):
        if start < end:
            yield bucket, hashes[start:end]


def _aligned(hashes: bytes, one: bytes) -> bool:
    """A match across two neighbouring hashes is no match."""
    start = hashes.find(one)
    while start >= 0:
        if start % _WIDTH == 0:
            return True
        start = hashes.find(one, start + 1)
    return False


def _sighting(row: dict[str, Any]) -> Sighting:
    also = tuple((one["grant"], one["entry"]) for one in row["detail"].get("also", ()))
    told = {name: row[name] for name in Sighting.__dataclass_fields__ if name != "also"}
    return Sighting(**told, also=also)
