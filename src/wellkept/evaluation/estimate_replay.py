"""A recorded or made stream, told as the platform would have told it: cohort by cohort, with what was known then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellkept.ml.estimate.cohorts import Frame, ages_for, count_rows, gather, score_edges
from wellkept.ml.estimate.history import PerformanceHistory, Wanted
from wellkept.ml.estimate.inputs import broken
from wellkept.ml.estimate.telling import Remembered, Teller
from wellkept.ml.metrics import METRICS
from wellkept.ml.reference import distribution

Floats = NDArray[np.float64]

WOBBLE_S = 86_400.0
"""How long the windows of the training data are that tell which columns come and go by themselves."""
WHOLE = 0.8
"""Of the usual number of rows; a window with fewer is not judged."""


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """n answers of one model by time: what it was asked, said, and what was true, known ``delay_s`` later.

    ``trained`` float64[m, f] is what it was trained on. ``is_broken`` and ``is_changed`` (bool[n]): whether a row's
    inputs are broken, and whether labels have another relation to inputs than in training. ``metric`` of ``task``.
    """

    name: str
    at: Floats
    x: Floats
    score: Floats
    label: Floats
    delay_s: float
    trained: Floats
    names: Sequence[str]
    is_broken: NDArray[np.bool_]
    is_changed: NDArray[np.bool_]
    trained_at: Floats | None = None
    metric: str = "roc_auc"
    task: str = "binary_classification"


@dataclass(frozen=True, slots=True)
class Judged:
    """One window: what was estimated and what was true; of its rows the shares that were broken and changed."""

    place: int
    """Which window of the stream it is, from 0."""
    value: float
    low: float
    high: float
    true: float
    is_valid: bool
    reason: str
    broken: float
    changed: float
    is_old_news: bool
    """Whether labels of rows changed alike had come when it was estimated."""

    @property
    def error(self) -> float:
        return abs(self.value - self.true)


def replay(answered: Answered, step_s: float, *, min_labels: int = 500) -> tuple[list[Judged], PerformanceHistory]:
    """Every window of ``step_s`` that was estimated, and the history as it stands at the end."""
    start = answered.at[0] // step_s * step_s
    starts = np.arange(start, answered.at[-1], step_s)
    now = float(starts[-1] + step_s)
    positive = answered.score[answered.label > 0]
    edges = score_edges(answered.score, positive if answered.task == "binary_classification" else None)
    ages = ages_for(answered.delay_s, step_s)
    named = 1 + int(np.nanmax(np.maximum(answered.score, answered.label)))
    frame = Frame(starts, step_s, ages, edges, answered.task, now, named)
    label_at = answered.at + answered.delay_s
    cohorts = gather(count_rows(answered.at, answered.score, answered.label, label_at, frame), frame)
    place = ((answered.at - start) // step_s).astype(np.int64)
    remembered = Remembered(broken=_broken(answered, place, starts))
    wanted = Wanted(answered.metric, answered.task, 1.0, 0.5, 1, min_labels)
    history = Teller(cohorts, wanted, (), remembered).history(answered.name, 1)
    found = []
    usual = float(np.median(np.bincount(place, minlength=len(starts))))
    for k, cohort in enumerate(history.cohorts):
        rows = place == k
        said = cohort.estimate
        if said.value is None or said.low is None or said.high is None or rows.sum() < max(min_labels, WHOLE * usual):
            continue
        changed_by_then = answered.is_changed & (answered.at + answered.delay_s <= starts[k] + step_s)
        found.append(
            Judged(
                place=k,
                value=said.value,
                low=said.low,
                high=said.high,
                true=METRICS[answered.metric](answered.label[rows], answered.score[rows]),
                is_valid=said.is_valid,
                reason=said.reason,
                broken=float(answered.is_broken[rows].mean()),
                changed=float(answered.is_changed[rows].mean()),
                is_old_news=bool(changed_by_then.sum() >= min_labels),
            )
        )
    return [one for one in found if np.isfinite(one.true)], history


def _broken(answered: Answered, place: NDArray[np.int64], starts: Floats) -> dict[float, str]:
    """Which cohorts' inputs are broken, by their start, against what the model was trained on."""
    reference = {
        name: distribution(answered.trained[:, k], answered.trained_at, WOBBLE_S)
        for k, name in enumerate(answered.names)
    }
    bins = [np.searchsorted(one.edges, answered.x[:, k], side="left") for k, one in enumerate(reference.values())]
    found = {}
    for number, start in enumerate(starts.tolist()):
        rows = place == number
        now, empty = {}, {}
        for k, name in enumerate(answered.names):
            known = rows & np.isfinite(answered.x[:, k])
            now[name] = np.bincount(bins[k][known], minlength=len(reference[name].counts))
            empty[name] = int(rows.sum() - known.sum())
        why = broken(now, empty, reference)
        found[start] = "; ".join(f"{name} {text}" for name, text in why.items())
    return found
