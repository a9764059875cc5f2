"""How the inputs and scores of a model were distributed before a moment, and after it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from wellkept.kernel.finding import Finding
from wellkept.web.answers import Answers
from wellkept.web.charts.bars import Histogram
from wellkept.web.wording import amount

SCORE = "score"
BINS = 10
LEAST_BEFORE, LEAST_AFTER = 100, 50
THEN, NOW = "then.", "now."
"""Before the labels of bins in the evidence of a drift: their shares in training, and now."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Shape:
    """Two histograms over one another, and how far apart they are (population stability index)."""

    histogram: Histogram
    psi: float
    none_before: float
    none_after: float


def shape(answers: Answers, name: str, since: float) -> Shape | None:
    """The distribution of an input (or of the score) before and after ``since`` (seconds since the epoch).

    Bins hold a tenth of what was before each; what had no value is a bin of its own. None where there are too few
    rows on either side.
    """
    values = answers.scores if name == SCORE else answers.features.get(name)
    if values is None:
        return None
    before, after = values[answers.times < since], values[answers.times >= since]
    known = before[np.isfinite(before)]
    if len(known) < LEAST_BEFORE or len(after) < LEAST_AFTER:
        return None
    edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1]))
    usual, now = _counts(before, edges), _counts(after, edges)
    labels = _labels(edges)
    if usual[-1] == 0 and now[-1] == 0:
        usual, now, labels = usual[:-1], now[:-1], labels[:-1]
    picture = Histogram(name, labels, (usual / usual.sum()).tolist(), (now / now.sum()).tolist())
    return Shape(picture, psi(usual, now), _none(before), _none(after))


def kept(finding: Finding) -> Histogram | None:
    """How an input (or the score) was spread in training and is now, as the monitor that told of it keeps it."""
    evidence = next((one for one in finding.evidence if one.signal in ("feature", SCORE)), None)
    values = evidence.values if evidence is not None else {}
    labels = [key.removeprefix(THEN) for key in values if key.startswith(THEN) and f"{NOW}{key[len(THEN) :]}" in values]
    if evidence is None or not labels:
        return None
    usual, now = ([values[f"{when}{label}"] for label in labels] for when in (THEN, NOW))
    return Histogram(f"{evidence.attributes.get('feature', SCORE)}, in training and now", labels, usual, now)


def psi(usual: Floats, now: Floats) -> float:
    """Population stability index of two rows of counts; half a row is added to each bin, so that none is empty."""
    p, q = (usual + 0.5) / (usual + 0.5).sum(), (now + 0.5) / (now + 0.5).sum()
    return float(np.sum((q - p) * np.log(q / p)))


def _counts(values: Floats, edges: Floats) -> Floats:
    """Rows in each bin; the last is of those without a value."""
    known = values[np.isfinite(values)]
    counts = np.bincount(np.searchsorted(edges, known, side="left"), minlength=len(edges) + 1)
    return np.append(counts, len(values) - len(known)).astype(np.float64)


def _labels(edges: Floats) -> list[str]:
    words = [amount(float(edge)) for edge in edges]
    between = [f"{low} to {high}" for low, high in pairwise(words)]
    return [f"up to {words[0]}", *between, f"over {words[-1]}", "no value"]


def _none(values: Floats) -> float:
    return float(np.mean(~np.isfinite(values))) if len(values) else 0.0
