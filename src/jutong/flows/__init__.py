"""编排: which stages run, when, after what; the only composer of stages. Jobs, supervision, backup."""

from jutong.flows.arriving import take_what_arrived
from jutong.flows.backing_up import BackupPlan, backup_plan, plan_backups
from jutong.flows.backup import BackedUp, BackupRun, Mended, backup, backups, drill, mend, restore
from jutong.flows.housekeeping import LABELS as HOUSE_LABELS
from jutong.flows.housekeeping import HouseRun, house_runs, keep_house, next_turn
from jutong.flows.housekeeping import Task as HouseTask
from jutong.flows.housekeeping import pause as pause_house
from jutong.flows.housekeeping import tasks as house_tasks
from jutong.flows.jobs import JobRun, ask, prepare, recent
from jutong.flows.planned import ask_for_plans, run_plan
from jutong.flows.platform import Platform
from jutong.flows.rebuilding import Rebuilt, rebuild
from jutong.flows.retention import (
    EVERYTHING,
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
    recall_batch,
    release_hold,
    ripe,
    rules,
    scope_of,
    set_rule,
)
from jutong.flows.stages import (
    STAGES,
    Progress,
    Round,
    count,
    deliver_all,
    fuse_all,
    gather_sources,
    quietly,
    reconcile_deliveries,
    refine_stale,
    refine_waiting,
    run_models,
    run_round,
)
from jutong.flows.supervising import end_with_supervisor, supervise
from jutong.flows.working import run_stage, run_worker

__all__ = [
    "EVERYTHING",
    "HOUSE_LABELS",
    "STAGES",
    "Archived",
    "BackedUp",
    "BackupPlan",
    "BackupRun",
    "Certificate",
    "HouseRun",
    "HouseTask",
    "JobRun",
    "LegalHold",
    "Mended",
    "Platform",
    "Progress",
    "Rebuilt",
    "RetentionRule",
    "Ripe",
    "Round",
    "archived",
    "ask",
    "ask_for_plans",
    "backup",
    "backup_plan",
    "backups",
    "certificates",
    "count",
    "deliver_all",
    "destroy_batch",
    "drill",
    "end_rule",
    "end_with_supervisor",
    "fuse_all",
    "gather_sources",
    "holds",
    "house_runs",
    "house_tasks",
    "keep_house",
    "mend",
    "next_turn",
    "pause_house",
    "place_hold",
    "plan_backups",
    "prepare",
    "quietly",
    "rebuild",
    "recall_batch",
    "recent",
    "reconcile_deliveries",
    "refine_stale",
    "refine_waiting",
    "release_hold",
    "restore",
    "ripe",
    "rules",
    "run_models",
    "run_plan",
    "run_round",
    "run_stage",
    "run_worker",
    "scope_of",
    "set_rule",
    "supervise",
    "take_what_arrived",
]
