"""What a consumer's developer imports: calls with receipts, nothing but the gate's protocol.

    from jutong.client import City

    city = City("https://gate.example", token="jtk_…", keep=Path("receipts.jsonl"))
    company = city.call("company", uscc="91430502MA4L000115").rows
    for row in city.rows("division", division="430502"): ...

A ``City`` is one thread's; ``Cities`` serves several threads, or async code, at once.
Every answer is checked before it is returned: the receipt is signed by the city's ledger, it is of an exchange
that describes this very call, and that exchange holds the hash of this very body.
"""

from jutong.client.cities import Cities
from jutong.client.city import (
    Answer,
    Changed,
    City,
    Counts,
    EvidenceMissing,
    Kept,
    Page,
    Refused,
    Unreachable,
    verify_kept,
)
from jutong.client.signing import Signer

__all__ = [
    "Answer",
    "Changed",
    "Cities",
    "City",
    "Counts",
    "EvidenceMissing",
    "Kept",
    "Page",
    "Refused",
    "Signer",
    "Unreachable",
    "verify_kept",
]
