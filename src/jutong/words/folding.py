"""Folding: texts that a person reads as the same become the same.

Width and compatibility forms (NFKC), letter case, runs of blanks, and the variants below.  It is for comparing
and searching only; what is stored and shown stays as it was written.
"""

from __future__ import annotations

import re
import unicodedata

#: Traditional and variant characters met in names and addresses, each with the form of 通用规范汉字表 (2013).
#: Only pairs whose simple form stands for nothing else here; this is no conversion of whole texts.
_PAIRS = (
    "臺台灣湾國国華华東东車车長长門门開开關关馬马鳥鸟魚鱼龍龙龜龟廣广廠厂廳厅麗丽衛卫術术業业專专個个豐丰義义習习鄉乡書书買买亂乱爭争"
    "於于雲云亞亚產产親亲從从倉仓儀仪們们價价眾众優优會会傘伞偉伟傳传傷伤倫伦僞伪體体餘余來来侶侣儉俭債债傾倾償偿儲储兒儿黨党蘭兰"
    "興兴養养獸兽內内岡冈冊册寫写軍军農农馮冯沖冲決决況况凍冻淨净準准減减鳳凤憑凭擊击鑿凿創创劉刘則则剛刚刪删別别劑剂劍剑劇剧勸劝"
    "辦办務务動动勵励勁劲勞劳勢势勻匀區区醫医協协單单賣卖盧卢鹵卤卻却歷历厲厉壓压廈厦縣县參参雙双發发變变敘叙葉叶號号嘆叹嚇吓嗎吗"
    "啟启吳吴員员聽听響响啞哑喚唤團团園园圍围圖图圓圆聖圣場场壞坏塊块堅坚壇坛墳坟墜坠壟垄壘垒墊垫塵尘牆墙壯壮聲声殼壳處处備备複复"
    "夠够頭头誇夸奪夺奮奋獎奖妝妆婦妇媽妈嬌娇孫孙學学寶宝實实寵宠審审憲宪宮宫寬宽賓宾對对尋寻導导壽寿將将爾尔嘗尝層层屬属歲岁豈岂"
    "嶼屿島岛嶺岭峽峡幣币師师帳帐簾帘幟帜帶带幫帮慶庆莊庄應应廟庙龐庞廢废張张彌弥彎弯彈弹強强歸归當当錄录徹彻徑径禦御憶忆懷怀態态"
    "總总戀恋懇恳惡恶惱恼愛爱戶户撲扑執执擴扩掃扫揚扬擾扰撫抚拋抛搶抢護护報报擔担擬拟攏拢揀拣擁拥攔拦擇择掛挂揮挥損损換换據据敵敌數数"
    "齋斋斬斩斷断無无舊旧時时曠旷曉晓暈晕術术機机殺杀雜杂權权條条來来楊杨極极構构樞枢棗枣櫃柜檢检樓楼樹树橋桥樁桩樣样檔档夢梦欄栏標标"
    "棧栈棟栋歡欢歐欧殘残毀毁畢毕氣气漢汉湯汤溝沟沒没滄沧滬沪濟济瀏浏渾浑濃浓漲涨淚泪潔洁灑洒澤泽涇泾濱滨灘滩潤润澗涧淵渊漁渔滿满"
    "潛潜燈灯靈灵災灾爐炉點点煉炼爛烂煙烟熱热愛爱爺爷牽牵獨独獅狮獲获環环現现瑪玛瓊琼電电畫画暢畅療疗瘋疯癢痒皺皱盜盗鹽盐監监蓋盖盤盘"
    "眞真確确礎础礦矿碼码磚砖禮礼禍祸離离種种稱称積积穩稳窮穷竊窃競竞筆笔築筑簽签簡简糧粮糾纠紅红約约級级紀纪純纯納纳紙纸紛纷線线練练"
    "組组細细織织終终經经結结繞绕給给絡络統统繼继績绩續续維维綠绿編编緣缘網网羅罗職职聯联聰聪腦脑臟脏腳脚膽胆勝胜艦舰藝艺節节蘇苏莖茎"
    "薦荐藥药蕭萧薩萨蔣蒋藍蓝虛虚蟲虫蠶蚕蠻蛮補补裝装見见觀观規规視视覽览覺觉計计訂订認认討讨讓让訓训議议記记講讲許许論论設设訪访證证"
    "評评識识訴诉診诊詞词譯译試试詩诗誠诚話话詢询該该詳详語语誤误説说請请諾诺課课調调談谈謀谋謝谢譚谭貝贝財财責责賢贤敗败賬账貨货質质"
    "貧贫購购貯贮貴贵貸贷貿贸費费賀贺資资賞赏賠赔賴赖贈赠趙赵趕赶躍跃軌轨軒轩轉转輪轮軟软輕轻載载較较輔辅輛辆輝辉輸输轄辖遼辽達达遷迁"
    "過过邁迈運运還还這这進进遠远違违連连遲迟適适選选遞递邏逻遺遗鄧邓鄭郑鄰邻醬酱釋释裏里鑒鉴針针釘钉鋼钢錢钱鐵铁銀银銅铜鋒锋鎮镇鏡镜"
    "閃闪閉闭問问間间閣阁閱阅隊队陽阳陰阴陣阵階阶際际陸陆陳陈險险隨随隱隐難难雛雏霧雾靜静韋韦韓韩頁页頂顶項项順顺須须預预領领頻频題题"
    "顏颜願愿風风飛飞飯饭飲饮飼饲餅饼館馆駐驻駕驾騰腾驗验驛驿鮮鲜鴨鸭鵝鹅鶴鹤鷹鹰麥麦黃黄齊齐齒齿峯峰羣群囯国氹凼祕秘鉅巨"
)
_VARIANTS = {ord(old): new for old, new in zip(_PAIRS[::2], _PAIRS[1::2], strict=True)}

_BLANKS = re.compile(r"\s+")
_DOTS = re.compile("[•・∙‧⋅]")


def folded(text: str) -> str:
    """The text for comparing: one width, one case, simple characters, single blanks."""
    wide = unicodedata.normalize("NFKC", text).casefold().translate(_VARIANTS)
    return _BLANKS.sub(" ", _DOTS.sub("·", wide)).strip()
