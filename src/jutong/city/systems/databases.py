"""The departments' PostgreSQL databases: one each, with a login of its own that may only read it."""

from __future__ import annotations

import io
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, LiteralString, cast

import psycopg
import pyarrow as pa
import pyarrow.csv as pc
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from jutong.city.plan import SourcePlan, TablePlan
from jutong.city.shaping import Shape
from jutong.city.systems.outlet import Mark, own_columns

_REACHED_BY = ("host", "hostaddr", "port", "sslmode", "sslrootcert")


def password_file(home: Path, name: str) -> Path:
    return home / "outside" / "passwords" / name


def reached_at(url: str, database: str, user: str) -> dict[str, str]:
    """The address, as libpq keywords, of a database in the outside world's cluster, without the password."""
    parts = conninfo_to_dict(url)
    kept = {name: str(parts[name]) for name in _REACHED_BY if parts.get(name)}
    return {**kept, "dbname": database, "user": user}


def databases_marks(url: str) -> Mapping[str, Mark]:
    """Marks of all finished databases of the cluster, by name."""
    with psycopg.connect(url, autocommit=True) as connection:
        rows = connection.execute(
            "SELECT datname, shobj_description(oid, 'pg_database') AS mark FROM pg_database WHERE NOT datistemplate"
        ).fetchall()
    marks = {name: Mark.from_text(text) for name, text in rows}
    return {name: mark for name, mark in marks.items() if mark is not None}


def make_database(admin: psycopg.Connection[Any], home: Path, name: str) -> None:
    """A database and a login of the same name, made as far as they are not there; the password is kept in a file."""
    path = password_file(home, name)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(24))
    who = sql.Identifier(name)
    if not admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,)).fetchone():
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN").format(who))
    password = path.read_text(encoding="ascii")
    admin.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(who, sql.Literal(password)))
    if not admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
        admin.execute(sql.SQL("CREATE DATABASE {}").format(who))


def drop_database(url: str, home: Path, name: str) -> None:
    who = sql.Identifier(name)
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(who))
        admin.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(who))
    password_file(home, name).unlink(missing_ok=True)


class DatabaseOutlet:
    """A database being filled in one transaction, mark included: all of it is there, or nothing."""

    def __init__(self, home: Path, url: str, source: SourcePlan, *, anew: bool) -> None:
        self.source = source
        self._anew = anew
        if anew:
            with psycopg.connect(url, autocommit=True) as admin:
                make_database(admin, home, source.name)
        self._connection = psycopg.connect(make_conninfo(url, dbname=source.name))
        self._connection.execute("SET LOCAL synchronous_commit = on; SET LOCAL timezone = 'UTC'")
        self._begun: set[str] = set()

    def write(self, table: TablePlan, form: Shape, rows: pa.Table) -> None:
        """Round 0 makes the table; later an incremental one gets its changed rows, a full one all its rows."""
        if table.name not in self._begun:
            self._begun.add(table.name)
            self._begin(table, form)
        if table.mode == "incremental" and not self._anew:
            self._replace(table, form, rows)
        else:
            self._copy(_name(table), form, rows)

    def _begin(self, table: TablePlan, form: Shape) -> None:
        if not self._anew:
            if table.mode == "full":
                self._connection.execute(sql.SQL("TRUNCATE {}").format(_name(table)))
            return
        columns = sql.SQL(", ").join(
            sql.SQL("{} {}").format(sql.Identifier(column.header), _trusted(column.sql_type))
            for column in form.columns
        )
        comments = [
            sql.SQL("COMMENT ON TABLE {} IS {}").format(_name(table), sql.Literal(table.template.label))
        ]
        comments += [
            sql.SQL("COMMENT ON COLUMN {}.{} IS {}").format(
                _name(table), sql.Identifier(column.header), sql.Literal(column.field.label)
            )
            for column in form.columns
        ]
        statements = [sql.SQL("CREATE TABLE {} ({})").format(_name(table), columns), *comments]
        if table.delivered and table.template.watermark:
            index = sql.SQL("CREATE INDEX ON {} ({})").format(
                _name(table), sql.Identifier(table.template.watermark)
            )
            statements.append(index)
        self._connection.execute(sql.SQL("; ").join(statements))

    def _copy(self, name: sql.Composable, form: Shape, rows: pa.Table) -> None:
        if not rows.num_rows:
            return
        text = io.BytesIO()
        pc.write_csv(own_columns(form, rows), text, pc.WriteOptions(include_header=False, batch_size=8192))
        columns = sql.SQL(", ").join(sql.Identifier(column.header) for column in form.columns)
        command = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(name, columns)
        with self._connection.cursor() as cursor, cursor.copy(command) as copy:
            copy.write(text.getbuffer())

    def _replace(self, table: TablePlan, form: Shape, rows: pa.Table) -> None:
        """Changed rows take the place of those with their key; new ones are added."""
        if not rows.num_rows:
            return
        came = sql.Identifier(f"came_{table.number}")
        same = sql.SQL(" AND ").join(
            sql.SQL("held.{0} = came.{0}").format(sql.Identifier(key)) for key in table.template.keys
        )
        execute = self._connection.execute
        execute(sql.SQL("CREATE TEMP TABLE {} (LIKE {}) ON COMMIT DROP").format(came, _name(table)))
        self._copy(came, form, rows)
        execute(sql.SQL("DELETE FROM {} AS held USING {} AS came WHERE {}").format(_name(table), came, same))
        execute(sql.SQL("INSERT INTO {} SELECT * FROM {}").format(_name(table), came))
        execute(sql.SQL("DROP TABLE {}").format(came))

    def finish(self, mark: Mark) -> None:
        name = sql.Identifier(self.source.name)
        self._connection.execute(
            sql.SQL(
                "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {0}; COMMENT ON DATABASE {0} IS {1}"
            ).format(name, sql.Literal(mark.to_text()))
        )
        self._connection.commit()
        self._connection.close()

    def abandon(self) -> None:
        self._connection.close()


def _name(table: TablePlan) -> sql.Identifier:
    return sql.Identifier(table.template.name)


def _trusted(text: str) -> sql.SQL:
    """A type name from our own table of types."""
    if not text.replace("(", "").replace(")", "").replace(",", "").isalnum():
        raise ValueError(f"not a type: {text}")
    return sql.SQL(cast("LiteralString", cast("Any", text)))
