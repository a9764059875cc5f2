"""Reading metrics as windows: the engine reduces to one value a series and step, NumPy lays them out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime

import numpy as np
import pyarrow as pa

from wellkept.kernel.conventions import unit_of
from wellkept.store.telemetry.arrow import text_maps
from wellkept.store.telemetry.bookkeeping import OF_RULES
from wellkept.store.telemetry.continued import joined
from wellkept.store.telemetry.crowded import MOST_SERIES, Crowded, warning
from wellkept.store.telemetry.engine import Engine
from wellkept.store.telemetry.following import Following, Shard
from wellkept.store.telemetry.grid import Grid
from wellkept.store.telemetry.layout import Known, lay_out
from wellkept.store.telemetry.named import named
from wellkept.store.telemetry.resolution import ONLY_POINTS, Asked, Coverage, Tier
from wellkept.store.telemetry.statements import load
from wellkept.store.telemetry.window import SeriesInfo, Window

_LOOKBACK_MS = 60_000
_REMEMBERED = 2 * MOST_SERIES
_CUMULATIVE, _DELTA = 2, 1


class Metrics:
    """Reads the narrow points. It remembers what a series is, since that never changes for a series id."""

    def __init__(self, engine: Engine, coverage: Callable[[], Coverage] = lambda: ONLY_POINTS) -> None:
        self._engine, self._coverage = engine, coverage
        self.crowded = Crowded(engine)
        self._known: dict[int, Known] = {}
        self._lock = threading.Lock()

    def window(
        self,
        start: datetime,
        end: datetime,
        step_s: float,
        *,
        names: Sequence[str] | None = None,
        entities: Sequence[str] | None = None,
    ) -> Window:
        """Every series seen in [start, end) on a grid of ``step_s`` seconds, series in the order of their ids.

        Gauges and sums that can fall show the last value of a step. Counters (monotonic cumulative sums) show the
        increase per second since their value before, over the true time between the two; a value below the one
        before is a restart, and then the increase is the new value. Delta sums show their total in the step per
        second. Histogram buckets and summary quantiles are left out unless ``names`` asks for them. A series that goes
        on where another that is called the same ended is one with it. Where nothing is asked for by name or entity,
        metrics that have too many series are left out, and so is the bookkeeping of rules.

        Raises:
            StoreError: the engine failed.
        """
        return self._window(Grid.of(start, end, step_s), names or (), entities or ())

    def of_series(self, start: datetime, end: datetime, step_s: float, series: Sequence[int], name: str) -> Window:
        """The same of some series of one metric, by their ids."""
        return self._window(Grid.of(start, end, step_s), [name], series=series)

    def _window(
        self, grid: Grid, names: Sequence[str], entities: Sequence[str] = (), series: Sequence[int] = ()
    ) -> Window:
        narrowed = {**named(names), "entities": list(entities), "series": list(series)}
        is_narrowed = bool(names or entities or series)
        since = grid.start_ms - max(grid.step_ms, _LOOKBACK_MS)
        crowded = [] if is_narrowed else self.crowded.metrics(since)
        left_out = [] if is_narrowed else [*OF_RULES, *crowded]
        asked = {**grid.parameters, "since": since, **narrowed, "left_out": left_out}
        hours_until, minutes_until = self._coverage().bounds(Asked(since, grid.end_ms, grid.step_ms, grid.step_ms))
        parts = ((Tier.MINUTES, max(since, hours_until), minutes_until), (Tier.HOURS, since, hours_until))
        tiers = [tier for tier, first, until in parts if first < until]
        if tiers:
            bounds = {"hours_until": hours_until, "minutes_until": minutes_until}
            rows = self._engine.query(load("queries/metrics_tiers.sql"), {**asked, **bounds})
        else:
            rows = self._engine.query(load("queries/metrics.sql"), asked)
        known = self.describe(rows["series"].to_pylist())
        values, kept = joined(lay_out(rows, known, grid)[0], [entry.identity for entry in known])
        known = [known[column] for column in kept]
        seen: list[bool] = np.any(np.isfinite(values), axis=0).tolist()
        found = tuple(entry.info for entry, is_seen in zip(known, seen, strict=True) if is_seen)
        warnings = [tier.warning for tier in tiers] + ([warning(crowded)] if crowded else [])
        return Window(grid.times, values[:, seen], found, tuple(warnings))

    def follow(self, shard: Shard = Shard(), names: Sequence[str] = ()) -> Following:  # noqa: B008 - frozen
        """A reader of the same, step after step, of one part of all series or of those of some metrics."""
        return Following(self._engine, self, shard, names)

    def left_out(self, since_ms: int, names: Sequence[str] = ()) -> list[str]:
        """What a reader of all series, or all of these metrics, does without; see ``bookkeeping`` and ``crowded``."""
        return [*OF_RULES, *self.crowded.metrics(since_ms, names)]

    def describe(self, ids: list[int]) -> list[Known]:
        """What the series of these ids are."""
        with self._lock:
            known = {series: self._known[series] for series in ids if series in self._known}
        missing = [series for series in ids if series not in known]
        if missing:
            ids_of_missing = np.array(missing, np.uint64).tobytes()
            found = _read_series(self._engine.query_body(load("queries/series.sql"), ids_of_missing))
            with self._lock:
                if len(self._known) + len(found) > _REMEMBERED:
                    self._known.clear()
                self._known.update(found)
            known |= found
        return [known[series] for series in ids]


def _read_series(rows: pa.Table) -> dict[int, Known]:
    resource_maps = dict(zip(rows["resource"].to_pylist(), text_maps(rows["resource_attributes"]), strict=True))
    attributes = text_maps(rows["attributes"])
    known: dict[int, Known] = {}
    columns = ("series", "name", "unit", "kind", "is_monotonic", "temporality", "entity", "resource")
    for row, own in zip(zip(*(rows[c].to_pylist() for c in columns), strict=True), attributes, strict=True):
        series, name, unit, kind, is_monotonic, temporality, entity, resource = row
        is_delta = temporality == _DELTA and kind != "gauge"
        is_counter = is_monotonic and temporality == _CUMULATIVE
        unit = unit_of(name, unit)
        shown = f"{unit or '1'}/s" if is_delta or is_counter else unit
        info = SeriesInfo(series, name, shown, kind, entity, own, resource_maps[resource], is_delta)
        told = (name, shown, kind, entity, frozenset(own.items()), frozenset(resource_maps[resource].items()))
        known[series] = Known(info, is_counter, is_delta, hash(told))
    return known
