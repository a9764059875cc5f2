"""Realised performance: what the scores were worth, now that the truth is known."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from wellkept.kernel.entity import model_id
from wellkept.kernel.finding import Evidence, Finding, FindingKind, Severity, fingerprint
from wellkept.ml.metrics import METRICS, interval
from wellkept.ml.releases import PROMISE_ERROR
from wellkept.ml.resample import draws, narrower, weighted
from wellkept.ml.sample import TWO_SIDED_90, middle
from wellkept.ml.tasks import LOWER_IS_BETTER, TWO_CLASSES
from wellkept.ml.watch.base import Floats, Said, Served
from wellkept.ml.watch.chance import errors
from wellkept.ml.watch.learned import MEASURED
from wellkept.ml.watch.saying import clock

SEED = 11
RARER = 10
"""A classifier is judged on at least this many rows of its rarer class."""
UNEVEN = 0.02
"""Classes whose labels have come to shares this close are taken as they are."""
LEAST_SHARE = 0.2
"""A label stands for at most the inverse of this."""
CALM = 0.5
"""A finding ends when the drop is below this share of the limit."""


class Performance:
    """The contract's primary metric over the newest matured labels, against what the gate promised.

    Of a forecast it is the WAPE, and of a ranking the ROC AUC of what was chosen among all that has a label.
    Only predictions old enough to have their label count, so that missing labels are not taken for mistakes. Where a
    class is later than the contract says, each of its labels stands for those of its age still to come. A drop
    counts when it is as large as the contract says and beyond what chance makes of both, of the newest labels (a
    bootstrap interval of 90 %) and of the rows that the promise was measured on.
    The onset is where the running sum of the losses, less their mean, turns upwards (CUSUM).
    """

    name = "performance"
    version = "4"

    def watch(self, served: Served, now: datetime) -> Said:
        wanted, name = served.contract.monitors.performance, served.contract.live_metric
        promised = served.champion.metrics.get(name, float("nan"))
        first = _newest(served, wanted.min_labels)
        if first < 0 or not np.isfinite(promised):
            return Said()
        sign = -1.0 if name in LOWER_IS_BETTER else 1.0
        value, (low, high) = _measured(served, first, now)
        print_ = fingerprint(self.name, model_id(served.model), name)
        drop = sign * (promised - value)
        chance = float(np.hypot((high if sign > 0 else low) - value, 0.5 * TWO_SIDED_90 * promise_error(served)))
        chance *= errors(float(served.at[-1] - served.at[first])) / (0.5 * TWO_SIDED_90)
        if drop >= wanted.drop and drop > chance:
            return Said((self._finding(served, value, (low, high), drop, first),))
        if print_ in served.open and drop >= CALM * wanted.drop:
            return Said((self._finding(served, value, (low, high), drop, first),))
        return Said(clear=frozenset({print_}))

    def _finding(self, served: Served, value: float, band: tuple[float, float], drop: float, first: int) -> Finding:
        name = served.contract.live_metric
        promised, count = served.champion.metrics[name], len(served.at) - first
        scores = ranks(served.scores) if served.contract.ranking is not None else served.scores
        starts_at = datetime.fromtimestamp(onset(served.at, losses(served.labels, scores)), UTC)
        known = served.open.get(fingerprint(self.name, model_id(served.model), name))
        starts_at = known.starts_at if known else starts_at
        limit = served.contract.monitors.performance.drop
        return Finding(
            fingerprint=fingerprint(self.name, model_id(served.model), name),
            detector=self.name,
            detector_version=self.version,
            entity=model_id(served.model),
            kind=FindingKind.PERFORMANCE,
            severity=Severity.ERROR,
            score=round(drop / (drop + limit), 6) if drop > 0 else 0.0,
            score_meaning="the drop over the drop plus its limit: 0.5 is at the limit",
            starts_at=starts_at,
            sentence=(
                f"{name.replace('_', ' ').capitalize()} of {served.model} is {value:.3f} on the newest {count} "
                f"labelled predictions of version {served.champion.called} (90 % interval {band[0]:.3f} to "
                f"{band[1]:.3f}), {promised:.3f} {_promised(served)}; worse since {clock(starts_at)}."
            ),
            evidence=(
                Evidence(
                    name,
                    window_start=datetime.fromtimestamp(float(served.at[first]), UTC),
                    window_end=datetime.fromtimestamp(float(served.at[-1]), UTC),
                    values={
                        "value": value,
                        "promised": promised,
                        "promised_error": promise_error(served),
                        "labels": float(count),
                    },
                    expected=band,
                ),
            ),
            attributes={"title": f"{served.model} predicts worse"},
        )


def _promised(served: Served) -> str:
    """Where a promise comes from, in words."""
    measured = served.champion.lineage.get(MEASURED)
    return f"was measured on {measured}" if measured else "was promised at its release"


def promise_error(served: Served) -> float:
    """The standard error of what was promised; 0 where nobody told it."""
    try:
        return float(served.champion.lineage.get(PROMISE_ERROR, 0.0))
    except ValueError:
        return 0.0


def _measured(served: Served, first: int, now: datetime) -> tuple[float, tuple[float, float]]:
    """The metric of the rows from ``first`` on, and its 90 % interval."""
    name = served.contract.live_metric
    labels, scores = served.labels[first:], served.scores[first:]
    weight = _stands_for(served, first, now)
    if weight is None:
        return METRICS[name](labels, scores), interval(METRICS[name], labels, scores, SEED)
    metric = weighted(name, labels, scores)
    drawn = draws([lambda weights: metric(weights * weight)], len(labels), None, SEED)[0]
    value = float(metric(weight[None, :])[0])
    return value, middle(drawn, value, narrower(len(labels), None))


def _stands_for(served: Served, first: int, now: datetime) -> Floats | None:
    """How many labels each row's stands for, by how much of its class has come at its age; None: just itself."""
    arrivals = served.history.arrivals if served.history is not None else None
    shares = arrivals.shares if arrivals is not None else None
    if arrivals is None or not shares or not shares.keys() >= {"positive", "negative"}:
        return None
    age = now.timestamp() - served.at[first:]
    ends = np.r_[0.0, arrivals.ages_s]
    came = {name: np.interp(age, ends, np.r_[0.0, share]) for name, share in shares.items()}
    expected = np.where(served.labels[first:] > 0, came["positive"], came["negative"])
    if np.abs(came["positive"] - came["negative"]).max() < UNEVEN:
        return None
    return np.asarray(1.0 / np.maximum(expected, LEAST_SHARE), dtype=np.float64)


def _newest(served: Served, enough: int) -> int:
    """The row from which on there are enough labels, and enough of the rarer class; -1 where there are too few."""
    if len(served.labels) < enough:
        return -1
    if served.contract.task not in TWO_CLASSES:
        return len(served.labels) - enough
    positive = np.cumsum(served.labels[::-1] > 0)
    rarer = np.minimum(positive, np.arange(1, len(positive) + 1) - positive)
    if rarer[-1] < RARER:
        return -1
    return len(served.labels) - max(enough, int(np.searchsorted(rarer, RARER)) + 1)


def ranks(scores: Floats) -> Floats:
    """The share of the scores that are not above each: in (0, 1], and all that a score of a ranking means."""
    return np.asarray(np.searchsorted(np.sort(scores), scores, side="right") / len(scores), dtype=np.float64)


def losses(labels: Floats, scores: Floats) -> Floats:
    """The loss of each row: its logarithmic loss where scores are probabilities, else its absolute error."""
    if ((scores < 0) | (scores > 1)).any():
        return np.abs(labels - scores)
    chance = np.clip(np.where(labels > 0, scores, 1 - scores), 0.01, 1.0)
    return np.asarray(-np.log(chance), dtype=np.float64)


def onset(at: Floats, loss: Floats) -> float:
    """When the losses began to be larger than before: where their sum, less the mean, is lowest."""
    if len(at) == 0:
        return 0.0
    sums = np.cumsum(loss - loss.mean())
    turn = int(np.argmin(sums[:-1])) + 1 if len(sums) > 1 and sums[:-1].min() < 0 else 0
    return float(at[turn])
