"""Recorded curves through the baseline, side by side on common grids of time, as they would have come in."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellkept.evaluation.curves import Curve
from wellkept.ops.detect.baseline import Baseline, Parameters, Scores
from wellkept.ops.detect.baseline.entities import Entities, Grouping

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

WEEK_S = 7 * 86_400.0
BLOCK = 256
"""Steps that are given at a time. Scores do not depend on it; the thresholds of a block are those of its beginning."""


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """What was said of a curve, [T] each: of its one series, or of the entity that its series belong to.

    ``sudden``, ``unusual``: the two channels. ``alarm``: what is unusual at this step and more than of late; of an
    entity, its rarity. ``over``: whether the threshold of one false finding a week was reached. ``blame`` [T, M]: by
    metric, of an entity.
    """

    sudden: Singles
    unusual: Singles
    alarm: Singles
    over: NDArray[np.bool_]
    blame: Singles | None = None


def stream(curves: Sequence[Curve], parameters: Parameters) -> tuple[list[Scored], float]:
    """What is said of all curves, in their order, and the seconds of processor time that it took.

    Curves with the same step are laid side by side, each moved by whole weeks so that time of day and day of the week
    stay what they were; series do not know of each other. A curve whose rows fit no grid goes alone.
    """
    found: dict[int, Scored] = {}
    spent = 0.0
    for grid in _grids(curves):
        began = time.process_time()
        scored = list(_entities(grid, parameters) if grid.many else _series(grid, parameters))
        spent += time.process_time() - began
        for (index, rows), item in zip(grid.members, scored, strict=True):
            blame = None if item.blame is None else item.blame[rows]
            found[index] = Scored(item.sudden[rows], item.unusual[rows], item.alarm[rows], item.over[rows], blame)
    return [found[index] for index in range(len(curves))], spent


@dataclass(frozen=True, slots=True, eq=False)
class _Grid:
    """Curves side by side: for each its number and its rows in the grid; ``owners``: which of them has a column."""

    members: list[tuple[int, NDArray[np.intp]]]
    times: Floats
    values: Floats
    owners: NDArray[np.intp]

    @property
    def many(self) -> bool:
        """Whether a curve has more than one series."""
        return len(self.owners) > len(self.members)


def _series(grid: _Grid, parameters: Parameters) -> Iterator[Scored]:
    baseline = Baseline(len(grid.members), parameters)
    blocks = []
    for times, values in _blocks(grid):
        limits = baseline.thresholds(budget=1)
        scores = baseline.advance(times, values)
        assert scores.alarm is not None
        blocks.append((scores.sudden, scores.unusual, scores.alarm, scores.sudden >= limits))
    sudden, unusual, alarm, over = (np.concatenate([block[i] for block in blocks]) for i in range(4))
    for j in range(len(grid.members)):
        yield Scored(sudden[:, j], unusual[:, j], alarm[:, j], over[:, j].astype(np.bool_))


def _entities(grid: _Grid, parameters: Parameters) -> Iterator[Scored]:
    count = len(grid.members)
    baseline, entities = Baseline(len(grid.owners), parameters), Entities(count, parameters)
    grouping, blocks = Grouping(grid.owners, count), []
    for times, values in _blocks(grid):
        scores: Scores = baseline.advance(times, values)
        assert scores.standard is not None
        assert scores.blame is not None
        limits = entities.thresholds(budget=1)
        said = entities.advance(grouping.together(scores.standard), times)
        blocks.append((said.size, said.lasting, said.rarity, said.rarity >= limits, scores.blame))
    sudden, unusual, alarm, over, blame = (np.concatenate([block[i] for block in blocks]) for i in range(5))
    for j in range(count):
        columns = np.flatnonzero(grid.owners == j)
        yield Scored(sudden[:, j], unusual[:, j], alarm[:, j], over[:, j].astype(np.bool_), blame[:, columns])


def _blocks(grid: _Grid) -> Iterator[tuple[Floats, Floats]]:
    for start in range(0, len(grid.times), BLOCK):
        yield grid.times[start : start + BLOCK], grid.values[start : start + BLOCK]


def _grids(curves: Sequence[Curve]) -> Iterator[_Grid]:
    groups: dict[tuple[float, int], list[int]] = {}
    for index, curve in enumerate(curves):
        step_s = float(np.median(np.diff(curve.times)))
        fits = step_s > 0 and bool((np.diff(curve.times // step_s) > 0).all())
        if fits:
            groups.setdefault((step_s, curve.values.shape[1]), []).append(index)
        else:
            owners = np.zeros(curve.values.shape[1], dtype=np.intp)
            yield _Grid([(index, np.arange(len(curve.times)))], curve.times, curve.values, owners)
    for (step_s, _), group in groups.items():
        yield _grid([(index, curves[index]) for index in group], step_s)


def _grid(group: Sequence[tuple[int, Curve]], step_s: float) -> _Grid:
    base = min(float(curve.times[0]) for _, curve in group) // step_s * step_s
    places = []
    for _, curve in group:
        weeks = np.floor((curve.times[0] - base) / WEEK_S)
        places.append(np.floor((curve.times - weeks * WEEK_S - base) / step_s + 1e-6).astype(np.intp))
    wide = group[0][1].values.shape[1]
    values = np.full((max(int(cells[-1]) for cells in places) + 1, wide * len(group)), np.nan)
    for j, ((_, curve), cells) in enumerate(zip(group, places, strict=True)):
        values[cells, j * wide : (j + 1) * wide] = curve.values
    members = [(index, cells) for (index, _), cells in zip(group, places, strict=True)]
    times = np.asarray(base + step_s * np.arange(len(values)), dtype=np.float64)
    return _Grid(members, times, values, np.repeat(np.arange(len(group)), wide))
