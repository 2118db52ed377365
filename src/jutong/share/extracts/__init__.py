"""文件下载: files made under a grant, watermarked for one recipient, fetched once, traced if they turn up elsewhere."""

from jutong.share.extracts.extracts import (
    LINK_HOURS,
    LONGEST_HOURS,
    Extract,
    extract_of_link,
    extracts,
    find_extract,
    renew_link,
    sweep_extracts,
)
from jutong.share.extracts.forms import FORMS as EXTRACT_FORMS
from jutong.share.extracts.making import Made, anything_to_make, make_extract, make_waiting
from jutong.share.extracts.taking import Leaving, take_extract, withdraw_extract
from jutong.share.extracts.tracing import Suspect, Traced, trace

__all__ = [
    "EXTRACT_FORMS",
    "LINK_HOURS",
    "LONGEST_HOURS",
    "Extract",
    "Leaving",
    "Made",
    "Suspect",
    "Traced",
    "anything_to_make",
    "extract_of_link",
    "extracts",
    "find_extract",
    "make_extract",
    "make_waiting",
    "renew_link",
    "sweep_extracts",
    "take_extract",
    "trace",
    "withdraw_extract",
]
