"""清洗转换: batches questioned and standardised into accepted rows, issues and scores (use case UC-REFINE-01).

``refine`` runs; ``plan_of`` and ``explain`` show what it will do; the others declare rules and answer the pages.
"""

from jutong.refine.again import Again, refine_again, refinements_again, stale_tables
from jutong.refine.double_publicity import FORMER, RULE_SETS, Template, double_publicity
from jutong.refine.exporting import export_issues
from jutong.refine.lineage import Link, lineage, openlineage
from jutong.refine.looking import (
    Chosen,
    batches_of_day,
    count_issues,
    issue_groups,
    issues,
    refinements,
    scores,
)
from jutong.refine.outcomes import Refinement
from jutong.refine.plan import Plan, explain, make_plan
from jutong.refine.previewing import Preview, preview
from jutong.refine.rectifying import Rechecked, dispatch, follow_up, recheck
from jutong.refine.refining import ISSUE, refine
from jutong.refine.rule_sets import (
    SetPreview,
    declare_rule_sets,
    fitted,
    preview_rule_set,
    rule_set,
    rule_set_users,
    rule_sets,
    save_rule_set,
)
from jutong.refine.rules import KINDS, RowRule, double_publicity_rules
from jutong.refine.standard_files import (
    placed,
    read_rule_set,
    read_standard,
    write_rule_set,
    write_standard,
)
from jutong.refine.standards import (
    Difference,
    Standard,
    adopt,
    decline,
    differences,
    draft,
    earlier,
    find_draft,
    open_drafts,
    standard_of,
    versions,
)
from jutong.refine.tasks import declare_rules, declare_thresholds, let_off, plan_of

__all__ = [
    "FORMER",
    "ISSUE",
    "KINDS",
    "RULE_SETS",
    "Again",
    "Chosen",
    "Difference",
    "Link",
    "Plan",
    "Preview",
    "Rechecked",
    "Refinement",
    "RowRule",
    "SetPreview",
    "Standard",
    "Template",
    "adopt",
    "batches_of_day",
    "count_issues",
    "declare_rule_sets",
    "declare_rules",
    "declare_thresholds",
    "decline",
    "differences",
    "dispatch",
    "double_publicity",
    "double_publicity_rules",
    "draft",
    "earlier",
    "explain",
    "export_issues",
    "find_draft",
    "fitted",
    "follow_up",
    "issue_groups",
    "issues",
    "let_off",
    "lineage",
    "make_plan",
    "open_drafts",
    "openlineage",
    "placed",
    "plan_of",
    "preview",
    "preview_rule_set",
    "read_rule_set",
    "read_standard",
    "recheck",
    "refine",
    "refine_again",
    "refinements",
    "refinements_again",
    "rule_set",
    "rule_set_users",
    "rule_sets",
    "save_rule_set",
    "scores",
    "stale_tables",
    "standard_of",
    "versions",
    "write_rule_set",
    "write_standard",
]
