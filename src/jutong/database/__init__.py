"""控制库: PostgreSQL, embedded by default, yours by URL; migrations; named SQL."""

from jutong.database.control import Connection, Database, Row, keyword_conninfo, open_database
from jutong.database.embedded import EmbeddedPostgres, binary
from jutong.database.migrations import Migration, migrate, migrations
from jutong.database.queries import NamedSql, named_sql

__all__ = [
    "Connection",
    "Database",
    "EmbeddedPostgres",
    "Migration",
    "NamedSql",
    "Row",
    "binary",
    "keyword_conninfo",
    "migrate",
    "migrations",
    "named_sql",
    "open_database",
]
