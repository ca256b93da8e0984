"""The rows of Delta tables in the one form in which both programs' are compared.

dlt makes columns `a__b` of objects and child tables of lists, alluvium structs and lists. Here objects are columns `a__b`, lists
are lists, and what is null is left out; so are dlt's own columns, and all but the instant of a timestamp. A row is its JSON.
"""

import json
from collections import defaultdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from deltalake import DeltaTable

Row = dict[str, Any]


def flattened(dataset: Path) -> dict[str, list[str]]:
    """The rows of the tables that alluvium wrote."""
    return {name: [_written(_flat(row)) for row in rows] for name, rows in _tables(dataset).items()}


def without_children(dataset: Path, parents: dict[str, str | None]) -> dict[str, list[str]]:
    """The rows of the tables that dlt wrote, with those of its child tables as the lists that they were."""
    stored = _tables(dataset)
    # A child's name begins with its parent's, so that the children of children come first.
    for name in sorted(stored, key=len, reverse=True):
        parent = parents.get(name)
        if parent is None:
            continue
        lists: dict[str, list[Row]] = defaultdict(list)
        for row in sorted(stored.pop(name), key=lambda row: row["_dlt_list_idx"]):
            lists[row["_dlt_parent_id"]].append(row)
        key = name.removeprefix(f"{parent}__")
        for row in stored[parent]:
            if row["_dlt_id"] in lists:
                row[key] = [_element(element) for element in lists[row["_dlt_id"]]]
    return {name: [_written(_own(row)) for row in rows] for name, rows in stored.items()}


def _tables(dataset: Path) -> dict[str, list[Row]]:
    """The rows of every Delta table in a folder."""
    logs = sorted(dataset.glob("*/_delta_log"))
    return {log.parent.name: DeltaTable(str(log.parent)).to_pyarrow_table().to_pylist() for log in logs}


def _element(row: Row) -> Any:
    """An element of a list, of dlt's row for it."""
    own = _own(row)
    return own["value"] if set(own) == {"value"} else own


def _own(row: Row) -> Row:
    return _flat({name: value for name, value in row.items() if not name.startswith("_dlt_")})


def _flat(row: Row) -> Row:
    flat: Row = {}
    for name, value in row.items():
        if isinstance(value, dict):
            flat |= {f"{name}__{inner}": leaf for inner, leaf in _flat(value).items()}
        elif isinstance(value, list):
            # Neither has a place for an empty list: dlt has no rows for it.
            if value:
                flat[name] = [_flat(element) if isinstance(element, dict) else element for element in value]
        elif value is not None:
            flat[name] = value
    return flat


def _written(row: Row) -> str:
    return json.dumps(row, sort_keys=True, default=_text)


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        instant = value if value.tzinfo else value.replace(tzinfo=timezone.utc)
        return instant.astimezone(timezone.utc).isoformat()
    return str(value)
