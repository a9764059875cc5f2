"""A line over time: with the band that was expected, the limit, and the time that was bad shaded."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from markupsafe import Markup

from wellkept.web.charts.scale import Scale, bounds, finite, ticks, time_ticks
from wellkept.web.charts.svg import element, place, svg
from wellkept.web.wording import amount

LEFT, RIGHT, TOP, BOTTOM = 58.0, 10.0, 10.0, 20.0


@dataclass(frozen=True, slots=True)
class Shade:
    """A stretch of time to set off; ``end`` None means to the end of the chart."""

    start: float
    end: float | None
    title: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment to point at."""

    at: float
    title: str


@dataclass(frozen=True, slots=True)
class LineChart:
    """What to draw. ``times`` are seconds since the epoch; a value that is NaN breaks the line.

    ``empty`` is said where there is nothing to draw. ``reaches`` is a value that the scale holds, however far it is.
    """

    title: str
    unit: str
    times: Sequence[float]
    values: Sequence[float]
    band: tuple[float, float] | None = None
    limit: float | None = None
    limit_name: str = "limit"
    shades: Sequence[Shade] = ()
    marks: Sequence[Mark] = ()
    tone: str = ""
    width: float = 780.0
    height: float = 140.0
    empty: str = "No points to draw."
    reaches: float | None = None


def line_chart(chart: LineChart) -> Markup:
    """The chart as SVG; a sentence where there is nothing to draw."""
    known = finite(chart.values)
    if not known or len(chart.times) < 2:
        return Markup('<p class="nothing">{}</p>').format(chart.empty)
    x = Scale(chart.times[0], chart.times[-1], LEFT, chart.width - RIGHT)
    y = _value_scale(chart, known)
    parts = [
        *_shades(chart, x),
        *_grid(chart, x, y),
        *_band(chart, x, y),
        *_marks(chart, x),
        *_limit(chart, x, y),
        *_line(chart, x, y),
    ]
    reading = {
        "data-times": " ".join(f"{time:.0f}" for time in chart.times),
        "data-values": "|".join(amount(value, chart.unit) for value in chart.values),
        "data-left": f"{LEFT:g}",
        "data-right": f"{chart.width - RIGHT:g}",
    }
    return svg(chart.width, chart.height, parts, title=_words(chart, known), kind="line-chart", **reading)


def _words(chart: LineChart, known: Sequence[float]) -> str:
    low, high, last = (amount(value, chart.unit) for value in (min(known), max(known), known[-1]))
    words = f"{chart.title}: between {low} and {high}, last {last}"
    if chart.limit is not None:
        words += f"; {chart.limit_name} {amount(chart.limit, chart.unit)}"
    if chart.band is not None:
        words += f"; expected {amount(chart.band[0], chart.unit)} to {amount(chart.band[1], chart.unit)}"
    return words


def _value_scale(chart: LineChart, known: Sequence[float]) -> Scale:
    """The band and the limit belong into the picture unless they are so far away that the line would be flat."""
    values = list(known)
    high = max(known)
    if chart.band is not None:
        values += [max(chart.band[0], min(known) - (high - min(known))), chart.band[1]]
    if chart.limit is not None and chart.limit <= 4 * max(high, 1e-12):
        values.append(chart.limit)
    if chart.reaches is not None:
        values += [0.0, chart.reaches]
    low, high = bounds(values)
    return Scale(low, high, chart.height - BOTTOM, TOP)


def _shades(chart: LineChart, x: Scale) -> Iterator[Markup]:
    for shade in chart.shades:
        start = x(shade.start)
        end = x(shade.end if shade.end is not None else chart.times[-1])
        if end - start > 0.5:
            title = element("title", shade.title)
            size = {"x": place(start), "y": place(TOP), "width": place(end - start)}
            height = place(chart.height - TOP - BOTTOM)
            yield element("rect", title, cls="shade", **size, height=height)


def _grid(chart: LineChart, x: Scale, y: Scale) -> Iterator[Markup]:
    values = ticks(y.low, y.high)
    labels = [amount(value, chart.unit) if value else "0" for value in values]
    if len(set(labels)) < len(labels) and not chart.unit:
        labels = [f"{value:.6g}" for value in values]
    for value, label in zip(values, labels, strict=True):
        at = place(y(value))
        yield element("line", cls="grid", x1=place(LEFT), x2=place(chart.width - RIGHT), y1=at, y2=at)
        yield element("text", label, cls="tick end", x=place(LEFT - 7), y=place(y(value) + 3.5))
    for moment in time_ticks(chart.times[0], chart.times[-1]):
        text = datetime.fromtimestamp(moment, UTC).strftime("%H:%M" if moment % 60 == 0 else "%H:%M:%S")
        where = {"x": place(x(moment)), "y": place(chart.height - 5)}
        yield element("text", text, cls="tick middle", data_tick=f"{moment:.0f}", **where)


def _band(chart: LineChart, x: Scale, y: Scale) -> Iterator[Markup]:
    if chart.band is not None:
        top, bottom = y(chart.band[1]), y(chart.band[0])
        size = {"x": place(x.start), "y": place(top), "width": place(x.end - x.start)}
        yield element("rect", element("title", "expected"), cls="band", **size, height=place(max(1.0, bottom - top)))


def _limit(chart: LineChart, x: Scale, y: Scale) -> Iterator[Markup]:
    if chart.limit is not None and y.low <= chart.limit <= y.high:
        at = y(chart.limit)
        yield element("line", cls="limit", x1=place(x.start), x2=place(x.end), y1=place(at), y2=place(at))
        words = f"{chart.limit_name} {amount(chart.limit, chart.unit)}"
        yield element("text", words, cls="note end", x=place(x.end - 3), y=place(at - 4 if at > TOP + 12 else at + 11))


def _marks(chart: LineChart, x: Scale) -> Iterator[Markup]:
    for mark in chart.marks:
        if chart.times[0] <= mark.at <= chart.times[-1]:
            at = place(x(mark.at))
            title = element("title", mark.title)
            yield element("line", title, cls="mark", x1=at, x2=at, y1=place(TOP), y2=place(chart.height - BOTTOM))


def _line(chart: LineChart, x: Scale, y: Scale) -> Iterator[Markup]:
    for stretch in stretches(chart.times, chart.values):
        if len(stretch) == 1:
            (time, value) = stretch[0]
            yield element("circle", cls=f"dot {chart.tone}", cx=place(x(time)), cy=place(y(value)), r="1.6")
        else:
            points = " ".join(f"{place(x(time))},{place(y(value))}" for time, value in stretch)
            yield element("polyline", cls=f"series {chart.tone}", points=points)
    last = next((i for i in range(len(chart.values) - 1, -1, -1) if math.isfinite(chart.values[i])), None)
    if last is not None:
        where = {"cx": place(x(chart.times[last])), "cy": place(y(chart.values[last]))}
        yield element("circle", cls=f"dot {chart.tone}", **where, r="2.6")


def stretches(times: Sequence[float], values: Sequence[float]) -> list[list[tuple[float, float]]]:
    """The points between gaps. A hole of more than three usual steps is a gap too."""
    points = [(time, value) for time, value in zip(times, values, strict=True) if math.isfinite(value)]
    if not points:
        return []
    steps = sorted(later - earlier for earlier, later in pairwise(times))
    usual = steps[len(steps) // 2] if steps else 0.0
    found = [[points[0]]]
    for before, here in pairwise(points):
        if here[0] - before[0] > 3 * usual + 1e-9:
            found.append([])
        found[-1].append(here)
    return found
