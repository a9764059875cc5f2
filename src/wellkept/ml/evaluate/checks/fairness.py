"""Groups treated alike: the gap between the groups of a column in how often they are chosen, found, wronged.

``selection_rate`` is demographic parity, ``true_positive_rate`` equal opportunity, ``equalized_odds`` the greater of
the gaps of true and false positives (Hardt et al., 2016); ``calibration`` is the mean of score less label; ``error`` is
the mean of answer less truth; ``metric`` the primary metric. All gaps are of the two groups that are farthest apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.verdict import Check
from wellkept.ml.contract import ModelContract
from wellkept.ml.evaluate.checks.measured import SEED, Z90, surely
from wellkept.ml.gates import FairnessGate
from wellkept.ml.metrics import METRICS, Array
from wellkept.ml.outcome import Outcome
from wellkept.ml.resample import draws, mean_of, narrower, weighted
from wellkept.ml.sample import interval_of, value_of

WORDS = {
    "selection_rate": "share chosen",
    "true_positive_rate": "share found of what happened",
    "false_positive_rate": "share wrongly chosen of what did not",
    "calibration": "mean of score less label",
    "error": "mean of answer less truth",
}
RATES = ("selection_rate", "true_positive_rate", "false_positive_rate")
SHOWN = 4


@dataclass(frozen=True, slots=True)
class Group:
    """One group: the rows that count for the figure, the figure, and its standard error."""

    name: str
    rows: int
    value: float
    error: float


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of all groups: those that have rows enough, and the names of those that abstain."""

    metric: str
    groups: tuple[Group, ...]
    abstained: tuple[tuple[str, int], ...]

    @property
    def ends(self) -> tuple[Group, Group]:
        """The groups with the least and the greatest value."""
        return min(self.groups, key=lambda group: group.value), max(self.groups, key=lambda group: group.value)

    @property
    def gap(self) -> float:
        low, high = self.ends
        return high.value - low.value

    @property
    def error(self) -> float:
        low, high = self.ends
        return float(np.hypot(low.error, high.error))

    @property
    def looks(self) -> int:
        """The pairs of groups, of which the farthest one is told."""
        return len(self.groups) * (len(self.groups) - 1) // 2


def figures(contract: ModelContract, terms: FairnessGate.Terms, outcome: Outcome) -> list[Figure]:
    """What a fairness gate looks at; equalized odds are two figures."""
    names = ("true_positive_rate", "false_positive_rate") if terms.metric == "equalized_odds" else (terms.metric,)
    values = outcome.slices.get(terms.group)
    if values is None or not len(outcome.label):
        return []
    return [_figure(contract, name, values, terms.min_rows, outcome) for name in names]


def _figure(contract: ModelContract, metric: str, values: NDArray[np.str_], least: int, outcome: Outcome) -> Figure:
    kinds, code = np.unique(values, return_inverse=True)
    counted = _counted(metric, outcome)
    sizes = np.bincount(code[counted], minlength=len(kinds)).tolist()
    kept = [index for index, size in enumerate(sizes) if size >= least]
    masks = [(code == index) & counted for index in kept]
    told = _told(contract, metric, masks, outcome) if kept else []
    groups = [
        Group(str(kinds[index]), sizes[index], *found)
        for index, found in zip(kept, told, strict=True)
        if np.isfinite(found[0])
    ]
    named = {group.name for group in groups}
    abstained = [(str(kind), size) for kind, size in zip(kinds, sizes, strict=True) if str(kind) not in named]
    return Figure(metric, tuple(groups), tuple(abstained))


def _counted(metric: str, outcome: Outcome) -> NDArray[np.bool_]:
    """The rows that count: those that happened for true positives, those that did not for false ones."""
    if metric == "true_positive_rate":
        return np.asarray(outcome.label > 0)
    if metric == "false_positive_rate":
        return np.asarray(outcome.label <= 0)
    return np.ones(len(outcome.label), dtype=np.bool_)


def _told(
    contract: ModelContract, metric: str, masks: Sequence[NDArray[np.bool_]], outcome: Outcome
) -> list[tuple[float, float]]:
    """Value and standard error in every group."""
    sample, count = outcome.sample, len(outcome.label)
    if metric == "metric":
        return _measured(contract.metrics.primary, masks, outcome)
    if metric in RATES:
        threshold = contract.output.threshold
        chosen = (outcome.challenger >= (0.5 if threshold is None else threshold)).astype(np.float64)
    else:
        chosen = outcome.challenger - outcome.label
    parts = [np.flatnonzero(mask) for mask in masks]
    found = draws([mean_of(chosen, part) for part in parts], count, sample.together, SEED)
    told, factor = [], narrower(count, sample.together)
    for part, drawn in zip(parts, found, strict=True):
        value, error = float(chosen[part].mean()), _spread(drawn) * factor
        if metric in RATES:  # The bootstrap of 0 of 30 knows no error: Agresti and Caffo's is the least.
            share = (value * len(part) + 1) / (len(part) + 2)
            error = max(error, float(np.sqrt(share * (1 - share) / (len(part) + 2))))
        told.append((value, error))
    return told


def _measured(name: str, masks: Sequence[NDArray[np.bool_]], outcome: Outcome) -> list[tuple[float, float]]:
    sample = outcome.sample
    values = [value_of(name, sample.where(mask)) for mask in masks]
    if name not in METRICS:
        spans = [interval_of(name, sample.where(mask), SEED) for mask in masks]
        return [(value, (high - low) / (2 * Z90)) for value, (low, high) in zip(values, spans, strict=True)]
    metrics = [weighted(name, sample.label, sample.score, np.flatnonzero(mask)) for mask in masks]
    found, factor = draws(metrics, len(sample), sample.together, SEED), narrower(len(sample), sample.together)
    return [(value, _spread(drawn) * factor) for value, drawn in zip(values, found, strict=True)]


def _spread(drawn: Array) -> float:
    known = drawn[np.isfinite(drawn)]
    return float(known.std(ddof=1)) if len(known) > len(drawn) / 2 else float("nan")


def fairness(contract: ModelContract, gate: FairnessGate, outcome: Outcome) -> Check:
    """The two groups that are farthest apart fail when they are too far, and farther than chance puts them."""
    terms = gate.fairness
    name = f"fairness of {terms.metric} by {terms.group}"
    limit = f"difference <= {terms.difference:g}" if terms.ratio is None else f"ratio >= {terms.ratio:g}"
    found = figures(contract, terms, outcome)
    told = [figure for figure in found if len(figure.groups) >= 2]
    if not found or len(told) < len(found):
        sentence = f"fewer than two values of {terms.group} have {terms.min_rows} held-out rows that count"
        return Check(name, False, "unknown", limit, sentence)
    worst = max(told, key=lambda figure: figure.gap)
    looks = sum(figure.looks for figure in told)
    passed = all(_passes(terms, figure, looks) for figure in told)
    low, high = worst.ends
    share = low.value / high.value if high.value > 0 else 1.0
    value = f"{worst.gap:.4f}" if terms.ratio is None else f"{share:.4f}"
    what = WORDS.get(worst.metric, contract.metrics.primary)
    wide = Z90 * worst.error
    sentence = (
        f"{what}: {low.value:.3f} where {terms.group} is {low.name} ({low.rows} rows), {high.value:.3f} where it is "
        f"{high.name} ({high.rows}); difference {worst.gap:.3f} (90 % interval {max(0.0, worst.gap - wide):.3f} to "
        f"{worst.gap + wide:.3f}){f', ratio {share:.2f}' if worst.metric in RATES else ''}; {looks} pairs looked at"
    )
    if passed and not _is_within(terms, worst):
        sentence += "; so much comes by chance between so few rows"
    if worst.abstained:
        few = ", ".join(f"{kind} ({count})" for kind, count in worst.abstained[:SHOWN])
        more = len(worst.abstained) - SHOWN
        sentence += f". Too few rows to tell: {few}" + (f" and {more} more" if more > 0 else "")
    return Check(name, passed, value, limit, sentence)


def _passes(terms: FairnessGate.Terms, figure: Figure, looks: int) -> bool:
    if terms.confident:
        if terms.difference is not None:
            return figure.gap + Z90 * figure.error <= terms.difference
        low, high = figure.ends
        return (low.value - Z90 * low.error) >= (terms.ratio or 0.0) * (high.value + Z90 * high.error)
    return _is_within(terms, figure) or not surely(figure.gap, figure.error, looks, both_sides=True)


def _is_within(terms: FairnessGate.Terms, figure: Figure) -> bool:
    if terms.difference is not None:
        return figure.gap <= terms.difference
    low, high = figure.ends
    return low.value >= (terms.ratio or 0.0) * high.value
