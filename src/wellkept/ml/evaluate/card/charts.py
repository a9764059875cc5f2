"""Two kinds of pictures as SVG: lines over a range, and bars with names. Colours fit light and dark pages."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from xml.sax.saxutils import escape, quoteattr

WIDTH, HEIGHT = 460.0, 240.0
LEFT, RIGHT, TOP, BOTTOM = 52.0, 14.0, 26.0, 38.0
COLOURS = ("#2f6fde", "#d9822b", "#8a8f98", "#3a9a5b")
INK = "#7a7f87"
BAR, NAME = 20.0, 190.0
MOST_POINTS = 200


@dataclass(frozen=True, slots=True)
class Line:
    """One line: points (x, y) in the order of x; those that are not finite are left out.

    ``low`` and ``high`` are the ends of a band about it, one for each point; empty: none.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    dashed: bool = False
    low: Sequence[float] = ()
    high: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class Picture:
    """A file's name, the picture's title, and the SVG."""

    name: str
    title: str
    svg: str


def lines(name: str, title: str, across: str, up: str, drawn: Sequence[Line]) -> Picture | None:
    """Lines over one another; None where there is nothing to draw."""
    kept = [(one, _points(one)) for one in drawn]
    every = [point for _, points in kept for point in points]
    if not every or all(len(points) < 2 for _, points in kept):
        return None
    x_low, x_high = _range([x for x, _ in every])
    bands = [_points(replace(one, y=end)) for one, _ in kept for end in (one.low, one.high) if len(end)]
    y_low, y_high = _range([y for _, y in every] + [y for band in bands for _, y in band])

    def at(x: float, y: float) -> tuple[float, float]:
        right = LEFT + (x - x_low) / (x_high - x_low) * (WIDTH - LEFT - RIGHT)
        return right, HEIGHT - BOTTOM - (y - y_low) / (y_high - y_low) * (HEIGHT - TOP - BOTTOM)

    parts = [*_grid(x_low, x_high, y_low, y_high), *_legend([one for one, _ in kept])]
    for index, (one, points) in enumerate(kept):
        path = " ".join(f"{right:.1f},{down:.1f}" for right, down in (at(x, y) for x, y in points))
        dash = ' stroke-dasharray="5 4"' if one.dashed else ""
        colour = COLOURS[index % len(COLOURS)]
        if len(one.low):
            low, high = (_points(replace(one, y=end)) for end in (one.low, one.high))
            band = " ".join(f"{right:.1f},{down:.1f}" for right, down in (at(x, y) for x, y in [*low, *high[::-1]]))
            parts.append(f'<polygon points="{band}" fill="{colour}" fill-opacity="0.16"/>')
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>')
    parts.append(_text(across, (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 4, "middle"))
    parts.append(_text(up, LEFT, 12, "start"))
    return Picture(name, title, _svg(title, WIDTH, HEIGHT, parts))


def bars(name: str, title: str, rows: Sequence[tuple[str, float, str]], limit: float | None = None) -> Picture | None:
    """A bar for each row (name, value of 0 or more, words); None without rows."""
    known = [row for row in rows if math.isfinite(row[1])]
    if not known:
        return None
    most = max([value for _, value, _ in known] + [limit or 0.0, 1e-12])
    height, room = BAR * len(known) + 12, WIDTH - NAME - 110
    parts = []
    for index, (label, value, words) in enumerate(known):
        down, length = 6 + BAR * index, max(1.0, max(0.0, value) / most * room)
        parts.append(_text(_cut(label), NAME - 8, down + 13, "end"))
        colour = COLOURS[0] if limit is None or value <= limit else COLOURS[1]
        size = f'x="{NAME:.0f}" y="{down + 3:.1f}" width="{length:.1f}" height="{BAR - 6:.0f}"'
        parts.append(f'<rect {size} fill="{colour}" rx="2"/>')
        parts.append(_text(words, NAME + length + 6, down + 13, "start"))
    if limit is not None:
        place = NAME + limit / most * room
        parts.append(f'<path d="M{place:.1f} 2V{height - 2:.1f}" stroke="{INK}" stroke-dasharray="3 3"/>')
    return Picture(name, title, _svg(title, WIDTH, height, parts))


def columns(
    name: str,
    title: str,
    across: str,
    edges: Sequence[float],
    counts: Sequence[int],
    marks: Sequence[tuple[str, float]],
) -> Picture | None:
    """A histogram over ranges that grow by a factor, with upright lines (words, value); None without a count."""
    if not sum(counts) or len(edges) != len(counts) + 1 or edges[0] <= 0:
        return None
    first, last = math.log(edges[0]), math.log(max([edges[-1], *(value for _, value in marks)]) * 1.0001)
    most, floor = max(counts), HEIGHT - BOTTOM

    def at(value: float) -> float:
        return LEFT + (math.log(max(value, edges[0])) - first) / (last - first) * (WIDTH - LEFT - RIGHT)

    parts = []
    for left, right, count in zip(edges[:-1], edges[1:], counts, strict=True):
        tall = count / most * (floor - TOP - 14)
        size = f'x="{at(left):.1f}" y="{floor - tall:.1f}" width="{at(right) - at(left):.1f}" height="{tall:.1f}"'
        parts.append(f'<rect {size} fill="{COLOURS[0]}"/>')
    parts.append(f'<path d="M{LEFT:.0f} {floor:.1f}H{WIDTH - RIGHT:.0f}" stroke="{INK}" stroke-opacity="0.5"/>')
    decades = _decades(edges[0], math.exp(last))
    parts += [_text(_number(value), at(value), floor + 14, "middle") for value in decades]
    for index, (words, value) in enumerate(marks):
        place, down = at(value), TOP + 11 * (index % 3)
        dash = f'stroke="{COLOURS[1]}" stroke-dasharray="4 3"'
        parts.append(f'<path d="M{place:.1f} {down - 6:.1f}V{floor:.1f}" {dash}/>')
        near = place > WIDTH - 110
        parts.append(
            _text(
                f"{words} {_number(round(value, 2))}",
                place - 4 if near else place + 4,
                down,
                "end" if near else "start",
            )
        )
    parts.append(_text(across, (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 4, "middle"))
    parts.append(_text("requests", LEFT, 12, "start"))
    return Picture(name, title, _svg(title, WIDTH, HEIGHT, parts))


def _decades(low: float, high: float) -> list[float]:
    """1, 2, 5, 10, 20 ... between two values."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found = [digit * 10.0**power for power in powers for digit in (1, 2, 5)]
    return [value for value in found if low <= value <= high]


def _points(line: Line) -> list[tuple[float, float]]:
    every = [(x, y) for x, y in zip(line.x, line.y, strict=True) if math.isfinite(x) and math.isfinite(y)]
    step = max(1, len(every) // MOST_POINTS)
    return every[::step] + ([every[-1]] if every and (len(every) - 1) % step else [])


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    if low >= 0 and low <= 0.5 * high:
        low = 0.0
    room = max(0.5, abs(high) * 1e-6)
    return (low, high) if high - low > 1e-9 * abs(high) else (low - room, high + room)


def _grid(x_low: float, x_high: float, y_low: float, y_high: float) -> Iterator[str]:
    for value in _ticks(y_low, y_high):
        down = HEIGHT - BOTTOM - (value - y_low) / (y_high - y_low) * (HEIGHT - TOP - BOTTOM)
        yield f'<path d="M{LEFT:.0f} {down:.1f}H{WIDTH - RIGHT:.0f}" stroke="{INK}" stroke-opacity="0.25"/>'
        yield _text(_number(value), LEFT - 6, down + 4, "end")
    for value in _ticks(x_low, x_high):
        right = LEFT + (value - x_low) / (x_high - x_low) * (WIDTH - LEFT - RIGHT)
        yield _text(_number(value), right, HEIGHT - BOTTOM + 14, "middle")


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers in a range, three to seven of them."""
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * digit for digit in (1, 2, 5, 10) if power * digit >= rough)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 and abs(value) < 1e7 else f"{value:.6g}"


def _legend(drawn: Sequence[Line]) -> Iterator[str]:
    right = WIDTH - RIGHT
    for index in reversed(range(len(drawn))):
        right -= 7.0 * len(drawn[index].name) + 22
        colour = COLOURS[index % len(COLOURS)]
        yield f'<rect x="{right:.1f}" y="5" width="10" height="8" fill="{colour}" rx="2"/>'
        yield _text(drawn[index].name, right + 14, 12, "start")


def _text(words: str, x: float, y: float, anchor: str) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} font-size="11" font-family="system-ui, sans-serif" fill="{INK}">{escape(words)}</text>'


def _cut(words: str, most: int = 28) -> str:
    return words if len(words) <= most else f"{words[: most - 1]}…"


def _svg(title: str, width: float, height: float, parts: Sequence[str]) -> str:
    frame = f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {frame} role="img" aria-label={quoteattr(title)}>'
    return f"{head}<title>{escape(title)}</title>{''.join(parts)}</svg>"
