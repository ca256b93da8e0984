"""What Spark and Sail have in common: the Spark Connect protocol. Does not know how a server is started."""

from pyspark.sql.connect.session import SparkSession

from readers.table import Table, of_arrow


def session(url: str) -> SparkSession:
    """A session of its own at a server; instants are handed out in UTC."""
    opened = SparkSession.builder.remote(url).create()
    opened.conf.set("spark.sql.session.timeZone", "UTC")
    # An error with its hundred frames of Java buries what it says.
    opened.conf.set("spark.sql.connect.serverStacktrace.enabled", "false")
    opened.conf.set("spark.sql.pyspark.jvmStacktrace.enabled", "false")
    return opened


def read(opened: SparkSession, table: str, version: int | None) -> Table:
    """The table at one version, the newest if none is named."""
    reader = opened.read.format("delta")
    if version is not None:
        reader = reader.option("versionAsOf", version)
    return of_arrow(reader.load(table).toArrow())
