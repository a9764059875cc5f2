"""The spans of a trace over time, each below its parent; those that differ are marked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from wellkept.web.charts.scale import Scale, ticks
from wellkept.web.charts.svg import element, place, svg
from wellkept.web.wording import amount

WIDTH, NAMES, RIGHT, ROW, TOP = 1100.0, 400.0, 70.0, 24.0, 22.0
INDENT, DEEPEST = 12.0, 14
_LETTER = 6.2
"""What a letter of a name takes."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A span: ``start`` seconds after the trace began, ``seconds`` long. ``tone`` is empty for what is as usual."""

    name: str
    of: str
    depth: int
    start: float
    seconds: float
    took: str
    tone: str
    title: str
    is_marked: bool = False


@dataclass(frozen=True, slots=True)
class Waterfall:
    """What to draw; ``seconds`` is how long all of it took."""

    title: str
    seconds: float
    bars: Sequence[Bar]


def waterfall_chart(chart: Waterfall) -> Markup:
    """The chart as SVG."""
    x = Scale(0.0, max(chart.seconds, 1e-9), NAMES, WIDTH - RIGHT)
    height = TOP + ROW * len(chart.bars) + 4
    parts = [*_axis(chart, x, height), *_bars(chart.bars, x)]
    return svg(WIDTH, height, parts, title=chart.title, kind="waterfall")


def _axis(chart: Waterfall, x: Scale, height: float) -> Iterator[Markup]:
    for tick in ticks(0.0, max(chart.seconds, 1e-9), about=5):
        at = place(x(tick))
        yield element("line", cls="grid", x1=at, x2=at, y1=place(TOP - 4), y2=place(height))
        yield element("text", amount(tick, "s"), cls="tick middle", x=at, y=place(TOP - 9))


def _bars(bars: Sequence[Bar], x: Scale) -> Iterator[Markup]:
    for index, bar in enumerate(bars):
        top = TOP + ROW * index
        left = 4 + INDENT * min(bar.depth, DEEPEST)
        room = max(8, int((NAMES - left - 10) / _LETTER))
        name = f"{bar.name} · {bar.of}"
        shown = name if len(name) <= room else f"{name[: room - 1]}…"
        start, end = x(bar.start), x(bar.start + bar.seconds)
        inside = [element("title", bar.title)]
        if bar.is_marked:
            inside.append(element("rect", cls="ground", x="0", y=place(top), width=place(WIDTH), height=place(ROW)))
        inside += [
            element("text", shown, cls="name", x=place(left), y=place(top + 16)),
            element(
                "rect", cls="bar", x=place(start), y=place(top + 6), width=place(max(2.0, end - start)),
                height=place(ROW - 12), rx="2",
            ),
            element("text", bar.took, cls="took", x=place(end + 6), y=place(top + 16)),
        ]  # fmt: skip
        yield element("g", *inside, cls=f"span {bar.tone}{' marked' if bar.is_marked else ''}")
