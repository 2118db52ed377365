"""清洗转换: batches questioned and standardised into accepted rows, issues and scores (use case UC-REFINE-01).

``refine`` runs; ``plan_of`` and ``explain`` show what it will do; the others declare rules and answer the pages.
"""

from jutong.refine.again import Again, refine_again, refinements_again, stale_tables
from jutong.refine.double_publicity import Template, double_publicity
from jutong.refine.exporting import export_issues
from jutong.refine.lineage import Link, lineage, openlineage
from jutong.refine.looking import Chosen, count_issues, issue_groups, issues, refinements, scores
from jutong.refine.outcomes import Refinement
from jutong.refine.plan import Plan, explain, make_plan
from jutong.refine.rectifying import Rechecked, dispatch, follow_up, recheck
from jutong.refine.refining import ISSUE, refine
from jutong.refine.rules import KINDS, RowRule, double_publicity_rules
from jutong.refine.tasks import declare_rules, let_off, plan_of

__all__ = [
    "ISSUE",
    "KINDS",
    "Again",
    "Chosen",
    "Link",
    "Plan",
    "Rechecked",
    "Refinement",
    "RowRule",
    "Template",
    "count_issues",
    "declare_rules",
    "dispatch",
    "double_publicity",
    "double_publicity_rules",
    "explain",
    "export_issues",
    "follow_up",
    "issue_groups",
    "issues",
    "let_off",
    "lineage",
    "make_plan",
    "openlineage",
    "plan_of",
    "recheck",
    "refine",
    "refine_again",
    "refinements",
    "refinements_again",
    "scores",
    "stale_tables",
]
