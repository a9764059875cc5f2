"""Series of remote write 1.0 that end in their one sample: the sample is read from the last bytes of each.

Nearly every series of nearly every request is like that, and to decode its labels again and again is most of the work.
What comes before the sample is looked up as a whole; only bytes that were decoded in full once are ever known.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wellkept.store.telemetry.points.decoded import Points, Whole

WHOLE, BARE = 18, 9
"""Bytes of a sample with a value, and without."""
_SERIES, _METADATA = 0x0A, 0x1A
"""How the fields of a request begin: its series, and what it tells of metrics."""


class Tails:
    """The columns of ``tails1.sql``: one row a series. ``tells_of_metrics``: whether any request has metadata."""

    def __init__(self, rows: pa.Table, body: NDArray[np.uint32]) -> None:
        """``rows``: the fields of all requests; ``body`` [1-based]: which request each is of."""
        field = rows["field"].to_numpy()
        self.tells_of_metrics = bool((field == _METADATA).any())
        if self.tells_of_metrics:
            rows, body = rows.filter(pa.array(field == _SERIES)), body[field == _SERIES]
        joined = rows["tail"].combine_chunks()
        held = np.frombuffer(joined.buffers()[1], np.uint8) if len(joined) else np.empty(0, np.uint8)
        self._bytes = held[joined.offset * WHOLE :][: len(joined) * WHOLE].reshape(-1, WHOLE)
        self._size = rows["size"].to_numpy()
        value = np.where(self._size == WHOLE, np.ascontiguousarray(self._bytes[:, 3:11]).view("<u8")[:, 0], 0)
        self.points = Points.of_samples(
            body, rows["raw"].to_numpy(), self._at(), value.astype(np.uint64).view(np.float64)
        )

    @classmethod
    def of(cls, rows: pa.Table, sizes: Sequence[int]) -> Tails | None:
        """The same, where the rows are what requests of these sizes are made of; None where they hold other fields.

        Fields that the format does not know, or a field that is cut off, make rows that are none: the first of them
        begins with another number, or the rows do not end where the requests do.
        """
        field = rows["field"].to_numpy()
        ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(_encoded(rows["length"].to_numpy()))])
        lasts = np.cumsum(np.asarray(sizes, np.int64))
        if ends[-1] != lasts[-1] or not ((field == _SERIES) | (field == _METADATA)).all():
            return None
        places = np.searchsorted(ends, lasts)
        if (ends[places] != lasts).any():
            return None
        counts = np.diff(places, prepend=0)
        return cls(rows, np.repeat(np.arange(1, len(sizes) + 1, dtype=np.uint32), counts))

    @property
    def is_plain(self) -> NDArray[np.bool_]:
        """Whether each series ends in a sample, whose time is a number of six bytes (1971 to 2109)."""
        more = self._bytes[:, 12:] >> 7
        plain: NDArray[np.bool_] = (self._size > 0) & (more[:, :5] == 1).all(axis=1) & (more[:, 5] == 0)
        return plain

    def _at(self) -> NDArray[np.int64]:
        """The last six bytes of each, seven bits from each byte, the lowest first."""
        at = np.zeros(len(self._bytes), np.int64)
        for place in range(6):
            at |= (self._bytes[:, 12 + place] & 0x7F).astype(np.int64) << (7 * place)
        return at


def _encoded(length: NDArray[np.uint32]) -> Whole:
    """Bytes of a field whose content has so many: its number, the length in seven bits a byte, and the content."""
    more = (length >> 7 > 0).astype(np.int64)
    for bits in (14, 21, 28):
        more += length >> bits > 0
    return more + length + 2
