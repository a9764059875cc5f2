"""The page of a series: how it went before the trouble and since, with the range that was usual."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from wellkept.kernel.errors import InputError
from wellkept.store.telemetry.window import SeriesInfo, Window
from wellkept.web.charts.line import LineChart, Shade
from wellkept.web.readings import Readings
from wellkept.web.views.looks import Stretch, stretch
from wellkept.web.wording import amount, bare, kind_of

POINTS, MOST = 180, 8
STEPS_S = (5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0)
USUAL = (0.05, 0.95)
"""The range of these quantiles before the onset is called usual."""


@dataclass(frozen=True, slots=True)
class SeriesRow:
    """One series with its chart; ``usual`` and ``now`` are medians before the onset and since."""

    attributes: tuple[tuple[str, str], ...]
    chart: LineChart
    usual: str
    now: str


@dataclass(frozen=True, slots=True)
class SeriesView:
    """The page."""

    name: str
    entity: str
    entity_id: str
    kind: str
    start: datetime
    end: datetime
    onset: datetime | None
    rows: tuple[SeriesRow, ...]
    more: int


def series_view(readings: Readings, asked: Mapping[str, str], now: datetime) -> SeriesView:
    """The series of a name and an entity.

    Raises:
        InputError: no name, or a stretch of time that is none.
    """
    name, entity = asked.get("name", ""), asked.get("entity", "")
    if not name or not entity:
        raise InputError("name and entity", "must both be in the address", dict(asked))
    seen = stretch(asked, now)
    window = _window(readings, name, entity, seen)
    columns = [j for j, info in enumerate(window.series) if (info.name, info.entity) == (name, entity)]
    rows = tuple(_row(window, j, seen) for j in columns[:MOST])
    return SeriesView(
        name, bare(entity), entity, kind_of(entity), seen.start, seen.end, seen.onset, rows, len(columns) - len(rows)
    )


def charts_of(readings: Readings, wanted: Sequence[tuple[str, str]], seen: Stretch) -> dict[tuple[str, str], LineChart]:
    """A small chart for each pair of a name and an entity: of the first stored series that is called so."""
    found = {}
    for name, entity in wanted:
        window = _window(readings, name, entity, seen)
        column = next((j for j, info in enumerate(window.series) if (info.name, info.entity) == (name, entity)), None)
        if column is not None:
            found[name, entity] = _row(window, column, seen, width=780.0, height=96.0).chart
    return found


def _window(readings: Readings, name: str, entity: str, seen: Stretch) -> Window:
    """The window that holds the series. Indicators of services come from spans, or from what they report."""
    step_s = next((step for step in STEPS_S if seen.seconds / step <= POINTS), STEPS_S[-1])
    if name.startswith("span.exclusive"):
        return readings.exclusive(seen.start, seen.end, step_s)
    if name.startswith("span."):
        return readings.red(seen.start, seen.end, step_s)
    return readings.metrics(seen.start, seen.end, step_s, (name,), (entity,))


def _row(window: Window, column: int, seen: Stretch, *, width: float = 1240.0, height: float = 190.0) -> SeriesRow:
    info, values = window.series[column], window.values[:, column]
    usual, band, after = "", None, values
    shades: tuple[Shade, ...] = ()
    if seen.onset is not None:
        is_before = window.times <= seen.onset.timestamp()
        before, after = values[is_before & np.isfinite(values)], values[~is_before]
        shades = (Shade(seen.onset.timestamp(), None, f"trouble since {seen.onset:%H:%M:%S} UTC"),)
        if len(before) > 1:
            low, high = (float(edge) for edge in np.quantile(before, USUAL))
            band, usual = (low, high), amount(float(np.median(before)), info.unit)
    known = after[np.isfinite(after)]
    return SeriesRow(
        attributes=tuple(sorted(info.attributes.items())),
        chart=LineChart(
            _title(info),
            info.unit,
            window.times.tolist(),
            values.tolist(),
            band,
            shades=shades,
            width=width,
            height=height,
        ),
        usual=usual,
        now=amount(float(np.median(known)), info.unit) if len(known) else "",
    )


def _title(info: SeriesInfo) -> str:
    return f"{info.name} of {bare(info.entity)}"
