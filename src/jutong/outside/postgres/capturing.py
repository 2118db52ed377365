"""Change capture from PostgreSQL: a logical replication slot, read by SQL functions, moved only after landing.

What the department's administrator must see to is told in sentences (``missing``): ``wal_level = logical``, a login
with REPLICATION, a publication of the tables, and a primary key on each.  More than that is not needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Self

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row

from jutong.database import named_sql
from jutong.outside.changes import Name, Slot, Transaction, lsn, lsn_text
from jutong.outside.postgres.decoding import transactions
from jutong.outside.postgres.reading import conninfo_of
from jutong.terms import Address, BadInput, JutongError, Unavailable, quote

_sql = named_sql(__file__, "capturing.sql")
#: As a reading sees it, so that a value's text is the same both ways.
_SESSION = "-c timezone=Asia/Shanghai -c datestyle=ISO,YMD -c extra_float_digits=1 -c bytea_output=hex"
_FETCH = 5_000


class PostgresCapture:
    """One connection to the source, in autocommit; ``publication`` from the config, else named after the source."""

    def __init__(self, config: Mapping[str, Any], secret: str | None, source: str) -> None:
        conninfo, self._secret = conninfo_of(config, secret), secret
        shown = conninfo_to_dict(conninfo)
        self._name = f"{shown.get('host', '')}/{shown.get('dbname', '')}"
        self.publication = str(config.get("publication") or f"jutong_{source}"[:63])
        try:
            self._connection: psycopg.Connection[dict[str, Any]] = psycopg.connect(
                conninfo, options=_SESSION, autocommit=True, row_factory=dict_row
            )
        except psycopg.OperationalError as problem:
            raise Unavailable(
                "outside.postgres_unreachable",
                f"数据源连接不上：{self._words(problem)}",
                Address(file=self._name),
            ) from None

    def missing(self, tables: Sequence[Name], *, only_look: bool = False) -> list[str]:
        """What must be seen to before these tables can be captured; the publication is made if we may."""
        with self._explained():
            lacks = [*self._server(), *self._tables(tables)]
            if lacks:
                return lacks
            with self._connection.transaction(force_rollback=only_look):
                return list(self._published(tables))

    def kept(self, prefix: str) -> int:
        """Bytes of log the server keeps for slots of this name."""
        with self._explained():
            row = self._connection.execute(_sql.kept, {"prefix": prefix}).fetchone()
        return int((row or {}).get("kept") or 0)

    def slot(self, name: str, position: int = 0, mark: str = "") -> Slot | None:  # noqa: ARG002  the slot knows
        with self._explained():
            row = self._connection.execute(_sql.slot, {"slot": name}).fetchone()
        if row is None:
            return None
        return Slot(lsn(row["confirmed"] or "0/0"), int(row["behind"] or 0), bool(row["lost"]), row["active"])

    def make_slot(self, name: str) -> int:
        """Where it begins: every transaction that commits from there on is told."""
        with self._explained():
            row = self._connection.execute(_sql.make_slot, {"slot": name}).fetchone()
        assert row is not None
        return lsn(row["lsn"])

    def drop_slot(self, name: str) -> None:
        with self._explained():
            self._connection.execute(_sql.drop_slot, {"slot": name})

    def mark(self, position: int) -> str:  # noqa: ARG002  a slot belongs to its server and ends with it
        return ""

    def settle(self, position: int) -> None:
        """A commit is in the log here only when every reading sees it."""

    def bounds(self, position: int, upto: int, tables: Sequence[Name]) -> tuple[int, dict[Name, str]]:  # noqa: ARG002
        """How far to follow, and the tables whose changes up to there cannot be read, with the reason."""
        return upto, {}

    def now(self) -> int:
        with self._explained():
            row = self._connection.execute(_sql.now).fetchone()
        assert row is not None
        return lsn(row["lsn"])

    def peek(self, slot: str, position: int, upto: int, limit: int) -> Iterator[Transaction]:  # noqa: ARG002
        """Transactions not yet let go of that committed before ``upto``; about ``limit`` changes, never half of one.

        A source that crashed may tell again what it told before.
        """
        values = {"slot": slot, "upto": lsn_text(upto), "limit": limit, "publication": self.publication}
        with (
            self._explained(),
            self._connection.transaction(),
            self._connection.cursor("jutong_changes", binary=True) as cursor,
        ):
            cursor.itersize = _FETCH
            cursor.execute(_sql.peek, values)
            yield from transactions(row["data"] for row in cursor)

    def advance(self, slot: str, to: int) -> None:
        """Let the source forget what lies before ``to``; a slot that is there already stays."""
        with self._explained():
            found = self.slot(slot)
            if found is not None and found.confirmed < to:
                self._connection.execute(_sql.advance, {"slot": slot, "lsn": lsn_text(to)})

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _server(self) -> Iterator[str]:
        row = self._connection.execute(_sql.server).fetchone() or {}
        if row.get("wal_level") != "logical":
            yield f"wal_level 须为 logical（现为 {row.get('wal_level')}），改后要重启数据库"
        if row.get("standby"):
            yield "这是备库，变更要从主库捕获"
        if not row.get("may_replicate"):
            yield f"账户 {row.get('login')} 须有复制权：ALTER ROLE {quote(str(row.get('login')))} REPLICATION"

    def _tables(self, tables: Sequence[Name]) -> Iterator[str]:
        wanted = {"schemas": [schema for schema, _ in tables], "names": [name for _, name in tables]}
        found = {
            (row["schema_name"], row["table_name"]): row
            for row in self._connection.execute(_sql.tables, wanted)
        }
        for name in tables:
            shown, row = ".".join(name), found.get(name)
            if row is None:
                yield f"没有表 {shown}"
            elif row["kind"] not in ("r", "p"):
                yield f"{shown} 不是表，视图的变更捕获不到"
            elif row["persistence"] != "p":
                yield f"{shown} 不写日志（UNLOGGED），捕获不到"
            elif not row["keyed"]:
                yield f"{shown} 没有主键，删除和修改认不出是哪一行"
            elif row["identity"] not in ("d", "f"):
                told = ".".join(map(quote, name))
                yield f"{shown} 的复制标识须为主键：ALTER TABLE {told} REPLICA IDENTITY DEFAULT"
            elif row["generated"]:
                yield f"{shown} 有计算列，日志里没有它的值，请改用增量或全量"

    def _published(self, tables: Sequence[Name]) -> Iterator[str]:
        known = {"publication": self.publication}
        row = self._connection.execute(_sql.publication, known).fetchone()
        listed = {
            (one["schema_name"], one["table_name"]): one
            for one in self._connection.execute(_sql.published, known)
        }
        lacking = [name for name in tables if name not in listed]
        if lacking:
            names = ", ".join(".".join(map(quote, name)) for name in lacking)
            publication = quote(self.publication)
            sql = (
                f"ALTER PUBLICATION {publication} ADD TABLE {names}"
                if row
                else f"CREATE PUBLICATION {publication} FOR TABLE {names} WITH (publish_via_partition_root = true)"
            )
            try:
                with self._connection.transaction():
                    self._connection.execute(sql.encode())
            except psycopg.errors.InsufficientPrivilege:
                yield f"表还没有发布，请由表的主人执行：{sql}"
            except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidParameterValue):
                pass  # said of the table itself
        says = dict(row["says"]) if row else {}
        if not all(says.get(f"pub{what}", True) for what in ("insert", "update", "delete", "truncate")):
            yield f"发布 {self.publication} 须包含 insert、update、delete、truncate"
        for name in tables:
            one = listed.get(name)
            if one and (one["rowfilter"] or one["narrowed"]):
                yield f"发布 {self.publication} 对 {'.'.join(name)} 限了行或列，捕获会不全"

    @contextmanager
    def _explained(self) -> Iterator[None]:
        address = Address(file=self._name)
        try:
            yield
        except (psycopg.OperationalError, psycopg.InterfaceError) as problem:
            # An object in use or a limit reached is temporary as well.
            raise Unavailable(
                "outside.source_vanished", f"变更捕获中断：{self._words(problem)}", address
            ) from None
        except psycopg.Error as problem:
            raise self._refused(problem, address) from None

    def _refused(self, problem: psycopg.Error, address: Address) -> JutongError:
        return BadInput("outside.postgres_refused", f"数据库拒绝了变更捕获：{self._words(problem)}", address)

    def _words(self, problem: Exception) -> str:
        words = " ".join(str(problem).split())
        return words.replace(self._secret, "…") if self._secret else words
