"""行政区划: the 12 county-level units of 邵阳 (GB/T 2260), the development zone, and their 206 townships.

Township codes follow the usual numbering (001… 街道, 100… 镇, 200… 乡); beside 430502001 兴隆街道 they are
the sample's own.  Codes people carry in old identity numbers and records are in ``HISTORY``.
"""

from __future__ import annotations

from dataclasses import dataclass

CITY_CODE = "430500"


@dataclass(frozen=True)
class County:
    """``code`` is the department code C01…; ``division`` the six digits of GB/T 2260."""

    code: str
    name: str
    short: str
    division: str
    #: Registered people, in ten thousands; decides how large a county's tables are.
    people: int
    towns: tuple[str, ...]


def _county(code: str, name: str, short: str, division: str, people: int, towns: str) -> County:
    return County(code, name, short, division, people, tuple(towns.split()))


COUNTIES: tuple[County, ...] = (
    _county("C01", "双清区", "双清", "430502", 32, "兴隆街道 龙须塘街道 汽车站街道 小江湖街道 东风路街道 桥头街道 爱莲街道 石桥街道 高崇山镇 渡头桥镇 云水铺乡 火车站乡"),
    _county("C02", "大祥区", "大祥", "430503", 34, "中心路街道 红旗路街道 城北路街道 城西街道 翠园街道 百春园街道 城南街道 学院路街道 火车南站街道 檀江街道 雨溪街道 罗市镇 蔡锷乡 板桥乡"),
    _county("C03", "北塔区", "北塔", "430511", 12, "状元洲街道 新滩镇街道 田江街道 茶元头街道 陈家桥镇"),
    _county("C04", "新邵县", "新邵", "430522", 81, "酿溪镇 严塘镇 雀塘镇 陈家坊镇 潭溪镇 寸石镇 坪上镇 龙溪铺镇 巨口铺镇 新田铺镇 小塘镇 太芝庙镇 大新镇 潭府乡 迎光乡"),
    _county("C05", "邵阳县", "邵县", "430523", 102, "塘渡口镇 白仓镇 金称市镇 塘田市镇 黄亭市镇 长阳铺镇 岩口铺镇 九公桥镇 下花桥镇 谷洲镇 郦家坪镇 五峰铺镇 小溪市乡 长乐乡 蔡桥乡 河伯乡 黄荆乡 诸甲亭乡 罗城乡 金江乡 霞塘云乡 七里山场 河伯岭林场"),
    _county("C06", "隆回县", "隆回", "430524", 128, "花门街道 桃花坪街道 小沙江镇 金石桥镇 司门前镇 高平镇 六都寨镇 荷香桥镇 横板桥镇 周旺镇 滩头镇 三阁司镇 南岳庙镇 岩口镇 西洋江镇 北山镇 羊古坳镇 七江镇 鸭田镇 罗洪镇 虎形山瑶族乡 麻塘山乡 大水田乡 荷田乡 山界回族乡"),
    _county("C07", "洞口县", "洞口", "430525", 88, "文昌街道 雪峰街道 花古街道 江口镇 毓兰镇 高沙镇 竹市镇 石江镇 黄桥镇 山门镇 醪田镇 花园镇 岩山镇 水东镇 杨林镇 月溪镇 石柱镇 桐山乡 渣坪乡 古楼乡 长塘瑶族乡 罗溪瑶族乡 大屋瑶族乡 茶铺管理区"),
    _county("C08", "绥宁县", "绥宁", "430527", 38, "长铺镇 武阳镇 李熙桥镇 红岩镇 唐家坊镇 金屋塘镇 瓦屋塘镇 黄土矿镇 东山侗族乡 鹅公岭侗族苗族乡 寨市苗族侗族乡 乐安铺苗族侗族乡 关峡苗族乡 长铺子苗族侗族乡 河口苗族乡 麻塘苗族瑶族乡 水口乡"),
    _county("C09", "新宁县", "新宁", "430528", 64, "金石镇 水庙镇 崀山镇 黄龙镇 高桥镇 回龙寺镇 一渡水镇 马头桥镇 清江桥乡 安山乡 丰田乡 巡田乡 靖位乡 万塘乡 黄金瑶族乡 麻林瑶族乡"),
    _county("C10", "城步苗族自治县", "城步", "430529", 29, "儒林镇 茅坪镇 西岩镇 丹口镇 五团镇 长安营镇 白毛坪镇 蒋坊乡 威溪乡 兰蓉乡 汀坪乡 金紫乡"),
    _county("C11", "武冈市", "武冈", "430581", 83, "辕门口街道 迎春亭街道 法相岩街道 水西门街道 邓元泰镇 湾头桥镇 文坪镇 荆竹铺镇 稠树塘镇 邓家铺镇 龙溪镇 司马冲镇 秦桥镇 双牌镇 大甸镇 马坪乡 晏田乡 水浸坪乡"),
    _county("C12", "邵东市", "邵东", "430582", 131, "大禾塘街道 两市塘街道 宋家塘街道 牛马司镇 九龙岭镇 仙槎桥镇 火厂坪镇 佘田桥镇 灵官殿镇 砂石镇 流光岭镇 团山镇 黑田铺镇 简家陇镇 界岭镇 廉桥镇 流泽镇 魏家桥镇 野鸡坪镇 杨桥镇 水东江镇 堡面前乡 周官桥乡 斫曹乡 双凤乡"),
)  # fmt: skip

#: 邵阳经济技术开发区 has no GB/T 2260 code: 430599 is internal, and its rows carry the district it lies in.
DEVELOPMENT_ZONE = County(
    "C13", "邵阳经济技术开发区", "经开", "430599", 9, ("世纪大道片区", "白马片区", "宝庆工业片区")
)
ZONE_LIES_IN = "430502"

#: Codes of earlier years and the county-level unit they became (domain handbook §3.6).
HISTORY: dict[str, str] = {
    "432621": "430523", "432622": "430524", "432623": "430581", "432624": "430525",
    "432625": "430528", "432626": "430527", "432627": "430529", "430521": "430582", "430526": "430581",
}  # fmt: skip


def every_unit() -> tuple[County, ...]:
    """The 13 县市区 of the survey, the development zone last."""
    return (*COUNTIES, DEVELOPMENT_ZONE)


def township_codes(county: County) -> dict[str, str]:
    """Nine-digit code → township name."""
    codes: dict[str, str] = {}
    seen = {"0": 0, "1": 0, "2": 0}
    for town in county.towns:
        series = "0" if town.endswith(("街道", "片区")) else "1" if town.endswith("镇") else "2"
        seen[series] += 1
        number = seen[series] if series == "0" else int(series) * 100 + seen[series] - 1
        codes[f"{county.division}{number:03d}"] = town
    return codes
