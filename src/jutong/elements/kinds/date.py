"""日期: every form departments write, read as one; the text keeps a time of day that would be lost."""

from __future__ import annotations

from jutong.elements.calendar_forms import clean_date, day_of_year
from jutong.elements.cleaning import matching
from jutong.elements.element import FLAG, REJECT, Check, Dimension, Element
from jutong.elements.masking import date_masks

_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_FORM = f"{_DAY}(?: [0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}(?:\\.[0-9]{{1,6}})?)?"


def _cast(text: str) -> str:
    # The form first: the engine's own cast also reads 'infinity', 'epoch' and half a dozen more.
    return f"CASE WHEN regexp_full_match({text}, '{_FORM}') THEN TRY_CAST(left({text}, 10) AS DATE) END"


ELEMENT = Element(
    name="date",
    label="日期",
    type="date",
    grade=1,
    about="GB/T 7408 日期和时间表示法：YYYY-MM-DD",
    clean=clean_date,
    cast=_cast,
    checks=(
        Check(
            "date.form",
            REJECT,
            Dimension.CONFORMITY,
            lambda text, value: f"{value} IS NULL AND NOT regexp_full_match({text}, '{_FORM}')",
            "「{label}」应为日期，如 2023-05-09、20230509、2023年5月9日",
        ),
        Check(
            "date.impossible",
            REJECT,
            Dimension.ACCURACY,
            lambda _, value: f"{value} IS NULL OR {value} < DATE '1000-01-01'",
            "「{label}」不是日历上存在的日期",
        ),
        Check(
            "date.range",
            FLAG,
            Dimension.ACCURACY,
            # 2099-12-31 and 9999-12-31 are how departments write 长期.
            lambda _, value: (
                f"{value} NOT BETWEEN DATE '1840-01-01' AND DATE '2100-12-31' AND {value} <> DATE '9999-12-31'"
            ),
            "「{label}」早于1840年或晚于2100年，请核对",
        ),
        Check(
            "date.has_time",
            FLAG,
            Dimension.CONFORMITY,
            lambda text, _: f"length({text}) > 10",
            "「{label}」应只有日期，所给的时刻不进入标准库",
        ),
    ),
    masks=date_masks(),
    plain=lambda text: matching(text, f"(?:19|20)[0-9]{{2}}-{day_of_year('-')}"),
    passes=(
        ("2023-05-09", "2023-05-09"),
        ("20230509", "2023-05-09"),
        ("2023年5月9日", "2023-05-09"),
        ("2023.5.9", "2023-05-09"),
        ("2023/05/09 00:00:00", "2023-05-09"),
        ("２０２３－０５－０９", "2023-05-09"),
        ("二〇二三年五月二十三日", "2023-05-23"),
        ("45055", "2023-05-09"),
        ("45055.0", "2023-05-09"),
        ("2099/12/31", "2099-12-31"),
        ("不详", None),
    ),
    fails=(
        ("2023-02-30", "date.impossible"),
        ("2023年13月1日", "date.impossible"),
        ("0001-01-01", "date.impossible"),
        ("1023-05-09", "date.range"),
        ("2023年5月", "date.form"),
        ("去年五月", "date.form"),
        ("9/5/23", "date.form"),
        ("2023-05-09 10:30:00", "date.has_time"),
    ),
)
