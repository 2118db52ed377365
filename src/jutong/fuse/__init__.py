"""处理: standard rows become base registers, with every losing value kept (use case UC-FUSE-01).

A register is a declaration (``read_register``); ``fuse`` runs, ``explain`` says why a register shows what it shows,
``evaluate`` measures it against the truth.
"""

from jutong.fuse.credits import Fact, Timeliness, credit_counts, credit_of, timeliness
from jutong.fuse.declaring import (
    declare_register,
    find_register,
    list_registers,
    read_register,
    register_from,
    register_to,
    register_yaml,
)
from jutong.fuse.evaluating import Evaluation, evaluate, evaluate_csv
from jutong.fuse.explaining import (
    Event,
    ExplainedItem,
    Explanation,
    Membership,
    Value,
    explain,
    find_entities,
    history,
)
from jutong.fuse.fusing import Fused, fuse
from jutong.fuse.licences import Licence, expiring, identifier_sound, licence_counts, licences_of
from jutong.fuse.likeness import settings as likeness_model
from jutong.fuse.names import NameParts, split_name
from jutong.fuse.register import Register, RegisterSource, with_sources
from jutong.fuse.reviewing import Doubt, doubts

__all__ = [
    "Doubt",
    "Evaluation",
    "Event",
    "ExplainedItem",
    "Explanation",
    "Fact",
    "Fused",
    "Licence",
    "Membership",
    "NameParts",
    "Register",
    "RegisterSource",
    "Timeliness",
    "Value",
    "credit_counts",
    "credit_of",
    "declare_register",
    "doubts",
    "evaluate",
    "evaluate_csv",
    "expiring",
    "explain",
    "find_entities",
    "find_register",
    "fuse",
    "history",
    "identifier_sound",
    "licence_counts",
    "licences_of",
    "likeness_model",
    "list_registers",
    "read_register",
    "register_from",
    "register_to",
    "register_yaml",
    "split_name",
    "timeliness",
    "with_sources",
]
