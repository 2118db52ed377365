"""A second generator of dirt, written without looking at the rules: what keyboards, exports, OCR and people do.

It works on characters in Python, where the city's works on values in SQL.  Each operator spoils a clean value and
says what a careful clerk would want: ``same`` (it should be repaired to the clean value) or ``asked`` (it should be
questioned).  An operator that happens to leave the value as it was is not counted.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from stdnum import luhn
from stdnum.cn import ric, uscc
from stdnum.iso7064 import mod_11_10, mod_37_36
from tests.elements import oracle

from jutong.elements import ELEMENTS, try_many

Spoil = Callable[[str, random.Random], str]

SURNAMES, GIVEN = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨", "伟芳娜敏静丽强磊军洋勇艳杰娟涛明"
NEIGHBOURS = {
    "0": "9",
    "1": "2",
    "2": "3",
    "3": "4",
    "4": "5",
    "5": "6",
    "6": "7",
    "7": "8",
    "8": "9",
    "9": "8",
}
LOOK_ALIKE = {"0": "O", "1": "l", "8": "B", "5": "S", "2": "Z"}


def _place(value: str, rng: random.Random, among: str) -> int:
    places = [place for place, char in enumerate(value) if char in among]
    return rng.choice(places) if places else 0


def _swapped(value: str, rng: random.Random) -> str:
    place = rng.randrange(len(value) - 1)
    return value[:place] + value[place + 1] + value[place] + value[place + 2 :]


def _neighbour(value: str, rng: random.Random) -> str:
    place = _place(value, rng, "0123456789")
    return value[:place] + NEIGHBOURS.get(value[place], value[place]) + value[place + 1 :]


def _misread(value: str, rng: random.Random) -> str:
    place = _place(value, rng, "".join(LOOK_ALIKE))
    return value[:place] + LOOK_ALIKE.get(value[place], value[place]) + value[place + 1 :]


def _dropped(value: str, rng: random.Random) -> str:
    place = rng.randrange(len(value))
    return value[:place] + value[place + 1 :]


def _doubled(value: str, rng: random.Random) -> str:
    place = rng.randrange(len(value))
    return value[: place + 1] + value[place:]


def _mojibake(value: str, _rng: random.Random) -> str:
    return value.encode("gb18030").decode("latin-1")


def _lost(value: str, rng: random.Random) -> str:
    place = rng.randrange(len(value))
    return value[:place] + "\ufffd" + value[place + 1 :]


def _wide(value: str, _rng: random.Random) -> str:
    return "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in value)


def _sown(seed: str) -> Spoil:
    def spoil(value: str, rng: random.Random) -> str:
        place = rng.randrange(len(value) + 1)
        return value[:place] + seed + value[place:]

    return spoil


def _around(head: str, tail: str = "") -> Spoil:
    return lambda value, _: head + value + tail


def _split(separator: str, *widths: int) -> Spoil:
    def spoil(value: str, _rng: random.Random) -> str:
        parts, start = [], 0
        for width in widths:
            parts.append(value[start : start + width])
            start += width
        return separator.join([*parts, value[start:]])

    return spoil


def _date(form: str) -> Spoil:
    def spoil(value: str, _rng: random.Random) -> str:
        year, month, day = value.split("-")
        return form.format(y=year, yy=year[2:], m=month, d=day, mm=int(month), dd=int(day))

    return spoil


def _made_date(rng: random.Random) -> str:
    return f"{rng.randint(1950, 2025)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"


def _made_mobile(rng: random.Random) -> str:
    return f"1{rng.choice('3578')}{rng.randint(100000000, 999999998)}"


def _made_name(rng: random.Random) -> str:
    return rng.choice(SURNAMES) + "".join(rng.choice(GIVEN) for _ in range(rng.choice((1, 2))))


def _made_company(rng: random.Random) -> str:
    return f"邵阳市{rng.choice(GIVEN)}{rng.choice(SURNAMES)}商贸（集团）有限公司"


def _made_amount(rng: random.Random) -> str:
    return f"{rng.randint(1000, 99_999_999)}.{rng.randint(10, 99)}".rstrip("0")


def _made_card(rng: random.Random) -> str:
    body = "62" + "".join(rng.choice("0123456789") for _ in range(16))
    return body + luhn.calc_check_digit(body)


def _made_plate(rng: random.Random) -> str:
    return f"湘{rng.choice('ABCDE')}{rng.randint(10000, 99999)}"


def _made_document(rng: random.Random) -> str:
    return f"邵市监罚〔{rng.randint(2015, 2025)}〕{rng.randint(1, 999)}号"


def _made_code(rng: random.Random) -> str:
    """A credit code whose organisation part holds as well."""
    body = "".join(rng.choice(oracle.USCC if rng.random() < 0.3 else "0123456789") for _ in range(8))
    head = f"91{rng.choice(oracle.COUNTIES)}{body}{oracle.org_check(body)}"
    return head + uscc.calc_check_digit(head)


def _past(value: str, _rng: random.Random) -> str:
    return f"{value[:6]}2099{value[10:]}"


@dataclass(frozen=True)
class Operator:
    name: str
    element: str
    wanted: Literal["same", "asked"]
    spoil: Spoil


CLEAN: dict[str, Callable[[random.Random], str]] = {
    "person_id": oracle.person, "uscc": _made_code, "org_code": oracle.org_code, "business_reg_no": oracle.registration,
    "mobile": _made_mobile, "date": _made_date, "person_name": _made_name, "legal_name": _made_company,
    "amount": _made_amount, "bank_card": _made_card, "licence_id": oracle.licence, "plate_no": _made_plate,
    "document_no": _made_document, "email": lambda rng: f"u{rng.randint(1, 99999)}@shaoyang.gov.cn",
    "integer": lambda rng: str(rng.randint(1, 99999)), "division_code": lambda rng: rng.choice(("430502", "430503", "430523", "430581")),
}  # fmt: skip

_EVERYWHERE = [
    Operator(f"{element}: {name}", element, "same", spoil)
    for element in CLEAN
    for name, spoil in (
        ("byte order mark", _around("\ufeff")),
        ("no-break blanks", _around("\u00a0", "\u00a0")),
        ("tab and line end", _around("\t", "\r\n")),
        ("soft hyphen and zero width", _sown("\u200b")),
    )
]
_DIGITS = [
    Operator(f"{element}: {name}", element, "asked", spoil)
    for element in ("person_id", "uscc", "org_code", "business_reg_no", "licence_id")
    for name, spoil in (("two characters changed over", _swapped), ("the key beside", _neighbour), ("one left out", _dropped))
]  # fmt: skip
OPERATORS: tuple[Operator, ...] = (
    *_EVERYWHERE,
    *_DIGITS,
    *(Operator(f"{name}: full width", name, "same", _wide) for name in ("person_id", "uscc", "mobile", "amount", "bank_card", "date", "integer")),
    Operator("person_id: read as letters", "person_id", "asked", _misread),
    Operator("person_id: born in 2099", "person_id", "asked", _past),
    Operator("person_id: 号 behind", "person_id", "asked", _around("", "号")),
    Operator("person_id: in two groups", "person_id", "same", _split("\u2009", 10)),
    Operator("uscc: lower case", "uscc", "same", lambda value, _: value.lower()),
    Operator("uscc: with hyphens", "uscc", "same", _split("-", 2, 6)),
    Operator("uscc: a character twice", "uscc", "asked", _doubled),
    Operator("mobile: area code before", "mobile", "asked", _around("0739")),
    Operator("mobile: one left out", "mobile", "asked", _dropped),
    Operator("mobile: dotted", "mobile", "same", _split(".", 3, 4)),
    Operator("mobile: (+86)", "mobile", "same", _around("(+86)")),
    Operator("mobile: two numbers", "mobile", "asked", lambda value, _: f"{value}/{value}"),
    Operator("date: day before month", "date", "asked", _date("{d}-{m}-{y}")),
    Operator("date: two-digit year", "date", "asked", _date("{yy}-{m}-{d}")),
    Operator("date: the 31st of April", "date", "asked", _date("{y}-04-31")),
    Operator("date: month 0", "date", "asked", _date("{y}-00-{d}")),
    Operator("date: until …", "date", "asked", _date("{y}-{m}-{d}至今")),
    Operator("date: with blanks", "date", "same", _date("{y} 年 {mm} 月 {dd} 日")),
    Operator("date: ISO with time", "date", "same", _date("{y}-{m}-{d}T00:00:00")),
    Operator("date: 号", "date", "same", _date("{y}年{mm}月{dd}号")),
    Operator("person_name: read as Latin-1", "person_name", "asked", _mojibake),
    Operator("person_name: a character lost", "person_name", "asked", _lost),
    Operator("person_name: a digit", "person_name", "asked", _sown("7")),
    Operator("person_name: a note behind", "person_name", "asked", _around("", "（代）")),
    Operator("person_name: spaced out", "person_name", "same", lambda value, _: "  ".join(value)),
    Operator("legal_name: half-width brackets", "legal_name", "same", lambda value, _: value.replace("（", "(").replace("）", " )")),
    Operator("legal_name: a character lost", "legal_name", "asked", _lost),
    Operator("legal_name: asterisks", "legal_name", "asked", lambda value, _: f"{value[:3]}***{value[6:]}"),
    Operator("legal_name: read as Latin-1", "legal_name", "asked", _mojibake),
    Operator("amount: grouped", "amount", "same", lambda value, _: f"{int(value.split('.')[0]):,}.{value.split('.')[1]}"),
    Operator("amount: with 圆", "amount", "same", _around("", "圆")),
    Operator("amount: with a currency sign", "amount", "same", _around("￥ ")),
    Operator("amount: about", "amount", "asked", _around("约")),
    Operator("amount: a month", "amount", "asked", _around("", "元/月")),
    Operator("amount: decimal comma", "amount", "asked", lambda value, _: value.replace(".", ",") + ",0"),
    Operator("amount: two points", "amount", "asked", lambda value, _: value.replace(".", "..")),
    Operator("bank_card: the key beside", "bank_card", "asked", _neighbour),
    Operator("bank_card: in fours", "bank_card", "same", _split(" ", 4, 4, 4, 4)),
    Operator("plate_no: O for 0", "plate_no", "asked", lambda value, _: f"{value[:6]}O"),
    Operator("plate_no: with a dot", "plate_no", "same", lambda value, _: f"{value[:2]}・{value[2:]}"),
    Operator("document_no: square brackets", "document_no", "same", lambda value, _: value.replace("〔", "[").replace("〕", "]")),
    Operator("document_no: 第", "document_no", "same", lambda value, _: value.replace("〕", "〕第")),
    Operator("document_no: no year", "document_no", "asked", lambda value, _: f"{value[:4]}{value[10:]}"),
    Operator("email: two signs", "email", "asked", lambda value, _: value.replace("@", "@@")),
    Operator("email: comma for dot", "email", "asked", lambda value, _: value.replace(".", ",")),
    Operator("integer: in words", "integer", "asked", lambda _value, _rng: "三十余"),
    Operator("integer: a range", "integer", "asked", lambda value, _: f"{value}-{value}9"),
    Operator("division_code: that never was", "division_code", "asked", lambda value, _: f"{value[:4]}77"),
    Operator("division_code: twelve digits", "division_code", "same", _around("", "000000")),
)  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """What became of one kind of dirt, and of as many clean values beside it."""

    operator: Operator
    #: Values it really spoiled.
    spoiled: int
    #: Of these asked, or mended to the value that was meant, as is wanted.
    right: int
    #: Clean values asked or changed, and spoiled ones silently mended to another value.
    false: int
    #: Spoiled into another right value, as the standard's own check has it: nobody can know these; not counted above.
    unknowable: int = 0

    @property
    def recall(self) -> float:
        return self.right / self.spoiled

    @property
    def precision(self) -> float:
        return self.right / (self.right + self.false) if self.right + self.false else 1.0


def _right_registration(value: str) -> bool:
    return len(value) == 15 and value.isdigit() and mod_11_10.is_valid(value)


def _right_licence(value: str) -> bool:
    parts = value.removeprefix("1.2.156.3005.2.").split(".")
    sizes = [len(part) for part in parts]
    formed = len(sizes) == 5 and sizes[0] == 21 and sizes[1] in (6, 18) and sizes[3:] == [3, 1]
    return formed and bool(mod_37_36.is_valid("".join(parts)))


def _right_person(value: str) -> bool:
    return bool(ric.is_valid(value)) and value[6:10] < "2026"


#: Element → whether a value is right by its standard, by another hand than the rules'.  No check digit tells every
#: transposition: MOD 11 over letters worth up to 35 (GB 11714), MOD 11,10 and MOD 37,36 miss some.
RIGHT: dict[str, Callable[[str], bool]] = {
    "person_id": _right_person, "uscc": uscc.is_valid, "bank_card": luhn.is_valid,
    "org_code": lambda value: len(value) == 9 and value.isalnum() and oracle.org_check(value[:8]) == value[8],
    "business_reg_no": _right_registration, "licence_id": _right_licence,
}  # fmt: skip


def measured(operator: Operator, count: int) -> Measured:
    """The operator over ``count`` clean values, by a seed of its own."""
    rng = random.Random(zlib.crc32(operator.name.encode()) ^ 20250801)
    clean = [CLEAN[operator.element](rng) for _ in range(count)]
    pairs = [(value, operator.spoil(value, rng)) for value in clean]
    pairs = [(value, spoiled) for value, spoiled in pairs if spoiled != value]
    element = ELEMENTS[operator.element]
    blind = 0
    if operator.wanted == "asked" and operator.element in RIGHT:
        known = [pair for pair in pairs if not RIGHT[operator.element](pair[1])]
        pairs, blind = known, len(pairs) - len(known)
    tried = try_many(element, [spoiled for _, spoiled in pairs])
    meant = try_many(element, [value for value, _ in pairs])
    alarms = sum(bool(one.problems) for one in meant)
    if operator.wanted == "asked":
        return Measured(operator, len(pairs), sum(bool(one.problems) for one in tried), alarms, blind)
    mended = [not one.problems and one.value == whole.value for one, whole in zip(tried, meant, strict=True)]
    astray = [not one.problems and one.value != whole.value for one, whole in zip(tried, meant, strict=True)]
    return Measured(operator, len(pairs), sum(mended), alarms + sum(astray))
