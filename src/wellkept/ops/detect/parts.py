"""What services answer by endpoint, and whom they call: read beside the other windows where there are spans."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from math import ceil
from typing import Protocol
from zlib import crc32

from wellkept.ops.detect.base import DetectSettings
from wellkept.ops.detect.ring import Ring
from wellkept.store.telemetry.window import Window

TRACE_S = 60.0
"""Spans are read from so long before the steps that they are for: a trace that began earlier is whole."""

EVERY_STEPS = 3
"""They are read at every third step only: endpoints are details of services, which are looked at each time."""

Read = Callable[[datetime, datetime, float], Window]


class SpanParts(Protocol):
    def endpoints(self, start: datetime, end: datetime, step_s: float) -> Window: ...

    def calls(self, start: datetime, end: datetime, step_s: float) -> Window: ...


class Parts:
    """Holds the windows of endpoints and of calls, and moves them on as spans come."""

    def __init__(self, settings: DetectSettings) -> None:
        self._settings = settings
        self._end: int | None = None
        self._renew()

    def moved(self, spans: SpanParts, end: int) -> tuple[Window, Window]:
        """Both windows up to the step number ``end`` (its end in steps since the epoch), or up to two steps before.

        Raises:
            StoreError: the engine failed; the next look reads what this one did not.
        """
        settings = self._settings
        if self._end is not None and self._end <= end and end // EVERY_STEPS == self._end // EVERY_STEPS:
            return self._endpoints.window(), self._calls.window()
        if self._end is None or not 0 <= end - self._end <= settings.steps:
            self._renew()
            begin = end - settings.steps
        else:
            begin = max(end - settings.steps, self._end - ceil(settings.late_spans_s / settings.step_s))
        trace = ceil(TRACE_S / settings.step_s)
        for ring, read in ((self._endpoints, spans.endpoints), (self._calls, spans.calls)):
            ring.put(self._mine(_without_first(self._window(read, begin - trace, end), trace)))
        self._end = end
        return self._endpoints.window(), self._calls.window()

    def _renew(self) -> None:
        self._end = None
        self._endpoints, self._calls = (Ring(self._settings.steps, self._settings.step_s) for _ in range(2))

    def _window(self, read: Read, begin: int, end: int) -> Window:
        step_s = self._settings.step_s
        first, last = (datetime.fromtimestamp(step * step_s, UTC) for step in (begin, end))
        return read(first, last, step_s)

    def _mine(self, window: Window) -> Window:
        """The series of this detection's part of all entities."""
        shards, shard = self._settings.shard_count, self._settings.shard_index
        if shards == 1:
            return window
        mine = [j for j, info in enumerate(window.series) if crc32(info.entity.encode()) % shards == shard]
        return Window(window.times, window.values[:, mine], tuple(window.series[j] for j in mine))


def _without_first(window: Window, steps: int) -> Window:
    return Window(window.times[steps:], window.values[steps:], window.series)
