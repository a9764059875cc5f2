"""Which series are known, by the bytes that senders call them by; looked up for whole groups of points at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wellkept.store.telemetry.points.decoded import Ids, Whole

NOTED_EVERY_MS = 600_000
"""The time at which a series was last seen is written down once in so long of the points' own time."""
_AT_MOST = 4_000_000


class KnownSeries:
    """Sorted hashes with what is known of each: the series' id (0: refused), and when it was seen.

    Not safe for several threads: the writer holds its lock.
    """

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self._raw: Ids = np.empty(0, np.uint64)
        self._id: Ids = np.empty(0, np.uint64)
        self._last: Whole = np.empty(0, np.int64)
        self._noted: Whole = np.empty(0, np.int64)

    def find(self, raw: Ids) -> NDArray[np.intp]:
        """The place of each hash; -1 for what is not known. Places are valid until the next ``add``."""
        if not len(self._raw):
            return np.full(len(raw), -1, np.intp)
        place = np.searchsorted(self._raw, raw)
        place[place == len(self._raw)] = 0
        return np.where(self._raw[place] == raw, place, -1)

    def add(self, raw: Ids, ids: Ids, noted: Whole) -> None:
        """Remember distinct hashes that were not known; ``noted``: the last time that is written down of each."""
        if len(self._raw) + len(raw) > _AT_MOST:
            self._forget()  # whoever still sends is described again
        order = np.argsort(raw)
        place = np.searchsorted(self._raw, raw[order])
        self._raw = np.insert(self._raw, place, raw[order])
        self._id = np.insert(self._id, place, ids[order])
        self._last = np.insert(self._last, place, noted[order])
        self._noted = np.insert(self._noted, place, noted[order])

    def alias(self, raw: Ids, places: NDArray[np.intp]) -> None:
        """Remember distinct hashes that were not known as other hashes of the series in these places."""
        is_known = places >= 0
        places = places[is_known]
        self.add(raw[is_known], self._id[places], self._noted[places])

    def ids(self, places: NDArray[np.intp]) -> Ids:
        return self._id[places]

    def see(self, places: NDArray[np.intp], at: Whole) -> None:
        """Points of these times were stored."""
        self._last[places] = np.maximum(self._last[places], at)

    def due(self) -> tuple[Ids, Whole]:
        """Series whose last point lies a while after what is written down, and that time; they count as noted now."""
        due = (self._last // NOTED_EVERY_MS > self._noted // NOTED_EVERY_MS) & (self._id != 0)
        self._noted[due] = self._last[due]
        return self._id[due], self._last[due]

    def forget_refused(self) -> None:
        """Look again at what was refused: there may be room by now."""
        kept = self._id != 0
        self._raw, self._id = self._raw[kept], self._id[kept]
        self._last, self._noted = self._last[kept], self._noted[kept]
