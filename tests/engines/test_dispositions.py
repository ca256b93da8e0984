"""Append, replace and merge: the rows that every engine sees after each load, and in every version before it."""

from datetime import date

from alluvium import Alluvium

SCHEMA = [("id", "bigint"), ("name", "text"), ("score", "double")]


def people(*numbers: int, name: str = "person") -> list[dict]:
    return [{"id": number, "name": f"{name} {number}", "score": number / 4} for number in numbers]


def test_append_adds_rows(alluvium: Alluvium, expect) -> None:
    alluvium.load(people(*range(120)), write_disposition="append")
    alluvium.load(people(*range(60, 80), name="again"), write_disposition="append")
    expect(people(*range(120)) + people(*range(60, 80), name="again"), SCHEMA)
    expect(people(*range(120)), SCHEMA, version=0)


def test_replace_takes_the_place_of_all_rows(alluvium: Alluvium, expect) -> None:
    alluvium.load(people(*range(70)), write_disposition="replace")
    alluvium.load(people(3, 500), write_disposition="replace")
    expect(people(3, 500), SCHEMA)
    expect(people(*range(70)), SCHEMA, version=0)
    alluvium.load([], write_disposition="replace")
    expect([], SCHEMA)


def test_merge_updates_what_changed_and_keeps_the_rest(alluvium: Alluvium, expect) -> None:
    merge = {"write_disposition": "merge", "primary_key": "id"}
    alluvium.load(people(*range(100)), **merge)
    report = alluvium.load(people(*range(10, 20), name="changed") + people(*range(20, 30), 100, 101), **merge)
    assert report["rows"] == {"read": 22, "inserted": 2, "updated": 10, "unchanged": 10, "deleted": 0, "rejected": 0}
    merged = people(*range(10), *range(20, 102)) + people(*range(10, 20), name="changed")
    expect(merged, SCHEMA)
    expect(people(*range(100)), SCHEMA, version=0)
    alluvium.load(people(0), **merge)
    expect(merged, SCHEMA)


def test_merge_by_two_keys_and_by_text(alluvium: Alluvium, expect) -> None:
    merge = {"write_disposition": "merge", "primary_key": ["day", "place"]}
    hints = {"columns": {"day": {"data_type": "date"}}}
    rows = [{"day": f"2024-02-{day:02}", "place": place, "n": day} for day in (28, 29) for place in ("Zürich", "'; --")]
    alluvium.load(rows, **merge, **hints)
    alluvium.load([{"day": "2024-02-29", "place": "Zürich", "n": None}], **merge, **hints)
    schema = [("day", "date"), ("place", "text"), ("n", "bigint")]
    expected = [row | {"day": date.fromisoformat(row["day"])} for row in rows]
    expect(expected[:2] + [expected[2] | {"n": None}, expected[3]], schema)
