"""Short words that several topics show for codes in rows."""

from __future__ import annotations

from jutong.database import Connection
from jutong.people import departments

METHODS = {"api": "接口", "table": "库表", "file": "文件", "mail": "邮件", "media": "介质"}
SHARE_TYPES = {1: "无条件共享", 2: "有条件共享", 3: "不予共享"}
CYCLES = {
    1: "实时", 2: "每日", 3: "每周", 4: "每月", 5: "每季度", 6: "每年", 7: "不定时", 8: "每半年", 9: "其他",
}  # fmt: skip
ZONES = {"raw": "原始区", "standard": "标准区", "base": "基础库", "topic": "主题区"}
GRANT_STATES = {"active": "有效", "suspended": "已暂停", "terminated": "已终止", "expired": "已到期"}
GRANT_COLOURS = {"active": "ok", "suspended": "near", "terminated": "idle", "expired": "idle"}


def department_names(connection: Connection) -> dict[str, str]:
    """Code → short name; a code nobody knows is shown as it is by ``get(code, code)``."""
    return {department.code: department.short_name for department in departments(connection)}
