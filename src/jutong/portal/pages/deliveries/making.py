"""新建库表交换: under which grant, into which database; tried first, then kept.  And trying what is there already."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from pydantic import Field

from jutong.database import named_sql
from jutong.people import visible_to
from jutong.portal.routes import Act, Done, Page
from jutong.portal.visits import Visit
from jutong.share import (
    DRIVERS,
    RECEIVER_KINDS,
    Tried,
    add_delivery,
    find_delivery,
    find_grant,
    try_delivery,
    try_receiver,
)
from jutong.terms import BadInput, Conflict

_SQL = named_sql(__file__)
#: One name or address.  A comma would name several hosts, of which one may be a socket of this machine, as @… is.
_HOST = re.compile(r"[A-Za-z0-9._:-]{1,255}")


@dataclass(frozen=True)
class NewQuestion:
    grant: Annotated[str, Field(title="授权", max_length=32)] = ""


@dataclass(frozen=True)
class GrantChoice:
    """A live 库表 grant nothing is delivered under yet."""

    id: str
    application: str
    entry: str
    items: int


@dataclass(frozen=True)
class MakeForm:
    grant: Annotated[str, Field(title="授权", max_length=32)]
    dbname: Annotated[str, Field(title="库名", min_length=1, max_length=128)]
    table: Annotated[str, Field(title="接收表名", min_length=1, max_length=51)]
    name: Annotated[str, Field(title="交换名", min_length=1, max_length=64)]
    kind: Annotated[Literal["postgres", "mysql", "sqlalchemy"], Field(title="数据库")] = "postgres"
    driver: Annotated[str, Field(title="驱动", max_length=65)] = ""
    host: Annotated[str, Field(title="主机", max_length=255)] = ""
    port: Annotated[int | None, Field(title="端口", ge=1, le=65_535)] = None
    schema: Annotated[str, Field(title="模式", max_length=63)] = ""
    user: Annotated[str, Field(title="账号", max_length=128)] = ""
    password: Annotated[str, Field(title="口令", max_length=256)] = ""
    do: Literal["try", "keep"] = "keep"


@dataclass(frozen=True)
class NewDelivery:
    """A delivery being declared: first under which grant, then into which database."""

    grants: tuple[GrantChoice, ...]
    grant: GrantChoice | None
    form: MakeForm
    kinds: tuple[tuple[str, str], ...]
    drivers: tuple[tuple[str, str], ...]
    #: What trying the receiver came to.
    tried: Tried | None = None


@dataclass(frozen=True)
class CheckForm:
    """Nothing is asked; the delivery stands in the path."""


def build(visit: Visit, asked: NewQuestion) -> NewDelivery:
    """Declare a delivery."""
    wanted = asked.grant or str(visit.given.get("grant") or "")
    query = _SQL.undelivered.format(visible=visible_to(visit.who, "grant", "g"))
    grants = tuple(
        GrantChoice(row["id"], row["application"], row["entry"], row["items"])
        for row in visit.connection.execute(query, {"grant": wanted or None})
        if visit.can("delivery:run", row)
    )
    grant = next((one for one in grants if one.id == wanted), None)
    form = MakeForm(wanted, "", "", "")
    if grant is not None:
        held = find_grant(visit.connection, grant.id)
        table = re.sub(r"[^a-z0-9_]", "_", held.dataset.partition(".")[2])[:50]
        form = replace(form, table=table, name=f"{held.application_id.lower()}_{table}"[:64])
    return NewDelivery(
        grants,
        grant,
        form,
        tuple(RECEIVER_KINDS.items()),
        tuple((key, label) for key, label in DRIVERS.items()),
    )


def make(visit: Visit, form: MakeForm) -> Done:
    """Try the receiver, or keep the delivery; its password is sealed at once and shown to nobody."""
    grant = find_grant(visit.connection, form.grant)
    visit.must("delivery:run", grant)
    receiver = _receiver(form)
    if form.do == "try":
        visit.connection.commit()  # nothing is held here while somebody else's server thinks
        tried = try_receiver(receiver, form.password or None, form.table)
        page = build(visit, NewQuestion(form.grant))
        shown = replace(page, form=replace(form, password=""), tried=tried)
        return Done(
            f"/deliveries/new?grant={form.grant}", tried.words, value=shown, shows="pages/deliveries/new.html"
        )
    if form.name in {one["name"] for one in visit.connection.execute("SELECT name FROM delivery")}:
        raise Conflict("share.delivery_taken", f"交换名 {form.name} 已在用，请换一个")
    made = add_delivery(
        visit.connection, visit.rooms.keys, name=form.name, grant_id=form.grant, receiver=receiver,
        password=form.password or None, table_name=form.table,
    )  # fmt: skip
    said = visit.tell("库表交换 {name} 已建，下一次运行时送达", name=made.name)
    return Done(f"/deliveries/{made.name}", said, value={"name": made.name})


def _receiver(form: MakeForm) -> dict[str, Any]:
    given: dict[str, Any] = {
        "kind": form.kind, "host": form.host, "port": form.port, "dbname": form.dbname, "user": form.user,
        "schema": form.schema,
    }  # fmt: skip
    if form.kind == "sqlalchemy":
        if form.driver not in DRIVERS:  # a file on this machine, say, is nothing a form may name
            raise BadInput("share.delivery_kind", f"请选择驱动：{'、'.join(DRIVERS.values())}")
        given["driver"] = form.driver
    if not _HOST.fullmatch(form.host):
        raise BadInput(
            "share.delivery_receiver",
            "请填写接收库主机的名称或地址：一台主机，只用字母、数字、点、横线、下划线和冒号，中文域名请写成 xn-- 开头的形式",
        )
    return {name: value for name, value in given.items() if value not in ("", None)}


def check(visit: Visit, _: CheckForm) -> Done:
    """Reach a delivery's receiver and see how its table stands."""
    delivery = find_delivery(visit.connection, visit.path["name"])
    visit.must("delivery:run", delivery)
    visit.connection.commit()  # as above
    tried = try_delivery(visit.rooms.database, visit.rooms.keys, delivery.name)
    return Done(f"/deliveries/{delivery.name}", tried.words, value=tried)


PAGES = (
    Page(
        "deliveries.new", "/deliveries/new", build, may="delivery:run", stop="share", tab="deliveries", asks=NewQuestion
    ),
)  # fmt: skip
ACTS = (
    Act("deliveries.make", "/deliveries/new", make, MakeForm, may="delivery:run", shown_on="/deliveries/new"),
    Act(
        "deliveries.check", "/deliveries/{name}/check", check, CheckForm, may="delivery:run",
        shown_on="/deliveries/{name}",
    ),
)  # fmt: skip
