"""Likeness: the residue that no strong key ties to anything, compared item by item.

Splink weighs the evidence as Fellegi and Sunter do: each level of agreement adds log2(m/u).  Records whose anchor
does not settle them are *free*; a free anchor goes to the one anchor that is most like it, if it is like enough
and no other comes near.  What stays between is for people, and what people decided is replayed.
"""

from __future__ import annotations

import logging
import math
from typing import Any

import pyarrow as pa

from jutong.fuse.comparing import Comparison, Level
from jutong.fuse.folding import sounding
from jutong.fuse.matching import block_column, key_column, level, needed, settled
from jutong.fuse.register import Register
from jutong.fuse.steps import Duck, Engine, Step, drops, run
from jutong.terms import literal, quote

#: The weight of a pair that a person found to be one.
DECIDED = 1000.0
_SAME, _DIFFERENT = "same", "different"


def settings(register: Register) -> dict[str, Any]:
    """The model as Splink reads it; it can be kept as a file and shown to anyone."""
    likeness = register.likeness
    return {
        "link_type": "dedupe_only",
        "unique_id_column_name": "rid",
        "probability_two_random_records_match": likeness.prior,
        "blocking_rules_to_generate_predictions": [
            {
                "blocking_rule": f"l.{block_column(number)} = r.{block_column(number)} AND (l.free OR r.free)",
                "sql_dialect": "duckdb",
            }
            for number in range(len(likeness.blocks))
        ],
        "comparisons": [_comparison(one) for one in likeness.comparisons],
        "retain_matching_columns": False,
        "retain_intermediate_calculation_columns": False,
    }


def _comparison(one: Comparison) -> dict[str, Any]:
    main = one.column(one.how.main)
    null = {
        "sql_condition": f'"{main}_l" IS NULL OR "{main}_r" IS NULL',
        "label_for_charts": "缺失",
        "is_null_level": True,
    }
    return {
        "output_column_name": one.name,
        "comparison_levels": [null, *(_level(each) for each in one.levels)],
    }


def _level(level: Level) -> dict[str, Any]:
    return {
        "sql_condition": level.sql,
        "label_for_charts": level.label,
        "m_probability": level.m,
        "u_probability": level.u,
        "fix_m_probability": True,
        "fix_u_probability": True,
    }


def _is_free(register: Register, anchor: str) -> str:
    return f"left({anchor}, 1) NOT IN ({', '.join(literal(one) for one in settled(register) or '-')})"


def candidate_steps(register: Register) -> list[Step]:
    """``likely_record``: the free records and whoever shares a block with one, crowded blocks left out."""
    likeness = register.likeness
    columns = [block_column(number) for number in range(len(likeness.blocks))]
    early = needed(register)
    late: list[dict[str, str]] = [{}, {}, {}]
    for one in likeness.comparisons:
        for number, layer in enumerate(one.late(early)):
            late[number] |= layer
    features = [
        *(quote(column) for column in sorted(early)),
        *sorted({quote(one.item) for one in likeness.comparisons if any(one.late(early))}),
    ]
    steps = [Step("free_record", f"SELECT rid FROM anchored WHERE {_is_free(register, 'anchor')}")]
    for column in columns:
        steps += [
            Step(
                f"free_{column}",
                f"SELECT DISTINCT {column} FROM record SEMI JOIN free_record USING (rid) WHERE {column} IS NOT NULL",
            ),
            # A value too many share is passed over: pairs grow with records, not with their square.
            Step(
                f"block_{column}",
                f"SELECT {column} FROM record SEMI JOIN free_{column} USING ({column}) "
                f"WHERE {column} NOT IN (SELECT value FROM crowded WHERE block = '{column}') "
                f"GROUP BY 1 HAVING count(*) <= {likeness.crowd}",
            ),
            Step(f"free_{column}"),
        ]
    kept = "".join(
        f", CASE WHEN x{column}.{column} IS NOT NULL THEN r.{column} END AS {column}" for column in columns
    )
    joins = " ".join(
        f"LEFT JOIN block_{column} x{column} ON x{column}.{column} = r.{column}" for column in columns
    )
    wanted = " OR ".join(f"x{column}.{column} IS NOT NULL" for column in columns)
    likely = (
        f"SELECT r.rid, f.rid IS NOT NULL AS free{kept}, {', '.join('r.' + name for name in features)} FROM record r "
        f"LEFT JOIN free_record f ON f.rid = r.rid {joins} WHERE {wanted}"
    )
    for layer in late:
        if layer:
            likely = f"SELECT *, {', '.join(f'{sql} AS {quote(name)}' for name, sql in layer.items())} FROM ({likely})"
    return [
        *steps,
        Step("likely_record", likely),
        *drops("free_record", *(f"block_{column}" for column in columns)),
    ]  # fmt: skip


def add_sounds(register: Register, engine: Engine) -> None:
    """``near_…`` columns: features by sound and shape, for the few records that are compared."""
    for one in register.likeness.comparisons:
        for feature in one.how.sounds:
            column, near = quote(one.column(feature)), quote(one.column(f"near_{feature}"))
            texts = engine.texts(f"SELECT DISTINCT {column} FROM likely_record WHERE {column} IS NOT NULL")
            sounds = {
                "text": pa.array(texts, pa.string()),
                "near": pa.array([sounding(one) for one in texts], pa.string()),
            }
            engine.give("sounds", pa.table(sounds))
            engine.run(
                [
                    Step(
                        "likely_sounding",
                        f"SELECT r.*, s.near AS {near} FROM likely_record r LEFT JOIN sounds s ON s.text = r.{column}",
                    ),
                    Step("likely_record", "SELECT * FROM likely_sounding"),
                    *drops("likely_sounding", "sounds"),
                ]
            )


def score_sql(register: Register) -> str:
    """The pairs and their weights as Splink computes them from the same model, for engines it does not run on.

    A test holds the two against each other.
    """
    likeness = register.likeness
    prior = math.log2(likeness.prior / (1 - likeness.prior))
    weights = " + ".join(_weight_sql(one) for one in likeness.comparisons) or "0"
    columns = sorted({quote(one.column(feature)) for one in likeness.comparisons for feature in one.features})
    sides = ", ".join(
        f"{side}.{name} AS {quote(name.strip(chr(34)) + '_' + side)}" for name in columns for side in "lr"
    )
    pairs = " UNION ".join(
        f"SELECT l.rid AS rid_l, r.rid AS rid_r FROM likely_record l JOIN likely_record r ON l.{block} = r.{block} "
        "WHERE (l.free OR r.free) AND l.rid < r.rid"
        for block in (block_column(number) for number in range(len(likeness.blocks)))
    )
    return (
        f"SELECT rid_l, rid_r, weight FROM (SELECT rid_l, rid_r, {prior!r} + {weights} AS weight FROM ("
        f"SELECT p.rid_l, p.rid_r, {sides} FROM ({pairs}) p JOIN likely_record l ON l.rid = p.rid_l JOIN likely_record r ON r.rid = p.rid_r)"
        f") WHERE weight >= {min(likeness.review, likeness.threshold)}"
    )


def _weight_sql(one: Comparison) -> str:
    main = one.column(one.how.main)
    arms = [f'WHEN "{main}_l" IS NULL OR "{main}_r" IS NULL THEN 0.0e0']
    arms += [f"WHEN {level.sql} THEN {math.log2(level.m / level.u)!r}e0" for level in one.levels[:-1]]
    last = one.levels[-1]
    return f"CASE {' '.join(arms)} ELSE {math.log2(last.m / last.u)!r}e0 END"


def score(register: Register, engine: Engine) -> None:
    """Fill ``scored_pair (rid_l, rid_r, weight)`` with the pairs worth a look."""
    if not isinstance(engine, Duck):
        engine.run([Step("scored_pair", score_sql(register))])
        return
    duck = engine.duck
    from splink import DuckDBAPI, Linker  # slow to import, needed only when there is a residue

    logging.getLogger("splink").setLevel(logging.ERROR)
    api = DuckDBAPI(connection=duck)
    linker = Linker(
        api.register("likely_record", dataset_display_name="records"), settings(register), log_level=None
    )
    lowest = min(register.likeness.review, register.likeness.threshold)
    pairs = linker.inference.predict(threshold_match_weight=lowest, warning_mode="never")
    run(
        duck, [Step("scored_pair", f"SELECT rid_l, rid_r, match_weight AS weight FROM {pairs.physical_name}")]
    )
    pairs.drop_table_from_database_and_remove_from_cache()


def decision_steps() -> list[Step]:
    """``likely_pair``: scored pairs with what people decided in the place of what was weighed.

    ``decision (dataset_l, key_l, dataset_r, key_r, verdict)``.
    """
    return [
        Step(
            "decided_pair",
            "SELECT least(l.rid, r.rid) AS rid_l, greatest(l.rid, r.rid) AS rid_r, d.verdict FROM decision d "
            "JOIN record l ON l.dataset = d.dataset_l AND l.source_key = d.key_l "
            "JOIN record r ON r.dataset = d.dataset_r AND r.source_key = d.key_r",
        ),
        Step(
            "likely_pair",
            "SELECT p.rid_l, p.rid_r, p.weight FROM scored_pair p "
            "LEFT JOIN decided_pair d ON d.rid_l = least(p.rid_l, p.rid_r) AND d.rid_r = greatest(p.rid_l, p.rid_r) "
            f"WHERE d.verdict IS NULL UNION ALL SELECT rid_l, rid_r, {DECIDED} FROM decided_pair WHERE verdict = '{_SAME}'",
        ),
        Step("scored_pair"),
    ]  # fmt: skip


def free_levels(register: Register) -> list[str]:
    """First characters of anchors that may be given away, strong before weak."""
    kept = settled(register)
    return [one for one in (level(place) for place in range(len(register.keys))) if one not in kept] + ["S"]


def adoptions(register: Register) -> list[tuple[str, str]]:
    """Which free anchors are given to whom, in this order: those with a key first, so that a record without any
    never comes to stand between two of them."""
    kept, free = settled(register), free_levels(register)
    first = [(one, kept) for one in free if kept]
    return first + [(one, owner) for place, one in enumerate(free) for owner in free[:place]]


def adoption_steps(register: Register, kind: str, owners: str) -> list[Step]:
    """Give every free anchor of one ``kind`` to the anchor of ``owners`` most like it.

    Two anchors that both know a value of an exclusive key know different ones, or they would be one anchor.  The
    best must lead the next best, or the anchor stays as it is: a wrong join is worse than a missing one.  What is
    too close to call is kept in ``doubt`` for people.
    """
    likeness = register.likeness
    letters = ", ".join(literal(letter) for letter in owners)
    return [
        Step(
            "offer",
            "SELECT a.anchor, b.anchor AS owner, max(p.weight) AS weight FROM ("
            "SELECT rid_l AS mine, rid_r AS other, weight FROM likely_pair UNION ALL "
            "SELECT rid_r, rid_l, weight FROM likely_pair) p "
            "JOIN anchored a ON a.rid = p.mine JOIN anchored b ON b.rid = p.other "
            f"WHERE left(a.anchor, 1) = '{kind}' AND left(b.anchor, 1) IN ({letters}) AND a.anchor <> b.anchor GROUP BY 1, 2",
        ),
        Step("knows", _knows_sql(register, "SELECT anchor FROM offer UNION SELECT owner FROM offer")),
        Step(
            "fair_offer",
            "SELECT o.* FROM offer o "
            "LEFT JOIN (SELECT DISTINCT k.anchor, l.anchor AS owner FROM offer o JOIN knows k ON k.anchor = o.anchor "
            "JOIN knows l ON l.anchor = o.owner AND l.key = k.key) c ON c.anchor = o.anchor AND c.owner = o.owner "
            "LEFT JOIN (SELECT DISTINCT x.anchor, y.anchor AS owner FROM decided_pair d "
            "JOIN anchored x ON x.rid IN (d.rid_l, d.rid_r) JOIN anchored y ON y.rid IN (d.rid_l, d.rid_r) "
            f"WHERE d.verdict = '{_DIFFERENT}' AND x.anchor <> y.anchor) v ON v.anchor = o.anchor AND v.owner = o.owner "
            "WHERE c.anchor IS NULL AND v.anchor IS NULL",
        ),
        Step(
            "best",
            "SELECT anchor, owner, weight, row_number() OVER (PARTITION BY anchor ORDER BY weight DESC, owner) AS place, "
            f"coalesce(lead(weight) OVER (PARTITION BY anchor ORDER BY weight DESC, owner), {-DECIDED}) AS next FROM fair_offer",
        ),
        Step(
            "adopted",
            "SELECT anchor, owner, weight FROM best "
            f"WHERE place = 1 AND weight >= {likeness.threshold} AND next <= weight - {likeness.lead}",
        ),
        Step(
            "given_away",
            "SELECT a.rid, coalesce(d.owner, a.anchor) AS anchor, "
            "CASE WHEN d.owner IS NULL THEN a.rule WHEN d.weight >= 1000 THEN 'decided' ELSE 'likeness' END AS rule, "
            "coalesce(d.weight, a.weight) AS weight FROM anchored a LEFT JOIN adopted d ON d.anchor = a.anchor",
        ),
        Step("anchored", "SELECT * FROM given_away"),
        *drops("knows", "offer", "fair_offer", "best", "adopted", "given_away"),
    ]  # fmt: skip


def _knows_sql(register: Register, anchors: str) -> str:
    """Of some anchors, which keys any of their records bears whose values never meet in one entity."""
    exclusive = [key_column(key) for key in register.keys if key.exclusive or key.settles]
    if not exclusive:
        return "SELECT anchor, anchor AS key FROM anchored WHERE false"
    some = f"(SELECT a.anchor, a.rid FROM anchored a SEMI JOIN ({anchors}) w ON w.anchor = a.anchor)"
    return " UNION ".join(
        f"SELECT s.anchor, {literal(column)} AS key FROM {some} s JOIN record r ON r.rid = s.rid WHERE r.{column} IS NOT NULL"
        for column in exclusive
    )


def loose_steps(register: Register) -> list[Step]:
    """Pairs between anchors that stayed alone, for clustering: ``loose_edge``.  A pair of rows that people told
    apart is no edge, nor is any other pair between their anchors."""
    return [
        Step(
            "loose_edge",
            "SELECT a.anchor AS anchor_l, b.anchor AS anchor_r, max(p.weight) AS weight FROM likely_pair p "
            "JOIN anchored a ON a.rid = p.rid_l JOIN anchored b ON b.rid = p.rid_r "
            f"WHERE left(a.anchor, 1) = 'S' AND left(b.anchor, 1) = 'S' AND a.anchor <> b.anchor "
            f"AND p.weight >= {register.likeness.threshold} GROUP BY 1, 2",
        ),
        Step(
            "group_0",
            "SELECT anchor, min(owner) AS owner FROM (SELECT anchor_l AS anchor, least(anchor_l, anchor_r) AS owner FROM loose_edge "
            "UNION ALL SELECT anchor_r, least(anchor_l, anchor_r) FROM loose_edge) GROUP BY 1",
        ),
    ]  # fmt: skip


def widen_step(number: int) -> Step:
    """One round of connected components: everyone takes the least owner among the neighbours' and its own owner's."""
    return Step(
        f"group_{number}",
        "SELECT g.anchor, min(o.owner) AS owner FROM ("
        f"SELECT anchor, owner FROM group_{number - 1} UNION ALL "
        f"SELECT e.anchor_l, g.owner FROM loose_edge e JOIN group_{number - 1} g ON g.anchor = e.anchor_r UNION ALL "
        f"SELECT e.anchor_r, g.owner FROM loose_edge e JOIN group_{number - 1} g ON g.anchor = e.anchor_l) g "
        f"JOIN group_{number - 1} o ON o.anchor = g.owner GROUP BY 1",
    )


def joined_steps(last: int) -> list[Step]:
    """The components as anchors; one in which people told two rows apart stays in its pieces."""
    return [
        Step(
            "torn",
            f"SELECT DISTINCT l.owner FROM decided_pair d JOIN anchored a ON a.rid = d.rid_l JOIN anchored b ON b.rid = d.rid_r "
            f"JOIN group_{last} l ON l.anchor = a.anchor JOIN group_{last} r ON r.anchor = b.anchor "
            f"WHERE d.verdict = '{_DIFFERENT}' AND l.owner = r.owner",
        ),
        Step(
            "grouped",
            "SELECT a.rid, CASE WHEN t.owner IS NULL THEN coalesce(g.owner, a.anchor) ELSE a.anchor END AS anchor, "
            "CASE WHEN g.owner IS NULL OR t.owner IS NOT NULL THEN a.rule WHEN e.weight >= 1000 THEN 'decided' "
            "ELSE 'likeness' END AS rule, "
            "CASE WHEN t.owner IS NULL THEN coalesce(a.weight, e.weight) ELSE a.weight END AS weight "
            f"FROM anchored a LEFT JOIN group_{last} g ON g.anchor = a.anchor LEFT JOIN torn t ON t.owner = g.owner "
            "LEFT JOIN (SELECT anchor, max(weight) AS weight FROM (SELECT anchor_l AS anchor, weight FROM loose_edge "
            "UNION ALL SELECT anchor_r, weight FROM loose_edge) GROUP BY 1) e ON e.anchor = a.anchor",
        ),
        Step("anchored", "SELECT * FROM grouped"),
        *drops("torn", "loose_edge", f"group_{last}", "grouped"),
    ]  # fmt: skip


def doubt_steps(register: Register) -> list[Step]:
    """``doubt``: pairs of entities that look alike and were not joined, one pair of rows for each, for people."""
    paired = "SELECT a.anchor FROM anchored a JOIN likely_pair p ON a.rid = p.rid_l UNION SELECT a.anchor FROM anchored a JOIN likely_pair p ON a.rid = p.rid_r"
    return [
        Step("knows", _knows_sql(register, paired)),
        Step(
            "doubt",
            "SELECT least(a.anchor, b.anchor) AS one, greatest(a.anchor, b.anchor) AS two, "
            "max_by(l.dataset, (p.weight, -p.rid_l, -p.rid_r)) AS dataset_l, max_by(l.source_key, (p.weight, -p.rid_l, -p.rid_r)) AS key_l, "
            "max_by(r.dataset, (p.weight, -p.rid_l, -p.rid_r)) AS dataset_r, max_by(r.source_key, (p.weight, -p.rid_l, -p.rid_r)) AS key_r, "
            "max(p.weight) AS weight FROM likely_pair p JOIN anchored a ON a.rid = p.rid_l JOIN anchored b ON b.rid = p.rid_r "
            "JOIN record l ON l.rid = p.rid_l JOIN record r ON r.rid = p.rid_r "
            f"WHERE a.anchor <> b.anchor AND p.weight >= {register.likeness.review} AND p.weight < {DECIDED} "
            "AND NOT EXISTS (SELECT 1 FROM knows k JOIN knows q ON q.key = k.key WHERE k.anchor = a.anchor AND q.anchor = b.anchor) "
            "GROUP BY 1, 2",
        ),
        Step("knows"),
    ]  # fmt: skip


def match(register: Register, engine: Engine) -> None:
    """From ``record``, ``anchored`` and ``decision`` to the final ``anchored (rid, anchor, rule, weight)`` and
    ``doubt``."""
    engine.run(
        [
            Step("weighed", "SELECT *, CAST(NULL AS DOUBLE) AS weight FROM anchored"),
            Step("anchored", "SELECT * FROM weighed"),
            Step("weighed"),
        ]
    )
    empty = "SELECT rid AS rid_l, rid AS rid_r, CAST(NULL AS DOUBLE) AS weight FROM record WHERE false"
    if register.likeness.blocks:
        engine.run(candidate_steps(register))
        if engine.some("SELECT 1 FROM likely_record WHERE free"):
            add_sounds(register, engine)
            score(register, engine)
        else:
            engine.run([Step("scored_pair", empty)])
        engine.run(drops("likely_record"))
    else:
        engine.run([Step("scored_pair", empty)])
    engine.run(decision_steps())
    if engine.some("SELECT 1 FROM likely_pair"):
        for kind, owners in adoptions(register):
            engine.run(adoption_steps(register, kind, owners))
        join_components(register, engine)
    engine.run([*doubt_steps(register), *drops("likely_pair", "decided_pair")])


def join_components(register: Register, engine: Engine) -> None:
    """Connected components of what is left: records that know no key but are alike."""
    engine.run(loose_steps(register))
    last = 0
    while True:
        engine.run([widen_step(last + 1)])
        changed = engine.some(
            f"SELECT 1 FROM group_{last} l JOIN group_{last + 1} n ON n.anchor = l.anchor WHERE l.owner <> n.owner"
        )
        engine.run(drops(f"group_{last}"))
        last += 1
        if not changed:
            break
    engine.run(joined_steps(last))
