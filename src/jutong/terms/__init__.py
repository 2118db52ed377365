"""共同语言: frozen values every room speaks, and the error tree. No I/O lives here."""

from jutong.terms.content_hash import EMPTY as EMPTY_CONTENT
from jutong.terms.content_hash import (
    Column,
    ContentHash,
    Dialect,
    canonical,
    canonical_sql,
    combine,
    content_hash,
    field_text,
    row_hash,
    set_hash_sql,
)
from jutong.terms.data import DatasetName, Item, ShareType, Zone
from jutong.terms.decisions import Allowed, Decision, Refused
from jutong.terms.errors import (
    Address,
    BadInput,
    Broken,
    Conflict,
    Denied,
    JutongError,
    NotFound,
    Unauthenticated,
    Unavailable,
)
from jutong.terms.quoting import literal, quote

__all__ = [
    "EMPTY_CONTENT",
    "Address",
    "Allowed",
    "BadInput",
    "Broken",
    "Column",
    "Conflict",
    "ContentHash",
    "DatasetName",
    "Decision",
    "Denied",
    "Dialect",
    "Item",
    "JutongError",
    "NotFound",
    "Refused",
    "ShareType",
    "Unauthenticated",
    "Unavailable",
    "Zone",
    "canonical",
    "canonical_sql",
    "combine",
    "content_hash",
    "field_text",
    "literal",
    "quote",
    "row_hash",
    "set_hash_sql",
]
