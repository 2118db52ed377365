-- The limit of `python -m bench refine`: this one table refined by SQL written for it alone, as fast as we could write
-- it.  It knows which forms its columns come in and repairs no others; it keeps no receipt, no plan and no score.
-- One scan cleans, judges (bits of `m`, one per rule) and stages; two statements write what is accepted and what is
-- questioned.  Same accepted rows, same failing rows per rule as the product.  Frozen: change it only to make it faster.
-- :raw :accepted :issue are table names, :batch the batch.

-- step: stage
CREATE TEMP TABLE limit_stage AS
WITH cleaned AS (
  SELECT _row, no,
    CASE WHEN regexp_full_match(uscc, '[0-9A-Z]*') THEN uscc ELSE upper(replace(uscc, ' ', '')) END AS uscc,
    CASE WHEN starts_with(name, ' ') THEN trim(name) ELSE name END AS name,
    CASE WHEN contains(rep, '　') THEN replace(rep, '　', '') ELSE rep END AS rep,
    upper(rep_id) AS rep_id,
    CASE WHEN starts_with(mobile, '+86 ') THEN substr(mobile, 5) ELSE mobile END AS mobile,
    founded AS founded_given,
    CASE WHEN substr(founded, 5, 1) = '-' THEN TRY_CAST(founded AS DATE)
         ELSE coalesce(TRY_STRPTIME(founded, '%Y%m%d'), TRY_STRPTIME(founded, '%Y年%m月%d日'))::DATE END AS founded,
    capital AS capital_given,
    CASE WHEN ends_with(capital, '元') THEN left(capital, -1) ELSE capital END AS capital_text,
    TRY_CAST(CASE WHEN ends_with(capital, '元') THEN left(capital, -1) ELSE capital END AS DECIMAL(18,2)) AS capital,
    CASE WHEN ends_with(status, ' ') THEN trim(status) ELSE status END AS status,
    TRY_CAST('0x' || left(rep_id, 16) AS UBIGINT) AS h
  FROM :raw WHERE _batch = :batch
), paired AS (
  SELECT *, (h & 1085102592571150095::UBIGINT) + 2 * ((h >> 4) & 1085102592571150095::UBIGINT) AS y FROM cleaned
), judged AS (
  SELECT * EXCLUDE (h, y),
    CASE WHEN no IS NULL THEN 1 ELSE 0 END
    + CASE WHEN uscc IS NULL THEN 2
           WHEN NOT regexp_full_match(uscc, '[1-9ANY][0-9A-HJ-NPQRTUWXY][0-9]{6}[0-9A-HJ-NPQRTUWXY]{10}') THEN 4
           WHEN ((instr('0123456789ABCDEFGHJKLMNPQRTUWXY', substr(uscc, 1, 1)) - 1)*1 + (instr('0123456789ABCDEFGHJKLMNPQRTUWXY', substr(uscc, 2, 1)) - 1)*3 + (instr('0123456789ABCDEFGHJKLMNPQRTUWXY', substr(uscc, 3, 1)) - 1)*9 + (instr('0123456789ABCDEFGHJKLMNPQRTUWXY', substr(uscc, 4, 1)) - 1)*27 + (instr('0123456789ABCDEFGHJKLMNPQRTUWXY', substr(uscc, 5, 1)) - 1)*19 + (instr('0123456789ABCDEFGHJKLMNPQRTUWXY', substr(uscc, 6, 1)) - 1)*26 + (instr('0123456789ABCDEFGHJKLMNPQRTUWXY', substr(uscc, 7, 1)) - 1)*16 + (instr('0123456789ABCDEFGHJKLMNPQRTUWXY', substr(uscc, 8, 1)) - 1)*17 + (instr('0123456789ABCDEFGHJKLMNPQRTUWXY', substr(uscc, 9, 1)) - 1)*20 + (instr('0123456789ABCDEFGHJKLMNPQRTUWXY', substr(uscc, 10, 1)) - 1)*29 + (instr('0123456789ABCDEFGHJKLMNPQRTUWXY', substr(uscc, 11, 1)) - 1)*25 + (instr('0123456789ABCDEFGHJKLMNPQRTUWXY', substr(uscc, 12, 1)) - 1)*13 + (instr('0123456789ABCDEFGHJKLMNPQRTUWXY', substr(uscc, 13, 1)) - 1)*8 + (instr('0123456789ABCDEFGHJKLMNPQRTUWXY', substr(uscc, 14, 1)) - 1)*24 + (instr('0123456789ABCDEFGHJKLMNPQRTUWXY', substr(uscc, 15, 1)) - 1)*10 + (instr('0123456789ABCDEFGHJKLMNPQRTUWXY', substr(uscc, 16, 1)) - 1)*30 + (instr('0123456789ABCDEFGHJKLMNPQRTUWXY', substr(uscc, 17, 1)) - 1)*28 + (instr('0123456789ABCDEFGHJKLMNPQRTUWXY', substr(uscc, 18, 1)) - 1)*1) % 31 <> 0 THEN 8
           WHEN ((instr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', substr(uscc, 9, 1)) - 1)*3 + (instr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', substr(uscc, 10, 1)) - 1)*7 + (instr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', substr(uscc, 11, 1)) - 1)*9 + (instr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', substr(uscc, 12, 1)) - 1)*10 + (instr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', substr(uscc, 13, 1)) - 1)*5 + (instr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', substr(uscc, 14, 1)) - 1)*8 + (instr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', substr(uscc, 15, 1)) - 1)*4 + (instr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', substr(uscc, 16, 1)) - 1)*2 + instr('0123456789X', substr(uscc, 17, 1)) - 1) % 11 <> 0 THEN 16 ELSE 0 END
    + CASE WHEN name IS NULL THEN 32
           WHEN regexp_full_match(name, '\p{Han}{3,200}') AND NOT contains(name, '锟斤拷') THEN 0
           WHEN regexp_matches(name, '\x{FFFD}|锟斤拷|烫烫烫|[\x{E000}-\x{F8FF}]|\?\?\?|？？？') THEN 64
           WHEN length(name) NOT BETWEEN 3 AND 200 OR NOT regexp_matches(name, '\p{Han}{2}|[A-Za-z]{3}')
                OR regexp_matches(name, '[*#@$%^=<>{}|~;；!！?？]') THEN 128 ELSE 0 END
    + CASE WHEN rep IS NULL OR regexp_full_match(rep, '[\p{Han}·]{2,25}|[A-Za-z][A-Za-z .,·-]{1,79}') THEN 0
           WHEN regexp_matches(rep, '\x{FFFD}|锟斤拷|烫烫烫|[\x{E000}-\x{F8FF}]|\?\?\?|？？？') THEN 512 ELSE 256 END
    + CASE WHEN rep_id IS NULL THEN 0
           WHEN NOT regexp_full_match(rep_id, '[1-9][0-9]{16}[0-9X]') THEN 1024
           WHEN NOT coalesce(TRY_STRPTIME(substr(rep_id, 7, 8), '%Y%m%d') BETWEEN TIMESTAMP '1850-01-01' AND CURRENT_DATE, false) THEN 2048
           WHEN ((((y & 18374967954648269055::UBIGINT) % 255) + ((y & 1095216660480::UBIGINT) % 255) * 2 + ((y & 18446462598749617920::UBIGINT) % 255) * 4
                  + ((y & 4278190080::UBIGINT) % 255) * 8) * 4 + 2 * (ascii(substr(rep_id, 17, 1)) - 48)
                 + instr('0123456789X', substr(rep_id, 18, 1)) - 1) % 11 <> 1 THEN 4096 ELSE 0 END
    + CASE WHEN mobile IS NULL THEN 0
           WHEN NOT regexp_full_match(mobile, '1[3-9][0-9]{9}') THEN 8192
           WHEN regexp_matches(mobile, '0{8}$|1{8}$|2{8}$|3{8}$|4{8}$|5{8}$|6{8}$|7{8}$|8{8}$|9{8}$')
                OR mobile IN ('13800138000', '13900139000', '13812345678', '13912345678') THEN 16384 ELSE 0 END
    + CASE WHEN founded_given IS NULL THEN 0
           WHEN founded IS NULL THEN CASE WHEN regexp_full_match(founded_given, '[0-9]{4}-[0-9]{2}-[0-9]{2}') THEN 65536 ELSE 32768 END
           WHEN founded > CURRENT_DATE THEN 131072 ELSE 0 END
    + CASE WHEN capital_given IS NULL THEN 0 WHEN capital IS NULL THEN 262144
           WHEN length(capital_text) - instr(capital_text, '.') > 2 AND contains(capital_text, '.') THEN 524288
           WHEN capital < 0 THEN 1048576 ELSE 0 END
    + CASE WHEN status IS NULL OR status IN ('存续', '吊销', '注销', '迁出') THEN 0 ELSE 2097152 END AS m
  FROM paired
)
SELECT * FROM judged;

-- step: doubled
CREATE TEMP TABLE limit_doubled AS
SELECT _row FROM (
  SELECT _row, row_number() OVER (PARTITION BY no ORDER BY _row DESC) AS place FROM limit_stage
  WHERE m & 368231 = 0 AND hash(no) IN (SELECT hash(no) FROM limit_stage WHERE m & 368231 = 0 GROUP BY 1 HAVING count(*) > 1)
) WHERE place > 1;

-- step: accepted
INSERT INTO :accepted
SELECT no, uscc, name, rep, rep_id, mobile, founded, capital, status, :batch, _row FROM limit_stage
WHERE m & 368231 = 0 AND _row NOT IN (FROM limit_doubled);

-- step: issues
INSERT INTO :issue
SELECT :batch, _row, no, rule.item, rule.code, rule.severity, rule.given, rule.sentence FROM (
  SELECT _row, no, unnest(list_filter([
    {'bit': 1, 'item': 'no', 'code': 'refine.key_missing', 'severity': 'reject', 'given': no, 'sentence': 'no：refine.key_missing'},
    {'bit': 2, 'item': 'uscc', 'code': 'refine.required', 'severity': 'reject', 'given': uscc, 'sentence': 'uscc：refine.required'},
    {'bit': 4, 'item': 'uscc', 'code': 'uscc.form', 'severity': 'reject', 'given': uscc, 'sentence': 'uscc：uscc.form'},
    {'bit': 8, 'item': 'uscc', 'code': 'uscc.check_digit', 'severity': 'flag', 'given': uscc, 'sentence': 'uscc：uscc.check_digit'},
    {'bit': 16, 'item': 'uscc', 'code': 'uscc.org_part', 'severity': 'flag', 'given': uscc, 'sentence': 'uscc：uscc.org_part'},
    {'bit': 32, 'item': 'name', 'code': 'refine.required', 'severity': 'reject', 'given': name, 'sentence': 'name：refine.required'},
    {'bit': 64, 'item': 'name', 'code': 'legal_name.garbled', 'severity': 'reject', 'given': name, 'sentence': 'name：legal_name.garbled'},
    {'bit': 128, 'item': 'name', 'code': 'legal_name.form', 'severity': 'flag', 'given': name, 'sentence': 'name：legal_name.form'},
    {'bit': 256, 'item': 'rep', 'code': 'person_name.form', 'severity': 'flag', 'given': rep, 'sentence': 'rep：person_name.form'},
    {'bit': 512, 'item': 'rep', 'code': 'person_name.garbled', 'severity': 'reject', 'given': rep, 'sentence': 'rep：person_name.garbled'},
    {'bit': 1024, 'item': 'rep_id', 'code': 'person_id.form', 'severity': 'reject', 'given': rep_id, 'sentence': 'rep_id：person_id.form'},
    {'bit': 2048, 'item': 'rep_id', 'code': 'person_id.birth', 'severity': 'reject', 'given': rep_id, 'sentence': 'rep_id：person_id.birth'},
    {'bit': 4096, 'item': 'rep_id', 'code': 'person_id.check_digit', 'severity': 'reject', 'given': rep_id, 'sentence': 'rep_id：person_id.check_digit'},
    {'bit': 8192, 'item': 'mobile', 'code': 'mobile.form', 'severity': 'flag', 'given': mobile, 'sentence': 'mobile：mobile.form'},
    {'bit': 16384, 'item': 'mobile', 'code': 'mobile.placeholder', 'severity': 'flag', 'given': mobile, 'sentence': 'mobile：mobile.placeholder'},
    {'bit': 32768, 'item': 'founded', 'code': 'date.form', 'severity': 'reject', 'given': g_founded, 'sentence': 'founded：date.form'},
    {'bit': 65536, 'item': 'founded', 'code': 'date.impossible', 'severity': 'reject', 'given': g_founded, 'sentence': 'founded：date.impossible'},
    {'bit': 131072, 'item': 'founded', 'code': 'bench.future', 'severity': 'flag', 'given': g_founded, 'sentence': 'founded：bench.future'},
    {'bit': 262144, 'item': 'capital', 'code': 'amount.form', 'severity': 'reject', 'given': g_capital, 'sentence': 'capital：amount.form'},
    {'bit': 524288, 'item': 'capital', 'code': 'amount.scale', 'severity': 'flag', 'given': g_capital, 'sentence': 'capital：amount.scale'},
    {'bit': 1048576, 'item': 'capital', 'code': 'amount.negative', 'severity': 'flag', 'given': g_capital, 'sentence': 'capital：amount.negative'},
    {'bit': 2097152, 'item': 'status', 'code': 'refine.not_in_list', 'severity': 'flag', 'given': status, 'sentence': 'status：refine.not_in_list'}
  ], lambda r: m & r.bit <> 0)) AS rule FROM (
    SELECT *, founded_given AS g_founded, capital_given AS g_capital FROM limit_stage WHERE m <> 0
  )
)
UNION ALL
SELECT :batch, _row, no, 'no', 'refine.duplicate_key', 'flag', no, '主键重复，保留最后一行'
FROM limit_stage WHERE _row IN (FROM limit_doubled);
