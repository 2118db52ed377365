"""The peer: one table of a database by dlt into Parquet, as its own documentation advises for speed.

``python dlt_gather.py URL TABLE FOLDER`` prints the seconds; run by the interpreter that ``JUTONG_PEERS`` names.
"""

import sys
import time

import dlt
from dlt.sources.sql_database import sql_table


def main(url: str, table: str, folder: str) -> None:
    began = time.perf_counter()
    pipeline = dlt.pipeline(
        "peer",
        pipelines_dir=f"{folder}/work",
        destination=dlt.destinations.filesystem(bucket_url=f"file://{folder}/out"),
        dataset_name="raw",
    )
    rows = sql_table(
        credentials=url,
        table=table,
        backend="pyarrow",
        chunk_size=100_000,
        reflection_level="full_with_precision",
    )
    pipeline.run(rows, loader_file_format="parquet", write_disposition="replace")
    print(time.perf_counter() - began)


if __name__ == "__main__":
    main(*sys.argv[1:])
