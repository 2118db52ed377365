"""Run by the peer's own Python: ``dlt_deliver.py POSTGRES_URL PARQUET WORKING_FOLDER``; prints seconds."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit


def main(url: str, parquet: str, folder: str) -> None:
    import dlt  # type: ignore[import-not-found]
    import pyarrow.parquet as pq

    parts = urlsplit(url)
    host = parse_qs(parts.query).get("host", [parts.hostname or "localhost"])[0]
    told = f"postgresql://{parts.netloc.rpartition('@')[0]}@localhost{parts.path}?host={quote(host, safe='')}"

    @dlt.resource(name="company", primary_key="uscc", write_disposition="replace")
    def rows() -> Iterator[Any]:
        yield from pq.ParquetFile(parquet).iter_batches(100_000)

    began = time.perf_counter()
    pipeline = dlt.pipeline(
        "bench",
        pipelines_dir=str(Path(folder)),
        destination=dlt.destinations.postgres(told),
        dataset_name="peer",
    )
    pipeline.run(rows(), loader_file_format="csv").raise_on_failed_jobs()
    print(time.perf_counter() - began)


if __name__ == "__main__":
    main(*sys.argv[1:])
