"""The window of a retrain, chosen by back-test: each candidate foretells the same newest blocks of older rows."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from wellkept.ml.metrics import METRICS
from wellkept.ml.runtime import Matrix, Scores
from wellkept.ml.sample import Sample, value_of
from wellkept.ml.tasks import LIVE, LOWER_IS_BETTER
from wellkept.ml.train.fitting import matrix_of_inputs
from wellkept.ml.train.split import of_others, seconds_of
from wellkept.ml.windows import CONTRACT, SINCE, Window, above, best, candidates

Floats = NDArray[np.float64]
Refit = Callable[[pa.Table], Callable[[Matrix], Scores]]
BLOCKS, SHARE = 3, 0.25
"""Blocks to foretell, the newest ones, each so much of the contract's window."""
PARTS = 4
"""A block is cut in so many parts, whose scatter tells what is chance."""
SURE = 1.645
"""The contract's window stays unless another is better by so many standard errors: with 95 % certainty."""
LEAST_ROWS = 200
"""A block with fewer rows tells nothing, nor does a training on fewer."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The rows of the chosen window, its name, and by how much each one tried was better than the contract's.

    ``gains`` are what a version that was a block newer scored above the older one (see ``details["gains"]`` of a job).
    """

    rows: pa.Table
    name: str = CONTRACT
    tried: Mapping[str, float] = field(default_factory=dict)
    gains: tuple[Mapping[str, Any], ...] = ()

    @property
    def words(self) -> str:
        """For the lineage."""
        if not self.tried:
            return f"{self.name}: too few rows to try others"
        told = ", ".join(f"{name} {mean:+.4f}" for name, mean in self.tried.items())
        return f"{self.name}, by back-test; above the contract's window: {told or 'no other was tried'}"


@dataclass(frozen=True, slots=True)
class _Version:
    """What was trained on rows before a moment (seconds)."""

    score: Callable[[Matrix], Scores]
    until: float
    rows: int


@dataclass(frozen=True, slots=True)
class _Block:
    """Rows to foretell, those before them that were known by then, and when it begins (seconds)."""

    older: pa.Table
    rows: pa.Table
    at: float


def choose(trained: pa.Table, end_s: float, request: Mapping[str, Any], refit: Refit) -> Choice:
    """The window of ``trained`` (all rows that may be trained on, by time) to train on.

    ``end_s`` is where the snapshot ends; the contract's window (``request["choose_s"]``) is counted from there.
    """
    time = seconds_of(trained)
    newest = float(time[-1])
    length = request["choose_s"] - (end_s - newest)
    if length <= 0:
        return Choice(trained)
    usual = _newest(trained, Window(CONTRACT, length), newest)
    blocks = _blocks(trained, length, request)
    if not blocks:
        return Choice(usual)
    history, since = blocks[0].at - float(time[0]), request["since"]
    since_s = None if since is None else newest - since
    tried = {one.name: one for one in candidates(length, history, since_s) if one.half_life_s is None}
    values: dict[str, list[Floats]] = {name: [] for name in tried}
    gains: list[Mapping[str, Any]] = []
    before: _Version | None = None
    for block in blocks:
        versions = {name: _version(block, _until(block, window, since), refit) for name, window in tried.items()}
        for name, version in versions.items():
            values[name].append(_values(block.rows, version, request))
        mine = versions[CONTRACT]
        if before is not None and mine is not None:
            gains.append(_gain(block.rows, mine, before, request))
        before = mine
    differences = above({name: np.concatenate(found) for name, found in values.items()}, CONTRACT)
    name = best(differences, CONTRACT, SURE)
    means = {other: float(np.mean(seen)) for other, seen in differences.items() if other != CONTRACT and seen}
    return Choice(_newest(trained, tried[name], newest), name, means, tuple(gains))


def share_held_out(table: pa.Table, request: Mapping[str, Any]) -> float:
    """The share of a longer snapshot that is held out, so that it is the same rows as of the contract's window."""
    time = seconds_of(table)
    inside = int((time >= time.max() - request["choose_s"]).sum())
    return float(request["held_out"]) * inside / len(time)


def _blocks(trained: pa.Table, length: float, request: Mapping[str, Any]) -> list[_Block]:
    """The blocks to foretell, the oldest first; after the world has changed one alone, of newer rows."""
    time = seconds_of(trained)
    cuts = [float(time[-1]) - nth * SHARE * length for nth in range(BLOCKS, -1, -1)]
    if request["since"] is not None:
        cuts = [(request["since"] + float(time[-1])) / 2, float(time[-1])]
    found = []
    for start, end in itertools.pairwise(cuts):
        first, last = np.searchsorted(time, (start, end)).tolist()
        last = len(time) if end == cuts[-1] else last
        if last - first < LEAST_ROWS:  # the world may have changed after the last row whose truth is known
            continue
        rows = trained.slice(first, last - first)
        known = int(np.searchsorted(time[:first], time[first] - request["embargo_s"], side="right"))
        older = of_others(trained.slice(0, known), rows, request["group_by"])
        if min(rows.num_rows, older.num_rows) >= LEAST_ROWS:
            found.append(_Block(older, rows, start))
    return found


def _until(block: _Block, window: Window, since: float | None) -> Window:
    """The window as it was when the block began: what came after a change was less by then."""
    if window.name != SINCE or since is None:
        return window
    return Window(SINCE, max(0.0, float(seconds_of(block.older)[-1]) - since))


def _newest(table: pa.Table, window: Window, until: float) -> pa.Table:
    rows, _ = window.rows(seconds_of(table), np.nextafter(until, np.inf))
    return table.slice(rows.start, rows.stop - rows.start)


def _version(block: _Block, window: Window, refit: Refit) -> _Version | None:
    """A version of a window that ends where a block begins; None of too few rows."""
    rows = _newest(block.older, window, float(seconds_of(block.older)[-1]))
    if rows.num_rows < LEAST_ROWS:
        return None
    return _Version(refit(rows), block.at, rows.num_rows)


def _metric(request: Mapping[str, Any]) -> str:
    primary: str = request["primary"]
    return primary if primary in METRICS else LIVE[request["task"]]


def _values(rows: pa.Table, version: _Version | None, request: Mapping[str, Any]) -> Floats:
    """The metric of each part of a block, more is better; NaN where there is no version."""
    if version is None:
        return np.full(PARTS, np.nan)
    name = _metric(request)
    sign = -1.0 if name in LOWER_IS_BETTER else 1.0
    label = np.asarray(pc.cast(rows[request["label"]], pa.float64()).to_numpy(), dtype=np.float64)
    score = np.asarray(version.score(matrix_of_inputs(rows, request["features"])), dtype=np.float64)
    parts = np.array_split(np.arange(len(label)), PARTS)
    return sign * np.array([value_of(name, Sample(label[one], score[one])) for one in parts])


def _gain(rows: pa.Table, newer: _Version, older: _Version, request: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the newer version scored above the older one on the same rows."""
    differences = _values(rows, newer, request) - _values(rows, older, request)
    known = differences[np.isfinite(differences)]
    enough = len(known) > 1
    return {
        "at": datetime.fromtimestamp(newer.until, UTC).isoformat(),
        "age_s": newer.until - older.until,
        "gain": float(known.mean()) if enough else None,
        "error": float(known.std(ddof=1) / np.sqrt(len(known))) if enough else None,
        "more": max(0.0, float(np.log(newer.rows / older.rows))),
        "metric": _metric(request),
        "source": "ageing",
    }
