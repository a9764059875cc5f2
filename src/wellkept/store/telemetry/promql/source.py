"""What selectors see: the series that they match, and the windows of their samples, as one array."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wellkept.store.telemetry.promql.catalogue import Catalogue, Known, Span
from wellkept.store.telemetry.promql.errors import unsupported
from wellkept.store.telemetry.promql.grids import Grid, beside
from wellkept.store.telemetry.promql.limits import Limits
from wellkept.store.telemetry.promql.matching import Matchers
from wellkept.store.telemetry.promql.recorded import Recorded, seen_at
from wellkept.store.telemetry.promql.reductions import Ranged, Reductions, Samples, given, rolled_up, stored
from wellkept.store.telemetry.promql.segments import Segment, segments
from wellkept.store.telemetry.promql.steps import Steps
from wellkept.store.telemetry.promql.values import Labels, Numbers, Vector, empty, grouped, relabelled
from wellkept.store.telemetry.promql.windows import WINDOWS, Window
from wellkept.store.telemetry.resolution import ONLY_POINTS, Coverage, Tier

LOOKBACK_MS = 300_000
"""How long an instant selector still sees the last sample of a series."""

RawSeries = list[tuple[Labels, list[tuple[int, float]]]]
"""Series with their samples: (milliseconds, value)."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What is read of a window: what a function gives, or without one the last sample (``moments``: when it was)."""

    function: str = ""
    moments: bool = False


class Source:
    """Reads for one query. ``tiers``: those that were read from so far. ``recorded`` counts before what is stored."""

    def __init__(
        self,
        catalogue: Catalogue,
        reductions: Reductions,
        limits: Limits,
        coverage: Coverage = ONLY_POINTS,
        recorded: Recorded | None = None,
    ) -> None:
        self._catalogue, self._reductions, self.limits = catalogue, reductions, limits
        self._coverage, self._recorded = coverage, recorded or Recorded()
        self.tiers: set[Tier] = set()

    def instant(self, matchers: Matchers, steps: Steps, what: str, *, moments: bool = False) -> Vector:
        """The last sample of each series within the lookback; ``moments``: when it was, in seconds, in its place."""
        if (found := self._recorded.find(matchers)) is not None:
            vector, at = seen_at(found, steps, LOOKBACK_MS)
            return Vector(vector.labels, at if moments else vector.values, vector.present).seen()
        ranged = Ranged(LOOKBACK_MS, what)
        return self._read(Kind(moments=moments), matchers, steps, ranged)

    def window(self, function: str, matchers: Matchers, steps: Steps, ranged: Ranged) -> Vector:
        """A function over the samples of the window before each step."""
        if (found := self._recorded.find(matchers)) is not None:
            return self.subwindow(function, found.vector, found.steps, steps, ranged)
        return self._read(Kind(function), matchers, steps, ranged)

    def subwindow(self, function: str, inner: Vector, inside: Steps, steps: Steps, ranged: Ranged) -> Vector:
        """The same over what an expression was at the steps of a subquery."""
        self.limits.check_cells(len(inner.labels), steps.count, ranged.what)
        window = WINDOWS[function]
        samples = given(inner.values, inner.present, inside)
        grid = self._reduced(window.sql, window, samples, steps, ranged)
        labels = [inner.labels[int(row)] for row in grid.series]
        vector = Vector(labels, grid.values, grid.present)
        return vector if window.keeps_name else relabelled(vector)

    def raw(self, matchers: Matchers, steps: Steps, ranged: Ranged) -> RawSeries:
        """The samples of the window before the one step, by series."""
        if self._recorded.find(matchers) is not None:
            raise unsupported("a range of samples that a rule under trial records, by itself")
        known = self._find(matchers, steps, ranged)
        if not known:
            return []
        (part,) = segments(steps, ranged.range_ms, self._coverage)
        rows = self._reductions.raw(self._samples(list(known), part), steps, ranged).to_pylist()
        found = [(known[row["series"]].labels, list(zip(row["times"], row["amounts"], strict=True))) for row in rows]
        return sorted(found, key=lambda series: series[0])

    def grid(self, kind: Kind, known: dict[int, Known], steps: Steps, ranged: Ranged) -> Grid:
        """Windows of one kind, of series that are known."""
        if not kind.function:
            return self._last(known, steps, ranged, moments=kind.moments)
        window, parts = WINDOWS[kind.function], []
        for part in segments(steps, ranged.range_ms, self._coverage):
            grid = self._windowed(window, known, part, replace(ranged, range_ms=part.range_ms))
            scale = ranged.range_ms / part.range_ms if window.is_extensive else 1.0
            parts.append(grid if scale == 1 else replace(grid, values=grid.values * scale))
        return beside(parts)

    def named(self, kind: Kind, grid: Grid, known: dict[int, Known]) -> Vector:
        """The grid with the labels of its series."""
        vector = _named(grid, known)
        return relabelled(vector) if kind.function and not WINDOWS[kind.function].keeps_name else vector

    def _read(self, kind: Kind, matchers: Matchers, steps: Steps, ranged: Ranged) -> Vector:
        known = self._find(matchers, steps, ranged)
        return self.named(kind, self.grid(kind, known, steps, ranged), known) if known else empty(steps.count)

    def _last(self, known: dict[int, Known], steps: Steps, ranged: Ranged, *, moments: bool) -> Grid:
        parts = []
        for part in segments(steps, LOOKBACK_MS, self._coverage, is_last=True):
            samples, seen = self._samples(list(known), part), replace(ranged, range_ms=part.range_ms)
            parts.append(self._reductions.last(samples, part.steps, seen, moments=moments))
        return beside(parts)

    def _windowed(self, window: Window, known: dict[int, Known], part: Segment, ranged: Ranged) -> Grid:
        grids = []
        for deltas in (False, True):
            ids = [series for series, entry in known.items() if entry.is_delta == deltas]
            if ids:
                sql = window.reading(buckets=part.tier is not Tier.POINTS, deltas=deltas)
                grids.append(self._reduced(sql, window, self._samples(ids, part), part.steps, ranged))
        return _joined(grids)

    def _samples(self, series: list[int], part: Segment) -> Samples:
        if part.tier is Tier.POINTS:
            return stored(series)
        self.tiers.add(part.tier)
        return rolled_up(series, part.tier, self._coverage.rolled_ms)

    def _reduced(self, sql: str, window: Window, samples: Samples, steps: Steps, ranged: Ranged) -> Grid:
        reduce = self._reductions.spread if window.is_spread else self._reductions.dense
        return reduce(sql, samples, steps, ranged)

    def _find(self, matchers: Matchers, steps: Steps, ranged: Ranged) -> dict[int, Known]:
        span = Span(steps.start_ms - ranged.range_ms, steps.end_ms)
        known = self._catalogue.find(matchers, span, ranged.what)
        self.limits.check_cells(len(known), steps.count, ranged.what)
        return known


def _joined(grids: Sequence[Grid]) -> Grid:
    if len(grids) == 1:
        return grids[0]
    return Grid(
        np.concatenate([grid.series for grid in grids]),
        np.concatenate([grid.values for grid in grids]),
        np.concatenate([grid.present for grid in grids]),
    )


def _named(grid: Grid, known: dict[int, Known]) -> Vector:
    """Rows with their labels, in the order of those.

    Several stored series may be called the same: a sender that changes a unit begins another one, for example. They are
    one here, and at a step where several are, the one counts that was seen last.
    """
    recency = {series: index for index, series in enumerate(known)}
    names = [known[int(series)].labels for series in grid.series]
    order = sorted(range(len(names)), key=lambda row: (names[row], recency[int(grid.series[row])]))
    labels, index = grouped([names[row] for row in order])
    values, present = grid.values[order], grid.present[order]
    if len(labels) == len(names):
        return Vector(labels, values, present).seen()
    return _overlaid(labels, index, values, present).seen()


def _overlaid(labels: list[Labels], index: NDArray[np.intp], values: Numbers, present: NDArray[np.bool_]) -> Vector:
    """Rows of the same index as one; the first that has a value at a step counts there."""
    first = np.searchsorted(index, np.arange(len(labels)))
    place = np.arange(len(index)) - first[index]
    total, there = values[first].copy(), present[first].copy()
    for turn in range(1, int(place.max()) + 1):
        rows = np.flatnonzero(place == turn)
        into = index[rows]
        fills = present[rows] & ~there[into]
        total[into] = np.where(fills, values[rows], total[into])
        there[into] |= fills
    return Vector(labels, total, there)
