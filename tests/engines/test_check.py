"""The check itself: it must fail where an engine saw something else, or this suite proves nothing."""

from datetime import datetime, timezone
from pathlib import Path

import pyarrow as pa
import pytest

from check import check
from deltalake import write_deltalake
from readers import ENGINES
from readers.refusals import REFUSALS
from readers.table import Row, Schema

SCHEMA: Schema = [("id", "bigint"), ("at", "timestamp"), ("inner", "struct<a: double, b: list<text>>")]
ROW: Row = {"id": 1, "at": datetime(2024, 2, 29, tzinfo=timezone.utc), "inner": {"a": 1.0, "b": ["x", None]}}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A table of one row."""
    place = str(tmp_path_factory.mktemp("check") / "table")
    inner = pa.struct([("a", pa.float64()), ("b", pa.list_(pa.string()))])
    schema = pa.schema([("id", pa.int64()), ("at", pa.timestamp("us", "UTC")), ("inner", inner)])
    write_deltalake(place, pa.Table.from_pylist([ROW], schema))
    return place


def test_what_is_there_passes(table: str) -> None:
    check(table, [ROW], SCHEMA)


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [ROW, ROW],
        [ROW | {"id": 2}],
        [ROW | {"id": 1.0}],
        [ROW | {"id": None}],
        [ROW | {"at": datetime(2024, 2, 29)}],
        [ROW | {"at": datetime(2024, 2, 29, 0, 0, 0, 1, tzinfo=timezone.utc)}],
        [ROW | {"inner": None}],
        [ROW | {"inner": {"a": 1.0, "b": ["x"]}}],
        [ROW | {"inner": {"a": 1.0, "b": [None, "x"]}}],
        [ROW | {"inner": {"a": 1.0, "b": ["x", None], "c": 1}}],
    ],
)
def test_other_rows_fail_with_every_engine(table: str, rows: list[Row]) -> None:
    with pytest.raises(AssertionError) as failure:
        check(table, rows, SCHEMA)
    assert all(f"{engine} sees other rows" in str(failure.value) for engine in ENGINES)


@pytest.mark.parametrize(
    "schema",
    [
        SCHEMA[:2],
        [SCHEMA[1], SCHEMA[0], SCHEMA[2]],
        [("id", "int"), *SCHEMA[1:]],
        [SCHEMA[0], ("at", "timestamp_ntz"), SCHEMA[2]],
        [*SCHEMA[:2], ("inner", "struct<b: list<text>, a: double>")],
    ],
)
def test_other_columns_fail_with_every_engine(table: str, schema: Schema) -> None:
    with pytest.raises(AssertionError) as failure:
        check(table, [ROW], schema)
    assert all(f"{engine} sees other columns" in str(failure.value) for engine in ENGINES)


def test_a_refusal_that_is_none_fails(table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(REFUSALS, ("polars", "columnMapping"), ("an old reason", "a message"))
    with pytest.raises(AssertionError, match="polars reads what it is listed to refuse"):
        check(table, [ROW], SCHEMA, features=["columnMapping"])


def test_a_table_that_is_not_there_fails_with_every_engine(table: str) -> None:
    nowhere = str(Path(table).parent / "nowhere")
    with pytest.raises(AssertionError) as failure:
        check(nowhere, [], [])
    assert all(f"{engine} cannot read it" in str(failure.value) for engine in ENGINES)
