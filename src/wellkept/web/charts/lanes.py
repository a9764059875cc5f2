"""Incidents over time: a lane for each thing that they are about, a bar for each incident, which leads to its page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from markupsafe import Markup

from wellkept.web.charts.lanerows import BOTTOM, DAY, LANE, floor_line, lane_row, lane_ticks
from wellkept.web.charts.scale import Scale
from wellkept.web.charts.svg import element, place, svg

LEFT, RIGHT, TOP = 170.0, 12.0, 6.0
_LEAST, _LONGEST_NAME = 5.0, 26
_BY_DAYS = 2 * DAY


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
    yield floor_line(height, LEFT, chart.width - RIGHT)
    for moment in lane_ticks(chart.start, chart.end, _BY_DAYS):
        where = {"x": place(x(moment)), "y": place(height - 5)}
        at = datetime.fromtimestamp(moment, UTC)
        if chart.end - chart.start > _BY_DAYS:
            yield element("text", at.strftime("%d %b"), cls="tick middle", **where)
        else:
            yield element("text", at.strftime("%H:%M UTC"), cls="tick middle", data_tick=f"{moment:.0f}", **where)


def _lanes(chart: LanesChart, x: Scale) -> Iterator[Markup]:
    for index, lane in enumerate(chart.lanes):
        top = TOP + LANE * index
        yield from lane_row(lane.name, top, LEFT, chart.width - RIGHT, _LONGEST_NAME)
        for span in lane.spans:
            start, end = x(span.start), x(span.end if span.end is not None else chart.end)
            size = {"x": place(start), "width": place(max(_LEAST, end - start))}
            kind = f"span {span.tone}" + (" live" if span.end is None else "")
            box = element("rect", cls=kind, y=place(top + 5), height=place(LANE - 10), rx="2", **size)
            yield element("a", element("title", span.title), box, href=span.href)
