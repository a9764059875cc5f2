"""Series of remote write 1.0 that end in their one sample: the sample is read from the last bytes of each.

Nearly every series of nearly every request is like that, and to decode its labels again and again is most of the work.
What comes before the sample is looked up as a whole; only bytes that were decoded in full once are ever known.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wellkept.store.telemetry.points.decoded import Points

WHOLE, BARE = 18, 9
"""Bytes of a sample with a value, and without."""


class Tails:
    """The columns of ``tails1.sql``: one row a series."""

    def __init__(self, rows: pa.Table) -> None:
        joined = rows["tail"].combine_chunks()
        held = np.frombuffer(joined.buffers()[1], np.uint8)
        self._bytes = held[joined.offset * WHOLE :][: len(joined) * WHOLE].reshape(-1, WHOLE)
        self._size = rows["size"].to_numpy()
        value = np.where(self._size == WHOLE, np.ascontiguousarray(self._bytes[:, 3:11]).view("<u8")[:, 0], 0)
        self.points = Points.of_samples(
            rows["body"].to_numpy(), rows["raw"].to_numpy(), self._at(), value.astype(np.uint64).view(np.float64)
        )
        self._has_metadata = bool(rows["has_metadata"].to_numpy().any())

    @property
    def is_plain(self) -> NDArray[np.bool_]:
        """Whether each series ends in a sample, whose time is a number of six bytes (1971 to 2109)."""
        more = self._bytes[:, 12:] >> 7
        plain: NDArray[np.bool_] = (self._size > 0) & (more[:, :5] == 1).all(axis=1) & (more[:, 5] == 0)
        return plain

    def tells_of_metrics(self, bodies: int) -> bool:
        """Whether any of so many requests has metadata: beside its series, or, as most senders do, in their place."""
        return self._has_metadata or len(np.unique(self.points.body)) < bodies

    def _at(self) -> NDArray[np.int64]:
        """The last six bytes of each, seven bits from each byte, the lowest first."""
        at = np.zeros(len(self._bytes), np.int64)
        for place in range(6):
            at |= (self._bytes[:, 12 + place] & 0x7F).astype(np.int64) << (7 * place)
        return at
