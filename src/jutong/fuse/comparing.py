"""Comparisons: how two values of an item are weighed, made for what Chinese offices write.

Each kind says which *features* it computes of a value (in layers, each from the one before) and the *levels* of
agreement two records may reach, best first, with m (how often among records of one entity) and u (among
records of two).  The probabilities are declared, not trained: the same rows give the same entities whatever came
before and in whatever order.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from jutong.fuse.names import address_sql, core_sql, door_sql, letters_sql, plain_sql
from jutong.terms import BadInput, quote

#: The value itself, as the first layer's features see it.
ITEM = "item"


@dataclass(frozen=True)
class Level:
    """``sql`` speaks of features as ``{core_l}`` and ``{core_r}``; ELSE is what is left."""

    label: str
    sql: str
    m: float
    u: float


@dataclass(frozen=True)
class Kind:
    """``layers``: feature → (what it is made of, how), each layer of what was made before.  ``main`` must be there
    for the comparison to say anything; ``sounds``: features to be known by sound and shape too (``near_…``)."""

    main: str
    layers: tuple[Mapping[str, tuple[str, Callable[[str], str]]], ...]
    levels: tuple[Level, ...]
    sounds: tuple[str, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """An item compared in one way; ``weights``: level number (from 0) → (m, u) where the kind's do not fit."""

    name: str
    item: str
    kind: str
    weights: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise BadInput(
                "fuse.bad_register", f"比较方式「{self.kind}」不认识，可用：{'、'.join(sorted(KINDS))}"
            )

    @property
    def how(self) -> Kind:
        return KINDS[self.kind]

    def column(self, feature: str) -> str:
        return f"f_{self.name}_{feature}"

    @property
    def levels(self) -> tuple[Level, ...]:
        """The kind's levels, speaking of this comparison's columns, with this comparison's weights."""
        named = {
            f"{feature}_{side}": f'"{self.column(feature)}_{side}"'
            for feature in self.features
            for side in "lr"
        }
        return tuple(
            Level(
                level.label,
                level.sql.format(**named),
                *self.weights.get(str(place), (level.m, level.u)),
            )
            for place, level in enumerate(self.how.levels)
        )

    @property
    def features(self) -> tuple[str, ...]:
        plain = tuple(name for layer in self.how.layers for name in layer)
        return plain + tuple(f"near_{name}" for name in self.how.sounds)

    def layer(self, number: int, wanted: Collection[str]) -> dict[str, str]:
        """Column → SQL of the wanted features of one layer."""
        if number >= len(self.how.layers):
            return {}
        return {
            self.column(name): make(quote(self.item) if of == ITEM else quote(self.column(of)))
            for name, (of, make) in self.how.layers[number].items()
            if self.column(name) in wanted
        }

    def late(self, wanted: Collection[str]) -> list[dict[str, str]]:
        """The features of all layers that are not wanted early, layer by layer."""
        columns = {self.column(name) for layer in self.how.layers for name in layer} - set(wanted)
        return [self.layer(number, columns) for number in range(len(self.how.layers))]


def _near(feature: str, letters: int) -> str:
    """The same but for one character, of texts long enough for that to mean something."""
    left, right = f"{{{feature}_l}}", f"{{{feature}_r}}"
    return f"length({left}) >= {letters} AND one_char_apart({left}, {right})"


def _same(feature: str) -> str:
    return f"{{{feature}_l}} = {{{feature}_r}}"


_PLAIN = {"plain": (ITEM, plain_sql)}
KINDS: dict[str, Kind] = {
    #: 企业名称: 行政区划 + 字号 + 行业 + 组织形式 (企业名称登记管理规定 第七条).
    "company": Kind(
        "plain",
        (
            _PLAIN,
            {"core": ("plain", core_sql)},
        ),
        (
            Level("名称相同", _same("plain"), 0.80, 5e-6),
            Level("字号和行业相同", f"{_same('core')} AND length({{core_l}}) >= 3", 0.15, 2e-5),
            Level("字号和行业音同或形近", f"length({{core_l}}) >= 3 AND {_same('near_core')}", 0.02, 1e-4),
            Level("字号和行业差一字", _near("core", 4), 0.02, 2e-4),
            Level("名称不同", "ELSE", 0.01, 0.99),
        ),
        ("core",),
    ),
    "person": Kind(
        "plain",
        (_PLAIN,),
        (
            Level("姓名相同", _same("plain"), 0.90, 3e-4),
            Level("姓名音同或形近", _same("near_plain"), 0.03, 2e-3),
            Level("姓名不同", "ELSE", 0.07, 0.99),
        ),
        ("plain",),
    ),
    "address": Kind(
        "plain",
        ({"plain": (ITEM, address_sql)}, {"door": ("plain", door_sql)}),
        (
            Level("住所相同", _same("plain"), 0.85, 1e-5),
            Level("住所相近", _near("plain", 8), 0.04, 1e-3),
            Level("路名门牌相同", f"length({{door_l}}) >= 4 AND {_same('door')}", 0.03, 2e-3),
            Level("住所不同", "ELSE", 0.08, 0.99),
        ),
    ),
    "exact": Kind(
        "plain",
        (_PLAIN,),
        (Level("相同", _same("plain"), 0.70, 1e-5), Level("不同", "ELSE", 0.30, 0.99)),
    ),
    #: Western names, titles, streets.
    "text": Kind(
        "plain",
        ({"plain": (ITEM, letters_sql)}, {"start": ("plain", lambda text: f"substr({text}, 1, 3)")}),
        (
            Level("相同", _same("plain"), 0.70, 1e-3),
            Level("差一两个字母", "length({plain_l}) >= 4 AND levenshtein({plain_l}, {plain_r}) <= 2", 0.15, 5e-3),
            Level("大体相同", "length({plain_l}) >= 6 AND levenshtein({plain_l}, {plain_r}) <= length({plain_l}) // 3", 0.08, 2e-2),
            Level("不同", "ELSE", 0.07, 0.97),
        ),
    ),
    #: Digits: dates, house numbers, postcodes, telephone numbers; one slip or two exchanged digits.
    "digits": Kind(
        "plain",
        (_PLAIN,),
        (
            Level("相同", _same("plain"), 0.85, 1e-3),
            Level("差一两位", "length({plain_l}) >= 4 AND levenshtein({plain_l}, {plain_r}) <= 2", 0.10, 2e-2),
            Level("不同", "ELSE", 0.05, 0.98),
        ),
    ),
}  # fmt: skip
