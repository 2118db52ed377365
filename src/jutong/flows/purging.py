"""依法清除: what must be gone for good is gone, from every copy the platform keeps, and a certificate says so (UC-STORE-02).

1. One person applies: which rows of a dataset, or which subject; the law it rests on.  What is sought is sealed.
2. The platform looks how many rows that is; another person confirms.
3. Rows leave the archive and, in one lake commit, raw, standard, issue and topic zones.  What they were is noted before.
4. Registers are fused anew, models run, receivers are brought up to the lake: the change feed tells them of deletes.
5. 3 and 4 again, until nothing is found: a batch may have landed meanwhile.
6. Files that still hold the rows are written anew; snapshots that need the old ones are forgotten; the files go.
7. Delivered files go, and what cases and notices say; gate replicas older than this are built anew.
8. The certificate is signed and recorded in the ledger; what was sought is wiped.

Every step may be done again: a process killed at any instant leaves a confirmed purge the next one goes on with.
A legal hold refuses 3 and 6.  Nothing here says values: counts, digests, names of datasets, batches and files.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Self

from psycopg import Connection
from psycopg import sql as pg
from psycopg.types.json import Jsonb

from jutong.casework import notify
from jutong.database import named_sql
from jutong.elements import ELEMENTS
from jutong.flows.jobs import ask
from jutong.flows.platform import Platform
from jutong.flows.stages import Progress, deliver_all, fuse_all, quietly, run_models
from jutong.keys import KeyProvider
from jutong.ledger import Exchange
from jutong.people import log
from jutong.store import SHORTEST, AlreadyCommitted, Part, Sought, Struck, Writer, fold
from jutong.terms import BadInput, Conflict, Denied, JutongError, NotFound

sql = named_sql(__file__, "purging.sql")

_KEY, _CONTEXT = "subjects", "purge"
SIGNING = "purge"
_MOST_ROUNDS = 5
#: A file of the lake that no catalogue knows may belong to a transaction under way for so long.
PATIENCE = dt.timedelta(minutes=10)
_INSTEAD = "〔已清除〕"
#: Where people and cases may have written an identifier down: table, column, type.
_WRITTEN = (
    ("fuse_pair", "rows", "jsonb"), ("fuse_pair", "key_l", "text"), ("fuse_pair", "key_r", "text"),
    ("batch", "notices", "jsonb"), ("batch", "problem", "jsonb"), ("case_file", "title", "text"),
    ("case_file", "subject", "jsonb"), ("case_file", "data", "jsonb"), ("case_move", "note", "text"),
    ("notice", "subject", "text"), ("notice", "body", "text"), ("whitelist", "value", "text"),
)  # fmt: skip


@dataclass(frozen=True)
class Purge:
    """One row of ``purge``; ``certificate`` and ``signature`` once it is done."""

    id: int
    dataset: str | None
    digest: str
    period: str
    basis: str
    reason: str
    applied_by: str
    applied_at: dt.datetime
    found: Mapping[str, int] | None
    confirmed_by: str | None
    confirmed_at: dt.datetime | None
    state: str
    step: str
    problem: str
    snapshot: int | None
    forgotten: int
    certificate: Mapping[str, Any] | None
    signature: str | None
    finished_at: dt.datetime | None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        return cls(**{name: row[name] for name in cls.__dataclass_fields__})

    @property
    def rows(self) -> int:
        return sum((self.found or {}).values())


def purges(connection: Connection[Any], limit: int = 50) -> list[Purge]:
    return [Purge.from_row(row) for row in connection.execute(sql.purges, {"limit": limit})]


def find_purge(connection: Connection[Any], number: int) -> Purge:
    """Raises NotFound ``flows.no_purge``."""
    row = connection.execute(sql.one, {"id": number}).fetchone()
    if row is None:
        raise NotFound("flows.no_purge", f"没有清除申请 {number}")
    return Purge.from_row(row)


def apply_for_purge(
    connection: Connection[Any], keys: KeyProvider, *, by: str, basis: str, reason: str,
    words: Sequence[str] = (), dataset: str | None = None, key: Sequence[str] = (), now: dt.datetime | None = None,
) -> int:  # fmt: skip
    """Apply for the removal of a subject (``words``: its identifiers) or of one record (``dataset`` and ``key``).

    Returns the application's number.  Raises BadInput ``flows.bad_purge``, ``flows.no_reason``, NotFound ``store.no_dataset``.
    """
    if not basis.strip() or not reason.strip():
        raise BadInput("flows.no_reason", "请写明依据（法规条款或文号）和事由（申请或案号）")
    said = _said(connection, words, dataset, key)
    told = json.dumps(said, ensure_ascii=False, sort_keys=True)
    period = f"{now or dt.datetime.now(dt.UTC):%Y}"
    wanted = {
        "dataset": dataset, "sought": keys.seal(told.encode(), _CONTEXT), "digest": digest_of(keys, said, period),
        "period": period, "basis": basis.strip(), "reason": reason.strip(), "by": by,
    }  # fmt: skip
    row = connection.execute(sql.apply, wanted).fetchone()
    assert row is not None
    log(connection, "flows:purge:apply", login=by, detail={"purge": row["id"], "basis": basis.strip()})
    return int(row["id"])


def _said(
    connection: Connection[Any], words: Sequence[str], dataset: str | None, key: Sequence[str]
) -> dict[str, Any]:
    if dataset is None:
        given = [word.strip() for word in words if word.strip()]
        short = [word for word in given if len(fold(word)) < SHORTEST or not any(map(str.isdigit, word))]
        if not given or short or key:
            raise BadInput(
                "flows.bad_purge", f"按主体清除要给证件号码，至少 {SHORTEST} 位且含数字；人名、简称会误伤别人"
            )
        return {"words": sorted({*given, *(old for word in given if (old := _fifteen(word)))})}
    row = connection.execute("SELECT keys FROM dataset WHERE name = %s", (dataset,)).fetchone()
    if row is None or not dataset.startswith("standard."):
        raise NotFound("store.no_dataset", f"没有标准数据集「{dataset}」")
    if words or not row["keys"] or len(row["keys"]) != len(key):
        raise BadInput(
            "flows.bad_purge",
            f"{dataset} 的主键是 {'、'.join(row['keys']) or '（没有）'}，请按次序各给一个值",
        )
    return {"keys": dict(zip(row["keys"], key, strict=True))}


def _fifteen(word: str) -> str | None:
    """A citizen's number as it was before 1999: the same person."""
    whole = fold(word)
    if len(whole) == 18 and whole[:17].isdigit() and whole[6:8] == "19":
        return whole[:6] + whole[8:17]
    return None


def digest_of(keys: KeyProvider, said: Mapping[str, Any], period: str) -> str:
    told = json.dumps(said, ensure_ascii=False, sort_keys=True).encode()
    return keys.keyed_hash(_KEY, b"purge " + told, period).hex()


def confirm_purge(connection: Connection[Any], number: int, by: str) -> None:
    """The second person's word: from here on it is carried out.

    Raises Denied ``flows.same_person``, Conflict ``flows.purge_not_ready``.
    """
    one = find_purge(connection, number)
    if one.applied_by == by:
        raise Denied("flows.same_person", "申请人自己不能确认：清除要两个人")
    if connection.execute(sql.confirm, {"id": number, "by": by}).fetchone() is None:
        why = "还没有查出会清除多少行" if one.state == "applied" else "已经有了结论"
        raise Conflict("flows.purge_not_ready", f"清除申请 {number} 现在不能确认：{why}")
    log(connection, "flows:purge:confirm", login=by, detail={"purge": number})


def refuse_purge(connection: Connection[Any], number: int, reason: str, by: str) -> None:
    """Raises BadInput ``flows.no_reason``, Conflict ``flows.purge_not_ready``."""
    if not reason.strip():
        raise BadInput("flows.no_reason", "请写明不予清除的理由")
    if connection.execute(sql.refuse, {"id": number, "reason": reason.strip()}).fetchone() is None:
        raise Conflict("flows.purge_not_ready", f"清除申请 {number} 已经有了结论")
    log(connection, "flows:purge:refuse", login=by, detail={"purge": number, "reason": reason.strip()})


def look_for(platform: Platform, number: int) -> dict[str, int]:
    """Step 2: dataset → rows that would go, for whoever confirms."""
    with platform.database.connection() as connection:
        one, sought = _open(connection, platform.keys, number)
    found: dict[str, int] = {}
    for each in platform.store.purge.look(sought)[0]:
        found[each.dataset] = found.get(each.dataset, 0) + each.rows
    with platform.database.connection() as connection:
        connection.execute(sql.keep_found, {"id": one.id, "found": Jsonb(found)})
    return found


def work_off_purges(
    platform: Platform, tell: Progress = quietly, patience: dt.timedelta = PATIENCE
) -> list[Purge]:
    """Look for what was applied for, carry out what is confirmed; one that fails stops no other, its problem comes last."""
    with platform.database.connection() as connection:
        unseen = [row["id"] for row in connection.execute(sql.unseen)]
        waiting = [row["id"] for row in connection.execute(sql.waiting)]
    done: list[Purge] = []
    problems: list[JutongError] = []
    for number in unseen:
        try:
            look_for(platform, number)
        except JutongError as problem:
            problems.append(problem)
    for place, number in enumerate(waiting):
        tell(place, len(waiting), f"清除 {number}")
        try:
            done.append(carry_out(platform, number, patience))
        except JutongError as problem:
            problems.append(problem)
    if problems:
        raise problems[0]
    return done


def ask_for_purges(platform: Platform) -> None:
    """Put the stage on the queue when there is work; what failed is tried again after ten minutes."""
    with platform.database.connection() as connection:
        wanted = connection.execute(sql.asked_for).fetchone()
    if wanted:
        ask(platform.database, "purge", "schedule")


def carry_out(platform: Platform, number: int, patience: dt.timedelta = PATIENCE) -> Purge:
    """Steps 3 to 8 of a confirmed purge, from wherever an earlier process came to.

    Raises Denied ``store.held`` while a hold stands; Conflict ``flows.purge_busy``, ``flows.purge_waits`` when a file may
    belong to a transaction under way; both leave it to be gone on with.
    """
    with _alone(platform, number):
        with platform.database.connection() as connection:
            one, _ = _open(connection, platform.keys, number)
        if one.state != "confirmed":
            raise Conflict("flows.purge_not_ready", f"清除申请 {number} 还没有人确认，或已经有了结论")
        waits: list[str] = []
        _settle(platform, number)
        for turn in range(_MOST_ROUNDS):
            if not _strike(platform, number, registers_too=turn > 0):  # 3
                break
            waits = _spread(platform, number)  # 4
        else:  # 5
            raise Conflict("flows.purge_waits", f"清除 {number}：同样的行还在不断进来，请先在数源系统里清除")
        waits = waits or _spread(platform, number, only_receivers=True)
        _out_of_history(platform, number, patience)  # 6
        _out_of_the_rest(platform, number)  # 7
        return _certify(platform, number, waits)  # 8


@contextmanager
def _alone(platform: Platform, number: int) -> Iterator[None]:
    with platform.database.connect() as line:
        row = line.execute(sql.alone).fetchone()
        if not row or not row["mine"]:
            raise Conflict("flows.purge_busy", "另一项清除正在进行")
        try:
            yield
        except JutongError as problem:
            with platform.database.connection() as connection:
                connection.execute(sql.keep_problem, {"id": number, "problem": problem.sentence})
            raise


def _open(connection: Connection[Any], keys: KeyProvider, number: int) -> tuple[Purge, Sought]:
    """The application and what it seeks. Raises Conflict ``flows.purge_not_ready`` once it is wiped."""
    row = connection.execute(sql.one, {"id": number}).fetchone()
    if row is None:
        raise NotFound("flows.no_purge", f"没有清除申请 {number}")
    if row["sought"] is None:
        raise Conflict("flows.purge_not_ready", f"清除申请 {number} 已经有了结论")
    said = json.loads(keys.unseal(row["sought"], _CONTEXT))
    places = tuple(
        (one["table"], one["batch_id"], one["row_no"]) for one in connection.execute(sql.rows, {"id": number})
    )
    sought = Sought(tuple(said.get("words", ())), row["dataset"] or "", said.get("keys", {}), {}, places)
    return Purge.from_row(row), replace(sought, cleaned=_cleaned(connection, sought))


def _cleaned(connection: Connection[Any], sought: Sought) -> dict[str, str]:
    """How the key items were cleaned, so that raw rows are found by what was made of them."""
    if not sought.keys:
        return {}
    row = connection.execute(sql.items_of, {"table": sought.table}).fetchone()
    items = {item["name"]: item for item in row["items"]} if row else {}
    made = {}
    for name in sought.keys:
        element = ELEMENTS.get(str(items.get(name, {}).get("element", "")))
        if element:
            made[name] = f"CAST({element.cast(element.clean('{}'))} AS VARCHAR)"
    return made


def _settle(platform: Platform, number: int) -> None:
    """What a killed process had noted: whether it came about the lake says."""
    with platform.database.connection() as connection:
        for turn in range(_MOST_ROUNDS):
            if platform.store.committed(_commit_id(number, turn)) is not None:
                connection.execute(sql.parts_happened, {"id": number, "commit": _commit_id(number, turn)})
        connection.execute(sql.strike_parts, {"id": number})
        files = connection.execute(sql.files, {"id": number}).fetchall()
    for row in files:
        if row["kind"] == "archive":  # named in the transaction that put another in its place
            (platform.settings.archive_folder / row["name"]).unlink(missing_ok=True)


def _at(platform: Platform, number: int, step: str) -> None:
    with platform.database.connection() as connection:
        connection.execute(sql.at_step, {"id": number, "step": step})


def _commit_id(number: int, turn: int) -> str:
    return f"purge:{number}:{turn}"


def _strike(platform: Platform, number: int, *, registers_too: bool) -> bool:
    """Step 3; whether anything was there.  Registers first get the chance to let go by themselves."""
    _at(platform, number, "清除各区的行")
    store = platform.store
    with platform.database.connection() as connection:
        _, sought = _open(connection, platform.keys, number)
    found, places = store.purge.look(sought)
    if not found:
        return False
    with platform.database.connection() as connection, connection.cursor() as cursor:
        cursor.executemany(
            sql.keep_row,
            [{"id": number, "table": table, "batch": batch, "row": row} for table, batch, row in places],
        )
    with platform.database.connection() as connection:
        _, sought = _open(connection, platform.keys, number)
    names = sorted({_living(one.dataset) for one in store.purge.look(sought)[0]})
    with platform.database.connection() as line:
        line.execute("LOCK TABLE legal_hold IN SHARE MODE")  # a hold comes before or after, never in between
        _refuse_held(line, names)

        def note(connection: Connection[Any], part: Part, rows: int) -> None:
            if part.recalled_snapshot is None:
                _keep_parts(
                    connection,
                    number,
                    f"archive:{part.id}:{part.path}",
                    [Struck(part.dataset, part.batch_id, rows)],
                    happened=True,
                )
            connection.execute(sql.keep_file, {"id": number, "kind": "archive", "name": part.path})

        store.purge.strike_archive(sought, note)
        names = [name for name in names if registers_too or not name.startswith("base.")]
        if names:
            _strike_lake(platform, number, sought, names)
    return True


def _living(dataset: str) -> str:
    return dataset.partition("__v")[0] if "__v" in dataset else dataset


def _strike_lake(platform: Platform, number: int, sought: Sought, names: Sequence[str]) -> None:
    turn = 0
    while platform.store.committed(_commit_id(number, turn)) is not None:
        turn += 1
    commit = _commit_id(number, turn)

    def body(writer: Writer) -> None:
        struck = platform.store.purge.strike(writer, sought, names)
        with platform.database.connection() as connection:  # lasts before the lake commits
            connection.execute(sql.drop_parts, {"id": number, "commit": commit})
            _keep_parts(connection, number, commit, struck, happened=False)

    try:
        platform.store.write(commit, *names, author="purge", body=body)
    except AlreadyCommitted:
        pass
    with platform.database.connection() as connection:
        connection.execute(sql.parts_happened, {"id": number, "commit": commit})


def _keep_parts(
    connection: Connection[Any], number: int, commit: str, struck: Sequence[Struck], *, happened: bool
) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            sql.keep_part,
            [
                {"id": number, "commit": commit, "dataset": one.dataset, "batch": one.batch, "rows": one.rows, "happened": happened}
                for one in struck
            ],
        )  # fmt: skip


def _refuse_held(connection: Connection[Any], names: Sequence[str]) -> None:
    row = connection.execute(
        "SELECT dataset, reason FROM held_dataset WHERE dataset = ANY(%s) LIMIT 1", (list(names),)
    ).fetchone()
    if row:
        raise Denied("store.held", f"数据集 {row['dataset']} 已被冻结（{row['reason']}），解除之前什么都不动")


def _spread(platform: Platform, number: int, *, only_receivers: bool = False) -> list[str]:
    """Step 4; returns why receivers could not be reached, for the certificate."""
    _at(platform, number, "重做基础库、主题库，通知接收方")
    if not only_receivers:
        for file in (platform.settings.home / "fuse").glob("*.duckdb*"):
            file.unlink(missing_ok=True)  # rebuilt at will; a file keeps the bytes of what it deleted
        fuse_all(platform)
        run_models(platform)
    try:
        deliver_all(platform)
    except JutongError as problem:
        return [problem.sentence]
    return []


def _out_of_history(platform: Platform, number: int, patience: dt.timedelta) -> None:
    """Step 6."""
    purge = platform.store.purge
    with platform.database.connection() as connection:
        _, sought = _open(connection, platform.keys, number)
    _at(platform, number, "重写文件")
    holding = purge.rewrite(sought)
    purge.blur(sought)
    _at(platform, number, "清去历史")
    with platform.database.connection() as connection:
        connection.execute(sql.keep_snapshot, {"id": number, "snapshot": platform.store.snapshot()})
    forgotten = purge.forget(holding)
    with platform.database.connection() as connection:
        connection.execute(sql.keep_forgotten, {"id": number, "forgotten": forgotten})
    _at(platform, number, "删去文件")
    gone, left = purge.remove(sought, holding, patience)
    with platform.database.connection() as connection, connection.cursor() as cursor:
        cursor.executemany(sql.keep_file, [{"id": number, "kind": "lake", "name": name} for name in gone])
    if left:
        raise Conflict(
            "flows.purge_waits", f"清除 {number}：还有 {left} 个文件可能属于进行中的写入，过一会儿接着做"
        )


def _out_of_the_rest(platform: Platform, number: int) -> None:
    """Step 7: files as they were delivered, and what people and cases wrote down."""
    _at(platform, number, "删去原始文件")
    with platform.database.connection() as connection:
        _, sought = _open(connection, platform.keys, number)
        digests = {row["sha256"] for row in connection.execute(sql.delivered_files, {"id": number})}
        words = [*sought.words, *(value for value in sought.keys.values() if len(value) >= SHORTEST)]
        folder = platform.settings.files_folder
        for file in folder.glob("??/*"):  # a file that failed to land is kept, too
            if file.name not in digests and _says(file, words):
                digests.add(file.name)
        for digest in sorted(digests):
            connection.execute(sql.keep_file, {"id": number, "kind": "delivered", "name": digest})
        for table, column, kind in _WRITTEN:
            query = sql.wash.format(
                table=pg.Identifier(table), column=pg.Identifier(column), kind=pg.SQL(kind)
            )
            for word in words:
                connection.execute(query, {"word": word, "like": f"%{_like(word)}%", "instead": _INSTEAD})
    for digest in digests:
        (folder / digest[:2] / digest).unlink(missing_ok=True)


def _like(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _says(file: Any, words: Sequence[str]) -> bool:
    """Whether a file's bytes say an identifier in plain text, in pieces that overlap."""
    wanted = [word.encode() for word in words]
    if not wanted:
        return False
    overlap = max(map(len, wanted))
    rest = b""
    with file.open("rb") as stream:
        while chunk := stream.read(8 << 20):
            piece = rest + chunk
            if any(word in piece for word in wanted):
                return True
            rest = piece[-overlap:]
    return False


def _certify(platform: Platform, number: int, waits: Sequence[str]) -> Purge:
    """Step 8."""
    now = dt.datetime.now(dt.UTC)
    with platform.database.connection() as connection:
        one = find_purge(connection, number)
        certificate = _certificate(connection, one, now, waits)
        departments = [row["department_code"] for row in connection.execute(sql.departments, {"id": number})]
    text = canonical(certificate)
    signature = platform.keys.sign(SIGNING, text).hex()
    stream = platform.ledger.stream("purge")
    try:
        stream.record(
            Exchange(
                event="flows:purge:done", at=now, dataset=one.dataset or "", purpose=one.basis, outcome="answered",
                request_id=f"purge:{number}", content=hashlib.sha256(text).hexdigest(), subjects=one.digest,
                rows=sum(part["rows"] for part in certificate["rows"]),
                detail={"purge": number, "signature": signature, "applied_by": one.applied_by, "confirmed_by": one.confirmed_by or ""},
            )
        )  # fmt: skip
    finally:
        stream.close()
    with platform.database.connection() as connection:
        connection.execute(
            sql.finish, {"id": number, "certificate": Jsonb(certificate), "signature": signature}
        )
        connection.execute(sql.drop_rows, {"id": number})
        log(connection, "flows:purge:done", login=one.confirmed_by or "", detail={"purge": number})
        for code in departments:
            notify(
                connection, to_department=code, subject=f"依法清除 {number} 已完成，请在数源系统里同样清除",
                body=f"依据：{one.basis}。源系统里不清除，下次归集还会再给一遍。",
            )  # fmt: skip
        return find_purge(connection, number)


def _certificate(
    connection: Connection[Any], one: Purge, now: dt.datetime, waits: Sequence[str]
) -> dict[str, Any]:
    """What went, in counts and digests."""
    asked = {"id": one.id}
    files = connection.execute(sql.files, asked).fetchall()
    return {
        "purge": one.id, "about": one.dataset or "主体", "digest": one.digest, "period": one.period, "basis": one.basis,
        "reason": one.reason, "applied_by": one.applied_by, "applied_at": one.applied_at.isoformat(),
        "confirmed_by": one.confirmed_by, "confirmed_at": one.confirmed_at.isoformat() if one.confirmed_at else None,
        "finished_at": now.isoformat(), "snapshot": one.snapshot, "snapshots_forgotten": one.forgotten,
        "rows": [
            {"dataset": row["dataset"], "rows": row["rows"], "batches": row["batches"], "archived": row["archived"]}
            for row in connection.execute(sql.parts, asked)
        ],
        "batches": {row["batch_id"]: row["rows"] for row in connection.execute(sql.batches, asked)},
        "delivered_files": [row["name"] for row in files if row["kind"] == "delivered"],
        "files_removed": sum(row["kind"] != "delivered" for row in files),
        "receivers_waiting": list(waits), "backups": _backups(connection, now),
    }  # fmt: skip


def _backups(connection: Connection[Any], now: dt.datetime) -> list[dict[str, Any]]:
    """Backups made before, and the day by which the plan lets each go; None: a person must remove it."""
    plan = connection.execute(sql.backup_plan).fetchone()
    told = []
    planned = 0
    for row in connection.execute(sql.backups, {"before": now}):
        gone = None
        if plan and row["folder"].startswith(plan["folder"].rstrip("/") + "/jutong-"):
            gone = now + plan["every"] * (plan["keep"] - planned)
            planned += 1
        told.append(
            {"folder": row["folder"], "taken_at": row["started_at"].isoformat(), "gone_by": gone.date().isoformat() if gone else None}
        )  # fmt: skip
    return told


def canonical(certificate: Mapping[str, Any]) -> bytes:
    """The bytes a certificate's signature is over: JSON, keys in order, no blanks."""
    return json.dumps(certificate, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def check_purge(
    platform: Platform, number: int, words: Sequence[str] = (), key: Sequence[str] = ()
) -> list[str]:
    """What contradicts the certificate, in plain sentences: its signature, and with the value given again every place.

    Raises BadInput ``flows.bad_purge`` when the value is not the one the certificate is about.
    """
    with platform.database.connection() as connection:
        one = find_purge(connection, number)
        if one.certificate is None or one.signature is None:
            raise Conflict("flows.purge_not_ready", f"清除申请 {number} 还没有凭证")
        said = _said(connection, words, one.dataset, key) if words or key else None
    try:
        platform.keys.verify(SIGNING, canonical(one.certificate), bytes.fromhex(one.signature))
    except JutongError as problem:
        return [f"凭证 {number} 的签名不对：{problem.sentence}"]
    if said is None:
        return []
    if digest_of(platform.keys, said, one.period) != one.digest:
        raise BadInput("flows.bad_purge", f"给出的不是清除 {number} 所指的主体或记录")
    sought = Sought(tuple(said.get("words", ())), one.dataset or "", said.get("keys", {}))
    found, _ = platform.store.purge.look(sought)
    return [f"{each.dataset} 里有 {each.rows} 行（清除之后又给了一遍？）" for each in found] + [
        f"数据湖文件 {name} 里还有" for name in sorted(platform.store.purge.files_with(sought))
    ]
