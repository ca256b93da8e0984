"""Reads with the Python deltalake package by SQL; its pyarrow reader would refuse deletion vectors."""

import pyarrow

from deltalake import DeltaTable, QueryBuilder
from readers.table import Table, of_arrow


def read(table: str, storage: dict[str, str] | None = None, version: int | None = None) -> Table:
    """The table at one version, the newest if none is named."""
    opened = DeltaTable(table, version=version, storage_options=storage)
    reader = QueryBuilder().register("opened", opened).execute("SELECT * FROM opened")
    return of_arrow(pyarrow.RecordBatchReader.from_stream(reader).read_all())
