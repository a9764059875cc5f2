"""Growth towards a limit: a disk that fills, a memory that leaks, and when it will be over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.finding import Finding, FindingKind, Severity, fingerprint
from wellkept.ops.detect.base import DetectSettings, View
from wellkept.ops.detect.catalogue import amount, duration
from wellkept.ops.detect.growth import extremes, latest
from wellkept.ops.detect.meaning import Extreme, Meaning
from wellkept.ops.detect.outlook import AHEAD_DAYS, DAY_S, Pace, highest_before, outlook
from wellkept.ops.detect.recent import BLOCKS, Growth, recent_growth
from wellkept.ops.detect.signals import FULL, Signals, long_signals, moment, signals
from wellkept.ops.detect.words import capital, clock, subject, which
from wellkept.store.telemetry.window import SeriesInfo

Floats = NDArray[np.float64]

KNOWN = 0.5
"""No verdict about what has been known for less than this share of the window: everything grows when it starts."""
BRIMFUL = 0.995
"""Until here, what earlier days lead to is told instead, where they are known: three per cent may last for days."""
ENOUGH_DAYS = 2
"""A forecast from earlier days alone rests on at least so many."""
AGREEING = 3.0
"""More than half a day ahead, the interval of a forecast must end at most so many times as late as it begins."""
KNOWN_S = 1800.0
"""Known for as long as this and for less than a day, growth may be the first morning that is seen: far away, it is
information."""
YOUNG, HALF = 0.95, 0.5
"""Known for less than this share of the window, what is less than half full may be a system that starts: that is
information, too."""
WARNED_S = DAY_S
"""A limit that earlier days lead to within this time is worth a warning; further away it is information."""


@dataclass(frozen=True, slots=True)
class _Forecast:
    """Seconds to the limit and their interval; ``high`` is infinite where there is no bound.

    ``rise`` in ``lasted_s``: the growth of late that it rests on, none where it rests on ``days`` days alone.
    ``known_s``: for how long the level is known, where that is less than a day. ``surely``: seconds in which three of
    four of the days would get there.
    """

    seconds: float
    low: float
    high: float
    rise: float = 0.0
    lasted_s: float = 0.0
    days: int = 0
    surely: float = np.inf
    known_s: float = np.inf


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
    for a while, stays open as long as the level has not fallen. What is full by nature, or may be (quotas, swap), is
    told of as full where that was forecast.

    Source: Theil-Sen slopes over block extremes; on simulated leaks and disks they found every true trend where a
    least-squares line over the raw values found none. Figures: ``wellkept eval simulated``.
    """

    name = "exhaustion"
    version = "8"
    shared = ("confirm_steps", "horizon_s", "min_trend_steps", "reach", "step_s", "window_s", "long_days")

    def __init__(self, settings: DetectSettings | None = None) -> None:
        self._settings = settings or DetectSettings()

    def detect(self, view: View, now: datetime) -> list[Finding]:
        found = signals(view, lambda meaning: meaning.fills is not None)
        if not found.meanings or found.values.shape[1] < self._settings.min_trend_steps:
            return []
        level = latest(found.values, self._settings.confirm_steps + 1)
        best: dict[str, Finding] = {}
        for finding in self._said(found, level, view, now):
            known = best.get(finding.fingerprint)
            if known is None or finding.score > known.score:
                best[finding.fingerprint] = finding
        for finding in self._interrupted(found, level, view):
            best.setdefault(finding.fingerprint, finding)
        return [best[key] for key in sorted(best)]

    def _said(self, found: Signals, level: Floats, view: View, now: datetime) -> Iterator[Finding]:
        settings = self._settings
        lately = recent_growth(found, level, settings.steps, settings.min_trend_steps, KNOWN * settings.steps)
        near = self._is_near(found, level, lately)
        full = found.full(level, settings.confirm_steps) | self._have_run_out(found, level, view)
        days = _Days(long_signals(view, lambda meaning: meaning.fills is not None), settings.horizon_s)
        for index in range(len(found.meanings)):
            row = days.rows.get(found.series[index].id, -1)
            forecast = None
            if level[index] >= found.limits[index] and not full[index]:
                continue
            if near[index]:
                forecast = days.corrected(_plain(found, index, level, lately), found, index, level, lately)
            if forecast is None and row >= 0 and np.isfinite(level[index]):
                forecast = days.forecast(row, float(level[index]), float(found.times[-1]))
            if full[index] and not self._has_days_left(found, index, level, forecast):
                yield self._full(found, index, float(level[index]), view, now)
            elif forecast is not None:
                yield self._forecast(found, index, float(level[index]), forecast, view, now)

    def _is_near(self, found: Signals, level: Floats, growth: Growth) -> NDArray[np.bool_]:
        with np.errstate(invalid="ignore", divide="ignore"):
            seconds = (found.limits - level) / growth.slope
            reach = np.minimum(self._settings.horizon_s, self._settings.reach * growth.lasted_s)
            return np.asarray((seconds < reach) & (growth.slope > 0))

    def _have_run_out(self, found: Signals, level: Floats, view: View) -> NDArray[np.bool_]:
        """Which are at their limit, as was forecast, where being full is no trouble by itself: what was told of them
        came true, and is not over.
        """
        brims = np.array([meaning.brim for meaning in found.meanings], dtype=bool)
        have = np.asarray((level >= found.limits) & ~brims)
        for index in np.flatnonzero(have).tolist():
            have[index] = self._fingerprint(found, index) in view.open
        return have

    def _has_days_left(self, found: Signals, index: int, level: Floats, said: _Forecast | None) -> bool:
        if said is None or not said.days or level[index] >= BRIMFUL * found.limits[index]:
            return False
        return said.seconds >= self._settings.horizon_s

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

    def _forecast(self, found: Signals, index: int, at: float, said: _Forecast, view: View, now: datetime) -> Finding:
        meaning, info = found.meanings[index], found.series[index]
        limit, known = float(found.limits[index]), view.open.get(self._fingerprint(found, index))
        values = {"seconds_to_limit": said.seconds, "low": said.low, "level": at}
        latest_end = "no upper bound"
        if np.isfinite(said.high):
            values["high"], latest_end = said.high, duration(said.high)
        starts_at = known.starts_at if known else moment(found.times[-1] - said.lasted_s)
        grew, basis = "", f"if the coming days are like the last {said.days}"
        if said.lasted_s:
            rise, since = amount(said.rise, meaning.unit), f"since {clock(starts_at, now)}"
            grew = f"grew by {rise} in {duration(said.lasted_s)} ({'running out ' if known else ''}{since}) and "
            values["slope_per_s"], basis = said.rise / said.lasted_s, "at this pace"
        sentence = (
            f"{capital(meaning.says)} of {subject(info)} {grew}is at {amount(at, meaning.unit)} of "
            f"{amount(limit, meaning.unit)}; {basis} the limit is reached in {duration(said.seconds)} "
            f"(between {duration(said.low)} and {latest_end})."
        )
        return Finding(
            fingerprint=self._fingerprint(found, index),
            detector=self.name,
            detector_version=self.version,
            entity=info.entity,
            kind=FindingKind.FORECAST,
            severity=self._severity(said, at / limit),
            score=round(max(0.0, 1.0 - said.seconds / self._settings.horizon_s), 6),
            score_meaning=_SCORE,
            starts_at=starts_at,
            sentence=sentence,
            evidence=(found.evidence(index, None, values),),
            attributes=_attributes(meaning, info, "is running out"),
        )

    def _severity(self, said: _Forecast, share: float) -> Severity:
        """How bad it is that something of which this share is used will be used up."""
        if said.seconds < self._settings.horizon_s / 8:
            return Severity.ERROR
        if said.known_s < YOUNG * self._settings.window_s and share < HALF:
            return Severity.INFO
        if KNOWN_S <= said.known_s < np.inf:
            return Severity.WARNING if said.seconds < self._settings.horizon_s / 4 else Severity.INFO
        if said.lasted_s or said.seconds < self._settings.horizon_s:
            return Severity.WARNING
        sure = said.high <= AGREEING * said.low and said.surely <= WARNED_S
        soon = sure or said.seconds <= WARNED_S / 2
        return Severity.WARNING if soon else Severity.INFO

    def _full(self, found: Signals, index: int, at: float, view: View, now: datetime) -> Finding:
        meaning, info = found.meanings[index], found.series[index]
        limit, known = float(found.limits[index]), view.open.get(self._fingerprint(found, index))
        full_since = _full_since(found, index, known)
        starts_at = known.starts_at if known else moment(full_since)
        before = f", and was running out since {clock(starts_at, now)}" if starts_at.timestamp() < full_since else ""
        values = {"seconds_to_limit": 0.0, "low": 0.0, "high": 0.0, "level": at, "full_since": full_since}
        return Finding(
            fingerprint=self._fingerprint(found, index),
            detector=self.name,
            detector_version=self.version,
            entity=info.entity,
            kind=FindingKind.THRESHOLD,
            severity=Severity.CRITICAL if meaning.brim else Severity.WARNING,
            score=1.0,
            score_meaning=_SCORE,
            starts_at=starts_at,
            sentence=(
                f"{capital(meaning.says)} of {subject(info)} is at {amount(at, meaning.unit)} of "
                f"{amount(limit, meaning.unit)} since {clock(moment(full_since), now)}: it is full{before}."
            ),
            evidence=(found.evidence(index, None, values),),
            attributes=_attributes(meaning, info, "is exhausted"),
        )

    def _fingerprint(self, found: Signals, index: int) -> str:
        info = found.series[index]
        return fingerprint(self.name, info.entity, found.meanings[index].resource, *which(info))


_SCORE = "1 minus the time to the limit over the horizon: 0 is a horizon away, 1 is now"


def _full_since(found: Signals, index: int, known: Finding | None) -> float:
    """Since when it is full, in seconds since the epoch: what an open finding says, for it outlasts the window."""
    kept = [each.values["full_since"] for each in known.evidence if "full_since" in each.values] if known else []
    if kept:
        return kept[0]
    row = found.values[index]
    below = np.flatnonzero(row < FULL * found.limits[index])
    above = np.flatnonzero(row >= FULL * found.limits[index])
    since = above[above > below[-1]] if len(below) else above
    return float(found.times[since[0] if len(since) else -1] - found.step_s)


def _plain(found: Signals, index: int, level: Floats, growth: Growth) -> _Forecast:
    """The forecast from growth of late alone."""
    slope, low, high = (float(part[index]) for part in (growth.slope, growth.low, growth.high))
    left = float(found.limits[index] - level[index])
    rise, lasted_s = float(growth.rise[index]), float(growth.lasted_s[index])
    return _Forecast(left / slope, left / high, left / low if low > 0 else np.inf, rise, lasted_s)


class _Days:
    """Forecasts that know earlier days, where they are kept."""

    def __init__(self, long: Signals | None, horizon_s: float) -> None:
        self._long, self._horizon_s = long, horizon_s
        self.rows: dict[int, int] = {}
        """The rows of signals, by the id of their series."""
        if long is None or long.step_s <= 0:
            return
        self.rows = {info.id: row for row, info in enumerate(long.series)}
        self._may_fill = _may_fill(long)
        per_day = round(DAY_S / long.step_s)
        hour = per_day // 24
        self._hours = recent_growth(long, latest(long.values, hour), 8 * hour, max(BLOCKS, 4 * hour), per_day + 1)

    def corrected(
        self, plain: _Forecast, found: Signals, index: int, level: Floats, growth: Growth
    ) -> _Forecast | None:
        """A forecast from growth of late, put right by what earlier days did at this time; None where it is usual
        and they did not get there.
        """
        row = self.rows.get(found.series[index].id, -1)
        if self._long is None:
            return plain
        seen = np.isfinite(found.values[index])
        seen_s = (len(seen) - int(np.argmax(seen))) * found.step_s
        if row < 0:
            return replace(plain, known_s=seen_s)
        lowest = found.meanings[index].fills is Extreme.LOWEST
        pace = _pace(growth, index)
        told = outlook(self._long, row, float(level[index]), float(found.times[-1]), lowest=lowest, pace=pace)
        if told is None:
            newest = round(plain.lasted_s / self._long.step_s)
            was_higher = lowest and level[index] <= highest_before(self._long.values[row], newest)
            known_s = float(np.isfinite(self._long.values[row]).sum() * self._long.step_s)
            return None if was_higher else replace(plain, known_s=max(known_s, seen_s))
        if told.seconds >= self._horizon_s:
            return None
        if told.is_usual:
            return _Forecast(told.seconds, told.low, told.high, days=told.days)
        return _Forecast(told.seconds, told.low, told.high, plain.rise, plain.lasted_s)

    def forecast(self, row: int, level: float, now_s: float) -> _Forecast | None:
        """The forecast of something that does not grow steadily right now: from growth of hours, or days alone."""
        long, hours = self._long, self._hours
        if long is None:
            return None
        limit = float(long.limits[row])
        if (limit - level) / hours.slope[row] < self._horizon_s:
            lowest = long.meanings[row].fills is Extreme.LOWEST
            told = outlook(long, row, level, now_s, lowest=lowest, pace=_pace(hours, row))
            if told is not None and not told.is_usual and told.seconds < self._horizon_s:
                rise, lasted_s = float(hours.rise[row]), float(hours.lasted_s[row])
                return _Forecast(told.seconds, told.low, told.high, rise, lasted_s)
        if row not in self._may_fill:
            return None
        told = outlook(long, row, level, now_s, lowest=False, pace=None)
        if told is None or told.days < ENOUGH_DAYS or not np.isfinite(told.seconds):
            return None
        return _Forecast(told.seconds, told.low, told.high, days=told.days, surely=told.surely)


def _pace(growth: Growth, index: int) -> Pace:
    slope, low, high = (float(part[index]) for part in (growth.slope, growth.low, growth.high))
    return Pace(slope, max(low, 0.0), high, float(growth.lasted_s[index]))


def _may_fill(long: Signals) -> frozenset[int]:
    """Rows of days whose limit is not out of reach: the quickest of their days would get there in time."""
    per_day = round(DAY_S / long.step_s)
    if long.values.shape[1] <= ENOUGH_DAYS * per_day:
        return frozenset()
    disks = np.array([meaning.fills is Extreme.LAST for meaning in long.meanings], dtype=bool)
    by_day = long.values[:, ::-1][:, ::per_day]
    highest = np.where(np.isfinite(long.values), long.values, -np.inf).max(axis=1)
    now = long.values[:, -1]
    with np.errstate(invalid="ignore"):
        quickest = np.fmax.reduce(by_day[:, :-1] - by_day[:, 1:], axis=1)
        reached = np.fmax(now, highest) + AHEAD_DAYS * quickest >= long.limits
    return frozenset(np.flatnonzero(disks & reached & (quickest > 0)).tolist())


def _attributes(meaning: Meaning, info: SeriesInfo, what: str) -> dict[str, str]:
    return {
        "title": f"{capital(meaning.resource)} of {subject(info)} {what}",
        "resource": meaning.resource,
        "symptom": "",
    }
