"""A series becomes restless, or calm, while its level may stay what it was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.finding import Finding, FindingKind
from wellkept.ops.detect.base import DetectSettings, View
from wellkept.ops.detect.shapes import Floats, Shape, Speaker, findings_of, said, seen
from wellkept.ops.detect.slow import rhythms
from wellkept.ops.detect.statistics import median
from wellkept.store.telemetry.window import Window

BLOCK = 24
"""Steps over which restlessness is measured."""
LEAST_BLOCKS = 4
"""So many blocks before the newest one at least; of who reports more rarely just so many, which are longer."""
COMPLETE = 0.75
"""A block must hold this share of its values."""
LEAST_VALUES = 8
"""So many values a block of theirs must have room for."""
RATIO = 3.0
"""Restless is so many times the usual; calm a so-manieth of it. With a value every so many steps, the root of that
times as much: what few values have varies more.
"""
MOST = 8.0
"""A change counts at most so many times the mean of the window: a blip is no restlessness."""
TYPICALLY = 2.0
"""The median change must have moved by this factor, too."""
BEYOND = 2.0
"""And so many times the most restless block before, or a so-manieth of the calmest; likewise."""
LEAST_SHARE = 0.02
"""Changes of less than this share of the level are too small to speak of."""


@dataclass(frozen=True, slots=True, eq=False)
class _Blocks:
    """Series in blocks of ``steps`` steps. ``columns``: those of the window; ``restless``: float64[blocks, columns],
    NaN where too much is missing; ``usual``: float64[columns], of all but the newest.
    """

    steps: int
    columns: NDArray[np.intp]
    restless: Floats
    usual: Floats


class Variance:
    """Compares the mean change from value to value of the newest block with that of each block before.

    The largest change of each block is left out, so that a jump to another level is no restlessness. Both halves of
    the newest block must agree. Who reports more rarely than every step, at a rhythm, is judged by longer blocks, and
    more is asked of them, for they hold less. Always information: what follows from it for users is for others to say.
    Abstains where a block lacks more than a quarter of its values, and on what telemetry is blind to.
    """

    name = "variance"
    version = "3"
    shared = ("step_s", "window_s")
    every_steps = 6
    _SPEAKER = Speaker(
        name, version, FindingKind.ANOMALY, "1 minus the smaller over the larger spread", "changed its spread"
    )

    def __init__(self, settings: DetectSettings | None = None) -> None:
        self._settings = settings or DetectSettings()

    def detect(self, view: View, now: datetime) -> list[Finding]:  # noqa: ARG002 - the view says all
        window = view.metrics
        if window.values.size == 0 or (len(window.times) - 1) // BLOCK <= LEAST_BLOCKS:
            return []
        may = seen(window, view.blind)
        shapes = [
            _shape(window, blocks, place)
            for blocks in _changed(window.values)
            for place in range(len(blocks.columns))
            if may[blocks.columns[place]]
        ]
        return findings_of(self._SPEAKER, window, shapes, view.open)


def _changed(values: Floats) -> Iterator[_Blocks]:
    """The series whose spread is another now: those with a value in each step, then those that report more rarely."""
    change, newest = _changes(values)
    steps, every = len(change), np.ones(values.shape[1])
    dense, fires = _judged(_clipped(change, steps // BLOCK * BLOCK), newest, BLOCK, every)
    yield _of(dense, np.flatnonzero(fires), np.flatnonzero(fires))
    rare = np.flatnonzero(~np.isfinite(dense.restless).all(axis=0) & np.isfinite(newest))
    apart = steps / np.maximum(np.isfinite(change[:, rare]).sum(axis=0), 1)
    length = steps // (2 * (LEAST_BLOCKS + 1)) * 2
    rare, apart = rare[length >= LEAST_VALUES * apart], apart[length >= LEAST_VALUES * apart]
    blocks, fires = _judged(_clipped(change[:, rare], (LEAST_BLOCKS + 1) * length), newest[rare], length, apart)
    places = np.flatnonzero(fires)
    places = places[rhythms(values[:, rare[places]])[1]]
    yield _of(blocks, places, rare[places])


def _changes(values: Floats) -> tuple[Floats, Floats]:
    """How far each value is from the one before it, float64[T - 1, S], NaN where there is none; and the newest, [S]."""
    last, change = values[0], np.empty_like(values[1:])
    with np.errstate(invalid="ignore"):
        for step, row in enumerate(values[1:]):
            np.abs(row - last, out=change[step])
            last = np.where(np.isfinite(row), row, last)
    return change, last


def _clipped(change: Floats, steps: int) -> Floats:
    """The newest ``steps`` changes, none more than ``MOST`` times their mean."""
    change = change[len(change) - steps :]
    there = np.isfinite(change)
    mean = np.where(there, change, 0.0).sum(axis=0) / np.maximum(there.sum(axis=0), 1)
    clipped: Floats = np.minimum(change, MOST * mean)
    return clipped


def _judged(change: Floats, level: Floats, length: int, apart: Floats) -> tuple[_Blocks, NDArray[np.bool_]]:
    """Series in blocks of ``length`` changes, and whether the newest of them is unlike the others.

    ``apart``: steps from one value of each to the next.
    """
    restless = _restlessness(change, len(change) // length, apart)
    newest, before, usual = restless[-1], restless[:-1], median(np.ascontiguousarray(restless[:-1].T))
    halves, more = _restlessness(change[-length:], 2, apart), np.sqrt(apart)
    with np.errstate(invalid="ignore"):
        large = np.fmax(newest, usual) >= LEAST_SHARE * np.abs(level)
        rises = (halves > more * RATIO * usual).all(axis=0) & (newest > more * BEYOND * before.max(axis=0))
        calms = (halves * more * RATIO < usual).all(axis=0) & (newest * more * BEYOND < before.min(axis=0))
        fires = np.asarray((rises | calms) & large & (usual > 0) & (newest > 0))
    fires[fires] = _typically(change[:, fires], length)
    return _Blocks(length, np.arange(change.shape[1]), restless, usual), fires


def _of(blocks: _Blocks, places: NDArray[np.intp], columns: NDArray[np.intp]) -> _Blocks:
    """Some of them, which are these columns of the window."""
    return _Blocks(blocks.steps, columns, blocks.restless[:, places], blocks.usual[places])


def _shape(window: Window, blocks: _Blocks, place: int) -> Shape:
    column = int(blocks.columns[place])
    info, now, usual = window.series[column], float(blocks.restless[-1, place]), float(blocks.usual[place])
    word, times = ("more", now / usual) if now > usual else ("less", usual / now)
    return Shape(
        column,
        1.0 - min(now, usual) / max(now, usual),
        len(window.times) - blocks.steps,
        f"changes by {said(now, info)} from value to value, {times:.0f} times {word} than usual,",
        f"where {said(usual, info)} was usual in {len(blocks.restless) - 1} blocks of as many steps before",
        values={"now": now, "usual": usual},
    )


def _typically(change: Floats, steps: int) -> NDArray[np.bool_]:
    """Whether the median change has moved too, so that it is not a few blips that make the difference."""
    then, now = median(np.ascontiguousarray(change[:-steps].T)), median(np.ascontiguousarray(change[-steps:].T))
    with np.errstate(invalid="ignore"):
        return np.asarray((now >= TYPICALLY * then) | (now * TYPICALLY <= then))


def _restlessness(change: Floats, count: int, apart: Floats) -> Floats:
    """float64[count, S]: the mean of each block but for its largest value; NaN where too much is missing."""
    blocks = change.reshape(count, len(change) // count, change.shape[1])
    there = np.isfinite(blocks)
    kept = np.where(there, blocks, 0.0)
    number = there.sum(axis=1)
    enough = number >= np.maximum(np.floor(COMPLETE * blocks.shape[1] / apart), 2)
    mean: Floats = (kept.sum(axis=1) - kept.max(axis=1)) / np.maximum(number - 1, 1)
    return np.where(enough, mean, np.nan)
