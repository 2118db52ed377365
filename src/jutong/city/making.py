"""The rows of a source table as one SELECT: subject, clean values, their written form, and then the errors.

Row *i* of table *t* is a function of (t, i, round) alone.  Rows beyond ``distinct`` double an earlier row;
rows beyond ``rows`` arrive in later rounds; a row's ``version`` is the round that last changed it.
"""

from __future__ import annotations

from jutong.city.columns import between, chance, choose, layered
from jutong.city.divisions import COUNTIES, ZONE_LIES_IN
from jutong.city.generators import start_block
from jutong.city.plan import TablePlan
from jutong.city.shaping import CLEAN_EVERY, DIRTY, Column, Fault, Shape
from jutong.city.subjects import BLOCK, STRIDE, company_columns, person_columns, place_columns, places_of

#: Salts of a row's own decisions; fields use 0–99.
_BLOCK_DRAWN, _PLACE_DRAWN, _OTHER_DRAWN, _CHILD_DRAWN, _DIRT_DRAWN = 121, 122, 123, 124, 127
_ROUND_DRAWN = 2**44
#: Rows changed and removed in a round: one in so many.
_CHANGED_EVERY, _REMOVED_EVERY = 100, 250


def row_count(table: TablePlan, round_no: int) -> int:
    """Row numbers used up to a round, removed rows included."""
    return table.rows + round_no * table.arriving


def rows_sql(shape: Shape, round_no: int, first: int, last: int, *, changed_only: bool = False) -> str:
    """SELECT of the rows ``first`` ≤ i < ``last`` as the source holds them after ``round_no``.

    Columns: the source's own, in order, then ``i``, ``fault`` (0 or the place of the fault, from 1),
    ``key`` (text of the key as given, parts joined by ``|``), ``given`` and ``meant`` (the text of the item the fault befell, as
    written and as it should have been), ``subject`` (company number of the fused sources, else NULL) and ``doubled``.
    ``changed_only``: only rows whose last change was in this round.
    """
    columns = _columns(shape, round_no)
    outputs = [f"o_{column.name}" for column in shape.columns]
    wanted = [*outputs, "i", "fault", "key", "given", "meant", "subject", "doubled", "alive", "version"]
    inner = layered(columns, wanted, f"SELECT range AS i FROM range({first}, {last})", ["i"])
    where = "alive" + (f" AND version = {round_no}" if changed_only else "")
    own = ", ".join(f'{out} AS "{column.header}"' for out, column in zip(outputs, shape.columns, strict=True))
    if round_no == 0:
        where = "true"
    return f"SELECT {own}, i, fault, key, given, meant, subject, doubled FROM ({inner}) WHERE {where}"


def _columns(shape: Shape, round_no: int) -> dict[str, str]:
    columns = _row_columns(shape, round_no)
    columns |= _subject_columns(shape)
    fault_of: dict[str, list[tuple[int, Fault]]] = {}
    for number, fault in enumerate(shape.faults, start=1):
        fault_of.setdefault(fault.column.name, []).append((number, fault))
    columns["fault"] = _fault(shape)
    for column in shape.columns:
        columns |= _value_columns(shape, column, fault_of.get(column.name, []))
    columns["key"] = " || '|' || ".join(f"$x_{name}" for name in shape.keys)
    columns["given"] = _of_fault(shape, "w")
    columns["meant"] = _of_fault(shape, "x")
    columns["subject"] = "$c_n" if shape.table.template.group == "legal" else "NULL::BIGINT"
    return columns


def _row_columns(shape: Shape, round_no: int) -> dict[str, str]:
    """Which row it is: number, what it doubles, since when it stands, when it last changed, whether it lives."""
    table = shape.table
    born = f"CASE WHEN $i < {table.rows} THEN 0 ELSE 1 + ($i - {table.rows}) // {table.arriving} END" if round_no else "0"
    # A row without its key cannot be found again to be changed.
    keyed = " AND ".join(f"$draw <> {number}" for number in shape.keyless) or "true"
    changes = [
        f"CASE WHEN $born < {late} AND {_drawn(late)} % {_CHANGED_EVERY} = 0 AND {keyed} THEN {late} ELSE 0 END"
        for late in range(1, round_no + 1)
    ]
    removals = [f"$born < {late} AND {_drawn(late)} % {_REMOVED_EVERY} = 1" for late in range(1, round_no + 1)]
    shrinking = table.mode == "full" and removals
    seed = (table.number + 1) * 2**33
    return {
        "doubled": f"$i >= {table.distinct} AND $i < {table.rows}",
        "src": f"CASE WHEN $doubled THEN ($i - {table.distinct}) * {CLEAN_EVERY} ELSE $i END",
        "superseding": f"$doubled AND ($i - {table.distinct}) % 2 = 1",
        "r": f"({seed} + $src)",
        "born": born,
        "draw": _draw(shape),
        "version": f"greatest($born, {', '.join(changes)})" if changes else "0",
        "alive": f"NOT ({' OR '.join(removals)})" if shrinking else "true",
        # What may change about a row hangs on this number instead of r.
        "rv": f"($r + $version::BIGINT * {2**45} + $superseding::BIGINT * {2**46})",
    }


def _drawn(round_no: int) -> str:
    return f"hash($r + {_ROUND_DRAWN * round_no})"


def _subject_columns(shape: Shape) -> dict[str, str]:
    table, city = shape.table, shape.city
    county = _county_index(table.unit)
    place = f"({chance('$r', _PLACE_DRAWN)} % {BLOCK})::BIGINT"
    if county is not None:
        place = choose("$r", _PLACE_DRAWN, str(list(places_of(county))), len(places_of(county)))
    blocks = city.people // BLOCK
    adults, children = blocks // 5 * 4, blocks // 5
    person, company = _person_number(table, county, place, adults), _company_number(table, city.companies, county, place)
    any_adult = f"({chance('$r', _OTHER_DRAWN)} % {adults})::BIGINT"
    columns = {
        "r_county": str(county) if county is not None else f"getvariable('county_of')[1 + {place}]",
        "r_county_name": "getvariable('county_name')[1 + $r_county]",
        "r_division": "getvariable('county_code')[1 + $r_county]",
        "r_stem": "regexp_replace($r_town, '(街道|镇|乡|场|管理区)$', '')",
        "c_shown_reg": "CASE WHEN $c_luck < 70 THEN $c_reg END",
        "c_money": "$c_capital::DECIMAL(18,2)",
    }
    columns |= place_columns("r", "$r_county", "$r", 116)
    columns |= person_columns("p", person)
    columns |= person_columns("m", "$p_n // 2 * 2")
    columns |= person_columns("q", "$p_n // 2 * 2 + 1")
    columns |= person_columns("a", f"{_adult_block(any_adult)} * {BLOCK} + {place}")
    columns |= person_columns("k", f"({chance('$r', _CHILD_DRAWN)} % {children})::BIGINT * {5 * BLOCK} + {place}")
    columns |= company_columns("c", company)
    columns |= company_columns("o", f"({chance('$r', _OTHER_DRAWN)} % {city.companies})::BIGINT")
    # A company's legal representative lives in its county.
    owner = f"({chance('$c_n', 30)} % {adults})::BIGINT"
    return columns | person_columns("l", f"{_adult_block(owner)} * {BLOCK} + $c_n % {BLOCK}")


def _county_index(unit: str) -> int | None:
    if not unit.startswith("C"):
        return None
    codes = [county.code for county in COUNTIES]
    return codes.index(unit) if unit in codes else [county.division for county in COUNTIES].index(ZONE_LIES_IN)


def _adult_block(number: str) -> str:
    """The block of the n-th four-fifths: every fifth block holds children."""
    return f"({number} // 4 * 5 + 1 + {number} % 4)"


def _person_number(table: TablePlan, county: int | None, place: str, adults: int) -> str:
    start = start_block(table.template.name, adults)
    if table.template.name == "population":
        return "$src"
    if not table.template.subject.endswith("!"):
        drawn = f"({chance('$r', _BLOCK_DRAWN)} % {adults})::BIGINT"
        return f"{_adult_block(drawn)} * {BLOCK} + {place}"
    places = places_of(county) if county is not None else tuple(range(BLOCK))
    block = f"(($src // {len(places)} + {start}) % {adults})"
    if table.template.subject == "anyone!":
        block = f"(($src // {len(places)} + {start}) % {adults // 4 * 5})"
        return f"{block} * {BLOCK} + {list(places)}[1 + $src % {len(places)}]"
    return f"{_adult_block(block)} * {BLOCK} + {list(places)}[1 + $src % {len(places)}]"


def _company_number(table: TablePlan, companies: int, county: int | None, place: str) -> str:
    if table.template.name == "market_entity":
        return "$src"
    if table.template.group == "legal":
        # A registration in two hundred and fifty is a second one of the same company.
        once = table.rows - table.rows // 250
        return f"(($src % {once}) * {STRIDE}) % {companies}"
    if county is None:
        if table.template.subject == "entity!":
            return f"(($src + {start_block(table.template.name, companies)}) * {STRIDE}) % {companies}"
        return f"({chance('$r', _BLOCK_DRAWN)} % {companies})::BIGINT"
    return f"({chance('$r', _BLOCK_DRAWN)} % {companies // BLOCK})::BIGINT * {BLOCK} + {place}"


def _draw(shape: Shape) -> str:
    """0 for most rows, else the place of a fault, from 1."""
    step = max(1, DIRTY // max(1, len(shape.faults)))
    luck = between("$r", _DIRT_DRAWN, 0, 999_999)
    last = len(shape.faults) * step
    return f"CASE WHEN $src % {CLEAN_EVERY} <> 0 AND {luck} < {last} THEN {luck} // {step} + 1 ELSE 0 END"


def _fault(shape: Shape) -> str:
    """The fault that befalls the row: none where it does not apply, or where a later change has mended it."""
    exempt = []
    for number, fault in enumerate(shape.faults, start=1):
        value = f"$b_{fault.column.name}" if fault.kind.of_value else f"$x_{fault.column.name}"
        conditions = [fault.kind.applies(value)] if fault.kind.applies else []
        if fault.column.nullable:
            conditions.append(f"{value} IS NOT NULL")
        if conditions:
            exempt.append(f"WHEN {number} THEN {' AND '.join(conditions)}")
    applies = f"CASE $draw {' '.join(exempt)} ELSE true END" if exempt else "true"
    return f"CASE WHEN $draw = 0 OR $version > $born THEN 0 WHEN {applies} THEN $draw ELSE 0 END"


def _of_fault(shape: Shape, kind: str) -> str:
    if not shape.faults:
        return "NULL"
    arms = " ".join(f"WHEN {number} THEN ${kind}_{fault.column.name}" for number, fault in enumerate(shape.faults, start=1))
    return f"CASE $fault {arms} END"


def _value_columns(shape: Shape, column: Column, faults: list[tuple[int, Fault]]) -> dict[str, str]:
    """b: the value as it should be; v: after errors, its own and those of values it follows from; x: the plain
    text of b; w: the text as written; o: the output."""
    name = column.name
    of_value = [(number, fault) for number, fault in faults if fault.kind.of_value]
    of_text = [(number, fault) for number, fault in faults if not fault.kind.of_value]
    arms = " ".join(f"WHEN {number} THEN {fault.kind.spoil(f'$b_{name}')}" for number, fault in of_value)
    written = " ".join(f"WHEN {number} THEN {fault.kind.spoil(f'$x_{name}')}" for number, fault in of_text)
    styled = _styled(shape, column, f"$v_{name}")
    text = f"CASE $fault {written} ELSE {styled} END" if written else styled
    follows = column.made.sql if "$v_" in column.made.sql else f"$b_{name}"
    return {
        f"b_{name}": column.made.sql.replace("$v_", "$b_"),
        f"v_{name}": f"CASE $fault {arms} ELSE {follows} END" if arms else follows,
        f"x_{name}": _plain(column, f"$b_{name}"),
        f"w_{name}": text,
        f"o_{name}": f"$v_{name}" if column.typed else f"$w_{name}",
    }


def _plain(column: Column, value: str) -> str:
    """The canonical text of a value."""
    if column.made.type == "timestamp":
        return f"strftime({value}, '%Y-%m-%d %H:%M:%S')"
    return value if column.made.type == "text" else f"({value})::VARCHAR"


def _styled(shape: Shape, column: Column, value: str) -> str:
    """The text of a value as this table writes it."""
    if column.made.type == "date" and not column.typed:
        return f"strftime({value}, '{shape.date_style}')"
    if column.made.type == "timestamp" and not column.typed:
        return f"strftime({value}, '{shape.time_style}')"
    return _plain(column, value)
