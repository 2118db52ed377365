"""Change capture from the MySQL family: the binary log, read as a replica reads it, from a place we remember.

The server keeps no slot for us: it throws its log away by its own rules.  A place is a file's number and an offset,
one number; its mark (server, birth of the file, GTID where there is one) proves later that it still means the same.
What the department's administrator must see to is told in sentences (``missing``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any, Self

import pymysql
from pymysql.cursors import DictCursor

from jutong.database import named_sql
from jutong.outside.changes import Name, Slot, Transaction
from jutong.outside.mysql.binlog import FORMAT, events, number_of, transactions, unfollowed
from jutong.outside.mysql.connecting import connect_mysql, mysql_text, parts_of, place_of, words_of
from jutong.outside.mysql.logged import Layout, layout, unreadable
from jutong.terms import Address, BadInput, JutongError, Unavailable

_sql = named_sql(__file__, "capturing.sql")
#: Denied: for a privilege, for a command, for a table.
_DENIED = {1044, 1045, 1142, 1227}
#: The log's first event lies behind its four magic bytes.
_FIRST = 4
_GRANTS = "账户须有 REPLICATION SLAVE 权和看日志位置的权（MariaDB：BINLOG MONITOR；MySQL：REPLICATION CLIENT、RELOAD）"


class MysqlCapture:
    """One connection for questions; each reading of the log has its own, for it ends with it."""

    def __init__(self, config: Mapping[str, Any], secret: str | None = None) -> None:
        self._config, self._secret = dict(config), secret
        self._name = place_of(parts_of(config))
        self._layouts: dict[Name, Layout] = {}
        self._births: dict[int, int] = {}
        self._connection = connect_mysql(config, secret, autocommit=True, cursorclass=DictCursor)
        with self._explained():
            self._server = {row["Variable_name"].lower(): row["Value"] for row in self._rows(_text("server"))}
        self._maria = "mariadb" in self._server.get("version", "").lower()

    def missing(self, tables: Sequence[Name], *, only_look: bool = False) -> list[str]:  # noqa: ARG002  nothing is made
        """What must be seen to before these tables can be captured."""
        with self._explained():
            return [*self._unready(tables), *self._unfit(tables)]

    def kept(self, prefix: str) -> int | None:  # noqa: ARG002  it keeps nothing for us
        return None

    def slot(self, name: str, position: int = 0, mark: str = "") -> Slot | None:  # noqa: ARG002  the mark knows
        """How the log stands to a place of ours; lost with the reason in words."""
        with self._explained():
            logs = self._logs()
            behind = sum(size for number, (_, size) in logs.items() if number >= position >> 32)
            why = self._why_lost(logs, position, json.loads(mark) if mark else {})
            return Slot(0, max(0, behind - (position & 0xFFFFFFFF)), bool(why), False, why)

    def make_slot(self, name: str) -> int:  # noqa: ARG002
        with self._explained():
            if self._maria:
                return self._snapshot()
            with self._standing_still():
                return self._end()

    def drop_slot(self, name: str) -> None:
        """There is none."""

    def advance(self, slot: str, to: int) -> None:
        """There is none."""

    def settle(self, position: int) -> None:
        """A commit is in the log a moment before others see it; MariaDB says where a snapshot lies in the log,
        elsewhere a global lock, held for no longer than it takes, waits for commits under way."""
        with self._explained():
            if not self._maria:
                with self._standing_still():
                    return
            while self._snapshot() < position:
                pass

    def now(self) -> int:
        with self._explained():
            return self._end()

    def mark(self, position: int) -> str:
        """Server, birth of the file in seconds, and GTID of a place."""
        with self._explained():
            logs = self._logs()
            return json.dumps(self._mark(logs, position)) if position >> 32 in logs else ""

    def bounds(self, position: int, upto: int, tables: Sequence[Name]) -> tuple[int, dict[Name, str]]:  # noqa: ARG002
        """Tables are described first, the log's end is asked after: a statement that changed one lies before it."""
        with self._explained():
            described = self._described(tables) if tables else {}
            end = self._end()
            self._layouts = {
                name: layout(name, rows, [row["column_name"] for row in rows if row["keyed"]])
                for name, rows in described.items()
            }
            if end <= position or not tables:
                return end, {}
            with self._reading(position) as log:
                unread = unfollowed(log, self._layouts, end)
            self._layouts = {name: one for name, one in self._layouts.items() if name not in unread}
            return end, unread

    def peek(self, slot: str, position: int, upto: int, limit: int) -> Iterator[Transaction]:  # noqa: ARG002
        """Transactions behind ``position`` up to ``upto``, of the tables ``bounds`` was asked about."""
        count = 0
        with self._explained(), self._reading(position) as log:
            for transaction in transactions(log, self._layouts, upto):
                yield transaction
                count += len(transaction.changes)
                if count >= limit:
                    return

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _unready(self, tables: Sequence[Name]) -> Iterator[str]:
        says = self._server
        if says.get("log_bin") != "ON":
            yield "log_bin 没有打开：在配置里加 log_bin 并设 server_id，改后要重启数据库"
            return
        wanted = {
            "binlog_format": "ROW", "binlog_row_image": "FULL", "binlog_row_value_options": "", "log_bin_compress": "OFF",
            "binlog_transaction_compression": "OFF",
        }  # fmt: skip
        for name, value in wanted.items():
            if name in says and says[name].upper() != value:
                yield f"{name} 须为 {value or '空'}（现为 {says[name]}）：SET GLOBAL {name} = '{value}'"
        updates = says.get("log_replica_updates", says.get("log_slave_updates"))
        if says.get("read_only") == "ON" and updates == "OFF":
            yield "这是备库，而且 log_slave_updates 没有打开，变更要从主库捕获"
        try:
            [status] = self._rows(self._status())
            end = self._logs()[number_of(status["File"])]
            self._born(number_of(status["File"]), end[0])
        except pymysql.Error as problem:
            if problem.args[0] not in _DENIED:
                raise
            yield _GRANTS
            return
        only, never = (str(status.get(f"Binlog_{what}_DB") or "").split(",") for what in ("Do", "Ignore"))
        for schema in sorted({schema for schema, _ in tables}):
            if (only != [""] and schema not in only) or schema in never:
                yield f"库 {schema} 不写日志（binlog_do_db、binlog_ignore_db）"

    def _unfit(self, tables: Sequence[Name]) -> Iterator[str]:
        values = _listed(tables)
        there = {(row["schema_name"], row["table_name"]): row for row in self._rows(_text("tables", values))}
        cascades = {(row["schema_name"], row["table_name"]) for row in self._rows(_text("cascades", values))}
        described = self._described(tables)
        for name in tables:
            shown, row, columns = ".".join(name), there.get(name), described.get(name, [])
            if row is None:
                yield f"没有表 {shown}"
            elif row["kind"] != "BASE TABLE":
                yield f"{shown} 不是普通的表（{row['kind']}），变更捕获不到"
            elif str(row["engine"]).lower() != "innodb":
                yield f"{shown} 的引擎是 {row['engine']}，不是 InnoDB，变更捕获会不全"
            elif not any(column["keyed"] for column in columns):
                yield f"{shown} 没有主键，删除和修改认不出是哪一行"
            elif any(column["made"] for column in columns):
                yield f"{shown} 有计算列，日志里没有它的值，请改用增量或全量"
            elif name in cascades:
                yield f"{shown} 的外键有级联动作，级联的修改不进日志，请改用增量或全量"
            for column in columns:
                why = unreadable(column)
                if why:
                    yield f"{shown} 的列 {column['column_name']}：{why}，请改用增量或全量"

    def _described(self, tables: Sequence[Name]) -> dict[Name, list[dict[str, Any]]]:
        found: dict[Name, list[dict[str, Any]]] = {}
        for row in self._rows(_text("columns", _listed(tables))):
            found.setdefault((row["schema_name"], row["table_name"]), []).append(row)
        return found

    def _why_lost(self, logs: Mapping[int, tuple[str, int]], position: int, mark: Mapping[str, Any]) -> str:
        number, place = position >> 32, position & 0xFFFFFFFF
        if not mark:
            return "读到的日志位置已无从证明"
        if mark["server"] != self._identity():
            return "来源换了服务器（server_id 变了）"
        if number not in logs:
            return f"来源已清除我们还没读的日志（第 {number} 号文件）"
        if logs[number][1] < place:
            return "来源的日志比我们读到的地方短，它可能从备份恢复过"
        if self._mark(logs, position) != mark:
            return "来源的日志重新开始过（RESET MASTER，或从备份恢复）"
        return ""

    def _mark(self, logs: Mapping[int, tuple[str, int]], position: int) -> dict[str, Any]:
        number, place = position >> 32, position & 0xFFFFFFFF
        file = logs[number][0]
        mark = {"server": self._identity(), "born": self._born(number, file), "gtid": None}
        if self._maria:
            [row] = self._rows(f"SELECT BINLOG_GTID_POS({mysql_text(file)}, {place}) AS gtid")
            mark["gtid"] = row["gtid"]
        return mark

    def _identity(self) -> str:
        uid = self._server.get("server_uuid") or ""
        return f"{self._server.get('server_id')}/{uid}"

    def _born(self, number: int, file: str) -> int:
        """When a file of the log was begun, from its first event."""
        if number not in self._births:
            with closing(self._another()) as connection:
                for event in events(connection, file, _FIRST):
                    if event.kind == FORMAT:
                        self._births[number] = event.at
                        break
        return self._births.get(number, 0)

    def _logs(self) -> dict[int, tuple[str, int]]:
        """File number → name and bytes."""
        return {
            number_of(row["Log_name"]): (row["Log_name"], int(row["File_size"]))
            for row in self._rows("SHOW BINARY LOGS")
        }

    def _status(self) -> str:
        version = self._server.get("version", "")
        newer = not self._maria and tuple(map(int, version.split("-")[0].split(".")[:2])) >= (8, 2)
        return "SHOW BINARY LOG STATUS" if newer else "SHOW MASTER STATUS"

    def _end(self) -> int:
        [row] = self._rows(self._status())
        return self._place(row["File"], int(row["Position"]))

    def _snapshot(self) -> int:
        """Where a snapshot taken now lies in the log: MariaDB tells it of its own accord."""
        self._rows("START TRANSACTION WITH CONSISTENT SNAPSHOT")
        try:
            told = {
                row["Variable_name"].lower(): row["Value"]
                for row in self._rows("SHOW STATUS LIKE 'binlog_snapshot_%'")
            }
        finally:
            self._rows("ROLLBACK")
        return self._place(told["binlog_snapshot_file"], int(told["binlog_snapshot_position"]))

    def _place(self, file: str, place: int) -> int:
        if place > 0xFFFFFFFF:
            raise BadInput(
                "outside.binlog_huge",
                f"日志文件 {file} 超过 4 GB，请先在来源执行 FLUSH BINARY LOGS",
                Address(self._name),
            )
        return number_of(file) << 32 | place

    @contextmanager
    def _standing_still(self) -> Iterator[None]:
        self._rows("FLUSH TABLES WITH READ LOCK")
        try:
            yield
        finally:
            self._rows("UNLOCK TABLES")

    @contextmanager
    def _reading(self, position: int) -> Iterator[Iterator[Any]]:
        logs = self._logs()
        if position >> 32 not in logs:
            raise Unavailable("outside.source_vanished", "来源的日志刚被清除", Address(self._name))
        with closing(self._another()) as connection:
            yield events(connection, logs[position >> 32][0], position & 0xFFFFFFFF)

    def _another(self) -> Any:
        return connect_mysql(self._config, self._secret, autocommit=True)

    def _rows(self, query: str) -> list[dict[str, Any]]:
        with self._connection.cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (pymysql.Error, OSError) as problem:
            raise self._problem(problem) from None

    def _problem(self, problem: Exception) -> JutongError:
        address, words = Address(file=self._name), words_of(problem, self._secret)
        denied = isinstance(problem, pymysql.Error) and problem.args and problem.args[0] in _DENIED
        if denied or isinstance(problem, pymysql.ProgrammingError):
            return BadInput("outside.mysql_refused", f"数据库拒绝了变更捕获：{words}", address)
        return Unavailable("outside.source_vanished", f"变更捕获中断：{words}", address)


def _text(name: str, values: str = "") -> str:
    return str(getattr(_sql, name).as_string(None)).replace("%(tables)s", values)


def _listed(tables: Sequence[Name]) -> str:
    return "(" + ", ".join(f"({mysql_text(schema)}, {mysql_text(table)})" for schema, table in tables) + ")"
