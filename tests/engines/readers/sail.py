"""Reads with Sail, a Spark server in Rust with Delta code that no other engine shares. It runs in this process."""

import functools
import os

from pysail.spark import SparkConnectServer
from pyspark.sql.connect.session import SparkSession

from readers import connect
from readers.table import Table


@functools.cache
def _server() -> SparkConnectServer:
    """The server of the test run. It stops when its object is dropped, so the cache keeps it until the process ends."""
    server = SparkConnectServer("127.0.0.1", 0)
    server.start(background=True)
    return server


@functools.cache
def session() -> SparkSession:
    """The session of the test run."""
    _, port = _server().listening_address
    return connect.session(f"sc://127.0.0.1:{port}")


def reach(storage: dict[str, str] | None) -> None:
    """Lets the server reach a store, of which it knows by the environment only."""
    os.environ.update(storage or {})


def read(table: str, storage: dict[str, str] | None = None, version: int | None = None) -> Table:
    """The table at one version, the newest if none is named."""
    reach(storage)
    return connect.read(session(), table, version)
