"""A value that stands still though it always moved: a stuck sensor, a dead thread that still reports."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from wellkept.kernel.finding import Finding, FindingKind, Severity
from wellkept.ops.detect.base import DetectSettings, View
from wellkept.ops.detect.catalogue import BY_NAME, duration
from wellkept.ops.detect.shapes import Shape, Speaker, findings_of, said, seen

LEAST_RUN = 15
"""So many equal values in a row at least."""
TIMES_LONGER = 5
"""And so many times as many as ever in a row before."""
MOVED = 0.8
"""Only what changed in this share of the steps before can stand still."""
NEARLY_ALWAYS = 0.95
"""A warning is only about what changed in this share of them."""


class Flat:
    """Says that a series repeats one value for longer than it ever did, by its own record of equal values in a row.

    What hardly moves by nature has long runs in its record, and is not judged. Nothing, as a value, is not stuck: then
    nothing happens. Information; a warning for CPU and what users feel, where it had changed at nearly every step.
    Abstains on what telemetry is blind to, and where an entity stands still as a whole (that is a blind spot).

    Source: the excess of the run length over its own tail found 97 of 100 injected stuck values at an alarm a week.
    """

    name = "flat"
    version = "1"
    shared = ("min_points",)
    _SPEAKER = Speaker(
        name, version, FindingKind.DATA_QUALITY, "1 minus the longest earlier run over this one", "stands still"
    )

    def __init__(self, settings: DetectSettings | None = None) -> None:
        self._settings = settings or DetectSettings()

    def detect(self, view: View, now: datetime) -> list[Finding]:  # noqa: ARG002 - the view says all
        window = view.metrics
        total = len(window.times)
        if window.values.size == 0 or total < self._settings.min_points + LEAST_RUN:
            return []
        equal = window.values[1:] == window.values[:-1]
        tail = equal[::-1]
        run = np.where(tail.all(axis=0), total, np.argmin(tail, axis=0) + 1)
        candidates = np.flatnonzero((run >= LEAST_RUN) & (run < total - self._settings.min_points))
        candidates = candidates[seen(window, view.blind)[candidates]] if len(candidates) else candidates
        shapes = [self._shape(view, int(column), int(run[column])) for column in candidates]
        return findings_of(self._SPEAKER, window, [shape for shape in shapes if shape is not None])

    def _shape(self, view: View, column: int, run: int) -> Shape | None:
        window = view.metrics
        info = window.series[column]
        value = float(window.values[-1, column])
        before = window.values[: len(window.times) - run + 1, column]
        before = before[np.isfinite(before)]
        if len(before) < self._settings.min_points or value == 0.0:
            return None
        moved = np.diff(before) != 0
        longest = _longest(~moved)
        if moved.mean() < MOVED or run < TIMES_LONGER * longest:
            return None
        meaning = BY_NAME.get(info.name)
        is_known = meaning is not None and meaning.anomaly and moved.mean() >= NEARLY_ALWAYS
        lasted = duration(run * window.step_s)
        return Shape(
            column,
            1.0 - longest / run,
            len(window.times) - run,
            f"is {said(value, info)} without any change for {lasted}",
            f"where it had changed in {moved.mean():.0%} of the steps before",
            Severity.WARNING if is_known else Severity.INFO,
            values={"run_steps": float(run), "longest_before": float(longest)},
        )


def _longest(equal: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> int:
    """How many values there were in the longest run of equal ones."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], equal, [False]]).astype(np.int8)))
    lengths = edges[1::2] - edges[::2]
    return int(lengths.max()) + 1 if len(lengths) else 1
