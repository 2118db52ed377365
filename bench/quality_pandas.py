"""The rules of ``refining_data`` as pandas asks them, vectorised; for a tool whose own engine in memory is pandas.

``failing(rule, column)`` is a Boolean per value of a column without gaps.  Read by the tools' environment: nothing of
ours is imported, and the answers are held against ours by the counts of every race.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

_HAN = "㐀-䶿一-鿿豈-﫿〇"
_GARBLED = "\ufffd|锟斤拷|烫烫烫|[\ue000-\uf8ff]|\\?\\?\\?|？？？"
_USCC = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC_FORM = "[1-9ANY][0-9A-HJ-NPQRTUWXY][0-9]{6}[0-9A-HJ-NPQRTUWXY]{10}"
_PERSON_FORM = "[1-9][0-9]{16}[0-9X]"
_MOBILE_FORM = "1[3-9][0-9]{9}"
_DOUBLED = f"(?:{'|'.join(str(digit) * 8 for digit in range(10))})$"
_PLACEHOLDERS = ("13800138000", "13900139000", "13812345678", "13912345678")
_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"


def _matches(column: Any, form: str) -> Any:
    return column.str.fullmatch(form).to_numpy(dtype=bool)


def _contains(column: Any, pattern: str) -> Any:
    return column.str.contains(pattern, regex=True).to_numpy(dtype=bool)


def _only(asked: Any, column: Any, question: Callable[[Any], Any]) -> Any:
    """The question to the values that are asked; what an earlier rule found is not asked again."""
    answer = np.zeros(len(column), dtype=bool)
    if asked.any():
        answer[asked] = question(column[asked])
    return answer


def _digits(column: Any, charset: str) -> Any:
    """A matrix of the places of each character in ``charset``, one row a value; all values are of one length."""
    places = np.full(128, 99, dtype=np.int64)
    for place, character in enumerate(charset):
        places[ord(character)] = place
    text = column.to_numpy(dtype="U")
    return places[text.view(np.uint32).reshape(len(text), -1)]


def _uscc_check(column: Any) -> Any:
    weights = np.array([*(pow(3, place, 31) for place in range(17)), 1])
    return _digits(column, _USCC) @ weights % 31 != 0


def _uscc_org(column: Any) -> Any:
    given = _digits(column.str.slice(8, 16), "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    last = _digits(column.str.slice(16, 17), "0123456789X")[:, 0]
    total = given @ np.array([3, 7, 9, 10, 5, 8, 4, 2]) + last
    return (total % 11 != 0) | (last == 99)


def _person_birth(column: Any) -> Any:
    born = pd.to_datetime(column.str.slice(6, 14), format="%Y%m%d", errors="coerce")
    return ~((born >= pd.Timestamp("1850-01-01")) & (born <= pd.Timestamp.today())).to_numpy(dtype=bool)


def _person_check(column: Any) -> Any:
    weights = np.array([pow(2, 17 - place, 11) for place in range(18)])
    return _digits(column, "0123456789X") @ weights % 11 != 1


def _day(column: Any) -> Any:
    return pd.to_datetime(column.where(_matches(column, _DAY)), format="%Y-%m-%d", errors="coerce")


def _amount(column: Any) -> Any:
    return pd.to_numeric(column.where(_matches(column, "-?[0-9]+(?:\\.[0-9]+)?")), errors="coerce")


def _person_form(column: Any) -> Any:
    return ~_matches(column, f"[{_HAN}·]{{2,25}}|[A-Za-z][A-Za-z .,·-]{{1,79}}")


def _name_form(column: Any) -> Any:
    length = column.str.len().to_numpy()
    word = _contains(column, f"[{_HAN}]{{2}}|[A-Za-z]{{3}}")
    return (length < 3) | (length > 200) | ~word | _contains(column, "[*#@$%^=<>{}|~;；!！?？]")


def _scale(column: Any) -> Any:
    return _contains(column, "\\.[0-9]*?[0-9]{2}[1-9]0*$") & ~_amount(column).isna().to_numpy()


QUESTIONS: dict[str, Callable[[Any], Any]] = {
    "uscc.form uscc": lambda given: ~_matches(given, _USCC_FORM),
    "uscc.check_digit uscc": lambda given: _only(_matches(given, _USCC_FORM), given, _uscc_check),
    "uscc.org_part uscc": lambda given: _only(
        _matches(given, _USCC_FORM), given, lambda some: _uscc_org(some) & ~_uscc_check(some)
    ),
    "legal_name.garbled name": lambda given: _contains(given, _GARBLED),
    "legal_name.form name": lambda given: _name_form(given) & ~_contains(given, _GARBLED),
    "person_name.garbled rep": lambda given: _contains(given, _GARBLED),
    "person_name.form rep": lambda given: _person_form(given) & ~_contains(given, _GARBLED),
    "person_id.form rep_id": lambda given: ~_matches(given, _PERSON_FORM),
    "person_id.birth rep_id": lambda given: _only(_matches(given, _PERSON_FORM), given, _person_birth),
    "person_id.check_digit rep_id": lambda given: _only(
        _matches(given, _PERSON_FORM), given, lambda some: _person_check(some) & ~_person_birth(some)
    ),
    "mobile.form mobile": lambda given: ~_matches(given, _MOBILE_FORM),
    "mobile.placeholder mobile": lambda given: (
        _matches(given, _MOBILE_FORM) & (_contains(given, _DOUBLED) | given.isin(_PLACEHOLDERS).to_numpy())
    ),
    "date.form founded": lambda given: ~_matches(given, f"{_DAY}(?: .*)?"),
    "date.impossible founded": lambda given: (
        _matches(given, _DAY) & (_day(given).isna() | (_day(given) < pd.Timestamp("1000-01-01"))).to_numpy()
    ),
    "date.range founded": lambda given: (
        (_day(given) < pd.Timestamp("1840-01-01")) | (_day(given) > pd.Timestamp("2100-12-31"))
    ).to_numpy(),
    "date.has_time founded": lambda given: _matches(given, f"{_DAY} .*"),
    "bench.future founded": lambda given: (_day(given) > pd.Timestamp("2025-06-01")).to_numpy(),
    "amount.form capital": lambda given: _amount(given).isna().to_numpy(),
    "amount.scale capital": _scale,
    "amount.negative capital": lambda given: (_amount(given) < 0).to_numpy() & ~_scale(given),
}


def failing(rule: str, column: Any) -> Any:
    return QUESTIONS[rule](column)
