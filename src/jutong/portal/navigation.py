"""The eight stops of the journey of data, and what stands at each.

A tab is shown to whoever may open its page; a stop leads to the first of its tabs.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tab:
    name: str
    label: str
    path: str
    may: str = "signed_in"


@dataclass(frozen=True)
class Stop:
    name: str
    label: str
    tabs: tuple[Tab, ...]


JOURNEY = (
    Stop("gather", "归集", (
        Tab("sources", "数据源", "/sources", "source:read"),
        Tab("plans", "归集计划", "/plans", "source:read"),
        Tab("batches", "批次", "/batches", "batch:read"),
        Tab("arrivals", "到件", "/arrivals", "batch:read"),
        Tab("forms", "填报", "/forms", "batch:read"),
        Tab("machines", "前置机", "/front-machines", "source:read"),
    )),
    Stop("refine", "治理", (
        Tab("issues", "问题数据", "/issues", "issue:read"),
        Tab("scores", "质量评分", "/scores", "issue:read"),
        Tab("standards", "数据标准", "/standards", "source:read"),
        Tab("rule_sets", "规则组", "/rule-sets", "source:read"),
        Tab("elements", "数据元", "/elements"),
    )),
    Stop("fuse", "处理", (
        Tab("companies", "法人基础库", "/companies", "register:read"),
        Tab("persons", "人口", "/persons", "register:read"),
        Tab("licences", "证照", "/licences", "register:read"),
        Tab("credit", "信用", "/credit", "register:read"),
        Tab("find", "通查", "/registers/find", "register:read"),
        Tab("review", "归并复核", "/registers/review", "register:read"),
        Tab("registers", "基础库质量", "/registers", "register:read"),
        Tab("merging", "合并规则", "/merging", "register:read"),
    )),
    Stop("store", "存储", (
        Tab("storage", "四个区", "/storage", "dataset:read"),
        Tab("use", "占用", "/lake-use", "job:read"),
        Tab("housekeeping", "湖的日常", "/housekeeping", "job:read"),
        Tab("retention", "留存", "/retention", "retention:read"),
        Tab("purges", "清除", "/purges", "purge:read"),
        Tab("backups", "备份", "/backups", "job:read"),
    )),
    Stop("catalogue", "编目", (
        Tab("catalogue", "资源目录", "/catalogue", "entry:read"),
        Tab("supply", "供给清单", "/lists/supply", "entry:read"),
        Tab("demand", "需求清单", "/lists/demand", "demand:read"),
        Tab("negative", "负面清单", "/lists/negative", "entry:read"),
    )),
    Stop("share", "共享", (
        Tab("cases", "待我办理", "/cases", "case:read"),
        Tab("requests", "申请", "/requests", "request:read"),
        Tab("grants", "授权", "/grants", "grant:read"),
        Tab("services", "接口服务", "/services", "service:read"),
        Tab("deliveries", "库表交换", "/deliveries", "delivery:read"),
        Tab("extracts", "文件", "/extracts", "extract:read"),
        Tab("ledger", "交换记录", "/ledger", "ledger:read"),
        Tab("metering", "计量", "/metering", "ledger:read"),
        Tab("seen", "谁看过", "/seen", "exchange:read"),
    )),
    Stop("develop", "应用", (
        Tab("applications", "应用", "/applications", "application:read"),
        Tab("models", "模型", "/models", "model:read"),
    )),
    Stop("oversee", "督导", (
        Tab("indicators", "指标", "/indicators", "indicator:read"),
        Tab("campaign", "攻坚行动", "/campaign", "campaign:read"),
        Tab("projects", "重点项目", "/projects", "project:read"),
        Tab("cloud", "政务云", "/cloud", "cloud:read"),
        Tab("people", "机构与人员", "/people", "department:read"),
        Tab("security", "安全日志", "/security", "security_event:read"),
    )),
)  # fmt: skip
