"""Keeps a data folder of the version at hand, for every later version to be tested against.

``python tools/freeze_version.py`` makes a tiny city that has a little of everything, backs it up with
``jutong backup`` and writes ``tests/upgrade/VERSION.tar.gz`` with ``VERSION.json`` beside it: what must still be
said of that city after any upgrade.  Run it once per release, when the release is landed, and never again for it.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import sys
import tarfile
import tempfile
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jutong import __version__, catalogue, city, flows, gather, people, refine, share
from jutong.ledger import Exchange
from jutong.oversee import as_json, figures
from jutong.settings import read_settings, write_settings
from jutong.wiring import open_platform

KEPT = Path(__file__).parents[1] / "tests" / "upgrade"
SCALE = 0.0005
#: A county whose system is a few small files.
UNIT = "C03"
#: More would be a burden to every clone for ever.
_MOST_BYTES = 1_000_000
_NO_PASSWORD = "nobody signs in here"  # noqa: S105  no hash of anything


def freeze(folder: Path = KEPT) -> int:
    """Write the archive and what it says into ``folder``; returns an exit code."""
    archive, said = folder / f"{__version__}.tar.gz", folder / f"{__version__}.json"
    if archive.exists():
        print(f"{archive} is there already: a landed version never changes", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as scratch:
        home, backup = Path(scratch) / "city", Path(scratch) / "backup"
        settings = read_settings(home, {}, scale=SCALE)
        write_settings(settings)
        with open_platform(settings, make=True) as platform:
            _furnish(platform)
            told = what_stands(platform)
            flows.backup(platform, backup)
        packed = _packed(backup)
    if len(packed) > _MOST_BYTES:
        print(f"{len(packed)} bytes are too many", file=sys.stderr)
        return 1
    folder.mkdir(parents=True, exist_ok=True)
    archive.write_bytes(packed)
    said.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    print(f"{archive}: {len(packed)} bytes")
    return 0


def what_stands(platform: flows.Platform) -> dict[str, Any]:
    """What an upgrade must not change: figures, every dataset's content, the ledger, rows of people and cases."""
    with platform.database.connection() as connection:
        counts = {
            name: connection.execute(f"SELECT count(*)::int AS n FROM {name}").fetchone()
            for name in ("app_user", "user_role", "entry", "item", "demand", "batch", "refinement", "case_file",
                         "case_move", "clock", "request", "share_grant", "exchange")
        }  # fmt: skip
    told = as_json(figures(platform.database, platform.store, scale=SCALE))
    return {
        # Overdue counts by the calendar, not by what stands.
        "figures": {name: value for name, value in told.items() if not name.endswith("_overdue")},
        "datasets": {
            str(spec.name): _content(platform, str(spec.name)) for spec in platform.store.datasets()
        },
        "ledger": platform.ledger.checkpoint().size,
        "rows": {name: row["n"] if row else 0 for name, row in counts.items()},
    }


def _content(platform: flows.Platform, name: str) -> list[Any]:
    found = platform.store.content_hash(name)
    return [found.rows, found.digest]


def _furnish(platform: flows.Platform) -> None:
    home = platform.settings.home
    city.write_sources(home, platform.database.url, SCALE, units=(UNIT,))
    sources = [one for one in city.sources(home, platform.database.url, SCALE) if one.department_code == UNIT]
    tables = [one for one in city.source_tables(SCALE) if one.source_name in {one.name for one in sources}]
    application = city.applications()[0]
    supplied = [entry for entry in city.entries() if entry.dataset and entry.department_code == UNIT]
    others = [entry for entry in city.entries() if not entry.dataset][:20]
    with platform.database.connection() as connection:
        people.add_departments(connection, (people.Department(**asdict(one)) for one in city.departments()))
        for user in city.users():
            if user.department_code in (UNIT, application.department_code):
                people.add_user(connection, user.login, user.name, user.department_code, user.roles,
                                password_hash=_NO_PASSWORD)  # fmt: skip
        catalogue.import_entries(
            connection,
            ({**asdict(one), "items": [asdict(item) for item in one.items]} for one in [*supplied, *others]),
        )
        share.add_application(connection, application.name, application.department_code, id=application.id)
        gather.declare_sources(connection, sources, tables)
        names = {one.name for one in tables}
        uses = {name: sets for name, sets in city.rule_set_uses(SCALE).items() if name in names}
        refine.declare_rule_sets(connection, uses)
    flows.gather_sources(platform, run_id="first")
    flows.refine_waiting(platform)
    _share(platform, application, supplied)
    flows.count(platform)


def _share(platform: flows.Platform, application: city.Application, supplied: list[Any]) -> None:
    """One request granted, one under way, and a few answers on record."""
    with platform.database.connection() as connection:
        by_code = {row["dataset"]: row["id"] for row in connection.execute("SELECT dataset, id FROM entry")}
        for number, entry in enumerate(supplied[:2]):
            wish = share.Wish(
                by_code[entry.dataset], application.id, application.basis, application.scene, application.scope,
                application.purpose_kind, "api", tuple(item.name for item in entry.items[:2]), dt.date(2099, 12, 31), (),
            )  # fmt: skip
            request = share.ask(
                connection, _party(connection, application.department_code, "consumer_officer"), wish
            )
            steps = (
                ("consent", application.department_code, "consumer_head"),
                ("propose", UNIT, "provider_officer"),
                ("approve", UNIT, "provider_head"),
            )
            for name, department, role in steps[: None if number == 0 else 1]:
                share.move_request(connection, request.id, name, _party(connection, department, role), "同意")
    with closing(platform.ledger.stream("freeze")) as stream:
        for number in range(5):
            stream.record(
                Exchange(
                    "share:service:answer",
                    dt.datetime.now(dt.UTC),
                    consumer=application.department_code,
                    application=application.id,
                    provider=UNIT,
                    entry=supplied[0].code,
                    dataset=supplied[0].dataset,
                    resource="frozen",
                    rows=number,
                    outcome="answered",
                    request_id=f"frozen-{number}",
                )
            )


def _party(connection: Any, department: str, role: str) -> people.Party:
    login = next(
        user.login for user in city.users() if user.department_code == department and role in user.roles
    )
    return people.party_of(connection, login)


def _packed(folder: Path) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=9) as archive:
        archive.add(folder, "backup")
    return buffer.getvalue()


if __name__ == "__main__":
    sys.exit(freeze())
