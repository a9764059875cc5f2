"""Bars: shares and strengths in tables, and two histograms over one another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from wellkept.web.charts.scale import Scale
from wellkept.web.charts.svg import element, place, svg
from wellkept.web.wording import share

BAR_WIDTH, BAR_HEIGHT = 160.0, 10.0


def bar(value: float, *, title: str, ceiling: float = 1.0, limit: float | None = None, tone: str = "") -> Markup:
    """A bar in its track; ``limit`` is drawn as a line across it. Values past ``ceiling`` fill the track."""
    x = Scale(0.0, ceiling, 0.0, BAR_WIDTH)
    height = place(BAR_HEIGHT - 4)
    parts = [element("rect", cls="track", x="0", y="2", width=place(BAR_WIDTH), height=height, rx="1.5")]
    if value > 0:
        length = place(max(1.5, x(value)))
        parts.append(element("rect", cls=f"bar {tone}", x="0", y="2", width=length, height=height, rx="1.5"))
    if limit is not None:
        at = place(x(limit))
        parts.append(element("line", cls="limit", x1=at, x2=at, y1="0", y2=place(BAR_HEIGHT)))
    return svg(BAR_WIDTH, BAR_HEIGHT, parts, title=title, kind="meter")


@dataclass(frozen=True, slots=True)
class Histogram:
    """Shares of rows in bins, once as it was (``usual``) and once as it is (``now``); labels name the bins."""

    title: str
    labels: Sequence[str]
    usual: Sequence[float]
    now: Sequence[float]
    width: float = 300.0
    height: float = 62.0


def histogram(chart: Histogram) -> Markup:
    """Bars of what was usual behind the outline of what is now."""
    if not chart.labels:
        return Markup('<p class="nothing">No rows to draw.</p>')
    words = ", ".join(
        f"{label}: {share(now)} (was {share(usual)})"
        for label, usual, now in zip(chart.labels, chart.usual, chart.now, strict=True)
    )
    return svg(chart.width, chart.height, list(_bins(chart)), title=f"{chart.title}: {words}", kind="histogram")


def _bins(chart: Histogram) -> Iterator[Markup]:
    floor = chart.height - 14.0
    y = Scale(0.0, max(*chart.usual, *chart.now, 1e-9), 0.0, floor - 4)
    step = chart.width / len(chart.labels)
    for index, (usual, now) in enumerate(zip(chart.usual, chart.now, strict=True)):
        left, width = index * step, step * 0.42
        for offset, value, tone in ((0.06, usual, "usual"), (0.5, now, "now")):
            height = y(value)
            size = {"x": place(left + step * offset), "y": place(floor - height), "width": place(width)}
            title = element("title", f"{chart.labels[index]}: {share(value)} {tone}")
            yield element("rect", title, cls=f"bin {tone}", **size, height=place(max(0.5, height)))
    yield element("line", cls="axis", x1="0", x2=place(chart.width), y1=place(floor), y2=place(floor))
    yield element("text", chart.labels[0], cls="tick", x="0", y=place(chart.height - 2))
    yield element("text", chart.labels[-1], cls="tick end", x=place(chart.width), y=place(chart.height - 2))
