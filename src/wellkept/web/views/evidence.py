"""The pictures of findings: what the detector saw, and what came after, with the band and the limit it judged by."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from wellkept.kernel.finding import Evidence, Finding, FindingKind
from wellkept.store.telemetry.window import Window
from wellkept.web.charts.bars import Histogram
from wellkept.web.charts.line import LineChart, Mark, Shade
from wellkept.web.readings import Readings
from wellkept.web.views.shapes import SCORE, kept, shape

BEFORE = timedelta(minutes=10)
AFTER = timedelta(minutes=5)
POINTS = 120
STEPS_S = (5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)

Points = tuple[list[float], list[float]]


def charts(
    findings: Sequence[Finding], readings: Readings, marks: Sequence[Mark], now: datetime
) -> dict[str, LineChart]:
    """A chart for each finding whose evidence is a series, by the finding's id."""
    drawable = [finding for finding in findings if finding.signal]
    if not drawable:
        return {}
    start = min(finding.starts_at for finding in drawable) - BEFORE
    end = min(now, max(finding.ends_at or now for finding in drawable) + AFTER)
    step_s = _step((end - start).total_seconds())
    windows = _windows(drawable, readings, start, end, step_s)
    found = {}
    for finding in drawable:
        evidence = finding.evidence[0]
        times, values = _points(finding, evidence, windows)
        if sum(math.isfinite(value) for value in values) > 1:
            found[finding.id] = _chart(finding, evidence, times, values, marks)
    return found


def histograms(findings: Sequence[Finding], readings: Readings, now: datetime) -> dict[str, Histogram]:
    """For findings about a model's inputs or scores: how they were before, and since; by the finding's id.

    Where too little came before, how they were in training.
    """
    found = {}
    for finding in findings:
        model, name = _input_of(finding)
        if not model:
            continue
        end = min(now, (finding.ends_at or now) + AFTER)
        start = max(finding.starts_at - 2 * BEFORE, end - timedelta(minutes=30))
        answers = readings.answers(model, start, end)
        drawn = shape(answers, name, finding.starts_at.timestamp()) if answers is not None else None
        picture = drawn.histogram if drawn is not None else kept(finding)
        if picture is not None:
            found[finding.id] = picture
    return found


def _input_of(finding: Finding) -> tuple[str, str]:
    """The model and the input (or the score) that a finding is about; empty where it is about something else."""
    kind, _, name = finding.entity.partition(":")
    if kind == "feature":
        model, _, feature = name.partition("/")
        return model, feature
    return (name, SCORE) if kind == "model" and finding.kind is FindingKind.DRIFT else ("", "")


def _step(seconds: float) -> float:
    return next((step for step in STEPS_S if seconds / step <= POINTS), STEPS_S[-1])


def _windows(
    findings: Sequence[Finding], readings: Readings, start: datetime, end: datetime, step_s: float
) -> tuple[Window, ...]:
    """One query for all metrics, one for all spans."""
    from_spans = [finding for finding in findings if finding.signal.startswith("span.")]
    from_metrics = [finding for finding in findings if not finding.signal.startswith(("span.", "log.", "feature"))]
    windows = []
    if from_metrics:
        names = sorted({finding.signal for finding in from_metrics})
        entities = sorted({finding.entity for finding in from_metrics if finding.entity})
        windows.append(readings.metrics(start, end, step_s, names, entities))
    if from_spans:
        windows.append(readings.red(start, end, step_s))
    return tuple(windows)


def _points(finding: Finding, evidence: Evidence, windows: Sequence[Window]) -> Points:
    """The series as it is stored now; what the detector kept, where the store does not hold it any more."""
    for window in windows:
        for index, info in enumerate(window.series):
            same = info.name == evidence.signal and info.entity == finding.entity
            if same and _fits(info.attributes, evidence.attributes):
                values = window.values[:, index].tolist()
                if "idle" in evidence.attributes.values():
                    values = [1.0 - value for value in values]
                return window.times.tolist(), values
    return [time for time, _ in evidence.points], [value for _, value in evidence.points]


def _fits(ours: Mapping[str, str], theirs: Mapping[str, str]) -> bool:
    return all(ours.get(key) == value for key, value in theirs.items())


def _chart(
    finding: Finding, evidence: Evidence, times: list[float], values: list[float], marks: Sequence[Mark]
) -> LineChart:
    end = finding.ends_at.timestamp() if finding.ends_at else None
    shade = Shade(finding.starts_at.timestamp(), end, f"bad since {finding.starts_at:%H:%M:%S} UTC")
    return LineChart(
        title=f"{evidence.signal} of {finding.entity}",
        unit=evidence.unit,
        times=times,
        values=values,
        band=evidence.expected,
        limit=evidence.limit,
        shades=(shade,),
        marks=marks,
    )
