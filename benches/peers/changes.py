"""Turns the changed rows into Parquet with the types of the table, for the peers that merge from a file."""

import datetime
import json
import sys

import pyarrow
import pyarrow.parquet

TIMES = ("created_at", "updated_at")


def instant(text: str | None) -> datetime.datetime | None:
    """A time in UTC."""
    return None if text is None else datetime.datetime.fromisoformat(text)


def main(source: str, target: str) -> None:
    """Writes the rows of a JSON Lines file."""
    with open(source, encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    for row in rows:
        row.update({name: instant(row[name]) for name in TIMES})
    frame = pyarrow.Table.from_pylist(rows)
    times = pyarrow.timestamp("us", tz="UTC")
    fields = [field.with_type(times) if field.name in TIMES else field for field in frame.schema]
    pyarrow.parquet.write_table(frame.cast(pyarrow.schema(fields)), target)


if __name__ == "__main__":
    main(*sys.argv[1:])
