"""The table of actions: roles, conditions on the thing, and the ground a decision gives.

An action is ``kind:verb``; ``kind:read`` is also what ``visible_to`` turns into a set.  The columns a kind must
have are those its conditions name: ``columns_of("case:read")``.  Moves of cases are not here: who may make them
is part of the move (``casework``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from jutong.people.party import ROLES

#: Every account that is signed in.
ANY_ROLE = frozenset(ROLES)

_PROVIDERS = frozenset({"provider_officer", "provider_head"})
_CONSUMERS = frozenset({"consumer_officer", "consumer_head"})
_OFFICES = _PROVIDERS | _CONSUMERS
_STEWARD = frozenset({"steward"})
_AUDITOR = frozenset({"auditor"})
_SECURITY = frozenset({"security_admin"})
_SYSTEM = frozenset({"system_admin"})
_LEADER = frozenset({"leader"})


@dataclass(frozen=True)
class Where:
    """``column op value``; the value is a constant or, with ``mine``, an attribute of the party."""

    column: str
    op: Literal["is", "in", "has", "at_most"]
    value: Any = None
    mine: Literal["department_code", "user_id"] | None = None
    code: str = "people.not_yours"
    sentence: str = "只限本部门办理"


@dataclass(frozen=True)
class Rule:
    """These roles may, when every condition holds."""

    roles: frozenset[str]
    where: tuple[Where, ...] = ()
    ground: str = "角色"


_OWN = Where("department_code", "is", mine="department_code")
_PROVIDED = Where("provider_code", "is", mine="department_code", sentence="只限提供方办理")
_MYSELF = Where("id", "is", mine="user_id", sentence="只限本人")
_ABOUT_ME = Where("user_id", "is", mine="user_id", sentence="只限本人")
_OPENED = Where("opened_by", "is", mine="user_id", sentence="这件事不是您提出的，也不经您的部门")
_TAKES_PART = Where("departments", "has", mine="department_code", sentence="这件事不经您的部门")
_PUBLISHED = Where("state", "is", "published", code="people.not_published", sentence="这条目录还没有发布")
_EDITABLE = Where("state", "in", ("draft", "rejected", "published"),
                  code="people.under_review", sentence="审核中的目录不能改，先撤回")  # fmt: skip
_OPEN_TO_ASK = Where("share_type", "at_most", 2,
                     code="people.withheld", sentence="不予共享的资源不能申请，可以请主管部门协调")  # fmt: skip
_TO_ME = Where("to_user", "is", mine="user_id", sentence="这条消息不是给您的")
_TO_MINE = Where("to_department", "is", mine="department_code", sentence="这条消息不是给您的部门的")
_CONSUMED = Where("consumer", "is", mine="department_code", sentence="只能看本部门的交换记录")
_SUPPLIED = Where("provider", "is", mine="department_code", sentence="只能看本部门的交换记录")


def _own_or_city(roles: frozenset[str], *city: frozenset[str]) -> tuple[Rule, ...]:
    """Departments see their own; the named roles see all."""
    return (*(Rule(role, ground="全市") for role in city), Rule(roles, (_OWN,), "本部门"))


def _both_sides(*city: frozenset[str]) -> tuple[Rule, ...]:
    """Consumer and provider of a share see it; the named roles see all."""
    return (
        *(Rule(role, ground="全市") for role in city),
        Rule(_OFFICES, (_PROVIDED,), "提供方"),
        Rule(_OFFICES, (_OWN,), "需求方"),
    )


_EVERYBODY = (Rule(ANY_ROLE, ground="已登录"),)

ACTIONS: dict[str, tuple[Rule, ...]] = {
    # 编目
    "entry:read": (
        Rule(_STEWARD | _AUDITOR, ground="全市"),
        Rule(_PROVIDERS, (_OWN,), "本部门"),
        Rule(ANY_ROLE, (_PUBLISHED,), "已通告，第16条"),
    ),
    "entry:edit": (Rule(frozenset({"provider_officer"}), (_EDITABLE, _OWN), "提供方经办，第13条"),),
    "entry:submit": (Rule(frozenset({"provider_officer"}), (_EDITABLE, _OWN), "提供方经办，第13条"),),
    "entry:approve": (Rule(frozenset({"provider_head"}), (_OWN,), "部门负责人，第13条"),),
    "entry:publish": (Rule(_STEWARD, ground="主管部门，第16条"),),
    "entry:withdraw": (
        Rule(_STEWARD, (_PUBLISHED,), "主管部门"),
        Rule(frozenset({"provider_head"}), (_PUBLISHED, _OWN), "提供方负责人"),
    ),
    "entry:attach": _own_or_city(frozenset({"provider_officer"}), _STEWARD),
    "entry:import": (
        Rule(_STEWARD, ground="主管部门"),
        Rule(frozenset({"provider_officer"}), (_OWN,), "本部门"),
    ),
    "entry:ask": (Rule(frozenset({"consumer_officer"}), (_PUBLISHED, _OPEN_TO_ASK), "需求方经办，第20条"),),
    "demand:read": _EVERYBODY,
    "demand:add": (Rule(frozenset({"consumer_officer"}), (_OWN,), "需求方经办"),),
    "demand:assign": (Rule(_STEWARD, ground="主管部门"),),
    # 工单与消息
    "case:read": (
        Rule(_STEWARD | _AUDITOR, ground="全市"),
        Rule(_OFFICES, (_TAKES_PART,), "经本部门"),
        Rule(ANY_ROLE, (_OPENED,), "本人提出"),
    ),
    "case:open": (Rule(_STEWARD, ground="主管部门"), Rule(_OFFICES, (_OWN,), "本部门")),
    "notice:read": (Rule(ANY_ROLE, (_TO_ME,), "给本人"), Rule(ANY_ROLE, (_TO_MINE,), "给本部门")),
    "calendar:edit": (Rule(_STEWARD, ground="主管部门"),),
    # 归集、治理、处理、存储
    "source:read": _own_or_city(_PROVIDERS, _STEWARD, _AUDITOR, _SYSTEM),
    "source:edit": _own_or_city(frozenset({"provider_officer"}), _SYSTEM),
    "source:run": _own_or_city(frozenset({"provider_officer"}), _SYSTEM),
    "batch:read": _own_or_city(_PROVIDERS, _STEWARD, _AUDITOR, _SYSTEM),
    "issue:read": _own_or_city(_PROVIDERS, _STEWARD, _AUDITOR),
    "issue:export": _own_or_city(_PROVIDERS, _STEWARD),
    "dataset:read": _own_or_city(_PROVIDERS, _STEWARD, _AUDITOR, _SYSTEM, _LEADER),
    "dataset:preview": _own_or_city(_PROVIDERS, _STEWARD),
    "register:read": (Rule(_STEWARD | _AUDITOR, ground="全市"), Rule(_OFFICES, ground="履职查询")),
    "model:read": (
        Rule(_STEWARD | _AUDITOR | _LEADER | _SYSTEM, ground="全市"),
        Rule(_OFFICES, ground="履职查询"),
    ),
    "model:run": (Rule(_STEWARD | _SYSTEM, ground="主管部门"),),
    # 共享
    "request:read": _both_sides(_STEWARD, _AUDITOR),
    "request:add": (Rule(frozenset({"consumer_officer"}), (_OWN,), "需求方经办，第20条"),),
    "grant:read": _both_sides(_STEWARD, _AUDITOR),
    "grant:suspend": (
        Rule(_STEWARD, ground="主管部门，第27条"),
        Rule(frozenset({"provider_head"}), (_PROVIDED,), "提供方，第27条"),
    ),
    "service:read": _EVERYBODY,
    "service:edit": _own_or_city(frozenset({"provider_officer"}), _STEWARD),
    "service:publish": _own_or_city(frozenset({"provider_head"}), _STEWARD),
    "delivery:read": _both_sides(_STEWARD, _AUDITOR, _SYSTEM),
    "delivery:run": (
        Rule(_STEWARD | _SYSTEM, ground="平台运行"),
        Rule(frozenset({"provider_officer"}), (_PROVIDED,), "提供方"),
        Rule(frozenset({"consumer_officer"}), (_OWN,), "需求方"),
    ),
    "extract:read": _both_sides(_STEWARD, _AUDITOR),
    "extract:make": (Rule(frozenset({"consumer_officer"}), (_OWN,), "需求方经办"),),
    "application:read": _own_or_city(_OFFICES, _STEWARD, _AUDITOR, _SECURITY, _SYSTEM),
    "application:add": _own_or_city(frozenset({"consumer_officer"}), _STEWARD),
    "application:token": (Rule(frozenset({"consumer_officer"}), (_OWN,), "应用的主人"),),
    "application:suspend": (Rule(_STEWARD | _SECURITY, ground="安全管理"),),
    "exchange:read": (
        Rule(_STEWARD | _AUDITOR, ground="全市"),
        Rule(_OFFICES, (_SUPPLIED,), "提供方"),
        Rule(_OFFICES, (_CONSUMED,), "需求方"),
    ),
    "subject:read": (Rule(_AUDITOR, ground="审计"), Rule(_STEWARD, ground="窗口受理")),
    # 督导
    "figure:read": _EVERYBODY,
    "screen:read": _EVERYBODY,
    "campaign:read": _EVERYBODY,
    "task:read": _EVERYBODY,
    "task:report": (
        Rule(_STEWARD, ground="主管部门"),
        Rule(_OFFICES, (Where("owner_code", "is", mine="department_code"),), "责任部门"),
    ),
    "task:edit": (Rule(_STEWARD | _LEADER, ground="主管部门"),),
    "cloud:read": _EVERYBODY,
    "cloud:edit": (Rule(_STEWARD | _SYSTEM, ground="主管部门"),),
    "cloud:ask": (Rule(_OFFICES, (_OWN,), "本部门"),),
    "project:read": _EVERYBODY,
    "project:edit": (Rule(_STEWARD, ground="主管部门"),),
    "indicator:read": _EVERYBODY,
    "indicator:report": (Rule(_STEWARD, ground="主管部门"),),
    "ledger:read": _EVERYBODY,
    "ledger:verify": _EVERYBODY,
    # 三员
    "department:read": _EVERYBODY,
    "department:edit": (Rule(_SYSTEM, ground="系统管理员"),),
    "user:read": (Rule(_SYSTEM | _SECURITY | _AUDITOR, ground="三员"), Rule(ANY_ROLE, (_MYSELF,), "本人")),
    "user:add": (Rule(_SYSTEM, ground="系统管理员建号"),),
    "user:disable": (Rule(_SECURITY, ground="安全管理员"),),
    "user:unlock": (Rule(_SECURITY, ground="安全管理员"),),
    "role:grant": (Rule(_SECURITY, ground="安全管理员授权"),),
    "security_event:read": (Rule(_AUDITOR, ground="审计管理员"), Rule(ANY_ROLE, (_ABOUT_ME,), "本人")),
    "job:read": (Rule(_SYSTEM | _STEWARD, ground="平台运行"),),
    "job:run": (Rule(_SYSTEM, ground="系统管理员"),),
    # Who sets a rule may not carry it out: what is destroyed the steward approves.
    "retention:read": (Rule(_SYSTEM | _STEWARD | _AUDITOR, ground="留存管理"),),
    "retention:set": (Rule(_SYSTEM, ground="系统管理员"),),
    "retention:destroy": (Rule(_STEWARD, ground="主管部门批准"),),
    # Two persons, and no one is both: the counter takes the application in, the security administrator confirms.
    "purge:read": (Rule(_STEWARD | _SECURITY | _AUDITOR, ground="依法清除"),),
    "purge:apply": (Rule(_STEWARD, ground="主管部门受理，个人信息保护法第47条"),),
    "purge:confirm": (Rule(_SECURITY, ground="安全管理员确认"),),
}
