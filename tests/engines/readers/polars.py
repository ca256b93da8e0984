"""Reads with polars, whose Parquet reader is its own; the log comes from the deltalake package."""

import polars
from readers.table import Table, of_arrow


def read(table: str, storage: dict[str, str] | None = None, version: int | None = None) -> Table:
    """The table at one version, the newest if none is named."""
    return of_arrow(polars.scan_delta(table, version=version, storage_options=storage).collect().to_arrow())
