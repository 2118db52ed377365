"""Applications for removal by law: applied for by one, confirmed by another, certified for all (UC-STORE-02)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from jutong.flows import Purge, apply_for_purge, confirm_purge, purges, refuse_purge
from jutong.portal.routes import Act, Done, NoQuestion, Page
from jutong.portal.visits import Visit

_MOST = 50


@dataclass(frozen=True)
class PurgeRow:
    """An application; ``datasets``: how many datasets hold such rows, ``backups``: those made before that still lie there."""

    purge: Purge
    datasets: int
    rows: int
    files: int
    backups: tuple[str, ...]
    #: Whether this visitor is the second person.
    may_confirm: bool


@dataclass(frozen=True)
class Purges:
    """What waits for a second person, what is under way, and the certificates."""

    waiting: tuple[PurgeRow, ...]
    under_way: tuple[PurgeRow, ...]
    over: tuple[PurgeRow, ...]
    may_apply: bool
    may_confirm: bool


@dataclass(frozen=True)
class PurgeForm:
    what: Annotated[str, Field(title="清除谁", min_length=1, max_length=400)]
    basis: Annotated[str, Field(title="依据", min_length=2, max_length=300)]
    reason: Annotated[str, Field(title="事由", min_length=2, max_length=300)]
    #: Empty: a subject.
    dataset: Annotated[str, Field(title="数据集", max_length=120)] = ""


@dataclass(frozen=True)
class ConfirmForm:
    """Nothing to say."""


@dataclass(frozen=True)
class RefuseForm:
    why: Annotated[str, Field(title="理由", min_length=2, max_length=300)]


def build(visit: Visit, _: NoQuestion) -> Purges:
    """Purges."""
    rows = [_row(visit, one) for one in purges(visit.connection, _MOST)]
    return Purges(
        waiting=tuple(row for row in rows if row.purge.state == "applied"),
        under_way=tuple(row for row in rows if row.purge.state == "confirmed"),
        over=tuple(row for row in rows if row.purge.state in ("done", "refused")),
        may_apply=visit.can("purge:apply"),
        may_confirm=visit.can("purge:confirm"),
    )


def _row(visit: Visit, one: Purge) -> PurgeRow:
    certificate = one.certificate or {}
    backups = tuple(
        visit.tell("{folder}，{day} 前移除", folder=each["folder"], day=each["gone_by"])
        if each["gone_by"]
        else visit.tell("{folder}，要人移除", folder=each["folder"])
        for each in certificate.get("backups", ())
    )
    return PurgeRow(
        one,
        datasets=len(one.found or {}),
        rows=sum(each["rows"] for each in certificate["rows"]) if certificate else one.rows,
        files=certificate.get("files_removed", 0) + len(certificate.get("delivered_files", ())),
        backups=backups,
        may_confirm=one.found is not None
        and one.applied_by != visit.who.login
        and visit.can("purge:confirm"),
    )


def apply(visit: Visit, form: PurgeForm) -> Done:
    """Apply for the removal of a subject or of one record; what is sought is sealed at once."""
    said = form.what.replace("，", " ").replace(",", " ").split()
    dataset = form.dataset.strip() or None
    number = apply_for_purge(
        visit.connection, visit.rooms.keys, by=visit.who.login, basis=form.basis, reason=form.reason,
        words=() if dataset else said, dataset=dataset, key=said if dataset else (),
    )  # fmt: skip
    return Done(
        "/purges",
        visit.tell("清除申请 {n} 已收下，查出有多少行后等另一人确认", n=number),
        value={"id": number},
    )


def confirm(visit: Visit, _: ConfirmForm) -> Done:
    """Be the second person: what was applied for is carried out."""
    number = visit.path["purge_id"]
    confirm_purge(visit.connection, number, visit.who.login)
    return Done("/purges", visit.tell("清除申请 {n} 已确认，马上开始", n=number))


def refuse(visit: Visit, form: RefuseForm) -> Done:
    """Refuse an application; it stays on record, what was sought does not."""
    number = visit.path["purge_id"]
    refuse_purge(visit.connection, number, form.why, visit.who.login)
    return Done("/purges", visit.tell("清除申请 {n} 未同意", n=number))


PAGES = (Page("purges", "/purges", build, may="purge:read", stop="store", tab="purges"),)
ACTS = (
    Act("purges.apply", "/purges", apply, PurgeForm, may="purge:apply", shown_on="/purges"),
    Act(
        "purges.confirm", "/purges/{purge_id:int}/confirm", confirm, ConfirmForm, may="purge:confirm",
        shown_on="/purges",
    ),
    Act(
        "purges.refuse", "/purges/{purge_id:int}/refuse", refuse, RefuseForm, may="purge:confirm", shown_on="/purges"
    ),
)  # fmt: skip
