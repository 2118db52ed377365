"""处理: standard rows become base registers, with every losing value kept (use case UC-FUSE-01).

``fuse`` runs, ``explain`` says why a register shows what it shows, ``evaluate`` measures it against the truth.
"""

from jutong.fuse.evaluating import Evaluation, evaluate
from jutong.fuse.explaining import ExplainedItem, Explanation, Membership, Value, explain, find_entities
from jutong.fuse.fusing import Fused, fuse
from jutong.fuse.register import (
    LEGAL_ENTITY,
    Register,
    RegisterSource,
    declare_register,
    find_register,
    list_registers,
    with_sources,
)

__all__ = [
    "LEGAL_ENTITY",
    "Evaluation",
    "ExplainedItem",
    "Explanation",
    "Fused",
    "Membership",
    "Register",
    "RegisterSource",
    "Value",
    "declare_register",
    "evaluate",
    "explain",
    "find_entities",
    "find_register",
    "fuse",
    "list_registers",
    "with_sources",
]
