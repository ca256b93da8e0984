"""Every JSON type, as the type and the value that all engines see."""

from datetime import date, datetime, timedelta, timezone

from alluvium import Alluvium

TEXTS = [
    "",
    " ",
    "null",
    "üñïçødé 漢字 🦀",
    "two\nlines\r\n\tand a tab",
    "'single' \"double\" `back`",
    "a\\b/c%20d",
    "\u0001\u007f\u2028",
]


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=timezone.utc)


def test_numbers_and_bools(alluvium: Alluvium, expect) -> None:
    rows = [
        {"id": 1, "small": 0, "mixed": 1, "real": 0.1, "flag": True},
        {"id": 2, "small": 2**63 - 1, "mixed": 2.5, "real": 1.7976931348623157e308, "flag": False},
        {"id": 3, "small": -(2**63), "mixed": -3, "real": 5e-324, "flag": None},
        {"id": 4, "small": None, "mixed": None, "real": -1e-7},
    ]
    alluvium.load(rows, write_disposition="append")
    rows[0]["mixed"], rows[2]["mixed"] = 1.0, -3.0
    schema = [("flag", "bool"), ("id", "bigint"), ("mixed", "double"), ("real", "double"), ("small", "bigint")]
    expect(rows, schema)


def test_texts(alluvium: Alluvium, expect) -> None:
    rows = [{"id": number, "text": text} for number, text in enumerate([*TEXTS, "long " * 20_000, None])]
    alluvium.load(rows, write_disposition="append")
    expect(rows, [("id", "bigint"), ("text", "text")])


def test_timestamps_are_instants(alluvium: Alluvium, expect) -> None:
    instants = {
        "2024-02-29T23:59:59.999999Z": utc(2024, 2, 29, 23, 59, 59, 999999),
        "2024-02-29T23:59:59.123456+05:45": utc(2024, 2, 29, 18, 14, 59, 123456),
        "2024-03-01 00:00:00-08:00": utc(2024, 3, 1, 8),
        "2024-01-25T11:21:28": utc(2024, 1, 25, 11, 21, 28),
        "1969-12-31T23:59:59.000001Z": utc(1969, 12, 31, 23, 59, 59, 1),
        "1500-06-01T12:00:00Z": utc(1500, 6, 1, 12),
        "9999-12-31T23:59:59.999999Z": utc(9999, 12, 31, 23, 59, 59, 999999),
    }
    alluvium.load([{"at": text} for text in [*instants, None]], write_disposition="append")
    expect([{"at": instant} for instant in [*instants.values(), None]], [("at", "timestamp")])


def test_hints_give_dates_texts_and_json(alluvium: Alluvium, expect) -> None:
    kinds = {"day": "date", "code": "text", "raw": "json", "at": "timestamp", "ratio": "double"}
    rows = [
        {"day": "2024-02-29", "code": 7, "raw": {"a": [1, {"b": None}]}, "at": "2024-02-29T12:00:00Z", "ratio": 1},
        {"day": "1500-01-01", "code": "x", "raw": [], "at": None, "ratio": 0.5},
        {"day": None, "code": True, "raw": "text", "at": None, "ratio": None},
    ]
    alluvium.load(rows, columns={name: {"data_type": kind} for name, kind in kinds.items()}, write_disposition="append")
    expected = [
        {"day": date(2024, 2, 29), "code": "7", "raw": '{"a":[1,{"b":null}]}', "at": utc(2024, 2, 29, 12), "ratio": 1.0},
        {"day": date(1500, 1, 1), "code": "x", "raw": "[]", "ratio": 0.5},
        {"code": "true", "raw": '"text"'},
    ]
    schema = [("day", "date"), ("code", "text"), ("raw", "text"), ("at", "timestamp"), ("ratio", "double")]
    expect(expected, schema)


def test_objects_are_structs_and_arrays_are_lists(alluvium: Alluvium, expect) -> None:
    rows = [
        {"id": 1, "place": {"name": "a", "at": {"lat": 1.5, "seen": "2024-01-01T00:00:00Z"}}, "tags": ["x", None, ""]},
        {"id": 2, "place": {"name": None, "at": None}, "tags": []},
        {"id": 3, "place": None, "tags": None, "lines": [{"sku": "a", "n": [1, 2]}, {"sku": "b", "n": None}, None]},
        {"id": 4, "lines": [], "grid": [[1, 2], [], None, [3]]},
    ]
    alluvium.load(rows, write_disposition="append")
    rows[0]["place"]["at"]["seen"] = utc(2024, 1, 1)
    schema = [
        ("id", "bigint"),
        ("place", "struct<at: struct<lat: double, seen: timestamp>, name: text>"),
        ("tags", "list<text>"),
        ("lines", "list<struct<n: list<bigint>, sku: text>>"),
        ("grid", "list<list<bigint>>"),
    ]
    expect(rows, schema)


def test_empty_and_null_values_make_no_column(alluvium: Alluvium, expect) -> None:
    rows = [{"id": 1, "nothing": None, "object": {}, "list": [], "inner": {"a": 1, "b": {}, "c": None}}, {"id": 2}]
    alluvium.load(rows, write_disposition="append")
    expect([{"id": 1, "inner": {"a": 1}}, {"id": 2}], [("id", "bigint"), ("inner", "struct<a: bigint>")])


def test_a_table_by_hints_is_empty(alluvium: Alluvium, expect) -> None:
    kinds = {"id": "bigint", "name": "text", "at": "timestamp", "day": "date", "ok": "bool", "x": "double", "raw": "json"}
    alluvium.load([], columns={name: {"data_type": kind} for name, kind in kinds.items()})
    expect([], [(name, "text" if kind == "json" else kind) for name, kind in kinds.items()])


def test_many_days_around_the_first_of_the_calendar(alluvium: Alluvium, expect) -> None:
    # Engines that take the Julian calendar for old days shift them; none may.
    days = [date(1582, 10, 1) + timedelta(days=number) for number in range(30)]
    alluvium.load([{"day": str(day)} for day in days], columns={"day": {"data_type": "date"}})
    expect([{"day": day} for day in days], [("day", "date")])
