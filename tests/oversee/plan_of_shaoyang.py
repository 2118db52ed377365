"""The reference city's plan and reports (domain.md §0), as rows for the loaders."""

from __future__ import annotations

import datetime as dt

D = dt.date
DUTIES = [
    *({"code": f"T{no}", "kind": "task", "no": no, "name": name} for no, name in enumerate(
        ("一数兴产", "一端畅享", "一网通办", "一网统管", "一网协同", "一屏统览", "一云赋智", "一体联动"), 1)),
    *({"code": f"G{no}", "kind": "guarantee", "no": no, "name": name} for no, name in enumerate(
        ("组织", "政策", "人才", "资金", "运营", "技术"), 1)),
]  # fmt: skip
INDICATORS = [
    {"code": "cloud_push", "label": "推动中小企业上云", "unit": "家", "owner_code": "D01", "sort": 1,
     "definition": "省年度任务口径：当年推动上云的中小企业"},
    {"code": "cloud_deep", "label": "深度上云企业", "unit": "家", "owner_code": "D01", "sort": 2,
     "definition": "当年新增深度上云企业"},
    {"code": "cloud_total", "label": "累计上云上平台企业", "unit": "家", "owner_code": "D01", "sort": 3,
     "definition": "历年累计上云、上平台企业，含普通上云"},
]  # fmt: skip
SOURCE = "邵行审函〔2023〕7号"
REPORTS = [
    {"indicator_code": "cloud_push", "period": "2023Q1", "period_start": D(2023, 1, 1), "period_end": D(2023, 3, 31),
     "value": 1753, "target": 5776, "target_period": "2023", "source": SOURCE, "reported_on": D(2023, 5, 9)},
    {"indicator_code": "cloud_deep", "period": "2022", "period_start": D(2022, 1, 1), "period_end": D(2022, 12, 31),
     "value": 1299, "source": SOURCE, "reported_on": D(2023, 5, 9)},
    {"indicator_code": "cloud_total", "period": "2023-05", "period_start": D(2023, 5, 9), "period_end": D(2023, 5, 9),
     "value": 19000, "lower_bound": True, "source": SOURCE, "reported_on": D(2023, 5, 9)},
]  # fmt: skip
CAMPAIGNS = [{"code": "2023", "name": "数据共享攻坚行动", "owner_code": "D01", "basis": SOURCE,
              "starts_on": D(2023, 5, 1), "ends_on": D(2023, 12, 31)}]  # fmt: skip
TASKS = [
    {"campaign_code": "2023", "code": "01", "name": "编制供给清单", "duty_code": "T3", "owner_code": "D01",
     "starts_on": D(2023, 5, 1), "due_on": D(2023, 6, 30), "state": "done", "progress": 100, "done_on": D(2023, 6, 20)},
    {"campaign_code": "2023", "code": "02", "name": "汇聚法人数据", "duty_code": "T3", "owner_code": "D23",
     "starts_on": D(2023, 6, 1), "due_on": D(2023, 9, 30), "state": "doing", "progress": 40},
    {"campaign_code": "2023", "code": "03", "name": "资金落实", "duty_code": "G4", "owner_code": "D25",
     "starts_on": D(2023, 7, 1), "due_on": D(2024, 3, 31)},
]  # fmt: skip
CHANGES = [
    {"code": "open", "kind": "opening", "happened_on": D(2022, 1, 1), "cores": 4096, "storage_tb": 600},
    {"code": "up1", "kind": "expansion", "happened_on": D(2022, 9, 1), "cores": 4096, "storage_tb": 500},
    {"code": "up2", "kind": "expansion", "happened_on": D(2023, 3, 1), "cores": 2048, "storage_tb": 300},
]  # fmt: skip
PROJECTS = [{"code": "dc", "name": "绿色数据中心", "owner_code": "D01", "investment": 30000}]
MILESTONES = [
    {"project_code": "dc", "no": 1, "name": "能评", "due_period": "2022", "due_on": D(2022, 12, 31), "state": "done",
     "source": SOURCE},
    {"project_code": "dc", "no": 2, "name": "土建开工", "due_period": "2023", "due_on": D(2023, 12, 31)},
    {"project_code": "dc", "no": 3, "name": "机架投用", "due_period": "2024", "due_on": D(2024, 12, 31),
     "measure": "标准机架 1500"},
]  # fmt: skip
