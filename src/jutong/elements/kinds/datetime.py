"""时间: a date with its time of day, zoneless as the source gave it (design §12)."""

from __future__ import annotations

from jutong.elements.calendar_forms import clean_datetime
from jutong.elements.element import FLAG, REJECT, Check, Dimension, Element
from jutong.elements.masking import date_masks

_FORM = "[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(?:\\.[0-9]{1,6})?"


def _cast(text: str) -> str:
    return f"CASE WHEN regexp_full_match({text}, '{_FORM}') THEN TRY_CAST({text} AS TIMESTAMP) END"


ELEMENT = Element(
    name="datetime",
    label="时间",
    type="timestamp",
    grade=1,
    about="GB/T 7408 日期和时间表示法：YYYY-MM-DD hh:mm:ss，无时区",
    clean=clean_datetime,
    cast=_cast,
    checks=(
        Check(
            "datetime.form",
            REJECT,
            Dimension.CONFORMITY,
            lambda text, value: f"{value} IS NULL AND NOT regexp_full_match({text}, '{_FORM}')",
            "「{label}」应为时间，如 2023-05-09 10:30:00",
        ),
        Check(
            "datetime.impossible",
            REJECT,
            Dimension.ACCURACY,
            lambda _, value: f"{value} IS NULL OR {value} < TIMESTAMP '1000-01-01'",
            "「{label}」不是存在的日期或时刻",
        ),
        Check(
            "datetime.range",
            FLAG,
            Dimension.ACCURACY,
            lambda _, value: (
                f"{value} NOT BETWEEN TIMESTAMP '1840-01-01' AND TIMESTAMP '2101-01-01' "
                f"AND CAST({value} AS DATE) <> DATE '9999-12-31'"
            ),
            "「{label}」早于1840年或晚于2100年，请核对",
        ),
    ),
    masks=date_masks(),
    passes=(
        ("2023-05-09 10:30:00", "2023-05-09 10:30:00"),
        ("2023-05-09T10:30:00", "2023-05-09 10:30:00"),
        ("2023/5/9 9:05", "2023-05-09 09:05:00"),
        ("20230509103000", "2023-05-09 10:30:00"),
        ("2023年5月9日 10时30分5秒", "2023-05-09 10:30:05"),
        ("2023-05-09 10:30:00.125", "2023-05-09 10:30:00.125"),
        ("2023-05-09", "2023-05-09 00:00:00"),
        ("45055.4375", "2023-05-09 10:30:00"),
        ("2023-05-09T10:30:00+08:00", "2023-05-09 10:30:00"),
        ("", None),
    ),
    fails=(
        ("2023-02-30 10:00:00", "datetime.impossible"),
        ("2023-05-09 25:00:00", "datetime.impossible"),
        ("昨天上午", "datetime.form"),
        ("2023-05-09T10:30:00Z", "datetime.form"),
        ("1700-01-01 00:00:00", "datetime.range"),
    ),
)
