"""Sparklines: the shape of the last half hour in a table's cell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from wellkept.web.charts.line import stretches
from wellkept.web.charts.scale import Scale, finite
from wellkept.web.charts.svg import element, place, svg
from wellkept.web.wording import amount

WIDTH, HEIGHT, MARGIN = 92.0, 24.0, 2.5


@dataclass(frozen=True, slots=True)
class Spark:
    """What to draw. ``ceiling`` fixes the top of the scale (1 for a utilization), so that rows can be compared."""

    title: str
    unit: str
    times: Sequence[float]
    values: Sequence[float]
    ceiling: float | None = None
    tone: str = ""

    @property
    def last(self) -> float | None:
        """The newest known value."""
        known = finite(self.values)
        return known[-1] if known else None


def sparkline(spark: Spark) -> Markup:
    """The sparkline as SVG; an empty box of the same size where nothing is known."""
    known = finite(spark.values)
    if not known:
        baseline = element("line", cls="grid", x1="0", x2=place(WIDTH), y1=place(HEIGHT - 1), y2=place(HEIGHT - 1))
        return svg(WIDTH, HEIGHT, [baseline], title=f"{spark.title}: no data", kind="spark")
    x = Scale(spark.times[0], spark.times[-1], MARGIN, WIDTH - MARGIN)
    top = spark.ceiling if spark.ceiling is not None else max(known) * 1.05
    y = Scale(min(0.0, *known), max(top, 1e-12), HEIGHT - MARGIN, MARGIN)
    low, high, last = (amount(value, spark.unit) for value in (min(known), max(known), known[-1]))
    title = f"{spark.title}: between {low} and {high}, last {last}"
    return svg(WIDTH, HEIGHT, list(_parts(spark, x, y)), title=title, kind="spark")


def _parts(spark: Spark, x: Scale, y: Scale) -> Iterator[Markup]:
    found = stretches(spark.times, spark.values)
    for stretch in found:
        if len(stretch) > 1:
            line = " ".join(f"{place(x(time))},{place(y(value))}" for time, value in stretch)
            floor = place(HEIGHT - 1)
            area = f"{place(x(stretch[0][0]))},{floor} {line} {place(x(stretch[-1][0]))},{floor}"
            yield element("polygon", cls=f"area {spark.tone}", points=area)
            yield element("polyline", cls=f"series {spark.tone}", points=line)
    time, value = found[-1][-1]
    yield element("circle", cls=f"dot {spark.tone}", cx=place(x(time)), cy=place(y(value)), r="1.9")
