"""Reads with DuckDB and its delta extension, which is loaded from its wheel: nothing is fetched at run time."""

import functools
from pathlib import Path
from urllib.parse import urlsplit

import duckdb
import duckdb_extension_delta
import duckdb_extension_httpfs
from readers.table import Table, of_arrow


@functools.cache
def _connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"autoinstall_known_extensions": "false"})
    for name, module in (("httpfs", duckdb_extension_httpfs), ("delta", duckdb_extension_delta)):
        folder = Path(module.__file__).parent / "extensions" / f"v{duckdb.__version__}"
        connection.execute(f"LOAD '{folder / name}.duckdb_extension'")
    return connection


def read(table: str, storage: dict[str, str] | None = None, version: int | None = None) -> Table:
    """The table at one version, the newest if none is named."""
    connection = _connection().cursor()
    if storage:
        endpoint = urlsplit(storage["AWS_ENDPOINT_URL"])
        connection.execute(
            f"""CREATE OR REPLACE SECRET store (
                TYPE s3, KEY_ID '{storage["AWS_ACCESS_KEY_ID"]}', SECRET '{storage["AWS_SECRET_ACCESS_KEY"]}',
                REGION '{storage["AWS_REGION"]}', ENDPOINT '{endpoint.netloc}', USE_SSL false, URL_STYLE 'path')"""
        )
    at = "" if version is None else f", version = {version}"
    return of_arrow(connection.execute(f"SELECT * FROM delta_scan('{table}'{at})").to_arrow_table())
