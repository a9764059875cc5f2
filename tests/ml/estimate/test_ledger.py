"""How labels arrive: what young cohorts will still get is told by the old ones, each class by itself."""

from __future__ import annotations

import numpy as np
import pytest

from wellkept.ml.estimate.cohorts import Cohorts, Frame, ages_for, count_rows, gather
from wellkept.ml.estimate.history import PerformanceHistory, Wanted
from wellkept.ml.estimate.ledger import ledger
from wellkept.ml.estimate.telling import Remembered, Teller
from wellkept.ml.metrics import roc_auc

DAY = 86_400.0


def cohorts_of(at: np.ndarray, score: np.ndarray, label: np.ndarray, known: np.ndarray, now: float) -> Cohorts:
    starts = np.arange(0, now, DAY)
    edges = np.quantile(score, np.linspace(0, 1, 41)[1:-1])
    frame = Frame(starts, DAY, ages_for(7 * DAY, DAY), edges, "binary_classification", now)
    seen = at < now
    return gather(count_rows(at[seen], score[seen], label[seen], known[seen], frame), frame)


def payments(seed: int, days: int = 40, each: int = 1500) -> tuple[np.ndarray, ...]:
    """An honest payment is known after a day, a fraud after about a week (by its chargeback)."""
    random = np.random.default_rng(seed)
    at = np.sort(random.uniform(0, days * DAY, days * each))
    score = random.beta(1, 4, len(at))
    label = (random.random(len(at)) < score).astype(float)
    late = np.where(label > 0, random.gamma(4, 1.6 * DAY, len(at)), DAY)
    return at, score, label, at + late


def told(at: np.ndarray, score: np.ndarray, label: np.ndarray, known: np.ndarray, now: float) -> PerformanceHistory:
    cohorts = cohorts_of(at, score, label, known, now)
    wanted = Wanted("roc_auc", "binary_classification", 0.8, 0.7, 4, 500)
    return Teller(cohorts, wanted, (), Remembered()).history("m", 1)


def test_each_class_has_its_own_speed_although_young_cohorts_have_seen_no_late_label() -> None:
    at, score, label, known = payments(1)
    book = ledger(cohorts_of(at, score, label, known, 40 * DAY))
    negative, positive = book.at(np.array([2.0, 7.0, 12.0]) * DAY).T
    assert negative == pytest.approx([1.0, 1.0, 1.0])
    late = (known - at)[label > 0] / DAY
    assert positive == pytest.approx([np.mean(late <= age) for age in (2, 7, 12)], abs=0.03)
    assert book.ever == pytest.approx(1.0, abs=0.01)


def test_young_cohorts_are_not_told_worse_because_their_positives_are_late() -> None:
    at, score, label, known = payments(2)
    now = 40 * DAY
    history = told(at, score, label, known, now)
    young = [one for one in history.cohorts if one.expected is not None and 0.4 < one.expected < 0.9]
    assert len(young) >= 3
    for one in young:
        rows = (at >= one.start.timestamp()) & (at < one.end.timestamp())
        assert one.value == pytest.approx(roc_auc(label[rows], score[rows]), abs=0.04)
        assert one.value is not None
        assert one.low is not None
        assert one.low < one.value < (one.high or 0)
    # What has come by then, taken as it is, holds too few of them: its rate is far too low.
    newest = young[-1]
    rows = (at >= newest.start.timestamp()) & (at < newest.end.timestamp()) & (known < now)
    assert label[rows].mean() < 0.8 * label.mean()
    assert newest.share < 0.95
    assert not newest.is_mature
    assert history.cohorts[-1].value is None


def test_what_was_known_then_is_what_is_told_of_then() -> None:
    at, score, label, known = payments(3, days=30, each=800)
    late = told(at, score, label, known, 30 * DAY)
    early = told(at, score, label, known, 24 * DAY)
    same = [(a.estimate, b.estimate) for a, b in zip(early.cohorts[12:23], late.cohorts[12:23], strict=True)]
    for then, later in same:
        assert then.value is not None
        assert later.value == pytest.approx(then.value, abs=0.03)


def test_a_cohort_that_has_its_labels_is_mature_however_long_they_are_said_to_take() -> None:
    random = np.random.default_rng(5)
    now = 40 * DAY
    at = np.sort(random.uniform(now - 0.9 * DAY, now, 2000))
    score = random.beta(1, 4, len(at))
    label = (random.random(len(at)) < score).astype(float)

    history = told(at, score, label, at + 60.0, now)

    newest = history.cohorts[-1]
    assert newest.share > 0.99
    assert newest.expected == pytest.approx(1.0, abs=0.02)
    assert newest.is_mature
    assert newest.value == pytest.approx(roc_auc(label, score), abs=0.02)
    assert newest.predictions == 2000


def test_few_open_predictions_may_all_be_of_the_rare_class() -> None:
    at, score, label, _ = payments(6)
    now = 40 * DAY
    label = (label > 0) & (score > 0.6)
    sent = np.where(np.random.default_rng(1).random(len(at)) < 0.95, at + 60.0, now + DAY)

    history = told(at, score, label.astype(float), sent, now)

    newest = history.cohorts[-1]
    assert newest.share == pytest.approx(0.95, abs=0.02)
    assert newest.expected == pytest.approx(label.mean() / (label.mean() + 0.05), abs=0.1)
    assert not newest.is_mature
