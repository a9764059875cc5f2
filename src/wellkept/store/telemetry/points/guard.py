"""The cardinality guard: new series are let in as long as their metric, their service and the store have room."""

from __future__ import annotations

import collections
import logging
import time
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from wellkept.kernel.errors import OverloadError, StoreError, short
from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.points.decoded import Ids, Whole
from wellkept.store.telemetry.points.limits import PointLimits
from wellkept.store.telemetry.points.senders import Senders

log = logging.getLogger(__name__)

COUNTED_EVERY_S = 600.0
"""What has not been seen for long stops counting, and makes room, when the series are counted anew."""

MOST_LABELS_BYTES = 64 << 10
"""Whoever asks for a series gets its name and labels spelled out, and a body may be one long label."""

_ACTIVE = "FROM metric_series WHERE last_seen >= now64(3) - toIntervalSecond({active:UInt32})"
# Rows of one series lie side by side, so it is quicker to join them here than to have the engine group them.
_SEEN = f"SELECT series, toUnixTimestamp64Milli(last_seen) AS noted {_ACTIVE} ORDER BY series"
_OF_METRIC = f"SELECT toString(name) AS part, uniqExact(series) AS count {_ACTIVE} GROUP BY part"
_OF_SERVICE = f"""
SELECT resource_attributes['service.name'] AS part, uniqExact(series) AS count {_ACTIVE} GROUP BY part"""


class Guard:
    """Counts series and refuses new ones where there are too many. Not safe for several threads."""

    def __init__(self, engine: Engine, limits: PointLimits, senders: Senders) -> None:
        self._engine, self._limits, self._senders = engine, limits, senders
        self._known: Ids = np.empty(0, np.uint64)
        self._noted: Whole = np.empty(0, np.int64)
        self._of_metric: collections.Counter[str] = collections.Counter()
        self._of_service: collections.Counter[str] = collections.Counter()
        self._counted_at = -np.inf
        self.refused: collections.Counter[str] = collections.Counter()
        """How many series were refused, by the limit that they met."""

    @property
    def count(self) -> int:
        """How many series are there."""
        return len(self._known)

    def recount(self) -> bool:
        """Count anew if it is time to; whether that was done. Where it fails, what was counted before goes on to hold.

        Raises:
            StoreError, OverloadError: nothing was counted yet.
        """
        if time.monotonic() - self._counted_at < COUNTED_EVERY_S:
            return False
        try:
            self._count()
        except (StoreError, OverloadError) as error:
            if self._counted_at == -np.inf:
                raise
            log.warning("series could not be counted anew: %s", error)
            self._counted_at = time.monotonic()
            return False
        return True

    def _count(self) -> None:
        active: dict[str, object] = {"active": int(self._limits.active_s)}
        rows, metrics, services = (
            self._engine.query(sql, active, writing=True) for sql in (_SEEN, _OF_METRIC, _OF_SERVICE)
        )
        self._known, first = np.unique(rows["series"].to_numpy(), return_index=True)
        self._noted = np.maximum.reduceat(rows["noted"].to_numpy(), first) if len(first) else np.empty(0, np.int64)
        self._of_metric, self._of_service = _counted(metrics), _counted(services)
        self._counted_at = time.monotonic()

    def noted(self, ids: Ids) -> Whole:
        """When each was last written down as seen, in milliseconds; 0 for a series that is not there."""
        if not len(self._known):
            return np.zeros(len(ids), np.int64)
        place = np.minimum(np.searchsorted(self._known, ids), len(self._known) - 1)
        return np.where(self._known[place] == ids, self._noted[place], 0)

    def admit(
        self, names: Sequence[str], services: Sequence[str], entities: Sequence[str], sizes: Sequence[int]
    ) -> dict[int, str]:
        """Let new series in; gives those that are refused, by their index, with the reason.

        ``entities``: whom each is about; ``sizes``: the bytes of its labels. Those that are let in count, until they
        are withdrawn; they are known once they are noted.
        """
        refused: dict[int, str] = {}
        total = len(self._known)
        for index, (name, service, entity, size) in enumerate(zip(names, services, entities, sizes, strict=True)):
            limit, reason = self._large(name, size) or self._full(total, name, service)
            if limit:
                refused[index] = reason
                self.refused[limit] += 1
                self._senders.crowd(limit, short(name), entity)
                continue
            total += 1
            self._of_metric[name] += 1
            self._of_service[service] += 1
        return refused

    def withdraw(self, names: Sequence[str], services: Sequence[str]) -> None:
        """Series that were let in could not be written down."""
        self._of_metric.subtract(names)
        self._of_service.subtract(services)

    def note(self, ids: Ids, at: Whole) -> None:
        """Distinct series that were let in are written down as seen at these times (milliseconds)."""
        order = np.argsort(ids)
        place = np.searchsorted(self._known, ids[order])
        self._known = np.insert(self._known, place, ids[order])
        self._noted = np.insert(self._noted, place, np.maximum(at[order], 1))

    def _large(self, name: str, size: int) -> tuple[str, str] | None:
        """The limit that a series meets that is called by more than is stored, and the reason."""
        got, most = len(name) + size, MOST_LABELS_BYTES
        if got <= most:
            return None
        return "labels", f"a series of metric {short(name)} has a name and labels of {got} bytes, and may have {most}"

    def _full(self, total: int, name: str, service: str) -> tuple[str, str]:
        """The limit that a new series of this metric and service meets, and the reason; empty where there is room."""
        limits = self._limits
        of_service = self._of_service[service] if service else 0
        found = (
            ("series", "the store", "", total, limits.series),
            ("series_of_metric", "metric", name, self._of_metric[name], limits.series_of_metric),
            ("series_of_service", "service", service, of_service, limits.series_of_service),
        )
        for limit, what, called, count, most in found:
            if most and count >= most:
                which = f"{what} {short(called)}" if called else what
                return limit, f"{which} has {count} active series, and may have {most} (ingest.metrics.{limit})"
        return "", ""


def _counted(rows: pa.Table) -> collections.Counter[str]:
    return collections.Counter(dict(zip(rows["part"].to_pylist(), rows["count"].to_pylist(), strict=True)))
