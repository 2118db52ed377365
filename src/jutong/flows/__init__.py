"""编排: which stages run, when, after what; the only composer of stages. Jobs, supervision, backup."""

from jutong.flows.arriving import take_what_arrived
from jutong.flows.backup import BackedUp, BackupRun, Mended, backup, backups, drill, mend, restore
from jutong.flows.housekeeping import LABELS as HOUSE_LABELS
from jutong.flows.housekeeping import HouseRun, house_runs, keep_house
from jutong.flows.housekeeping import Task as HouseTask
from jutong.flows.housekeeping import pause as pause_house
from jutong.flows.housekeeping import tasks as house_tasks
from jutong.flows.jobs import JobRun, ask, prepare, recent
from jutong.flows.planned import ask_for_plans, run_plan
from jutong.flows.platform import Platform
from jutong.flows.stages import (
    STAGES,
    Progress,
    Round,
    count,
    deliver_all,
    fuse_all,
    gather_sources,
    quietly,
    refine_waiting,
    run_models,
    run_round,
)
from jutong.flows.supervising import end_with_supervisor, supervise
from jutong.flows.working import run_stage, run_worker

__all__ = [
    "HOUSE_LABELS",
    "STAGES",
    "BackedUp",
    "BackupRun",
    "HouseRun",
    "HouseTask",
    "JobRun",
    "Mended",
    "Platform",
    "Progress",
    "Round",
    "ask",
    "ask_for_plans",
    "backup",
    "backups",
    "count",
    "deliver_all",
    "drill",
    "end_with_supervisor",
    "fuse_all",
    "gather_sources",
    "house_runs",
    "house_tasks",
    "keep_house",
    "mend",
    "pause_house",
    "prepare",
    "quietly",
    "recent",
    "refine_waiting",
    "restore",
    "run_models",
    "run_plan",
    "run_round",
    "run_stage",
    "run_worker",
    "supervise",
    "take_what_arrived",
]
