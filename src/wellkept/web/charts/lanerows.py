"""What charts of lanes have in common: the name and the line of each lane, and round moments below them."""

from __future__ import annotations

from collections.abc import Iterator

from markupsafe import Markup

from wellkept.web.charts.scale import time_ticks
from wellkept.web.charts.svg import element, place

LANE, BOTTOM = 22.0, 20.0
DAY = 86_400.0


def lane_row(name: str, top: float, left: float, right: float, longest: int) -> Iterator[Markup]:
    """The name of a lane, cut to ``longest`` characters, and the line that its bars lie on, ``left`` to ``right``."""
    shown = name if len(name) <= longest else f"{name[: longest - 1]}…"
    middle = place(top + LANE / 2)
    yield element("text", shown, element("title", name), cls="note end", x=place(left - 9), y=place(top + LANE / 2 + 4))
    yield element("line", cls="grid", x1=place(left), x2=place(right), y1=middle, y2=middle)


def floor_line(height: float, left: float, right: float) -> Markup:
    """The line of the axis."""
    floor = place(height - BOTTOM)
    return element("line", cls="axis", x1=place(left), x2=place(right), y1=floor, y2=floor)


def lane_ticks(start: float, end: float, by_days_from: float, about: int = 6) -> list[float]:
    """Round moments; of a time longer than ``by_days_from`` seconds whole days, about ten."""
    if end - start <= by_days_from:
        return time_ticks(start, end, about=about)
    step = DAY * max(1, round((end - start) / DAY / 10))
    first = -(-start // DAY) * DAY
    return [first + index * step for index in range(int((end - first) // step) + 1)]
