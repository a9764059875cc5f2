"""Growth towards a limit: a disk that fills, a memory that leaks, and when it will be over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.finding import Finding, FindingKind, Severity, fingerprint
from wellkept.ops.detect.base import DetectSettings, View
from wellkept.ops.detect.catalogue import amount, duration
from wellkept.ops.detect.growth import WIDENING, extremes, is_new, latest, pair_slopes, steady, stretches
from wellkept.ops.detect.meaning import Extreme, Meaning
from wellkept.ops.detect.outlook import AHEAD_DAYS, DAY_S, Pace, outlook
from wellkept.ops.detect.signals import Signals, long_signals, moment, signals
from wellkept.ops.detect.statistics import quantiles
from wellkept.ops.detect.words import capital, subject, which
from wellkept.store.telemetry.window import SeriesInfo

Floats = NDArray[np.float64]

BLOCKS = 8
"""A stretch of growth is judged by the extremes of this many blocks, in pairs."""
KNOWN = 0.5
"""No verdict about what has been known for less than this share of the window: everything grows when it starts."""
FULL = 0.97
"""From this share of the limit on it is not a forecast any more."""
ENOUGH_DAYS = 2
"""A forecast from earlier days alone rests on at least so many."""
WARNED_S = DAY_S
"""A limit that earlier days lead to within this time is worth a warning; further away it is information."""


@dataclass(frozen=True, slots=True)
class _Growth:
    """What is known about growth, float64[S] each, NaN where there is none. Slopes are per second."""

    slope: Floats
    slope_low: Floats
    slope_high: Floats
    steps: Floats
    rise: Floats


@dataclass(frozen=True, slots=True)
class _Forecast:
    """Seconds to the limit and their interval; ``high`` is infinite where there is no bound. ``days``: 0 where it
    rests on growth of late alone. ``surely``: seconds in which three of four of the days would get there.
    """

    seconds: float
    low: float
    high: float
    days: int = 0
    surely: float = 0.0


class Exhaustion:
    """Forecasts when something that has a limit will be used up, and says so when that is near.

    Growth of late is judged on block extremes: block minima for memory (the floor that garbage collection returns to),
    the last value of each block for disks. All pairs of blocks give slopes; their median is the growth, their
    tenth and ninetieth percentiles the interval of the forecast. Several stretches back from now are tried, the
    longest first. A shorter one counts only where growth is new: slower before, and to a level that the window has
    not seen, so a sawtooth does not count as growth on its way up, nor a warm-up on its way to level off. Where days
    are kept, growth that earlier days had at this time of day is their rhythm: what came next then is the forecast
    (see ``outlook``), and it is also made where nothing grows right now. Without days, what repeats more slowly than
    the window is long cannot be told from growth. An open forecast that cannot be judged, because nothing was measured
    for a while, stays open as long as the level has not fallen.

    Source: Theil-Sen slopes over block extremes; on simulated leaks and disks they found every true trend where a
    least-squares line over the raw values found none. Figures: ``wellkept eval simulated``.
    """

    name = "exhaustion"
    version = "3"

    def __init__(self, settings: DetectSettings | None = None) -> None:
        self._settings = settings or DetectSettings()

    def detect(self, view: View, now: datetime) -> list[Finding]:  # noqa: ARG002 - the view says all
        found = signals(view, lambda meaning: meaning.fills is not None)
        if not found.meanings or found.values.shape[1] < self._settings.min_trend_steps:
            return []
        level = latest(found.values, self._settings.confirm_steps + 1)
        growth = self._growth(found, level)
        best: dict[str, Finding] = {}
        for finding in self._said(found, level, growth, long_signals(view, lambda meaning: meaning.fills is not None)):
            known = best.get(finding.fingerprint)
            if known is None or finding.score > known.score:
                best[finding.fingerprint] = finding
        for finding in self._interrupted(found, level, view):
            best.setdefault(finding.fingerprint, finding)
        return [best[key] for key in sorted(best)]

    def _said(self, found: Signals, level: Floats, growth: _Growth, long: Signals | None) -> Iterator[Finding]:
        with np.errstate(invalid="ignore", divide="ignore"):
            seconds = (found.limits - level) / growth.slope
            reach = np.minimum(self._settings.horizon_s, self._settings.reach * growth.steps * found.step_s)
            near = (seconds < reach) & (growth.slope > 0)
        full = self._is_full(found, level)
        days = {info.id: row for row, info in enumerate(long.series)} if long is not None else {}
        may_fill = _may_fill(long) if long is not None else frozenset()
        for index in range(len(found.meanings)):
            row = days.get(found.series[index].id, -1)
            if full[index]:
                yield self._full(found, index, level)
                continue
            forecast = None
            if near[index]:
                forecast = self._near(found, index, level, growth, (long, row))
            elif long is not None and row in may_fill and np.isfinite(level[index]):
                forecast = _ahead(found, index, level, long, row)
            if forecast is not None:
                yield self._forecast(found, index, level, growth, forecast)

    def _near(
        self, found: Signals, index: int, level: Floats, growth: _Growth, days: tuple[Signals | None, int]
    ) -> _Forecast | None:
        """The forecast from growth of late, put right by what earlier days did at this time."""
        slope, low, high = (float(part[index]) for part in (growth.slope, growth.slope_low, growth.slope_high))
        left = float(found.limits[index] - level[index])
        plain = _Forecast(left / slope, left / high, left / low if low > 0 else np.inf)
        long, row = days
        if long is None or row < 0:
            return plain
        pace = Pace(slope, max(low, 0.0), high, float(growth.steps[index]) * found.step_s)
        lowest = found.meanings[index].fills is Extreme.LOWEST
        told = outlook(long, row, float(level[index]), float(found.times[-1]), lowest=lowest, pace=pace)
        if told is None:
            return plain
        if told.seconds >= self._settings.horizon_s:
            return None
        return _Forecast(told.seconds, told.low, told.high, told.days if told.is_usual else 0)

    def _is_full(self, found: Signals, level: Floats) -> NDArray[np.bool_]:
        """Disks by their newest value; what breathes must not have come down lately."""
        recent = found.values[:, -self._settings.confirm_steps :]
        floor = np.where(np.isfinite(recent), recent, np.inf).min(axis=1)
        breathes = np.array([meaning.fills is Extreme.LOWEST for meaning in found.meanings], dtype=bool)
        matters = np.array([meaning.brim for meaning in found.meanings], dtype=bool)
        with np.errstate(invalid="ignore"):
            full = np.where(breathes, floor, level) >= FULL * found.limits
        return np.asarray(full & matters & np.isfinite(level))

    def _interrupted(self, found: Signals, level: Floats, view: View) -> Iterator[Finding]:
        """Open findings about signals that have a hole where growth is judged, and have not fallen since."""
        length = self._settings.min_trend_steps // BLOCKS
        newest = found.values[:, found.values.shape[1] - length * BLOCKS :]
        fills = np.array([meaning.fills is Extreme.LOWEST for meaning in found.meanings])
        holes = ~np.isfinite(extremes(newest, fills, BLOCKS)).all(axis=1)
        for index in np.flatnonzero(holes & np.isfinite(level)):
            meaning = found.meanings[index]
            known = view.open.get(self._fingerprint(found, int(index)))
            evidence = next((e for e in known.evidence if e.signal == meaning.name), None) if known else None
            if known is not None and evidence is not None and level[index] >= evidence.values.get("level", np.inf):
                yield known

    def _growth(self, found: Signals, level: Floats) -> _Growth:
        """The growth over the longest stretch that is steady, per signal."""
        size = len(found.meanings)
        best = _Growth(*(np.full(size, np.nan) for _ in range(5)))
        fills = np.array([meaning.fills is Extreme.LOWEST for meaning in found.meanings])
        floor = found.column(lambda meaning: meaning.floor)
        total = found.values.shape[1]
        known = total - np.argmax(np.isfinite(found.values), axis=1) >= KNOWN * self._settings.steps
        candidates = np.flatnonzero(np.isfinite(found.limits) & np.isfinite(level) & known)
        for steps in stretches(total, self._settings.min_trend_steps):
            length = steps // BLOCKS
            open_ones = candidates[np.isnan(best.slope[candidates])]
            if len(open_ones) == 0:
                break
            rows = found.values[open_ones]
            heights = extremes(rows[:, total - length * BLOCKS :], fills[open_ones], BLOCKS)
            slopes = pair_slopes(heights, length * found.step_s)
            material = np.maximum(floor[open_ones], 0.02 * found.limits[open_ones])
            earlier = rows[:, : total - length * BLOCKS]
            grown = steady(heights, slopes, material) & is_new(earlier, heights, fills[open_ones], length)
            chosen = open_ones[grown]
            low, middle, high = quantiles(slopes[grown], 0.1, 0.5, 0.9)
            best.slope[chosen], best.steps[chosen] = middle, length * BLOCKS
            best.slope_low[chosen], best.slope_high[chosen] = low / WIDENING, high * WIDENING
            best.rise[chosen] = heights[grown, -1] - heights[grown, 0]
        return best

    def _forecast(self, found: Signals, index: int, level: Floats, growth: _Growth, said: _Forecast) -> Finding:
        meaning, info = found.meanings[index], found.series[index]
        at, limit = float(level[index]), float(found.limits[index])
        values = {"seconds_to_limit": said.seconds, "low": said.low, "level": at}
        latest_end = "no upper bound"
        if np.isfinite(said.high):
            values["high"], latest_end = said.high, duration(said.high)
        if said.days:
            lasted, basis = said.days * DAY_S, _like_days(said.days)
        else:
            lasted, basis = float(growth.steps[index]) * found.step_s, "at this pace"
            values["slope_per_s"] = float(growth.slope[index])
        starts_at = moment(found.times[-1] - lasted)
        grew = "" if said.days else f"grew by {amount(float(growth.rise[index]), meaning.unit)} in {duration(lasted)} "
        since = "" if said.days else f"(since {starts_at:%H:%M:%S} UTC) and "
        sentence = (
            f"{capital(meaning.says)} of {subject(info)} {grew}{since}is at {amount(at, meaning.unit)} of "
            f"{amount(limit, meaning.unit)}; {basis} the limit is reached in {duration(said.seconds)} "
            f"(between {duration(said.low)} and {latest_end})."
        )
        return Finding(
            fingerprint=self._fingerprint(found, index),
            detector=self.name,
            detector_version=self.version,
            entity=info.entity,
            kind=FindingKind.FORECAST,
            severity=self._severity(said),
            score=round(max(0.0, 1.0 - said.seconds / self._settings.horizon_s), 6),
            score_meaning=_SCORE,
            starts_at=starts_at,
            sentence=sentence,
            evidence=(found.evidence(index, None, values),),
            attributes=_attributes(meaning, info, "is running out"),
        )

    def _severity(self, said: _Forecast) -> Severity:
        if said.seconds < self._settings.horizon_s / 8:
            return Severity.ERROR
        if said.days and said.seconds >= self._settings.horizon_s and said.surely > WARNED_S:
            return Severity.INFO
        return Severity.WARNING

    def _full(self, found: Signals, index: int, level: Floats) -> Finding:
        meaning, info = found.meanings[index], found.series[index]
        at, limit = float(level[index]), float(found.limits[index])
        row = found.values[index]
        below = np.flatnonzero(np.isfinite(row) & (row < FULL * limit))
        since = int(below[-1]) + 1 if len(below) else 0
        starts_at = moment(found.times[min(since, len(found.times) - 1)] - found.step_s)
        return Finding(
            fingerprint=self._fingerprint(found, index),
            detector=self.name,
            detector_version=self.version,
            entity=info.entity,
            kind=FindingKind.THRESHOLD,
            severity=Severity.CRITICAL,
            score=1.0,
            score_meaning=_SCORE,
            starts_at=starts_at,
            sentence=(
                f"{capital(meaning.says)} of {subject(info)} is at {amount(at, meaning.unit)} of "
                f"{amount(limit, meaning.unit)} since {starts_at:%H:%M:%S} UTC: it is full."
            ),
            evidence=(found.evidence(index, None, {"seconds_to_limit": 0.0, "low": 0.0, "high": 0.0, "level": at}),),
            attributes=_attributes(meaning, info, "is exhausted"),
        )

    def _fingerprint(self, found: Signals, index: int) -> str:
        info = found.series[index]
        return fingerprint(self.name, info.entity, found.meanings[index].resource, *which(info))


_SCORE = "1 minus the time to the limit over the horizon: 0 is a horizon away, 1 is now"


def _may_fill(long: Signals) -> frozenset[int]:
    """Rows of days whose limit is not out of reach: the quickest of their days would get there in time."""
    per_day = round(DAY_S / long.step_s) if long.step_s else 0
    if not per_day or long.values.shape[1] <= ENOUGH_DAYS * per_day:
        return frozenset()
    disks = np.array([meaning.fills is Extreme.LAST for meaning in long.meanings], dtype=bool)
    by_day = long.values[:, ::-1][:, ::per_day]
    range_of = np.where(np.isfinite(long.values), long.values, -np.inf).max(axis=1)
    with np.errstate(invalid="ignore"):
        quickest = np.fmax.reduce(by_day[:, :-1] - by_day[:, 1:], axis=1)
        swing = range_of - long.values[:, -1]
        reached = long.values[:, -1] + AHEAD_DAYS * quickest + np.fmax(swing, 0.0) >= long.limits
    return frozenset(np.flatnonzero(disks & reached & (quickest > 0)).tolist())


def _ahead(found: Signals, index: int, level: Floats, long: Signals, row: int) -> _Forecast | None:
    """The forecast from earlier days alone."""
    told = outlook(long, row, float(level[index]), float(found.times[-1]), lowest=False, pace=None)
    if told is None or told.days < ENOUGH_DAYS or not np.isfinite(told.seconds):
        return None
    return _Forecast(told.seconds, told.low, told.high, told.days, told.surely)


def _like_days(days: int) -> str:
    return f"if the coming days are like the last {days}"


def _attributes(meaning: Meaning, info: SeriesInfo, what: str) -> dict[str, str]:
    return {
        "title": f"{capital(meaning.resource)} of {subject(info)} {what}",
        "resource": meaning.resource,
        "symptom": "",
    }
