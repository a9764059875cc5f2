"""What a frame looks like, column by column; of masked columns only what tells nothing of a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from wellkept.ml.dataspec import Mask


def profile(table: pa.Table, masks: Mapping[str, Mask]) -> list[dict[str, Any]]:
    """A dictionary a column: ``column``, ``type``, ``null_share``, ``distinct``, ``min``, ``max``, ``mean``, ``mask``.

    NaN counts as null. What a column has not (the mean of texts) is None, and so is what a mask hides.
    """
    return [_column(name, table[name], masks.get(name)) for name in table.column_names]


def _column(name: str, column: pa.ChunkedArray, mask: str | None) -> dict[str, Any]:
    kind = column.type
    if pa.types.is_floating(kind):
        column = pc.if_else(pc.is_nan(column), None, column)
    found: dict[str, Any] = {
        "column": name,
        "type": str(kind),
        "null_share": column.null_count / len(column) if len(column) else 0.0,
        "distinct": None if pa.types.is_nested(kind) else pc.count_distinct(column).as_py(),
        "min": None,
        "max": None,
        "mean": None,
        "mask": mask,
    }
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    if mask is None and (is_number or pa.types.is_temporal(kind)):
        ends = pc.min_max(column).as_py()
        found |= {end: _plain(ends[end]) for end in ("min", "max")}
    if mask is None and (is_number or pa.types.is_boolean(kind)):
        # Ids may be larger than floats tell apart.
        found["mean"] = pc.mean(column.cast(pa.float64(), safe=False)).as_py()
    return found


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, int | float) else value.isoformat()
