"""Incidents over time: a lane for each thing that they are about, a bar for each incident, which leads to its page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from markupsafe import Markup

from wellkept.web.charts.scale import Scale, time_ticks
from wellkept.web.charts.svg import element, place, svg

LEFT, RIGHT, TOP, BOTTOM, LANE = 170.0, 12.0, 6.0, 20.0, 22.0
_LEAST, _LONGEST_NAME, _DAY = 5.0, 26, 86_400.0


@dataclass(frozen=True, slots=True)
class Span:
    """One incident in a lane; ``end`` None: it goes on."""

    start: float
    end: float | None
    tone: str
    title: str
    href: str


@dataclass(frozen=True, slots=True)
class Lane:
    """What one service, model or host went through."""

    name: str
    spans: Sequence[Span]


@dataclass(frozen=True, slots=True)
class LanesChart:
    """What to draw; moments in seconds since the epoch."""

    title: str
    start: float
    end: float
    lanes: Sequence[Lane]
    width: float = 980.0


def lanes_chart(chart: LanesChart) -> Markup:
    """The chart as SVG."""
    height = TOP + LANE * max(1, len(chart.lanes)) + BOTTOM
    x = Scale(chart.start, chart.end, LEFT, chart.width - RIGHT)
    parts = [*_axis(chart, x, height), *_lanes(chart, x)]
    return svg(chart.width, height, parts, title=chart.title, kind="lanes-chart")


def _axis(chart: LanesChart, x: Scale, height: float) -> Iterator[Markup]:
    floor = place(height - BOTTOM)
    yield element("line", cls="axis", x1=place(LEFT), x2=place(chart.width - RIGHT), y1=floor, y2=floor)
    length = chart.end - chart.start
    for moment in _ticks(chart.start, chart.end):
        where = {"x": place(x(moment)), "y": place(height - 5)}
        at = datetime.fromtimestamp(moment, UTC)
        if length > 2 * _DAY:
            yield element("text", at.strftime("%d %b"), cls="tick middle", **where)
        else:
            yield element("text", at.strftime("%H:%M UTC"), cls="tick middle", data_tick=f"{moment:.0f}", **where)


def _ticks(start: float, end: float) -> list[float]:
    """Round moments; of a long time whole days, about ten."""
    if end - start <= 2 * _DAY:
        return time_ticks(start, end, about=6)
    step = _DAY * max(1, round((end - start) / _DAY / 10))
    first = -(-start // _DAY) * _DAY
    return [first + index * step for index in range(int((end - first) // step) + 1)]


def _lanes(chart: LanesChart, x: Scale) -> Iterator[Markup]:
    for index, lane in enumerate(chart.lanes):
        top = TOP + LANE * index
        name = lane.name if len(lane.name) <= _LONGEST_NAME else f"{lane.name[: _LONGEST_NAME - 1]}…"
        label = element("title", lane.name)
        yield element("text", name, label, cls="note end", x=place(LEFT - 9), y=place(top + LANE / 2 + 4))
        middle = place(top + LANE / 2)
        yield element("line", cls="grid", x1=place(LEFT), x2=place(chart.width - RIGHT), y1=middle, y2=middle)
        for span in lane.spans:
            start, end = x(span.start), x(span.end if span.end is not None else chart.end)
            size = {"x": place(start), "width": place(max(_LEAST, end - start))}
            kind = f"span {span.tone}" + (" live" if span.end is None else "")
            box = element("rect", cls=kind, y=place(top + 5), height=place(LANE - 10), rx="2", **size)
            yield element("a", element("title", span.title), box, href=span.href)
