"""How long what was given stays, who froze what, what lies in the archive, and what a person may let go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from jutong.flows import (
    Archived,
    Certificate,
    LegalHold,
    RetentionRule,
    Ripe,
    archived,
    certificates,
    destroy_batch,
    end_rule,
    holds,
    place_hold,
    release_hold,
    ripe,
    rules,
    scope_of,
    set_rule,
)
from jutong.portal.names import ZONES
from jutong.portal.routes import Act, Done, NoQuestion, Page
from jutong.portal.visits import Visit

_MOST = 50


@dataclass(frozen=True)
class RuleRow:
    rule: RetentionRule
    about: str


@dataclass(frozen=True)
class HoldRow:
    hold: LegalHold
    about: str
    stands: bool


@dataclass(frozen=True)
class Retention:
    """Rules, holds, the archive, what may be destroyed, and what was."""

    rules: tuple[RuleRow, ...]
    holds: tuple[HoldRow, ...]
    ripe: tuple[Ripe, ...]
    archived: tuple[Archived, ...]
    certificates: tuple[Certificate, ...]
    batches: int
    rows: int
    bytes: int
    standing: int
    may_set: bool
    may_destroy: bool


@dataclass(frozen=True)
class RuleForm:
    about: Annotated[str, Field(title="管什么", min_length=1, max_length=200)]
    archive_days: Annotated[int, Field(title="几天后归档", ge=1, le=36500)]
    basis: Annotated[str, Field(title="依据", min_length=2, max_length=300)]
    keep_batches: Annotated[int, Field(title="湖里至少留几批", ge=1, le=10000)] = 1
    #: Empty: kept for ever.
    destroy_days: Annotated[str, Field(title="几天后可销毁", pattern=r"\d{0,5}")] = ""


@dataclass(frozen=True)
class HoldForm:
    what: Annotated[str, Field(title="冻结什么", min_length=1, max_length=200)]
    case: Annotated[str, Field(title="事由", min_length=2, max_length=300)]


@dataclass(frozen=True)
class ReasonForm:
    reason: Annotated[str, Field(title="理由", min_length=2, max_length=300)]


@dataclass(frozen=True)
class EndForm:
    """Nothing to say."""


def build(visit: Visit, _: NoQuestion) -> Retention:
    """Retention."""
    stored = archived(visit.connection, 10_000)
    frozen = holds(visit.connection, _MOST)
    return Retention(
        rules=tuple(RuleRow(one, _about(visit, one)) for one in rules(visit.connection)),
        holds=tuple(HoldRow(one, _about(visit, one), one.released_at is None) for one in frozen),
        ripe=tuple(ripe(visit.connection, _MOST, visit.now)),
        archived=tuple(stored[:_MOST]),
        certificates=tuple(certificates(visit.connection, _MOST)),
        batches=sum(one.batches for one in stored),
        rows=sum(one.rows for one in stored),
        bytes=sum(one.bytes for one in stored),
        standing=sum(one.released_at is None for one in frozen),
        may_set=visit.can("retention:set"),
        may_destroy=visit.can("retention:destroy"),
    )


def _about(visit: Visit, one: RetentionRule | LegalHold) -> str:
    if one.zone:
        return visit.tell(ZONES[one.zone])
    if one.entry_id:
        return visit.tell("目录「{name}」", name=one.entry_name or one.entry_id)
    return one.dataset or visit.tell("全部数据集")


def rule(visit: Visit, form: RuleForm) -> Done:
    """Set the retention rule of a zone, an entry or a dataset."""
    destroy = int(form.destroy_days) if form.destroy_days else None
    made = set_rule(
        visit.connection, scope_of(visit.connection, form.about), form.archive_days, form.basis, visit.who.login,
        keep_batches=form.keep_batches, destroy_days=destroy,
    )  # fmt: skip
    return Done("/retention", "规则已生效，今晚起照此归档", value={"id": made})


def end(visit: Visit, _: EndForm) -> Done:
    """End a retention rule; it stays on record."""
    end_rule(visit.connection, visit.path["rule_id"], visit.who.login)
    return Done("/retention", "规则已停用")


def hold(visit: Visit, form: HoldForm) -> Done:
    """Freeze everything, a zone, an entry or a dataset."""
    made = place_hold(visit.connection, scope_of(visit.connection, form.what), form.case, visit.who.login)
    return Done("/retention", "已冻结，解除之前什么都不归档、不销毁、不清历史", value={"id": made})


def release(visit: Visit, form: ReasonForm) -> Done:
    """Release a hold; it stays on record."""
    release_hold(visit.connection, visit.path["hold_id"], form.reason, visit.who.login)
    return Done("/retention", "已解除冻结")


def destroy(visit: Visit, form: ReasonForm) -> Done:
    """Approve the destruction of an archived batch that its rule lets go."""
    rooms = visit.rooms
    number, by = visit.path["part_id"], visit.who.login
    part = destroy_batch(rooms.database, rooms.store, rooms.settings, number, form.reason, by)
    return Done("/retention#certificates", visit.tell("批次 {batch} 已销毁，凭证在下面", batch=part.batch_id))


PAGES = (Page("retention", "/retention", build, may="retention:read", stop="store", tab="retention"),)
ACTS = (
    Act("retention.rule", "/retention/rules", rule, RuleForm, may="retention:set", shown_on="/retention"),
    Act(
        "retention.end", "/retention/rules/{rule_id:int}", end, EndForm, may="retention:set", shown_on="/retention"
    ),
    Act("retention.hold", "/retention/holds", hold, HoldForm, may="retention:set", shown_on="/retention"),
    Act(
        "retention.release", "/retention/holds/{hold_id:int}", release, ReasonForm, may="retention:set",
        shown_on="/retention",
    ),
    Act(
        "retention.destroy", "/retention/parts/{part_id:int}", destroy, ReasonForm, may="retention:destroy",
        shown_on="/retention",
    ),
)  # fmt: skip
