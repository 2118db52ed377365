"""Table templates: what the departments' tables hold, read from ``tables/*.txt`` (see README.txt there)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jutong.city.divisions import every_unit

_FIELD = re.compile(
    r"(?P<name>[a-z][a-z0-9_]*)=(?P<label>[^:]+):(?P<kind>[a-z_]+)(?:\((?P<args>[^()]*(?:\([^()]*\)[^()]*)*)\))?(?P<marks>[!*~]*)"
)

#: Fields that many tables share; they read the row's subject.
_BUNDLES = {
    "@person": "person_name=姓名:pname* person_id=身份证件号码:pid* mobile=联系电话:mobile",
    "@entity": "entity_name=单位名称:ename* uscc=统一社会信用代码:uscc legal_rep=法定代表人:rep",
    "@place": "division_code=行政区划代码:division town=乡镇（街道）:town address=详细地址:addr",
}
#: Tables of persons that feed 人口基础库.
_PERSONS = frozenset({"population", "residence_permit", "driver"})
_WATERMARK = "updated_at=更新时间:updated~"


@dataclass(frozen=True)
class Field:
    """One column: ``kind`` names the generator, ``args`` its text in parentheses."""

    name: str
    label: str
    kind: str
    args: str = ""
    key: bool = False
    required: bool = False
    #: The generator's value stays as it is: no error is ever seeded here.
    spared: bool = False


@dataclass(frozen=True)
class Template:
    """A kind of table; ``units`` are the departments or county units that keep one each."""

    name: str
    label: str
    units: tuple[str, ...]
    #: Records at scale 1.0 in thousands: of each table, or of all county tables together.
    thousands: float
    subject: str
    mode: str
    notes: tuple[str, ...]
    fields: tuple[Field, ...]

    @property
    def county(self) -> bool:
        return self.units[0].startswith("C")

    @property
    def common(self) -> bool:
        """Kept by many municipal departments alike; the department then stands in the table's name."""
        return not self.county and len(self.units) > 1

    @property
    def watermark(self) -> str | None:
        return "updated_at" if self.mode == "inc" else None

    @property
    def group(self) -> str | None:
        return self.note("group")

    @property
    def fused(self) -> bool:
        """Whether a register is fused from it, and its truth is written down."""
        return self.group in ("legal", "licence", "credit") or self.name in _PERSONS

    @property
    def whole(self) -> bool:
        """Whether every row written reaches the standard zone: the figures of §0 for 法人 and 证照 are counted there."""
        return self.group == "licence" or self.name == "market_entity"

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(field.name for field in self.fields if field.key)

    def note(self, name: str) -> str | None:
        """The value of ``name=value`` among the notes, or ``name`` itself where it stands alone."""
        for word in self.notes:
            key, _, value = word.partition("=")
            if key == name:
                return value or key
        return None


@cache
def templates() -> tuple[Template, ...]:
    """Every template in the order of the files."""
    found: list[Template] = []
    for path in sorted((Path(__file__).parent / "tables").glob("[0-9]*.txt")):
        head = ""
        body: list[str] = []
        for line in [*path.read_text(encoding="utf-8").splitlines(), "end |"]:
            if line.startswith(" "):
                body.append(line)
            elif line.strip():
                if head:
                    found.append(_template(head, " ".join(body)))
                head, body = line, []
    return tuple(found)


def _template(head: str, body: str) -> Template:
    name, label, units, thousands, subject, mode, *rest = (part.strip() for part in head.split("|"))
    for bundle, text in _BUNDLES.items():
        body = body.replace(bundle, text)
    if mode == "inc":
        body = f"{body} {_WATERMARK}"
    codes = tuple(unit.code for unit in every_unit()) if units == "C*" else tuple(units.split())
    fields = tuple(_field(name, word) for word in body.split())
    notes = tuple(rest[0].split()) if rest else ()
    return Template(name, label, codes, float(thousands), subject, mode, notes, fields)


def _field(template: str, word: str) -> Field:
    match = _FIELD.fullmatch(word)
    if not match:
        raise ValueError(f"table {template}: not a field: {word}")
    marks = match["marks"]
    return Field(
        match["name"], match["label"], match["kind"], match["args"] or "",
        key="!" in marks, required="*" in marks or "!" in marks, spared="~" in marks,
    )  # fmt: skip
