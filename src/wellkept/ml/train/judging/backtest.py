"""Back-test: earlier windows, each foretold by a model that was trained on the rows before the window alone."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from wellkept.kernel.errors import InputError
from wellkept.ml.categories import Categories, encoded
from wellkept.ml.evidence import COMPARED, NONE, SEEN, UNKNOWN, Window
from wellkept.ml.runtime import Matrix, Scorer, Scores
from wellkept.ml.sample import Sample, interval_of, paired_interval_of, value_of
from wellkept.ml.train.baseline import seasonal
from wellkept.ml.train.fitting import matrix_of_inputs
from wellkept.ml.train.ranking import choices, places
from wellkept.ml.train.split import moments_of, of_others, seconds_of, split

SEED = 7
HALF = 0.5
"""Windows of single rows lie in the newer half of the rows before the held-out ones."""
LEAST_ROWS = 20

Refit = Callable[[pa.Table], Callable[[Matrix], Scores]]


@dataclass(frozen=True, slots=True)
class Rival:
    """The champion: how it scores, what it takes, and the newest moment that it was trained on (None: unknown)."""

    scorer: Scorer
    inputs: list[str]
    until: float | None
    categories: Categories = field(default_factory=dict)

    @classmethod
    def of(cls, scorer: Scorer | None, folder: str | None) -> Rival | None:
        """The champion in a folder, as its manifest describes it."""
        if scorer is None or folder is None:
            return None
        manifest = json.loads((Path(folder) / "manifest.json").read_text(encoding="utf-8"))
        return cls(scorer, manifest["inputs"], manifest.get("trained_until"), manifest.get("categories", {}))

    def word(self, start: float | None) -> str:
        """Whether it may be compared on a window that begins then."""
        if self.until is None or start is None:
            return UNKNOWN
        return COMPARED if start > self.until else SEEN


def backtest(
    before: pa.Table, label: str, request: Mapping[str, Any], refit: Refit, rival: Rival | None
) -> list[dict[str, Any]]:
    """Every metric that a back-test gate asks for on every window, the oldest first (see :class:`Window`).

    ``before`` are the rows before the held-out ones. Rows that cannot be trained on make no window.
    """
    asked = [gate for gate in request["gates"] if "backtest" in gate]
    if not asked:
        return []
    found: list[dict[str, Any]] = []
    for older, window in windows(before, request, max(gate["windows"] for gate in asked)):
        score = refit(older)
        sample = _sample(score, older, window, label, request)
        theirs, word = _champion(rival, older, window, label, request)
        times = seconds_of(window) if "time" in window.column_names else None
        start, end = (None, None) if times is None else (float(times.min()), float(times.max()))
        for name in dict.fromkeys(gate["backtest"] for gate in asked):
            measured = _measured(name, sample, theirs)
            found.append(
                Window(name, start, end, window.num_rows, older.num_rows, champion_is=word, **measured).values()
            )
    return found


def windows(before: pa.Table, request: Mapping[str, Any], count: int) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Pairs of the rows to train on and the window's, the oldest window first, in the way of the task."""
    if "time" in before.column_names:
        before = before.sort_by("time")
    if request["task"] == "ranking":
        yield from _peeled(before, request, count)
    elif request["task"] == "forecasting":
        yield from _horizons(before, request["horizon"], request["season"], count)
    else:
        for older, window in _blocks(before, request["embargo_s"], count):
            kept = of_others(older, window, request["group_by"])
            if kept.num_rows >= LEAST_ROWS:
                yield kept, window


def _peeled(before: pa.Table, request: Mapping[str, Any], count: int) -> list[tuple[pa.Table, pa.Table]]:
    """Each user's last choices, then the last of those that are left."""
    found = []
    for _ in range(count):
        try:
            before, window = split(before, request)
        except InputError:
            break
        found.append((before, window))
    return found[::-1]


def _horizons(before: pa.Table, horizon: int, season: int, count: int) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Spans of as many moments as are foretold, one before the other; a season must be left to learn from."""
    moments, second = moments_of(before), seconds_of(before)
    for back in range(count, 0, -1):
        first = len(moments) - back * horizon
        if first <= max(season, horizon):
            continue
        end = moments[first + horizon] if first + horizon < len(moments) else np.inf
        older, window = second < moments[first], (second >= moments[first]) & (second < end)
        yield before.filter(pa.array(older)), before.filter(pa.array(window))


def _blocks(before: pa.Table, embargo_s: float, count: int) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Blocks of equal counts; what was not known yet when a block began is not trained on."""
    rows, timed = before.num_rows, "time" in before.column_names
    edges = np.linspace(rows * (1 - HALF), rows, count + 1).round().astype(int)
    second = seconds_of(before) if timed else np.empty(0)
    for start, end in itertools.pairwise(edges.tolist()):
        if end - start < LEAST_ROWS:
            continue
        known = start
        if embargo_s and timed:
            known = int(np.searchsorted(second[:start], second[start] - embargo_s, side="right"))
        if known >= LEAST_ROWS:
            yield before.slice(0, known), before.slice(start, end - start)


def _champion(
    rival: Rival | None, older: pa.Table, window: pa.Table, label: str, request: Mapping[str, Any]
) -> tuple[Sample | None, str]:
    if rival is None:
        return None, NONE
    word = rival.word(float(seconds_of(window).min()) if "time" in window.column_names else None)
    if word != COMPARED or any(name not in window.column_names for name in rival.inputs):
        return None, word if word != COMPARED else UNKNOWN
    window = encoded(window, rival.categories)
    return _sample(rival.scorer.score, older, window, label, {**request, "features": rival.inputs}), word


def _sample(
    score: Callable[[Matrix], Scores], older: pa.Table, window: pa.Table, label: str, request: Mapping[str, Any]
) -> Sample:
    if request["task"] == "ranking":
        what = choices(older, window, request)
        return Sample(np.ones(len(what.user)), places(score, what), what.user)
    truth = window[label].to_numpy(zero_copy_only=False).astype(np.float64)
    said = score(matrix_of_inputs(window, request["features"]))
    if request["task"] != "forecasting":
        return Sample(truth, said)
    yard = seasonal(older, window, request["item"], label, request["season"])
    return Sample(truth, said, yard.item, yard.scale, yard.scale_squared)


def _measured(name: str, sample: Sample, theirs: Sample | None) -> dict[str, Any]:
    low, high = interval_of(name, sample, SEED)
    found: dict[str, Any] = {"value": value_of(name, sample), "low": low, "high": high}
    if theirs is not None:
        low, high = paired_interval_of(name, sample, theirs, SEED)
        found |= {"champion": value_of(name, theirs), "difference_low": low, "difference_high": high}
    return found
