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
from wellkept.ops.detect.meaning import Extreme, Meaning
from wellkept.ops.detect.signals import Signals, moment, signals
from wellkept.ops.detect.statistics import median, quantiles

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

BLOCKS = 8
"""A stretch of growth is judged by the extremes of this many blocks, in pairs."""
RISING = 0.9
"""At least this share of all pairs of blocks must rise."""
LARGEST_JUMP = 0.45
"""No single step between blocks may be more than this share of the whole rise: a jump is not growth."""
STEADY = 0.65
"""The last half must grow at least this fast, compared with the first: a warm-up flattens out."""
NEW = 0.5
"""Growth that fills only a part of the window must have begun there: before it, at most this share of its pace."""
KNOWN = 0.5
"""No verdict about what has been known for less than this share of the window: everything grows when it starts."""
WIDENING = 1.25
"""Slopes of pairs share blocks and are too alike; the interval of the forecast is widened by this."""
FULL = 0.97
"""From this share of the limit on it is not a forecast any more."""


@dataclass(frozen=True, slots=True)
class _Growth:
    """What is known about growth, float64[S] each, NaN where there is none. Slopes are per second."""

    slope: Floats
    slope_low: Floats
    slope_high: Floats
    steps: Floats
    rise: Floats


class Exhaustion:
    """Forecasts when a disk or a memory will be full, and says so when that is near and the growth is steady.

    Growth is judged on block extremes: block minima for memory (the floor that garbage collection returns to),
    the last value of each block for disks. All pairs of blocks give slopes; their median is the growth, their
    tenth and ninetieth percentiles the interval of the forecast. Several stretches back from now are tried, the
    longest first. A shorter one counts only where growth is new: slower before, and to a level that the window has
    not seen, so a sawtooth does not count as growth on its way up, nor a warm-up on its way to level off. What
    repeats more slowly than the window is long cannot be told from growth. An open forecast that cannot be judged,
    because nothing was measured for a while, stays open as long as the level has not fallen.

    Source: Theil-Sen slopes over block extremes; on simulated leaks and disks they found every true trend where a
    least-squares line over the raw values found none.
    """

    name = "exhaustion"
    version = "2"

    def __init__(self, settings: DetectSettings | None = None) -> None:
        self._settings = settings or DetectSettings()

    def detect(self, view: View, now: datetime) -> list[Finding]:  # noqa: ARG002 - the view says all
        found = signals(view, lambda meaning: meaning.fills is not None)
        if not found.meanings or found.values.shape[1] < self._settings.min_trend_steps:
            return []
        level = _latest(found.values, self._settings.confirm_steps + 1)
        growth = self._growth(found, level)
        left = found.limits - level
        with np.errstate(invalid="ignore", divide="ignore"):
            seconds = left / growth.slope
            reach = np.minimum(self._settings.horizon_s, self._settings.reach * growth.steps * found.step_s)
            near = (seconds < reach) & (growth.slope > 0)
            full = level >= FULL * found.limits
        best: dict[str, Finding] = {}
        for index in np.flatnonzero(near | full):
            i = int(index)
            finding = self._full(found, i, level) if full[i] else self._forecast(found, i, level, growth)
            known = best.get(finding.fingerprint)
            if known is None or finding.score > known.score:
                best[finding.fingerprint] = finding
        for finding in self._interrupted(found, level, view):
            best.setdefault(finding.fingerprint, finding)
        return [best[key] for key in sorted(best)]

    def _interrupted(self, found: Signals, level: Floats, view: View) -> Iterator[Finding]:
        """Open findings about signals that have a hole where growth is judged, and have not fallen since."""
        length = self._settings.min_trend_steps // BLOCKS
        newest = found.values[:, found.values.shape[1] - length * BLOCKS :]
        fills = np.array([meaning.fills is Extreme.LOWEST for meaning in found.meanings])
        holes = ~np.isfinite(_heights(newest, fills)).all(axis=1)
        for index in np.flatnonzero(holes & np.isfinite(level)):
            meaning, entity = found.meanings[index], found.series[index].entity
            known = view.open.get(self._fingerprint(meaning, entity))
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
        for steps in _stretches(total, self._settings.min_trend_steps):
            length = steps // BLOCKS
            open_ones = candidates[np.isnan(best.slope[candidates])]
            if len(open_ones) == 0:
                break
            rows = found.values[open_ones]
            heights = _heights(rows[:, total - length * BLOCKS :], fills[open_ones])
            slopes = _pair_slopes(heights, length * found.step_s)
            material = np.maximum(floor[open_ones], 0.02 * found.limits[open_ones])
            earlier = rows[:, : total - length * BLOCKS]
            steady = _steady(heights, slopes, material) & _is_new(earlier, heights, fills[open_ones], length)
            chosen = open_ones[steady]
            low, middle, high = quantiles(slopes[steady], 0.1, 0.5, 0.9)
            best.slope[chosen], best.steps[chosen] = middle, length * BLOCKS
            best.slope_low[chosen], best.slope_high[chosen] = low / WIDENING, high * WIDENING
            best.rise[chosen] = heights[steady, -1] - heights[steady, 0]
        return best

    def _forecast(self, found: Signals, index: int, level: Floats, growth: _Growth) -> Finding:
        meaning, entity = found.meanings[index], found.series[index].entity
        at, limit = float(level[index]), float(found.limits[index])
        slope, left = float(growth.slope[index]), limit - float(level[index])
        seconds, low = left / slope, left / float(growth.slope_high[index])
        slowest = float(growth.slope_low[index])
        values = {"seconds_to_limit": seconds, "low": low, "level": at, "slope_per_s": slope}
        latest = "no upper bound"
        if slowest > 0:
            values["high"] = left / slowest
            latest = duration(values["high"])
        lasted = float(growth.steps[index]) * found.step_s
        starts_at = moment(found.times[-1] - lasted)
        sentence = (
            f"{_capital(meaning.says)} of {_bare(entity)} grew by {amount(float(growth.rise[index]), meaning.unit)} in "
            f"{duration(lasted)} (since {starts_at:%H:%M:%S} UTC) and is at {amount(at, meaning.unit)} of "
            f"{amount(limit, meaning.unit)}; at this pace the limit is reached in {duration(seconds)} "
            f"(between {duration(low)} and {latest})."
        )
        soon = seconds < self._settings.horizon_s / 8
        return Finding(
            fingerprint=self._fingerprint(meaning, entity),
            detector=self.name,
            detector_version=self.version,
            entity=entity,
            kind=FindingKind.FORECAST,
            severity=Severity.ERROR if soon else Severity.WARNING,
            score=round(max(0.0, 1.0 - seconds / self._settings.horizon_s), 6),
            score_meaning="1 minus the time to the limit over the horizon: 0 is a horizon away, 1 is now",
            starts_at=starts_at,
            sentence=sentence,
            evidence=(found.evidence(index, None, values),),
            attributes=_attributes(meaning, entity, "is running out"),
        )

    def _full(self, found: Signals, index: int, level: Floats) -> Finding:
        meaning, entity = found.meanings[index], found.series[index].entity
        at, limit = float(level[index]), float(found.limits[index])
        row = found.values[index]
        below = np.flatnonzero(np.isfinite(row) & (row < FULL * limit))
        since = int(below[-1]) + 1 if len(below) else 0
        starts_at = moment(found.times[since] - found.step_s)
        return Finding(
            fingerprint=self._fingerprint(meaning, entity),
            detector=self.name,
            detector_version=self.version,
            entity=entity,
            kind=FindingKind.THRESHOLD,
            severity=Severity.CRITICAL,
            score=1.0,
            score_meaning="1 minus the time to the limit over the horizon: 0 is a horizon away, 1 is now",
            starts_at=starts_at,
            sentence=(
                f"{_capital(meaning.says)} of {_bare(entity)} is at {amount(at, meaning.unit)} of "
                f"{amount(limit, meaning.unit)} since {starts_at:%H:%M:%S} UTC: it is full."
            ),
            evidence=(found.evidence(index, None, {"seconds_to_limit": 0.0, "low": 0.0, "high": 0.0, "level": at}),),
            attributes=_attributes(meaning, entity, "is exhausted"),
        )

    def _fingerprint(self, meaning: Meaning, entity: str) -> str:
        return fingerprint(self.name, entity, meaning.resource)


def _stretches(total: int, shortest: int) -> list[int]:
    """Lengths, in steps, of the stretches back from now that are tried, the longest first."""
    found = [total]
    while found[-1] * 2 // 3 > shortest:
        found.append(found[-1] * 2 // 3)
    return [*found, shortest] if shortest < total else found


def _heights(rows: Floats, lowest: Mask, count: int = BLOCKS) -> Floats:
    """float64[S, count]: the minimum or the last value of each block, NaN where the block is empty."""
    blocks = rows.reshape(len(rows), count, -1)
    seen = np.isfinite(blocks)
    any_seen = seen.any(axis=2)
    minimum = np.where(seen, blocks, np.inf).min(axis=2)
    last = blocks.shape[2] - 1 - np.argmax(seen[:, :, ::-1], axis=2)
    final = np.take_along_axis(blocks, last[:, :, None], axis=2)[:, :, 0]
    return np.where(any_seen, np.where(lowest[:, None], minimum, final), np.nan)


def _pair_slopes(heights: Floats, block_s: float) -> Floats:
    """float64[S, BLOCKS * (BLOCKS - 1) / 2]: the slope per second between every two blocks."""
    early, late = np.triu_indices(BLOCKS, 1)
    slopes: Floats = (heights[:, late] - heights[:, early]) / ((late - early) * block_s)
    return slopes


def _steady(heights: Floats, slopes: Floats, material: Floats) -> Mask:
    """Whether the growth is complete, even, lasting and large enough."""
    early, late = np.triu_indices(BLOCKS, 1)
    half = BLOCKS // 2
    with np.errstate(invalid="ignore"):
        rising = (slopes > 0).mean(axis=1) >= RISING
        steps = np.diff(heights, axis=1)
        rise = heights[:, -1] - heights[:, 0]
        even = steps.max(axis=1) <= LARGEST_JUMP * rise
        before = median(slopes[:, late < half])
        after = median(slopes[:, early >= half])
        lasting = after >= STEADY * np.maximum(before, 0.0)
        large = rise >= material
    complete = np.isfinite(heights).all(axis=1)
    return np.asarray(complete & rising & even & lasting & large & (after > 0))


def _is_new(earlier: Floats, heights: Floats, lowest: Mask, length: int) -> Mask:
    """Whether growth began with the stretch: slower before it, and to a level clearly above all that was before."""
    if earlier.shape[1] < length:
        return np.ones(len(earlier), dtype=bool)
    seen = np.isfinite(earlier)
    highest = np.where(seen, earlier, -np.inf).max(axis=1)
    floor = np.where(seen, earlier, np.inf).min(axis=1)
    spread = np.where(np.isfinite(highest), highest - floor, 0.0)
    blocks = min(BLOCKS, earlier.shape[1] // length)
    before = _heights(earlier[:, earlier.shape[1] - blocks * length :], lowest, blocks)
    pace = (heights[:, -1] - heights[:, 0]) / (BLOCKS - 1)
    with np.errstate(invalid="ignore"):
        pace_before = (heights[:, 0] - before[:, 0]) / blocks
        slower = ~(pace_before > NEW * pace)
    return np.asarray(slower & (heights[:, -1] > highest + 0.1 * spread))


def _latest(values: Floats, within: int) -> Floats:
    """The newest value of each row, NaN when it is older than ``within`` steps."""
    recent = values[:, -within:]
    seen = np.isfinite(recent)
    last = recent.shape[1] - 1 - np.argmax(seen[:, ::-1], axis=1)
    newest = np.take_along_axis(recent, last[:, None], axis=1)[:, 0]
    return np.where(seen.any(axis=1), newest, np.nan)


def _attributes(meaning: Meaning, entity: str, what: str) -> dict[str, str]:
    noun = "disk" if meaning.resource == "disk" else meaning.resource
    return {"title": f"{_capital(noun)} of {_bare(entity)} {what}", "resource": meaning.resource, "symptom": ""}


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _bare(entity: str) -> str:
    return entity.partition(":")[2]
