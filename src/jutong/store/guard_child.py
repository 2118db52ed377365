"""The child that runs a person's SQL: no package of ours, no lake, no network, nothing to configure.

Reads one JSON order on stdin, works in its current folder (``data/`` holds the granted Parquet), writes
``answer.arrow`` there and one JSON verdict on stdout.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb


def main() -> None:
    order = json.load(sys.stdin.buffer)
    memory = int(order["memory_mb"]) << 20
    # Address space holds the interpreter, libraries and DuckDB's reservations besides the working memory.
    _limit(resource.RLIMIT_AS, 3 * memory + (3 << 30))
    # At the hard limit the kernel sends SIGKILL, which does not tell why; SIGXCPU of the soft one comes first.
    _limit(resource.RLIMIT_CPU, int(order["cpu_seconds"]), and_then=5)
    _limit(resource.RLIMIT_FSIZE, max(int(order["spill_mb"]) << 20, 64 << 20))
    _limit(resource.RLIMIT_NOFILE, 256)
    _limit(resource.RLIMIT_CORE, 0)
    say(answer(order))


def answer(order: dict[str, Any]) -> dict[str, Any]:
    import duckdb

    connection = duckdb.connect(
        config={
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "python_enable_replacements": False,
            "memory_limit": f"{order['memory_mb']}MB",
            "threads": 1,
            "temp_directory": "spill",
            "max_temp_directory_size": f"{order['spill_mb']}MB",
        }
    )
    late = threading.Timer(order["seconds"], connection.interrupt)
    late.daemon = True
    try:
        _prepare(connection, order)
        late.start()
        return _ask(connection, order["sql"], order["rows"])
    except duckdb.InterruptException:
        return {"ok": False, "code": "store.sql_too_long"}
    except (duckdb.OutOfMemoryException, MemoryError):
        return {"ok": False, "code": "store.sql_too_large"}
    except duckdb.Error as problem:
        code = "store.sql_too_large" if "bad_alloc" in str(problem) else "store.sql_failed"
        return {"ok": False, "code": code, "words": " ".join(str(problem).split())[:500]}


def _prepare(connection: duckdb.DuckDBPyConnection, order: dict[str, Any]) -> None:
    folder = os.path.join(os.getcwd(), "data")
    connection.execute("SET TimeZone = 'Asia/Shanghai'")
    for name, file in order["views"].items():
        path = os.path.join(folder, file).replace("'", "''")
        connection.execute(
            f"""CREATE VIEW "{name.replace('"', '""')}" AS SELECT * FROM read_parquet('{path}')"""
        )
    allowed = folder.replace("'", "''")
    connection.execute(f"SET allowed_directories = ['{allowed}']")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _ask(connection: duckdb.DuckDBPyConnection, sql: str, most: int) -> dict[str, Any]:
    import pyarrow as pa

    reader = connection.execute(sql).to_arrow_reader(10_000)
    rows = 0
    with pa.OSFile("answer.arrow", "wb") as sink, pa.ipc.new_file(sink, reader.schema) as writer:
        for batch in reader:
            rows += batch.num_rows
            if rows > most:
                return {"ok": False, "code": "store.sql_too_many_rows"}
            writer.write_batch(batch)
    return {"ok": True, "rows": rows}


def say(verdict: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(verdict))
    sys.stdout.flush()
    os._exit(0)  # whatever the engine's threads still do is of no interest


def _limit(kind: int, most: int, and_then: int = 0) -> None:
    _, hard = resource.getrlimit(kind)
    soft, hard = (n if hard == resource.RLIM_INFINITY else min(n, hard) for n in (most, most + and_then))
    resource.setrlimit(kind, (soft, hard))


if __name__ == "__main__":
    main()
