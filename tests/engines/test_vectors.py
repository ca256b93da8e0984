"""Deletion vectors: those that alluvium writes are read by all engines, and those that others write are merged into."""

import json
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import foreign
from alluvium import RESOURCE, Alluvium
from deltalake import DeltaTable
from foreign import Maker, named
from readers import sail, spark
from readers.table import Row
from stores import Store

MERGE = {"write_disposition": "merge", "primary_key": "id"}
VECTORS = MERGE | {"delta": {"deletion_vectors": True}}
SCHEMA = [("id", "bigint"), ("name", "text"), ("score", "double")]
FEATURES = ("deletionVectors",)


def people(numbers: Iterable[int], name: str = "person") -> list[Row]:
    return [{"id": number, "name": f"{name} {number}", "score": number / 4} for number in numbers]


def without(rows: list[Row], *others: list[Row]) -> list[Row]:
    """The rows whose key none of the others has."""
    taken = {row["id"] for rows in others for row in rows}
    return [row for row in rows if row["id"] not in taken]


def gone(store: Store) -> list[int]:
    """How many rows each vector of the newest version takes out, by the entries of the log."""
    files: dict[str, Any] = {}
    for name, body in sorted(store.files().items()):
        if "/_delta_log/" not in name or not name.endswith(".json"):
            continue
        actions = [json.loads(line) for line in body.splitlines()]
        for action in actions:
            if "remove" in action:
                files.pop(action["remove"]["path"], None)
        files |= {add["path"]: add.get("deletionVector") for action in actions if (add := action.get("add"))}
    return sorted(vector["cardinality"] for vector in files.values() if vector)


def test_vectors_are_read_by_all(store: Store, alluvium: Alluvium, expect) -> None:
    expect = partial(expect, features=FEATURES)
    rows = people(range(3_000))
    alluvium.load(rows, **VECTORS)
    # Among them the first and the last row, and some that follow each other.
    first = people([0, *range(1_000, 1_100), 2_999], "first")
    report = alluvium.load(first, **VECTORS)
    assert (report["files"]["added"], report["files"]["removed"]) == (1, 0)
    assert gone(store) == [len(first)]
    after_first = without(rows, first) + first
    expect(after_first, SCHEMA)
    second = people([1, 1_050, 1_100, *range(2_000, 2_300, 3)], "second")
    alluvium.load(second + people(range(3_000, 3_005)), **VECTORS)
    assert gone(store) == [1, len(first) + len(second) - 1]
    expect(without(after_first, second) + second + people(range(3_000, 3_005)), SCHEMA)
    expect(after_first, SCHEMA, version=1)
    expect(rows, SCHEMA, version=0)


def test_vectors_go_with_new_columns_and_a_replace(store: Store, alluvium: Alluvium, expect) -> None:
    expect = partial(expect, features=FEATURES)
    rows = people(range(100))
    # The table gets them later, by a commit of its own.
    alluvium.load(rows, **MERGE)
    first = people([3, 4], "first")
    assert alluvium.load(first, **VECTORS)["version"] == 2
    wider = [{"id": 5, "more": {"x": 1}}, {"id": 6, "more": None}]
    assert alluvium.load(wider, **MERGE)["version"] == 4
    # One of the two is as it was.
    assert gone(store) == [3]
    schema = [*SCHEMA, ("more", "struct<x: bigint>")]
    merged = without(rows, first, wider) + first
    merged += [row | new for row, new in zip(people([5, 6]), wider, strict=True)]
    expect(merged, schema)
    expect(without(rows, first) + first, SCHEMA, version=2)
    alluvium.load(people([7]), write_disposition="replace")
    expect(people([7]), schema)


def test_vectors_are_in_a_checkpoint(store: Store, alluvium: Alluvium, expect) -> None:
    rows = people(range(200))
    alluvium.load(rows, **VECTORS)
    for number in range(22):
        alluvium.load(people([number * 9], "new"), **VECTORS)
    assert any(name.endswith(".checkpoint.parquet") for name in store.files())
    new = people(range(0, 22 * 9, 9), "new")
    assert gone(store)[-1] == len(new)
    expect(without(rows, new) + new, SCHEMA, features=FEATURES)


def test_the_pyarrow_reader_of_deltalake_refuses(store: Store, alluvium: Alluvium) -> None:
    alluvium.load(people(range(20)), **VECTORS)
    alluvium.load(people([1], "new"), **VECTORS)
    opened = DeltaTable(alluvium.table, storage_options=store.options)
    for read in (opened.to_pyarrow_table, opened.to_pandas):
        with pytest.raises(Exception, match="deletionVectors"):
            read()


MAKERS: list[Maker] = [
    foreign.spark_deletion_vectors,
    foreign.sail_deletion_vectors,
    foreign.spark_updated_vectors,
    foreign.sail_updated_vectors,
]


@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.__name__)
def test_tables_of_others_are_merged_into(maker: Maker, store: Store, tmp_path: Path, alluvium: Alluvium, expect) -> None:
    made = maker(tmp_path / "made")
    store.take(tmp_path / "made", RESOURCE)
    before = sum(gone(store))
    # Of these 5 was deleted and comes back, 7 is as it was, 8 is changed, and 100 is new.
    report = alluvium.load([*named(5, 7, 100), {"id": 8, "name": "new"}], **MERGE)
    assert report["rows"] == {"read": 4, "inserted": 2, "updated": 1, "unchanged": 1, "deleted": 0, "rejected": 0}
    merged = without(made.rows, named(8)) + named(5, 100) + [{"id": 8, "name": "new"}]
    expect(merged, SCHEMA[:2], features=FEATURES)
    expect(made.rows, SCHEMA[:2], features=FEATURES, version=report["version"] - 1)
    # Most of its rows are gone from the file then, so that it is written again.
    last = [{"id": number, "name": "last"} for number in range(9, 16)]
    alluvium.load(last, **MERGE)
    assert before > 0
    assert gone(store) == []
    expect(without(merged, last) + last, SCHEMA[:2], features=FEATURES)


@pytest.mark.parametrize("engine", [spark, sail], ids=["spark", "sail"])
def test_others_write_to_a_table_with_vectors(engine, store: Store, alluvium: Alluvium, expect) -> None:
    expect = partial(expect, features=FEATURES)
    rows = people(range(100))
    alluvium.load(rows, **VECTORS)
    first = people([3, 4], "first")
    alluvium.load(first, **VECTORS)
    engine.reach(store.options)
    session = engine.session()
    table = foreign.attach(session, spark.place(alluvium.table) if engine is spark else alluvium.table)
    session.sql(f"DELETE FROM {table} WHERE id IN (3, 50)")
    session.sql(f"UPDATE {table} SET name = 'theirs' WHERE id IN (4, 51)")
    theirs = [{"id": number, "name": "theirs", "score": number / 4} for number in (4, 51)]
    assert max(gone(store)) >= 3, "they wrote vectors of their own"
    after = without(rows, first, theirs, people([50])) + theirs
    expect(after, SCHEMA)
    last = people([3, 51, 52], "last")
    report = alluvium.load(last, **VECTORS)
    assert (report["rows"]["inserted"], report["rows"]["updated"]) == (1, 2)
    expect(without(after, last) + last, SCHEMA)
