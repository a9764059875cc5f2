"""What series are at some steps, as one array."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellkept.store.telemetry.promql.values import Flags, Numbers


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """``values[i, j]`` of series ``series[i]`` at step ``j``, and whether there is any."""

    series: NDArray[np.uint64]
    values: Numbers
    present: Flags


def beside(parts: Sequence[Grid]) -> Grid:
    """Grids of segments as one; a series that one of them does not have is not there in its steps."""
    if len(parts) == 1:
        return parts[0]
    series = np.unique(np.concatenate([part.series for part in parts]))
    shape = (len(series), sum(part.values.shape[1] for part in parts))
    values, present = np.zeros(shape), np.zeros(shape, dtype=bool)
    first = 0
    for part in parts:
        rows, columns = np.searchsorted(series, part.series), slice(first, first + part.values.shape[1])
        values[rows, columns], present[rows, columns] = part.values, part.present
        first = columns.stop
    return Grid(series, values, present)
