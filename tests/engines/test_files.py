"""Tables in many files and with many versions."""

import random

from alluvium import Alluvium

SCHEMA = [("id", "bigint"), ("inner", "struct<n: bigint>"), ("text", "text")]
SMALL_FILES = {"file_bytes": 20_000}


def rows(*numbers: int, version: int = 0) -> list[dict]:
    # Texts that do not compress, so that files grow to their bound.
    return [{"id": n, "text": random.Random(f"{n} {version}").randbytes(40).hex(), "inner": {"n": version}} for n in numbers]


def test_a_table_in_many_files(alluvium: Alluvium, expect) -> None:
    merge = {"write_disposition": "merge", "primary_key": "id", "limits": SMALL_FILES}
    report = alluvium.load(rows(*range(2_000)), **merge)
    assert report["files"]["added"] > 5
    expect(rows(*range(2_000)), SCHEMA)
    changed = rows(*range(0, 2_000, 400), 5_000, version=1)
    alluvium.load(changed, **merge)
    kept = [n for n in range(2_000) if n % 400]
    expect(rows(*kept) + changed, SCHEMA)
    expect(rows(*range(2_000)), SCHEMA, version=0)


def test_a_table_with_many_versions(alluvium: Alluvium, expect) -> None:
    # More than ten, after which writers begin to make checkpoints.
    for number in range(13):
        alluvium.load(rows(number), write_disposition="append")
    for version in (0, 5, 9, 10, 11, 12):
        expect(rows(*range(version + 1)), SCHEMA, version=version)
