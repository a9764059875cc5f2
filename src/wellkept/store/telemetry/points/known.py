"""Which series are known, by the bytes that senders call them by; looked up for whole groups of points at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wellkept.store.telemetry.points.decoded import Ids, Whole

NOTED_EVERY_MS = 600_000
"""The time at which a series was last seen is written down once in so long of the points' own time."""
SEEN_WITHIN_MS = NOTED_EVERY_MS + 120_000
"""A series may have been seen so much later than is written down: notes are written once a minute, beside points."""
AT_MOST = 4_000_000
"""So many hashes are remembered; a series has one for each way in which it is spelled."""


class KnownSeries:
    """Sorted hashes with what is known of each: the series' id (0: refused), and when it was seen.

    Not safe for several threads: the writer holds its lock.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Remember nothing; whoever still sends is described again."""
        self._raw: Ids = np.empty(0, np.uint64)
        self._id: Ids = np.empty(0, np.uint64)
        self._last: Whole = np.empty(0, np.int64)
        self._noted: Whole = np.empty(0, np.int64)
        self._found: tuple[Ids, Ids, NDArray[np.intp]] | None = None

    def find(self, raw: Ids) -> NDArray[np.intp]:
        """The place of each hash; -1 for what is not known. Places hold until hashes are added or forgotten.

        A group is looked for several times on its way in, so what was found last is kept as long as it holds.
        """
        if self._found is not None and self._found[0] is raw and self._found[1] is self._raw:
            return self._found[2]
        if not len(self._raw):
            return np.full(len(raw), -1, np.intp)
        place = np.searchsorted(self._raw, raw)
        place[place == len(self._raw)] = 0
        place = np.where(self._raw[place] == raw, place, -1)
        self._found = (raw, self._raw, place)
        return place

    def make_room(self, count: int) -> bool:
        """Forget everything if so many more would be too many; whether that was so."""
        is_full = len(self._raw) > 0 and len(self._raw) + count > AT_MOST
        if is_full:
            self.forget()
        return is_full

    def add(self, raw: Ids, ids: Ids, noted: Whole) -> None:
        """Remember distinct hashes that were not known; ``noted``: the last time that is written down of each.

        Whoever adds makes room before: what is forgotten then may be looked for by the same points.
        """
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
        ids, noted = self._id[places], self._noted[places]
        self.make_room(len(ids))
        self.add(raw[is_known], ids, noted)

    def ids(self, places: NDArray[np.intp]) -> Ids:
        """The ids of the series in these places; 0 for what is refused or not known."""
        if not len(self._id):
            return np.zeros(len(places), np.uint64)
        return np.where(places >= 0, self._id[places], np.uint64(0))

    def see(self, raw: Ids, at: Whole) -> None:
        """Points of these times were stored. What was forgotten meanwhile is described when it comes again."""
        places = self.find(raw)
        there = places >= 0
        if not there.all():
            places, at = places[there], at[there]
        self._last[places] = np.maximum(self._last[places], at)

    def due(self) -> tuple[Ids, Ids, Whole]:
        """Hashes whose last point lies a while after what is written down, their series' ids, and that time."""
        due = (self._last // NOTED_EVERY_MS > self._noted // NOTED_EVERY_MS) & (self._id != 0)
        return self._raw[due], self._id[due], self._last[due]

    def note(self, raw: Ids, at: Whole) -> None:
        """It is written down that series of these hashes were seen at these times."""
        places = self.find(raw)
        there = places >= 0
        self._noted[places[there]] = at[there]

    def forget_refused(self) -> None:
        """Look again at what was refused: there may be room by now."""
        kept = self._id != 0
        self._raw, self._id = self._raw[kept], self._id[kept]
        self._last, self._noted = self._last[kept], self._noted[kept]
