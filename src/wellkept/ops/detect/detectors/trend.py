"""A trend that breaks: what went sideways for days, or one way, goes steadily another way, its rhythm left out."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from wellkept.kernel.finding import Finding, FindingKind
from wellkept.ops.detect.base import DetectSettings, View
from wellkept.ops.detect.catalogue import BY_NAME, duration
from wellkept.ops.detect.growth import is_new, pair_slopes, steady
from wellkept.ops.detect.shapes import Floats, Shape, Speaker, findings_of, said, seen
from wellkept.ops.detect.statistics import median, quantiles
from wellkept.store.telemetry.window import Window

DAY_S, BLOCK_S = 86_400.0, 7200.0
LEAST_DAYS = 4
STRETCHES = (24, 12)
"""Blocks of two hours that a new trend is followed over: two days, or one."""
SPREADS = 3.0
"""A trend must move the level by so many usual spreads around the rhythm,"""
LEAST_SHARE = 0.15
"""and by this share of the level."""


class TrendBreak:
    """Takes the rhythm of a day away (the median of each time of day), and looks for growth that is new in the rest.

    The last day or two must move one way, evenly, in nine of ten pairs of blocks, to where the series has not been in
    all the days that are kept, and faster than before. Series that fill towards a limit are left to ``exhaustion``
    and ``leak``. Always information. Abstains with less than four days of history, over gaps, and on what telemetry is
    blind to.
    """

    name = "trend"
    version = "2"
    shared = ("long_days", "long_step_s")
    every_steps = 6
    _SPEAKER = Speaker(
        name, version, FindingKind.ANOMALY, "share of the new trend in all the range since days", "has a new trend"
    )

    def __init__(self, settings: DetectSettings | None = None) -> None:
        self._settings = settings or DetectSettings()

    def detect(self, view: View, now: datetime) -> list[Finding]:  # noqa: ARG002 - the view says all
        window = view.long
        if window is None or window.values.size == 0 or window.step_s <= 0:
            return []
        length, per_day = round(BLOCK_S / window.step_s), round(DAY_S / BLOCK_S)
        count = len(window.times) // length // per_day * per_day if length else 0
        if count < LEAST_DAYS * per_day:
            return []
        may = [
            column
            for column in np.flatnonzero(seen(window, view.blind)).tolist()
            if (meaning := BY_NAME.get(window.series[column].name)) is None or meaning.fills is None
        ]
        if not may:
            return []
        blocks = _means(window.values[-count * length :, may], count)
        found: dict[int, Shape] = {}
        for stretch in STRETCHES:
            rest = blocks - _rhythm(blocks[:, : count - stretch], per_day, count)
            low, high = quantiles(rest[:, : count - stretch], 0.1, 0.9)
            level = np.abs(median(blocks))
            material = np.maximum(SPREADS * (high - low), LEAST_SHARE * level) + 1e-12
            for sign in (1.0, -1.0):
                part = sign * rest[:, count - stretch :]
                slopes = pair_slopes(part, BLOCK_S)
                earlier = sign * rest[:, : count - stretch]
                fires = steady(part, slopes, material) & is_new(earlier, part, np.zeros(len(part), dtype=bool), 1)
                for i in np.flatnonzero(fires).tolist():
                    found.setdefault(may[i], _shape(window, may[i], rest[i], stretch, sign))
        return findings_of(self._SPEAKER, window, found.values(), view.open)


def _shape(window: Window, column: int, rest: Floats, stretch: int, sign: float) -> Shape:
    info = window.series[column]
    moved = abs(float(rest[-1] - rest[-stretch]))
    lasted = stretch * BLOCK_S
    days = round(len(rest) * BLOCK_S / DAY_S)
    return Shape(
        column,
        moved / max(float(np.nanmax(rest) - np.nanmin(rest)), 1e-12),
        len(window.times) - round(lasted / window.step_s),
        f"{'rises' if sign > 0 else 'falls'} steadily, by {said(moved, info)} in {duration(lasted)}",
        f"to where it was not in {days} days, its daily rhythm left out",
        values={"moved": moved, "per_day": moved * DAY_S / lasted},
    )


def _means(values: Floats, count: int) -> Floats:
    """float64[S, count]: the mean of each block; NaN where less than half of it is there."""
    blocks = np.ascontiguousarray(values.T).reshape(values.shape[1], count, len(values) // count)
    there = np.isfinite(blocks)
    number = there.sum(axis=2)
    mean: Floats = np.where(there, blocks, 0.0).sum(axis=2) / np.maximum(number, 1)
    return np.where(number >= 0.5 * blocks.shape[2], mean, np.nan)


def _rhythm(earlier: Floats, per_day: int, count: int) -> Floats:
    """What each time of day had more than its day as a rule, repeated over ``count`` blocks: [S, count]."""
    days = earlier.shape[1] // per_day
    by_day = earlier[:, earlier.shape[1] - days * per_day :].reshape(len(earlier), days, per_day)
    offset = (count - days * per_day - (count - earlier.shape[1])) % per_day
    beside = by_day - median(by_day)[:, :, None]
    profile = median(np.swapaxes(beside, 1, 2))
    place = (np.arange(count) - offset) % per_day
    rhythm: Floats = profile[:, place]
    return rhythm
