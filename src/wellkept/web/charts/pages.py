"""Pages that would have come, over time: a lane for each rule, known incidents shaded behind all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from markupsafe import Markup

from wellkept.web.charts.lanerows import BOTTOM, DAY, LANE, floor_line, lane_row, lane_ticks
from wellkept.web.charts.line import Shade
from wellkept.web.charts.scale import Scale
from wellkept.web.charts.svg import element, place, svg

LEFT, RIGHT, TOP = 190.0, 10.0, 20.0
_LEAST = 3.0
_LONGEST_NAME = 28


@dataclass(frozen=True, slots=True)
class Bar:
    """One page: from when to when it would have fired."""

    start: float
    end: float
    tone: str
    title: str


@dataclass(frozen=True, slots=True)
class Lane:
    """The pages of one rule."""

    name: str
    bars: Sequence[Bar]


@dataclass(frozen=True, slots=True)
class PagesChart:
    """What to draw. ``missed`` of a shade is said in its title, and by ``misses``: the places of the missed ones."""

    title: str
    start: float
    end: float
    lanes: Sequence[Lane]
    incidents: Sequence[Shade]
    misses: frozenset[int] = frozenset()
    width: float = 980.0


def pages_chart(chart: PagesChart) -> Markup:
    """The chart as SVG."""
    height = TOP + LANE * max(1, len(chart.lanes)) + BOTTOM
    x = Scale(chart.start, chart.end, LEFT, chart.width - RIGHT)
    parts = [*_incidents(chart, x, height), *_axis(chart, x, height), *_lanes(chart, x)]
    return svg(chart.width, height, parts, title=chart.title, kind="pages-chart")


def _incidents(chart: PagesChart, x: Scale, height: float) -> Iterator[Markup]:
    for index, shade in enumerate(chart.incidents):
        start, end = x(shade.start), x(shade.end if shade.end is not None else chart.end)
        title = element("title", shade.title)
        where = {"x": place(start), "y": place(TOP - 8), "width": place(max(_LEAST, end - start))}
        kind = "incident missed" if index in chart.misses else "incident"
        yield element("rect", title, cls=kind, **where, height=place(height - TOP - BOTTOM + 8))


def _axis(chart: PagesChart, x: Scale, height: float) -> Iterator[Markup]:
    yield floor_line(height, LEFT, chart.width - RIGHT)
    length = chart.end - chart.start
    shape = "%H:%M" if length <= DAY else ("%d %b %H:%M" if length <= 3 * DAY else "%d %b")
    for moment in lane_ticks(chart.start, chart.end, 3 * DAY, about=5):
        text = datetime.fromtimestamp(moment, UTC).strftime(shape)
        yield element("text", text, cls="tick middle", x=place(x(moment)), y=place(height - 5))


def _lanes(chart: PagesChart, x: Scale) -> Iterator[Markup]:
    for index, lane in enumerate(chart.lanes):
        top = TOP + LANE * index
        yield from lane_row(lane.name, top, LEFT, chart.width - RIGHT, _LONGEST_NAME)
        for bar in lane.bars:
            start = x(bar.start)
            size = {"x": place(start), "y": place(top + 5), "width": place(max(_LEAST, x(bar.end) - start))}
            title = element("title", bar.title)
            yield element("rect", title, cls=f"page {bar.tone}", **size, height=place(LANE - 10), rx="1.5")
