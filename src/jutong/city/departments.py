"""机构: the 45 municipal departments and 13 county units of the survey (邵行审函〔2023〕7号), as rows."""

from __future__ import annotations

from functools import cache

from jutong.city.codes import organ_code
from jutong.city.divisions import CITY_CODE, every_unit
from jutong.city.rows import Department

#: (name, short name); the order gives the codes D01 … D45. D01 is the 主管部门.
_NAMES: tuple[tuple[str, str], ...] = (
    ("市行政审批服务局", "行政审批局"),
    ("市发展和改革委员会", "发改委"),
    ("市教育局", "教育局"),
    ("市科学技术局", "科技局"),
    ("市工业和信息化局", "工信局"),
    ("市公安局", "公安局"),
    ("市民政局", "民政局"),
    ("市司法局", "司法局"),
    ("市财政局", "财政局"),
    ("市人力资源和社会保障局", "人社局"),
    ("市自然资源和规划局", "自然资源局"),
    ("市生态环境局", "生态环境局"),
    ("市住房和城乡建设局", "住建局"),
    ("市交通运输局", "交通局"),
    ("市水利局", "水利局"),
    ("市农业农村局", "农业农村局"),
    ("市商务局", "商务局"),
    ("市文化旅游广电体育局", "文旅广体局"),
    ("市卫生健康委员会", "卫健委"),
    ("市退役军人事务局", "退役军人局"),
    ("市应急管理局", "应急局"),
    ("市审计局", "审计局"),
    ("市市场监督管理局", "市场监管局"),
    ("市林业局", "林业局"),
    ("市医疗保障局", "医保局"),
    ("市统计局", "统计局"),
    ("市城市管理和综合执法局", "城管局"),
    ("市信访局", "信访局"),
    ("市人民政府国有资产监督管理委员会", "国资委"),
    ("国家税务总局邵阳市税务局", "税务局"),
    ("市气象局", "气象局"),
    ("市烟草专卖局", "烟草局"),
    ("市残疾人联合会", "残联"),
    ("共青团邵阳市委", "团市委"),
    ("市乡村振兴局", "乡村振兴局"),
    ("市人民政府金融工作办公室", "金融办"),
    ("市机关事务服务中心", "机关事务中心"),
    ("市住房公积金管理中心", "公积金中心"),
    ("市民族宗教事务局", "民宗局"),
    ("市委机构编制委员会办公室", "编办"),
    ("市邮政管理局", "邮政管理局"),
    ("市供销合作联合社", "供销社"),
    ("市妇女联合会", "妇联"),
    ("市总工会", "总工会"),
    ("市消防救援支队", "消防支队"),
)

STEWARD = "D01"


@cache
def departments() -> tuple[Department, ...]:
    """All 58: D01…D45, then C01…C13."""
    city = tuple(
        Department(
            code=f"D{number:02d}",
            name=f"邵阳{name}" if name.startswith("市") else name,
            short_name=short,
            kind="department",
            uscc=organ_code(CITY_CODE, number),
            division_code=CITY_CODE,
            parent_code=None if number == 1 else STEWARD,
            steward=number == 1,
            sort=number,
        )
        for number, (name, short) in enumerate(_NAMES, start=1)
    )
    counties = tuple(
        Department(
            code=unit.code,
            name=f"{unit.name}{'管理委员会' if unit.code == 'C13' else '人民政府'}",
            short_name=unit.name,
            kind="county",
            uscc=organ_code(unit.division, 100 + number),
            division_code=unit.division,
            parent_code=STEWARD,
            steward=False,
            sort=100 + number,
        )
        for number, unit in enumerate(every_unit(), start=1)
    )
    return city + counties


@cache
def department(code: str) -> Department:
    return next(row for row in departments() if row.code == code)
