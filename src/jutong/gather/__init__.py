"""归集: raw rows, exactly as given, with a receipt for every delivery (use case UC-GATHER-01).

``take_many`` takes tables of one source; the other functions declare sources and answer the pages.
"""

from jutong.gather.declaring import (
    Source,
    SourceTable,
    declare_sources,
    find_source,
    find_tables,
    list_sources,
    raw_dataset,
)
from jutong.gather.looking import batch, batches, chunks, sample_rows, sources, tables, under_way
from jutong.gather.probing import Probed, ProbedTable, probe_source
from jutong.gather.profiling import Profile, profile_tables
from jutong.gather.receipts import Batch, kept_file
from jutong.gather.taking import recover, take, take_many
from jutong.gather.verifying import Verified, verify

__all__ = [
    "Batch",
    "Probed",
    "ProbedTable",
    "Profile",
    "Source",
    "SourceTable",
    "Verified",
    "batch",
    "batches",
    "chunks",
    "declare_sources",
    "find_source",
    "find_tables",
    "kept_file",
    "list_sources",
    "probe_source",
    "profile_tables",
    "raw_dataset",
    "recover",
    "sample_rows",
    "sources",
    "tables",
    "take",
    "take_many",
    "under_way",
    "verify",
]
