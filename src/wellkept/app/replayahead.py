"""Readers for a replay: what is stored ahead of the clock is read for many looks at once, and what holds nothing is not
asked about. What they give is what the store would.

A query costs milliseconds however little it reads, and a replay of few series makes a dozen at each of its looks.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Protocol

import numpy as np
import pyarrow as pa

from wellkept.kernel.clock import to_nanos
from wellkept.store.telemetry.following import Shard
from wellkept.store.telemetry.grid import Grid
from wellkept.store.telemetry.patterns import PatternStore
from wellkept.store.telemetry.present import Present
from wellkept.store.telemetry.resources import Resources
from wellkept.store.telemetry.spans import MOST_PARTS
from wellkept.store.telemetry.telemetry import Telemetry
from wellkept.store.telemetry.window import SeriesInfo, Window

MOST_STEPS = 30
"""Longer windows are read as they are asked for: then a look costs more than its queries."""
LOOKBACK_S = 600.0
"""From so long before what is stored anew it is known what there is: spans and lines of the past minutes are read."""
_Read = Callable[[datetime, datetime, float], Window]


class Ahead:
    """The readers of detection and discovery over a store that is filled up to ``until`` of the replay's time.

    It goes by what was told by ``stored`` last: what is stored without a word of it is not seen.
    """

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self.until = datetime.fromtimestamp(0, UTC)
        self.present = Present(telemetry.engine, 0)
        """What there is since ``stored`` was told last; another one whenever it is told."""
        self.resources: Resources = telemetry.resources
        self.metrics = _Metrics(telemetry, self)
        self.spans = _Spans(telemetry, self)
        self.logs = _Logs(telemetry, self)
        self.patterns = _Patterns(telemetry, self)

    def oldest(self) -> datetime | None:
        return self._telemetry.oldest()

    def stored(self, until: datetime) -> None:
        """Everything up to this moment is stored from now on."""
        asked_s = 2 * (until - self.until).total_seconds() + LOOKBACK_S
        self.until = until
        self.present = Present(self._telemetry.engine, max(0, to_nanos(until) - round(asked_s * 1e9)))


class _Reader(Protocol):
    def read(self, start: datetime, end: datetime, step_s: float) -> Window: ...


class _Chunks:
    """Reads windows of a few steps from one that was read for many, as long as what was read ``may`` be cut: its steps
    must not depend on where it began.
    """

    def __init__(self, read: _Read, ahead: Ahead, may: Callable[[Window], bool] = lambda _: True) -> None:
        self._read, self._ahead, self._may = read, ahead, may
        self._is_cut = True
        self._held: tuple[Present, float, Window] | None = None
        self._series: tuple[tuple[SeriesInfo, ...], tuple[int, ...], tuple[SeriesInfo, ...]] = ((), (), ())

    def read(self, start: datetime, end: datetime, step_s: float) -> Window:
        asked = Grid.of(start, end, step_s)
        if asked.count > MOST_STEPS or not self._is_cut:
            self._held = None
            return self._read(start, end, step_s)
        place = self._place(asked)
        if place is None:
            steps = int((self._ahead.until - start).total_seconds() // step_s)
            last = start.timestamp() + step_s * max(asked.count, min(steps, asked.count + MOST_STEPS))
            whole = self._read(start, datetime.fromtimestamp(last, UTC), step_s)
            self._held, place = (self._ahead.present, step_s, whole), 0
            self._is_cut = self._may(whole)
            if not self._is_cut:
                return self._read(start, end, step_s)
        assert self._held is not None
        return self._cut(self._held[2], slice(place, place + asked.count))

    def _place(self, asked: Grid) -> int | None:
        """Where the steps that are asked for begin in what is held; None where that is not all of them."""
        if self._held is None or self._held[0] is not self._ahead.present or self._held[1] != asked.step_s:
            return None
        times = self._held[2].times
        place = round((asked.start_ms / 1000 + asked.step_s - times[0]) / asked.step_s) if len(times) else -1
        is_held = place >= 0 and place + asked.count <= len(times)
        return place if is_held and abs(times[place] - asked.times[0]) < asked.step_s / 1e6 else None

    def _cut(self, whole: Window, steps: slice) -> Window:
        """Those steps, of the series that were seen in them. While these are the same, so is the tuple."""
        values = whole.values[steps]
        columns = np.flatnonzero(np.isfinite(values).any(axis=0))
        key = tuple(columns.tolist())
        if self._series[0] is not whole.series or self._series[1] != key:
            self._series = (whole.series, key, tuple(whole.series[column] for column in key))
        return Window(whole.times[steps], values[:, columns], self._series[2], whole.warnings)


class _Metrics:
    """``Metrics``, as detection and discovery read them."""

    def __init__(self, telemetry: Telemetry, ahead: Ahead) -> None:
        self._metrics, self._ahead = telemetry.metrics, ahead
        self._chunks: dict[tuple[tuple[str, ...], ...], _Chunks] = {}

    def follow(self, shard: Shard = Shard(), names: Sequence[str] = ()) -> _Reader:  # noqa: B008 - frozen
        return _Chunks(self._metrics.follow(shard, names).read, self._ahead)

    def window(
        self,
        start: datetime,
        end: datetime,
        step_s: float,
        *,
        names: Sequence[str] | None = None,
        entities: Sequence[str] | None = None,
    ) -> Window:
        """Empty where no metric has one of the names. The rate of a counter depends on what was read before it."""
        if names and self._ahead.present.metrics.isdisjoint(names):
            return _nothing(start, end, step_s)
        key = (tuple(names or ()), tuple(entities or ()))
        if key not in self._chunks:
            read = functools.partial(self._metrics.window, names=names, entities=entities)
            self._chunks[key] = _Chunks(read, self._ahead, _are_gauges)
        return self._chunks[key].read(start, end, step_s)


def _are_gauges(window: Window) -> bool:
    return not window.warnings and all(info.kind == "gauge" for info in window.series)


class _Spans:
    """``Spans``, which are not asked where there are none. What a service spent itself is of whole traces, which a
    longer window would show more of: that is not read ahead.
    """

    def __init__(self, telemetry: Telemetry, ahead: Ahead) -> None:
        self._spans, self._ahead = telemetry.spans, ahead
        self._red = _Chunks(telemetry.spans.red, ahead)

    def red(self, start: datetime, end: datetime, step_s: float) -> Window:
        return self._red.read(start, end, step_s) if self._are_any(start, end) else _nothing(start, end, step_s)

    def exclusive(self, start: datetime, end: datetime, step_s: float) -> Window:
        return self._spans.exclusive(start, end, step_s) if self._are_any(start, end) else _nothing(start, end, step_s)

    def endpoints(self, start: datetime, end: datetime, step_s: float, most: int = MOST_PARTS) -> Window:
        return self._spans.endpoints(start, end, step_s, most)

    def calls(self, start: datetime, end: datetime, step_s: float, most: int = MOST_PARTS) -> Window:
        return self._spans.calls(start, end, step_s, most)

    def edges(self, start: datetime, end: datetime, limit: int = 0) -> pa.Table:
        return self._spans.edges(start, end, limit) if self._are_any(start, end) else pa.table({})

    def _are_any(self, start: datetime, end: datetime) -> bool:
        return self._ahead.present.spans(to_nanos(start), to_nanos(end))


class _Logs:
    """``Logs``, as detection reads them."""

    def __init__(self, telemetry: Telemetry, ahead: Ahead) -> None:
        self._chunks = _Chunks(telemetry.logs.counts, ahead)

    def counts(self, start: datetime, end: datetime, step_s: float) -> Window:
        return self._chunks.read(start, end, step_s)


class _Patterns(PatternStore):
    """``PatternStore``, which is not asked to count lines where there are none."""

    def __init__(self, telemetry: Telemetry, ahead: Ahead) -> None:
        super().__init__(telemetry.engine)
        self._ahead = ahead

    def count(self, after: int, until: int, step_s: float, samples: int, *, recorded: bool = False) -> pa.Table:
        if recorded and not self._ahead.present.lines(after, until):
            return pa.table({})
        return super().count(after, until, step_s, samples, recorded=recorded)


def _nothing(start: datetime, end: datetime, step_s: float) -> Window:
    grid = Grid.of(start, end, step_s)
    return Window(grid.times, np.empty((grid.count, 0)), ())
