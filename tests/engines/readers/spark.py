"""Reads with Apache Spark and Delta Lake's own connector, the reference of the format, in a Connect server of its own."""

import functools

from pyspark.sql.connect.session import SparkSession

from readers import connect
from readers.table import Table
from servers import spark as server


@functools.cache
def session() -> SparkSession:
    """The session of the test run."""
    return connect.session(server.start())


def place(table: str) -> str:
    """The table's place by the scheme that Hadoop has for S3."""
    return table.replace("s3://", "s3a://", 1)


def reach(storage: dict[str, str] | None) -> None:
    """Lets the session reach a store."""
    if not storage:
        return
    for key, value in {
        "fs.s3a.endpoint": storage["AWS_ENDPOINT_URL"],
        "fs.s3a.endpoint.region": storage["AWS_REGION"],
        "fs.s3a.access.key": storage["AWS_ACCESS_KEY_ID"],
        "fs.s3a.secret.key": storage["AWS_SECRET_ACCESS_KEY"],
        "fs.s3a.path.style.access": "true",
    }.items():
        session().conf.set(key, value)


def read(table: str, storage: dict[str, str] | None = None, version: int | None = None) -> Table:
    """The table at one version, the newest if none is named."""
    reach(storage)
    return connect.read(session(), place(table), version)
