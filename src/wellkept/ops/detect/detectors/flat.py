"""A value that stands still though it always moved: a stuck sensor, a dead thread that still reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import ceil

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.finding import Finding, FindingKind, Severity
from wellkept.ops.detect.base import DetectSettings, View
from wellkept.ops.detect.catalogue import BY_NAME, duration
from wellkept.ops.detect.growth import latest
from wellkept.ops.detect.judged import columns_of
from wellkept.ops.detect.shapes import Floats, Shape, Speaker, findings_of, is_about, said, seen
from wellkept.ops.detect.signals import signals
from wellkept.ops.detect.slow import rhythms
from wellkept.store.telemetry.window import Window

LEAST_RUN = 15
"""So many equal values in a row at least."""
LEAST_KNOWN = 1 / 3
"""Who reports so rarely that a window holds few values is judged after this share of what it can hold."""
TIMES_LONGER = 5
"""And so many times as many as ever in a row before."""
MOVED = 0.8
"""Only what changed with this share of its values before can stand still."""
NEARLY_ALWAYS = 0.95
"""A warning is only about what changed in this share of them."""

_KEPT = frozenset({"value", "longest_before", "moved"})
"""What the evidence keeps of the record before, so that an open finding is judged by it."""


@dataclass(frozen=True, slots=True)
class _Run:
    """The newest values of a series in a row that are equal: how many, the step of the first, and steps from one to
    the next, at least 1.
    """

    values: float
    since: int
    rhythm: float


class Flat:
    """Says that a series repeats one value for longer than it ever did, by its own record of equal values in a row.

    Of who reports more rarely than every step the values count that came, while they come at a rhythm.
    What hardly moves by nature has long runs in its record, and is not judged. Nothing, as a value, is not stuck: then
    nothing happens. Information; a warning for CPU and what users feel, where it had changed at nearly every step.
    What is open stays so until another value comes, or none. Abstains on what telemetry is blind to, where an entity
    stands still as a whole (that is a blind spot), and on what is full, which ``exhaustion`` tells.

    Source: the excess of the run length over its own tail found 97 of 100 injected stuck values at an alarm a week.
    """

    name = "flat"
    version = "3"
    shared = ("confirm_steps", "min_points")
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
        candidates = _candidates(window.values)
        lasting = self._lasting(view)
        if not candidates and not lasting:
            return []
        may = seen(window, view.blind)
        shapes = [
            self._still(view, column, *lasting[column])
            if column in lasting
            else self._shape(view, column, candidates[column])
            for column in sorted({*candidates, *lasting})
            if may[column]
        ]
        told = [shape for shape in shapes if shape is not None]
        full = self._full(view) if told else frozenset()
        told = [shape for shape in told if window.series[shape.column].id not in full]
        return findings_of(self._SPEAKER, window, told, view.open)

    def _lasting(self, view: View) -> dict[int, tuple[Finding, float]]:
        """The columns of open findings that still have no other value than the one that they were opened with; and
        the rhythm of each.
        """
        window = view.metrics
        mine = [one for one in view.open.values() if one.detector == self.name and one.evidence]
        of_series = columns_of(window.series)[0] if mine else {}
        columns = [(one, column) for one in mine for column in of_series.get((one.entity, one.evidence[0].signal), ())]
        rhythm = rhythms(window.values[:, [column for _, column in columns]])[0].tolist() if columns else []
        found = {}
        for (known, column), steps in zip(columns, rhythm, strict=True):
            if not is_about(known, window.series[column]) or not known.evidence[0].values.keys() >= _KEPT:
                continue
            since = window.values[window.times > known.starts_at.timestamp(), column]
            newest = since[-ceil(self._settings.confirm_steps * steps) :]
            same = since[np.isfinite(since)] == known.evidence[0].values["value"]
            if np.isfinite(newest).any() and same.all():
                found[column] = known, steps
        return found

    def _full(self, view: View) -> frozenset[int]:
        """The ids of series that are full."""
        found = signals(view, lambda meaning: meaning.fills is not None)
        steps = self._settings.confirm_steps
        full = found.full(latest(found.values, steps + 1), steps)
        return frozenset(found.series[index].id for index in np.flatnonzero(full))

    def _still(self, view: View, column: int, known: Finding, rhythm: float) -> Shape:
        """What is open goes on: it is judged by its own record before it began, which the window may have left."""
        window, kept = view.metrics, known.evidence[0].values
        steps = round((float(window.times[-1]) - known.starts_at.timestamp()) / window.step_s)
        since = int(np.searchsorted(window.times, known.starts_at.timestamp(), side="right"))
        return _told(window, column, _Run(steps / rhythm, since, rhythm), kept, known.severity)

    def _shape(self, view: View, column: int, run: _Run) -> Shape | None:
        window = view.metrics
        info = window.series[column]
        value = float(window.values[run.since, column])
        before = window.values[: run.since + 1, column]
        before = before[np.isfinite(before)]
        wanted = min(self._settings.min_points, LEAST_KNOWN * len(window.times) / run.rhythm)
        if len(before) - 1 <= wanted or value == 0.0:
            return None
        moved = np.diff(before) != 0
        longest = _longest(~moved)
        if moved.mean() < MOVED or run.values < TIMES_LONGER * longest:
            return None
        meaning = BY_NAME.get(info.name)
        is_known = meaning is not None and meaning.anomaly and moved.mean() >= NEARLY_ALWAYS
        record = {"value": value, "longest_before": float(longest), "moved": round(float(moved.mean()), 4)}
        return _told(window, column, run, record, Severity.WARNING if is_known else Severity.INFO)


def _candidates(values: Floats) -> dict[int, _Run]:
    """The columns whose newest values are equal, enough of them, and come at their rhythm; ``values``: [T, S]."""
    total, seen = len(values), np.isfinite(values)
    newest = values[total - 1 - np.argmax(seen[::-1], axis=0), np.arange(values.shape[1])]
    with np.errstate(invalid="ignore"):
        others = seen & (values != newest)
    steps = np.where(others.any(axis=0), np.argmax(others[::-1], axis=0), 0)
    columns = np.flatnonzero(steps >= LEAST_RUN)
    rhythm, is_due = rhythms(values[:, columns])
    found = {}
    for column, each in zip(columns[is_due].tolist(), rhythm[is_due].tolist(), strict=True):
        run = np.flatnonzero(seen[total - steps[column] :, column]) + total - int(steps[column])
        if len(run) >= LEAST_RUN:
            found[column] = _Run(float(len(run)), int(run[0]), each)
    return found


def _told(window: Window, column: int, run: _Run, record: Mapping[str, float], severity: Severity) -> Shape:
    """A run of equal values; ``record``: what was before it."""
    value = said(record["value"], window.series[column])
    lasted_s = round(run.values * run.rhythm) * window.step_s
    return Shape(
        column,
        1.0 - record["longest_before"] / run.values,
        run.since,
        f"is {value} without any change for {duration(lasted_s)}",
        f"where it had changed with {record['moved']:.0%} of the values before",
        severity,
        values={"run_steps": lasted_s / window.step_s, **{name: record[name] for name in sorted(_KEPT)}},
    )


def _longest(equal: NDArray[np.bool_]) -> int:
    """How many values there were in the longest run of equal ones."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], equal, [False]]).astype(np.int8)))
    lengths = edges[1::2] - edges[::2]
    return int(lengths.max()) + 1 if len(lengths) else 1
