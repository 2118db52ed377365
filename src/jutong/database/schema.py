"""The schema file: what all migrations together make, for people to read and a test to compare.

``python -m jutong.database.schema`` writes it from a throw-away server.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import psycopg

from jutong.database.embedded import EmbeddedPostgres, binary
from jutong.database.migrations import migrate

SCHEMA_FILE = Path(__file__).with_name("schema.sql")


def described(url: str) -> str:
    """The control schema as pg_dump tells it, without what varies between runs."""
    dumped = subprocess.run(
        [str(binary("pg_dump")), "--schema-only", "--schema=jutong", "--no-owner", "--no-privileges", url],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    lines = [
        line
        for line in dumped.splitlines()
        if line and not line.startswith(("--", "SET ", "SELECT pg_catalog", "\\restrict", "\\unrestrict"))
    ]
    return "-- Written by `make schema` from the migrations; do not edit.\n" + "\n".join(lines) + "\n"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedPostgres(Path(folder) / "pg")
        server.start()
        try:
            with psycopg.connect(server.url(), autocommit=True) as connection:
                migrate(connection)
            SCHEMA_FILE.write_text(described(server.url()), encoding="utf-8")
        finally:
            server.stop()


if __name__ == "__main__":
    main()
