"""Memory that is never given back: a floor that rises for days, through garbage collection and restarts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.finding import Finding, FindingKind, Severity, fingerprint
from wellkept.ops.detect.base import DetectSettings, View
from wellkept.ops.detect.catalogue import amount, duration
from wellkept.ops.detect.growth import RISING, WIDENING, extremes, filled, pair_slopes, pairs, steady, stretches
from wellkept.ops.detect.meaning import Extreme
from wellkept.ops.detect.signals import Signals, long_signals, moment
from wellkept.ops.detect.statistics import quantiles
from wellkept.ops.detect.words import capital, subject, which

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

DAY_S = 86_400.0
LEAST_BLOCKS = 8
"""A floor is followed over so many blocks at least."""
BLOCK_HOURS = (24, 4)
"""Lengths of a block: longer than garbage collection takes to come round. The longest first."""
SHORT_BLOCKS_S = (7200.0, 3600.0, 1800.0)
"""Blocks of growth that is younger than a day, which is compared with the day before."""
PEAKS_S = 4 * 3600.0
"""What is in use now is the largest value of so long a time."""
LARGE_DROP = 0.5
"""A floor that falls by this share of all its range was reset: a restart, or a cache that was emptied."""
SAME_PEAK = 0.1
"""Resets from heights that differ by at most this share are the program's own habit,"""
FULL = 0.9
"""but not where it had this share of the limit: it was restarted because it was full, and leaks again."""
BEND = 0.1
"""A stretch whose floor lies below a straight line by this share of the rise begins where it lies lowest."""
LEAST_SHARE = 0.02
"""Growth of less than this share of the limit, or of the level where no limit is known, is nothing."""
LASTING = 0.8
"""Of the pace of the first half, the last half has at least this share: what fills a cache slows down."""
AFTER_RESET = 12
"""After a reset, a floor that is not higher than ever is followed over so many blocks at least."""
WARNED_S = 7 * DAY_S
"""A limit further away than this is information, as is growth without a known limit."""
REACH = 2.0
"""And so is one that is further away than so many times as long as the growth has lasted."""


@dataclass(frozen=True, slots=True)
class _Leak:
    """Growth of one floor: per second, with its interval, since which step, and how often it was reset before.

    ``lasted_s``: for how long it has grown, also before resets that it had grown up to. ``floor``: what it has come to;
    ``length``: steps of its blocks; ``reset``: the first step after the last reset.
    """

    slope: float
    low: float
    high: float
    since: int
    rise: float
    resets: int
    lasted_s: float
    floor: float
    length: int
    reset: int = 0


class Leak:
    """Says that the floor of something that should come back to it rises: memory, open files, connections, queues.

    The floor is the least value of each block of hours. Its growth must be steady over a day and a half at least, by
    slopes between blocks that lie whole days apart, so that no rhythm of a day counts; the last half must not be much
    slower than the first, so that no warm-up counts; and it must have been flat, and lower, before. Growth that is
    younger than a day is judged on what it adds to the day before. Where the floor fell by half of its range it was
    reset, and is followed from there; a floor that is reset again and again at one height below the limit is a habit
    and no leak.
    The limit is reached when the peaks of the last block, lifted by the growth of the floor, get there.

    Source: pairs of block minima whole days apart found leaks of a fifteenth of the sawtooth's height a day, where
    lines through raw values found none. Figures: ``wellkept eval simulated``.
    """

    name = "leak"
    version = "2"
    shared = ("long_days", "long_step_s")
    every_steps = 6

    def __init__(self, settings: DetectSettings | None = None) -> None:
        self._settings = settings or DetectSettings()

    def detect(self, view: View, now: datetime) -> list[Finding]:  # noqa: ARG002 - the view says all
        found = long_signals(view, lambda meaning: meaning.fills is Extreme.LOWEST)
        if found is None or not found.meanings or found.step_s <= 0:
            return []
        best: dict[str, Finding] = {}
        for index, leak in self._leaks(found):
            finding = self._finding(found, index, leak, view)
            known = best.get(finding.fingerprint)
            if known is None or finding.score > known.score:
                best[finding.fingerprint] = finding
        return [best[key] for key in sorted(best)]

    def _leaks(self, found: Signals) -> Iterator[tuple[int, _Leak]]:
        floor = found.column(lambda meaning: meaning.floor)
        level = np.where(np.isfinite(found.limits), found.limits, _highest(found.values))
        material = np.maximum(floor, LEAST_SHARE * np.where(np.isfinite(level), level, np.inf))
        known: dict[int, _Leak] = {}
        for hours in BLOCK_HOURS:
            self._over_days(found, material, hours, known)
        for block_s in SHORT_BLOCKS_S:
            self._within_a_day(found, material, block_s, known)
        yield from sorted(known.items())

    def _over_days(self, found: Signals, material: Floats, hours: int, known: dict[int, _Leak]) -> None:
        """Add the leaks that show over days, in blocks of so many hours."""
        length = round(hours * 3600 / found.step_s)
        count = found.values.shape[1] // length if length else 0
        if count < LEAST_BLOCKS:
            return
        rows = found.values[:, found.values.shape[1] - count * length :]
        lowest = np.ones(len(rows), dtype=bool)
        heights = extremes(rows, lowest, count)
        begin, resets, habit, drop = _resets(heights, -extremes(-rows, lowest, count), found.limits, material)
        whole_days = max(1, 24 // hours)
        through = _grows_between(heights, drop, whole_days)
        for blocks in stretches(count, LEAST_BLOCKS):
            usable = np.array([index not in known for index in range(len(rows))]) & (begin <= count - blocks) & ~habit
            chosen = np.flatnonzero(usable & (heights[:, -1] - heights[:, count - blocks] >= material))
            if len(chosen) == 0:
                continue
            part = heights[chosen, count - blocks :]
            slopes = pair_slopes(part, length * found.step_s, whole_days)
            grown = steady(part, slopes, material[chosen], whole_days, lasting=LASTING)
            grown &= _is_highest(heights[chosen, : count - blocks], part, begin[chosen], blocks)
            low, middle, high = quantiles(slopes, 0.1, 0.5, 0.9)
            for place in np.flatnonzero(grown & (middle > 0)):
                index = int(chosen[place])
                bend = _bend(part[place])
                before = found.values.shape[1] - count * length
                reset = before + _began(rows[index], int(begin[index]), length) if resets[index] else 0
                known[index] = _Leak(
                    float(middle[place]),
                    float(low[place]) / WIDENING,
                    float(high[place]) * WIDENING,
                    max(reset, before + _first(rows[index], (count - blocks + bend) * length)),
                    float(part[place, -1] - part[place, bend]),
                    int(resets[index]),
                    length * found.step_s * _lasted(heights[index], blocks, through=bool(through[index])),
                    float(part[place, -1]),
                    length,
                    reset,
                )

    def _within_a_day(self, found: Signals, material: Floats, block_s: float, known: dict[int, _Leak]) -> None:
        """Add the leaks that began within a day: by how much more there is than a day before."""
        length, per_day = round(block_s / found.step_s), round(DAY_S / found.step_s)
        steps = LEAST_BLOCKS * length
        total = found.values.shape[1]
        if length < 1 or total < 2 * per_day + steps:
            return
        chosen = np.array([index for index in range(len(found.meanings)) if index not in known], dtype=np.intp)
        rows = found.values[chosen]
        lowest = np.ones(len(rows), dtype=bool)
        now = extremes(rows[:, total - steps :], lowest, LEAST_BLOCKS)
        before = extremes(rows[:, total - steps - per_day : total - per_day], lowest, LEAST_BLOCKS)
        added = now - before
        slopes = pair_slopes(added, length * found.step_s)
        with np.errstate(invalid="ignore"):
            grown = steady(added, slopes, material[chosen], lasting=LASTING)
            grown &= now[:, -1] > _highest(rows[:, : total - steps])
            grown &= now[:, -1] - now[:, 0] >= material[chosen]
        low, middle, high = quantiles(slopes, 0.1, 0.5, 0.9)
        for place in np.flatnonzero(grown):
            known[int(chosen[place])] = _Leak(
                float(middle[place]),
                float(low[place]) / WIDENING,
                float(high[place]) * WIDENING,
                total - steps,
                float(now[place, -1] - now[place, 0]),
                0,
                steps * found.step_s,
                float(now[place, -1]),
                length,
            )

    def _finding(self, found: Signals, index: int, leak: _Leak, view: View) -> Finding:
        meaning, info = found.meanings[index], found.series[index]
        identity = fingerprint(self.name, info.entity, meaning.resource, *which(info))
        starts_at, rise = _since(found, index, leak, view.open.get(identity))
        limit = float(found.limits[index])
        recent = found.values[index, -round(PEAKS_S / found.step_s) :]
        at = float(np.nanmax(recent)) if np.isfinite(recent).any() else float("nan")
        values = {"level": at, "slope_per_s": leak.slope, "resets": float(leak.resets)}
        lasted = float(found.times[-1]) - starts_at.timestamp()
        survived = f", through {leak.resets} {'restart' if leak.resets == 1 else 'restarts'}" if leak.resets else ""
        text = (
            f"The least {meaning.says} of {subject(info)} rose by {amount(rise, meaning.unit)} in "
            f"{duration(lasted)} (since {starts_at:%d %b %H:%M} UTC){survived} and is not given back"
        )
        severity, score = Severity.INFO, 0.0
        if np.isfinite(limit) and np.isfinite(at):
            left = max(0.0, limit - at)
            seconds, low = left / leak.slope, left / leak.high
            values |= {"seconds_to_limit": seconds, "low": low}
            latest = "no upper bound"
            if leak.low > 0:
                values["high"] = left / leak.low
                latest = duration(values["high"])
            text += (
                f"; {amount(at, meaning.unit)} of {amount(limit, meaning.unit)} are in use, and at this pace the limit "
                f"is reached in {duration(seconds)} (between {duration(low)} and {latest})"
            )
            severity = Severity.WARNING if seconds <= min(WARNED_S, REACH * leak.lasted_s) else Severity.INFO
            score = max(0.0, 1.0 - seconds / WARNED_S)
        return Finding(
            fingerprint=identity,
            detector=self.name,
            detector_version=self.version,
            entity=info.entity,
            kind=FindingKind.FORECAST,
            severity=severity,
            score=round(score, 6),
            score_meaning="1 minus the time to the limit over a week: 0 is a week away or unknown, 1 is now",
            starts_at=starts_at,
            sentence=f"{text}.",
            evidence=(found.evidence(index, None, values),),
            attributes={
                "title": f"{capital(meaning.resource)} of {subject(info)} leaks",
                "resource": meaning.resource,
                "symptom": "",
            },
        )


def _highest(rows: Floats) -> Floats:
    """The largest value of each row, -inf where there is none."""
    highest: Floats = np.where(np.isfinite(rows), rows, -np.inf).max(axis=1, initial=-np.inf)
    return highest


def _since(found: Signals, index: int, leak: _Leak, known: Finding | None) -> tuple[datetime, float]:
    """Since when a floor rises, and by how much: of what is open and was not reset since, since it began."""
    starts_at = moment(found.times[leak.since] - found.step_s)
    if known is None or not found.times[leak.reset] - found.step_s <= known.starts_at.timestamp() < found.times[-1]:
        return starts_at, leak.rise
    row = found.values[index]
    began = int(np.searchsorted(found.times, known.starts_at.timestamp(), side="right"))
    rise = leak.floor - float(np.where(np.isfinite(row), row, np.inf)[began : began + leak.length].min(initial=np.inf))
    return (known.starts_at, rise) if rise > 0 else (starts_at, leak.rise)


def _bend(part: Floats) -> int:
    """The block in which growth begins: the first, or the last of those in which next to nothing grew."""
    below = part[0] + (part[-1] - part[0]) * np.linspace(0.0, 1.0, len(part)) - part
    lowest = int(np.argmax(below))
    return lowest if below[lowest] > BEND * (part[-1] - part[0]) else 0


def _first(row: Floats, step: int) -> int:
    """The first step from this one on that was seen."""
    return step + int(np.argmax(np.isfinite(row[step:])))


def _began(row: Floats, block: int, length: int) -> int:
    """The step in which a row was reset that is lower since this block: after its largest fall."""
    first = max(0, block * length - 1)
    near = filled(row[first : (block + 1) * length])
    falls = near[:-1] - near[1:]
    return first + 1 + int(np.argmax(np.where(np.isfinite(falls), falls, -np.inf)))


def _resets(
    heights: Floats, tops: Floats, limits: Floats, material: Floats
) -> tuple[NDArray[np.intp], NDArray[np.intp], Mask, Mask]:
    """The first block after the last reset of each row, how many there were, whether they are a habit, and where.

    ``tops``: the largest value of each block. The last is bool[S, blocks - 1]: whether the floor fell after a block. A
    block is not full grown when it is reset, so a floor may be higher than before by what a block adds.
    """
    seen = np.isfinite(heights)
    spread = _highest(heights) - np.where(seen, heights, np.inf).min(axis=1)
    fell = heights[:, :-1] - heights[:, 1:]
    with np.errstate(invalid="ignore"):
        drop = fell > np.maximum(LARGE_DROP * spread, 0.5 * material)[:, None]
    count = heights.shape[1]
    begin = np.where(drop.any(axis=1), count - 1 - np.argmax(drop[:, ::-1], axis=1), np.argmax(seen, axis=1))
    resets = drop.sum(axis=1)
    peaks = np.where(drop, heights[:, :-1], np.nan)
    with np.errstate(invalid="ignore"):
        same = np.fmax.reduce(peaks, axis=1) - np.fmin.reduce(peaks, axis=1) <= SAME_PEAK * spread
        added = (heights[:, -1] - heights[np.arange(len(heights)), begin]) / np.maximum(count - 1 - begin, 1)
        below = heights[:, -1] <= np.fmax.reduce(peaks, axis=1) + SAME_PEAK * spread + np.maximum(added, 0.0)
        at_reset = np.where(drop, np.fmax(tops[:, :-1], tops[:, 1:]), -np.inf)
        full = at_reset.max(axis=1, initial=-np.inf) >= FULL * limits
    return begin, resets, np.asarray((resets >= 2) & same & below & ~full), drop


def _lasted(heights: Floats, blocks: int, *, through: bool) -> float:
    """For how many blocks a floor has grown; few of them count half, as they hold the time of day only once."""
    if through:
        return float(np.isfinite(heights).sum())
    return float(blocks) if blocks >= AFTER_RESET else 0.5 * blocks


def _grows_between(heights: Floats, drop: Mask, whole_days: int) -> Mask:
    """Whether the floor also grew before and between its resets, by all pairs of blocks that no reset parts."""
    part = np.concatenate([np.zeros((len(drop), 1), dtype=int), np.cumsum(drop, axis=1)], axis=1)
    early, late = pairs(heights.shape[1], whole_days)
    with np.errstate(invalid="ignore"):
        rose = heights[:, late] - heights[:, early]
    same = (part[:, late] == part[:, early]) & np.isfinite(rose)
    counted = same.sum(axis=1)
    rising = ((rose > 0) & same).sum(axis=1)
    return np.asarray(drop.any(axis=1) & (counted >= 2 * LEAST_BLOCKS) & (rising >= RISING * counted))


def _is_highest(earlier: Floats, part: Floats, begin: NDArray[np.intp], blocks: int) -> Mask:
    """Whether growth of a part of the window went to a height that the floor never had.

    Where it lasts long enough, to one that it had not had since it was reset.
    """
    if earlier.shape[1] == 0:
        return np.ones(len(part), dtype=bool)
    mine = np.arange(earlier.shape[1])[None, :] >= (begin[:, None] if blocks >= AFTER_RESET else 0)
    kept = np.where(mine, earlier, np.nan)
    return np.asarray(~(part[:, -1] <= _highest(kept)))
