"""Days of history in coarse steps, for detectors that need more than a window of minutes; read rarely, and kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import numpy as np

from wellkept.ops.detect.base import DetectSettings
from wellkept.ops.detect.catalogue import BY_NAME, LIMITS
from wellkept.store.telemetry.window import SeriesInfo, Window

MOST_VALUES = 8_000_000
"""So many values are kept at most: 64 MB."""
COARSER = (1, 3, 6)
"""Where there are many series, steps become so many times as long before history becomes shorter."""
LEAST_DAYS = 3
EMPTY = 2
"""After so many days without anything, nothing is looked for before them."""


OF_A_START = frozenset(
    {"process.pid", "process.start_time", "process.creation.time", "service.instance.id", "container.id", "k8s.pod.uid"}
)
"""Attributes of a resource that are others after a restart."""
PART_S = 86_400.0
"""The past is read in parts of so many seconds, one at each look, so that no look waits for all of it."""


class MetricWindows(Protocol):
    def window(
        self,
        start: datetime,
        end: datetime,
        step_s: float,
        *,
        names: Sequence[str] | None = None,
        entities: Sequence[str] | None = None,
    ) -> Window: ...


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is read: seconds of a step, of all, and the names of metrics (None: all of them)."""

    step_s: float
    span_s: float
    names: tuple[str, ...] | None


class LongView:
    """Keeps the window of days, and reads only what has come since. Series of the catalogue where there are many."""

    def __init__(self, metrics: MetricWindows, settings: DetectSettings) -> None:
        self._metrics, self._settings = metrics, settings
        self._plan = _Plan(settings.long_step_s, 0.0, None)
        self._held: Window | None = None
        self._shown: Window | None = None
        self._since = 0.0
        self._empty = 0
        self._read_at: datetime | None = None

    def at(self, now: datetime, present: Sequence[SeriesInfo]) -> Window | None:
        """The days before ``now``; None where they are switched off. ``present``: the series that there are now.

        Right after the start it holds the newest day, and one more after each look.

        Raises:
            StoreError: the engine failed; the next look reads what this one did not.
        """
        if not self._settings.long_days:
            return None
        end = (now.timestamp() // self._plan.step_s) * self._plan.step_s
        is_fresh = (
            self._read_at is not None and 0 <= (now - self._read_at).total_seconds() < self._settings.long_every_s
        )
        if self._held is None or not is_fresh:
            self._read_newest(now, present)
            self._read_at = now
            self._shown = self._show(present)
        elif self._since > end - self._plan.span_s:
            first = max(self._since - PART_S, end - self._plan.span_s)
            older = self._window(first, self._since)
            self._held = joined(older, self._held, round(self._plan.span_s / self._plan.step_s))
            self._since = first
            self._empty = 0 if older.series else self._empty + 1
            if self._empty >= EMPTY:
                self._since = end - self._plan.span_s
            self._shown = self._show(present)
        return self._shown

    def _show(self, present: Sequence[SeriesInfo]) -> Window | None:
        if self._held is None:
            return None
        shown = through_restarts(self._held)
        return _of_shard(shown, present) if self._settings.shard_count > 1 else shown

    def _read_newest(self, now: datetime, present: Sequence[SeriesInfo]) -> None:
        plan = self._planned(present)
        end = (now.timestamp() // plan.step_s) * plan.step_s
        held = self._held
        if held is None or plan != self._plan or not end - PART_S < held.times[-1] <= end:
            self._plan, self._empty = plan, 0
            self._since = end - min(PART_S, plan.span_s)
            self._held = self._window(self._since, end)
            return
        fresh = self._window(float(held.times[-1]) - 2 * plan.step_s, end)
        self._held = joined(held, fresh, round(plan.span_s / plan.step_s))
        self._since = float(self._held.times[0]) - plan.step_s

    def _planned(self, present: Sequence[SeriesInfo]) -> _Plan:
        settings = self._settings
        known = sum(info.name in BY_NAME or info.name in LIMITS for info in present)
        everything = len(present) * settings.long_days * 86_400 / settings.long_step_s <= MOST_VALUES
        series = max(1, len(present) if everything else known)
        names = None if everything else tuple(sorted({*BY_NAME, *LIMITS}))
        step_s = settings.long_step_s
        for factor in COARSER:
            step_s = settings.long_step_s * factor
            if series * settings.long_days * 86_400 / step_s <= MOST_VALUES:
                return _Plan(step_s, settings.long_days * 86_400.0, names)
        days = max(LEAST_DAYS, int(MOST_VALUES * step_s / (series * 86_400)))
        return _Plan(step_s, min(days, settings.long_days) * 86_400.0, names)

    def _window(self, start: float, end: float) -> Window:
        first, last = (datetime.fromtimestamp(moment, UTC) for moment in (start, end))
        return self._metrics.window(first, last, self._plan.step_s, names=self._plan.names)


def _of_shard(window: Window, present: Sequence[SeriesInfo]) -> Window:
    """The series of entities that are here."""
    here = {info.entity for info in present}
    columns = [column for column, info in enumerate(window.series) if info.entity in here]
    return Window(window.times, window.values[:, columns], tuple(window.series[column] for column in columns))


def through_restarts(window: Window) -> Window:
    """The window with series as one that follow each other and differ only in what a restart makes another.

    The newest of them stands for all. Those that were seen at the same time, replicas, stay apart.
    """
    groups: dict[tuple[object, ...], list[int]] = {}
    for column, info in enumerate(window.series):
        lasting = frozenset((k, v) for k, v in info.resource_attributes.items() if k not in OF_A_START)
        key = (info.name, info.entity, frozenset(info.attributes.items()), lasting)
        groups.setdefault(key, []).append(column)
    several = [columns for columns in groups.values() if len(columns) > 1]
    if not several:
        return window
    seen = np.isfinite(window.values)
    values, gone = window.values.copy(), set[int]()
    for columns in several:
        if (seen[:, columns].sum(axis=1) <= 1).all():
            newest = max(columns, key=lambda column: int(np.flatnonzero(seen[:, column])[-1]))
            values[:, newest] = np.fmax.reduce(window.values[:, columns], axis=1)
            gone.update(column for column in columns if column != newest)
    kept = [column for column in range(len(window.series)) if column not in gone]
    return Window(window.times, values[:, kept], tuple(window.series[column] for column in kept), window.warnings)


def joined(held: Window, fresh: Window, steps: int) -> Window:
    """Two windows as one of the last ``steps`` steps, by series id; where both have a step, the fresh one counts.

    The steps of both lie on one grid, and the fresh one begins at or before the end of the other.
    """
    step_s = held.step_s
    kept = int(np.searchsorted(held.times, fresh.times[0] - step_s / 2)) if len(fresh.times) else len(held.times)
    times = np.concatenate([held.times[:kept], fresh.times])[-steps:]
    rows = {info.id: row for row, info in enumerate(held.series)}
    series = list(held.series)
    for info in fresh.series:
        if info.id not in rows:
            rows[info.id] = len(series)
            series.append(info)
    values = np.full((kept + len(fresh.times), len(series)), np.nan)
    values[:kept, : len(held.series)] = held.values[:kept]
    values[kept:, [rows[info.id] for info in fresh.series]] = fresh.values
    values = values[-steps:]
    order = sorted(np.flatnonzero(np.isfinite(values).any(axis=0)).tolist(), key=lambda column: series[column].id)
    return Window(times, values[:, order], tuple(series[column] for column in order), fresh.warnings)
