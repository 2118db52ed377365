"""A lake in an S3-compatible bucket: how DuckDB reaches it, what lies there, and how files get there."""

from __future__ import annotations

from pathlib import Path

import duckdb

from jutong.settings import Settings
from jutong.terms import literal

#: Seconds without a word after which a call is made again, and how often.  A bucket that takes calls and never answers
#: is told of after two and a half minutes (with 60 and 6 it took seven), one that says 503 after six seconds.
PATIENCE = 30
RETRIES = 4


def is_bucket(folder: str) -> bool:
    return "://" in folder


def reach(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Give DuckDB the bucket's address and key; httpfs must be loaded. A slow bucket is asked again by httpfs."""
    address = settings.lake_s3_endpoint
    secure = not address.startswith("http://")
    parts = [
        "TYPE s3",
        f"KEY_ID {literal(settings.lake_s3_key)}",
        f"SECRET {literal(settings.lake_s3_secret)}",
        f"REGION {literal(settings.lake_s3_region)}",
    ]
    if address:
        parts += [
            f"ENDPOINT {literal(address.removeprefix('https://').removeprefix('http://'))}",
            f"USE_SSL {str(secure).lower()}",
            "URL_STYLE 'path'",
        ]
    connection.execute(f"CREATE OR REPLACE SECRET lake_bucket ({', '.join(parts)})")
    connection.execute(f"SET GLOBAL http_retries = {RETRIES}")
    connection.execute("SET GLOBAL http_retry_wait_ms = 400")
    connection.execute("SET GLOBAL http_retry_backoff = 2")
    connection.execute(f"SET GLOBAL http_timeout = {PATIENCE}")


def listing(connection: duckdb.DuckDBPyConnection, folder: str) -> dict[str, int]:
    """Path below the folder → bytes, of every Parquet file there; a folder on disk as well as a bucket."""
    rows = connection.execute(
        f"SELECT filename, size FROM read_blob({literal(folder.rstrip('/') + '/**/*.parquet')})"
    ).fetchall()
    start = len(folder.rstrip("/")) + 1
    return {name[start:]: size for name, size in rows}


def copy(connection: duckdb.DuckDBPyConnection, origin: str, target: str) -> None:
    """One file, byte for byte, from disk or bucket to disk or bucket."""
    if not is_bucket(target):
        Path(target).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    connection.execute(
        f"COPY (SELECT content FROM read_blob({literal(origin)})) TO {literal(target)} (FORMAT blob)"
    )


def same(connection: duckdb.DuckDBPyConnection, one: str, other: str) -> bool:
    row = connection.execute(
        f"SELECT (SELECT md5(content) FROM read_blob({literal(one)})) = "
        f"(SELECT md5(content) FROM read_blob({literal(other)}))"
    ).fetchone()
    return bool(row and row[0])
