"""A series becomes restless, or calm, while its level may stay what it was."""

from __future__ import annotations

from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.finding import Finding, FindingKind
from wellkept.ops.detect.base import DetectSettings, View
from wellkept.ops.detect.shapes import Floats, Shape, Speaker, findings_of, said, seen
from wellkept.ops.detect.statistics import median

BLOCK = 24
"""Steps over which restlessness is measured."""
LEAST_BLOCKS = 4
"""So many blocks before the newest one at least."""
RATIO = 3.0
"""Restless is so many times the usual; calm a so-manieth of it."""
MOST = 8.0
"""A change counts at most so many times the mean of the window: a blip is no restlessness."""
TYPICALLY = 2.0
"""The median change must have moved by this factor, too."""
BEYOND = 2.0
"""And so many times the most restless block before, or a so-manieth of the calmest."""
LEAST_SHARE = 0.02
"""Changes of less than this share of the level are too small to speak of."""


class Variance:
    """Compares the mean change from step to step of the newest block with that of each block before.

    The largest change of each block is left out, so that a jump to another level is no restlessness. Both halves of
    the newest block must agree. Always information: what follows from it for users is for others to say. Abstains
    where a block lacks more than a quarter of its values, and on what telemetry is blind to.
    """

    name = "variance"
    version = "2"
    shared = ("step_s", "window_s")
    every_steps = 6
    _SPEAKER = Speaker(
        name, version, FindingKind.ANOMALY, "1 minus the smaller over the larger spread", "changed its spread"
    )

    def __init__(self, settings: DetectSettings | None = None) -> None:
        self._settings = settings or DetectSettings()

    def detect(self, view: View, now: datetime) -> list[Finding]:  # noqa: ARG002 - the view says all
        window = view.metrics
        count = (len(window.times) - 1) // BLOCK if len(window.times) else 0
        if window.values.size == 0 or count <= LEAST_BLOCKS:
            return []
        with np.errstate(invalid="ignore"):
            change = np.abs(np.diff(window.values[len(window.times) - count * BLOCK - 1 :], axis=0))
        there = np.isfinite(change)
        mean = np.where(there, change, 0.0).sum(axis=0) / np.maximum(there.sum(axis=0), 1)
        change = np.minimum(change, MOST * mean)
        blocks = _restlessness(change, count)
        halves = _restlessness(change[-BLOCK:], 2)
        usual = median(np.ascontiguousarray(blocks[:-1].T))
        with np.errstate(invalid="ignore"):
            level = np.abs(window.values[-1])
            large = np.fmax(blocks[-1], usual) >= LEAST_SHARE * level
            restless = (halves > RATIO * usual).all(axis=0) & (blocks[-1] > BEYOND * blocks[:-1].max(axis=0))
            calm = (halves * RATIO < usual).all(axis=0) & (blocks[-1] * BEYOND < blocks[:-1].min(axis=0))
            fires = (restless | calm) & large & (usual > 0) & (blocks[-1] > 0)
        columns = np.flatnonzero(fires)
        columns = columns[_typically(change[:, columns])]
        columns = columns[seen(window, view.blind)[columns]] if len(columns) else columns
        return findings_of(
            self._SPEAKER, window, [_shape(view, int(c), blocks[:, c], float(usual[c])) for c in columns], view.open
        )


def _shape(view: View, column: int, blocks: Floats, usual: float) -> Shape:
    window = view.metrics
    info, now = window.series[column], float(blocks[-1])
    word, times = ("more", now / usual) if now > usual else ("less", usual / now)
    return Shape(
        column,
        1.0 - min(now, usual) / max(now, usual),
        len(window.times) - BLOCK,
        f"changes by {said(now, info)} from step to step, {times:.0f} times {word} than usual,",
        f"where {said(usual, info)} was usual in {len(blocks) - 1} blocks of as many steps before",
        values={"now": now, "usual": usual},
    )


def _typically(change: Floats) -> NDArray[np.bool_]:
    """Whether the median change has moved too, so that it is not a few blips that make the difference."""
    then, now = median(np.ascontiguousarray(change[:-BLOCK].T)), median(np.ascontiguousarray(change[-BLOCK:].T))
    with np.errstate(invalid="ignore"):
        return np.asarray((now >= TYPICALLY * then) | (now * TYPICALLY <= then))


def _restlessness(change: Floats, count: int) -> Floats:
    """float64[count, S]: the mean of each block but for its largest value; NaN where too much is missing."""
    blocks = change.reshape(count, len(change) // count, change.shape[1])
    there = np.isfinite(blocks)
    kept = np.where(there, blocks, 0.0)
    number = there.sum(axis=1)
    enough = number >= 0.75 * blocks.shape[1]
    mean: Floats = (kept.sum(axis=1) - kept.max(axis=1)) / np.maximum(number - 1, 1)
    return np.where(enough, mean, np.nan)
