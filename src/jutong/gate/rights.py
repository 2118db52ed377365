"""What the gate may answer, to whom: read from the control database as one consistent picture.

A picture is never changed; a new one replaces it.  Deciding asks no database: ``decide`` looks things up in the
picture and leaves the law itself to ``share.bound`` (grant ∩ share type ∩ grade ∩ mask, law 5).
"""

from __future__ import annotations

import datetime as dt
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from email.utils import format_datetime
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any, Self

from jutong.database import Connection, named_sql
from jutong.gate.shape import (
    Cell,
    Column,
    Shape,
    conditions_of,
    leaving_column,
    plain_column,
    shape_of,
    where_sql,
)
from jutong.keys import KeyProvider
from jutong.share import (
    Bound,
    Described,
    EntryItem,
    LiveInterface,
    OutItem,
    Selection,
    bound,
    combined,
    mask_for,
    not_live,
    offered_by,
)
from jutong.terms import Item, JutongError, Refused

_SQL = named_sql(__file__)
_LOG = logging.getLogger("jutong.gate")

#: From this grade on an item leaves unmasked only for a signed request (design §9); tokens alone do not do.
SIGNED_GRADE = 3
Network = IPv4Network | IPv6Network
_MOST_KEPT = 4_096
_LONG_AGO = dt.datetime(1, 1, 1, tzinfo=dt.UTC)
_FAR_OFF = dt.datetime(9999, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, eq=False)
class Caller:
    """One token or signing key of an application; compared by identity, as a picture holds each once."""

    application: str
    department: str
    state: str
    #: Whether its requests are signed, so that items of grade 3 and up may leave unmasked.
    signed: bool = False
    #: When the token or key expires.
    until: dt.datetime | None = None
    #: Scope: the only services it may be used at; None for any.
    services: frozenset[str] | None = None
    networks: tuple[Network, ...] | None = None
    #: Calls a second, at the same time, a day.
    rate: int | None = None
    concurrency: int | None = None
    daily_quota: int | None = None
    #: The hash of the token, or the key's id.
    credential: str = field(default="", repr=False)

    @classmethod
    def from_row(cls, row: Mapping[str, Any], *, signed: bool = False) -> Self:
        services, networks = row["services"], row["networks"]
        return cls(
            row["id"],
            row["department_code"],
            row["state"],
            signed,
            row["until"],
            None if services is None else frozenset(services),
            None if networks is None else tuple(ip_network(one) for one in networks),
            row["rate"],
            row["concurrency"],
            row["daily_quota"],
            row["key_id"] if signed else row["token_hash"],
        )

    @property
    def limited(self) -> bool:
        return (self.rate or self.concurrency or self.daily_quota) is not None

    def may_come_from(self, address: str) -> bool:
        if self.networks is None:
            return True
        try:
            given = ip_address(address.strip("[]"))
        except ValueError:
            return False
        return any(given in network for network in self.networks)


@dataclass(frozen=True)
class SigningKey:
    caller: Caller
    #: ed25519 or hmac-sha256
    algorithm: str
    #: The public key, or the shared secret.
    material: bytes = field(repr=False)


@dataclass(frozen=True)
class Served:
    """One service with what the catalogue says of its entry and the lake of its dataset, as they are now."""

    name: str
    entry_id: int
    entry_code: str
    provider: str
    dataset: str
    keys: tuple[str, ...]
    items: tuple[str, ...]
    max_rows: int
    state: str
    entry_items: tuple[EntryItem, ...]
    columns: tuple[Item, ...]
    dataset_keys: tuple[str, ...]
    #: query answers rows; verify compares what the caller says and tells only that; list; statistics.
    kind: str = "query"
    #: statistics: a count below this is not told.
    least: int = 10
    #: query: how many days back it may be asked as of; None: not at all.
    past_days: int | None = None
    label: str = ""
    deprecated_at: dt.datetime | None = None
    sunset_at: dt.datetime | None = None
    successor: str | None = None
    #: The SELECT it answers from; ``entry_items``, ``columns`` and ``dataset_keys`` are then its result's.
    selection: Selection | None = None
    #: proxy: the provider's interface, and what it knows us by.
    live: LiveInterface | None = None
    secret: str | None = field(default=None, repr=False)

    def ended(self, now: dt.datetime) -> bool:
        """Retired, by its state or because its day has come."""
        return self.state == "retired" or (self.sunset_at is not None and now >= self.sunset_at)

    @cached_property
    def notice(self) -> tuple[tuple[str, str], ...]:
        """What callers are told of its end: RFC 9745, RFC 8594, RFC 5829."""
        found = []
        if self.deprecated_at is not None:
            found.append(("deprecation", f"@{int(self.deprecated_at.timestamp())}"))
        if self.sunset_at is not None:
            found.append(("sunset", format_datetime(self.sunset_at.astimezone(dt.UTC), usegmt=True)))
        if found and self.successor:
            found.append(("link", f'</v1/{self.successor}>; rel="successor-version"'))
        return tuple(found)

    @property
    def entries(self) -> tuple[int, ...]:
        """The entries a caller needs a live grant of; its own first."""
        others = self.selection.entries if self.selection else ()
        return tuple(dict.fromkeys((self.entry_id, *others)))

    @cached_property
    def types(self) -> Mapping[str, str]:
        """Item name → item type."""
        return {item.name: item.type for item in self.columns}


@dataclass(frozen=True)
class Entitled:
    """A live grant at one service: which replica columns may be read, of which rows."""

    bound: Bound
    #: Item name → the replica's column that holds it as it may leave: plain or masked, never both.
    columns: Mapping[str, Column]
    #: Items a bearer token alone does not get.
    signed_only: frozenset[str]
    #: The row filter over the replica: SQL conditions and their values.
    where: tuple[str, ...]
    values: tuple[Cell, ...]
    #: The plain columns the row filter reads.
    filtered: frozenset[str]
    #: Replica columns that say whose record a row is.
    subjects: tuple[str, ...]
    #: Every replica column a call under this grant may come to read.
    needs: frozenset[str]


def entitle(grant: Mapping[str, Any], service: Served, now: dt.datetime) -> Entitled | Refused:
    """What a grant lets out at a service, or why nothing."""
    if grant["dataset"] != service.dataset:
        return Refused("share.not_granted", f"授权 {grant['id']} 针对的数据集已更换，请重新申请")
    decided = bound(grant, service.entry_items, service.columns, service.dataset_keys, now)
    if isinstance(decided, Refused):
        return decided
    leaving = [out for out in decided.outgoing.items if out.item.name in service.items]
    if not leaving:
        return Refused("share.nothing_left", f"授权 {grant['id']} 没有服务 {service.name} 能提供的信息项")
    grades = {item.name: item.grade for item in service.entry_items}
    columns = {out.item.name: leaving_column(out) for out in leaving}
    conditions = conditions_of(decided.outgoing.row_filter, service.columns)
    where, values = where_sql(conditions)
    filtered = frozenset(condition.column for condition in conditions)
    subjects = decided.outgoing.subjects
    return Entitled(
        bound=decided,
        columns=columns,
        signed_only=frozenset(
            out.item.name for out in leaving if out.mask is None and grades[out.item.name] >= SIGNED_GRADE
        ),
        where=tuple(where),
        values=tuple(values),
        filtered=filtered,
        subjects=subjects,
        needs=filtered | {column.name for column in columns.values()} | {*subjects, *service.keys},
    )


def described(service: Served, entitled: Entitled) -> Described:
    """The service as this grant narrows it, for whoever holds the grant."""
    outgoing = entitled.bound.outgoing
    return Described(
        service.name,
        service.label,
        service.kind,
        service.keys,
        service.dataset_keys,
        tuple(out for out in outgoing.items if out.item.name in entitled.columns),
        service.columns,
        service.max_rows,
        service.least,
        service.past_days,
    )


@dataclass(frozen=True)
class Rights:
    """The picture: callers by the hash of their token, services by name, api grants by who and what."""

    callers: Mapping[str, Caller]
    services: Mapping[str, Served]
    grants: Mapping[tuple[str, int], Sequence[Mapping[str, Any]]]
    #: Signing keys by their id.
    keys: Mapping[str, SigningKey] = field(default_factory=dict, repr=False)
    _entitled: dict[tuple[str, str], Entitled | Refused] = field(default_factory=dict, repr=False)
    #: Whoever has presented a good token, by the header as given; and decisions by who asks what how.  Both end
    #: with the picture.
    known: dict[str, Caller] = field(default_factory=dict, repr=False)
    decided: dict[Any, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def read(cls, connection: Connection, keys: KeyProvider | None = None) -> Self:
        """One consistent picture, read in one repeatable-read transaction; without ``keys`` no shared secrets."""
        with connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            callers = connection.execute(_SQL.callers).fetchall()
            services = connection.execute(_SQL.services).fetchall()
            grants = connection.execute(_SQL.api_grants).fetchall()
            items = connection.execute(_SQL.served_items).fetchall()
            signing = connection.execute(_SQL.signing_keys).fetchall()
        by_entry: dict[int, list[EntryItem]] = defaultdict(list)
        for row in items:
            by_entry[row["entry_id"]].append(EntryItem.from_row(row))
        by_caller: dict[tuple[str, int], list[Mapping[str, Any]]] = defaultdict(list)
        for row in grants:
            by_caller[row["application_id"], row["entry_id"]].append(row)
        return cls(
            callers={row["token_hash"]: Caller.from_row(row) for row in callers},
            services={row["name"]: _served(row, by_entry, keys) for row in services},
            grants=dict(by_caller),
            keys={row["key_id"]: _signing_key(row, keys) for row in signing if keys or not row["secret"]},
        )

    def granted(self, application: str, service: Served, now: dt.datetime) -> list[Entitled | Refused]:
        """What each of the application's grants says here, oldest grant first; empty if it has none."""
        return [
            not_live(grant, now) or self._entitle(grant, service, now)
            for grant in self.grants.get((application, service.entry_id), ())
        ]

    def unchanged(
        self, application: str, service: Served, now: dt.datetime
    ) -> tuple[dt.datetime, dt.datetime]:
        """The span around ``now`` in which no grant of this application here begins or ends."""
        held = [grant for entry in service.entries for grant in self.grants.get((application, entry), ())]
        marks = [instant for grant in held for instant in (grant["valid_from"], grant["until"])]
        before = [instant for instant in marks if instant <= now]
        after = [instant for instant in marks if instant > now]
        return max(before, default=_LONG_AGO), min(after, default=_FAR_OFF)

    def again(self, caller: Caller) -> Caller | None:
        """Who presented the same token or key, in this picture; None if that is no longer good."""
        if caller.signed:
            key = self.keys.get(caller.credential)
            return key.caller if key else None
        return self.callers.get(caller.credential)

    def keep(self, where: dict[Any, Any], place: Any, what: Any) -> None:
        """Remember, but never without bound: callers choose what they ask."""
        if len(where) >= _MOST_KEPT:
            where.clear()
        where[place] = what

    def shapes(self, now: dt.datetime) -> dict[str, Shape]:
        """What each active service's replica must hold so that every live grant can be answered."""
        shapes = {}
        for service in self.services.values():
            if service.state == "active" and service.kind != "proxy" and not service.ended(now):
                grants = [
                    grant
                    for (_, entry), held in self.grants.items()
                    if entry == service.entry_id
                    for grant in held
                ]
                decided = [self._decided(grant, service, now) for grant in grants]
                entitled = [one for one in decided if isinstance(one, Entitled)]
                shapes[service.name] = _shape(service, entitled)
        return shapes

    def _entitle(self, grant: Mapping[str, Any], service: Served, now: dt.datetime) -> Entitled | Refused:
        if service.selection is not None:  # other grants come in, which may begin and end
            return self._decided(grant, service, now)
        place = (str(grant["id"]), service.name)
        if place not in self._entitled:
            self._entitled[place] = entitle(grant, service, now)
        return self._entitled[place]

    def _decided(self, grant: Mapping[str, Any], service: Served, now: dt.datetime) -> Entitled | Refused:
        """A grant by itself, or for a SELECT together with the application's of the other entries it reads."""
        if service.selection is None:
            return entitle(grant, service, now)
        application = str(grant["application_id"])
        whole = combined(
            service.selection, grant, lambda entry: self.grants.get((application, entry), ()), now
        )
        return whole if isinstance(whole, Refused) else entitle(whole, service, now)


def _signing_key(row: Mapping[str, Any], keys: KeyProvider | None) -> SigningKey:
    material = bytes(row["public_key"] or b"")
    if row["secret"] and keys is not None:
        material = keys.unseal(row["secret"], context=f"application_key:{row['key_id']}")
    return SigningKey(Caller.from_row(row, signed=True), row["algorithm"], material)


def fingerprint(connection: Connection) -> str:
    """Changes whenever anything ``Rights.read`` reads has changed."""
    row = connection.execute(_SQL.fingerprint).fetchone()
    assert row is not None
    return str(row["fingerprint"])


def _served(
    row: Mapping[str, Any], items: Mapping[int, Sequence[EntryItem]], keys: KeyProvider | None
) -> Served:
    selection = Selection.from_row(row["selection"]) if row["selection"] else None
    values = {name: row[name] for name in Served.__dataclass_fields__ if name in row}
    live = LiveInterface.from_row(row["live"]) if row["live"] else None
    return Served(
        **{
            **values,
            "keys": tuple(row["keys"]),
            "items": tuple(row["items"]),
            "entry_items": offered_by(selection, items) if selection else tuple(items[row["entry_id"]]),
            "columns": selection.items if selection else _items(row["dataset_items"]),
            "dataset_keys": selection.keys if selection else tuple(row["dataset_keys"] or ()),
            "selection": selection,
            "live": live,
            "secret": _secret(live, keys),
        }
    )


def _items(rows: Sequence[Mapping[str, Any]] | None) -> tuple[Item, ...]:
    return tuple(Item.from_row(item) for item in rows or ())


def _secret(live: LiveInterface | None, keys: KeyProvider | None) -> str | None:
    """A secret that cannot be had stops its own service, never the picture of rights."""
    try:
        return live.secret(keys) if live is not None and keys is not None else None
    except JutongError as problem:
        _LOG.warning("%s", problem)
        return None


def _shape(service: Served, entitled: Sequence[Entitled]) -> Shape:
    """Plain keys and subjects, each item as the catalogue masks it by default, and whatever grants need besides."""
    typed = {item.name: item for item in service.columns}
    offered = {item.name: item for item in service.entry_items}
    columns: dict[str, Column] = {}
    for one in entitled:
        columns |= {column.name: column for column in one.columns.values()}
        columns |= {name: plain_column(typed[name]) for name in (*one.filtered, *one.subjects)}
    for name in (*service.keys, *service.dataset_keys):
        columns[name] = plain_column(typed[name])
    for name in service.items:
        if name in offered and name in typed:
            usual = leaving_column(OutItem(_under(typed[name], offered[name]), mask_for(offered[name])))
            columns.setdefault(usual.name, usual)
    if service.kind == "verify":  # compared here, never told
        columns |= {name: plain_column(typed[name]) for name in service.items if name in typed}
    filtered = frozenset[str]().union(*(one.filtered for one in entitled))
    asked_by = service.dataset_keys if service.kind in ("list", "statistics") else service.keys
    shape = shape_of(service.dataset, service.dataset_keys, asked_by, columns.values(), filtered)
    shape = replace(shape, selection=service.selection)
    if service.kind == "list":
        by_page = tuple((name, *service.dataset_keys) for name in sorted({*service.keys, *filtered}))
        return replace(shape, indexes=by_page, remembers=True, watched=tuple(sorted(filtered)))
    if service.kind == "statistics":
        groups = {one.columns[name].name for one in entitled for name in service.keys if name in one.columns}
        return replace(shape, indexes=(), counted=tuple(sorted(groups | filtered)))
    return shape


def _under(column: Item, offered: EntryItem) -> Item:
    return Item(column.name, column.label, column.type, offered.element or column.element)
