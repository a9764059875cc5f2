"""Estimates are near the truth where their assumptions hold, and are disowned where they do not."""

from __future__ import annotations

import numpy as np
import pytest

from wellkept.evaluation.estimate import answered, figures
from wellkept.evaluation.estimate_replay import Answered, replay
from wellkept.ml.estimate.estimate import Estimated, Labelled, estimate
from wellkept.ml.estimate.history import Trouble
from wellkept.ml.estimate.inputs import broken
from wellkept.ml.estimate.record import record
from wellkept.ml.metrics import METRICS
from wellkept.ml.reference import distribution

DAY = 86_400.0


def stream(task: str, metric: str, *, noisy_from: float = 1.0) -> Answered:
    """A stream of forty days whose labels are three days late; from a share of it on the noise is larger."""
    random = np.random.default_rng(8)
    at = np.sort(random.uniform(0, 40 * DAY, 20_000))
    x = random.normal(size=(len(at), 2))
    if task == "multiclass_classification":
        truth = random.integers(0, 3, len(at)).astype(float)
        score = np.where(random.random(len(at)) < 0.8, truth, random.integers(0, 3, len(at)))
    else:
        score = 10 + 3 * x[:, 0]
        noise = np.where(at < noisy_from * at[-1], 1.0, 2.0) + 0.5 * np.abs(x[:, 0])
        truth = score + noise * random.normal(size=len(at))
    none = np.zeros(len(at), dtype=bool)
    return Answered("s", at, x, score, truth, 3 * DAY, x[:2000], ("a", "b"), none, none, None, metric, task)


@pytest.mark.parametrize(
    ("task", "metric"),
    [
        ("regression", "mae"),
        ("regression", "rmse"),
        ("forecasting", "wape"),
        ("multiclass_classification", "accuracy"),
        ("multiclass_classification", "macro_f1"),
    ],
)
def test_losses_and_classes_are_estimated_too(task: str, metric: str) -> None:
    windows, history = replay(stream(task, metric), 2 * DAY)
    assert len(windows) >= 15
    off = [one.error / one.true for one in windows]
    assert np.mean(off) < 0.04
    assert np.mean([one.low <= one.true <= one.high for one in windows]) > 0.75
    assert all(one.is_valid for one in windows)
    assert history.record.count > 10


def test_an_estimate_that_labels_proved_wrong_is_not_believed_any_more() -> None:
    windows, _ = replay(stream("regression", "mae", noisy_from=0.6), 2 * DAY)
    wrong = [one for one in windows if one.error / one.true > 0.2]
    assert wrong
    assert any("as their labels showed" in one.reason for one in windows)


def test_a_broken_pipe_is_disowned_and_nothing_else() -> None:
    windows, _ = replay(answered("broken_pipe", 2), 3 * DAY)
    found = figures(windows)
    assert found["auc_error"] < 0.02
    assert found["false_flags"] == 0
    assert found["flagged_broken"] == 1.0


def test_a_shift_of_the_scores_is_followed() -> None:
    random = np.random.default_rng(5)
    score = np.sort(random.beta(2, 4, 30_000))
    label = (random.random(len(score)) < score).astype(float)
    edges = np.quantile(score, np.linspace(0, 1, 60)[1:-1])
    place = np.searchsorted(edges, score)
    counts = np.stack([np.bincount(place[label == k], minlength=59) for k in (0, 1)], axis=1).astype(float)
    mean = np.bincount(place, score) / np.bincount(place)
    moved = random.choice(len(score), 6000, p=score**2 / (score**2).sum())
    now = np.bincount(place[moved], minlength=59).astype(float)
    for name in ("roc_auc", "average_precision", "brier", "log_loss"):
        found = estimate(name, Labelled(counts, np.zeros((59, 4))), now, mean)
        true = METRICS[name](label[moved], score[moved])
        assert found.low - 0.01 < true < found.high + 0.01
        assert abs(true - METRICS[name](label, score)) > 0.01


def test_nothing_is_estimated_of_nothing() -> None:
    assert not estimate("roc_auc", Labelled(np.zeros((3, 2)), np.zeros((3, 4))), np.ones(3), np.ones(3)).is_known
    assert not estimate("custom.own", Labelled(np.ones((3, 2)), np.zeros((3, 4))), np.ones(3), np.ones(3)).is_known


def test_inputs_that_shift_are_sound_and_those_that_stick_are_broken() -> None:
    random = np.random.default_rng(1)
    reference = {"x": distribution(random.normal(size=20_000))}
    edges = np.asarray(reference["x"].edges)

    def said(values: np.ndarray, nulls: int = 0) -> dict[str, str]:
        counts = np.bincount(np.searchsorted(edges, values), minlength=len(edges) + 1)
        return broken({"x": counts}, {"x": nulls}, reference)

    assert said(random.normal(size=2000)) == {}
    assert said(random.normal(0.7, 1, 2000)) == {}
    assert said(random.normal(0, 1.5, 2000)) == {}
    assert "one value" in said(np.zeros(2000))["x"]
    assert "one value" in said(np.where(random.random(2000) < 0.3, 0.0, random.normal(size=2000)))["x"]
    assert "no value" in said(random.normal(size=1500), nulls=500)["x"]
    assert said(np.zeros(50)) == {}


def test_the_record_is_bad_when_errors_are_beyond_chance_in_one_direction_or_to_and_fro() -> None:
    def pairs(*errors: float) -> list[tuple[Estimated, Estimated]]:
        return [(Estimated(0.8 + e, 0.7, 0.9, 0.01), Estimated(0.8, 0.7, 0.9, 0.01)) for e in errors]

    assert not record(pairs(0.01, -0.01, 0.012, 0.0)).is_bad(1.0)
    assert record(pairs(0.04, 0.03, 0.04, 0.05)).is_bad(1.0)
    assert record(pairs(0.06, -0.06, 0.06, -0.06)).is_bad(1.0)
    assert not record(pairs(0.06, 0.06, 0.06, 0.06, 0.0, 0.0, 0.0, 0.0)).is_bad(1.0)
    assert record(pairs(0.05, -0.05, 0.05)).beyond > 0.03
    assert record([]).count == 0


def test_a_trouble_is_met_by_what_it_overlaps() -> None:
    trouble = Trouble(10.0, float("inf"), "x is broken")
    assert trouble.meets(5, 11)
    assert not trouble.meets(5, 10)
