"""The sample city's twenty applications ask, are granted, call and are delivered to: everything through real doors.

The people who ask and consent are the departments' own accounts; the calls go over HTTP through a real gate
process; the tables arrive in real databases of the consumers.  Each step looks at what is there already.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import http.client
import itertools
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote as percent
from urllib.parse import urlencode

import psycopg
from psycopg import sql as pg
from psycopg.conninfo import conninfo_to_dict

from jutong import gate, people, share
from jutong.city.living import CALLER, PROVIDER, declare_live, live_wish, with_live_calls
from jutong.city.rows import Application, User
from jutong.city.systems import outside_folder
from jutong.city.systems.live import live_address
from jutong.database import Connection, EmbeddedPostgres, named_sql
from jutong.flows import Platform, Progress
from jutong.terms import Broken, DatasetName, quote

_SQL = named_sql(__file__, "sharing.sql")

#: Who also takes a file, of what is delivered to it: application → form.
FILES = {"A02": "csv", "A07": "excel"}
#: Each application calls at least this often.
CALLS = 500
_THREADS = 6
_START_SECONDS = 60
#: One call in so many asks for a key nobody has: 0 rows, still 1 次.
_MISSES = 12


@dataclass(frozen=True)
class Actors:
    """Who acts for whom: (department, role) → account."""

    logins: dict[tuple[str, str], str]

    @classmethod
    def of(cls, users: Sequence[User]) -> Actors:
        return cls(
            {(user.department_code, role): user.login for user in reversed(users) for role in user.roles}
        )

    def party(self, connection: Connection, department: str, role: str) -> people.Party:
        return people.party_of(connection, self.logins[department, role])


def ask_and_grant(
    platform: Platform, applications: Sequence[Application], users: Sequence[User], tell: Progress
) -> None:
    """Walk every request to its grant: officer asks, head consents, provider's officer and head agree."""
    who = Actors.of(users)
    until = dt.date(2027, 12, 31)
    wishes = [(one, wish) for one in applications for wish in _wishes(one)]
    with platform.database.connection() as connection:
        entries = {row["dataset"]: row for row in connection.execute(_SQL.attached_entries)}
        granted = {
            (row["application_id"], row["entry_id"], row["method"])
            for row in connection.execute(_SQL.live_grants)
        }
    for done, (application, (dataset, method, items, rows)) in enumerate(wishes):
        tell(done, len(wishes), application.name)
        entry = entries[dataset]
        if (application.id, entry["id"], method) in granted:
            continue
        wish = share.Wish(
            entry["id"], application.id, application.basis, application.scene, application.scope,
            application.purpose_kind, method, tuple(items), until, rows,
        )  # fmt: skip
        with platform.database.connection() as connection:
            _walk(connection, who, application.department_code, entry["department_code"], wish)
    _ask_live(platform, applications, who, until, granted)
    tell(len(wishes), len(wishes), "")


def _ask_live(
    platform: Platform,
    applications: Sequence[Application],
    who: Actors,
    until: dt.date,
    granted: set[tuple[str, int, str]],
) -> None:
    """One application more asks for a live interface, where that is running."""
    entry_id = declare_live(platform)
    caller = next((one for one in applications if one.department_code == CALLER), None)
    if entry_id is None or caller is None or (caller.id, entry_id, "api") in granted:
        return
    with platform.database.connection() as connection:
        _walk(connection, who, CALLER, PROVIDER, live_wish(caller, entry_id, until))


def _wishes(application: Application) -> Iterator[tuple[str, str, Sequence[str], tuple[Any, ...]]]:
    for call in application.calls:
        yield call.dataset, "api", tuple(dict.fromkeys((*call.keys, *call.items))), ()
    for delivered in application.deliveries:
        yield delivered.dataset, "table", delivered.items, delivered.row_filter
        if application.id in FILES:
            yield delivered.dataset, "file", delivered.items, delivered.row_filter


def _walk(connection: Connection, who: Actors, consumer: str, provider: str, wish: share.Wish) -> None:
    request = share.ask(connection, who.party(connection, consumer, "consumer_officer"), wish)
    for name, department, role in (
        ("consent", consumer, "consumer_head"),
        ("propose", provider, "provider_officer"),
        ("approve", provider, "provider_head"),
    ):
        share.move_request(connection, request.id, name, who.party(connection, department, role), "同意")


#: Beside asking by key, of what most ask for: all rows with what changed since, and counts that point at nobody.
_MORE = (
    ("market_entity_list", "standard.market_entity", "list", "市场主体登记信息（列表与变更）", ("division_code", "industry")),
    ("market_entity_counts", "standard.market_entity", "statistics", "市场主体数量统计", ("division_code", "entity_kind", "state")),
)  # fmt: skip
#: One written as a query over two entries of one department: who calls it holds grants of both.
_QUERY = (
    "abnormal_companies", "standard.market_entity", "standard.credit_abnormal", "经营异常企业（登记与名录联查）",
    ("SELECT m.uscc, m.entity_name, m.rep_id, m.state, a.list_no, a.reason, a.listed_on"
     " FROM market_entity AS m JOIN credit_abnormal AS a ON m.uscc = a.uscc"),
)  # fmt: skip


def publish_services(platform: Platform, applications: Sequence[Application]) -> None:
    """One query service per dataset that is called, its keys those the callers ask by; and a few of other kinds."""
    wanted: dict[str, tuple[str, ...]] = {}
    for call in itertools.chain.from_iterable(one.calls for one in applications):
        wanted.setdefault(call.dataset, call.keys)
    with platform.database.connection() as connection:
        entries = {row["dataset"]: row for row in connection.execute(_SQL.attached_entries)}
        there = {service.name for service in share.services(connection)}
        for dataset, keys in wanted.items():
            name = DatasetName.parse(dataset).table
            if name not in there:
                share.publish_service(
                    connection, share.Offer(name=name, entry_id=entries[dataset]["id"], keys=keys)
                )
        for name, dataset, kind, label, keys in _MORE:
            if name not in there:
                share.publish_service(
                    connection,
                    share.Offer(
                        name=name, entry_id=entries[dataset]["id"], keys=keys, label=label, kind=kind
                    ),
                )
        name, dataset, other, label, query = _QUERY
        if name not in there and {dataset, other} <= entries.keys():
            own, also = entries[dataset]["id"], entries[other]["id"]
            selection = share.select_over(connection, own, query, also=[also], keys=["list_no"])
            share.publish_service(
                connection, share.Offer(name, own, ("uscc",), label=label, selection=selection)
            )


def call_all(platform: Platform, applications: Sequence[Application], tell: Progress) -> None:
    """Bring every application to at least ``CALLS`` answered calls, over all of its services in turn."""
    platform.ledger.sequence()
    share.fold(platform.database, platform.ledger)
    with platform.database.connection() as connection:
        made = {row["application"]: row["n"] for row in connection.execute(_SQL.calls_made)}
    due = [(one, CALLS - made.get(one.id, 0)) for one in applications if made.get(one.id, 0) < CALLS]
    if not due:
        return
    gate.replicate(platform.database, platform.store, platform.settings.gate_folder)
    with _gate(platform) as port:
        for done, (application, count) in enumerate(due):
            tell(done, len(due), application.name)
            with platform.database.connection() as connection:
                token = share.rotate_token(connection, application.id)
            _call(platform, application, token, count, port)
    tell(len(due), len(due), "")


def _call(platform: Platform, application: Application, token: str, count: int, port: int) -> None:
    paths = _paths(platform, application, count)
    _wait_until_known(port, token, paths[0])
    with ThreadPoolExecutor(_THREADS) as pool:
        list(
            pool.map(
                lambda part: _walk_paths(port, token, part), [paths[n::_THREADS] for n in range(_THREADS)]
            )
        )


def _paths(platform: Platform, application: Application, count: int) -> list[str]:
    """Questions by keys that are really there, some by keys that are not."""
    asked = []
    with platform.store.reading() as reading:
        for call in application.calls:
            keys = ", ".join(quote(key) for key in call.keys)
            table = DatasetName.parse(call.dataset)
            rows = reading.rows(
                f"SELECT {keys} FROM {reading.table(table)} "
                f"WHERE {' AND '.join(f'{quote(key)} IS NOT NULL' for key in call.keys)} "
                f"ORDER BY hash({keys}, {len(application.id)}) LIMIT 97"
            )
            asked.append((table.table, call.items, rows))
    paths = []
    for number in range(count):
        service, items, rows = asked[number % len(asked)]
        there = rows[number // len(asked) % len(rows)]
        wrong = "0" if number % _MISSES == _MISSES - 1 else ""
        question = {**{name: f"{value}{wrong}" for name, value in there.items()}, "items": ",".join(items)}
        paths.append(f"/v1/{percent(service)}?{urlencode(question)}")
    if application.department_code == CALLER and live_address(platform.settings.home):
        companies = [row["uscc"] for _, _, rows in asked for row in rows if "uscc" in row]
        return with_live_calls(paths, companies)
    return paths


def _walk_paths(port: int, token: str, paths: Sequence[str]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with contextlib.closing(connection):
        for path in paths:
            status, body = _patiently(connection, token, path)
            if status != 200:
                raise Broken("city.call_refused", f"样例应用的调用被拒：{path} → {status} {body[:300]!r}")


def _patiently(connection: http.client.HTTPConnection, token: str, path: str) -> tuple[int, bytes]:
    """As a good client asks: a live interface that is busy or slow is asked again after a moment."""
    deadline = time.monotonic() + _START_SECONDS
    while True:
        status, body = _get(connection, token, path)
        if status not in (503, 504) or time.monotonic() > deadline:
            return status, body
        time.sleep(0.5)


def _get(connection: http.client.HTTPConnection, token: str, path: str) -> tuple[int, bytes]:
    connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    return answer.status, answer.read()


def _wait_until_known(port: int, token: str, path: str) -> None:
    """The gate hears of a new token within a second; asking before would only make refusals."""
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
                status, body = _get(connection, token, path)
        except OSError:
            status, body = 0, b""
        if status == 200:
            return
        if time.monotonic() > deadline:
            raise Broken("city.gate_silent", f"网关没有应答样例应用：{status} {body[:300]!r}")
        time.sleep(0.2)


@contextlib.contextmanager
def _gate(platform: Platform) -> Iterator[int]:
    """A gate process on a free port, ended by its id."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    log = (platform.settings.gate_folder / "demo.log").open("ab")
    child = subprocess.Popen(
        [sys.executable, "-m", "jutong.cli", "-C", str(platform.settings.home), "gate"],
        env={**os.environ, "JUTONG_GATE_PORT": str(port)},
        stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and child.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        yield port
    finally:
        child.terminate()
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        log.close()


def declare_deliveries(
    platform: Platform, applications: Sequence[Application], outside: EmbeddedPostgres
) -> None:
    """A database of its own for every application, and a delivery into it for every table it is granted."""
    with platform.database.connection() as connection:
        there = {delivery.name for delivery in share.deliveries(connection)}
        grants = connection.execute(_SQL.table_grants).fetchall()
    names = {one.id for one in applications}
    for grant in grants:
        table = DatasetName.parse(grant["dataset"]).table
        name = f"{grant['application_id'].lower()}_{table}"
        if grant["application_id"] not in names or name in there:
            continue
        receiver, password = _receiver(outside, grant["application_id"], platform)
        with platform.database.connection() as connection:
            share.add_delivery(
                connection, platform.keys, name=name, grant_id=grant["id"], receiver=receiver, password=password,
                table_name=table,
            )  # fmt: skip


def take_files(platform: Platform, users: Sequence[User]) -> None:
    """The officers who may take a file take one, sealed where it is a workbook; it lies with the consumer then."""
    who, folder = Actors.of(users), platform.settings.extracts_folder
    with platform.database.connection() as connection:
        taken = {one.grant_id for one in share.extracts(connection) if one.state == "taken"}
        due = [row for row in connection.execute(_SQL.file_grants).fetchall() if row["id"] not in taken]
        parties = {
            row["id"]: who.party(connection, row["department_code"], "consumer_officer") for row in due
        }
    stream = platform.ledger.stream("files")
    try:
        for grant in due:
            form, party = FILES[grant["application_id"]], parties[grant["id"]]
            made = share.make_extract(
                platform.database, platform.store, platform.keys, folder, party, grant["id"], form,
                sealed=form == "excel",
            )  # fmt: skip
            leaving = share.take_extract(platform.database, stream, folder, party, made.link)
            to = taken_files(platform.settings.home) / grant["application_id"]
            to.mkdir(parents=True, exist_ok=True)
            with (to / (made.extract.file_name or made.extract.id)).open("wb") as file:
                file.writelines(leaving.blocks)
            (to / "口令.txt").write_text(made.password or "", encoding="utf-8")
    finally:
        stream.close()


def taken_files(home: Path) -> Path:
    """Where the sample consumers keep the files they took: application / file."""
    return outside_folder(home) / "files"


def _receiver(outside: EmbeddedPostgres, application: str, platform: Platform) -> tuple[dict[str, Any], str]:
    """The consumer's own database and role; the password can be derived again after a crash."""
    name = f"app_{application.lower()}"
    password = platform.keys.keyed_hash("receivers", name.encode(), "2026").hex()
    with psycopg.connect(outside.url(), autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,)).fetchone():
            connection.execute(
                pg.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(pg.Identifier(name), pg.Literal(password))
            )
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
            connection.execute(
                pg.SQL("CREATE DATABASE {} OWNER {}").format(pg.Identifier(name), pg.Identifier(name))
            )
    where = conninfo_to_dict(outside.url(name))
    return {"host": where["host"], "dbname": name, "user": name}, password
