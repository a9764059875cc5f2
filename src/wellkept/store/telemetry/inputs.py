"""Inputs of predictions as they are stored: a row of numbers, and the names that all rows alike share."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

APART = "\x1f"
"""Stands between the names of a row's inputs."""
MOST = 64
"""So many different sets of names may one table of predictions have; where there are more, each row keeps its map."""
_ODD = np.uint64(0x9E3779B97F4A7C15)


def in_rows(table: pa.Table) -> pa.Table:
    """The same predictions with ``names`` and ``inputs`` for ``features``, where the names allow it.

    ``features`` is a map from text to float64; in ``inputs`` a null is NaN.
    """
    if "features" not in table.column_names or not table.num_rows:
        return table
    column = table["features"].combine_chunks()
    offsets = column.offsets.to_numpy().astype(np.int64)
    first, total = int(offsets[0]), int(offsets[-1] - offsets[0])
    keys, items = column.keys.slice(first, total), column.items.slice(first, total)
    coded = keys.dictionary_encode()
    spelled = coded.dictionary.to_pylist()
    if any(not name or APART in name for name in spelled):
        return table
    found = _alike(coded.indices.to_numpy(), offsets - first)
    if found is None:
        return table
    examples, which = found
    codes = coded.indices.to_numpy()
    bounds = [(offsets[row] - first, offsets[row + 1] - first) for row in examples]
    names = [APART.join(spelled[code] for code in codes[start:stop]) for start, stop in bounds]
    numbers = items.to_numpy(zero_copy_only=False)
    lists = pa.ListArray.from_arrays(pa.array((offsets - first).astype(np.int32)), pa.array(numbers, pa.float64()))
    rest = table.drop_columns("features")
    shared = pa.DictionaryArray.from_arrays(pa.array(which.astype(np.int32)), pa.array(names, pa.string()))
    return rest.append_column("names", shared).append_column("inputs", lists)


def _alike(codes: NDArray[np.int32], offsets: NDArray[np.int64]) -> tuple[list[int], NDArray[np.int64]] | None:
    """A row for each sequence of codes that there is, and which of them each row has; None: there are too many.

    Sequences are told apart by 64 bits: a sum of a mixed number for each code, times an odd number for its place.
    """
    widths = np.diff(offsets)
    place = np.arange(len(codes), dtype=np.int64) - np.repeat(offsets[:-1], widths)
    mixed = (codes.astype(np.uint64) + np.uint64(1)) * _ODD
    mixed ^= mixed >> np.uint64(29)
    mixed *= _ODD
    mixed *= (2 * place + 1).astype(np.uint64)
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(mixed, dtype=np.uint64)])
    kinds, examples, which = np.unique(sums[offsets[1:]] - sums[offsets[:-1]], return_index=True, return_inverse=True)
    return None if len(kinds) > MOST else (examples.tolist(), which)
