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

    ``body`` [1-based] says which request each came with, and ``item`` which of its items (a histogram is one, and many
    points that follow one another); ``raw`` is a hash of the bytes that tell its series, so equal
    hashes are equal series, but not the other way round; ``at`` is in milliseconds since the epoch.
    """

    body: NDArray[np.uint32]
    item: NDArray[np.unsignedinteger]
    raw: Ids
    at: Whole
    value: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.raw)

    @classmethod
    def of_samples(cls, body: NDArray[np.uint32], raw: Ids, at: Whole, value: NDArray[np.float64]) -> Points:
        """Points that are an item each."""
        return cls(body, np.arange(len(raw), dtype=np.uint64), raw, at, value)

    @classmethod
    def joined(cls, parts: Sequence[Points]) -> Points:
        """The points of several, one after the other."""
        if len(parts) == 1:
            return parts[0]
        if not parts:
            none = np.empty(0, np.uint64)
            return cls.of_samples(none.astype(np.uint32), none, none.astype(np.int64), none.astype(np.float64))
        firsts = np.cumsum([0, *map(len, parts)])
        items = [part.item + first for part, first in zip(parts, firsts, strict=False)]
        columns = zip(*((part.body, part.raw, part.at, part.value) for part in parts), strict=True)
        body, raw, at, value = (np.concatenate(column) for column in columns)
        return cls(body, np.concatenate(items), raw, at, value)


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
