"""Compaction and vacuum: every engine sees the same rows before and after."""

from datetime import UTC, datetime
from functools import partial

import pytest

import foreign
from alluvium import RESOURCE, Alluvium
from readers.table import Row
from stores import Store

MERGE = {"write_disposition": "merge", "primary_key": "id"}
VECTORS = MERGE | {"delta": {"deletion_vectors": True}}
FEATURES = ("deletionVectors",)
SCHEMA = [
    ("id", "bigint"),
    ("at", "timestamp"),
    ("inner", "struct<n: bigint>"),
    ("name", "text"),
    ("score", "double"),
    ("tags", "list<text>"),
]
# A page is a file.
SMALL = {"memory": 1, "file_bytes": 1}


def people(numbers: range | list[int], name: str = "person") -> list[Row]:
    return [
        {
            "at": f"2024-03-09T10:11:{number % 60:02}.5Z",
            "id": number,
            "inner": {"n": number} if number % 3 else None,
            "name": f"{name} {number}",
            "score": number / 4,
            "tags": ["a", f"b{number}"][: 1 + number % 2],
        }
        for number in numbers
    ]


def seen(rows: list[Row]) -> list[Row]:
    """The rows as an engine hands them out."""
    return [row | {"at": datetime(2024, 3, 9, 10, 11, row["id"] % 60, 500_000, UTC)} for row in rows]


def without(rows: list[Row], others: list[Row]) -> list[Row]:
    taken = {row["id"] for row in others}
    return [row for row in rows if row["id"] not in taken]


@pytest.mark.parametrize("disposition", [MERGE, VECTORS], ids=["plain", "vectors"])
def test_rows_are_the_same_before_and_after(disposition: dict, store: Store, alluvium: Alluvium, expect) -> None:
    expect = partial(expect, features=FEATURES if disposition is VECTORS else ())
    rows = people([*range(300, 600), *range(300)])
    alluvium.load(rows, limits=SMALL, **disposition)
    changed = people([0, 7, 299, 300, 599, 600], "changed")
    alluvium.load(changed, **disposition)
    rows = without(rows, changed) + changed
    expect(seen(rows), SCHEMA)
    report = alluvium.look_after("optimize", "--key", "id")
    assert (report["version"], report["files_added"], report["rows"]) == (2, 1, len(rows))
    expect(seen(rows), SCHEMA)
    assert alluvium.look_after("optimize", "--key", "id")["files_removed"] == 0
    assert alluvium.look_after("vacuum")["files"] == 0
    expect(seen(rows), SCHEMA, version=1)
    report = alluvium.look_after("vacuum", "--retention", "1ms", "--allow-short-retention")
    assert report["files"] >= 12
    assert sum(name.endswith((".parquet", ".bin")) for name in store.files()) == 1
    expect(seen(rows), SCHEMA)
    # The table goes on being loaded into.
    assert alluvium.load(rows, **disposition)["rows"]["unchanged"] == len(rows)


def test_every_type_of_others_is_put_together(store: Store, alluvium: Alluvium, tmp_path, expect) -> None:
    made = foreign.deltalake_every_type(tmp_path / "made")
    store.take(tmp_path / "made", RESOURCE)
    alluvium.load([{"id": 4, "name": "row 4"}], write_disposition="append")
    rows = [*made.rows, {"id": 4, "name": "row 4"}]
    expect(rows, made.schema)
    assert alluvium.look_after("optimize", "--key", "id")["files_added"] == 1
    expect(rows, made.schema)
