"""Arrow columns into NumPy arrays and Python maps, a column at a time."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


def numbers(column: pa.ChunkedArray) -> NDArray[Any]:
    """A column of lists of numbers, flattened in order; or a column of numbers."""
    joined = column.combine_chunks()
    if pa.types.is_list(joined.type):
        joined = joined.flatten()
    return np.asarray(joined.to_numpy(zero_copy_only=False))


def text_maps(column: pa.ChunkedArray) -> list[dict[str, str]]:
    """A column of maps from text to text as dictionaries; equal keys and values share one string."""
    maps: list[dict[str, str]] = []
    for chunk in column.chunks:
        keys, items = chunk.keys.to_pylist(), chunk.items.to_pylist()
        bounds = chunk.offsets.to_pylist()
        first = bounds[0] if bounds else 0
        for start, stop in itertools.pairwise(bounds):
            maps.append(dict(zip(keys[start - first : stop - first], items[start - first : stop - first], strict=True)))
    return maps


def looked_up(column: pa.ChunkedArray, key: str) -> pa.ChunkedArray:
    """What maps from text to text have under a key; an empty text where they have none."""
    return pc.fill_null(pc.map_lookup(column, key, "first"), "")


def map_sizes(column: pa.ChunkedArray) -> NDArray[np.int64]:
    """How many bytes the keys and values of each map of such a column take."""
    sizes = [np.empty(0, np.int64)]
    for chunk in column.chunks:
        lengths = pc.add(pc.binary_length(chunk.keys), pc.binary_length(chunk.items)).to_numpy(zero_copy_only=False)
        total = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        sizes.append(np.diff(total[chunk.offsets.to_numpy() - chunk.offsets[0].as_py()]))
    return np.concatenate(sizes)


def stream(table: pa.Table) -> pa.Buffer:
    """A table as the engine reads it from a file: an Arrow stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()
