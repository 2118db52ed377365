"""存证: an append-only, signed log of every exchange; record, prove, verify.

Writers append to their own fsynced streams and hand out receipts; the sequencer merges all streams into one
RFC 6962 Merkle log (C2SP tlog-tiles, signed checkpoints, SM3 in parallel).  ``jutong_verify`` checks all of it
offline.  Procedure UC-LEDGER-01.
"""

from jutong.ledger.exchange import LONGEST_ENTRY, Exchange, Form, Record
from jutong.ledger.heads import check_heads, keep_heads
from jutong.ledger.ledger import Ledger
from jutong.ledger.stream import Head, Stream
from jutong.ledger.witness import Witness, of_folder, of_gate
from jutong_verify import Checkpoint, Damaged, Problem, Proof, Receipt, Report

__all__ = [
    "LONGEST_ENTRY",
    "Checkpoint",
    "Damaged",
    "Exchange",
    "Form",
    "Head",
    "Ledger",
    "Problem",
    "Proof",
    "Receipt",
    "Record",
    "Report",
    "Stream",
    "Witness",
    "check_heads",
    "keep_heads",
    "of_folder",
    "of_gate",
]
