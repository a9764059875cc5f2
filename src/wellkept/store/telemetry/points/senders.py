"""Whose points are of the future, or refused for their times, and whose series are refused."""

from __future__ import annotations

import collections
import logging
import threading
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.errors import OverloadError, StoreError
from wellkept.store.telemetry.points.decoded import Describe, Ids, Points, Whole

log = logging.getLogger(__name__)

MOST_SERIES = 500_000
"""Of so many series it is remembered whose they are; what comes beyond them is nobody's."""
MOST_TOLD = 10_000
"""So many entities, and so many metrics of entities, are told apart."""


class Odd(TypedDict):
    """What was counted since the start.

    ``ahead``: points of the future by entity, and by how many seconds they were ahead at last; ``untimely``: points
    that were refused for their times, by entity; ``crowded``: refused series by limit, metric and entity.
    """

    ahead: dict[str, tuple[int, float]]
    untimely: dict[str, int]
    crowded: dict[tuple[str, str, str], int]


class Senders:
    """Counts by entity what is odd about points. Safe for several threads.

    Whose a series is is asked for once and remembered by its hash; points are counted in arrays.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._raw: Ids = np.empty(0, np.uint64)
        self._place: NDArray[np.intp] = np.empty(0, np.intp)
        self._places: dict[str, int] = {}
        self._ahead: dict[str, tuple[int, float]] = {}
        self._untimely: collections.Counter[str] = collections.Counter()
        self._crowded: collections.Counter[tuple[str, str, str]] = collections.Counter()

    def note(
        self, points: Points, ahead_ms: Whole, early: NDArray[np.bool_], refused: NDArray[np.bool_], describe: Describe
    ) -> None:
        """Count the points that are of the future or refused. That nobody can be named stops no points."""
        odd = np.flatnonzero(early | refused)
        raw, first, which = np.unique(points.raw[odd], return_index=True, return_inverse=True)
        with self._lock:
            try:
                owners = self._owners(raw, odd[first], describe)[which]
            except (StoreError, OverloadError) as error:
                log.warning("whose points are of another time is not known: %s", error)
                return
            named = owners >= 0
            odd, owners = odd[named], owners[named]
            names = list(self._places)
            lead = np.zeros(len(names), np.int64)
            np.maximum.at(lead, owners, ahead_ms[odd])
            counts = [np.bincount(owners[mask[odd]], minlength=len(names)) for mask in (early, refused)]
            for place in np.flatnonzero(counts[0]).tolist():
                so_far, _ = self._ahead.get(names[place], (0, 0.0))
                self._ahead[names[place]] = so_far + int(counts[0][place]), float(lead[place]) / 1000
            for place in np.flatnonzero(counts[1]).tolist():
                self._untimely[names[place]] += int(counts[1][place])

    def crowd(self, limit: str, metric: str, entity: str) -> None:
        """Count a new series that met a limit."""
        key = limit, metric, entity
        with self._lock:
            if key in self._crowded or len(self._crowded) < MOST_TOLD:
                self._crowded[key] += 1

    def odd(self) -> Odd:
        """What was counted since the start, as far as it has a name."""
        with self._lock:
            return Odd(ahead=dict(self._ahead), untimely=dict(self._untimely), crowded=dict(self._crowded))

    def _owners(self, raw: Ids, positions: NDArray[np.intp], describe: Describe) -> NDArray[np.intp]:
        """The places of the entities that distinct series are about; -1 for none."""
        new = ~np.isin(raw, self._raw, assume_unique=True)
        if new.any() and len(self._raw) + np.count_nonzero(new) <= MOST_SERIES:
            order = np.argsort(positions[new])
            entities = describe(positions[new][order])["entity"].to_pylist()
            found = np.array([self._place_of(entity) for entity in entities], np.intp)
            at = np.searchsorted(self._raw, raw[new])
            self._raw = np.insert(self._raw, at, raw[new])
            self._place = np.insert(self._place, at, found[np.argsort(order)])
        if not len(self._raw):
            return np.full(len(raw), -1, np.intp)
        where = np.minimum(np.searchsorted(self._raw, raw), len(self._raw) - 1)
        return np.where(self._raw[where] == raw, self._place[where], -1)

    def _place_of(self, entity: str) -> int:
        if not entity or (entity not in self._places and len(self._places) >= MOST_TOLD):
            return -1
        return self._places.setdefault(entity, len(self._places))
