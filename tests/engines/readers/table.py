"""The plain form in which the tables of all engines are compared: Python values and neutral type names.

All engines hand out Arrow, so that one place decides what a value is. What they do not agree on and what means the same is
removed here: the width of an offset, a view, the zone in which an instant is written, the name of a list's element.
"""

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import pyarrow as pa

Row = dict[str, Any]
Schema = list[tuple[str, str]]


@dataclass(frozen=True)
class Table:
    """Rows in an order of their own, and columns in the order of the table."""

    rows: list[Row]
    schema: Schema


def of_arrow(table: pa.Table) -> Table:
    """The plain form of what an engine gave."""
    rows = [{name: plain(value) for name, value in row.items()} for row in table.to_pylist()]
    return Table(sorted(rows, key=canonical), [(field.name, type_name(field.type)) for field in table.schema])


def canonical(value: Any) -> str:
    """A text that is the same for equal values of the same type only: 1, 1.0 and True differ.

    The order of fields and fields that are null are no part of it, because which fields there are is the schema's.
    """
    if isinstance(value, dict):
        fields = (f"{name!r}: {canonical(value[name])}" for name in sorted(value) if value[name] is not None)
        return "{" + ", ".join(fields) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(canonical, value)) + "]"
    return repr(value)


def plain(value: Any) -> Any:
    """Instants in UTC, whatever zone the engine wrote them in; a map is a list of pairs, as in Arrow."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(timezone.utc)
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    return value


NAMES: dict[pa.DataType, str] = {
    pa.bool_(): "bool",
    pa.int8(): "tinyint",
    pa.int16(): "smallint",
    pa.int32(): "int",
    pa.int64(): "bigint",
    pa.float32(): "float",
    pa.float64(): "double",
    pa.date32(): "date",
    pa.string(): "text",
    pa.large_string(): "text",
    pa.string_view(): "text",
    pa.binary(): "binary",
    pa.large_binary(): "binary",
    pa.binary_view(): "binary",
}


def type_name(kind: pa.DataType) -> str:
    """The neutral name of an Arrow type; a type that no Delta table has is named as Arrow does."""
    if pa.types.is_timestamp(kind) and kind.unit == "us":
        return "timestamp_ntz" if kind.tz is None else "timestamp"
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    if pa.types.is_struct(kind):
        return "struct<" + ", ".join(f"{field.name}: {type_name(field.type)}" for field in kind) + ">"
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_list_view(kind):
        return f"list<{type_name(kind.value_type)}>"
    if pa.types.is_map(kind):
        return f"map<{type_name(kind.key_type)}, {type_name(kind.item_type)}>"
    return NAMES.get(kind, str(kind))
