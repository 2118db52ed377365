"""Companies to refine, made in SQL from a row number: 9 items, one value in forty wrong or in another form.

Every wrong value breaks exactly one rule, so a rule's failing rows can be counted by any tool.
"""

from __future__ import annotations

from jutong.elements.checksum import weighted_sum

#: name, label, type, element, required, values
ITEMS = (
    {"name": "no", "label": "登记编号", "element": "code"},
    {"name": "uscc", "label": "统一社会信用代码", "element": "uscc", "required": True},
    {"name": "name", "label": "名称", "element": "legal_name", "required": True},
    {"name": "rep", "label": "法定代表人", "element": "person_name"},
    {"name": "rep_id", "label": "证件号码", "element": "person_id"},
    {"name": "mobile", "label": "联系电话", "element": "mobile"},
    {"name": "founded", "label": "成立日期", "type": "date", "element": "date"},
    {"name": "capital", "label": "注册资本", "type": "decimal(18,2)", "element": "amount"},
    {"name": "status", "label": "登记状态", "element": "code", "values": ["存续", "吊销", "注销", "迁出"]},
)

_USCC = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_ORG = (3, 7, 9, 10, 5, 8, 4, 2)
_CODE = tuple(pow(3, place, 31) for place in range(17))
_PERSON = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张"
_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华"
_TRADES = "'宏达','兴隆','瑞丰','金源','天成','永昌','华泰','德信'"


def _pick(text: str, luck: str) -> str:
    return f"substr('{text}', 1 + ({luck} % {len(text)})::INT, 1)"


def rows_sql(first: int, count: int) -> str:
    """SELECT of text columns ``_row`` and the nine items, for rows ``first`` … ``first + count − 1``."""
    made = f"""
      WITH numbers AS (
        SELECT i, hash(i) AS h, hash(i + 1000000007) AS k FROM range({first}, {first + count}) AS t(i)
      ), parts AS (
        SELECT *, lpad(i::VARCHAR, 8, '0') AS o8,
          '432621' || (1950 + (h % 50)::INT)::VARCHAR || lpad((1 + (h >> 8) % 12)::VARCHAR, 2, '0')
            || lpad((1 + (h >> 16) % 28)::VARCHAR, 2, '0') || lpad(((h >> 24) % 999)::VARCHAR, 3, '0') AS p17,
          DATE '1990-01-01' + ((h >> 12) % 12000)::INT AS d,
          (1000 + (k >> 3) % 900000000)::BIGINT AS cents
        FROM numbers
      ), bodies AS (
        SELECT *, '91430502' || o8 || substr('0X987654321', ({weighted_sum("o8", _ORG)} % 11)::INT + 1, 1) AS u17 FROM parts
      ), clean AS (
        SELECT i, k, d,
          u17 || substr('{_USCC}', ((31 - {weighted_sum("u17", _CODE, _USCC)} % 31) % 31)::INT + 1, 1) AS uscc,
          '邵阳市' || [{_TRADES}][1 + (h % 8)::INT] || {_pick(_GIVEN, "(h >> 4)")} || {_pick(_SURNAMES, "(h >> 9)")} || '商贸有限公司' AS name,
          {_pick(_SURNAMES, "(h >> 14)")} || {_pick(_GIVEN, "(h >> 19)")} || {_pick(_GIVEN, "(h >> 23)")} AS rep,
          p17 || substr('10X98765432', ({weighted_sum("p17", _PERSON)} % 11)::INT + 1, 1) AS rep_id,
          '139' || (10000001 + (h >> 5) % 1110000)::VARCHAR AS mobile,
          (cents // 100)::VARCHAR || '.' || lpad((cents % 100)::VARCHAR, 2, '0') AS capital,
          ['存续','存续','存续','吊销','注销','迁出'][1 + ((h >> 7) % 6)::INT] AS status
        FROM bodies
      )"""
    wrong = "(k % 1000)"
    return f"""{made}
      SELECT i + 1 AS _row,
        CASE {wrong} WHEN 0 THEN NULL WHEN 1 THEN 'N' || lpad((i // 2)::VARCHAR, 9, '0') ELSE 'N' || lpad(i::VARCHAR, 9, '0') END AS no,
        CASE {wrong} WHEN 10 THEN NULL WHEN 11 THEN left(uscc, 17) WHEN 12 THEN left(uscc, 17) || CASE right(uscc, 1) WHEN '0' THEN '1' ELSE '0' END
          WHEN 13 THEN left(uscc, 3) || 'O' || substr(uscc, 5) WHEN 14 THEN lower(uscc) WHEN 15 THEN left(uscc, 4) || ' ' || substr(uscc, 5) ELSE uscc END AS uscc,
        CASE {wrong} WHEN 20 THEN NULL WHEN 21 THEN '邵阳市**' || right(name, 6) WHEN 22 THEN '锟斤拷公司' WHEN 23 THEN ' ' || name ELSE name END AS name,
        CASE {wrong} WHEN 30 THEN rep || '1' WHEN 31 THEN rep || '�' WHEN 32 THEN left(rep, 1) || '　' || substr(rep, 2) ELSE rep END AS rep,
        CASE {wrong} WHEN 40 THEN left(rep_id, 17) WHEN 41 THEN left(rep_id, 17) || CASE right(rep_id, 1) WHEN '0' THEN '1' ELSE '0' END
          WHEN 42 THEN left(rep_id, 10) || '13' || substr(rep_id, 13) WHEN 43 THEN lower(rep_id) ELSE rep_id END AS rep_id,
        CASE {wrong} WHEN 50 THEN left(mobile, 10) WHEN 51 THEN '13800138000' WHEN 52 THEN '+86 ' || mobile WHEN 53 THEN NULL ELSE mobile END AS mobile,
        CASE {wrong} WHEN 60 THEN '以批文为准' WHEN 61 THEN strftime(d, '%Y') || '-02-30' WHEN 62 THEN '2090-01-01'
          ELSE CASE WHEN k % 100 = 63 THEN strftime(d, '%Y%m%d') WHEN k % 100 = 64 THEN strftime(d, '%Y年%-m月%-d日') ELSE strftime(d, '%Y-%m-%d') END END AS founded,
        CASE {wrong} WHEN 70 THEN '面议' WHEN 71 THEN '-' || capital WHEN 72 THEN capital || '5' WHEN 73 THEN capital || '元' ELSE capital END AS capital,
        CASE {wrong} WHEN 80 THEN '开业' WHEN 81 THEN status || ' ' ELSE status END AS status
      FROM clean"""  # fmt: skip
