"""The organisation: departments, accounts and the roles they carry."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from psycopg.errors import CheckViolation, ForeignKeyViolation, UniqueViolation

from jutong.database import Connection, named_sql
from jutong.people.decisions import decide, visible_to
from jutong.people.party import ADMINISTRATORS, ROLES, SYSTEM, Department, Party, User
from jutong.people.passwords import hash_password, must_be_good
from jutong.people.security_log import Event, log
from jutong.people.signing_in import keep_password
from jutong.terms import BadInput, Broken, Conflict, Denied, NotFound, Refused

_SQL = named_sql(__file__)


def add_department(conn: Connection, department: Department) -> None:
    """Add one, or bring it up to date; parents first."""
    add_departments(conn, [department])


def add_departments(conn: Connection, departments: Iterable[Department]) -> None:
    """Add or bring up to date; running it again changes nothing."""
    with conn.cursor() as cursor:
        cursor.executemany(_SQL.add_department, [asdict(department) for department in departments])


def departments(conn: Connection, kind: str | None = None) -> list[Department]:
    """All of them, the city's first, in their order."""
    return [Department.from_row(row) for row in conn.execute(_SQL.departments, {"kind": kind})]


def department(conn: Connection, code: str) -> Department:
    """Raises NotFound ``people.no_department``."""
    row = conn.execute(_SQL.department, {"code": code}).fetchone()
    if row is None:
        raise NotFound("people.no_department", f"没有部门「{code}」")
    return Department.from_row(row)


def steward_code(conn: Connection) -> str:
    """The 主管部门's code; raises Broken ``people.no_steward`` in a city that has none yet."""
    row = conn.execute(_SQL.steward).fetchone()
    if row is None:
        raise Broken("people.no_steward", "还没有指定主管部门")
    return str(row["code"])


def add_user(
    conn: Connection,
    login: str,
    name: str,
    department_code: str,
    roles: Sequence[str],
    *,
    password: str = "",
    password_hash: str = "",
    must_change: bool = True,
    by: Party = SYSTEM,
) -> int:
    """A new account, or the id of the one that is there (its password and roles stay as they are).

    Give ``password``, or ``password_hash`` where many accounts start with one (hashing takes 50 ms each).
    Raises Denied, BadInput ``people.weak_password`` / ``people.bad_role`` / ``people.bad_user``, and
    Conflict ``people.two_keys`` for two of the three administrators on one account.
    """
    _must(by, "user:add")
    _roles_agree(roles)
    login = login.strip().lower()
    if not password_hash:
        must_be_good(password, login)
        password_hash = hash_password(password)
    values = {
        "login": login, "name": name, "department_code": department_code,
        "password_hash": password_hash, "must_change": must_change,
    }  # fmt: skip
    try:
        with conn.transaction():
            row = conn.execute(_SQL.add_user, values).fetchone()
    except ForeignKeyViolation:
        raise BadInput("people.bad_user", f"没有部门「{department_code}」") from None
    except CheckViolation:
        sentence = f"账号「{login}」只能用小写字母、数字和 . _ -，至少 2 位；姓名不能为空"
        raise BadInput("people.bad_user", sentence) from None
    assert row is not None
    user_id = int(row["id"])
    if row["fresh"]:
        for role in roles:
            _add_role(conn, user_id, role, by)
        detail = {"login": login, "roles": sorted(roles)}
        log(conn, Event.ACCOUNT_ADD, party=by, detail=detail)
    return user_id


def grant_role(conn: Connection, user_id: int, role: str, by: Party) -> None:
    """Raises Denied, BadInput ``people.bad_role``, Conflict ``people.two_keys``."""
    _must(by, "role:grant")
    _roles_agree([role])
    if _add_role(conn, user_id, role, by):
        log(conn, Event.ROLE_GRANT, party=by, detail={"user_id": user_id, "role": role})


def revoke_role(conn: Connection, user_id: int, role: str, by: Party) -> None:
    _must(by, "role:grant")
    if conn.execute(_SQL.revoke_role, {"user_id": user_id, "role": role}).rowcount:
        log(conn, Event.ROLE_REVOKE, party=by, detail={"user_id": user_id, "role": role})


def set_user_state(conn: Connection, user_id: int, state: str, by: Party) -> None:
    """``active`` or ``disabled``; disabling ends the account's sessions at once."""
    _must(by, "user:disable")
    changed = conn.execute(_SQL.set_user_state, {"user_id": user_id, "state": state}).rowcount
    if not changed:
        return
    if state == "disabled":
        conn.execute(_SQL.close_sessions_of, {"user_id": user_id, "now": dt.datetime.now(dt.UTC)})
    event = Event.ACCOUNT_DISABLE if state == "disabled" else Event.ACCOUNT_ENABLE
    log(conn, event, party=by, detail={"user_id": user_id})


def unlock(conn: Connection, login: str, by: Party) -> None:
    """Forget a name's failed sign-ins."""
    _must(by, "user:unlock")
    conn.execute(_SQL.forget_failures, {"login": login})
    log(conn, Event.ACCOUNT_UNLOCK, party=by, detail={"login": login})


def reset_password(conn: Connection, user_id: int, password: str, by: Party) -> None:
    """A first password for somebody who lost his; he must change it before anything else."""
    _must(by, "user:unlock")
    row = conn.execute(_SQL.party_by_id, {"user_id": user_id}).fetchone()
    if row is None:
        raise NotFound("people.no_user", "没有这个账号")
    must_be_good(password, row["login"])
    now = dt.datetime.now(dt.UTC)
    keep_password(conn, user_id, hash_password(password), must_change=True, now=now)
    log(conn, Event.PASSWORD_RESET, party=by, detail={"user_id": user_id})


def forget_factor(conn: Connection, user_id: int, by: Party) -> None:
    """A lost telephone: the next sign-in enrols a new one."""
    _must(by, "user:unlock")
    conn.execute(_SQL.forget_factor, {"user_id": user_id})
    log(conn, Event.FACTOR_FORGET, party=by, detail={"user_id": user_id})


def users(conn: Connection, party: Party, *, department_code: str | None = None) -> list[User]:
    """The accounts this party may see, by department and login."""
    query = _SQL.users.format(visible=visible_to(party, "user", "u"))
    return [User.from_row(row) for row in conn.execute(query, {"department_code": department_code})]


def party_of(conn: Connection, login: str) -> Party:
    """The active account of this name as a party; raises NotFound ``people.no_user``."""
    row = conn.execute(_SQL.party_by_login, {"login": login.strip().lower()}).fetchone()
    if row is None:
        raise NotFound("people.no_user", f"没有账号「{login}」，或已停用")
    return Party.from_row(row)


def _add_role(conn: Connection, user_id: int, role: str, by: Party) -> bool:
    try:
        with conn.transaction():
            values = {"user_id": user_id, "role": role, "by": by.user_id or None}
            return bool(conn.execute(_SQL.grant_role, values).rowcount)
    except UniqueViolation:
        raise _two_keys() from None
    except ForeignKeyViolation:
        raise NotFound("people.no_user", "没有这个账号") from None


def _roles_agree(roles: Sequence[str]) -> None:
    unknown = [role for role in roles if role not in ROLES]
    if unknown:
        raise BadInput("people.bad_role", f"没有角色「{'、'.join(unknown)}」，只有：{'、'.join(ROLES)}")
    if len(ADMINISTRATORS & set(roles)) > 1:
        raise _two_keys()


def _two_keys() -> Conflict:
    return Conflict("people.two_keys", "三员分立：系统、安全、审计三类管理员，一个账号只能担任一种")


def _must(party: Party, action: str) -> None:
    decision = decide(party, action)
    if isinstance(decision, Refused):
        raise Denied(decision.code, decision.reason)
