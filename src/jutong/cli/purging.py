"""依法清除 at the command line: apply, confirm, refuse, carry out, show, check.  Each person signs in as himself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from jutong.cli.shared import as_json, console, platform_of, say

if TYPE_CHECKING:
    from jutong.flows import Platform, Purge

_STATES = {"applied": "待确认", "confirmed": "进行中", "refused": "未同意", "done": "已清除"}


@click.group()
def purge() -> None:
    """依法清除：一人申请，另一人确认，各区、历史、文件、副本里都不再有，留下签名的凭证。"""


def _as_person(command: Any) -> Any:
    """Whoever applies or decides says who he is, as in the portal."""
    for option in (
        click.option("--code", default="", help="动态码，要求第二因素的账号才用"),
        click.option(
            "--password", prompt="口令", hide_input=True, envvar="JUTONG_PASSWORD", help="缺省则询问"
        ),
        click.option("--login", required=True, help="用谁的账号"),
    ):
        command = option(command)
    return command


def _party(platform: Platform, login: str, password: str, code: str, action: str) -> str:
    """The login, once it is known to be this person's and he may. Raises Denied."""
    from jutong.people import decide, sign_in
    from jutong.terms import Denied, Refused

    with platform.database.connection() as connection:
        who = sign_in(
            connection,
            login,
            password,
            code,
            keys=platform.keys,
            second_factor=platform.settings.second_factor,
        )
    if isinstance(who, Refused):
        raise Denied(who.code, who.reason)
    if who.stage != "open":
        raise Denied("people.sign_in_failed", "请先在门户登录一次，改口令或绑定动态码")
    allowed = decide(who.party, action, {})
    if isinstance(allowed, Refused):
        raise Denied(allowed.code, allowed.reason)
    return who.party.login


@purge.command("subject")
@click.argument("identifiers", nargs=-1, required=True)
@click.option("--basis", required=True, help="法规条款或文号")
@click.option("--reason", required=True, help="申请号或案号")
@_as_person
@click.pass_context
def subject(
    context: click.Context, identifiers: tuple[str, ...], basis: str, reason: str, login: str, password: str, code: str
) -> None:  # fmt: skip
    """申请清除一个主体：写着 IDENTIFIERS（统一社会信用代码、身份证号等）的每一行。"""
    from jutong import flows

    with platform_of(context) as platform:
        by = _party(platform, login, password, code, "purge:apply")
        with platform.database.connection() as connection:
            number = flows.apply_for_purge(
                connection, platform.keys, by=by, basis=basis, reason=reason, words=identifiers
            )
        _tell_found(number, flows.look_for(platform, number))


@purge.command("record")
@click.argument("dataset")
@click.argument("key", nargs=-1, required=True)
@click.option("--basis", required=True, help="法规条款或文号")
@click.option("--reason", required=True, help="申请号或案号")
@_as_person
@click.pass_context
def record(
    context: click.Context, dataset: str, key: tuple[str, ...], basis: str, reason: str, login: str, password: str,
    code: str,
) -> None:  # fmt: skip
    """申请清除一条记录：标准数据集 DATASET 里主键为 KEY 的，连同它的原始行。"""
    from jutong import flows

    with platform_of(context) as platform:
        by = _party(platform, login, password, code, "purge:apply")
        with platform.database.connection() as connection:
            number = flows.apply_for_purge(
                connection, platform.keys, by=by, basis=basis, reason=reason, dataset=dataset, key=key
            )
        _tell_found(number, flows.look_for(platform, number))


def _tell_found(number: int, found: dict[str, int]) -> None:
    for dataset, rows in sorted(found.items()):
        console.print(f"  {dataset}：{rows} 行")
    console.print(f"清除申请 {number} 待另一人确认，共 {sum(found.values())} 行")


@purge.command("confirm")
@click.argument("number", type=int)
@_as_person
@click.pass_context
def confirm(context: click.Context, number: int, login: str, password: str, code: str) -> None:
    """确认申请 NUMBER；接着就做：jutong purge run。"""
    from jutong import flows

    with platform_of(context) as platform:
        by = _party(platform, login, password, code, "purge:confirm")
        with platform.database.connection() as connection:
            flows.confirm_purge(connection, number, by)
    console.print(f"清除申请 {number} 已确认")


@purge.command("refuse")
@click.argument("number", type=int)
@click.option("--why", required=True, help="理由")
@_as_person
@click.pass_context
def refuse(context: click.Context, number: int, why: str, login: str, password: str, code: str) -> None:
    """不同意申请 NUMBER。"""
    from jutong import flows

    with platform_of(context) as platform:
        by = _party(platform, login, password, code, "purge:confirm")
        with platform.database.connection() as connection:
            flows.refuse_purge(connection, number, why, by)
    console.print(f"清除申请 {number} 未同意")


@purge.command("run")
@as_json
@click.pass_context
def run(context: click.Context, machine: bool) -> None:
    """把已确认的都做完，中断过的接着做；网关副本随即重建。"""
    from jutong import flows, gate

    with platform_of(context) as platform:
        done = flows.work_off_purges(platform)
        if done and platform.settings.gate_folder.exists():
            gate.replicate(platform.database, platform.store, platform.settings.gate_folder)
    say([_told(one) for one in done], machine, lambda: _lines(done) if done else console.print("没有要做的"))


@purge.command("show")
@click.argument("number", type=int, required=False)
@as_json
@click.pass_context
def show(context: click.Context, number: int | None, machine: bool) -> None:
    """申请与凭证；给 NUMBER 就给那一张的全文。"""
    from jutong import flows

    with platform_of(context) as platform, platform.database.connection() as connection:
        all_ = flows.purges(connection) if number is None else [flows.find_purge(connection, number)]
    if number is not None:
        say(_told(all_[0]), True, lambda: None)
    else:
        say([_told(one) for one in all_], machine, lambda: _lines(all_))


@purge.command("check")
@click.argument("number", type=int)
@click.argument("value", nargs=-1)
@click.pass_context
def check(context: click.Context, number: int, value: tuple[str, ...]) -> None:
    """核对凭证 NUMBER 的签名；再给一遍 VALUE（证件号码或主键），就到处再找一遍。"""
    from jutong import flows
    from jutong.terms import Conflict

    with platform_of(context) as platform:
        with platform.database.connection() as connection:
            by_key = flows.find_purge(connection, number).dataset is not None
        wrong = flows.check_purge(platform, number, () if by_key else value, value if by_key else ())
    for sentence in wrong:
        console.print(sentence)
    if wrong:
        raise Conflict("flows.purge_contradicted", f"凭证 {number} 有 {len(wrong)} 处对不上")
    console.print("签名相符" + ("，哪里都没有" if value else ""))


def _told(one: Purge) -> dict[str, Any]:
    from jutong.cli.shared import plain

    told: dict[str, Any] = plain(one)
    return told


def _lines(purges: list[Purge]) -> None:
    for one in purges:
        console.print(
            f"清除 {one.id}：{one.dataset or '主体'}，{one.rows} 行，{_STATES[one.state]}（{one.basis}；{one.reason}）{one.step}{one.problem}",
            markup=False,
        )
