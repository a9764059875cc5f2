"""A level that shifted and stays: a rise or fall within two hours that no day before had at this time."""

from __future__ import annotations

from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.finding import Finding, FindingKind, Severity
from wellkept.ops.detect.base import DetectSettings, View
from wellkept.ops.detect.catalogue import BY_NAME
from wellkept.ops.detect.shapes import Floats, Shape, Speaker, findings_of, said, seen
from wellkept.ops.detect.signals import watched
from wellkept.ops.detect.statistics import quantiles
from wellkept.store.telemetry.window import SeriesInfo, Window

DAY_S, RISE_S, SMOOTH_S, SLACK_S, STAYED_S = 86_400.0, 7200.0, 1800.0, 1200.0, 1800.0
"""A day; over how long a rise is measured, how values are smoothed, how early or late rhythms may be, and for how
long a shift must have stayed."""
LEAST_DAYS, MOST_DAYS = 3, 7
TAIL = 0.995
"""A shift goes beyond this quantile of what the days before had of the same measure,"""
BEYOND = 1.5
"""by this factor,"""
LEAST_SHARE = 0.1
"""and is at least this share of the level."""
OUTSIDE = 0.45
"""The new level lies outside what the last days had at this time by this share of their whole range."""


class LevelShift:
    """Compares the rise of the last two hours with the rise over the same two hours of each of the last days.

    What is left is the smallest difference to any of those days, give or take twenty minutes, so that no rhythm of a
    day or week that was seen before counts. It must go beyond what the same measure ever had but in one of 200 hours,
    be at least a tenth of the level, lead out of what the last days had at this time, and have stayed for half an hour.
    A change for the worse of a series whose size matters by the catalogue is a warning, others are information.
    Abstains with less than three days of history and on what telemetry is blind to.

    Source: the seasonally differenced rise: what a series did at the same time of earlier days is taken away from what
    it does now. Figures: ``wellkept eval simulated --part changes``.
    """

    name = "level"
    version = "2"
    shared = ("long_days", "long_step_s")
    every_steps = 6
    _SPEAKER = Speaker(
        name, version, FindingKind.ANOMALY, "1 minus the usual size of such a shift over this one", "is at a new level"
    )

    def __init__(self, settings: DetectSettings | None = None) -> None:
        self._settings = settings or DetectSettings()

    def detect(self, view: View, now: datetime) -> list[Finding]:  # noqa: ARG002 - the view says all
        window = view.long
        if window is None or window.values.size == 0 or window.step_s <= 0:
            return []
        per_day = round(DAY_S / window.step_s)
        days = min(MOST_DAYS, (len(window.times) - 1) // per_day - 1)
        if days < LEAST_DAYS - 1:
            return []
        may = np.flatnonzero(seen(window, view.blind))
        smooth = _smoothed(window.values[:, may], max(1, round(SMOOTH_S / window.step_s)))
        back = max(1, round(RISE_S / window.step_s))
        rise = _rises(smooth, back)
        slack = max(1, round(SLACK_S / window.step_s))
        stayed = max(1, round(STAYED_S / window.step_s))
        total = len(window.times)
        shift = _unlike(rise, total - 1, days, per_day, slack)
        before = np.stack(
            [np.abs(_unlike(rise, at, days, per_day, slack)) for at in _past(total, days, per_day, stayed)]
        )
        usual = quantiles(np.ascontiguousarray(before.T), TAIL)[0]
        level = smooth[-1]
        with np.errstate(invalid="ignore"):
            large = (np.abs(shift) > BEYOND * usual) & (np.abs(shift) >= LEAST_SHARE * np.abs(level))
            large &= np.isfinite(shift) & (np.abs(shift) > 0) & _outside(smooth, shift, stayed, (days, per_day, slack))
        return findings_of(
            self._SPEAKER,
            window,
            [
                _shape(window, int(may[i]), smooth[:, i], float(shift[i]), float(usual[i]))
                for i in np.flatnonzero(large)
            ],
            view.open,
        )


def _shape(window: Window, column: int, smooth: Floats, shift: float, usual: float) -> Shape:
    info = window.series[column]
    back = round(RISE_S / window.step_s)
    level, old = float(smooth[-1]), float(smooth[-1 - back])
    word = "rose" if shift > 0 else "fell"
    return Shape(
        column,
        1.0 - min(1.0, usual / max(abs(shift), 1e-12)),
        len(window.times) - back,
        f"{word} from {said(old, info)} to {said(level, info)} and stays there",
        "which it did on no day before at this time of day",
        _severity(info, level, shift),
        values={"level": level, "before": old, "shift": shift, "usual_shift": usual},
    )


def _severity(info: SeriesInfo, level: float, shift: float) -> Severity:
    """A warning where the catalogue says that this is for the worse, and much."""
    meaning = BY_NAME.get(info.name)
    if meaning is None or not meaning.anomaly or meaning.complement or not watched(info, meaning):
        return Severity.INFO
    worse = shift * meaning.bad >= max(meaning.floor, meaning.share * abs(level))
    alarming = meaning.alarming is None or level * meaning.bad >= meaning.alarming * meaning.bad
    return Severity.WARNING if worse and alarming else Severity.INFO


def _smoothed(values: Floats, steps: int) -> Floats:
    """The mean of the last ``steps`` values at each step, NaN where one is missing: [T, S]."""
    total = np.cumsum(np.where(np.isfinite(values), values, 0.0), axis=0)
    number = np.cumsum(np.isfinite(values), axis=0)
    first = np.zeros((steps, values.shape[1]))
    mean: Floats = (total - np.concatenate([first, total[:-steps]])) / steps
    return np.where(number - np.concatenate([first, number[:-steps]]) == steps, mean, np.nan)


def _rises(smooth: Floats, steps: int) -> Floats:
    found = np.full_like(smooth, np.nan)
    found[steps:] = smooth[steps:] - smooth[:-steps]
    return found


def _unlike(rise: Floats, at: int, days: int, per_day: int, slack: int) -> Floats:
    """The rise at a step less the rise of the day before that is most like it, 0 where some day was alike: [S].

    NaN where nothing was seen at the step, or on no day before. Days before the first step are none.
    """
    low, high = np.full(rise.shape[1], np.nan), np.full(rise.shape[1], np.nan)
    for day in range(1, days + 1):
        end = at - day * per_day + slack + 1
        if end <= 0:
            break
        around = rise[max(0, end - 2 * slack - 1) : end]
        low = np.fmin(low, np.fmin.reduce(around, axis=0))
        high = np.fmax(high, np.fmax.reduce(around, axis=0))
    now = rise[at]
    with np.errstate(invalid="ignore"):
        beyond = np.where(now > high, now - high, np.where(now < low, now - low, 0.0))
    return np.where(np.isfinite(now) & np.isfinite(high), beyond, np.nan)


def _past(total: int, days: int, per_day: int, stayed: int) -> range:
    """Steps at which the measure is taken of the past: about every hour, as far as there are days before them."""
    first = per_day + stayed
    latest = total - 1 - round(RISE_S / DAY_S * per_day) - stayed
    return range(latest, max(first, latest - days * per_day), -max(1, per_day // 24))


def _outside(smooth: Floats, shift: Floats, stayed: int, calendar: tuple[int, int, int]) -> NDArray[np.bool_]:
    """Whether the newest steps all lie beyond what earlier days had around this time.

    ``calendar``: how many days, the steps of one, and by how many steps rhythms may be early or late.
    """
    days, per_day, slack = calendar
    low, high = quantiles(np.ascontiguousarray(smooth[max(0, len(smooth) - days * per_day) : -stayed].T), 0.01, 0.99)
    margin = OUTSIDE * (high - low)
    newest = smooth[-stayed:]
    starts = [len(smooth) - stayed - slack - day * per_day for day in range(1, days + 1)]
    then = np.concatenate([smooth[max(0, at) : at + stayed + 2 * slack] for at in starts if at + stayed > 0])
    lowest, highest = np.fmin.reduce(then, axis=0), np.fmax.reduce(then, axis=0)
    with np.errstate(invalid="ignore"):
        above = (newest > highest + margin).all(axis=0) & (shift > 0)
        below = (newest < lowest - margin).all(axis=0) & (shift < 0)
    return np.asarray(above | below)
