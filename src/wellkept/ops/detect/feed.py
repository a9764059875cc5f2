"""What detection reads of the telemetry store: at each look only what is new, and what may have come late."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import ceil
from typing import Protocol
from zlib import crc32

from wellkept.ops.detect.base import DetectSettings
from wellkept.ops.detect.ring import Ring
from wellkept.store.telemetry.following import Shard
from wellkept.store.telemetry.indicators import with_reported
from wellkept.store.telemetry.requestnames import REQUEST_BUCKETS
from wellkept.store.telemetry.window import SeriesInfo, Window

MOST_VALUES = 4_000_000
"""So many values are read at once when much has to be caught up with."""
MOST_MADE_UP_FOR = 40_000_000
"""So many values are read after a pause; of more series, fewer steps."""
LEAST_SERIES = 20_000
"""Of fewer series as many steps are read as of so many: each part of them takes its time, too."""
LOOKBACK_S = 60.0
"""The first look reads counters from so long before: a rate needs a value before it, as ``Metrics.window`` has it."""
TRACE_S = 60.0
"""Spans are read from so long before the steps that they are for: a trace that began earlier is whole."""


class Follows(Protocol):
    def read(self, start: datetime, end: datetime, step_s: float) -> Window: ...


class MetricReader(Protocol):
    def follow(self, shard: Shard = ..., names: Sequence[str] = ...) -> Follows: ...

    def window(
        self,
        start: datetime,
        end: datetime,
        step_s: float,
        *,
        names: Sequence[str] | None = None,
        entities: Sequence[str] | None = None,
    ) -> Window: ...


class SpanWindows(Protocol):
    def red(self, start: datetime, end: datetime, step_s: float) -> Window: ...

    def exclusive(self, start: datetime, end: datetime, step_s: float) -> Window: ...

    def endpoints(self, start: datetime, end: datetime, step_s: float) -> Window: ...

    def calls(self, start: datetime, end: datetime, step_s: float) -> Window: ...


class LogWindows(Protocol):
    def counts(self, start: datetime, end: datetime, step_s: float) -> Window: ...


class Windows(Protocol):
    """What detection reads of the telemetry store."""

    @property
    def metrics(self) -> MetricReader: ...

    @property
    def spans(self) -> SpanWindows: ...

    @property
    def logs(self) -> LogWindows: ...

    def oldest(self) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class Fed:
    """The windows after a reading, of which the last ``new`` steps were not in the windows before it.

    ``buckets``: of the histograms by which services tell how long their answers take; None where nobody reads them.
    """

    metrics: Window
    red: Window
    exclusive: Window
    logs: Window
    new: int
    buckets: Window | None = None


class Feed:
    """Holds the windows and moves them on.

    A window so moved shows what one read whole since the first look would show, cut to its length, but for values
    that came later than ``late_s`` (spans: ``late_spans_s``) after their step was first looked at. The first look
    reads a whole window, and so does one after a pause longer than that, or back in time.
    """

    def __init__(self, telemetry: Windows, settings: DetectSettings) -> None:
        self._telemetry, self._settings = telemetry, settings
        self._shard = Shard(settings.shard_index, settings.shard_count)
        self._end: int | None = None
        self._series_of_red: tuple[SeriesInfo, ...] = ()
        self._renew()

    def moved(self, end: int, since: int | None = None, late: int | None = None) -> Iterator[Fed]:
        """Read up to the step number ``end`` (its end in steps since the epoch), in as many parts as it takes.

        ``since``: the last step that is known elsewhere already; the first look reads from there, in parts of at most
        a window, where that is further back. ``late``: what came late is read from this step on, where that is
        further back than usual. The last of what is given is for ``end``.

        Raises:
            StoreError: the engine failed; the next look reads what this one did not.
        """
        steps = self._settings.steps
        if self._end is None or end < self._end or end - self._end > steps:
            self._renew()
            begin = end - steps
            if since is not None and since < begin:
                begin = max(min(begin, end - self._made_up_for(end)), since)
        else:
            begin = self._end
        if begin == end:
            yield self._fed(0)
        while begin < end:
            until = min(end, begin + self._part())
            self._read(begin, until, until if late is None else late)
            yield self._fed(until - begin)
            begin = until

    @property
    def bytes(self) -> int:
        """What the windows take."""
        return sum(ring.bytes for ring in (self._metrics, self._buckets, self._red, self._exclusive, self._logs))

    def _made_up_for(self, end: int) -> int:
        """How many steps are read at most after a pause, so that it does not take longer than a minute or so."""
        now = self._telemetry.metrics.follow(self._shard).read(self._at(end - 6), self._at(end), self._settings.step_s)
        return MOST_MADE_UP_FOR // max(LEAST_SERIES, len(now.series))

    def _renew(self) -> None:
        steps, step_s = self._settings.steps, self._settings.step_s
        self._end = None
        self._follow = self._telemetry.metrics.follow(self._shard)
        self._follow_buckets = self._telemetry.metrics.follow(self._shard, REQUEST_BUCKETS)
        self._metrics, self._red = Ring(steps, step_s), Ring(steps, step_s)
        self._exclusive, self._logs = Ring(steps, step_s), Ring(steps, step_s)
        self._buckets = Ring(steps, step_s)

    def _part(self) -> int:
        """How many steps are read at once."""
        held = (self._metrics.window(), self._buckets.window()) if self._end is not None else ()
        series = max(1, sum(len(window.series) for window in held))
        first = self._settings.steps if self._end is not None else min(self._settings.steps, 32)
        return max(1, min(first, MOST_VALUES // series))

    def _read(self, begin: int, end: int, since: int) -> None:
        """Read the steps after ``begin`` up to ``end``, and those before that may have changed: ``late_s`` of them, or
        those after ``since``.
        """
        step_s, first = self._settings.step_s, self._end is None
        again = 0 if first else min(begin - since, self._settings.steps)
        late = max(again, ceil((LOOKBACK_S if first else self._settings.late_s) / step_s))
        late_spans = max(again, 0 if first else ceil(self._settings.late_spans_s / step_s))
        trace = ceil(TRACE_S / step_s)
        spans = self._telemetry.spans
        self._metrics.put(self._follow.read(self._at(begin - late), self._at(end), step_s))
        self._buckets.put(self._follow_buckets.read(self._at(begin - late), self._at(end), step_s))
        self._logs.put(self._mine(self._telemetry.logs.counts(self._at(begin - late), self._at(end), step_s)))
        self._red.put(self._mine(spans.red(self._at(begin - late_spans), self._at(end), step_s)))
        exclusive = spans.exclusive(self._at(begin - late_spans - trace), self._at(end), step_s)
        self._exclusive.put(self._mine(_without_first(exclusive, trace)))
        self._end = end

    def _fed(self, new: int) -> Fed:
        metrics = self._metrics.window()
        buckets = self._buckets.window()
        red = with_reported(self._red.window(), metrics, buckets)
        if red.series == self._series_of_red:
            red = replace(red, series=self._series_of_red)
        self._series_of_red = red.series
        return Fed(metrics, red, self._exclusive.window(), self._logs.window(), new, buckets)

    def _at(self, step: int) -> datetime:
        return datetime.fromtimestamp(step * self._settings.step_s, UTC)

    def _mine(self, window: Window) -> Window:
        """The series of this feed's part of all."""
        if self._shard.count == 1:
            return window
        columns = [j for j, info in enumerate(window.series) if _part_of(info) % self._shard.count == self._shard.index]
        return Window(window.times, window.values[:, columns], tuple(window.series[j] for j in columns))


def _part_of(info: SeriesInfo) -> int:
    """As the store tells the parts of metrics (``queries/metrics_newest.sql``)."""
    return crc32(info.entity.encode()) if info.entity else info.id


def _without_first(window: Window, steps: int) -> Window:
    return Window(window.times[steps:], window.values[steps:], window.series)
