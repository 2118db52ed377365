"""What a register is: its items, the standard datasets it is fused from, how records are told to be one, and whom
it believes for what.

A register is data, read from a YAML declaration (``declaring.py``): another one is another file, not another module.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from jutong.fuse.comparing import Comparison
from jutong.terms import BadInput, DatasetName, Item, Zone

#: How one value among several is chosen.
RANKING, RECENCY, COMPLETENESS = "ranking", "recency", "completeness"
STRATEGIES = (RANKING, RECENCY, COMPLETENESS)
#: Mapped values that are not an item of the dataset: a constant, and what is known of the dataset itself.
CONSTANT, ABOUT = "=", ("$dataset", "$department", "$label")


@dataclass(frozen=True)
class RegisterSource:
    """A standard dataset that feeds a register, or all whose name fits a pattern (``standard.credit_licence_*``).

    ``mapping``: register item → item of the dataset, ``=text``, or ``$dataset`` ``$department`` ``$label``.
    ``trust``: 1 is believed first; ``item_trust`` says otherwise for single items (the social security office
    knows best how many are insured).  ``time_item`` tells when a row was last true; without it the time its
    batch was received does.
    """

    dataset: str
    label: str
    mapping: Mapping[str, str]
    trust: int
    time_item: str | None = None
    item_trust: Mapping[str, int] = field(default_factory=dict)

    def trust_in(self, item: str) -> int:
        return self.item_trust.get(item, self.trust)

    def fits(self, dataset: str) -> bool:
        return fnmatchcase(dataset, self.dataset)


@dataclass(frozen=True)
class KeyPart:
    """A value of an item, ``length`` characters of it from ``start`` (counted from 1), or what the first group of
    ``pattern`` finds in it (nothing where it does not match)."""

    item: str
    start: int | None = None
    length: int | None = None
    pattern: str | None = None


@dataclass(frozen=True)
class MatchKey:
    """Records with the same value are one entity, strong keys before weak ones.

    ``ways``: the first way that gives a value wins; the parts of a way are joined.  ``valid``: the element whose
    check the value must pass.  ``settles``: who bears it is never given away by likeness, so two different
    values never meet in one entity.  ``exclusive``: the same for a weaker key between two that both bear one.
    """

    name: str
    label: str
    ways: tuple[tuple[KeyPart, ...], ...]
    valid: str | None = None
    settles: bool = False
    exclusive: bool = False

    @property
    def whole_item(self) -> str | None:
        """The item whose value as it stands is the key."""
        first = self.ways[0]
        return (
            first[0].item if len(first) == 1 and first[0].start is None and first[0].pattern is None else None
        )


@dataclass(frozen=True)
class Likeness:
    """How the residue is compared: ``threshold`` bits make two records one, if the best leads the next by ``lead``;
    from ``review`` bits up a person is asked.  Values of a block that more than ``crowd`` records share tell
    nothing and are passed over, so the number of pairs grows with the records, not with their square."""

    comparisons: tuple[Comparison, ...] = ()
    #: Each block: features (``name.core``) that must all be equal for a pair to be looked at.
    blocks: tuple[tuple[str, ...], ...] = ()
    threshold: float = 6.0
    lead: float = 3.0
    review: float = 3.0
    prior: float = 1e-6
    crowd: int = 100


@dataclass(frozen=True)
class Link:
    """Who an entity of this register belongs to in another one: ``item`` here equals ``to_item`` there."""

    role: str
    label: str
    register: str
    item: str
    to_item: str


@dataclass(frozen=True)
class Tie:
    """Who stands beside an entity (股东, 高管): rows of another standard dataset whose ``item`` is the entity's
    ``to_item``; ``name`` is the item that names the person, ``shown`` what else is told: item → label."""

    label: str
    dataset: str
    item: str
    to_item: str
    name: str
    shown: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Holds:
    """When a run waits for a person: a source with ``grow`` times its rows or less than ``shrink`` of them, or more
    than these shares of all entities merged or split; never below ``at_least`` of them."""

    grow: float = 10.0
    shrink: float = 0.1
    merges: float = 0.05
    splits: float = 0.05
    at_least: int = 100


@dataclass(frozen=True)
class Register:
    """基础库: golden records in ``base.<name>``, every value of every source in ``base.<name>_value``, which row
    belongs to which entity in ``base.<name>_member``, rows that cannot be placed in ``base.<name>_residue``, what
    became of entities in ``base.<name>_history``, holders in ``base.<name>_link``.  Ids begin with ``prefix``."""

    name: str
    label: str
    prefix: str
    items: tuple[Item, ...]
    sources: tuple[RegisterSource, ...] = ()
    keys: tuple[MatchKey, ...] = ()
    likeness: Likeness = field(default_factory=Likeness)
    #: item → RECENCY or COMPLETENESS where RANKING is not meant.
    survivorship: Mapping[str, str] = field(default_factory=dict)
    #: item → dataset whose word is law (数源部门, 一数一源).
    designated: Mapping[str, str] = field(default_factory=dict)
    links: tuple[Link, ...] = ()
    holds: Holds = field(default_factory=Holds)
    ties: tuple[Tie, ...] = ()

    def __post_init__(self) -> None:
        known = {item.name for item in self.items}
        told = [(name, f"来源 {one.dataset} 的对应关系") for one in self.sources for name in one.mapping]
        told += [(name, f"来源 {one.dataset} 的可信顺序") for one in self.sources for name in one.item_trust]
        told += [(part.item, f"匹配键 {key.name}") for key in self.keys for way in key.ways for part in way]
        told += [(one.item, f"比较 {one.name}") for one in self.likeness.comparisons]
        told += [(name, "取值规则") for name in (*self.survivorship, *self.designated)]
        told += [(link.item, f"关联 {link.role}") for link in self.links]
        told += [(tie.to_item, f"相关 {tie.label}") for tie in self.ties]
        for name, where in told:
            if name not in known:
                raise BadInput("fuse.bad_register", f"基础库 {self.name} 没有信息项 {name}（{where}）")
        for strategy in self.survivorship.values():
            if strategy not in STRATEGIES:
                raise BadInput(
                    "fuse.bad_register",
                    f"基础库 {self.name} 的取值规则「{strategy}」不认识，可用：{'、'.join(STRATEGIES)}",
                )

    @property
    def golden(self) -> DatasetName:
        return DatasetName(Zone.BASE, self.name)

    @property
    def values(self) -> DatasetName:
        return DatasetName(Zone.BASE, f"{self.name}_value")

    @property
    def members(self) -> DatasetName:
        return DatasetName(Zone.BASE, f"{self.name}_member")

    @property
    def residue(self) -> DatasetName:
        return DatasetName(Zone.BASE, f"{self.name}_residue")

    @property
    def history(self) -> DatasetName:
        return DatasetName(Zone.BASE, f"{self.name}_history")

    @property
    def linked(self) -> DatasetName:
        return DatasetName(Zone.BASE, f"{self.name}_link")

    def item_of(self, element: str) -> str | None:
        """The first item of an element; searching asks for items by what they are."""
        return next((item.name for item in self.items if item.element == element), None)

    def trust_in(self, dataset: str, item: str) -> int:
        """0 for the designated source of the item, else as the source declares."""
        if fnmatchcase(dataset, self.designated.get(item, "")):
            return 0
        source = self.source_of(dataset)
        return source.trust_in(item) if source else 99

    def source_of(self, dataset: str) -> RegisterSource | None:
        return next((source for source in self.sources if source.fits(dataset)), None)


def with_sources(register: Register, *sources: RegisterSource) -> Register:
    return replace(register, sources=sources)
