"""Quality of the city's data: scores by department and dimension, faults one by one, a workbook per batch."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from jutong.gather import batch
from jutong.portal import saying
from jutong.portal.names import department_names
from jutong.portal.pages.issues.reading import Fault, RuleFacet, count_faults, faults, rule_labels
from jutong.portal.pages.sources.route import scope
from jutong.portal.paging import Pager, query_of
from jutong.portal.routes import Act, Download, NoQuestion, Page
from jutong.portal.visits import Visit
from jutong.refine import Chosen, export_issues, issue_groups, scores
from jutong.terms import NotFound

_SIZE = 30


@dataclass(frozen=True)
class FaultsQuestion:
    rule: Annotated[str, Field(title="规则")] = ""
    dimension: Annotated[str, Field(title="维度")] = ""
    department: Annotated[str, Field(title="部门")] = ""
    dataset: Annotated[str, Field(title="数据集")] = ""
    severity: Literal["", "reject", "flag"] = ""
    day: Annotated[str, Field(title="收到", pattern=r"^(\d{4}-\d{2}-\d{2})?$")] = ""
    page: Annotated[int, Field(ge=1)] = 1


@dataclass(frozen=True)
class DepartmentScore:
    code: str
    name: str
    given: int
    rejected: int
    flagged: int
    score: float | None


@dataclass(frozen=True)
class DimensionScore:
    name: str
    faults: int
    share: float
    href: str
    chosen: bool


@dataclass(frozen=True)
class RuleChoice:
    facet: RuleFacet
    href: str
    chosen: bool


@dataclass(frozen=True)
class Quality:
    """What is wrong with the data, by dimension, department and rule, and the faults themselves."""

    asked: FaultsQuestion
    given: int
    rejected: int
    flagged: int
    score: float | None
    dimensions: tuple[DimensionScore, ...]
    departments: tuple[DepartmentScore, ...]
    rules: tuple[RuleChoice, ...]
    rows: tuple[Fault, ...]
    pager: Pager
    target: float = 0.02


def build(visit: Visit, asked: FaultsQuestion) -> Quality:
    """Faults of the data this party may see."""
    mine = scope(visit, "issue")
    department = mine or asked.department or None
    ranked = scores(visit.connection, "department", department=mine)
    chosen = Chosen(
        department=department, dataset=asked.dataset or None, rule=None, severity=asked.severity or None
    )
    conditions = {
        "rule": asked.rule, "dimension": asked.dimension, "department_code": department or "",
        "dataset": asked.dataset, "severity": asked.severity, "day": asked.day,
    }  # fmt: skip
    pager = Pager.of("/issues", asked, count_faults(visit, conditions), _SIZE)
    of_one = [row for row in ranked if department in (None, row["name"])]
    given = sum(row["given"] for row in of_one)
    return Quality(
        asked=asked,
        given=given,
        rejected=sum(row["rejected"] for row in of_one),
        flagged=sum(row["flagged"] for row in of_one),
        score=sum(float(row["score"] or 0) * row["given"] for row in of_one) / given if given else None,
        dimensions=_dimensions(visit, asked, chosen, given),
        departments=tuple(
            DepartmentScore(
                row["name"], row["label"], row["given"], row["rejected"], row["flagged"],
                float(row["score"]) if row["score"] is not None else None,
            )
            for row in sorted(ranked, key=lambda row: float(row["score"] if row["score"] is not None else 101))
        ),
        rules=_rules(visit, asked, chosen),
        rows=tuple(faults(visit, conditions, pager, department_names(visit.connection))),
        pager=pager,
    )  # fmt: skip


def _dimensions(
    visit: Visit, asked: FaultsQuestion, chosen: Chosen, given: int
) -> tuple[DimensionScore, ...]:
    counted = {row["name"]: row["rows"] for row in issue_groups(visit.connection, "dimension", chosen)}
    names = ("规范性", "完整性", "准确性", "一致性", "时效性", "可访问性")
    return tuple(
        DimensionScore(
            name,
            counted.get(name, 0),
            counted.get(name, 0) / given if given else 0.0,
            "/issues?"
            + query_of(asked, without=("page",), dimension="" if asked.dimension == name else name),
            asked.dimension == name,
        )
        for name in names
    )


def _rules(visit: Visit, asked: FaultsQuestion, chosen: Chosen) -> tuple[RuleChoice, ...]:
    groups = issue_groups(visit.connection, "rule", chosen, limit=30)
    labels = rule_labels(visit, [row["name"] for row in groups])
    return tuple(
        RuleChoice(
            RuleFacet(row["name"], labels[row["name"]], row["rows"], bool(row["rejected"])),
            "/issues?"
            + query_of(asked, without=("page",), rule="" if asked.rule == row["name"] else row["name"]),
            asked.rule == row["name"],
        )
        for row in groups
    )


def export(visit: Visit, _: NoQuestion) -> Download:
    """A batch's issues as a workbook: rows as given, wrong cells red."""
    row = batch(visit.connection, visit.path["batch_id"])
    if not visit.can("batch:read", row):
        raise NotFound("gather.no_batch", f"没有批次 {row['id']}，或不是您部门的")
    visit.must("issue:export", row)
    to = io.BytesIO()
    export_issues(visit.connection, visit.rooms.store, row["id"], to)
    media = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    return Download(
        f"问题数据-{row['label']}-{saying.iso_day(row['received_at'])}.xlsx", media, to.getvalue()
    )


PAGES = (
    Page("issues", "/issues", build, may="issue:read", stop="refine", tab="issues", asks=FaultsQuestion),
    Page("issues.export", "/batches/{batch_id}/issues.xlsx", export, may="issue:export"),
)
ACTS: tuple[Act, ...] = ()
