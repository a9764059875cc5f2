"""A value that stands still though it always moved: a stuck sensor, a dead thread that still reports."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import numpy as np

from wellkept.kernel.finding import Finding, FindingKind, Severity
from wellkept.ops.detect.base import DetectSettings, View
from wellkept.ops.detect.catalogue import BY_NAME, duration
from wellkept.ops.detect.growth import latest
from wellkept.ops.detect.judged import columns_of
from wellkept.ops.detect.shapes import Shape, Speaker, findings_of, is_about, said, seen
from wellkept.ops.detect.signals import signals
from wellkept.store.telemetry.window import Window

LEAST_RUN = 15
"""So many equal values in a row at least."""
TIMES_LONGER = 5
"""And so many times as many as ever in a row before."""
MOVED = 0.8
"""Only what changed in this share of the steps before can stand still."""
NEARLY_ALWAYS = 0.95
"""A warning is only about what changed in this share of them."""

_KEPT = frozenset({"value", "longest_before", "moved"})
"""What the evidence keeps of the record before, so that an open finding is judged by it."""


class Flat:
    """Says that a series repeats one value for longer than it ever did, by its own record of equal values in a row.

    What hardly moves by nature has long runs in its record, and is not judged. Nothing, as a value, is not stuck: then
    nothing happens. Information; a warning for CPU and what users feel, where it had changed at nearly every step.
    What is open stays so until another value comes, or none. Abstains on what telemetry is blind to, where an entity
    stands still as a whole (that is a blind spot), and on what is full, which ``exhaustion`` tells.

    Source: the excess of the run length over its own tail found 97 of 100 injected stuck values at an alarm a week.
    """

    name = "flat"
    version = "2"
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
        equal = window.values[1:] == window.values[:-1]
        tail = equal[::-1]
        run = np.where(tail.all(axis=0), total, np.argmin(tail, axis=0) + 1)
        candidates = np.flatnonzero((run >= LEAST_RUN) & (run < total - self._settings.min_points)).tolist()
        lasting = self._lasting(view)
        if not candidates and not lasting:
            return []
        may = seen(window, view.blind)
        shapes = [
            self._still(view, column, lasting[column])
            if column in lasting
            else self._shape(view, column, int(run[column]))
            for column in sorted({*candidates, *lasting})
            if may[column]
        ]
        told = [shape for shape in shapes if shape is not None]
        full = self._full(view) if told else frozenset()
        told = [shape for shape in told if window.series[shape.column].id not in full]
        return findings_of(self._SPEAKER, window, told, view.open)

    def _lasting(self, view: View) -> dict[int, Finding]:
        """The columns of open findings that still have no other value than the one that they were opened with."""
        window = view.metrics
        mine = [one for one in view.open.values() if one.detector == self.name and one.evidence]
        of_series = columns_of(window.series)[0] if mine else {}
        columns = [(one, column) for one in mine for column in of_series.get((one.entity, one.evidence[0].signal), ())]
        found = {}
        for known, column in columns:
            if not is_about(known, window.series[column]) or not known.evidence[0].values.keys() >= _KEPT:
                continue
            since = window.values[window.times > known.starts_at.timestamp(), column]
            newest = since[-self._settings.confirm_steps :]
            same = since[np.isfinite(since)] == known.evidence[0].values["value"]
            if np.isfinite(newest).any() and same.all():
                found[column] = known
        return found

    def _full(self, view: View) -> frozenset[int]:
        """The ids of series that are full."""
        found = signals(view, lambda meaning: meaning.fills is not None)
        steps = self._settings.confirm_steps
        full = found.full(latest(found.values, steps + 1), steps)
        return frozenset(found.series[index].id for index in np.flatnonzero(full))

    def _still(self, view: View, column: int, known: Finding) -> Shape:
        """What is open goes on: it is judged by its own record before it began, which the window may have left."""
        window, kept = view.metrics, known.evidence[0].values
        run = round((float(window.times[-1]) - known.starts_at.timestamp()) / window.step_s)
        since = int(np.searchsorted(window.times, known.starts_at.timestamp(), side="right"))
        return _told(window, column, (run, since), kept, known.severity)

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
        record = {"value": value, "longest_before": float(longest), "moved": round(float(moved.mean()), 4)}
        severity = Severity.WARNING if is_known else Severity.INFO
        return _told(window, column, (run, len(window.times) - run), record, severity)


def _told(window: Window, column: int, run: tuple[int, int], record: Mapping[str, float], severity: Severity) -> Shape:
    """A run of equal values: how many steps, and from which on; ``record``: what was before it."""
    steps, since = run
    value = said(record["value"], window.series[column])
    return Shape(
        column,
        1.0 - record["longest_before"] / steps,
        since,
        f"is {value} without any change for {duration(steps * window.step_s)}",
        f"where it had changed in {record['moved']:.0%} of the steps before",
        severity,
        values={"run_steps": float(steps), **{name: record[name] for name in sorted(_KEPT)}},
    )


def _longest(equal: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> int:
    """How many values there were in the longest run of equal ones."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], equal, [False]]).astype(np.int8)))
    lengths = edges[1::2] - edges[::2]
    return int(lengths.max()) + 1 if len(lengths) else 1
