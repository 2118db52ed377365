"""PostgreSQL both ways: read through ADBC in one snapshot, written by COPY in the caller's transaction."""

from jutong.outside.postgres.capturing import PostgresCapture
from jutong.outside.postgres.reading import PostgresSource
from jutong.outside.postgres.writing import (
    connect_postgres,
    content_hash,
    copy_rows,
    create_table_sql,
    merge_sql,
)

__all__ = [
    "PostgresCapture",
    "PostgresSource",
    "connect_postgres",
    "content_hash",
    "copy_rows",
    "create_table_sql",
    "merge_sql",
]
