"""Where simulated series are played: arrays become views, detectors look at them step after step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.finding import Finding, Severity
from wellkept.ops.detect.base import Detector, View
from wellkept.spine.graph import Graph
from wellkept.store.telemetry.window import SeriesInfo, Window

Floats = NDArray[np.float64]

EPOCH_S = 1_793_577_600.0
"""Every simulation begins here: a Monday, 2 November 2026, 00:00 UTC."""
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Played:
    """One simulated entity: its series by name, on one grid, all of one length."""

    entity: str
    series: Mapping[str, Floats]
    unit: str = "By"
    attributes: Mapping[str, str] = field(default_factory=dict)


def window_of(played: Sequence[Played], step_s: float, start_s: float = EPOCH_S) -> Window:
    """All of them as one window. No entities: a window of no steps."""
    series: list[SeriesInfo] = []
    columns: list[Floats] = []
    for one in played:
        for name, values in one.series.items():
            series.append(SeriesInfo(len(series) + 1, name, one.unit, "gauge", one.entity, one.attributes))
            columns.append(values)
    if not columns:
        return Window(np.empty(0), np.empty((0, 0)), ())
    times = start_s + step_s * np.arange(1, len(columns[0]) + 1).astype(np.float64)
    return Window(times, np.stack(columns, axis=1), tuple(series))


def cut(window: Window, first: int, last: int) -> Window:
    """The steps from ``first`` to before ``last``."""
    first = max(0, first)
    return Window(window.times[first:last], window.values[first:last], window.series)


def view(metrics: Window, *, red: Window | None = None, long: Window | None = None) -> View:
    """A view of these windows, and of nothing else."""
    empty = Window(metrics.times, np.empty((len(metrics.times), 0)), ())
    step_s = metrics.step_s or 10.0
    return View(metrics, red or empty, empty, empty, step_s, Graph((), ()), long=long)


@dataclass(slots=True)
class Heard:
    """What detectors said of each entity: at which step, in seconds since the simulation began, and what."""

    by_entity: dict[str, list[tuple[float, Finding]]] = field(default_factory=dict)

    def note(self, at_s: float, findings: Iterable[Finding]) -> None:
        for finding in findings:
            self.by_entity.setdefault(finding.entity, []).append((at_s, finding))

    def first(
        self, entity: str, least: Severity = Severity.WARNING, since_s: float = 0.0
    ) -> tuple[float, Finding] | None:
        """The first that is at least so bad."""
        told = (pair for pair in self.by_entity.get(entity, ()) if pair[0] >= since_s and pair[1].severity >= least)
        return next(told, None)

    def before(self, entity: str, until_s: float, least: Severity = Severity.WARNING) -> list[Finding]:
        """All that are at least so bad and came before a moment."""
        return [f for at_s, f in self.by_entity.get(entity, ()) if at_s < until_s and f.severity >= least]


def play(detectors: Sequence[Detector], steps: Iterable[int], show: Callable[[int], View]) -> Heard:
    """Have the detectors look at each of the steps, and remember what they said."""
    heard = Heard()
    for step in steps:
        shown = show(step)
        times = shown.metrics.times if len(shown.metrics.times) else shown.long.times if shown.long else np.array([0.0])
        now_s = float(times[-1])
        for detector in detectors:
            heard.note(now_s - EPOCH_S, detector.detect(shown, datetime.fromtimestamp(now_s, UTC)))
    return heard


def rhythm(hours: Floats, phase: float, sharpness: float = 1.0) -> Floats:
    """A day's rhythm in [0, 1]: low at night, high by day; the sharper, the shorter the peak."""
    wave: Floats = (0.5 * (1.0 - np.cos(2 * np.pi * (hours - phase) / 24.0))) ** sharpness
    return wave


def weekend(hours: Floats) -> NDArray[np.bool_]:
    """Whether an hour since the simulation began lies on a Saturday or Sunday."""
    return np.asarray((hours // 24) % 7 >= 5)
