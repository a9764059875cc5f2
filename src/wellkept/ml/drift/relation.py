"""Concept drift: whether as much comes true of a score as did in the rows that the model was judged on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from wellkept.ml.drift.calibrate import DRAWS, FEWEST_WINDOWS, LEAST_ROWS, SEED, Usual, unlucky

Floats = NDArray[np.float64]
HALF = 0.5
GRAIN = 1.2
"""Rows of a bin are resampled in steps of a fifth."""
FAR = 0.8
"""Of a number, a label is far off when its residual is larger than so many of the residuals were."""


@dataclass(frozen=True, slots=True)
class Relation:
    """What came true, bin by bin of the score: ``rows``, and in how many of them the event was.

    Of classes the event is the label itself. Of numbers there are two events for each bin of the score, and so twice as
    many bins: that the label is above its usual distance from the score (``middle``), and that it is far from that
    (``far``). ``wobble`` is the excess of the statistic for each row over the reference's own ``windows``.
    """

    edges: tuple[float, ...]
    rows: tuple[float, ...]
    events: tuple[float, ...]
    middle: tuple[float, ...] = ()
    far: tuple[float, ...] = ()
    wobble: float = 0.0
    windows: int = 0


@dataclass(frozen=True, slots=True)
class Turned:
    """What newer labels say beside a relation. ``psi`` is the effect's size, within the bins of the score."""

    psi: float
    chance: float
    rows: int
    place: int
    """The bin that says most; its share of events now and then."""
    now: float
    then: float
    before: tuple[float, ...]
    after: tuple[float, ...]


def relation(
    edges: tuple[float, ...], scores: Floats, labels: Floats, windows: NDArray[np.int64] | None = None
) -> Relation | None:
    """The relation in rows that the model was not trained on; ``windows`` says to which of its windows a row belongs.

    None where there are too few rows to say.
    """
    known = np.isfinite(scores) & np.isfinite(labels)
    scores, labels = scores[known], labels[known]
    if len(scores) < LEAST_ROWS:
        return None
    middle: tuple[float, ...] = ()
    far: tuple[float, ...] = ()
    if not np.isin(labels, (0.0, 1.0)).all():
        middle, far = _usual_residuals(edges, scores, labels)
    bare = Relation(edges, (), (), middle, far)
    rows, events = tallies(bare, scores, labels)
    found = Relation(edges, tuple(rows.tolist()), tuple(events.tolist()), middle, far)
    if windows is None:
        return found
    mine = windows[known]
    own = [tallies(bare, scores[mine == one], labels[mine == one]) for one in np.unique(mine[mine >= 0])]
    own = [(n, k) for n, k in own if n.sum() >= LEAST_ROWS]
    if len(own) < FEWEST_WINDOWS:
        return found
    excess = [(float(_statistic(n, k, rows - n, events - k)) - _expected(n, found).mean) / n.sum() for n, k in own]
    return Relation(edges, found.rows, found.events, middle, far, max(0.0, float(np.mean(excess))), len(own))


def turned(usual: Relation, scores: Floats, labels: Floats) -> Turned:
    """Judge newer labels beside a relation, over all bins of the score and over all rows as one (Bonferroni)."""
    n, k = tallies(usual, scores, labels)
    m, e = np.asarray(usual.rows), np.asarray(usual.events)
    excess = usual.wobble * float(n.sum())
    whole = unlucky(float(_statistic(n, k, m, e)), _expected(n, usual), excess, usual.windows)
    biased, spread = _bias(n, k, m, e)
    bias = unlucky(biased, Usual(1.0, 2.0 * spread), excess, usual.windows)
    p, q = (e + HALF) / (m + 2 * HALF), (k + HALF) / (n + 2 * HALF)
    effect = (q - p) * np.log(q / (1 - q) * (1 - p) / p)
    weight = n / max(float(n.sum()), 1.0)
    place = int(np.argmax(weight * effect))
    return Turned(
        psi=float(np.sum(weight * effect)),
        chance=min(1.0, 2 * min(whole, bias)),
        rows=len(scores),
        place=place,
        now=float(q[place]),
        then=float(p[place]),
        before=tuple(p.tolist()),
        after=tuple(q.tolist()),
    )


def since(usual: Relation, scores: Floats, labels: Floats, first: int) -> int:
    """The row from which on the labels, by time, look more like those from ``first`` on than like the usual ones."""
    m, e = np.asarray(usual.rows), np.asarray(usual.events)
    n, k = tallies(usual, scores[first:], labels[first:])
    p, q = (e + HALF) / (m + 2 * HALF), (k + HALF) / (n + 2 * HALF)
    gain = np.zeros(len(scores))
    for places, happened in _events(usual, scores, labels):
        gain += np.where(happened, np.log(q / p)[places], np.log((1 - q) / (1 - p))[places])
    return int(len(gain) - 1 - np.argmax(np.cumsum(gain[::-1])))


def tallies(usual: Relation, scores: Floats, labels: Floats) -> tuple[Floats, Floats]:
    """Rows and events of each bin: float64[B], float64[B]."""
    bins = (len(usual.edges) + 1) * (2 if usual.middle else 1)
    rows, events = np.zeros(bins), np.zeros(bins)
    for places, happened in _events(usual, scores, labels):
        rows += np.bincount(places, minlength=bins)
        events += np.bincount(places[happened], minlength=bins)
    return rows, events


def _events(usual: Relation, scores: Floats, labels: Floats) -> list[tuple[NDArray[np.int64], NDArray[np.bool_]]]:
    """For each kind of event the bin of each row, and whether it happened."""
    places = np.searchsorted(np.asarray(usual.edges), scores, side="left").astype(np.int64)
    if not usual.middle:
        return [(places, labels > HALF)]
    residual = labels - scores - np.asarray(usual.middle)[places]
    return [(places, residual > 0), (places + len(usual.edges) + 1, np.abs(residual) > np.asarray(usual.far)[places])]


def _usual_residuals(
    edges: tuple[float, ...], scores: Floats, labels: Floats
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """In each bin of the score the median of label less score, and how far from it four fifths of the labels are."""
    places, residual = np.searchsorted(np.asarray(edges), scores, side="left"), labels - scores
    middle, far = [], []
    for place in range(len(edges) + 1):
        mine = residual[places == place] if (places == place).any() else residual
        middle.append(float(np.median(mine)))
        far.append(float(np.quantile(np.abs(mine - middle[-1]), FAR)))
    return tuple(middle), tuple(far)


def _statistic(n: Floats, k: Floats, m: Floats, e: Floats) -> Floats:
    """The likelihood ratio statistic of two samples' shares of events, summed up over the bins (the last axis)."""
    both = (k + e) / np.maximum(n + m, 1)
    terms = _term(k, n * both) + _term(n - k, n * (1 - both)) + _term(e, m * both) + _term(m - e, m * (1 - both))
    return np.asarray(2 * terms.sum(axis=-1), dtype=np.float64)


def _term(seen: Floats, expected: Floats) -> Floats:
    is_told = (seen > 0) & (expected > 0)
    ratio = np.where(is_told, seen, 1.0) / np.where(is_told, expected, 1.0)
    return np.asarray(np.where(seen > 0, seen, 0.0) * np.log(ratio), dtype=np.float64)


def _bias(n: Floats, k: Floats, m: Floats, e: Floats) -> tuple[float, float]:
    """The squared excess of events over what the bins say, in its standard errors; how much rarer events widen it."""
    share = (e + HALF) / (m + 2 * HALF)
    variance = float(np.sum(n * share * (1 - share) * (1 + n / np.maximum(m, 1.0))))
    if variance <= 0:
        return 0.0, 1.0
    return float(np.sum(k - n * share)) ** 2 / variance, 1.0 + 1.0 / max(variance, 1.0)


def _expected(n: Floats, usual: Relation) -> Usual:
    steps = np.round(np.log(np.maximum(n, 1.0)) / np.log(GRAIN))
    return _resampled(tuple((GRAIN**steps).astype(np.int64).tolist()), usual.rows, usual.events)


@lru_cache(maxsize=2000)
def _resampled(n: tuple[int, ...], m: tuple[float, ...], e: tuple[float, ...]) -> Usual:
    """Labels drawn anew for windows and references of these sizes, both from the reference's shares."""
    random = np.random.default_rng(SEED)
    rows, known = np.asarray(n, dtype=np.float64), np.asarray(m)
    share, shape = (np.asarray(e) + HALF) / (known + 2 * HALF), (DRAWS, len(n))
    drawn = random.binomial(rows.astype(np.int64), share, size=shape).astype(np.float64)
    then = random.binomial(known.astype(np.int64), share, size=shape).astype(np.float64)
    found = _statistic(rows, drawn, known, then)
    return Usual(float(found.mean()), float(found.var()))
