"""Reads a table with every engine and compares what they saw with what was expected, and so with each other."""

import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from readers import ENGINES
from readers.refusals import REFUSALS
from readers.table import Row, Schema, Table, canonical

# How often each engine read a table, by engine and test, for the summary of the test run.
READS: Counter[tuple[str, str]] = Counter()
DIFFERENCES_SHOWN = 5


def check(
    table: str,
    rows: Sequence[Row],
    schema: Schema,
    *,
    storage: dict[str, str] | None = None,
    version: int | None = None,
    features: Sequence[str] = (),
) -> None:
    """All engines must see these rows, in any order, and these columns.

    A field that a row does not name is null in it. `features` are the Delta features that the table uses: an engine that
    is known to lack one must refuse the table.
    """
    expected = Table(sorted(rows, key=canonical), schema)
    # The engines wait for each other's Python code now and then only; most of a read is native code or another process.
    with ThreadPoolExecutor(len(ENGINES)) as pool:
        problems = pool.map(lambda engine: _problem(engine, expected, table, storage, version, features), ENGINES)
        found = [problem for problem in problems if problem]
    assert not found, f"{table} at version {version}\n" + "\n".join(found)


def _problem(
    engine: str,
    expected: Table,
    table: str,
    storage: dict[str, str] | None,
    version: int | None,
    features: Sequence[str],
) -> str | None:
    refused = [REFUSALS[engine, feature] for feature in features if (engine, feature) in REFUSALS]
    READS[engine, os.environ["PYTEST_CURRENT_TEST"]] += 1
    try:
        seen = ENGINES[engine](table, storage, version)
    except Exception as error:  # noqa: BLE001 - engines have no common error
        if any(message in str(error) for _, message in refused):
            return None
        return f"{engine} cannot read it: {type(error).__name__}: {str(error)[:2000]}"
    if refused:
        return f"{engine} reads what it is listed to refuse: {[reason for reason, _ in refused]}"
    return _difference(engine, seen, expected)


def _difference(engine: str, seen: Table, expected: Table) -> str | None:
    if seen.schema != expected.schema:
        return f"{engine} sees other columns\n  seen:     {seen.schema}\n  expected: {expected.schema}"
    seen_rows, expected_rows = Counter(map(canonical, seen.rows)), Counter(map(canonical, expected.rows))
    if seen_rows == expected_rows:
        return None
    lines = [f"{engine} sees other rows: {len(seen.rows)}, expected {len(expected.rows)}"]
    lines += [f"  only seen:     {row}" for row in sorted((seen_rows - expected_rows).elements())[:DIFFERENCES_SHOWN]]
    lines += [f"  only expected: {row}" for row in sorted((expected_rows - seen_rows).elements())[:DIFFERENCES_SHOWN]]
    return "\n".join(lines)
