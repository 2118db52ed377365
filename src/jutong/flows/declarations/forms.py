"""What may stand in a declaration, kind by kind; anything else is refused with its place."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from jutong.elements import ELEMENTS
from jutong.terms import BadInput


class Form(BaseModel):
    """One document; ``kind`` picks the form, and the field in ``named_by`` identifies it within its kind."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)
    named_by: ClassVar[str] = "name"

    @property
    def id(self) -> str:
        return str(getattr(self, self.named_by))


class ItemForm(BaseModel):
    """信息项 of a table, register or model."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)
    name: str
    label: str
    type: str = "text"
    element: str | None = None
    key: bool = False
    required: bool = False
    grade: int = Field(1, ge=1, le=4)
    share_type: int = Field(1, ge=1, le=3)

    def model_post_init(self, _: Any) -> None:
        known_element(self.element, self.name)


class SourceItemForm(ItemForm):
    #: The column's name at the source, where it differs from name and label.
    source: str | None = None
    optional: bool = False
    #: A code list of this item's own.
    values: tuple[str, ...] | None = None


class RuleForm(BaseModel):
    """A question across the items of one row; ``kind`` as in ``refine``."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)
    code: str
    kind: str
    items: tuple[str, ...]
    arguments: dict[str, Any] = {}
    severity: Literal["reject", "flag"] = "flag"
    sentence: str | None = None


class RuleSetForm(Form):
    """规则组: rules that tables share; their items are roles, which each table gives items of its own."""

    name: str
    label: str
    about: str = ""
    rules: tuple[RuleForm, ...]


class TableForm(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)
    name: str
    label: str
    locator: dict[str, Any]
    mode: Literal["full", "incremental", "capture"] = "full"
    watermark: str | None = None
    keys: tuple[str, ...] = ()
    items: tuple[SourceItemForm, ...] = ()
    rules: tuple[RuleForm, ...] = ()
    #: Rule set → role → item of this table, '' where it has none; not said: as it stands.
    rule_sets: dict[str, dict[str, str]] | None = None
    #: A batch with a larger share rejected is held; not said: as it stands.
    hold_above: float | None = Field(None, ge=0, le=1)
    #: The code of the entry this table is supplied for.
    entry: str | None = None
    state: str = "active"


class PlanForm(BaseModel):
    """归集计划; with neither ``cron`` nor ``every`` it comes after others, or is begun by hand."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    label: str
    #: None: every table of the source.
    tables: tuple[str, ...] = ()
    cron: str | None = None
    #: Minutes between two runs.
    every: int | None = Field(None, ge=1)
    after: tuple[str, ...] = ()
    from_hour: int = Field(0, ge=0, le=23)
    to_hour: int = Field(0, ge=0, le=23)
    seconds: int = Field(14_400, ge=1)
    retries: int = Field(3, ge=0, le=20)


def _by_name(plans: tuple[PlanForm, ...]) -> tuple[PlanForm, ...]:
    """Their order means nothing; as they are exported."""
    return tuple(sorted(plans, key=lambda plan: plan.name))


class DepartmentForm(Form):
    named_by: ClassVar[str] = "code"
    code: str
    name: str
    short_name: str
    type: Literal["department", "county"] = "department"
    uscc: str | None = None
    division_code: str = "430500"
    parent: str | None = None
    steward: bool = False
    sort: int = 0


class ApplicationForm(Form):
    named_by: ClassVar[str] = "code"
    code: str
    name: str
    department: str
    purpose: str = ""


class SourceForm(Form):
    name: str
    department: str
    type: str
    label: str
    config: dict[str, Any] = {}
    #: ``env:NAME`` or ``file:PATH``; a password itself is refused.
    secret: str | None = None
    state: str = "active"
    tables: tuple[TableForm, ...] = ()
    plans: Annotated[tuple[PlanForm, ...], AfterValidator(_by_name)] = ()

    def model_post_init(self, _: Any) -> None:
        if self.secret and not self.secret.startswith(("env:", "file:", "sealed:")):
            raise BadInput("flows.secret_in_the_open", "secret 只写口令在哪里：env:变量名 或 file:文件")


class EntryItemForm(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)
    label: str
    name: str = ""
    data_type: str = "C"
    length: int | None = None
    element: str | None = None
    is_key: bool = False
    share_type: int = Field(1, ge=1, le=3)
    grade: int = Field(1, ge=1, le=4)
    mask: str | None = None

    def model_post_init(self, _: Any) -> None:
        known_element(self.element, self.name or self.label)


class EntryForm(Form):
    """目录条目; without ``code`` the platform gives one, and department and name identify it."""

    code: str | None = None
    name: str
    department: str
    summary: str
    class_code: str
    share_type: int = Field(ge=1, le=3)
    share_condition: str = ""
    share_methods: tuple[str, ...]
    use_condition: str
    grade: int = Field(ge=1, le=4)
    formats: tuple[int, ...]
    sub_formats: tuple[str, ...] = ()
    update_cycle: int
    open: bool = False
    open_condition: str = ""
    related_codes: tuple[str, ...] = ()
    theme: str = ""
    source_system: str = ""
    secrecy_assessed: bool = False
    privacy_assessed: bool = False
    committed: bool = False
    dataset: str | None = None
    resource_kind: str | None = None
    published: bool = True
    items: tuple[EntryItemForm, ...]

    @property
    def id(self) -> str:
        return self.code or f"{self.department}/{self.name}"


class RegisterForm(Form):
    """As ``fuse`` reads it: what it holds is checked there (docs/use-cases/UC-FUSE-01)."""

    name: str
    label: str
    prefix: str
    items: tuple[dict[str, Any], ...]
    match: dict[str, Any] = {}
    survivorship: dict[str, str] = {}
    designated: dict[str, str] = {}
    links: tuple[dict[str, str], ...] = ()
    holds: dict[str, Any] = {}
    ties: tuple[dict[str, Any], ...] = ()
    sources: tuple[dict[str, Any], ...] = ()


class InputForm(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)
    view: str
    dataset: str
    items: tuple[str, ...]
    row_filter: tuple[dict[str, Any], ...] = ()


class ModelForm(Form):
    name: str
    label: str
    sql: str
    keys: tuple[str, ...]
    items: tuple[ItemForm, ...]
    inputs: tuple[InputForm, ...]
    question: str = ""
    theme: str = ""
    department: str | None = None
    state: str = "active"


class ServiceForm(Form):
    name: str
    label: str
    #: The code of the entry it answers from.
    entry: str
    keys: tuple[str, ...]
    items: tuple[str, ...] | None = None
    max_rows: int = Field(100, ge=1, le=10_000)
    #: query, verify, list or statistics; ``kind`` is the declaration's own.
    type: str = "query"
    least: int = Field(10, ge=2, le=1_000)
    #: query: so many days back it may be asked as of.
    past_days: int | None = Field(None, ge=1, le=3_660)
    #: A SELECT whose result it answers from instead: over its entry's dataset and those of the entries in ``also``.
    sql: Annotated[str, AfterValidator(str.strip)] | None = None
    also: tuple[str, ...] = ()
    #: What tells the result's rows apart; unsaid: as far as the query itself says.
    unique: tuple[str, ...] | None = None


class DeliveryForm(Form):
    """库表交换 under the live table grant that the application has of the entry; it waits for one."""

    name: str
    application: str
    #: The code of the entry.
    entry: str
    table: str
    #: kind, driver (sqlalchemy), host, port, dbname, user, schema, options of TLS; never a password nor a url.
    receiver: dict[str, Any]
    #: ``env:NAME``; unsaid: the password given by hand stays while host, port and user do.
    secret: str | None = None
    #: Hours between reconciliations beside after each run; 0: not on schedule.
    reconcile_every: int = Field(24, ge=0, le=8_760)
    state: Literal["active", "paused", "stopped"] = "active"


#: In the order they are applied: a later kind may name things of an earlier one.
KINDS: dict[str, type[Form]] = {
    "department": DepartmentForm, "application": ApplicationForm, "entry": EntryForm, "rule_set": RuleSetForm,
    "source": SourceForm, "register": RegisterForm, "model": ModelForm, "service": ServiceForm,
    "delivery": DeliveryForm,
}  # fmt: skip


def known_element(element: str | None, item: str) -> None:
    if element is not None and element not in ELEMENTS:
        raise BadInput("flows.no_element", f"信息项 {item} 的数据元 {element} 不存在")
