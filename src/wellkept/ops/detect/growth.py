"""Growth of many series at once: block extremes, slopes between pairs of blocks, and what makes growth steady.

Source: Theil-Sen slopes over block extremes. The minimum of a block removes the sawtooth of garbage collection, and
the median of the slopes between pairs bears a third of them being wrong.
"""

from __future__ import annotations

import functools
import itertools

import numpy as np
from numpy.typing import NDArray

from wellkept.ops.detect.statistics import median

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

RISING = 0.9
"""At least this share of all pairs of blocks must rise."""
LARGEST_JUMP = 0.45
"""No single step between blocks may be more than this share of the whole rise: a jump is not growth."""
STEADY = 0.65
"""The last half must grow at least this fast, compared with the first: a warm-up flattens out."""
NEW = 0.5
"""Growth that fills only a part of the window must have begun there: before it, at most this share of its pace."""
WIDENING = 1.25
"""Slopes of pairs share blocks and are too alike; the interval of the forecast is widened by this."""


def stretches(total: int, shortest: int) -> list[int]:
    """Lengths of the stretches back from now that are tried, the longest first, each two thirds of the one before."""
    found = [total]
    while found[-1] * 2 // 3 > shortest:
        found.append(found[-1] * 2 // 3)
    return [*found, shortest] if shortest < total else found


def extremes(rows: Floats, lowest: Mask, count: int) -> Floats:
    """float64[S, count]: the minimum or the last value of each block, NaN where the block is empty.

    ``rows``: float64[S, count * length]; ``lowest``: bool[S], whose minimum is meant.
    """
    blocks = rows.reshape(len(rows), count, rows.shape[1] // count)
    seen = np.isfinite(blocks)
    any_seen = seen.any(axis=2)
    minimum = np.where(seen, blocks, np.inf).min(axis=2)
    last = blocks.shape[2] - 1 - np.argmax(seen[:, :, ::-1], axis=2)
    final = np.take_along_axis(blocks, last[:, :, None], axis=2)[:, :, 0]
    return np.where(any_seen, np.where(lowest[:, None], minimum, final), np.nan)


@functools.lru_cache(maxsize=64)
def pairs(count: int, multiple: int = 1) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The earlier and the later block of each pair that lies a multiple of ``multiple`` blocks apart.

    They are asked for at every look, with a handful of counts: made once, and not to be written to.
    """
    early, late = np.triu_indices(count, 1)
    whole = (late - early) % multiple == 0
    found = early[whole], late[whole]
    for one in found:
        one.flags.writeable = False
    return found


def pair_slopes(heights: Floats, block_s: float, multiple: int = 1) -> Floats:
    """float64[S, pairs]: the slope per second between every two blocks, see ``pairs``."""
    early, late = pairs(heights.shape[1], multiple)
    slopes: Floats = (heights[:, late] - heights[:, early]) / ((late - early) * block_s)
    return slopes


def steady(heights: Floats, slopes: Floats, material: Floats, multiple: int = 1, *, lasting: float = STEADY) -> Mask:
    """Whether the growth is complete, even, lasting and at least ``material``: bool[S].

    ``slopes``: of the pairs a ``multiple`` of blocks apart. ``lasting``: the least share of the first half's pace
    that the last half must have.
    """
    early, late = pairs(heights.shape[1])
    half = heights.shape[1] // 2
    with np.errstate(invalid="ignore"):
        rising = (slopes > 0).mean(axis=1) >= RISING
        steps = np.diff(heights, axis=1)
        rise = heights[:, -1] - heights[:, 0]
        even = steps.max(axis=1) <= LARGEST_JUMP * rise
        large = rise >= material
    found = np.asarray(np.isfinite(heights).all(axis=1) & rising & even & large)
    if found.any():  # of hardly any series, and medians are dear
        every = slopes[found] if multiple == 1 else pair_slopes(heights[found], 1.0)
        before, after = median(every[:, late < half]), median(every[:, early >= half])
        found[found] = (after >= lasting * np.maximum(before, 0.0)) & (after > 0)
    return found


def is_new(earlier: Floats, heights: Floats, lowest: Mask, length: int) -> Mask:
    """Whether growth began with the stretch: slower before it, and to a level clearly above all that was before.

    ``earlier``: float64[S, steps before the stretch]; ``heights``: of its blocks, which are ``length`` steps long.
    """
    if earlier.shape[1] < length:
        return np.ones(len(earlier), dtype=bool)
    seen = np.isfinite(earlier)
    highest = np.where(seen, earlier, -np.inf).max(axis=1)
    floor = np.where(seen, earlier, np.inf).min(axis=1)
    spread = np.where(np.isfinite(highest), highest - floor, 0.0)
    blocks = min(heights.shape[1], earlier.shape[1] // length)
    before = extremes(earlier[:, earlier.shape[1] - blocks * length :], lowest, blocks)
    pace = (heights[:, -1] - heights[:, 0]) / (heights.shape[1] - 1)
    with np.errstate(invalid="ignore"):
        pace_before = (heights[:, 0] - before[:, 0]) / blocks
        slower = ~(pace_before > NEW * pace)
    return np.asarray(slower & (heights[:, -1] > highest + 0.1 * spread))


def latest(values: Floats, within: int) -> Floats:
    """The newest value of each row, NaN when it is older than ``within`` steps."""
    recent = values[:, -within:]
    seen = np.isfinite(recent)
    last = recent.shape[1] - 1 - np.argmax(seen[:, ::-1], axis=1)
    newest = np.take_along_axis(recent, last[:, None], axis=1)[:, 0]
    return np.where(seen.any(axis=1), newest, np.nan)


def filled(row: Floats) -> Floats:
    """A row whose holes hold the value before them; NaN before the first value."""
    place = np.where(np.isfinite(row), np.arange(len(row)), 0)
    kept: Floats = row[np.maximum.accumulate(place)]
    return kept


def steps_by_day(row: Floats, per_day: int, left: float, extra: float, most: int) -> Floats:
    """How many steps it takes until ``left`` is used up if the coming days are like the last ``d``, for each d.

    ``row``: float64[T], its last value is now; ``per_day``: steps of a day; ``extra``: growth per step on top of what
    those days had. float64[D]: infinite where it takes more than ``most`` steps; empty where not a whole day is known.
    """
    known = filled(row)
    found: list[float] = []
    ahead = np.arange(1, most + 1)
    for days in itertools.count(1):
        origin = len(known) - 1 - days * per_day
        if origin < 0 or not np.isfinite(known[origin]):
            break
        path = known[origin + 1 :] - known[origin]
        repeats = -(-most // len(path))
        rise = np.concatenate([path + k * path[-1] for k in range(repeats)])[:most] + extra * ahead
        over = np.flatnonzero(rise >= left)
        if len(over) == 0:
            found.append(np.inf)
            continue
        at = int(over[0])
        before = rise[at - 1] if at else 0.0
        found.append(at + (left - before) / max(rise[at] - before, 1e-12))
    return np.array(found, dtype=np.float64)
