"""The ledger's pages: the log, one exchange and its proof, a receipt looked up, the whole book checked."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

import jutong_verify
from jutong.database import named_sql
from jutong.ledger import Damaged, Exchange, Ledger, check_heads
from jutong.people import visible_to
from jutong.portal import saying
from jutong.portal.names import department_names
from jutong.portal.pages.ledger.proving import Level, base64_of, prove
from jutong.portal.paging import Pager
from jutong.portal.routes import Act, Done, Download, NoQuestion, Page
from jutong.portal.visits import Visit
from jutong.terms import BadInput, NotFound
from jutong_verify import check_consistency, leaf_hash, sha256

_SQL = named_sql(__file__)

#: event → what a line of the log says.
EVENTS = {
    "share:service:answer": "接口应答",
    "share:service:refuse": "接口拒绝",
    "share:delivery:begin": "库表开始",
    "share:delivery:chunk": "库表送达",
    "share:delivery:end": "库表完成",
    "share:delivery:confirm": "对方确认",
    "share:delivery:refuse": "库表拒绝",
    "share:extract:download": "文件下载",
    "share:service:describe": "接口说明",
    "share:subject:lookup": "查询谁看过",
    "ledger:stream:stop": "存证流中断",
}
OUTCOMES = {"answered": ("ok", "给出"), "refused": ("over", "拒绝"), "failed": ("near", "失败")}


@dataclass(frozen=True)
class LogQuestion:
    application: Annotated[str, Field(title="应用")] = ""
    entry: Annotated[str, Field(title="目录代码")] = ""
    grant: Annotated[str, Field(title="授权")] = ""
    resource: Annotated[str, Field(title="接口或交换")] = ""
    outcome: Annotated[Literal["", "answered", "refused", "failed"], Field(title="结果")] = ""
    day: Annotated[dt.date | None, Field(title="日期")] = None
    page: Annotated[int, Field(ge=1)] = 1


@dataclass(frozen=True)
class LogRow:
    index: int
    at: dt.datetime
    event: str
    consumer: str
    application: str
    provider: str
    entry: str
    entry_id: int | None
    resource: str
    grant_id: str
    rows: int
    items: int
    state: str
    outcome: str
    code: str


@dataclass(frozen=True)
class CheckpointView:
    origin: str
    size: int
    root: str
    note: str
    #: What it is signed by: Ed25519, and SM2 where that was begun.
    signers: tuple[str, ...]
    #: What the control database remembers, and what it no longer agrees with.
    kept_size: int
    kept_at: dt.datetime | None
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Log:
    """The newest checkpoint and the exchanges this party may see."""

    asked: LogQuestion
    checkpoint: CheckpointView
    rows: tuple[LogRow, ...]
    pager: Pager
    #: More rows than were counted.
    more: bool


@dataclass(frozen=True)
class Fact:
    """One exchange in words: who, what, on what ground."""

    index: int
    at: dt.datetime
    event: str
    consumer: str
    application: str
    provider: str
    entry: str
    entry_id: int | None
    resource: str
    grant_id: str
    until: dt.datetime | None
    purpose: str
    rows: int
    items: tuple[str, ...]
    state: str
    outcome: str
    code: str
    content: str
    request_id: str
    subjects: str


@dataclass(frozen=True)
class Proved:
    """One exchange, its proof and every number needed to do the sum again."""

    fact: Fact
    size: int
    entry: str
    leaf: str
    root: str
    levels: tuple[Level, ...]
    checkpoint: str
    #: As ``CheckpointView.signers``.
    signers: tuple[str, ...]
    #: An older checkpoint kept apart, and whether today's log begins with it.
    kept_size: int
    kept_holds: bool | None
    #: Set when the visitor brought a receipt that is this record's.
    receipt: bool


@dataclass(frozen=True)
class ReceiptForm:
    receipt: Annotated[str, Field(title="回执", max_length=20_000)] = ""


@dataclass(frozen=True)
class NoForm:
    """A button alone."""


@dataclass(frozen=True)
class ProofQuestion:
    receipt: bool = False


def log(visit: Visit, asked: LogQuestion) -> Log:
    """Exchanges, newest first, under the newest checkpoint."""
    values = {
        "origin": visit.rooms.ledger.origin,
        "application": asked.application or None,
        "entry": asked.entry or None,
        "grant": asked.grant or None,
        "resource": asked.resource or None,
        "outcome": asked.outcome or None,
        "day": asked.day,
    }
    rows: list[Any] = []
    total = 0
    if visit.can("exchange:read"):
        visible = visible_to(visit.who, "exchange", "x")
        found = visit.connection.execute(_SQL.count_exchanges.format(visible=visible), values).fetchone()
        total = found["total"] if found else 0
        pager = Pager.of("/ledger", asked, total, 30)
        query = _SQL.exchanges.format(visible=visible)
        rows = visit.connection.execute(
            query, {**values, "limit": pager.size, "offset": pager.offset}
        ).fetchall()
    names = department_names(visit.connection)
    return Log(
        asked=asked,
        checkpoint=_checkpoint(visit),
        rows=tuple(_row(row, names) for row in rows),
        pager=Pager.of("/ledger", asked, total, 30),
        more=total >= 10_000,
    )


def _row(row: dict[str, Any], names: dict[str, str]) -> LogRow:
    state, outcome = OUTCOMES.get(row["outcome"], ("idle", row["outcome"]))
    return LogRow(
        index=row["log_index"],
        at=row["at"],
        event=EVENTS.get(row["event"], row["event"]),
        consumer=names.get(row["consumer"], row["consumer"]),
        application=row["application_name"] or row["application"],
        provider=names.get(row["provider"], row["provider"]),
        entry=row["entry_name"] or row["entry"],
        entry_id=row["entry_id"],
        resource=row["resource"],
        grant_id=row["grant_id"],
        rows=row["rows"],
        items=row["items"],
        state=state,
        outcome=outcome,
        code=row["code"],
    )


def _checkpoint(visit: Visit) -> CheckpointView:
    ledger = visit.rooms.ledger
    checkpoint = ledger.checkpoint()
    kept = visit.connection.execute(_SQL.kept_head, {"origin": ledger.origin}).fetchone()
    problems = check_heads(visit.connection, ledger)
    return CheckpointView(
        origin=ledger.origin,
        size=checkpoint.size,
        root=checkpoint.root.hex(),
        note=ledger.note(),
        signers=_signers(ledger, ledger.note()),
        kept_size=kept["size"] if kept else 0,
        kept_at=kept["seen_at"] if kept else None,
        problems=tuple(str(problem) for problem in problems),
    )


def exchange(visit: Visit, asked: ProofQuestion) -> Proved:
    """One exchange with its proof."""
    index = visit.path["index"]
    ledger = visit.rooms.ledger
    fact, entry = _fact(visit, index)
    note = ledger.note()
    checkpoint = jutong_verify.Checkpoint.open(note, ledger.vkey)
    proof, levels = prove(ledger.folder, index, checkpoint.size, note)
    leaf = leaf_hash(sha256, entry)
    proof.check(leaf, ledger.vkey)
    kept_size, kept_holds = _kept(visit, checkpoint.size)
    return Proved(
        fact=fact,
        size=checkpoint.size,
        entry=entry.decode(),
        leaf=leaf.hex(),
        root=checkpoint.root.hex(),
        levels=levels,
        checkpoint=note,
        signers=_signers(ledger, note),
        kept_size=kept_size,
        kept_holds=kept_holds,
        receipt=asked.receipt,
    )


def _signers(ledger: Ledger, note: str) -> tuple[str, ...]:
    """The algorithms of our signatures under the note, each checked.  Raises Damaged."""
    jutong_verify.open_note(note, ledger.vkey)
    if ledger.sm2_vkey is None:
        return ("Ed25519",)
    ledger.sm2_vkey.check(note)
    return ("Ed25519", "SM2")


def _kept(visit: Visit, size: int) -> tuple[int, bool | None]:
    """Is the checkpoint the control database remembers a prefix of today's log? None: it remembers none."""
    ledger = visit.rooms.ledger
    kept = visit.connection.execute(_SQL.kept_head, {"origin": ledger.origin}).fetchone()
    if kept is None or not 0 < kept["size"] <= size:
        return (kept["size"], False) if kept and kept["size"] > size else (0, None)
    try:
        old = jutong_verify.from_base64(kept["root"])
        newest = ledger.root_at(size)
        check_consistency(sha256, (kept["size"], old), (size, newest), ledger.consistency(kept["size"], size))
    except Damaged:
        return kept["size"], False
    return kept["size"], True


def _fact(visit: Visit, index: int) -> tuple[Fact, bytes]:
    """The record at this place of the log; one this party may not see is not there."""
    if index < 0 or index >= visit.rooms.ledger.checkpoint().size:
        raise NotFound("portal.no_exchange", f"账本没有第 {index} 条")
    entry = visit.rooms.ledger.entry(index)
    one = Exchange.from_entry(entry)
    visit.must("exchange:read", one)
    keys = {"application": one.application, "entry": one.entry, "grant": one.grant}
    row = visit.connection.execute(_SQL.names, keys).fetchone() or {}
    labels = {
        item["name"]: item["label"]
        for item in visit.connection.execute(_SQL.item_labels, {"entry": one.entry})
    }
    names = department_names(visit.connection)
    state, outcome = OUTCOMES.get(one.outcome, ("idle", one.outcome))
    fact = Fact(
        index=index,
        at=one.at,
        event=EVENTS.get(one.event, one.event),
        consumer=names.get(one.consumer, one.consumer),
        application=row.get("application") or one.application,
        provider=names.get(one.provider, one.provider),
        entry=row.get("entry") or one.entry,
        entry_id=row.get("entry_id"),
        resource=one.resource,
        grant_id=one.grant,
        until=row.get("until"),
        purpose=one.purpose,
        rows=one.rows,
        items=tuple(labels.get(name, name) for name in one.items),
        state=state,
        outcome=outcome,
        code=one.code,
        content=one.content,
        request_id=one.request_id,
        subjects=one.subjects,
    )
    return fact, entry


def proof_pack(visit: Visit, _: NoQuestion) -> Download:
    """The record, its proof, the key and the verifier in one archive, for a machine without a network."""
    index = visit.path["index"]
    ledger = visit.rooms.ledger
    entry = _fact(visit, index)[1]
    note = ledger.note()
    proof, _levels = prove(ledger.folder, index, jutong_verify.Checkpoint.open(note, ledger.vkey).size, note)
    leaf = base64_of(leaf_hash(sha256, entry))
    told = _READ_ME.format(index=index, leaf=leaf, origin=ledger.origin, made=saying.stamp(visit.now))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("entry.json", entry)
        archive.writestr("entry.tlog-proof", str(proof))
        archive.writestr("vkey", f"{ledger.vkey}\n")
        if ledger.sm2_vkey is not None:
            archive.writestr("vkey.sm2", f"{ledger.sm2_vkey}\n")
        archive.writestr("jutong_verify.py", Path(jutong_verify.__file__).read_bytes())
        archive.writestr("读我.txt", told)
    return Download(f"交换{index}-证明包.zip", "application/zip", packed.getvalue())


_READ_ME = """第 {index} 条交换记录的证明包，{made} 由 {origin} 生成。

entry.json        账本里的原文，逐字节
entry.tlog-proof  C2SP tlog-proof：这条在账本里的位置、合并路径和签名的检查点
vkey              账本的公钥；请与您早先从平台另行取得的一份核对
jutong_verify.py  单文件核验程序，只需 Python 3.11 与 cryptography，不联网

叶子哈希（原文前加一个零字节后的 SHA-256，base64）：{leaf}

自己核验：
    python3 - <<'END'
    import jutong_verify as v, pathlib as p
    leaf = v.leaf_hash(v.sha256, p.Path("entry.json").read_bytes())
    proof = v.Proof.parse(p.Path("entry.tlog-proof").read_text())
    key = v.VerifierKey.parse(p.Path("vkey").read_text().strip())
    print("一致，检查点共", proof.check(leaf, key).size, "条")
    END
"""


def note(visit: Visit, _: NoQuestion) -> Download:
    """The newest checkpoint as a signed note, for witnesses."""
    return Download("checkpoint.txt", "text/plain; charset=utf-8", visit.rooms.ledger.note().encode())


def look_up(visit: Visit, form: ReceiptForm) -> Done:
    """Compare a receipt byte for byte with the ledger."""
    upload = visit.uploads.get("file")
    text = form.receipt.strip() or (upload.content.decode("utf-8", "replace").strip() if upload else "")
    if not text:
        raise BadInput("portal.no_receipt", "请粘贴回执，或选择回执文件")
    token = next((word for word in text.split() if word.startswith("jt1~")), text)
    try:
        proof = visit.rooms.ledger.prove(token)
    except Damaged as problem:
        raise BadInput("portal.bad_receipt", f"这不是本平台的回执，或已被改动：{problem}") from None
    _fact(visit, proof.index)
    return Done(
        f"/ledger/{proof.index}?receipt=1", visit.tell("回执与账本一致"), value={"index": proof.index}
    )


def check(visit: Visit, _: NoForm) -> Done:
    """Check every byte of the ledger with the offline verifier."""
    report = visit.rooms.ledger.verify()
    problems = [str(problem) for problem in report.problems]
    if not report.ok:
        raise BadInput("portal.ledger_damaged", f"账本有 {len(problems)} 处不符：{problems[0]}")
    size = visit.rooms.ledger.checkpoint().size
    return Done(
        "/ledger",
        visit.tell("账本逐字节核对完毕，{n} 条全部一致", n=saying.number(size)),
        value={"ok": True, "size": size},
    )


PAGES = (
    Page("ledger", "/ledger", log, may="ledger:read", stop="share", tab="ledger", asks=LogQuestion),
    Page("ledger.note", "/ledger/checkpoint", note, may="ledger:read"),
    Page(
        "ledger.exchange",
        "/ledger/{index:int}",
        exchange,
        may="exchange:read",
        stop="share",
        tab="ledger",
        asks=ProofQuestion,
    ),
    Page("ledger.proof", "/ledger/{index:int}/proof", proof_pack, may="exchange:read"),
)
ACTS = (
    Act("ledger.receipt", "/ledger/receipt", look_up, ReceiptForm, may="exchange:read", shown_on="/ledger"),
    Act("ledger.check", "/ledger/check", check, NoForm, may="ledger:verify", shown_on="/ledger"),
)
