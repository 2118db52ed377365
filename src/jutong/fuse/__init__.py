"""处理: standard rows become base registers, with every losing value kept (use case UC-FUSE-01).

A register is a declaration (``read_register``); ``fuse`` runs, ``explain`` says why a register shows what it shows,
``evaluate`` measures it against the truth.
"""

from jutong.fuse.credits import (
    LISTS,
    PUBLISHED_WITHIN,
    Fact,
    Timeliness,
    credit_counts,
    credit_of,
    fact,
    find_facts,
    listed_on,
    timeliness,
)
from jutong.fuse.declaring import (
    declare_register,
    find_register,
    list_registers,
    read_register,
    register_from,
    register_to,
    register_yaml,
)
from jutong.fuse.evaluating import Evaluation, csv_sql, evaluate, evaluate_csv
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
from jutong.fuse.licences import (
    STATES,
    Licence,
    Version,
    expiring,
    find_licences,
    identifier_sound,
    licence,
    licence_counts,
    licences_of,
    versions,
)
from jutong.fuse.likeness import settings as likeness_model
from jutong.fuse.names import NameParts, split_name
from jutong.fuse.quality import ItemQuality, Quality, ResidueCount, SourceQuality, quality
from jutong.fuse.register import Register, RegisterSource, with_sources
from jutong.fuse.reviewing import Doubt, doubt_of, doubts
from jutong.fuse.ties import Beside, ties_of

__all__ = [
    "LISTS",
    "PUBLISHED_WITHIN",
    "STATES",
    "Beside",
    "Doubt",
    "Evaluation",
    "Event",
    "ExplainedItem",
    "Explanation",
    "Fact",
    "Fused",
    "ItemQuality",
    "Licence",
    "Membership",
    "NameParts",
    "Quality",
    "Register",
    "RegisterSource",
    "ResidueCount",
    "SourceQuality",
    "Timeliness",
    "Value",
    "Version",
    "credit_counts",
    "credit_of",
    "csv_sql",
    "declare_register",
    "doubt_of",
    "doubts",
    "evaluate",
    "evaluate_csv",
    "expiring",
    "explain",
    "fact",
    "find_entities",
    "find_facts",
    "find_licences",
    "find_register",
    "fuse",
    "history",
    "identifier_sound",
    "licence",
    "licence_counts",
    "licences_of",
    "likeness_model",
    "list_registers",
    "listed_on",
    "quality",
    "read_register",
    "register_from",
    "register_to",
    "register_yaml",
    "split_name",
    "ties_of",
    "timeliness",
    "versions",
    "with_sources",
]
