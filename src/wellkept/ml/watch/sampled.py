"""A sample of predictions as columns: what the monitors of how inputs hang together look at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from wellkept.ml.reference import SCORE, Reference
from wellkept.ml.watch.base import Sample

Floats = NDArray[np.float64]
MOST = 1000
"""Rows of a sample: what many more would tell is below the smallest effect that counts."""


def sample_of(rows: pa.Table, reference: Reference) -> Sample:
    """The columns of a reference in rows with ``time`` and the maps ``features`` and ``categories``.

    An input that a row does not have is null.
    """
    at = rows["time"].cast(pa.timestamp("ms", tz="UTC")).cast(pa.int64()).to_numpy() / 1000.0
    names = [name for name in reference if name != SCORE]
    columns: dict[str, Floats | Sequence[str | None]] = {}
    numeric = [name for name in names if not reference[name].is_category]
    for name, numbers in _of_map(rows["features"], numeric, np.float64, np.nan).items():
        columns[name] = np.asarray(numbers, dtype=np.float64)
    texts = [name for name in names if reference[name].is_category]
    if texts and "categories" in rows.column_names:
        found = _of_map(rows["categories"], texts, object, None)
        columns.update({name: values.tolist() for name, values in found.items()})
    return Sample(np.asarray(at, dtype=np.float64), columns)


def _of_map(maps: pa.ChunkedArray, names: Sequence[str], kind: type, empty: object) -> dict[str, NDArray[Any]]:
    """The values of the named keys of a column of maps, each as an array of all rows."""
    whole = pa.concat_arrays(maps.chunks) if maps.num_chunks else pa.array([], type=maps.type)
    lengths = np.diff(whole.offsets.to_numpy())
    row = np.repeat(np.arange(len(whole)), lengths)
    first = whole.offsets[0].as_py() if len(whole.offsets) else 0
    keys, items = whole.keys.slice(first, len(row)), whole.items.slice(first, len(row))
    found = {}
    for name in names:
        mine = pc.equal(keys.cast(pa.string()), name).to_numpy(zero_copy_only=False)
        values: NDArray[Any] = np.full(len(whole), empty, dtype=kind)
        values[row[mine]] = items.filter(pa.array(mine)).to_numpy(zero_copy_only=False)
        found[name] = values
    return found
