"""Merges rows into a Delta table by key with Spark, and prints how long it took without the session's start."""

import pathlib
import sys
import time

from pyspark.sql import SparkSession


def main(jars: str, table: str, changes: str) -> None:
    """A first query warms the session up, so that the merge alone is measured."""
    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.jars", jars)
        .config("spark.driver.memory", "4g")
        .config("spark.ui.enabled", "false")
        # Else it makes a folder where it is started.
        .config("spark.sql.warehouse.dir", str(pathlib.Path(table).parent / "warehouse"))
        .config("spark.sql.shuffle.partitions", "4")
        .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
        .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    spark.read.parquet(changes).createOrReplaceTempView("changes")
    spark.sql(f"SELECT count(*) FROM delta.`{table}`").collect()
    began = time.perf_counter()
    spark.sql(
        f"MERGE INTO delta.`{table}` t USING changes s ON t.id = s.id "
        "WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *"
    ).collect()
    print(time.perf_counter() - began)


if __name__ == "__main__":
    main(*sys.argv[1:])
