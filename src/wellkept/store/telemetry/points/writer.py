"""Decoded points into the tables: series are recognised, new ones described and let in or refused, points inserted."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wellkept.kernel.errors import OverloadError, StoreError
from wellkept.store.telemetry.arrow import looked_up, map_sizes
from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.points.decoded import DESCRIBED, Describe, Ids, Points, Whole
from wellkept.store.telemetry.points.guard import Guard
from wellkept.store.telemetry.points.known import KnownSeries
from wellkept.store.telemetry.points.limits import PointLimits
from wellkept.store.telemetry.points.senders import Senders
from wellkept.store.telemetry.points.skew import AHEAD_MS, Skew
from wellkept.store.telemetry.receipt import Receipt
from wellkept.store.telemetry.statements import load
from wellkept.store.telemetry.varint import varint

log = logging.getLogger(__name__)

HOUR_MS = 3_600_000
_REFRESHED_EVERY_S = 60.0
_TOLD = 3
"""So many reasons are told to a sender: every metric of a burst may have met its own limit."""
_INSERT = """
INSERT INTO metric_points SELECT series, time, value
FROM file({body:String}, 'Native', 'series UInt64, time DateTime64(3, ''UTC''), value Float64')"""

Noted = Callable[[Whole], None]
"""Hears of the hours (since the epoch) that stored points lie in."""
Since = Callable[[int], None]
"""Hears since when (milliseconds) what is read may have changed: points may be stored from there on."""


class PointWriter:
    """Stores groups of decoded points. It may be called from several threads.

    A series is written down before its first point, so no point is ever without one. What is stored is told by request:
    points of refused series, and those too late or too early, are not, and the latter make no series either.
    """

    def __init__(self, engine: Engine, limits: PointLimits | None = None) -> None:
        self.limits = limits or PointLimits()
        self._engine = engine
        self._known = KnownSeries()
        self.senders = Senders()
        self._guard = Guard(engine, self.limits, self.senders)
        self.skew = Skew(self.limits)
        self._refreshed_at = time.monotonic()
        self._lock = threading.Lock()
        self.noted: Noted | None = None
        self.stored_since: Since | None = None

    def store(self, points: Points, bodies: int, describe: Describe, received_ms: int) -> list[Receipt]:
        """Store the points of ``bodies`` requests; gives what became of each.

        Raises:
            StoreError: the engine failed, and some of the points may be stored.
            OverloadError: the engine cannot take more at the moment.
        """
        if not len(points):
            return [Receipt()] * bodies
        ahead_ms = self.skew.ahead_ms(points.at, received_ms)
        is_timely = self.skew.is_timely(points.at, ahead_ms)
        with self._lock:
            ids, reasons = self._recognised(points, is_timely, describe)
        taken = is_timely & (ids != 0)
        if taken.all():
            self._insert(ids, points.at, points.value)
        else:
            self._insert(ids[taken], points.at[taken], points.value[taken])
            reasons = [*reasons, *self.skew.reasons(points.at[~is_timely], received_ms)]
        with self._lock:
            if taken.all():
                self._known.see(points.raw, points.at)
            else:
                self._known.see(points.raw[taken], points.at[taken])
        early = ahead_ms > AHEAD_MS
        if early.any() or not is_timely.all():
            self.senders.note(points, ahead_ms, early, ~is_timely, describe)
        self._refresh()
        return _receipts(points, taken, bodies, reasons)

    def knows(self, raw: Ids) -> bool:
        """Whether all of these hashes are of known series."""
        with self._lock:
            return bool((self._known.find(raw) >= 0).all())

    def learn(self, other: Ids, raw: Ids) -> None:
        """Other hashes of series that are known by these."""
        other, first = np.unique(other, return_index=True)
        with self._lock:
            new = self._known.find(other) < 0
            self._known.alias(other[new], self._known.find(raw[first[new]]))

    def status(self) -> dict[str, object]:
        """How many series there are, what was refused, and how far senders' clocks are off."""
        return {"series": self._guard.count, "refused": dict(self._guard.refused), "skew": self.skew.status()}

    def settle(self) -> None:
        """Write down now when series were last seen: for who stores hours in seconds and then asks for them.

        A failure is logged, and made up for with later points.
        """
        with self._lock:
            self._refreshed_at = -math.inf
        self._refresh()

    def _recognised(self, points: Points, is_timely: NDArray[np.bool_], describe: Describe) -> tuple[Ids, list[str]]:
        """The series of each point, after those of timely points that were not known have been described.

        It is 0 for points of refused series, and for those that are not timely where nobody else told of theirs.
        """
        if self._guard.recount():
            self._known.forget_refused()
        places = self._known.find(points.raw)
        unknown = np.flatnonzero((places < 0) & is_timely)
        if not len(unknown):
            return self._known.ids(places), []
        raw, first = np.unique(points.raw[unknown], return_index=True)
        if self._known.make_room(len(raw)):
            return self._recognised(points, is_timely, describe)
        positions = unknown[first]
        order = np.argsort(positions)
        reasons = self._describe(raw[order], positions[order], points.at[positions[order]], describe)
        return self._known.ids(self._known.find(points.raw)), reasons

    def _describe(self, raw: Ids, positions: Whole, at: Whole, describe: Describe) -> list[str]:
        rows = describe(positions)
        ids: Ids = np.array(rows["series"].to_numpy(), np.uint64)
        distinct, first = np.unique(ids, return_index=True)
        noted = self._guard.noted(distinct)
        fresh = first[noted == 0]
        written, reasons = self._admit(rows, fresh, ids, at)
        lost = np.isin(ids, np.setdiff1d(ids[fresh], ids[written]))
        self._known.add(raw, np.where(lost, np.uint64(0), ids), np.where(lost, at, self._guard.noted(ids)))
        return reasons

    def _admit(self, rows: pa.Table, fresh: Whole, ids: Ids, at: Whole) -> tuple[Whole, list[str]]:
        """Write down those of the new series that are let in: their places; and why others are not."""
        new = rows.take(pa.array(fresh))
        names: list[str] = new["name"].to_pylist()
        services: list[str] = looked_up(new["resource_attributes"], "service.name").to_pylist()
        entities: list[str] = new["entity"].to_pylist()
        sizes = map_sizes(new["attributes"]) + map_sizes(new["resource_attributes"])
        refused = self._guard.admit(names, services, entities, sizes.tolist())
        let_in = [index for index in range(len(fresh)) if index not in refused]
        written = fresh[let_in]
        try:
            self._write(new.take(pa.array(let_in, pa.int64())), at[written])
        except BaseException:
            self._guard.withdraw([names[index] for index in let_in], [services[index] for index in let_in])
            raise
        self._guard.note(ids[written], at[written])
        return written, sorted(set(refused.values()))

    def _write(self, rows: pa.Table, at: Whole) -> None:
        times = pa.array(at, pa.timestamp("ms", "UTC"))
        columns = rows.select(DESCRIBED).append_column("first_seen", times).append_column("last_seen", times)
        self._engine.insert_arrow("metric_series", columns)

    def _insert(self, ids: Ids, at: Whole, values: NDArray[np.float64]) -> None:
        if not len(ids):
            return
        try:
            self._engine.insert_body(_INSERT, _rows(ids, at, values))
        finally:
            if self.stored_since is not None:
                self.stored_since(int(at.min()))
        if self.noted is not None:
            self.noted(_hours(at))

    def _refresh(self) -> None:
        """Once a minute, write down that series were seen whose last note is old.

        The points of whoever comes at that moment are stored: a failure is not theirs, and is made up for a minute
        later.
        """
        with self._lock:
            if time.monotonic() - self._refreshed_at < _REFRESHED_EVERY_S:
                return
            self._refreshed_at = time.monotonic()
            raw, ids, last = self._known.due()
        if not len(ids):
            return
        try:
            self._engine.insert_body(load("points/series_seen.sql"), _rows(ids, last, np.zeros(len(ids))))
        except (StoreError, OverloadError) as error:
            log.warning("when series were last seen could not be written down: %s", error)
            return
        with self._lock:
            self._known.note(raw, last)


def _rows(ids: Ids, at: Whole, values: NDArray[np.float64]) -> bytes:
    """Points in the engine's own format, column by column: it has nothing to do but to copy them."""
    columns = ((b"series", b"UInt64", ids), (b"time", b"DateTime64(3, 'UTC')", at), (b"value", b"Float64", values))
    parts = [varint(len(columns)), varint(len(ids))]
    for name, kind, column in columns:
        parts += [varint(len(name)), name, varint(len(kind)), kind, column.tobytes()]
    return b"".join(parts)


def _hours(at: Whole) -> Whole:
    """The hours since the epoch in which these times lie; nearly always it is one, or two."""
    first, last = int(at.min()) // HOUR_MS, int(at.max()) // HOUR_MS
    return np.arange(first, last + 1) if last - first <= 1 else np.unique(at // HOUR_MS)


def _receipts(points: Points, taken: NDArray[np.bool_], bodies: int, reasons: Sequence[str]) -> list[Receipt]:
    """Of an item some of whose points are refused, all of it counts as refused."""
    begins = np.concatenate([[True], points.item[1:] != points.item[:-1]])
    of_body = points.body[begins]
    if taken.all():
        return [Receipt(items) for items in np.bincount(of_body, minlength=bodies + 1)[1:].tolist()]
    whole = np.logical_and.reduceat(taken, np.flatnonzero(begins))
    stored = np.bincount(of_body[whole], minlength=bodies + 1)[1:].tolist()
    lost = np.bincount(of_body[~whole], minlength=bodies + 1)[1:].tolist()
    left_out = [f"and {len(reasons) - _TOLD} more reasons"] if len(reasons) > _TOLD else []
    told = "; ".join([*reasons[:_TOLD], *left_out]) or "their series were refused before, for there are too many"
    return [Receipt(items, rejected, told if rejected else "") for items, rejected in zip(stored, lost, strict=True)]
