"""The engines that read the tables of the tests, by name. Each is a module with `read(table, storage, version)`."""

from collections.abc import Callable

from readers import deltalake, duckdb, polars, sail, spark
from readers.table import Table

Reader = Callable[..., Table]

ENGINES: dict[str, Reader] = {
    "duckdb": duckdb.read,
    "spark": spark.read,
    "sail": sail.read,
    "polars": polars.read,
    "deltalake": deltalake.read,
}
