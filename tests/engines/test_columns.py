"""Columns that are renamed, that collide, and that come later: every version of a table has the columns of its time."""

from alluvium import Alluvium
from readers.table import Row, Schema


def test_names_that_collide_get_a_column_each(alluvium: Alluvium, expect) -> None:
    rows = [{"User ID": "x", "select": True, "userId": number, "user_id": -number, "é ü": 1.5} for number in range(3)]
    first = alluvium.load(rows, write_disposition="append")
    second = alluvium.load(rows, write_disposition="append")
    assert first["status"] == second["status"] == "ok"
    suffixed = [("user_id_e429df", "bigint"), ("user_id_d55549", "bigint")]
    schema = [("user_id", "text"), ("select", "bool"), *suffixed, ("x", "double")]
    expected = [dict(zip(dict(schema), row.values(), strict=True)) for row in rows]
    expect(expected, schema, version=0)
    expect(expected * 2, schema)


def test_renamed_and_preserved_names(alluvium: Alluvium, expect) -> None:
    rename = {"Total Amount": "total", "meta.createdBy": "author"}
    rows = [{"Total Amount": 1, "camelCase": "a", "meta": {"createdBy": "b", "atHome": True}}]
    alluvium.load(rows, naming="preserve", rename=rename, write_disposition="append")
    schema = [("total", "bigint"), ("camelCase", "text"), ("meta", "struct<atHome: bool, author: text>")]
    expect([{"total": 1, "camelCase": "a", "meta": {"author": "b", "atHome": True}}], schema)


# Loads of a merge by `id`, which as the key comes first, each with the rows and the columns that the table has after it. A
# column that no row of a load has keeps its values.
STAGES: list[tuple[list[Row], list[Row], Schema]] = [
    (
        [{"id": 1, "a": 1}, {"id": 2, "a": 2}],
        [{"id": 1, "a": 1}, {"id": 2, "a": 2}],
        [("id", "bigint"), ("a", "bigint")],
    ),
    (
        [{"id": 2, "a": 3, "b": "new"}, {"id": 3, "a": None, "b": None, "c": {"x": 1}}],
        [{"id": 1, "a": 1}, {"id": 2, "a": 3, "b": "new"}, {"id": 3, "c": {"x": 1}}],
        [("id", "bigint"), ("a", "bigint"), ("b", "text"), ("c", "struct<x: bigint>")],
    ),
    (
        [{"id": 1, "a": 1, "c": {"x": 2, "y": [{"z": True}]}}],
        [{"id": 1, "a": 1, "c": {"x": 2, "y": [{"z": True}]}}, {"id": 2, "a": 3, "b": "new"}, {"id": 3, "c": {"x": 1}}],
        [("id", "bigint"), ("a", "bigint"), ("b", "text"), ("c", "struct<x: bigint, y: list<struct<z: bool>>>")],
    ),
    (
        [{"id": 4, "d": 1.5}, {"id": 1, "c": {"y": [{"z": False, "w": "deep"}]}}],
        [
            {"id": 1, "a": 1, "c": {"y": [{"z": False, "w": "deep"}]}},
            {"id": 2, "a": 3, "b": "new"},
            {"id": 3, "c": {"x": 1}},
            {"id": 4, "d": 1.5},
        ],
        [
            ("id", "bigint"),
            ("a", "bigint"),
            ("b", "text"),
            ("c", "struct<x: bigint, y: list<struct<z: bool, w: text>>>"),
            ("d", "double"),
        ],
    ),
]


def test_every_version_has_the_columns_of_its_time(alluvium: Alluvium, expect) -> None:
    reports = [alluvium.load(loaded, write_disposition="merge", primary_key="id") for loaded, _, _ in STAGES]
    stages = {report["version"]: stage for report, stage in zip(reports, STAGES, strict=True)}
    newest = max(stages)
    rows: list[Row] = []
    for version in range(newest + 1):
        # New columns may have a version of their own before the rows that brought them.
        _, after, schema = next(stages[later] for later in sorted(stages) if later >= version)
        rows = after if version in stages else rows
        expect(rows, schema, version=version)
    expect(rows, schema)
