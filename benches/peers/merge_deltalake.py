"""Merges rows into a Delta table by key with Python deltalake, and prints how long it took from opening to the commit."""

import sys
import time

import deltalake
import pyarrow.parquet


def main(table: str, changes: str) -> None:
    """The rows are in memory before the clock starts."""
    rows = pyarrow.parquet.read_table(changes)
    began = time.perf_counter()
    target = deltalake.DeltaTable(table)
    properties = deltalake.WriterProperties(compression="ZSTD", compression_level=1)
    merge = target.merge(
        rows, "t.id = s.id", source_alias="s", target_alias="t", writer_properties=properties,
    )
    merge.when_matched_update_all().when_not_matched_insert_all().execute()
    print(time.perf_counter() - began)


if __name__ == "__main__":
    main(*sys.argv[1:])
