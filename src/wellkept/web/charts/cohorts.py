"""Performance by when the predictions were made: realised with its interval, estimated, and what share has labels."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from markupsafe import Markup

from wellkept.web.charts.lanerows import DAY, lane_ticks
from wellkept.web.charts.line import Mark, Shade
from wellkept.web.charts.scale import Scale, bounds, ticks
from wellkept.web.charts.svg import element, place, svg
from wellkept.web.wording import amount, share

LEFT, RIGHT, TOP, BOTTOM, GAP = 58.0, 10.0, 10.0, 20.0, 16.0
STRIP = 34.0
"""The height of the bars of labels that have come."""
WIDTH, HEIGHT = 1180.0, 260.0
ROOMY = 1.6
"""The scale reaches so many times as far as the values do, for their intervals; wider ones are cut."""


@dataclass(frozen=True, slots=True)
class Cohort:
    """Predictions of [start, end), in seconds since the epoch; NaN where something is not known.

    ``labels`` is the share whose truth is known, ``expected`` what usually is at this age.
    """

    start: float
    end: float
    value: float
    low: float
    high: float
    estimate: float
    estimate_low: float
    estimate_high: float
    labels: float
    expected: float
    words: str

    @property
    def middle(self) -> float:
        return (self.start + self.end) / 2


@dataclass(frozen=True, slots=True)
class CohortChart:
    """What to draw. ``doubts`` are the times whose estimates are not to be believed; there none is drawn."""

    title: str
    cohorts: Sequence[Cohort]
    promised: float | None = None
    floor: float | None = None
    doubts: Sequence[Shade] = ()
    marks: Sequence[Mark] = ()
    empty: str = "No predictions to draw."


def cohort_chart(chart: CohortChart) -> Markup:
    """The chart as SVG; a sentence where there is nothing to draw."""
    if len(chart.cohorts) < 2:
        return Markup('<p class="nothing">{}</p>').format(chart.empty)
    x = Scale(chart.cohorts[0].start, chart.cohorts[-1].end, LEFT, WIDTH - RIGHT)
    y = _values(chart)
    parts = [*_axis(chart, x), *_strip(chart, x)]
    if y is not None:
        parts += [*_doubts(chart, x, y), *_grid(y), *_lines(chart, x, y), *_limits(chart, x, y), *_marks(chart, x, y)]
    return svg(WIDTH, HEIGHT, parts, title=_words(chart), kind="line-chart cohorts")


def _values(chart: CohortChart) -> Scale | None:
    known = [v for c in chart.cohorts for v in (c.value, c.estimate) if math.isfinite(v)]
    if not known:
        return None
    limits = [limit for limit in (chart.promised, chart.floor) if limit is not None]
    inner = [*known, *limits]
    room = (max(inner) - min(inner)) * (ROOMY - 1) / 2
    ends = [v for c in chart.cohorts for v in (c.low, c.high) if math.isfinite(v)]
    reached = [min(max(v, min(inner) - room), max(inner) + room) for v in ends]
    low, high = bounds([*inner, *reached], from_zero=False)
    return Scale(low, high, HEIGHT - BOTTOM - STRIP - GAP, TOP)


def _words(chart: CohortChart) -> str:
    known = [c for c in chart.cohorts if math.isfinite(c.value)]
    if not known:
        return f"{chart.title}: no truth is known yet"
    values = [c.value for c in known]
    said = f"between {amount(min(values))} and {amount(max(values))}, last {amount(values[-1])}"
    return f"{chart.title}: {said}" + (f"; promised {amount(chart.promised)}" if chart.promised is not None else "")


def _axis(chart: CohortChart, x: Scale) -> Iterator[Markup]:
    start, end = chart.cohorts[0].start, chart.cohorts[-1].end
    is_long = end - start > 2 * DAY
    for moment in lane_ticks(start, end, 2 * DAY):
        where = {"x": place(x(moment)), "y": place(HEIGHT - 5)}
        at = datetime.fromtimestamp(moment, UTC)
        if is_long:
            yield element("text", at.strftime("%d %b"), cls="tick middle", **where)
        else:
            yield element("text", at.strftime("%H:%M"), cls="tick middle", data_tick=f"{moment:.0f}", **where)


def _strip(chart: CohortChart, x: Scale) -> Iterator[Markup]:
    """A bar for each cohort: the share whose truth is known, with a tick where it usually is at this age."""
    floor = HEIGHT - BOTTOM
    y = Scale(0.0, 1.0, 0.0, STRIP)
    yield element("line", cls="axis", x1=place(LEFT), x2=place(WIDTH - RIGHT), y1=place(floor), y2=place(floor))
    yield element("text", "labels", cls="tick end", x=place(LEFT - 7), y=place(floor - STRIP / 2 + 3))
    for one in chart.cohorts:
        left, width = x(one.start), max(1.0, x(one.end) - x(one.start) - 1)
        size = {"x": place(left), "width": place(width)}
        title = element("title", one.words)
        if math.isfinite(one.labels):
            height = max(0.5, y(one.labels))
            yield element("rect", title, cls="bin usual", y=place(floor - height), height=place(height), **size)
        if math.isfinite(one.expected):
            at = place(floor - y(one.expected))
            yield element("line", cls="due", x1=place(left), x2=place(left + width), y1=at, y2=at)


def _doubts(chart: CohortChart, x: Scale, y: Scale) -> Iterator[Markup]:
    for doubt in chart.doubts:
        start, end = x(doubt.start), x(doubt.end if doubt.end is not None else chart.cohorts[-1].end)
        size = {"x": place(start), "y": place(TOP), "width": place(max(1.0, end - start))}
        yield element("rect", element("title", doubt.title), cls="shade", height=place(y.start - TOP), **size)


def _grid(y: Scale) -> Iterator[Markup]:
    for value in ticks(y.low, y.high):
        at = place(y(value))
        yield element("line", cls="grid", x1=place(LEFT), x2=place(WIDTH - RIGHT), y1=at, y2=at)
        yield element(
            "text", amount(value) if value else "0", cls="tick end", x=place(LEFT - 7), y=place(y(value) + 3.5)
        )


def _lines(chart: CohortChart, x: Scale, y: Scale) -> Iterator[Markup]:
    """The intervals behind, the estimate dashed, the realised values before all."""
    yield from _area(chart, x, y, "band", lambda c: (c.low, c.high) if math.isfinite(c.value) else (math.nan, math.nan))
    yield from _area(chart, x, y, "band guess", lambda c: (c.estimate_low, c.estimate_high))
    yield from _line(chart, x, y, "series guess", lambda c: c.estimate)
    yield from _line(chart, x, y, "series", lambda c: c.value)
    for one in chart.cohorts:
        if math.isfinite(one.value):
            where = {"cx": place(x(one.middle)), "cy": place(y(one.value))}
            yield element("circle", element("title", one.words), cls="dot", r="2.1", **where)


def _line(chart: CohortChart, x: Scale, y: Scale, cls: str, of: Callable[[Cohort], float]) -> Iterator[Markup]:
    for run in _runs(chart.cohorts, lambda c: math.isfinite(of(c))):
        if len(run) > 1:
            points = " ".join(f"{place(x(one.middle))},{place(y(of(one)))}" for one in run)
            yield element("polyline", cls=cls, points=points)


def _area(
    chart: CohortChart, x: Scale, y: Scale, cls: str, of: Callable[[Cohort], tuple[float, float]]
) -> Iterator[Markup]:
    for run in _runs(chart.cohorts, lambda c: all(math.isfinite(v) for v in of(c))):
        if len(run) > 1:
            above = [f"{place(x(one.middle))},{place(y(of(one)[1]))}" for one in run]
            below = [f"{place(x(one.middle))},{place(y(of(one)[0]))}" for one in reversed(run)]
            yield element("polygon", cls=cls, points=" ".join([*above, *below]))


def _runs(cohorts: Sequence[Cohort], has: Callable[[Cohort], bool]) -> list[list[Cohort]]:
    """The cohorts that have something, in runs without a hole."""
    found: list[list[Cohort]] = []
    for before, here in pairwise([None, *cohorts]):
        assert here is not None
        if has(here):
            if before is None or not has(before) or not found:
                found.append([])
            found[-1].append(here)
    return found


def _limits(chart: CohortChart, x: Scale, y: Scale) -> Iterator[Markup]:
    for limit, name, cls in ((chart.promised, "promised", "promise"), (chart.floor, "floor", "limit")):
        if limit is not None and y.low <= limit <= y.high:
            at = place(y(limit))
            yield element("line", cls=cls, x1=place(x.start), x2=place(x.end), y1=at, y2=at)
            words = f"{name} {amount(limit)}"
            yield element("text", words, cls="note end", x=place(x.end - 3), y=place(y(limit) - 4))


def _marks(chart: CohortChart, x: Scale, y: Scale) -> Iterator[Markup]:
    for mark in chart.marks:
        if chart.cohorts[0].start <= mark.at <= chart.cohorts[-1].end:
            at, title = place(x(mark.at)), element("title", mark.title)
            yield element("line", title, cls="mark", x1=at, x2=at, y1=place(TOP), y2=place(y.start))
            yield element("text", mark.title, cls="note", x=place(x(mark.at) + 4), y=place(TOP + 9))


def words_of(when: str, value: str, labels: float, rows: int) -> str:
    """What is said of a cohort where somebody points at it."""
    known = share(labels) if math.isfinite(labels) else "none"
    return f"{when}: {value}; {rows} predictions, the truth of {known} is known"
