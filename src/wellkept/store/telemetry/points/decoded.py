"""What a protocol's decoder makes of a group of requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Ids = NDArray[np.uint64]
Whole = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Points as columns of one length.

    ``body`` [1-based] says which request each came with; ``raw`` is a hash of the bytes that tell its series, so equal
    hashes are equal series, but not the other way round; ``at`` is in milliseconds since the epoch.
    """

    body: NDArray[np.uint32]
    raw: Ids
    at: Whole
    value: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.raw)


class Describe(Protocol):
    """Tells of points, by their places, what their series are: one row each, in order, columns of ``DESCRIBED``."""

    def __call__(self, positions: Whole) -> pa.Table: ...


DESCRIBED = (
    "series",
    "name",
    "unit",
    "kind",
    "is_monotonic",
    "temporality",
    "resource",
    "entity",
    "attributes",
    "resource_attributes",
)
"""Columns of ``metric_series`` that a decoder fills; the times of the first and the last point come to them."""
