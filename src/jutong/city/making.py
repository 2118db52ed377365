"""The rows of a source table as one SELECT: subject, clean values, their written form, and then the errors.

Row *i* of table *t* is a function of (t, i, round) alone.  Rows beyond ``distinct`` double an earlier row;
rows beyond ``rows`` arrive in later rounds; a row's ``version`` is the round that last changed it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from jutong.city.columns import between, chance, layered, literals
from jutong.city.departments import department
from jutong.city.divisions import COUNTIES, ZONE_LIES_IN
from jutong.city.generators import licence_product, organ_word, start_block
from jutong.city.phrases import MATTERS, MATTERS_OF, WRONGS, WRONGS_OF
from jutong.city.plan import CityPlan, TablePlan
from jutong.city.shaping import CLEAN_EVERY, DIRTY, Column, Fault, Shape, shape
from jutong.city.subjects import BLOCK, STRIDE, company_columns, person_columns, place_columns, places_of
from jutong.city.templates import Template
from jutong.terms import literal

#: Salts of a row's own decisions; fields use 0–99.
_BLOCK_DRAWN, _PLACE_DRAWN, _OTHER_DRAWN, _CHILD_DRAWN, _DIRT_DRAWN = 121, 122, 123, 124, 127
_ROUND_DRAWN = 2**44
#: Rows changed and removed in a round: one in so many.
_CHANGED_EVERY, _REMOVED_EVERY = 100, 250


def row_count(table: TablePlan, round_no: int) -> int:
    """Row numbers used up to a round, removed rows included."""
    return table.rows + round_no * table.arriving


#: What a table is known by inside the query, beside ``first`` and ``last``, the bounds of its row numbers.
_SLOT = (
    "slot_number", "slot_rows", "slot_distinct", "slot_arriving", "slot_county", "slot_start", "slot_places",
    "slot_unit", "slot_uscc", "slot_word", "slot_product", "slot_shrinks", "slot_matters", "slot_wrongs",
)  # fmt: skip


@dataclass(frozen=True)
class Span:
    """Row numbers ``first`` ≤ i < ``last`` of a table."""

    table: TablePlan
    first: int
    last: int


def rows_sql(city: CityPlan, spans: Sequence[Span], round_no: int, *, changed_only: bool = False) -> str:
    """SELECT of rows as their sources hold them after ``round_no``, in the order of ``spans``.

    The spans' tables are of one template and lie in sources of one kind.  Columns: the source's own, in order,
    under the items' names, then ``_slot_number`` (the table's number), ``_i``, ``_fault`` (0 or the place of the
    fault, from 1), ``_key`` (the key's text as it should be, parts joined by ``|``), ``_given`` and ``_meant``
    (the text of the item the fault befell, as written and as it should have been), ``_subject`` and ``_holder`` (who
    the row is of and whose, in tables a register is fused from, else NULL) and ``_twice`` (0, 1 the whole row again, 2 superseding the first).
    ``changed_only``: only rows whose last change was in this round.
    """
    first = spans[0].table
    form = shape(first.template, first.source.kind)
    columns = _columns(form, city, round_no)
    own = [f"o_{column.name}" for column in form.columns]
    facts = ["slot_number", "i", "fault", "key", "given", "meant", "subject", "holder", "twice"]
    inner = layered(columns, [*own, *facts, "alive", "version"], _start(spans), [*_SLOT, "i"])
    shown = ", ".join(f'{out} AS "{column.name}"' for out, column in zip(own, form.columns, strict=True))
    where = "alive" + (f" AND version = {round_no}" if changed_only else "") if round_no else "true"
    return f"SELECT {shown}, {', '.join(f'{fact} AS _{fact}' for fact in facts)} FROM ({inner}) WHERE {where}"


def _start(spans: Sequence[Span]) -> str:
    """Row numbers beside their table's slot; one span alone lets the engine count in parallel."""
    slots = ", ".join(f"({', '.join(_slot(span))}, {span.first}, {span.last})" for span in spans)
    values = f"(VALUES {slots}) AS slots ({', '.join(_SLOT)}, slot_first, slot_last)"
    if len(spans) == 1:
        return (
            f"SELECT range AS i, {', '.join(_SLOT)} FROM range({spans[0].first}, {spans[0].last}), {values}"
        )
    return f"SELECT unnest(range(slot_first, slot_last)) AS i, {', '.join(_SLOT)} FROM {values}"


def _slot(span: Span) -> tuple[str, ...]:
    """SQL of a table's constants, in the order of ``_SLOT``."""
    table = span.table
    keeper = department(table.unit)
    county = _county_index(table.unit)
    places = places_of(county) if county is not None else range(BLOCK)
    licence = next((field for field in table.template.fields if field.kind == "licence"), None)
    constants = (
        table.number, table.rows, table.distinct, table.arriving, county if county is not None else -1,
        places[0], len(places), keeper.name, keeper.uscc, organ_word(table.unit),
        licence_product(licence, keeper.uscc) if licence else 0, table.mode == "full",
    )  # fmt: skip
    words = (MATTERS_OF.get(table.unit, MATTERS), WRONGS_OF.get(table.unit, WRONGS))
    return tuple(literal(value) for value in constants) + tuple(literals(list(each)) for each in words)


def _columns(form: Shape, city: CityPlan, round_no: int) -> dict[str, str]:
    columns = _row_columns(form, round_no)
    columns |= _subject_columns(form.template, city)
    fault_of: dict[str, list[tuple[int, Fault]]] = {}
    for number, fault in enumerate(form.faults, start=1):
        fault_of.setdefault(fault.column.name, []).append((number, fault))
    columns["fault"] = _fault(form)
    for column in form.columns:
        columns |= _value_columns(form, column, fault_of.get(column.name, []))
    columns["key"] = " || '|' || ".join(f"$b_{name}" for name in form.template.keys)
    columns["given"] = _of_fault(form, lambda column: f"$w_{column.name}")
    columns["meant"] = _of_fault(form, lambda column: _plain(column, f"$b_{column.name}"))
    columns |= _true_columns(form.template)
    columns["twice"] = "CASE WHEN NOT $doubled THEN 0 WHEN $superseding THEN 2 ELSE 1 END"
    return columns


#: Persons are numbered beyond companies, so that a holder is one or the other.
_PERSONS = 10**12


def _true_columns(template: Template) -> dict[str, str]:
    """subject: the entity a row is of in the register it feeds; holder: whose licence or credit it is."""
    nothing = "NULL::BIGINT"
    if template.group == "legal":
        return {"subject": "$c_n", "holder": nothing}
    if template.group in ("licence", "credit"):
        persons = template.subject.startswith("person")
        mother = any(field.kind == "qid" for field in template.fields)
        person = f"{_PERSONS} + {'$q_n' if mother else '$p_n'}"
        return {"subject": f"$slot_number * {2**33} + $src", "holder": person if persons else "$c_n"}
    return {"subject": f"{_PERSONS} + $p_n" if template.fused else nothing, "holder": nothing}


def _row_columns(form: Shape, round_no: int) -> dict[str, str]:
    """Which row it is: number, what it doubles, since when it stands, when it last changed, whether it lives."""
    born = (
        "CASE WHEN $i < $slot_rows THEN 0 ELSE 1 + ($i - $slot_rows) // $slot_arriving END"
        if round_no
        else "0"
    )
    # A row without its key cannot be found again to be changed.
    keyed = " AND ".join(f"$draw <> {number}" for number in form.keyless) or "true"
    rounds = range(1, round_no + 1)
    changes = [
        f"CASE WHEN $born < {late} AND {_drawn(late)} % {_CHANGED_EVERY} = 0 AND {keyed} THEN {late} ELSE 0 END"
        for late in rounds
    ]
    removals = " OR ".join(f"$born < {late} AND {_drawn(late)} % {_REMOVED_EVERY} = 1" for late in rounds)
    return {
        "doubled": "$i >= $slot_distinct AND $i < $slot_rows",
        "src": f"CASE WHEN $doubled THEN ($i - $slot_distinct) * {CLEAN_EVERY} ELSE $i END",
        "superseding": "$doubled AND ($i - $slot_distinct) % 2 = 1",
        "r": f"(($slot_number + 1) * {2**33} + $src)",
        "born": born,
        "draw": _draw(form),
        "version": f"greatest($born, {', '.join(changes)})" if changes else "0",
        "alive": f"NOT ($slot_shrinks AND ({removals}))" if removals else "true",
        # What may change about a row hangs on this number instead of r.
        "rv": f"($r + $version::BIGINT * {2**45} + $superseding::BIGINT * {2**46})",
    }


def _drawn(round_no: int) -> str:
    return f"hash($r + {_ROUND_DRAWN * round_no})"


def _subject_columns(template: Template, city: CityPlan) -> dict[str, str]:
    place = f"($slot_start + ({chance('$r', _PLACE_DRAWN)} % $slot_places::UBIGINT)::BIGINT)"
    blocks = city.people // BLOCK
    adults, children = blocks // 5 * 4, blocks // 5
    any_adult = f"({chance('$r', _OTHER_DRAWN)} % {adults})::BIGINT"
    # A company's legal representative lives in its county.
    owner = f"({chance('$c_n', 30)} % {adults})::BIGINT"
    columns = {
        "place": place,
        "r_county": "$slot_county" if template.county else "getvariable('county_of')[1 + $place]",
        "r_county_name": "getvariable('county_name')[1 + $r_county]",
        "r_division": "getvariable('county_code')[1 + $r_county]",
        "r_stem": "regexp_replace($r_town, '(街道|镇|乡|场|管理区)$', '')",
        "c_shown_reg": "CASE WHEN $c_luck < 70 THEN $c_reg END",
        "c_party": "CASE $c_class WHEN 2 THEN '3' ELSE '2' END",
        "c_money": "$c_capital::DECIMAL(18,2)",
    }
    columns |= place_columns("r", "$r_county", "$r", 116)
    columns |= person_columns("p", _person_number(template, adults))
    columns |= person_columns("m", "$p_n // 2 * 2")
    columns |= person_columns("q", "$p_n // 2 * 2 + 1")
    columns |= person_columns("a", f"{_adult_block(any_adult)} * {BLOCK} + $place")
    columns |= person_columns(
        "k", f"({chance('$r', _CHILD_DRAWN)} % {children})::BIGINT * {5 * BLOCK} + $place"
    )
    columns |= company_columns("c", _company_number(template, city.companies))
    columns |= company_columns("z", f"({chance('$r', _OTHER_DRAWN)} % {city.companies})::BIGINT")
    return columns | person_columns("l", f"{_adult_block(owner)} * {BLOCK} + $c_n % {BLOCK}")


def _county_index(unit: str) -> int | None:
    if not unit.startswith("C"):
        return None
    codes = [county.code for county in COUNTIES]
    return (
        codes.index(unit) if unit in codes else [county.division for county in COUNTIES].index(ZONE_LIES_IN)
    )


def _adult_block(number: str) -> str:
    """The block of the n-th four-fifths: every fifth block holds children."""
    return f"({number} // 4 * 5 + 1 + {number} % 4)"


def _person_number(template: Template, adults: int) -> str:
    """Whom a row is about: a person drawn, or each of a list of persons once, as far as there are enough."""
    if template.name == "population":
        return "$src"
    if not template.subject.endswith("!"):
        drawn = f"({chance('$r', _BLOCK_DRAWN)} % {adults})::BIGINT"
        return f"{_adult_block(drawn)} * {BLOCK} + $place"
    children_too = template.subject == "anyone!"
    blocks = adults // 4 * 5 if children_too else adults
    block = f"(($src // $slot_places + {start_block(template.name, adults)}) % {blocks})"
    return f"{block if children_too else _adult_block(block)} * {BLOCK} + $slot_start + $src % $slot_places"


def _company_number(template: Template, companies: int) -> str:
    if template.name == "market_entity":
        return "$src"
    if template.group == "legal":
        # A registration in two hundred and fifty is a second one of the same company.
        return f"(($src % ($slot_rows - $slot_rows // 250)) * {STRIDE}) % {companies}"
    if template.county:
        return f"({chance('$r', _BLOCK_DRAWN)} % {companies // BLOCK})::BIGINT * {BLOCK} + $place"
    if template.subject == "entity!":
        return f"(($src + {start_block(template.name, companies)}) * {STRIDE}) % {companies}"
    return f"({chance('$r', _BLOCK_DRAWN)} % {companies})::BIGINT"


def _draw(form: Shape) -> str:
    """0 for most rows, else the place of a fault, from 1."""
    step = max(1, DIRTY // max(1, len(form.faults)))
    luck = between("$r", _DIRT_DRAWN, 0, 999_999)
    last = len(form.faults) * step
    return f"CASE WHEN $src % {CLEAN_EVERY} <> 0 AND {luck} < {last} THEN {luck} // {step} + 1 ELSE 0 END"


def _fault(form: Shape) -> str:
    """The fault that befalls the row: none where it does not apply, or where a later change has mended it."""
    exempt = []
    for number, fault in enumerate(form.faults, start=1):
        value = (
            f"$b_{fault.column.name}"
            if fault.kind.of_value
            else _plain(fault.column, f"$b_{fault.column.name}")
        )
        conditions = [fault.kind.applies(value)] if fault.kind.applies else []
        if fault.column.nullable:
            conditions.append(f"{value} IS NOT NULL")
        if conditions:
            exempt.append(f"WHEN {number} THEN {' AND '.join(conditions)}")
    applies = f"CASE $draw {' '.join(exempt)} ELSE true END" if exempt else "true"
    # What arrives in a handful is kept clean: one bad row of two would hold the whole batch back.
    return f"CASE WHEN $draw = 0 OR $version > $born OR ($born > 0 AND $slot_arriving < 50) THEN 0 WHEN {applies} THEN $draw ELSE 0 END"


def _of_fault(form: Shape, text: Callable[[Column], str]) -> str:
    """A text of the column the row's fault befell."""
    arms = [f"WHEN {number} THEN {text(fault.column)}" for number, fault in enumerate(form.faults, start=1)]
    return f"CASE WHEN $fault > 0 THEN CASE $fault {' '.join(arms)} END END" if arms else "NULL"


def _value_columns(form: Shape, column: Column, faults: list[tuple[int, Fault]]) -> dict[str, str]:
    """b: the value as it should be; v: after errors, its own and those of values it follows from; w: the text as
    written; o: the output.  Few rows are at fault, so what only they need is computed for them alone.
    """
    name = column.name
    plain = _plain(column, f"$b_{name}")
    follows = column.made.sql if "$v_" in column.made.sql else f"$b_{name}"
    of_value = [(number, fault.kind.spoil(f"$b_{name}")) for number, fault in faults if fault.kind.of_value]
    of_text = [(number, fault.kind.spoil(plain)) for number, fault in faults if not fault.kind.of_value]
    return {
        f"b_{name}": column.made.sql.replace("$v_", "$b_"),
        f"v_{name}": _spoilt(of_value, follows),
        f"w_{name}": _spoilt(of_text, _styled(form, column, f"$v_{name}")),
        f"o_{name}": f"$v_{name}" if column.typed else f"$w_{name}",
    }


def _spoilt(spoilt: list[tuple[int, str]], otherwise: str) -> str:
    if not spoilt:
        return otherwise
    arms = " ".join(f"WHEN {number} THEN {value}" for number, value in spoilt)
    low, high = spoilt[0][0], spoilt[-1][0]
    return f"CASE WHEN $fault < {low} OR $fault > {high} THEN {otherwise} ELSE CASE $fault {arms} ELSE {otherwise} END END"


def _plain(column: Column, value: str) -> str:
    """The canonical text of a value."""
    if column.made.type == "timestamp":
        return f"strftime({value}, '%Y-%m-%d %H:%M:%S')"
    return value if column.made.type == "text" else f"({value})::VARCHAR"


def _styled(form: Shape, column: Column, value: str) -> str:
    """The text of a value as this table writes it."""
    if column.made.type == "date" and not column.typed:
        return f"strftime({value}, '{form.date_style}')"
    if column.made.type == "timestamp" and not column.typed:
        return f"strftime({value}, '{form.time_style}')"
    return _plain(column, value)
