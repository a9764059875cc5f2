"""An order of rows that depends on what they hold alone, so that the same data give the same snapshot."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from wellkept.ml.data.moments import Micros


def content_order(table: pa.Table, moments: Sequence[Micros]) -> NDArray[np.int64]:
    """Places of the rows, by the last of the moments first, then by the others, then by all that the rows hold.

    Most rows are told apart by their moments; only the others are compared by their columns.
    """
    order = np.lexsort(tuple(moments)) if moments else np.arange(table.num_rows)
    if not len(order):
        return order
    tied = np.ones(len(order) - 1, dtype=np.bool_)
    for moment in moments:
        tied &= np.diff(moment[order]) == 0
    group = np.cumsum(np.r_[0, ~tied])
    among = np.flatnonzero(np.r_[tied, False] | np.r_[False, tied])
    if not len(among):
        return order
    rows = table.take(pa.array(order[among]))
    columns: dict[str, pa.Array | pa.ChunkedArray] = {"group": pa.array(group[among])}
    columns |= {f"c{n}": column for n, column in enumerate(rows.columns) if _is_ordered(column.type)}
    by_content = pc.sort_indices(pa.table(columns), sort_keys=[(name, "ascending") for name in columns])
    order[among] = order[among][by_content.to_numpy()]
    return order


def _is_ordered(kind: pa.DataType) -> bool:
    return not pa.types.is_nested(kind) and not pa.types.is_dictionary(kind) and not pa.types.is_null(kind)
