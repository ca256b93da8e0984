"""Tables that others wrote: all engines read them alike, and alluvium loads into them or refuses by name."""

import functools
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

import foreign
from alluvium import RESOURCE, Alluvium
from foreign import Foreign, Maker, named
from stores import Store

MERGE = {"write_disposition": "merge", "primary_key": "id"}
APPEND = {"write_disposition": "append"}
REPLACE = {"write_disposition": "replace"}

MAKERS: list[Maker] = [
    foreign.spark_plain,
    foreign.sail_deletion_vectors,
    foreign.spark_deletion_vectors,
    foreign.spark_column_mapping,
    foreign.spark_v2_checkpoint,
    foreign.spark_type_widening,
    foreign.spark_change_data_feed,
    foreign.spark_constraint,
    foreign.deltalake_every_type,
    foreign.deltalake_partitioned,
]


def name(value: Maker | dict | str) -> str:
    """How a parameter is called in the name of a test."""
    if isinstance(value, dict):
        return value["write_disposition"]
    return value if isinstance(value, str) else value.__name__


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the tables are made."""
    return tmp_path_factory.mktemp("foreign")


@pytest.fixture(scope="module")
def make(folder: Path) -> Callable[[Maker], Foreign]:
    """Makes a table in a folder of the maker's name, once."""
    return functools.cache(lambda maker: maker(folder / maker.__name__))


@pytest.fixture
def foreign_table(maker: Maker, make: Callable[[Maker], Foreign], folder: Path, store: Store) -> Foreign:
    """The maker's table, where alluvium will load."""
    made = make(maker)
    store.take(folder / maker.__name__, RESOURCE)
    return made


@pytest.mark.parametrize("maker", MAKERS, ids=name)
def test_engines_agree(foreign_table: Foreign, expect) -> None:
    expect(foreign_table.rows, foreign_table.schema, features=foreign_table.features)


@pytest.mark.parametrize("maker", [foreign.spark_plain, foreign.spark_v2_checkpoint], ids=name)
def test_a_table_is_loaded_into(foreign_table: Foreign, alluvium: Alluvium, expect) -> None:
    expect = functools.partial(expect, features=foreign_table.features)
    alluvium.load(named(0) + [{"id": 1, "name": "new"}], **APPEND)
    expect([*foreign_table.rows, *named(0), {"id": 1, "name": "new"}], foreign_table.schema)
    alluvium.load(named(7, 100) + [{"id": 2, "name": "new", "more": 1.5}], **MERGE)
    wider = [*foreign_table.schema, ("more", "double")]
    merged = [row for row in foreign_table.rows if row["id"] != 2] + named(0, 100)
    merged += [{"id": 1, "name": "new"}, {"id": 2, "name": "new", "more": 1.5}]
    expect(merged, wider)
    alluvium.load(named(5), **REPLACE)
    expect(named(5), wider)


@pytest.mark.parametrize("maker", [foreign.deltalake_every_type], ids=name)
def test_columns_that_are_not_loaded_keep_their_values(foreign_table: Foreign, alluvium: Alluvium, expect) -> None:
    first, *rest = foreign_table.rows
    alluvium.load([{"id": 1, "name": "new"}, {"id": 4, "name": "row 4"}], **MERGE)
    expect([first | {"name": "new"}, *rest, *named(4)], foreign_table.schema)
    alluvium.load(named(5), **APPEND)
    expect([first | {"name": "new"}, *rest, *named(4, 5)], foreign_table.schema)


@pytest.mark.parametrize("maker", [foreign.deltalake_partitioned], ids=name)
def test_partitions_of_others_are_loaded_into(foreign_table: Foreign, alluvium: Alluvium, expect) -> None:
    rows = {row["id"]: row for row in foreign_table.rows}
    # One row changes, one moves to another partition, one is the same, and one is new in a partition with escapes.
    load = [
        rows[1] | {"x": 100.5, "day": None},
        {"id": 2, "place": "50%/x", "day": "2024-02-29", "x": 0.5},
        {"id": 5, "place": "50%/x", "day": None, "x": 1.25},
        {"id": 99, "place": "a/é%20", "day": "2025-01-01", "x": 9.5},
    ]
    report = alluvium.load(load, columns={"day": {"data_type": "date"}}, **MERGE)
    assert report["rows"]["unchanged"] == 1, report
    rows |= {
        1: rows[1] | {"x": 100.5},
        2: {"id": 2, "place": "50%/x", "day": date(2024, 2, 29), "x": 0.5},
        99: {"id": 99, "place": "a/é%20", "day": date(2025, 1, 1), "x": 9.5},
    }
    expect(list(rows.values()), foreign_table.schema)
    alluvium.load([{"id": 7, "place": None, "day": "2025-01-02", "x": None}], columns={"day": {"data_type": "date"}}, **APPEND)
    expect([*rows.values(), {"id": 7, "day": date(2025, 1, 2)}], foreign_table.schema)


@pytest.mark.parametrize("maker", [foreign.sail_deletion_vectors, foreign.spark_deletion_vectors], ids=name)
def test_deletion_vectors_are_appended_to_and_replaced(foreign_table: Foreign, alluvium: Alluvium, expect) -> None:
    expect = functools.partial(expect, features=foreign_table.features)
    alluvium.load(named(100), **APPEND)
    expect(foreign_table.rows + named(100), foreign_table.schema)
    alluvium.load(named(7, 8), **REPLACE)
    expect(named(7, 8), foreign_table.schema)


@pytest.mark.parametrize("maker", [foreign.sail_deletion_vectors], ids=name)
def test_a_replace_counts_the_rows_that_were_there(foreign_table: Foreign, alluvium: Alluvium) -> None:
    report = alluvium.load(named(1), **REPLACE)
    assert report["rows"]["deleted"] == len(foreign_table.rows)


@pytest.mark.parametrize(
    ("maker", "load", "feature"),
    [
        *((foreign.spark_column_mapping, load, "columnMapping") for load in (APPEND, MERGE, REPLACE)),
        (foreign.spark_type_widening, APPEND, "typeWidening"),
        (foreign.spark_change_data_feed, MERGE, "changeDataFeed"),
        (foreign.spark_constraint, APPEND, "checkConstraints"),
    ],
    ids=name,
)
def test_a_load_is_refused_and_leaves_the_table(
    foreign_table: Foreign, load: dict, feature: str, store: Store, alluvium: Alluvium
) -> None:
    before = store.fingerprint()
    run = alluvium.run(named(1, 100), **load)
    assert run.code == 1, run
    assert run.resource["error"]["code"] == "table_feature"
    assert f"`{feature}`" in run.resource["error"]["message"]
    assert store.fingerprint() == before
