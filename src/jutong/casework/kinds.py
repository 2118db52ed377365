"""The kinds of case this city has, as data: a new kind is a new row here, never new code.

Sources: 政务数据共享条例 第13、16、17、20–22、26、28、38、39条; the states of domain.md §2.4 and §5.1, made few.
"""

from __future__ import annotations

from jutong.casework.procedure import Kind, Move, Need, State
from jutong.people import SYSTEM

_OFFICER_OF_PROVIDER = frozenset({"provider_officer"})
_HEAD_OF_PROVIDER = frozenset({"provider_head"})
_PROVIDER = _OFFICER_OF_PROVIDER | _HEAD_OF_PROVIDER
_OFFICER_OF_CONSUMER = frozenset({"consumer_officer"})
_HEAD_OF_CONSUMER = frozenset({"consumer_head"})
_CONSUMER = _OFFICER_OF_CONSUMER | _HEAD_OF_CONSUMER
_ANY_OFFICE = _PROVIDER | _CONSUMER
_STEWARD = frozenset({"steward"})
#: No person: a move that only the platform makes, after looking for itself.
_PLATFORM = SYSTEM.roles

_REASON = Need("note", "理由", least=10)
_SAID = Need("note", "说明", least=2)


def _catalogue(name: str, label: str, prefix: str, stage: str, out: Move) -> Kind:
    """Two gates: the department's head (第13条), then the 主管部门, which also publishes (第16条, T2)."""
    submit = (Need("secrecy_assessed", "已做保密风险评估", "flag"),
              Need("privacy_assessed", "已做个人信息保护影响评估", "flag"))  # fmt: skip
    return Kind(
        name, label, prefix, sides=("provider",), room="catalogue",
        states=(
            State("drafting", "编制中", "provider", stage),
            State("dept_review", "待部门负责人批准", "provider", stage),
            State("publish_review", "待主管部门审核发布", "steward", "catalogue_review"),
            State("returned", "退回修改", "provider", stage),
            State("published", "已发布"),
            State("withdrawn", "已撤回"),
        ),
        moves=(
            Move("submit", "提交", ("drafting", "returned"), "dept_review", "provider", _OFFICER_OF_PROVIDER,
                 submit, tone="main"),
            Move("approve", "批准并报主管部门", ("dept_review",), "publish_review", "provider", _HEAD_OF_PROVIDER,
                 tone="main"),
            Move("return", "退回", ("dept_review",), "returned", "provider", _HEAD_OF_PROVIDER, (_REASON,)),
            Move("publish", "通过并发布", ("publish_review",), "published", "steward", _STEWARD, tone="main"),
            Move("send_back", "退回", ("publish_review",), "returned", "steward", _STEWARD, (_REASON,)),
            out,
        ),
    )  # fmt: skip


_WITHDRAW_ENTRY = Move("withdraw", "撤回", ("drafting", "dept_review", "returned"), "withdrawn", "provider",
                       _PROVIDER, (_SAID,), stops=True, tone="grave")  # fmt: skip
#: The law's ten days (T1) do not end because the department takes its draft back.
_NO_CHANGE_NEEDED = Move("cancel", "不必更新", ("drafting", "returned"), "withdrawn", "steward", _STEWARD,
                         (_REASON,), stops=True, tone="grave")  # fmt: skip

_SHARE_REQUEST = Kind(
    "share_request", "共享申请", "SQ", sides=("requester", "provider"), room="share",
    states=(
        State("requester_head", "待需求方负责人同意", "requester"),
        State("provider_officer", "待提供方审核", "provider", "share_reply"),
        State("provider_head", "待提供方负责人同意", "provider", "share_reply"),
        State("supplement", "待补正材料", "requester", "share_reply", paused=True),
        State("granted", "已同意，待提供", "provider", "share_delivery"),
        State("delivered", "已提供"),
        State("returned", "退回修改", "requester"),
        State("refused", "不同意"),
        State("withdrawn", "已撤回"),
    ),
    moves=(
        Move("consent", "同意提出", ("requester_head",), "provider_officer", "requester", _HEAD_OF_CONSUMER,
             tone="main"),
        Move("return", "退回修改", ("requester_head",), "returned", "requester", _HEAD_OF_CONSUMER, (_SAID,)),
        Move("resubmit", "重新提出", ("returned",), "requester_head", "requester", _OFFICER_OF_CONSUMER,
             tone="main"),
        Move("propose", "同意，提交负责人", ("provider_officer",), "provider_head", "provider",
             _OFFICER_OF_PROVIDER, tone="main"),
        Move("supplement", "要求补正", ("provider_officer", "provider_head"), "supplement", "provider", _PROVIDER,
             (Need("missing", "缺少的材料", "list"),), once=True),
        Move("provide", "已补正", ("supplement",), "provider_officer", "requester", _OFFICER_OF_CONSUMER, (_SAID,),
             tone="main"),
        Move("hand_back", "退回经办", ("provider_head",), "provider_officer", "provider", _HEAD_OF_PROVIDER,
             (_SAID,)),
        Move("approve", "同意共享", ("provider_officer", "provider_head"), "granted", "provider",
             _HEAD_OF_PROVIDER, tone="main"),
        Move("refuse", "不同意", ("provider_officer", "provider_head"), "refused", "provider", _HEAD_OF_PROVIDER,
             (_REASON,), tone="grave"),
        Move("deliver", "已提供", ("granted",), "delivered", "provider", _PROVIDER, tone="main"),
        Move("withdraw", "撤回", ("requester_head", "returned", "provider_officer", "provider_head", "supplement"),
             "withdrawn", "requester", _CONSUMER, (_SAID,), stops=True, tone="grave"),
    ),
)  # fmt: skip

_DATA_QUALITY = Kind(
    "data_quality", "问题数据整改", "ZL", sides=("provider",),
    states=(
        State("rectifying", "整改中", "provider", "rectification"),
        State("rechecking", "待复检", "steward"),
        State("rectified", "已改好"),
        State("accepted", "来源如此，已说明"),
    ),
    moves=(
        Move("report", "已整改，请复检", ("rectifying",), "rechecking", "provider", _PROVIDER, (_SAID,), tone="main"),
        Move("explain", "来源如此，说明情况", ("rectifying",), "accepted", "provider", _HEAD_OF_PROVIDER, (_REASON,)),
        # The platform re-checks what comes again, and nothing closes without that.
        Move("pass", "复检通过", ("rechecking",), "rectified", "steward", _PLATFORM, tone="main"),
        Move("fail", "复检不通过", ("rechecking",), "rectifying", "steward", _PLATFORM, (_SAID,)),
    ),
)  # fmt: skip

_DRIFT = Kind(
    "gather_drift", "来源结构变更", "JG", sides=("provider",),
    states=(
        State("deciding", "待提供方确认", "provider", "rectification"),
        State("accepted", "已按新结构归集"),
        State("restored", "来源恢复原结构"),
    ),
    moves=(
        Move("accept", "按新结构归集", ("deciding",), "accepted", "provider", _PROVIDER, tone="main"),
        Move("restore", "来源将恢复原结构", ("deciding",), "restored", "provider", _PROVIDER, (_SAID,)),
    ),
)  # fmt: skip

_OBJECTION = Kind(
    "objection", "校核申请", "YY", sides=("requester", "provider"),
    states=(
        State("verifying", "校核中", "provider", "objection"),
        State("answered", "已反馈，待确认", "requester"),
        State("coordinating", "主管部门协调", "steward"),
        State("corrected", "已更正"),
        State("settled", "已办结"),
        State("withdrawn", "已撤回"),
    ),
    moves=(
        Move("correct", "确有错误，已更正", ("verifying",), "answered", "provider", _PROVIDER,
             (Need("note", "更正了什么", least=2),), tone="main"),
        Move("uphold", "核对无误", ("verifying",), "answered", "provider", _PROVIDER, (_REASON,)),
        Move("confirm", "确认", ("answered",), "corrected", "requester", _CONSUMER, tone="main"),
        Move("dispute", "不认可，请主管部门协调", ("answered",), "coordinating", "requester", _HEAD_OF_CONSUMER,
             (_REASON,)),
        Move("settle", "协调办结", ("coordinating",), "settled", "steward", _STEWARD, (_REASON,), tone="main"),
        Move("withdraw", "撤回", ("verifying", "answered"), "withdrawn", "requester", _CONSUMER, (_SAID,),
             stops=True, tone="grave"),
    ),
)  # fmt: skip

_TASK = Kind(
    "task", "督办任务", "RW", sides=("duty",),
    states=(
        State("doing", "进行中", "duty", "given"),
        State("checking", "待验收", "steward"),
        State("done", "已完成"),
        State("dropped", "已取消"),
    ),
    moves=(
        Move("report", "报完成", ("doing",), "checking", "duty", _ANY_OFFICE, (_SAID,), tone="main"),
        Move("accept", "验收", ("checking",), "done", "steward", _STEWARD, tone="main"),
        Move("return", "退回", ("checking",), "doing", "steward", _STEWARD, (_SAID,)),
        Move("drop", "取消", ("doing", "checking"), "dropped", "steward", _STEWARD, (_REASON,), stops=True,
             tone="grave"),
    ),
)  # fmt: skip

_DEMAND = Kind(
    "demand", "需求确认", "XQ", sides=("requester",), room="catalogue",
    states=(
        State("confirming", "待确认", "steward", "demand"),
        State("coordinating", "协调中", "steward"),
        State("met", "已满足"),
        State("unable", "无法满足"),
    ),
    moves=(
        Move("match", "已有目录可满足", ("confirming", "coordinating"), "met", "steward", _STEWARD,
             (Need("entry_code", "目录代码"),), tone="main"),
        Move("coordinate", "转协调", ("confirming",), "coordinating", "steward", _STEWARD, (_SAID,)),
        Move("decline", "无法满足", ("confirming", "coordinating"), "unable", "steward", _STEWARD, (_REASON,),
             tone="grave"),
    ),
)  # fmt: skip

_EXTENSION = Kind(
    "extension", "延期同意", "YQ", sides=("asker",),
    states=(
        State("asked", "待主管部门同意", "steward", "extension"),
        State("consented", "已同意延期"),
        State("refused", "不同意延期"),
        State("withdrawn", "已撤回"),
    ),
    moves=(
        Move("consent", "同意延期", ("asked",), "consented", "steward", _STEWARD, effect="extend", tone="main"),
        Move("refuse", "不同意", ("asked",), "refused", "steward", _STEWARD, (_REASON,)),
        Move("withdraw", "撤回", ("asked",), "withdrawn", "asker", _ANY_OFFICE, (_SAID,), stops=True),
    ),
)  # fmt: skip

_VIOLATION = Kind(
    "violation", "违规督办", "WG", sides=("duty",),
    states=(
        State("found", "待主管部门处理", "steward"),
        State("rectifying", "责令改正中", "duty", "breach"),
        State("checking", "待核查", "steward"),
        State("rectified", "已改正"),
        State("dismissed", "不构成违规"),
    ),
    moves=(
        Move("order", "责令改正", ("found",), "rectifying", "steward", _STEWARD, (_SAID,), tone="main"),
        Move("report", "已改正", ("rectifying",), "checking", "duty", _ANY_OFFICE, (_SAID,), tone="main"),
        Move("accept", "核查通过", ("checking",), "rectified", "steward", _STEWARD, tone="main"),
        Move("reopen", "未改正", ("checking",), "rectifying", "steward", _STEWARD, (_SAID,)),
        Move("dismiss", "不构成违规", ("found",), "dismissed", "steward", _STEWARD, (_REASON,)),
    ),
)  # fmt: skip

_MERGE_REVIEW = Kind(
    "merge_review", "归并复核", "GB", sides=("keeper",),
    states=(
        State("reviewing", "待判断", "steward"),
        State("same", "是同一主体"),
        State("different", "不是同一主体"),
    ),
    moves=(
        Move("join", "是同一主体", ("reviewing",), "same", "steward", _STEWARD, (_SAID,), tone="main"),
        Move("part", "不是同一主体", ("reviewing",), "different", "steward", _STEWARD, (_SAID,)),
    ),
)  # fmt: skip

_REGISTER_HOLD = Kind(
    "register_hold", "融合待确认", "RH", sides=("keeper",),
    states=(
        State("waiting", "待确认", "steward"),
        State("released", "已放行"),
        State("refused", "不放行", "steward"),
    ),
    moves=(
        Move("release", "放行", ("waiting", "refused"), "released", "steward", _STEWARD, (_SAID,), tone="main"),
        Move("refuse", "不放行，先查来源", ("waiting",), "refused", "steward", _STEWARD, (_REASON,)),
    ),
)  # fmt: skip

#: domain.md §5: 前置机 申请 → 审核 → 分配 → 签收 → 回收.
_FRONT_MACHINE = Kind(
    "front_machine", "前置机申请", "QZ", sides=("asker",),
    states=(
        State("asked", "待审核", "steward"),
        State("assigning", "待分配", "steward"),
        State("signing", "待签收", "asker"),
        State("using", "在用", "asker"),
        State("recycling", "待回收", "steward"),
        State("recycled", "已回收"),
        State("refused", "不同意"),
    ),
    moves=(
        Move("agree", "同意，待分配", ("asked",), "assigning", "steward", _STEWARD, tone="main"),
        Move("refuse", "不同意", ("asked",), "refused", "steward", _STEWARD, (_REASON,), tone="grave"),
        Move("assign", "已分配", ("assigning",), "signing", "steward", _STEWARD,
             (Need("name", "机器名称", least=2), Need("address", "访问地址", least=4)), tone="main"),
        Move("sign", "签收", ("signing",), "using", "asker", _ANY_OFFICE, tone="main"),
        Move("give_back", "不再使用，请回收", ("signing", "using"), "recycling", "asker", _ANY_OFFICE, (_SAID,)),
        Move("take_back", "收回", ("using",), "recycling", "steward", _STEWARD, (_REASON,), tone="grave"),
        Move("recycle", "已清理并回收", ("recycling",), "recycled", "steward", _STEWARD, (_SAID,), tone="main"),
    ),
)  # fmt: skip

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        _catalogue("catalogue_entry", "目录审核", "ML", "", _WITHDRAW_ENTRY),
        _catalogue("catalogue_change", "目录更新", "GX", "catalogue_update", _NO_CHANGE_NEEDED),
        _SHARE_REQUEST,
        _DATA_QUALITY,
        _DRIFT,
        _OBJECTION,
        _TASK,
        _DEMAND,
        _EXTENSION,
        _VIOLATION,
        _MERGE_REVIEW,
        _REGISTER_HOLD,
        _FRONT_MACHINE,
    )
}
