"""督导的内容: the frame of the plan, reported indicators, the campaign, the cloud book, the two key projects.

From the city's own answer, 邵行审函〔2023〕7号 of 2023-05-09 (domain handbook §0); what it reports is kept as reported,
with its period and source.  The campaign's tasks and the allocations are the sample city's own.
"""

from __future__ import annotations

import datetime as dt

from jutong.city.rows import (
    Campaign,
    CloudAllocation,
    CloudChange,
    Duty,
    Indicator,
    IndicatorReport,
    Milestone,
    Project,
    Task,
)

_D = dt.date
_LETTER = "邵行审函〔2023〕7号"
_LETTER_DAY = _D(2023, 5, 9)
_CAMPAIGN = "GJ2026"

_TASKS = (
    ("一数兴产", "Data grows industry", "以数据要素带动数字产业与企业上云"),
    ("一端畅享", "One app for all", "移动端一个入口办事查询"),
    ("一网通办", "One-stop services", "政务服务一网受理、数据代替材料"),
    ("一网统管", "One network to govern", "城市运行监测与协同处置"),
    ("一网协同", "One network to work", "机关内部办公办事协同"),
    ("一屏统览", "One screen", "领导驾驶舱，每个数字可追问"),
    ("一云赋智", "One cloud", "政务云统一供给算力与存储"),
    ("一体联动", "Acting as one", "市县联动、部门联动"),
)
_GUARANTEES = (
    ("组织保障", "Organisation"), ("政策保障", "Policy"), ("人才保障", "Talent"),
    ("资金保障", "Funding"), ("运营保障", "Operation"), ("技术保障", "Technology"),
)  # fmt: skip


def duties() -> tuple[Duty, ...]:
    """八大任务 and 六大保障."""
    tasks = (Duty(f"T{no}", "task", no, name, en, said) for no, (name, en, said) in enumerate(_TASKS, 1))
    guarantees = (
        Duty(f"G{no}", "guarantee", no, name, en, "") for no, (name, en) in enumerate(_GUARANTEES, 1)
    )
    return (*tasks, *guarantees)


_INDICATORS = (
    # code, label, English, unit, definition, duty
    ("cloud_push", "推动中小企业上云", "SMEs moved to the cloud", "家",
     "当年新推动上云的中小企业，按省下达的年度任务口径统计；完成率 = 报告值 ÷ 年度目标，由平台计算", "T1"),
    ("cloud_deep", "深度上云企业", "Enterprises deep in the cloud", "家",
     "当年新增的核心业务系统上云企业，与“推动上云”“累计上云上平台”口径不同，不可相加", "T1"),
    ("platform_joined", "上平台企业", "Enterprises on industrial platforms", "家",
     "当年新增接入工业互联网平台的企业", "T1"),
    ("cloud_total", "累计上云上平台企业", "Enterprises in cloud and on platforms, ever", "家",
     "历年累计，报告为“19000 余家”，故为下界", "T1"),
    ("idc_rooms", "IDC 机房", "Data centre rooms", "个", "全市投入使用的 IDC 机房", "T7"),
    ("racks", "机架", "Racks", "架", "全市 IDC 机房的机架总数", "T7"),
    ("records_reported", "汇聚政务数据（报告）", "Records gathered, as reported", "条",
     "报告为“约 2 亿条”；平台自己清点的归集量见一屏统览，并注明规模", "T6"),
    ("exchange_reported", "跨部门数据共享交互（报告）", "Records exchanged, as reported", "条次",
     "历年累计跨部门共享交互条次，按报告口径；平台自己清点的条次来自存证", "T8"),
    ("legal_reported", "法人主体（报告）", "Legal persons, as reported", "户", "报告为“94.2 万余条”，故为下界", "T6"),
    ("licence_reported", "存量证照（报告）", "Licences, as reported", "张", "报告为“76 万余张”，故为下界", "T3"),
    ("credit_reported", "信用信息（报告）", "Credit records, as reported", "条", "报告为“215 万条”", "T4"),
)  # fmt: skip


def indicators() -> tuple[Indicator, ...]:
    return tuple(
        Indicator(code, label, en, unit, said, "D05" if duty == "T1" else "D01", duty, sort)
        for sort, (code, label, en, unit, said, duty) in enumerate(_INDICATORS, 1)
    )


def reports() -> tuple[IndicatorReport, ...]:
    """What was reported, with its period; percentages are computed, never stored."""
    year, quarter = (_D(2022, 1, 1), _D(2022, 12, 31)), (_D(2023, 1, 1), _D(2023, 3, 31))

    def said(
        code: str, period: str, span: tuple[dt.date, dt.date], value: int, **more: object
    ) -> IndicatorReport:
        return IndicatorReport(
            code, period, *span, value, bool(more.get("least")), more.get("target"), more.get("target_period"),  # type: ignore[arg-type]
            _LETTER, _LETTER_DAY, str(more.get("note", "")),
        )  # fmt: skip

    now = (_D(2000, 1, 1), _LETTER_DAY)
    return (
        said(
            "cloud_push", "2023Q1", quarter, 1753, target=5776, target_period="2023", note="占全年任务 30.35%"
        ),
        said("cloud_deep", "2022", year, 1299),
        said("platform_joined", "2022", year, 398),
        said("cloud_total", "截至 2023-05", now, 19000, least=True),
        said("idc_rooms", "截至 2023-05", now, 14),
        said("racks", "截至 2023-05", now, 724),
        said("records_reported", "截至 2023-05", now, 200_000_000, note="约 2 亿条"),
        said("exchange_reported", "截至 2023-05", now, 439_000_000, note="4.39 亿条次"),
        said("legal_reported", "截至 2023-05", now, 942_000, least=True),
        said("licence_reported", "截至 2023-05", now, 760_000, least=True),
        said("credit_reported", "截至 2023-05", now, 2_150_000),
    )


def campaigns() -> tuple[Campaign, ...]:
    return (
        Campaign(_CAMPAIGN, "数据共享攻坚行动", f"《数据共享攻坚行动任务清单》（{_LETTER}）", "D01", _D(2026, 3, 1),
                 _D(2027, 3, 31)),
    )  # fmt: skip


_WORK = (
    # name, duty, owner, partners, starts, due, state, progress, done on, note
    ("完成 45 个部门数据资源普查", "T6", "D01", (), (2026, 3, 2), (2026, 5, 29), "done", 100, (2026, 5, 27), "四张清单已公布"),
    ("编制并公布政务信息资源目录", "T6", "D01", (), (2026, 4, 1), (2026, 7, 31), "done", 100, (2026, 7, 30), ""),
    ("法人基础库三源融合", "T1", "D23", ("D30", "D10"), (2026, 5, 6), (2026, 9, 30), "done", 100, (2026, 9, 28), ""),
    ("电子证照存量归集", "T3", "D01", ("D23", "D06", "D07"), (2026, 5, 6), (2026, 10, 30), "doing", 92, None,
     "道路运输证照面文件尚缺"),
    ("“双公示”数据按日归集", "T4", "D02", ("D23", "D12"), (2026, 5, 18), (2026, 8, 31), "done", 100, (2026, 8, 25), ""),
    ("“一件事一次办”数据代替材料", "T3", "D01", ("D06", "D07", "D10"), (2026, 6, 1), (2026, 12, 31), "doing", 64, None, ""),
    ("城市运行“一网统管”专题库", "T4", "D27", ("D06", "D14", "D21"), (2026, 6, 15), (2026, 11, 13), "doing", 78, None,
     "视频点位坐标待补"),
    ("惠民服务移动端整合", "T2", "D01", ("D10", "D25"), (2026, 7, 1), (2027, 1, 29), "doing", 45, None, ""),
    ("机关协同办公数据互认", "T5", "D01", ("D09",), (2026, 7, 1), (2026, 12, 18), "doing", 58, None, ""),
    ("一屏统览指标可追问", "T6", "D01", ("D26",), (2026, 7, 15), (2026, 11, 30), "doing", 88, None, ""),
    ("政务云资源清理与回收", "T7", "D01", ("D05",), (2026, 8, 3), (2026, 11, 6), "doing", 70, None, "三个单位尚未确认"),
    ("县市区数据直达回流", "T8", "D01", ("C01", "C05", "C12"), (2026, 8, 17), (2027, 2, 26), "doing", 33, None, ""),
    ("企业上云年度任务", "T1", "D05", ("D17",), (2026, 3, 2), (2026, 12, 31), "doing", 81, None, ""),
    ("智慧文旅专题数据服务", "T1", "D18", (), (2026, 9, 1), (2027, 1, 15), "doing", 26, None, ""),
    ("一数一源：数源部门确认", "T8", "D01", (), (2026, 9, 7), (2026, 11, 20), "doing", 95, None, "余 3 个数据元"),
    ("数据分类分级全覆盖", "G6", "D01", (), (2026, 6, 1), (2026, 10, 16), "doing", 84, None, "县级单位进度不一"),
    ("首席数据官与联络员配备", "G1", "D01", (), (2026, 3, 2), (2026, 4, 30), "done", 100, (2026, 4, 28), ""),
    ("共享管理办法修订", "G2", "D08", ("D01",), (2026, 4, 15), (2026, 9, 15), "done", 100, (2026, 9, 11), ""),
    ("数据管理员培训两轮", "G3", "D01", ("D10",), (2026, 5, 11), (2026, 12, 11), "doing", 50, None, ""),
    ("运维经费与绩效挂钩", "G4", "D09", ("D01",), (2026, 6, 1), (2027, 1, 22), "doing", 40, None, ""),
    ("平台运营单位考核", "G5", "D01", (), (2026, 10, 8), (2027, 2, 12), "doing", 12, None, ""),
    ("密码应用改造与测评", "G6", "D01", (), (2026, 11, 2), (2027, 3, 26), "todo", 0, None, ""),
    ("智慧交通专题库", "T4", "D14", ("D06",), (2026, 12, 1), (2027, 3, 19), "todo", 0, None, ""),
    ("跨市数据互认试点", "T8", "D01", (), (2027, 1, 4), (2027, 3, 31), "todo", 0, None, ""),
)  # fmt: skip


def tasks() -> tuple[Task, ...]:
    return tuple(
        Task(_CAMPAIGN, f"{number:02d}", name, duty, owner, partners, _D(*starts), _D(*due), state, progress,
             _D(*done) if done else None, note)
        for number, (name, duty, owner, partners, starts, due, state, progress, done, note) in enumerate(_WORK, 1)
    )  # fmt: skip


def cloud_changes() -> tuple[CloudChange, ...]:
    """Opening stock, then expansions that come to 6144 cores and 800 TB, as the letter says 新增."""
    return (
        CloudChange("ZY-2021-00", "opening", _D(2021, 1, 1), 4096, 600, "云资源台账", "期初存量（样例）"),
        CloudChange("ZY-2021-01", "expansion", _D(2021, 9, 15), 2048, 200, _LETTER, "一期扩容"),
        CloudChange("ZY-2022-01", "expansion", _D(2022, 6, 30), 2048, 300, _LETTER, "二期扩容"),
        CloudChange("ZY-2023-01", "expansion", _D(2023, 3, 31), 2048, 300, _LETTER, "三期扩容"),
    )


_USES = (
    ("D01", "政务大数据平台", 2048, 320), ("D01", "一网通办", 768, 60), ("D06", "公安政务服务", 640, 90),
    ("D10", "社保业务", 512, 48), ("D23", "市场监管业务", 512, 40), ("D25", "医保业务", 448, 36),
    ("D27", "智慧城管", 384, 120), ("D14", "交通运行监测", 384, 110), ("D19", "全民健康信息平台", 512, 80),
    ("D11", "不动产登记", 320, 64), ("D03", "教育云", 256, 42), ("D12", "环境监测", 192, 26),
    ("D18", "智慧文旅", 160, 22), ("D21", "应急指挥", 256, 38), ("D09", "预算一体化", 192, 16),
    ("D07", "民政服务", 160, 14), ("D13", "工程建设审批", 160, 12), ("D16", "农业农村", 128, 10),
    ("C01", "双清区政务应用", 96, 8), ("C12", "邵东市政务应用", 96, 9),
)  # fmt: skip


def cloud_allocations() -> tuple[CloudAllocation, ...]:
    given = tuple(
        CloudAllocation(f"FP-{number:03d}", unit, purpose, cores, storage, "allocated",
                        _D(2022, 1 + number % 12, 3), _D(2022, 1 + number % 12, 18), None)
        for number, (unit, purpose, cores, storage) in enumerate(_USES, 1)
    )  # fmt: skip
    return (
        *given,
        CloudAllocation("FP-021", "D15", "水利旧系统", 128, 10, "reclaimed", _D(2021, 5, 6), _D(2021, 5, 20),
                        _D(2026, 8, 31)),
        CloudAllocation("FP-022", "D24", "林业“一张图”", 192, 30, "applied", _D(2026, 11, 9), None, None),
        CloudAllocation("FP-023", "D20", "退役军人服务", 64, 4, "applied", _D(2026, 11, 16), None, None),
    )  # fmt: skip


def projects() -> tuple[Project, ...]:
    """Both key projects of the letter by milestone; dates of future steps are ends of their stated periods."""

    def stone(no: int, name: str, period: str, due: dt.date, state: str, measure: str = "") -> Milestone:
        return Milestone(no, name, period, due, state, None, measure, _LETTER)

    y22, y23, y24 = _D(2022, 12, 31), _D(2023, 12, 31), _D(2024, 12, 31)
    return (
        Project(
            "DC", "绿色数据中心一期", "Green data centre, phase one", "D01", "市数字产业运营公司（样例）", "T7", 30_000,
            "一期投资 3 亿元；建成后提供 1500 个标准机架", 1,
            (
                stone(1, "注册", "已完成", y22, "done"), stone(2, "备案", "已完成", y22, "done"),
                stone(3, "用地拆迁", "已完成", y22, "done"), stone(4, "能评", "已完成", y22, "done"),
                stone(5, "土地摘牌", "2023", y23, "doing"), stone(6, "土建开工", "2023", y23, "todo"),
                stone(7, "主体工程", "2023", y23, "todo", "工程量 50%"),
                stone(8, "机架投用", "2024", y24, "todo", "标准机架 1500 个"),
            ),
        ),
        Project(
            "HQ", "运营商生产调度总部", "Operator's dispatch headquarters", "D05", "通信运营企业（样例）", "T7", None,
            "生产调度总部落户，带动数字产业集聚", 2,
            (
                stone(1, "详规设计", "已完成", y22, "done"), stone(2, "招标", "已完成", y22, "done"),
                stone(3, "开工建设", "2023", y23, "doing"),
            ),
        ),
    )  # fmt: skip
