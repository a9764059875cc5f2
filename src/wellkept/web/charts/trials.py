"""The trials of a search: each by its number and value, and the best so far as a line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate, pairwise

from markupsafe import Markup

from wellkept.web.charts.scale import Scale, bounds, ticks
from wellkept.web.charts.svg import element, place, svg
from wellkept.web.wording import amount

LEFT, RIGHT, TOP, BOTTOM = 58.0, 10.0, 10.0, 20.0
WIDTH, HEIGHT = 760.0, 150.0


def trials_chart(values: Sequence[float], *, metric: str, maximize: bool) -> Markup:
    """``values`` by trial, NaN for one without a value; a sentence where there is nothing to draw."""
    known = [value for value in values if math.isfinite(value)]
    if not known:
        return Markup('<p class="nothing">No trial has a value.</p>')
    x = Scale(1, max(2, len(values)), LEFT, WIDTH - RIGHT)
    y = Scale(*bounds(known, from_zero=False), HEIGHT - BOTTOM, TOP)
    parts = []
    for tick in ticks(y.low, y.high):
        parts.append(
            element("line", x1=place(LEFT), x2=place(WIDTH - RIGHT), y1=place(y(tick)), y2=place(y(tick)), cls="grid")
        )
        parts.append(element("text", amount(tick, ""), x=place(LEFT - 6), y=place(y(tick) + 4), cls="tick end"))
    worst = -math.inf if maximize else math.inf
    better = max if maximize else min
    so_far = accumulate((value if math.isfinite(value) else worst for value in values), better)
    line = [(x(number), y(value)) for number, value in enumerate(so_far, 1) if math.isfinite(value)]
    # A stair: between two trials nothing gets better.
    stair = [*line[:1], *(point for before, here in pairwise(line) for point in ((here[0], before[1]), here))]
    points = " ".join(f"{place(a)},{place(b)}" for a, b in stair)
    parts.append(element("polyline", points=points, cls="line", fill="none"))
    for number, value in enumerate(values, 1):
        if math.isfinite(value):
            title = element("title", f"trial {number}: {metric} {value:.5g}")
            parts.append(element("circle", title, cx=place(x(number)), cy=place(y(value)), r="3", cls="dot"))
    return svg(WIDTH, HEIGHT, parts, title=f"{metric} by trial, and the best so far", kind="trials")
