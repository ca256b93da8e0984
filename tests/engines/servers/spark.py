"""Starts Spark's Connect server with Delta Lake. It ends with this process."""

import atexit
import os
import tempfile
from pathlib import Path

import pyspark

from servers.daemon import Daemon, free_ports, listens

START_SECONDS = 90

# Tables of tests are small: by default Delta replays a log, and Spark shuffles, in dozens of tasks.
CONFIGURATION = {
    "spark.connect.grpc.binding.address": "127.0.0.1",
    "spark.databricks.delta.snapshotPartitions": "2",
    "spark.driver.host": "127.0.0.1",
    "spark.hadoop.fs.s3a.connection.ssl.enabled": "false",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.shuffle.partitions": "2",
    "spark.ui.enabled": "false",
}


def start() -> str:
    """The URL of a new server."""
    home = Path(pyspark.__file__).parent
    jars = sorted(Path(os.environ["ALLUVIUM_SPARK_JARS"]).glob("*.jar"))
    folder = tempfile.TemporaryDirectory(prefix="alluvium-spark-", ignore_cleanup_errors=True)
    (port,) = free_ports(1)
    configuration = CONFIGURATION | {
        "spark.connect.grpc.binding.port": str(port),
        "spark.local.dir": folder.name,
        "spark.sql.warehouse.dir": f"{folder.name}/warehouse",
    }
    command = [str(home / "bin/spark-submit"), "--master", "local[2]", "--driver-memory", "2g"]
    # A server that lives for minutes has no time for the better compiler.
    java = f"-Dderby.system.home={folder.name} -XX:TieredStopAtLevel=1"
    command += ["--driver-java-options", java]
    command += ["--class", "org.apache.spark.sql.connect.service.SparkConnectServer", "--jars", ",".join(map(str, jars))]
    for key, value in configuration.items():
        command += ["--conf", f"{key}={value}"]
    env = os.environ | {"SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1"}
    server = Daemon([*command, "spark-internal"], Path(folder.name) / "log", env)
    atexit.register(folder.cleanup)
    atexit.register(server.stop)
    server.wait_for(lambda: listens(port), START_SECONDS)
    return f"sc://127.0.0.1:{port}"
