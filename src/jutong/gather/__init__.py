"""归集: raw rows, exactly as given, with a receipt for every delivery (use case UC-GATHER-01).

``take_many`` takes tables of one source; ``begin_arrival`` … ``take_arrivals`` let files in by upload, push, drop
folder and form; the other functions declare sources and answer the pages.
"""

from jutong.gather.agent import Plan, read_plan, run_forever, run_once
from jutong.gather.arrivals import (
    Arrival,
    anything_waits,
    append,
    begin_arrival,
    complete,
    confirm,
    find_arrival,
    forget_stale,
    holds,
    list_arrivals,
    look,
    overrule,
    received,
    take_arrivals,
    withdraw,
)
from jutong.gather.declaring import (
    Source,
    SourceTable,
    arrives,
    declare_sources,
    find_source,
    find_tables,
    list_sources,
    raw_dataset,
)
from jutong.gather.dropping import take_dropped, whole_files
from jutong.gather.fetching import remote_due, remote_state, take_fetched
from jutong.gather.forms import (
    Form,
    Question,
    drafts,
    drop_row,
    find_form,
    finish_sending,
    list_forms,
    make_form,
    meaning,
    questions,
    send,
    template,
    write_row,
)
from jutong.gather.looking import batch, batches, chunks, sample_rows, sources, tables, under_way
from jutong.gather.machines import add_front_machine, front_machines
from jutong.gather.probing import Probed, ProbedTable, probe_source
from jutong.gather.profiling import Profile, profile_tables
from jutong.gather.receipts import Batch, kept_file
from jutong.gather.taking import recover, take, take_many
from jutong.gather.tokens import new_token, source_of_token
from jutong.gather.verifying import Verified, verify

__all__ = [
    "Arrival",
    "Batch",
    "Form",
    "Plan",
    "Probed",
    "ProbedTable",
    "Profile",
    "Question",
    "Source",
    "SourceTable",
    "Verified",
    "add_front_machine",
    "anything_waits",
    "append",
    "arrives",
    "batch",
    "batches",
    "begin_arrival",
    "chunks",
    "complete",
    "confirm",
    "declare_sources",
    "drafts",
    "drop_row",
    "find_arrival",
    "find_form",
    "find_source",
    "find_tables",
    "finish_sending",
    "forget_stale",
    "front_machines",
    "holds",
    "kept_file",
    "list_arrivals",
    "list_forms",
    "list_sources",
    "look",
    "make_form",
    "meaning",
    "new_token",
    "overrule",
    "probe_source",
    "profile_tables",
    "questions",
    "raw_dataset",
    "read_plan",
    "received",
    "recover",
    "remote_due",
    "remote_state",
    "run_forever",
    "run_once",
    "sample_rows",
    "send",
    "source_of_token",
    "sources",
    "tables",
    "take",
    "take_arrivals",
    "take_dropped",
    "take_fetched",
    "take_many",
    "template",
    "under_way",
    "verify",
    "whole_files",
    "withdraw",
    "write_row",
]
