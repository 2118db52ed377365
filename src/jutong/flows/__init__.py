"""编排: which stages run, when, after what; the only composer of stages. Jobs, supervision, backup."""

from jutong.flows.arriving import take_what_arrived
from jutong.flows.backup import BackedUp, backup, restore
from jutong.flows.jobs import JobRun, ask, prepare, recent
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
    "STAGES",
    "BackedUp",
    "JobRun",
    "Platform",
    "Progress",
    "Round",
    "ask",
    "backup",
    "count",
    "deliver_all",
    "end_with_supervisor",
    "fuse_all",
    "gather_sources",
    "prepare",
    "quietly",
    "recent",
    "refine_waiting",
    "restore",
    "run_models",
    "run_round",
    "run_stage",
    "run_worker",
    "supervise",
    "take_what_arrived",
]
