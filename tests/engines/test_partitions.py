"""Tables that are split by the values of columns, and tables of versions of rows: all engines read them alike."""

from datetime import date, datetime, timezone
from functools import partial

import pytest

from alluvium import Alluvium
from readers.table import Row

SCHEMA = [("id", "bigint"), ("day", "date"), ("place", "text"), ("note", "text")]
PLACES = ["Zürich", "a/b c", "50%", "x=1", None]


def events(*numbers: int, note: str = "old") -> list[Row]:
    return [
        {"id": number, "day": f"2024-02-{20 + number % 3}", "note": note, "place": PLACES[number % 5]}
        for number in numbers
    ]


def seen(rows: list[Row]) -> list[Row]:
    return [row | {"day": date.fromisoformat(row["day"])} for row in rows]


@pytest.mark.parametrize("vectors", [False, True], ids=["copies", "vectors"])
def test_partitions_are_read_by_all(alluvium: Alluvium, expect, vectors: bool) -> None:
    columns = {"day": {"data_type": "date", "partition": True}, "place": {"partition": True}}
    merge = {"write_disposition": "merge", "primary_key": "id", "columns": columns}
    merge |= {"delta": {"deletion_vectors": vectors}}
    expect = partial(expect, features=("deletionVectors",) if vectors else ())
    alluvium.load(events(*range(60)), **merge)
    expect(seen(events(*range(60))), SCHEMA)
    moved = [row | {"day": "2024-03-01"} for row in events(7, 8)]
    report = alluvium.load(events(*range(5), note="new") + moved + events(10, 11), **merge)
    assert (report["rows"]["updated"], report["rows"]["unchanged"]) == (7, 2), report
    rows = events(*range(5), note="new") + events(5, 6, *range(9, 60)) + moved
    expect(seen(rows), SCHEMA)
    append = merge | {"write_disposition": "append"}
    alluvium.load([{"id": 100, "day": "2024-02-20", "note": "more", "place": "x=1", "wide": 1.5}], **append)
    more = {"id": 100, "day": "2024-02-20", "note": "more", "place": "x=1", "wide": 1.5}
    expect(seen([*rows, more]), [*SCHEMA, ("wide", "double")])


def test_versions_are_read_by_all(alluvium: Alluvium, expect) -> None:
    def load(day: int, *rows: Row) -> dict:
        boundary = f"2024-01-{day:02}T00:00:00Z"
        scd2 = {"disposition": "merge", "strategy": "scd2", "boundary_timestamp": boundary}
        return alluvium.load(list(rows), write_disposition=scd2 | {"row_version_column_name": "version"})

    def row(number: int, version: str) -> Row:
        return {"id": number, "version": version}

    def valid(since: int, until: int | None) -> Row:
        def time(day: int | None) -> datetime | None:
            return day and datetime(2024, 1, day, tzinfo=timezone.utc)

        return {"_dlt_valid_from": time(since), "_dlt_valid_to": time(until)}

    schema = [("_dlt_valid_from", "timestamp"), ("_dlt_valid_to", "timestamp"), ("version", "text"), ("id", "bigint")]
    load(1, row(1, "a"), row(2, "b"))
    load(2, row(1, "c"), row(2, "b"))
    load(3, row(1, "a"))
    expect(
        [
            row(1, "a") | valid(1, 2),
            row(2, "b") | valid(1, 3),
            row(1, "c") | valid(2, 3),
            row(1, "a") | valid(3, None),
        ],
        schema,
    )
