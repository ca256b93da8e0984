"""Tables that others wrote. Each maker writes one into a local folder, and gives what all engines must see.

A table is made once in a test run and copied to where a test wants it: a table's log names its files relative to itself.
"""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
from pyspark.sql.connect.session import SparkSession

from deltalake import write_deltalake
from readers import sail, spark
from readers.table import Row, Schema, type_name

SCHEMA: Schema = [("id", "bigint"), ("name", "text")]


@dataclass(frozen=True)
class Foreign:
    """A table of somebody else."""

    rows: list[Row]
    schema: Schema
    # The Delta features that a reader must know.
    features: tuple[str, ...] = ()


# Writes a table into a folder.
Maker = Callable[[Path], Foreign]


def named(*numbers: int) -> list[Row]:
    """Rows of the two columns that most of these tables have."""
    return [{"id": number, "name": f"row {number}"} for number in numbers]


def attach(session: SparkSession, place: Path | str) -> str:
    """A name in SQL for a table that is there."""
    name = f"t{uuid.uuid4().hex}"
    session.sql(f"CREATE TABLE {name} USING delta LOCATION '{place}'")
    return name


def spark_plain(folder: Path) -> Foreign:
    """Nothing special, by the reference writer."""
    _create(spark.session(), folder, {}, 20)
    return Foreign(named(*range(20)), SCHEMA)


def sail_deletion_vectors(folder: Path) -> Foreign:
    """Rows that are deleted beside their file."""
    return _deletion_vectors(sail.session(), folder)


def spark_deletion_vectors(folder: Path) -> Foreign:
    """The same by the reference writer."""
    return _deletion_vectors(spark.session(), folder)


def spark_updated_vectors(folder: Path) -> Foreign:
    """Rows of which some were deleted and others changed, by the reference writer."""
    return _updated_vectors(spark.session(), folder)


def sail_updated_vectors(folder: Path) -> Foreign:
    """The same by another one."""
    return _updated_vectors(sail.session(), folder)


def spark_column_mapping(folder: Path) -> Foreign:
    """Columns whose name in the files is another, after a rename."""
    session = spark.session()
    _create(session, folder, {"delta.columnMapping.mode": "name"}, 20)
    session.sql(f"ALTER TABLE delta.`{folder}` RENAME COLUMN name TO title")
    rows = [{"id": row["id"], "title": row["name"]} for row in named(*range(20))]
    return Foreign(rows, [("id", "bigint"), ("title", "text")], ("columnMapping",))


def spark_v2_checkpoint(folder: Path) -> Foreign:
    """A checkpoint with sidecars, on which the newest version rests."""
    session = spark.session()
    _create(session, folder, {"delta.checkpointPolicy": "v2", "delta.checkpointInterval": "2"}, 20)
    for number in range(20, 24):
        session.sql(f"INSERT INTO delta.`{folder}` VALUES ({number}, 'row {number}')")
    assert list(folder.glob("_delta_log/_sidecars/*.parquet")), "no checkpoint was made"
    return Foreign(named(*range(24)), SCHEMA, ("v2Checkpoint",))


def spark_type_widening(folder: Path) -> Foreign:
    """A file with narrow numbers under a column that is wide now."""
    session = spark.session()
    session.sql(
        f"CREATE TABLE delta.`{folder}` (id INT, name STRING) USING delta TBLPROPERTIES ('delta.enableTypeWidening' = 'true')"
    )
    session.sql(f"INSERT INTO delta.`{folder}` VALUES (1, 'row 1')")
    session.sql(f"ALTER TABLE delta.`{folder}` ALTER COLUMN id TYPE BIGINT")
    session.sql(f"INSERT INTO delta.`{folder}` VALUES ({2**40}, 'row {2**40}')")
    return Foreign(named(1, 2**40), SCHEMA, ("typeWidening",))


def spark_change_data_feed(folder: Path) -> Foreign:
    """Changes that are written beside the rows."""
    session = spark.session()
    _create(session, folder, {"delta.enableChangeDataFeed": "true"}, 20)
    session.sql(f"UPDATE delta.`{folder}` SET name = 'new' WHERE id = 3")
    return Foreign([*named(0, 1, 2, *range(4, 20)), {"id": 3, "name": "new"}], SCHEMA)


def spark_constraint(folder: Path) -> Foreign:
    """A condition that every row must meet."""
    session = spark.session()
    _create(session, folder, {}, 20)
    session.sql(f"ALTER TABLE delta.`{folder}` ADD CONSTRAINT positive CHECK (id >= 0)")
    return Foreign(named(*range(20)), SCHEMA)


def deltalake_every_type(folder: Path) -> Foreign:
    """The types that JSON cannot fill, at the ends of their ranges."""
    values: dict[str, tuple[pa.DataType, list]] = {
        "id": (pa.int64(), [1, 2, 3]),
        "name": (pa.string(), ["row 1", "row 2", None]),
        "tiny": (pa.int8(), [-128, 127, None]),
        "small": (pa.int16(), [-(2**15), 2**15 - 1, None]),
        "medium": (pa.int32(), [-(2**31), 2**31 - 1, None]),
        "single": (pa.float32(), [0.5, -2.0**-149, None]),
        "money": (pa.decimal128(38, 2), [Decimal("1.50"), Decimal("-" + "9" * 36 + ".99"), None]),
        "bytes": (pa.binary(), [b"\x00\xff", b"", None]),
        "local": (pa.timestamp("us"), [datetime(2024, 1, 1, 1, 2, 3, 4), datetime(1500, 1, 1), None]),
        "counts": (pa.map_(pa.string(), pa.int32()), [[("a", 1), ("b", None)], [], None]),
        "inner": (pa.struct([("n", pa.int32()), ("day", pa.date32())]), [{"n": 1, "day": date(1, 1, 1)}, {}, None]),
    }
    columns = {name: pa.array(column, kind) for name, (kind, column) in values.items()}
    write_deltalake(folder, pa.table(columns))
    rows = [dict(zip(values, row, strict=True)) for row in zip(*(column for _, column in values.values()), strict=True)]
    return Foreign(rows, [(name, type_name(kind)) for name, (kind, _) in values.items()])


def deltalake_partitioned(folder: Path) -> Foreign:
    """Columns whose values are in the log and in the paths, where they need escapes."""
    texts = ["a b", "50%/x", "ü=1", None]
    days = [date(2024, 2, 29), None]
    rows = [
        {"id": number, "place": texts[number % 4], "day": days[number % 2], "x": number / 4} for number in range(16)
    ]
    schema = pa.schema([("id", pa.int64()), ("place", pa.string()), ("day", pa.date32()), ("x", pa.float64())])
    written = pa.Table.from_pylist(rows, schema)
    write_deltalake(folder, written, partition_by=["place", "day"])
    return Foreign(rows, [("id", "bigint"), ("place", "text"), ("day", "date"), ("x", "double")])


def _deletion_vectors(session: SparkSession, folder: Path) -> Foreign:
    name = _create(session, folder, {"delta.enableDeletionVectors": "true"}, 20)
    session.sql(f"DELETE FROM {name} WHERE id % 5 = 0")
    assert _has_deletion_vector(folder), "no deletion vector was made"
    return Foreign(named(*(number for number in range(20) if number % 5)), SCHEMA, ("deletionVectors",))


def _updated_vectors(session: SparkSession, folder: Path) -> Foreign:
    made = _deletion_vectors(session, folder)
    name = attach(session, folder)
    session.sql(f"UPDATE {name} SET name = 'new' WHERE id IN (3, 6)")
    rows = [row for row in made.rows if row["id"] not in (3, 6)] + [{"id": id, "name": "new"} for id in (3, 6)]
    return Foreign(rows, made.schema, made.features)


def _create(session: SparkSession, folder: Path, properties: dict[str, str], count: int) -> str:
    """Makes a table of one file, and gives a name for it in SQL."""
    name = f"t{uuid.uuid4().hex}"
    listed = ", ".join(f"'{key}' = '{value}'" for key, value in properties.items())
    session.sql(
        f"CREATE TABLE {name} (id BIGINT, name STRING) USING delta LOCATION '{folder}'"
        + (f" TBLPROPERTIES ({listed})" if listed else "")
    )
    values = ", ".join(f"({row['id']}, '{row['name']}')" for row in named(*range(count)))
    session.sql(f"INSERT INTO {name} SELECT /*+ COALESCE(1) */ * FROM VALUES {values} AS v(id, name)")
    return name


def _has_deletion_vector(folder: Path) -> bool:
    log = [path.read_text() for path in folder.glob("_delta_log/*.json")]
    actions = [json.loads(line) for text in log for line in text.splitlines()]
    return any(action.get("add", {}).get("deletionVector") for action in actions)
