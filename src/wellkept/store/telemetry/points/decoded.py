"""What a protocol's decoder makes of a group of requests."""

from __future__ import annotations

from collections.abc import Sequence
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

    @classmethod
    def joined(cls, parts: Sequence[Points]) -> Points:
        """The points of several, one after the other."""
        if len(parts) == 1:
            return parts[0]
        columns = zip(*((part.body, part.raw, part.at, part.value) for part in parts), strict=True)
        return cls(*(np.concatenate(column) for column in columns)) if parts else cls.none()

    @classmethod
    def none(cls) -> Points:
        return cls(np.empty(0, np.uint32), np.empty(0, np.uint64), np.empty(0, np.int64), np.empty(0, np.float64))


class Describe(Protocol):
    """Tells of points, by their places, what their series are: one row each, in order, columns of ``DESCRIBED``."""

    def __call__(self, positions: Whole, /) -> pa.Table: ...


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
