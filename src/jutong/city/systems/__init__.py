"""外部世界: the departments' own systems, filled, advanced by a round, dropped.

``write_sources`` makes the systems of some or all units and the truth about them; ``advance`` changes the
delivered tables by one round; ``drop_sources`` takes systems away again.  Each may be run again, and may be
killed at any instant: a system bears its mark only when it holds all of its round.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from jutong.city.generating import generate
from jutong.city.making import row_count
from jutong.city.plan import CityPlan, SourcePlan, TablePlan, plan
from jutong.city.shaping import shape
from jutong.city.systems.databases import (
    DatabaseOutlet,
    databases_marks,
    drop_database,
    make_database,
    password_file,
    reached_at,
)
from jutong.city.systems.files import (
    WORKBOOK,
    CsvOutlet,
    WorkbookOutlet,
    csv_name,
    drop_folder,
    folder_mark,
    sheet_name,
)
from jutong.city.systems.outlet import Mark, Outlet, outside_folder
from jutong.city.truth import Witness
from jutong.terms import Conflict

__all__ = [
    "WORKBOOK",
    "Mark",
    "Written",
    "advance",
    "csv_name",
    "drop_sources",
    "make_database",
    "marks",
    "outside_folder",
    "password_file",
    "reached_at",
    "sheet_name",
    "write_sources",
]

#: Making a database and committing it are waits, not work.
_OPENED_AT_ONCE = 4
#: (rows made so far, rows to make, name of the table being made)
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Written:
    """What a call did: systems made now, those that were there already, rows made."""

    made: tuple[str, ...]
    there: tuple[str, ...]
    rows: int


def write_sources(
    home: Path, url: str, scale: float, *, units: Collection[str] | None = None, threads: int = 2,
    progress: Progress | None = None,
) -> Written:  # fmt: skip
    """Make the systems of ``units`` (all of them by default) as they stand before the first round.

    ``url`` is a superuser's address in the outside world's PostgreSQL cluster.  Systems that are there already
    are left alone.  Raises Conflict ``city.other_scale`` where they belong to another city.
    """
    city = plan(scale)
    there = marks(home, url, city)
    wanted = [source for source in city.sources if units is None or source.unit in units]
    pending = [source for source in wanted if source.name not in there]
    tables = [table for source in pending for table in city.of(source.name)]
    rows = _fill(home, url, city, pending, tables, 0, threads, progress)
    present = tuple(source.name for source in wanted if source.name in there)
    return Written(tuple(source.name for source in pending), present, rows)


def advance(
    home: Path, url: str, scale: float, round_no: int, *, threads: int = 2, progress: Progress | None = None
) -> Written:
    """Bring the delivered tables of all systems that are there to ``round_no`` (from 1), round by round.

    Rows change and arrive; from tables delivered whole some also go.  A system already there is left alone.
    """
    city = plan(scale)
    rows = 0
    made: dict[str, None] = {}
    there = marks(home, url, city)
    for number in range(1, round_no + 1):
        behind = [
            source for source in city.sources if source.name in there and there[source.name].round < number
        ]
        tables = [table for source in behind for table in city.of(source.name) if table.delivered]
        moving = [source for source in behind if any(table.source == source for table in tables)]
        rows += _fill(home, url, city, moving, tables, number, threads, progress)
        made |= dict.fromkeys(source.name for source in moving)
    return Written(tuple(made), tuple(name for name in there if name not in made), rows)


def drop_sources(home: Path, url: str, scale: float, units: Collection[str]) -> None:
    """Take the systems of ``units`` away; their truth stays."""
    for source in plan(scale).sources:
        if source.unit in units:
            if source.kind == "postgres":
                drop_database(url, home, source.name)
            else:
                drop_folder(home, source)


def marks(home: Path, url: str, city: CityPlan) -> dict[str, Mark]:
    """Which systems are there, and after which round."""
    databases = databases_marks(url)
    found: dict[str, Mark] = {}
    for source in city.sources:
        mark = databases.get(source.name) if source.kind == "postgres" else folder_mark(home, source)
        if mark is None:
            continue
        if mark.scale != city.scale:
            raise Conflict(
                "city.other_scale", f"这里已有规模为 {mark.scale} 的样例城市，不能再造规模为 {city.scale} 的"
            )
        found[source.name] = mark
    return found


def _fill(
    home: Path, url: str, city: CityPlan, sources: Iterable[SourcePlan], tables: Iterable[TablePlan], round_no: int,
    threads: int, progress: Progress | None,
) -> int:  # fmt: skip
    """Make the tables of one round and finish their sources: the truth first, then the system with its mark."""
    sources, tables = list(sources), list(tables)
    with ThreadPoolExecutor(_OPENED_AT_ONCE) as pool:
        opened = pool.map(lambda source: _outlet(home, url, source, anew=round_no == 0), sources)
        outlets = {source.name: outlet for source, outlet in zip(sources, opened, strict=True)}
    witnesses = {source.name: Witness(home, source.name, round_no) for source in sources}
    total, done = sum(table.rows for table in tables), 0
    with ExitStack() as undo:
        for outlet in outlets.values():
            undo.callback(outlet.abandon)
        for witness in witnesses.values():
            undo.callback(witness.abandon)
        counts: dict[str, int] = {}
        for changed_only in (False, True):
            now = [table for table in tables if _changes_only(table, round_no) == changed_only]
            for table, rows in generate(city, now, round_no, changed_only=changed_only, threads=threads):
                form = shape(table.template, table.source.kind)
                witnesses[table.source.name].saw(table, form, rows)
                outlets[table.source.name].write(table, form, rows)
                counts[table.name] = counts.get(table.name, 0) + rows.num_rows
                done += rows.num_rows
                if progress:
                    progress(done, total, table.name)
        for table in tables:
            witnesses[table.source.name].counted(table, *_counted(table, round_no, counts[table.name]))
        for witness in witnesses.values():
            witness.close()
        with ThreadPoolExecutor(_OPENED_AT_ONCE) as pool:
            list(pool.map(lambda outlet: outlet.finish(Mark(city.scale, round_no)), outlets.values()))
        undo.pop_all()
    return done


def _changes_only(table: TablePlan, round_no: int) -> bool:
    return round_no > 0 and table.mode == "incremental"


def _counted(table: TablePlan, round_no: int, made: int) -> tuple[int, int, int]:
    """Rows in the source now, rows its delivery must give, rows gone since round 0."""
    ever = row_count(table, round_no)
    if _changes_only(table, round_no):
        return ever, made, 0
    return made, made, ever - made


def _outlet(home: Path, url: str, source: SourcePlan, *, anew: bool) -> Outlet:
    if source.kind == "postgres":
        return DatabaseOutlet(home, url, source, anew=anew)
    return (CsvOutlet if source.kind == "csv" else WorkbookOutlet)(home, source, anew=anew)
