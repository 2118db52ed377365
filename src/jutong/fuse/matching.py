"""Matching by code: which records bear the same identity, as a plan over ``incoming``.

A record's *anchor* is the strongest identity it can be tied to, told apart by its first character: the number of
the key (1 the strongest) and the value, or ``S`` and the row itself when it bears no key.  A record without a
strong key takes the anchor of the only one that bears its weaker key; a weaker key that two anchors bear says
nothing.  Everything is a grouping or an equi-join, so a million records take seconds, and nothing depends on
their order.
"""

from __future__ import annotations

from jutong.elements import valid_sql
from jutong.fuse.register import ABOUT, CONSTANT, KeyPart, MatchKey, Register, RegisterSource
from jutong.fuse.steps import Step, drops
from jutong.store import DatasetSpec
from jutong.terms import BadInput, Item, literal, quote

#: Rows that bear no key and nothing to be compared by; rows whose keys are there and wrong.
NO_KEY = "没有可用的匹配键，也没有可比对的信息项"
BAD_KEY = "代码未通过校验，也没有可比对的信息项"


def records_sql(register: Register, source: RegisterSource, spec: DatasetSpec, table: str) -> str:
    """SELECT of a source's rows in the register's terms: ``dataset, source_key, batch, row_no, told`` (when the
    source says it was true), and every register item as text.

    Raises BadInput ``fuse.bad_mapping`` when the dataset lacks an item the mapping names.
    """
    names = {item.name: item for item in spec.items}
    mapped = [name for name in source.mapping.values() if not name.startswith(CONSTANT) and name not in ABOUT]
    missing = [name for name in (*mapped, source.time_item) if name and name not in names]
    if missing or not spec.keys:
        raise BadInput(
            "fuse.bad_mapping",
            f"{source.dataset} 没有信息项 {', '.join(missing) or '（主键）'}，不能作为{register.label}的来源",
        )
    told = f"CAST({quote(source.time_item)} AS TIMESTAMP)" if source.time_item else "CAST(NULL AS TIMESTAMP)"
    items = ", ".join(_item(source, item, spec) for item in register.items)
    batch = quote("_batch") if "_batch" in names else "CAST(NULL AS VARCHAR)"
    row_no = quote("_row") if "_row" in names else "CAST(NULL AS BIGINT)"
    return (
        f"SELECT {literal(source.dataset)} AS dataset, {source_key_sql(spec)} AS source_key, "
        f"{batch} AS batch, {row_no} AS row_no, {told} AS told, {items} FROM {table}"
    )


def source_key_sql(spec: DatasetSpec) -> str:
    """The key of a standard row as one text; the parts of a composite key are joined by ``|``."""
    return " || '|' || ".join(f"CAST({quote(key)} AS VARCHAR)" for key in spec.keys)


def _item(source: RegisterSource, item: Item, spec: DatasetSpec) -> str:
    given = source.mapping.get(item.name)
    if given is None:
        text = "CAST(NULL AS VARCHAR)"
    elif given.startswith(CONSTANT):
        text = literal(given.removeprefix(CONSTANT))
    elif given in ABOUT:
        told = {"$dataset": source.dataset, "$department": spec.department_code, "$label": spec.label}[given]
        text = literal(told) if told else "CAST(NULL AS VARCHAR)"
    else:
        text = f"nullif(CAST({quote(given)} AS VARCHAR), '')"
    return f"{text} AS {quote(item.name)}"


def key_column(key: MatchKey) -> str:
    return quote(f"k_{key.name}")


def block_column(number: int) -> str:
    return f"b_{number}"


def record_steps(register: Register, *, batches: str = "batch_time") -> list[Step]:
    """From ``incoming`` to ``record`` (numbered, with keys, features and blocks) and ``residue``."""
    likeness = register.likeness
    keys = {key_column(key): _key_sql(key) for key in register.keys}
    first = dict(keys)
    layers: list[dict[str, str]] = [{}, {}, {}]
    for comparison in likeness.comparisons:
        for number in range(3):
            layers[number] |= {
                quote(name): sql for name, sql in comparison.layer(number, needed(register)).items()
            }
    first |= layers[0]
    blocks = {
        block_column(number): "hash("
        + " || '|' || ".join(_block_part(register, part) for part in block)
        + ")"
        for number, block in enumerate(likeness.blocks)
    }
    # hash(NULL) is a number too; only a whole block may meet another.
    blocks = {
        column: f"CASE WHEN {' AND '.join(f'{_block_part(register, part)} IS NOT NULL' for part in block)} THEN {sql} END"
        for (column, sql), block in zip(blocks.items(), likeness.blocks, strict=True)
    }
    usable = [f"{column} IS NOT NULL" for column in (*keys, *blocks)] or ["true"]
    inner = (
        "SELECT * EXCLUDE (told, received), coalesce(told, received) AS as_of"
        f"{_more(first)} FROM (SELECT i.*, b.received FROM incoming i LEFT JOIN {batches} b ON b.id = i.batch)"
    )
    for layer in layers[1:]:
        if layer:
            inner = f"SELECT *{_more(layer)} FROM ({inner})"
    # A sort of all rows by their key would cost more than everything else here: rid only tells rows apart.
    return [
        Step("record", f"SELECT row_number() OVER () AS rid, *, {' OR '.join(usable)} AS usable FROM "
                       f"(SELECT *{_more(blocks)} FROM ({inner}))"),
        Step("residue", f"SELECT dataset, source_key, batch, row_no, as_of, {_residue_reason(register)} AS reason FROM record WHERE NOT usable"),
    ]  # fmt: skip


def _residue_reason(register: Register) -> str:
    checked = sorted({part.item for key in register.keys if key.valid for way in key.ways for part in way})
    given = " OR ".join(f"{quote(item)} IS NOT NULL" for item in checked)
    return (
        f"CASE WHEN {given} THEN {literal(BAD_KEY)} ELSE {literal(NO_KEY)} END" if given else literal(NO_KEY)
    )


def needed(register: Register) -> set[str]:
    """Columns of features that blocks are made of; the others are computed for the few records that are compared."""
    wanted = set()
    for block in register.likeness.blocks:
        for part in block:
            head, _, feature = part.partition(".")
            comparison = next(one for one in register.likeness.comparisons if one.name == head)
            wanted |= {comparison.column(name) for name in (feature, comparison.how.main)}
    return wanted


def _more(columns: dict[str, str]) -> str:
    return "".join(f", {sql} AS {column}" for column, sql in columns.items())


def _block_part(register: Register, part: str) -> str:
    head, _, feature = part.partition(".")
    comparison = next(one for one in register.likeness.comparisons if one.name == head)
    return quote(comparison.column(feature))


def _key_sql(key: MatchKey) -> str:
    ways = []
    for way in key.ways:
        text = " || '|' || ".join(_part(part) for part in way)
        if key.valid:
            text = f"CASE WHEN {valid_sql(key.valid, text)} THEN {text} END"
        ways.append(text)
    return ways[0] if len(ways) == 1 else f"coalesce({', '.join(ways)})"


def _part(part: KeyPart) -> str:
    if part.pattern is not None:
        return f"nullif(regexp_extract({quote(part.item)}, {literal(part.pattern)}, 1), '')"
    if part.start is None:
        return quote(part.item)
    whole = part.start + (part.length or 1) - 1
    return f"CASE WHEN length({quote(part.item)}) >= {whole} THEN substr({quote(part.item)}, {part.start}, {part.length}) END"


def level(place: int) -> str:
    """The first character of the anchors of the key at a place (from 0)."""
    return "123456789"[place]


def settled(register: Register) -> str:
    """The first characters of anchors that are never given away."""
    return "".join(level(place) for place, key in enumerate(register.keys) if key.settles)


def anchor_steps(register: Register) -> list[Step]:
    """From ``record`` to ``anchored (rid, anchor, rule)``."""
    named = "'S' || dataset || '|' || source_key"
    if not register.keys:
        return [Step("anchored", f"SELECT rid, {named} AS anchor, 'alone' AS rule FROM record WHERE usable")]
    columns = [key_column(key) for key in register.keys]
    steps = [
        Step(
            "bearing_0",
            f"SELECT rid, {named} AS named, {', '.join(columns)}, "
            f"'1' || {columns[0]} AS anchor, CASE WHEN {columns[0]} IS NOT NULL THEN {literal(register.keys[0].name)} END AS rule "
            "FROM record WHERE usable",
        )
    ]
    for place, (key, column) in enumerate(zip(register.keys[1:], columns[1:], strict=True), start=1):
        own = f"'{level(place)}' || a.{column}"
        steps += [
            Step(
                "owner",
                f"SELECT {column}, min(anchor) AS owner FROM bearing_{place - 1} WHERE anchor IS NOT NULL "
                f"AND {column} IS NOT NULL GROUP BY 1 HAVING min(anchor) = max(anchor)",
            ),
            Step(
                f"bearing_{place}",
                f"SELECT a.rid, a.named, {', '.join('a.' + name for name in columns)}, "
                f"coalesce(a.anchor, o.owner, {own}) AS anchor, "
                f"coalesce(a.rule, CASE WHEN a.{column} IS NOT NULL THEN {literal(key.name)} END) AS rule "
                f"FROM bearing_{place - 1} a LEFT JOIN owner o ON o.{column} = CASE WHEN a.anchor IS NULL THEN a.{column} END",
            ),
            *drops("owner", f"bearing_{place - 1}"),
        ]
    last = f"bearing_{len(register.keys) - 1}"
    return [
        *steps,
        Step("anchored", f"SELECT rid, coalesce(anchor, named) AS anchor, coalesce(rule, 'alone') AS rule FROM {last}"),
        Step(last),
    ]  # fmt: skip
